"""An OpenAI-compatible server whose replies depend on the messages alone; it keeps every body."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
USAGE = {"usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}}


def sums(body: Body) -> Body:
    """Adds what the question asks for; with tools, lets the first one add."""
    messages = body["messages"]
    asked = next(m["content"] for m in messages if m["role"] == "user")
    a, b = (int(n) for n in re.findall(r"\d+", asked)[:2])
    if body.get("tools") and messages[-1]["role"] != "tool":
        name = body["tools"][0]["function"]["name"]
        call = {"name": name, "arguments": json.dumps({"a": a, "b": b})}
        calls = [{"id": "1", "type": "function", "function": call}]
        return {"role": "assistant", "content": None, "tool_calls": calls}
    return {"role": "assistant", "content": f"The sum is {a + b}"}


def echo(body: Body) -> Body:
    """Words that stand for the messages."""
    digest = hashlib.sha256(json.dumps(body["messages"], sort_keys=True).encode()).hexdigest()[:12]
    return {"role": "assistant", "content": f"seen {digest}"}


@dataclass
class Server:
    """`url` is a base URL; `bodies` what was asked so far."""

    url: str = ""
    seconds: float = 0.0
    bodies: list[Body] = field(default_factory=list)


@contextmanager
def serving(reply: Callable[[Body], Body]) -> Iterator[Server]:
    """A server in a thread of its own."""
    known = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send({"object": "list", "data": []})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known.bodies.append(body)
            time.sleep(known.seconds)
            message = reply(body)
            finish = "tool_calls" if message.get("tool_calls") else "stop"
            head = {"id": "1", "created": 0, "model": body["model"]}
            choice = {"index": 0, "finish_reason": finish}
            if body.get("stream"):
                head["object"] = "chat.completion.chunk"
                events = [{**head, "choices": [{**choice, "delta": message}]}]
                events.append({**head, "choices": [], **USAGE})
                lines = [*(json.dumps(event) for event in events), "[DONE]"]
                text = "".join(f"data: {line}\n\n" for line in lines)
                self._send_text(text, "text/event-stream")
                return
            head["object"] = "chat.completion"
            self._send({**head, "choices": [{**choice, "message": message}], **USAGE})

        def _send(self, data: Body) -> None:
            self._send_text(json.dumps(data), "application/json")

        def _send_text(self, data: str, kind: str) -> None:
            text = data.encode()
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    known.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
