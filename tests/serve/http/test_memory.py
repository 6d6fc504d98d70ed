"""What a serving process does with memory that was freed, as glibc tells it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from tests.paths import ROOT

MAPPED = """
import ctypes, sys
from abgnn.serve.http.server import tune
if {torch}:
    import torch
if {tuned}:
    tune()
fields = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in fields]
libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Info
long = bytes(300_000)
del long
before = libc.mallinfo2().hblks
again = bytes(200_000)
print(libc.mallinfo2().hblks - before)
"""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc"
)


def mapped(*, tuned: bool = True, torch: bool = False, **environment: str) -> int:
    """Of a long text after a longer one: 1 if it lies apart from what lasts, else 0."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    ran = subprocess.run(
        [sys.executable, "-c", MAPPED.format(tuned=tuned, torch=torch)],
        env=plain | environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(ran.stdout)


def test_long_texts_leave_no_holes_between_what_lasts() -> None:
    assert mapped() == 1
    assert mapped(tuned=False) == 0


def test_pytorch_and_the_environment_come_first() -> None:
    assert mapped(torch=True) == 0
    assert mapped(MALLOC_ARENA_MAX="8") == 0  # it says something of malloc, so nothing is changed
