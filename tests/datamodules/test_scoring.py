"""What responses are read as: letters and numbers."""

import time
from fractions import Fraction

import pytest

from datamodules.scoring import last_number, option_letter
from datamodules.scoring.latex import final_answer, same

CITIES = ("Paris", "London", "New York", "York")


@pytest.mark.parametrize(
    ("response", "letter"),
    [
        ("B", "B"),
        ("b", "B"),
        ("(B)", "B"),
        ("B.", "B"),
        ("**B**", "B"),
        ("B) London", "B"),
        ("B. London, because of the river.", "B"),
        ("The answer is (B).", "B"),
        ("The answer is B", "B"),
        ("the answer is b.", "B"),
        ("Answer: B", "B"),
        ("**Answer:** B", "B"),
        ("Answer:\n\n**(B) London**", "B"),
        ("Final answer: **B) London**", "B"),
        (r"So the answer is $\boxed{B}$.", "B"),
        (r"\boxed{\text{B}}", "B"),
        ("The correct answer is option B.", "B"),
        ("The correct option is B because A is too small.", "B"),
        ("I would go with (C).", "C"),
        ("I choose D", "D"),
        ("Option C, New York, is correct.", "C"),
        ("Both matter, but **C** fits.", "C"),
        ("The answer is London.", "B"),
        ("The answer is the New York one", "C"),
        ("The answer is York.", "D"),
        ("It must be London", "B"),
        ("new  york", "C"),
        ("Comparing (A) and (C), I find (C) better", "C"),
        ("The answer is A. No, wait: the answer is C.", "C"),
        ("The answer is (B). Hmm, actually it is (D).", "D"),
        ("B. Wait, actually C.", "C"),
        ("The answer is Paris. Correction: the answer is B.", "B"),
        ("The answer is B. Option C is wrong since it is larger. (A) is wrong too.", "B"),
        ("Answer: B\n\nA) Paris is no island.\nC) New York is not in Europe.", "B"),
        ("A) Paris\nB) London\nC) New York\nD) York\n\nThe answer is (D).", "D"),
        ("A difficult question. The answer is a matter of taste, but it is B.\n\nB", "B"),
        ("The answer is D\r\n", "D"),
        ("A seems plausible, but C is correct.", "C"),
        ("B) London, since the others do not lie on the Thames.", "B"),
        ("B is not right. (D) is the correct answer.", "D"),
        ("I think it is C", "C"),
        ("So it must be London.", "B"),
        ("I think it is C, no: the answer is D.", "D"),
        ("The answer is B. I think it is London that has the river, it is C that has none.", "B"),
        ("There is no D among the initials, so I say (C).", "C"),
        ("The answer is **B** (not A).", "B"),
        ("I can't be certain, but the answer is C.", "C"),
        ("Answer - B", "B"),
        ("Answer – (B)", "B"),
        ("$B$", "B"),
        (r"The answer is \textbf{B}", "B"),
        ("<answer>B</answer>", "B"),
        ("The answer is “B”.", "B"),
        ("B, because A is too small", "B"),
        ("Choice B", "B"),
        ("A is wrong. B", "B"),
        ("Let me think: B or C? B", "B"),
        ("The answer isn't A, it's B.", "B"),
        ("The answer is neither A nor B; it is C.", "C"),
        ("The answer is A or B. No, the answer is C.", "C"),
        ("The correct answer is A) Paris. Wait, let me look again. It is wrong. Answer: B", "B"),
    ],
)
def test_option_letter(response: str, letter: str) -> None:
    assert option_letter(response, CITIES) == letter


@pytest.mark.parametrize(
    "response",
    [
        "",
        "I cannot answer this.",
        "I don't know whether it is (A) or (B).",
        "I'm unable to tell; (C) perhaps.",
        "A difficult question.",
        "The answer is a matter of taste.",
        "The answer is E.",
        "Paris or London.",
        "The answer is A or B.",
        "A) Paris\nB) London\nC) New York\nD) York",
        "Because of the river.",
        "There is no C here.",
        "I am not sure, perhaps London.",
        "The answer is not B.",
        "The answer is B and C.",
        "The answer is (A) or (B).",
        "Answer: B, C",
        "Both A and B",
        "I would say none of the above.",
        "As an AI I cannot choose (B).",
        "The answer is Londonderry.",
    ],
)
def test_no_letter(response: str) -> None:
    assert option_letter(response, CITIES) is None


def test_letters_end_with_the_options() -> None:
    assert option_letter("The answer is C", ("yes", "no")) is None
    assert option_letter("The answer is E", ("a1", "b1", "c1", "d1", "e1")) == "E"


