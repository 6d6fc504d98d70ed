"""math-verify in processes: right in any thread, bounded in time, whatever happens to them."""

import copy
import pickle
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from datamodules.scoring.verifier import Verifier

pytest.importorskip("math_verify")

HARD = r"\int_0^{100} \sin(x^5)\cos(x^7) e^{x^3}dx"


def test_many_threads_ask_at_once() -> None:
    verifier = Verifier(workers=2)
    pairs = [(f"{n}x+{n}", f"{n}(1+x)" if n % 2 else f"{n}(2+x)") for n in range(2, 22)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda pair: verifier.equal(*pair), pairs))
    assert found == [bool(n % 2) for n in range(2, 22)]
    assert verifier._idle.qsize() <= 2
    verifier.close()


def test_time_is_bounded_and_others_go_on() -> None:
    verifier = Verifier(timeout_s=1.5, workers=1)
    assert verifier.equal("2x", "x+x") is True
    start = time.monotonic()
    assert verifier.equal(HARD, "5") is None
    assert time.monotonic() - start < 20
    assert verifier.equal("2x", "x+x") is True
    verifier.close()


def test_a_dead_process_is_replaced() -> None:
    verifier = Verifier(workers=1)
    assert verifier.equal("2x", "x+x") is True
    [process] = verifier._idle.queue
    process._popen.kill()
    process._popen.wait()
    assert verifier.equal("2x", "x+x") is None
    assert verifier.equal("2x", "x+x") is True
    verifier.close()
    assert process._popen.poll() is not None


@pytest.mark.parametrize("answer", ["", "\x00", '\n"', "\\", "{", "}", "\\frac{", "5" * 3000])
def test_nonsense_is_not_equal(verifier: Verifier, answer: str) -> None:
    assert not verifier.equal("5", answer)


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier()


def test_copies() -> None:
    verifier = Verifier(3.0, 2)
    for other in (copy.deepcopy(verifier), pickle.loads(pickle.dumps(verifier))):
        assert (other.timeout_s, other.workers) == (3.0, 2)
