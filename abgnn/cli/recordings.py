"""`abgnn recordings`: what a recording holds and what was paid, as tables or as JSON lines.

Reads the recording and changes nothing of it, also while a run writes to it; `copy FROM TO` moves
what it holds between a file and a database.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from abgnn.cli.arguments import Parser
from abgnn.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: Parser) -> None:
    """A recording, and what becomes of it."""
    parser.description = (
        "Size and age of a recording; calls, tokens and USD by model, phase and day. It may be "
        "read while a run writes to it. `copy FROM TO` copies it into a new one: a file into a "
        "PostgreSQL database (postgresql://user@host/database), or back."
    )
    text = "a recording, rollout.recording.path of a config or --recording: a file, or a URL"
    parser.add_argument("file", metavar="FILE|URL|copy", help=text)
    text = "after `copy`: the recording that is read, and the new one"
    parser.add_argument("places", metavar="FROM TO", nargs="*", help=text)
    parser.add_argument("--export", choices=["jsonl"], help="one JSON object per attempt instead")
    text = "with --export: a file instead of the standard output"
    parser.add_argument("--out", metavar="FILE", help=text)
    text = "with --export: requests and replies as well"
    parser.add_argument("--texts", action="store_true", help=text)


def run(args: Namespace, console: Console) -> int:
    """Show or export a recording.

    Raises:
        ConfigError: there is no such recording, or nowhere to write.
    """
    from abgnn.cli.views.recordings import plain, show
    from abgnn.rollout.ledger.read import attempts, summarise
    from abgnn.rollout.ledger.snapshot import check_readable

    if args.file == "copy" and args.places:
        return _copy(args.places, console)
    if args.places:
        raise ConfigError("FILE", " ".join([args.file, *args.places]), "one, or copy FROM TO")
    path = args.file
    if args.export is None:
        if args.out is not None or args.texts:
            raise ConfigError("--export", None, "jsonl, with --out or --texts")
        show(summarise(path), path, console)
        return 0
    check_readable(path)  # a recording that cannot be read stops us before we write
    lines = (json.dumps(line) + "\n" for line in attempts(path, texts=args.texts))
    if args.out is None:
        _to_pipe(lines, console.file)
        return 0
    count = _to_file(lines, path, Path(args.out))
    console.print(f"{count} attempts: {plain(args.out)}", markup=False, highlight=False)
    return 0


def _to_pipe(lines: Iterator[str], out: IO[str]) -> None:
    """A reader that has seen enough (`| head`) is no error."""
    try:
        for line in lines:
            out.write(line)
        out.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _copy(places: list[str], console: Console) -> int:
    from abgnn.cli.views.recordings import plain
    from abgnn.rollout.ledger.copying import copy_recording
    from abgnn.rollout.ledger.postgres_url import shown

    if len(places) != 2:
        raise ConfigError("copy", " ".join(places), "two recordings: FROM TO")
    count = copy_recording(*places)
    console.print(f"{count} attempts: {plain(shown(places[1]))}", markup=False, highlight=False)
    return 0


def _to_file(lines: Iterator[str], recording: str, out: Path) -> int:
    if out.exists() and os.path.exists(recording) and out.samefile(recording):
        raise ConfigError("--out", str(out), "another file than the recording")
    count = 0
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(line)
                count += 1
    except OSError as e:
        raise ConfigError("--out", str(out), f"a file that can be written ({e.strerror})") from e
    return count
