"""Final answers in LaTeX: found, and the same or not; by text alone, and with math-verify."""

import importlib.util
import logging

import pytest

from abgnn.data.query import Query
from datamodules import MATH
from datamodules.scoring.latex import final_answer, same
from datamodules.scoring.verifier import Verifier

needs_verify = pytest.mark.skipif(
    not importlib.util.find_spec("math_verify"), reason="needs math-verify"
)


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (r"So it is $\boxed{30}$.", "30"),
        (r"First \boxed{8}. Wait: \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"It is \fbox{7}", "7"),
        (r"It is $\boxed 7$.", "7"),
        (r"\boxed{\left\{1, \{2\}\right\}}", r"\left\{1, \{2\}\right\}"),
        (r"\boxed{9} is it. In short: \boxed{}", "9"),
        ("The answer is 30.", "30"),
        ("**Answer:** $x = 9$ apples.", "x = 9"),
        ("The final answer is: \\[ n = 9. \\]", "n = 9"),
        ("The answer is not $3$, so $4$", "4"),
        ("We get $8$, then $9$.", "9"),
        (r"so \(a\) and \(b+1\)", "b+1"),
        ("Some words.\n42", "42"),
        ("#### 42", "42"),
    ],
)
def test_final_answer(response: str, answer: str) -> None:
    assert final_answer(response) == answer


@pytest.mark.parametrize("response", ["", "\n", r"\boxed{" + "1" * 9000, "word " * 40])
def test_no_final_answer(response: str) -> None:
    assert final_answer(response) is None


SAME = [
    ("30", "30.0"),
    (r"\frac{1}{2}", ".5"),
    (r"\frac{1}{2}", "1/2"),
    (r"\frac{1}{2}", r"\frac12"),
    (r"\dfrac{1}{2}", r"\frac{2}{4}"),
    (r"\frac{\sqrt6}3", r"\frac{\sqrt{6}}{3}"),
    (r"1\frac{12}{13}", r"\frac{25}{13}"),
    (r"1\frac{12}{13}", "1 12/13"),
    (r"11 \frac{2}{3}", "35/3"),
    (r"17,\!280", "17280"),
    (r"17,\!280", "17,280"),
    (r"371,\!043,\!400", "371{,}043{,}400"),
    (r"100\%", "100"),
    (r"\$7.50", "7.5"),
    (r"87^\circ", "87"),
    (r"180^{\circ}", "180°"),
    (r"8\text{ meals}", "8"),
    (r"0.25\,\text{ cm}", "0.25"),
    (r"\text{even}", "Even"),
    (r"\text{(P)}", "P"),
    (r"\text{13}", "13"),
    ("(2,3)", r"\left( 2, \,3 \right)"),
    ("(2,3)", "(a, b) = (2,3)"),
    ("1,3", "3, 1"),
    ("1,3", r"1 \text{ and } 3"),
    (r"45^\circ, 135^\circ", "135,45"),
    ("42_7", "42"),
    ("0.0011_{2}", "0.0011_2"),
    ("3:1", "3 : 1"),
    (r"y = -\frac{1}{4}", r"-\frac14"),
    (r"(-\infty,-7) \cup (1,2)", r"(-\infty, -7)\cup(1,2)"),
]
DIFFERENT = [
    ("30", "31"),
    ("30", "300"),
    ("-1", "1"),
    ("13", "1 3"),
    ("112/13", "1 12/13"),
    ("(2,3)", "(3,2)"),
    ("(2,3)", "[2,3]"),
    ("(2,3)", "2,3"),
    ("(2,3)", "(2,3,4)"),
    ("[0,1]", "(0,1)"),
    ("(0,1)", r"\{0,1\}"),
    ("1,3", "13"),
    ("1,3", "1"),
    ("B, C", "B"),
    ("2", r"2 \text{ or } 3"),
    ("9", r"9\text{ apples and }10\text{ pears}"),
    ("45135", r"45^\circ, 135^\circ"),
    ("42_7", "42_8"),
    ("42_7", "43_7"),
    ("3:1", "1:3"),
    ("3:1", "3"),
    (r"25\%", "0.25"),
    (r"\text{even}", r"\text{odd}"),
    (r"\text{(P)}", r"\text{(E)}"),
    (r"\frac{1}{3}", "0.333333333"),
    (r"y = -\frac{1}{4}", r"x = -\frac{1}{4}"),
]
EQUAL = [  # text alone cannot tell
    (r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt{3}}"),
    (r"72 + 72\sqrt{2}", r"72(1+\sqrt2)"),
    ("(r+5)^2", "r^2+10r+25"),
    ("x + 2", "2+x"),
    ("x - 3z = 0", "3z - x = 0"),
    ("-375 + 500i", "500i - 375"),
    (r"27000-4500\pi", r"4500(6-\pi)"),
    (r"\sqrt{5}, -\sqrt{5}", r"\pm\sqrt5"),
    ("[-2,7]", r"-2 \le x \le 7"),
    (r"\begin{pmatrix} 1 \\ 7 \end{pmatrix}", r"\begin{bmatrix} 1 \\ 7 \end{bmatrix}"),
    (r"(-\infty,-7) \cup (1,2)", r"(1,2) \cup (-\infty,-7)"),
    ("1024", "2^{10}"),
]
UNEQUAL = [
    (r"3-\sqrt7", r"3+\sqrt7"),
    ("p+q-r", "p+q+r"),
    ("2i", "2"),
    (r"90\pi", "90"),
    ("x - 3z = 0", "x - 3z = 1"),
    ("5", "5x"),
    (r"\sqrt{2}", "1.414"),
    (r"\begin{pmatrix} 1 \\ 7 \end{pmatrix}", r"\begin{pmatrix} 7 \\ 1 \end{pmatrix}"),
    (r"(-\infty,-7) \cup (1,2)", r"(-\infty,-7] \cup (1,2)"),
]


