"""Think blocks: what is left of a reply without them, and that no reader takes them for answers."""

import time

import pytest

from abgnn.sandbox.tools.code_blocks import complete_program, python_block
from abgnn.sandbox.tools.thoughts import without_thoughts
from datamodules.scoring import last_number, option_letter
from datamodules.scoring.code import scored_program
from datamodules.scoring.latex import final_answer

CITIES = ("Paris", "London", "New York", "York")
TAGGED = "re.sub(r'<think>.*?</think>', '', text)"


@pytest.mark.parametrize(
    ("reply", "left"),
    [
        ("<think>B looks wrong, maybe A or C</think>\nC", "\nC"),
        ("<think>a</think>C", "C"),
        ("<think>\n\n</think>\n\nC", "\n\nC"),
        ("<thinking>a</thinking>C", "C"),
        ("<Think>a</THINK>C", "C"),
        ("[THINK]a[/THINK]C", "C"),
        ("First. <think>a</think>C", "First. C"),
        ("<think>a</think>B<think>b</think>", "B"),
        ("B? Or C?</think>\nC", "\nC"),
        ("<think>a <think>b</think> c</think>C", "C"),
        ("<think>B, or", ""),
        ("The answer is B. <think>Let me", "The answer is B. "),
        ("B</think>", ""),
        ('<think>perhaps "B"</think>"C"', '"C"'),
        (r"<think>a</think>\boxed{C}", r"\boxed{C}"),
        ("<think>```python\ndraft\n</think>```python\nfinal\n```", "```python\nfinal\n```"),
        ("```python\ndraft\n</think>\n```python\nfinal\n```", "\n```python\nfinal\n```"),
        (f"<think>a</think>```\n{TAGGED}\n```", f"```\n{TAGGED}\n```"),
    ],
)
def test_what_is_left(reply: str, left: str) -> None:
    assert without_thoughts(reply) == left
    assert without_thoughts(left) == left


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I think B. So <b>B</b>.",
        "1 < 2 > 0 [think] <thinker> </ think>",
        f"Use {TAGGED}. The answer is B",
        f"```python\n{TAGGED}\n```\nB",
        "Write `<think>` first. B",
        "Write `<think>B</think>` first. C",
        'text.split("</think>") gives C',
        "```python\ntext.split('</think>\\n')[1]\n```",
        "```\n<think>\nB\n</think>\n```\nThe answer is C",
        "```\n<think>\nnever closed\n```\nC",
        "The tag “<think>” opens it. C",
    ],
)
def test_tags_in_code_and_quotes_are_text(reply: str) -> None:
    assert without_thoughts(reply) == reply


@pytest.mark.parametrize(
    ("thought", "said", "letter"),
    [
        ("The answer is A. \\boxed{A} **A**", "C", "C"),
        ("The answer is A.", "(Ｃ)", "C"),
        ("选A", "答案：C", "C"),
        ("The answer is A.", "It is hard to say.", None),
        ("Not C.", "C", "C"),
        ("I don't know, I cannot tell.", "C) it is", "C"),
        ("A) Paris\nB) London\nC) New York\nD) York", "(B)", "B"),
    ],
)
@pytest.mark.parametrize(
    "form", ["<think>{}</think>{}", "<think>\n{}\n</think>\n\n{}", "{}</think>{}"]
)
def test_letters(form: str, thought: str, said: str, letter: str | None) -> None:
    assert option_letter(form.format(thought, said), CITIES) == letter


@pytest.mark.parametrize(
    "form", ["<think>{}</think>{}", "<think>\n{}\n</think>\n\n{}", "{}</think>{}"]
)
def test_numbers_and_latex(form: str) -> None:
    reply = form.format(r"The answer is 5. \boxed{5} #### 5", "7 apples")
    assert last_number(reply) == 7
    assert final_answer(reply) == "7 apples"
    empty = form.format(r"The answer is 5. \boxed{5}", "")
    assert last_number(empty) is None
    assert final_answer(empty) is None
    assert option_letter(form.format("The answer is B.", ""), CITIES) is None


def test_a_reply_cut_while_thinking_states_nothing() -> None:
    cut = "<think>The answer is (B). \\boxed{5}\n```python\ndef f():\n    return 1\n```\n"
    assert option_letter(cut, CITIES) is None
    assert last_number(cut) is None
    assert final_answer(cut) is None
    assert python_block(cut) is None
    assert "return 1" not in scored_program(cut, "def f():\n", "f")


def test_programs_in_thoughts_are_drafts() -> None:
    def block(value: int, name: str = "f") -> str:
        return f"```python\ndef {name}():\n    return {value}\n```\n"

    for reply in (f"<think>{block(1)}</think>{block(2)}", f"{block(1)}</think>\n{block(2)}"):
        for program in (python_block(reply), complete_program(reply, "", "f")):
            assert program is not None
            assert "return 2" in program
            assert "return 1" not in program
    renamed = scored_program(f"<think>{block(1)}</think>\n{block(2, 'g')}", "", "f")
    assert "return 1" not in renamed
    assert renamed.endswith("f = g\n")
    kept = f"def f(text):\n    return {TAGGED}\n"
    assert kept in scored_program(f"<think>{block(1)}</think>\n```python\n{kept}```", "", "f")


@pytest.mark.parametrize(
    "piece", ["<think>", "</think>", "`", "```\n", "```\n</think>", "<think></think>", "`</think>"]
)
def test_loops_are_read_in_time(piece: str) -> None:
    text = "x" + piece * (100_000 // len(piece)) + "x"
    start = time.process_time()
    assert len(without_thoughts(text)) <= len(text)
    assert time.process_time() - start < 2
