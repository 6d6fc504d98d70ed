"""What programs get, what callers get back, and what is left when all is over."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from abgnn.errors import ConfigError
from abgnn.sandbox import STRENGTHS, Sandbox, machine_strength
from abgnn.sandbox.guest.codec import decode, encode
from tests.paths import ROOT
from tests.sandbox.conftest import processes, settles


@pytest.mark.parametrize(
    ("program", "output"),
    [
        ("", ""),
        ("print('é', 1 + 1)", "é 2\n"),
        ("assert __name__ == '__main__'\nif __name__ == '__main__': print('main')", "main\n"),
        ("print(input()[::-1], input())", "cba d\n"),
        (
            "import os\nopen('x', 'w').write('7'); print(open('x').read(), os.listdir())",
            "7 ['x']\n",
        ),
        ("import tempfile\nwith tempfile.TemporaryDirectory() as d: print(len(d) > 1)", "True\n"),
        ("import asyncio\nasync def f(): return 3\nprint(asyncio.run(f()))", "3\n"),
        (
            "from concurrent.futures import ThreadPoolExecutor as T\n"
            "with T(4) as t: print(sum(t.map(abs, (-1, -2))))",
            "3\n",
        ),
        (
            "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: 'int' = 1\nprint(A())",
            "A(x=1)\n",
        ),
        ("import atexit\natexit.register(print, 'last')\nprint('first')", "first\nlast\n"),
        ("import threading\nthreading.Timer(.05, print, ('late',)).start()", "late\n"),
        (
            "import sqlite3\nprint(*sqlite3.connect(':memory:').execute('select 2').fetchone())",
            "2\n",
        ),
        ("import sys\nsys.stdout.buffer.write(b'a\\xff\\xed\\xa0\\x80')", "a" + "\ufffd" * 4),
        ("x = bytearray(100 << 20)\nprint(len(x) >> 20)", "100\n"),
    ],
)
def test_good_programs_complete(sandbox: Sandbox, program: str, output: str) -> None:
    ran = sandbox.run(program, stdin="abc\nd\n")
    assert (ran.status, ran.stdout, ran.stderr) == ("completed", output, "")
    assert 0 < ran.seconds < 1


def test_a_program_s_error_is_told_by_its_own_lines(sandbox: Sandbox) -> None:
    ran = sandbox.run("print('before')\ndef f():\n    return 1 / 0\nf()\n")
    assert (ran.status, ran.stdout) == ("error", "before\n")
    assert "line 3, in f\n    return 1 / 0" in ran.stderr
    assert ran.stderr.endswith("ZeroDivisionError: division by zero\n")
    assert "sandbox" not in ran.stderr


def test_output_is_capped_at_its_beginning_and_errors_at_their_end() -> None:
    with Sandbox(workers=1, stdout_limit=10) as small:
        ran = small.run("print('0123456789abc')\nraise ValueError('x' * 5000 + 'end')")
    assert ran.stdout == "0123456789"
    assert len(ran.stderr) == 2000
    assert ran.stderr.endswith("end\n")


def test_tests_see_plain_data_and_exceptions(sandbox: Sandbox) -> None:
    program = (
        "from collections import Counter, namedtuple\nclass I(int): pass\n"
        "def same(x, *, y=None): return x\ndef count(x): return Counter(x)\n"
        "def bad(x): return [][x]\ndef odd(): return object()\ndef five(): return I(5)"
    )
    tests = (
        "value = {1: [2.5, (None, True), {3}, b'4'], 'k': frozenset('5'), 2: float('inf'), 3: 1j}\n"
        "assert same(value) == value and type(same(value, y=1)[1][1]) is tuple\n"
        "assert count('aab') == {'a': 2, 'b': 1} and type(five()) is int\n"
        "for call, kind in (lambda: bad(3), IndexError), (odd, TypeError), (missing, NameError):\n"
        "    try: call()\n    except kind as error: print(error)\n    else: assert False\n"
    )
    ran = sandbox.check(program, tests, ["same", "count", "bad", "odd", "five", "missing"])
    assert ran.completed, ran.stderr
    assert ran.stdout.splitlines()[1] == "a object is no plain data"


@pytest.mark.parametrize("value", [[1], {"list": [1], "set": []}, {"type": 3}, {"complex": [1]}])
def test_only_tagged_data_is_decoded(value: object) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        decode(value) if value != {"complex": [1]} else decode({"complex": [1, 2, 3]})


def test_codec_is_exact() -> None:
    values: list[object] = [
        0.1 + 0.2,
        -0.0,
        10**40,
        "\ud800",
        True,
        1,
        1.0,
        {(1, 2): {"list": [1]}},
        [],
    ]
    for value in values:
        back = decode(encode(value))
        assert back == value
        assert type(back) is type(value)


def test_programs_know_nothing_of_each_other(sandbox: Sandbox) -> None:
    sandbox.run("import builtins, math\nopen('x', 'w').write('x')\nbuiltins.left = math.pi = 3")
    ran = sandbox.run(
        "import builtins, math, os\nprint(os.listdir(), hasattr(builtins, 'left'), math.pi > 3)"
    )
    assert ran.stdout == "[] False True\n"


def test_without_the_inner_walls_the_outer_ones_hold(sandbox: Sandbox, marker: Path) -> None:
    """No audit hook and no system call filter: children run, and die with their program."""
    weak = Sandbox(1.0, 512, 1, strength=sandbox.strength, packages=False)
    weak._walls = {"audit": False, "seccomp": False}
    fork = "import os, time\nif os.fork() == 0:\n    {child}\n    time.sleep(20)\n{parent}"
    with weak:
        assert weak.run("").completed
        before = len(processes(marker))
        for child in ("pass", "os.setsid()", "os.setsid()\n    if os.fork(): os._exit(0)"):
            for parent in ("time.sleep(20)", "os._exit(0)", "print('forked')"):
                ran = weak.run(fork.format(child=child, parent=parent), timeout_s=0.4)
                assert ran.completed == (ran.stdout == "forked\n")
                assert parent != "print('forked')" or ran.completed
                assert settles(lambda: len(processes(marker)) <= before)
    assert settles(lambda: len(processes(marker)) < before)


@pytest.mark.skipif(os.uname().machine not in ("x86_64", "aarch64"), reason="no filter here")
def test_without_the_audit_hook_the_kernel_refuses(sandbox: Sandbox) -> None:
    bare = Sandbox(2.0, 512, 1, strength=sandbox.strength, packages=False)
    bare._walls = {"audit": False}
    program = (
        "import os, resource, signal, socket\n"
        "def refused(call):\n    try: call()\n    except OSError: return\n    print(call)\n"
        "calls = [os.fork, lambda: os.execv('/bin/true', ['true']), socket.socket,\n"
        "    lambda: os.kill(os.getppid() or 1, 0), lambda: os.symlink('/', 'x'),\n"
        "    lambda: open('/etc/passwd').read(), lambda: open('../x', 'w') and open('/x', 'w'),\n"
        "    lambda: open(f'/proc/{os.getppid()}/environ', 'rb').read(),\n"
        "    lambda: os.setpriority(0, os.getppid() or 1, 5)]\n"
        "for call in calls: refused(call)"
    )
    with bare:
        ran = bare.run(program)
    assert (ran.status, ran.stdout) == ("completed", ""), ran


def test_a_planted_key_cannot_be_read(sandbox: Sandbox) -> None:
    """Neither from the environment nor from `/proc`, with and without the audit hook."""
    program = (
        "import os\nfor p in [os.getppid(), 'self', *range(1, 1 << 17)]:\n"
        "    try: text = open(f'/proc/{p}/environ', 'rb').read()\n    except OSError: continue\n"
        "    if b'sk-planted' in text: print('read', p)\n"
        "print('sk-planted' in str(os.environ))"
    )
    host = (
        "import sys\nfrom abgnn.sandbox import Sandbox\nfor walls in ({}, {'audit': False}):\n"
        "    s = Sandbox(20, workers=1, strength=sys.argv[1]); s._walls = walls\n"
        "    print(s.run(sys.argv[2])); s.close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", host, sandbox.strength, program],
        env={**os.environ, "ABGNN_KEY": "sk-planted", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("status='completed', stdout='False\\n'") == 2, done.stdout


def test_the_event_loop_is_not_blocked(sandbox: Sandbox) -> None:
    async def main() -> int:
        ticks, running = 0, True

        async def ticker() -> None:
            nonlocal ticks
            while running:
                await asyncio.sleep(0.005)
                ticks += 1

        task = asyncio.create_task(ticker())
        start = time.monotonic()
        rans = await asyncio.gather(
            *(sandbox.arun(f"import time; time.sleep(.05); print({i})") for i in range(20))
        )
        took, running = time.monotonic() - start, False
        await task
        assert [ran.stdout for ran in rans] == [f"{i}\n" for i in range(20)]
        assert took > 20 * 0.05 / sandbox.workers
        return ticks

    assert asyncio.run(main()) > 2 * 20, "a loop that every program blocked would tick once each"


def test_cancelling_kills_the_program(sandbox: Sandbox, marker: Path) -> None:
    async def main() -> None:
        task = asyncio.create_task(sandbox.arun("import time; time.sleep(20)", timeout_s=20))
        waiting = asyncio.create_task(sandbox.arun("print('never')", timeout_s=20))
        assert await asyncio.to_thread(settles, lambda: len(processes(marker)) > before)
        waiting.cancel()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert sandbox.run("").completed
    before = len(processes(marker))
    asyncio.run(main())
    assert settles(lambda: len(processes(marker)) == 0), "long before its 20 s are over"
    assert sandbox.run("print(1)").stdout == "1\n"


def test_close_ends_what_runs_and_leaves_nothing(sandbox: Sandbox, marker: Path) -> None:
    busy = Sandbox(30, 512, 2, strength=sandbox.strength)
    sandbox.close()
    with ThreadPoolExecutor(2) as threads:
        workers = busy._pool._workers
        runs = [threads.submit(busy.run, "import time; time.sleep(20)") for _ in range(2)]
        assert settles(lambda: len(workers) == 2)
        time.sleep(0.2)
        busy.close()
        assert [run.result(5).status for run in runs] == ["killed", "killed"]
    assert settles(lambda: not processes(marker))
    assert not list(marker.iterdir())
    busy.close()
    assert busy.run("print(2)").stdout == "2\n"
    del busy
    gc.collect()
    assert settles(lambda: not processes(marker) and not list(marker.iterdir()))


def test_workers_end_with_a_killed_parent(sandbox: Sandbox, marker: Path) -> None:
    host = (
        "import os, sys, threading, time\nfrom abgnn.sandbox import Sandbox\n"
        "import tempfile; tempfile.tempdir = sys.argv[2]\n"
        "s = Sandbox(30, workers=1, strength=sys.argv[1]); s.run('')\n"
        "threading.Thread(target=s.run, args=('import time; time.sleep(20)',)).start()\n"
        "time.sleep(.3); os.kill(os.getpid(), 9)"
    )
    sandbox.close()
    subprocess.run(
        [sys.executable, "-c", host, sandbox.strength, str(marker)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert settles(lambda: not processes(marker) and not list(marker.iterdir()))


def test_runs_share_the_workers_in_any_thread(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(8) as threads:
        outputs = threads.map(lambda i: sandbox.run(f"print({i})").stdout, range(40))
        assert list(outputs) == [f"{i}\n" for i in range(40)]


def test_strength_is_logged_and_can_be_required(caplog: pytest.LogCaptureFixture) -> None:
    best = machine_strength()
    caplog.set_level(logging.INFO, logger="abgnn.sandbox")
    made = Sandbox(require=best)
    assert made.strength == best
    assert any(best in record.getMessage() for record in caplog.records)
    for stronger in STRENGTHS[STRENGTHS.index(best) + 1 :]:
        with pytest.raises(ConfigError, match=r"Sandbox\.require.*" + stronger):
            Sandbox(require=stronger)
        with pytest.raises(ConfigError, match=r"Sandbox\.strength"):
            Sandbox(strength=stronger)


def test_a_weaker_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from abgnn.sandbox import sandbox as module

    monkeypatch.setattr(module, "_refusal", lambda s: "" if s == "process" else "no kernel")
    assert Sandbox().strength == "process"
    with pytest.raises(ConfigError, match=r"'namespaces'.*at most process.*no kernel"):
        Sandbox(require="namespaces")


@pytest.mark.parametrize(
    "bad",
    [
        {"timeout_s": 0},
        {"timeout_s": float("nan")},
        {"memory_mb": 1},
        {"workers": 0},
        {"stdout_limit": -1},
        {"require": "steel"},
        {"strength": "paper"},
    ],
)
def test_wrong_settings_are_named(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"Sandbox.{next(iter(bad))}"):
        Sandbox(**bad)  # type: ignore[arg-type]


def test_copies_start_empty_and_equal_in_settings(marker: Path) -> None:
    with Sandbox(3.0, 256, 1, packages=False) as made:
        made.run("")
        before = len(processes(marker))
        copy = pickle.loads(pickle.dumps(made))
        assert len(processes(marker)) == before
        assert (copy.timeout_s, copy.memory_mb, copy.workers) == (3.0, 256, 1)
        assert not copy.run("import numpy").completed
        copy.close()


def test_packages_can_be_imported_unless_withheld() -> None:
    with Sandbox(10, workers=1) as rich, Sandbox(10, workers=1, packages=False) as poor:
        assert rich.run("import numpy; print(numpy.ones(2) @ numpy.ones(2))").stdout == "2.0\n"
        assert "ModuleNotFoundError" in poor.run("import numpy").stderr


def test_a_forked_process_has_its_own_workers(marker: Path) -> None:
    with Sandbox(5, workers=1) as made:
        made.run("")
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(write, made.run("print(5)").stdout.encode())
                made.close()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert os.read(read, 10) == b"5\n"
        assert made.run("print(6)").stdout == "6\n"
        assert threading.active_count() < 50
    os.close(read)
    os.close(write)