@pytest.fixture(scope="module")
def verified() -> MATH:
    return MATH()


def judged(data: MATH, gold: str, answer: str) -> float:
    return data.score(Query("q", "", "math", gold), f"So it is $\\boxed{{{answer}}}$.")


@pytest.mark.parametrize(("gold", "answer"), SAME)
def test_the_same_as_text(gold: str, answer: str) -> None:
    assert same(gold, answer) is True
    assert judged(MATH(verifier="plain"), gold, answer) == 1.0


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different_as_text(gold: str, answer: str, verified: MATH) -> None:
    """Settled without math-verify, which takes many of these for equal."""
    assert same(gold, answer) is False
    assert judged(verified, gold, answer) == 0.0


@needs_verify
@pytest.mark.parametrize(
    ("gold", "answer", "equal"), [(*p, 1) for p in EQUAL] + [(*p, 0) for p in UNEQUAL]
)
def test_what_math_verify_decides(gold: str, answer: str, equal: int, verified: MATH) -> None:
    assert same(gold, answer) is None
    assert judged(verified, gold, answer) == equal
    assert judged(MATH(verifier="plain"), gold, answer) == 0.0


def test_without_math_verify_it_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Verifier, "installed", staticmethod(lambda: False))
    with caplog.at_level(logging.WARNING, "datamodules"):
        data = MATH()
    assert "math-verify is not installed" in caplog.text
    assert judged(data, "1024", "2^{10}") == 0.0
    assert judged(data, "1024", "1,024") == 1.0


@needs_verify
def test_out_of_time_is_wrong() -> None:
    data = MATH(timeout_s=0.3)
    hard = r"\int_0^{100} \sin(x^5)\cos(x^7) e^{x^3}dx"
    assert judged(data, "x^2", hard) == 0.0
    assert judged(data, hard, hard) == 1.0
    data.teardown()
