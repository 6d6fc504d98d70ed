"""Bad programs fail, soon, and leave nothing behind."""

import tempfile
import time
from pathlib import Path

import pytest

from datamodules import run_code
from datamodules.run_code import passes


def _left_behind(folder: Path) -> list[str]:
    """Processes that live in `folder`, and files there."""
    found = [str(path) for path in folder.iterdir()]
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target.startswith(str(folder)):
            found.append(str(link))
    return found


@pytest.mark.parametrize(
    "program",
    [
        "x = 1",
        "import collections, copy, hashlib, heapq, itertools, math, random, re, string, typing",
        "print('é' * 10)\nassert __name__ != '__main__'",
        "x = 'a' * (1 << 24)",
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: 'int' = 1\nassert A().x == 1",
        "import os\nassert set(os.environ) <= {'LC_CTYPE'}",
        "assert input is not None",
    ],
)
def test_good_programs_pass(program: str) -> None:
    assert passes(program)


@pytest.mark.parametrize(
    "program",
    [
        "assert False",
        "import sys; sys.exit(0)",
        "import os; os._exit(0)",
        "raise SystemExit",
        "def f(:",
        "\0",
        "\ud800",
        "(" * 100_000,
        "def f(n): return f(n + 1)\nf(0)",
        "x = bytearray(2 << 30)",
        "x = []\nwhile True: x.append('x' * (1 << 20))",
        "import os; os.fork()",
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: raise SystemExit(0)",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "import socket; socket.socket()",
        "import os, signal; os.kill(os.getppid(), signal.SIGTERM)",
        "open('x', 'w').write('x')",
        "input()",
        "import os\nfor i in range(3, 64):\n"
        "    try: os.write(i, b'0' * 32)\n    except OSError: pass",
    ],
)
def test_bad_programs_fail(program: str) -> None:
    assert not passes(program, timeout_s=4)


@pytest.mark.parametrize(
    "program",
    [
        "while True: pass",
        "while True: print('x' * 100_000)",
        "import sys\nwhile True: sys.stderr.write('x' * 100_000)",
        "import time; time.sleep(60)",
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)",
        "import threading, time\nwhile True:\n"
        "    try: threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "    except RuntimeError: time.sleep(60)",
        "import os, time\ntry: os.fork()\nexcept OSError: pass\ntime.sleep(60)",
    ],
)
def test_time_out_kills_the_group(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    start = time.monotonic()
    assert not passes(program, timeout_s=0.5)
    assert time.monotonic() - start < 3
    assert _left_behind(tmp_path) == []


def test_children_are_killed_with_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where a child gets past the refusals (here: they are taken out) it does not survive."""
    source = run_code._GUEST.read_text()
    weak = source.replace("sys.addaudithook(refuse)", "pass").replace(
        "RLIMIT_NPROC: 0", "RLIMIT_NPROC: 9999"
    )
    assert "addaudithook" not in weak
    (tmp_path / "guest.py").write_text(weak)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(run_code, "_GUEST", tmp_path / "guest.py")
    for parent in ("time.sleep(60)", "os._exit(0)", "pass"):
        program = f"import os, time\nif os.fork() == 0: time.sleep(60)\n{parent}"
        assert passes(program, timeout_s=0.5) == (parent == "pass")
        time.sleep(0.05)
        assert _left_behind(folder) == []