def test_numeric_options_are_matched_whole() -> None:
    options = ("4", "42", "4.2", "420")
    assert option_letter("The answer is 42.", options) == "B"
    assert option_letter("That makes 4.2 in all", options) == "C"
    assert option_letter("The answer is 4", options) == "A"


@pytest.mark.parametrize(
    ("response", "number"),
    [
        ("The answer is 1,000", 1000),
        ("-5", -5),
        ("5", 5),
        ("−5", -5),
        ("3.5", Fraction(7, 2)),
        (".5", Fraction(1, 2)),
        ("70000.0", 70000),
        ("$18", 18),
        ("-$1,000.50", Fraction(-2001, 2)),
        ("$-5", -5),
        ("It costs $18.", 18),
        ("12 - 5 = 7", 7),
        ("12-5", 5),
        ("7 + 5 = 12", 12),
        ("7 + 5 = 12, so Tom and his 3 friends have 12.", 12),
        ("The answer is 12 apples for 3 children.", 12),
        ("The answer is 7 + 5 = 12.", 12),
        ("Answer: **12**", 12),
        ("**Answer:** 12", 12),
        ("The answer is 11. Sorry, the answer is 12. I had 2 apples.", 12),
        ("The answer is:\n\n12\n\nas 5 + 7 makes it.", 12),
        (r"1 + 1 = 3, so \boxed{-2} it is, 3 no", -2),
        ("8 * 2 = 16\n#### 18", 18),
        ("The answer is easy. 3 and 4 make 7", 7),
        ("First 1, then 2, then 1,234,567.", 1234567),
        ("2,3", 3),
        ("- 5 apples", 5),
        ("H2O has 3 atoms", 3),
        ("x = y, thus 4", 4),
        ("The answer is 25%.", 25),
        (r"The answer is 25\%", 25),
        ("The answer is 3/4.", Fraction(3, 4)),
        ("-3/4", Fraction(-3, 4)),
        (r"\boxed{\dfrac{3}{4}}", Fraction(3, 4)),
        ("It takes 1 1/2 hours", Fraction(3, 2)),
        (r"The answer is $1\frac{1}{2}$", Fraction(3, 2)),
        ("1.5e3", 1500),
        ("1.5 × 10^3", 1500),
        (r"1.5 \times 10^{-3}", Fraction(3, 2000)),
        (r"$1{,}000$", 1000),
        (r"1,\!000", 1000),
        ("18cm", 18),
        ("18 dollars", 18),
        (r"\$18", 18),
        ("€1,234.50", Fraction(2469, 2)),
        (r"\boxed{18\text{ dollars}}", 18),
        ("On 3/4/2024 she had 7", 7),
        ("The answer is not 5, but 6.", 6),
        ("The answer is 11. No, wait: 12.", 12),
        ("The answer is 11. Actually, it should be 12.", 12),
        ("The answer is 12. Actually, 3 of them are red.", 12),
        ("The answer is 12 (3 * 4).", 12),
        ("The answer is 12 - easy!", 12),
        ("4 + 4 = 8, half of that is 4.\nTherefore, she has 160 eggs.", 160),
        ("9 * 24 = 192\nSo, there are 192 cows in 8 stalls.", 192),
    ],
)
def test_last_number(response: str, number: Fraction | int) -> None:
    assert last_number(response) == number


@pytest.mark.parametrize(
    "response",
    [
        "",
        "none",
        "H2O",
        "7" * 5000,
        "The answer is unknown.",
        "The answer is 5 or 6.",
        "The answer is 5-10",
        "The answer is 7 - 2",
        "The answer is 1/0",
        "1e400",
        "The answer is 3:45",
    ],
)
def test_no_number(response: str) -> None:
    assert last_number(response) is None


@pytest.mark.parametrize(
    "piece",
    [
        "\n",
        " ",
        "*",
        "(",
        "A) ",
        "the answer is ",
        "1,",
        "= ",
        "it is ",
        "$",
        "\\boxed{",
        "1 ",
        "no, ",
        "not A ",
        "rule out A, ",
        "(A) or ",
        "so it ",
        "1 000 ",
        "12 345 x ",
        "1\u2009000\u2009",
        "１，０００",
        "，",
        "Ｂ",
        "答案",
        "答案:*_ ",
        "所以",
        "选",
        "选项",
        "排除A、",
        "不对，",
        "B是",
        "<think>",
        "</think>",
    ],
)
def test_long_loops_are_read_in_time(piece: str) -> None:
    """A small model repeats itself for thousands of tokens; reading that must not take seconds."""
    text = "x" + piece * (30_000 // len(piece)) + "x"
    start = time.thread_time()  # of the CPU: others may use it too
    option_letter(text, CITIES)
    last_number(text)
    same("5", final_answer(text) or "")
    same("(1,2)", text[:400])
    assert time.thread_time() - start < 2
