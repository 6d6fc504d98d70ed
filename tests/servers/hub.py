"""A stand-in for the Hugging Face hub: what its client needs to make a repository, commit (small
files in the commit, large ones by LFS), list and download. Over real HTTP; everything in memory."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

TOKEN = "hf_a-token-of-the-stand-in"
_LARGE = (".safetensors",)


@dataclass
class Repo:
    """One commit after the other; only the latest one's files are kept."""

    sha: str = "0" * 40
    files: dict[str, bytes] = field(default_factory=dict)
    private: bool | None = None


class Hub:
    """The server; `url` is what HF_ENDPOINT is set to.

    Attributes:
        repos: by id.
        requests: method and path of every one, in order.
        sizes: sizes to state in place of the real ones, by file.
    """

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.blobs: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.sizes: dict[str, int] = {}
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def put(self, repo_id: str, files: dict[str, bytes]) -> None:
        """A repository that somebody has made."""
        self.repos[repo_id] = Repo(hashlib.sha1(repr(files).encode()).hexdigest(), dict(files))

    def __enter__(self) -> Hub:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self._body()
        path = self._path()
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._json({"error": "no token"}, 401)
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return self._validate(json.loads(body)["content"])
        if path == "/lfs/verify":
            known = json.loads(body)["oid"] in self.hub.blobs
            return self._json({}, 200 if known else 404)
        if path.endswith(".git/info/lfs/objects/batch"):
            return self._batch(json.loads(body))
        repo_id, kind, _ = self._api(path)
        if kind == "preupload":
            files = json.loads(body)["files"]
            modes = [
                {
                    "path": f["path"],
                    "uploadMode": "lfs" if f["path"].endswith(_LARGE) else "regular",
                    "shouldIgnore": False,
                }
                for f in files
            ]
            return self._json({"files": modes})
        assert kind == "commit", path
        return self._commit(repo_id, body)

    def do_PUT(self) -> None:
        body, oid = self._body(), self._path().rpartition("/")[2]
        if hashlib.sha256(body).hexdigest() != oid:
            return self._json({"error": "another content"}, 400)
        self.hub.blobs[oid] = body
        return self._json({})

    def do_HEAD(self) -> None:
        self._resolve(with_body=False)

    def do_GET(self) -> None:
        path = self._path()
        if "/resolve/" in path:
            return self._resolve(with_body=True)
        repo_id, kind, _ = self._api(path)
        repo = self.hub.repos.get(repo_id)
        if repo is None:
            return self._json(
                {"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"}
            )
        if kind == "tree":
            return self._json([self._entry(name, data) for name, data in repo.files.items()])
        siblings = [
            {"rfilename": name, "size": self.hub.sizes.get(name, len(data))}
            for name, data in repo.files.items()
        ]
        return self._json({"id": repo_id, "sha": repo.sha, "siblings": siblings, "tags": []})

    def _create(self, asked: dict[str, Any]) -> None:
        repo_id = f"{asked.get('organization') or 'me'}/{asked['name']}"
        hidden = asked.get("private") or asked.get("visibility") == "private"
        self.hub.repos.setdefault(repo_id, Repo(private=hidden))
        self._json({"url": f"{self.hub.url}/{repo_id}", "id": repo_id})

    def _validate(self, content: str) -> None:
        """As the hub: the front matter must be YAML, a mapping."""
        parts = content.split("---\n")
        front = yaml.safe_load(parts[1]) if len(parts) > 2 else None
        wrong = not isinstance(front, dict)
        answer = {"errors": [{"message": "no front matter"}], "warnings": []}
        self._json(answer if wrong else {"errors": [], "warnings": []}, 400 if wrong else 200)

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = [
            {
                **o,
                "actions": {
                    "upload": {"href": f"{self.hub.url}/lfs/{o['oid']}"},
                    "verify": {"href": f"{self.hub.url}/lfs/verify"},
                },
            }
            for o in asked["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects})

    def _commit(self, repo_id: str, body: bytes) -> None:
        repo = self.hub.repos[repo_id]
        for line in body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                repo.files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                repo.files[value["path"]] = self.hub.blobs[value["oid"]]
        repo.sha = hashlib.sha1(body).hexdigest()
        url = f"{self.hub.url}/{repo_id}/commit/{repo.sha}"
        self._json({"success": True, "commitOid": repo.sha, "commitUrl": url})

    def _resolve(self, *, with_body: bool) -> None:
        repo_id, _, rest = self._path().lstrip("/").partition("/resolve/")
        revision, _, name = rest.partition("/")
        repo = self.hub.repos.get(repo_id)
        if repo is None or name not in repo.files or revision not in ("main", repo.sha):
            return self._json({"error": "not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        data = repo.files[name]
        etag = hashlib.sha256(data).hexdigest()
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": repo.sha}
        return self._send(data, 200, headers, with_body=with_body)

    def _entry(self, name: str, data: bytes) -> dict[str, Any]:
        entry: dict[str, Any] = {"type": "file", "path": name, "size": len(data)}
        entry["oid"] = hashlib.sha1(data).hexdigest()
        if name.endswith(_LARGE):
            oid = hashlib.sha256(data).hexdigest()
            entry["lfs"] = {"oid": oid, "size": len(data), "pointerSize": 134}
        return entry

    def _api(self, path: str) -> tuple[str, str, str]:
        """`/api/models/ID[/KIND/REVISION]`: id, kind, revision."""
        parts = path.removeprefix("/api/models/").split("/")
        return "/".join(parts[:2]), *(parts[2:4] if len(parts) > 3 else ("", ""))  # type: ignore[return-value]

    def _path(self) -> str:
        path = unquote(urlsplit(self.path).path)
        if not self.hub.requests or self.hub.requests[-1] != (self.command, path):
            self.hub.requests.append((self.command, path))
        return path

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            whole = b""
            while size := int(self.rfile.readline(), 16):
                whole += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return whole
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _json(self, data: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        raw = json.dumps(data).encode()
        self._send(raw, status, {"Content-Type": "application/json", **(headers or {})})

    def _send(
        self, raw: bytes, status: int, headers: dict[str, str], *, with_body: bool = True
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        if with_body and self.command != "HEAD":
            self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""
