"""Every number in a README is measured by a command, a setting, or cited."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from evidence.commands import wrong_in
from evidence.digits import numbers, prose
from evidence.printed import PRINTED, printed_names, read_printed
from evidence.readmes import places
from evidence.registry import TABLES
from evidence.stated import Fragment, gone, read_stated, unstated

from abgnn.errors import ConfigError
from tests.paths import ROOT
from tests.readmes import READMES

STATED = read_stated()
EACH = pytest.mark.parametrize("readme", READMES, ids=lambda p: str(p.parent.relative_to(ROOT)))


def fragments(readme: Path) -> list[str]:
    """What is stated about a README's numbers."""
    name = str(readme.relative_to(ROOT))
    return [row.text for row in STATED if row.readme == name]


def found(text: str) -> list[str]:
    return [number[0].strip() for number in numbers(text)]


@EACH
def test_every_number_is_accounted_for(readme: Path) -> None:
    """A new one needs a row in `scripts/bench/results/stated.csv`."""
    missing = unstated(readme.read_text(encoding="utf-8"), fragments(readme))
    assert not missing, "\n".join(["each needs a row in stated.csv:", *missing])


@EACH
def test_what_is_stated_still_stands_there(readme: Path) -> None:
    left = gone(readme.read_text(encoding="utf-8"), fragments(readme))
    assert not left, "\n".join(left)


def test_rows_name_readmes_and_none_twice() -> None:
    assert {row.readme for row in STATED} <= {str(path.relative_to(ROOT)) for path in READMES}
    keys = [(row.readme, row.text) for row in STATED]
    assert len(keys) == len(set(keys))


@EACH
def test_a_number_that_changes_is_noticed(readme: Path) -> None:
    """By one digit, one in turn, of every third: it is unstated then."""
    text, rows = readme.read_text(encoding="utf-8"), fragments(readme)
    for number in list(numbers(text))[::3]:
        last = number.end() - len(number[0]) + len(number[0].rstrip(" %")) - 1
        if text[last].isdigit():
            changed = f"{text[:last]}{(int(text[last]) + 1) % 10}{text[last + 1 :]}"
            assert unstated(changed, rows), number[0]


def test_what_was_measured_names_commands_that_exist() -> None:
    measured = [row for row in STATED if row.kind == "measured"]
    wrong = [
        f"{row.readme}: {row.text}: {wrong}" for row in measured for wrong in wrong_in(row.command)
    ]
    assert measured
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", printed_names())
def test_printed_tables_name_commands_that_exist(name: str) -> None:
    assert not wrong_in(read_printed(PRINTED / f"{name}.csv").stamps["command"])


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("scripts/bench/policy", []),
        ("scripts/bench/serve --workers 2; abgnn plan FILE", []),
        ("abgnn compare --config compare/plugins.yaml", []),
        ("scripts/bench/nothing", ["is no script"]),
        ("scripts/bench", ["is no script"]),
        ("scripts/bench/serve --wrong 2", ["has no --wrong"]),
        ("abgnn comparison", ["comparison"]),
        ("abgnn compare --config compare/nothing.yaml", ["nothing.yaml"]),
        ("by hand", ["neither a script nor"]),
        ("", ["neither a script nor"]),
    ],
)
def test_commands_are_looked_up(command: str, wrong: list[str]) -> None:
    said = wrong_in(command)
    assert len(said) == len(wrong)
    assert all(part in line for part, line in zip(wrong, said, strict=True))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("gains 6.2 points [4.6, 7.3]", ["6.2", "4.6", "7.3"]),
        ("+1.85 ± .76 and −.28 less", ["+1.85", "± .76", "−.28"]),
        ("at 97 % of 1,024, × 1.56, 41×", ["97 %", "1,024", "× 1.56", "41"]),
        ("1e-3 of 10^6, 1½ hours, ¾ of it, 0/1", ["1", "-3", "10^6", "1½", "¾", "0", "1"]),
        ("from 7B to 70B in 0.6 GB, 5-fold", ["7", "70", "0.6", "5"]),
        ("SmolLM2-135M, GSM8K, Qwen3-235B-A22B, all-MiniLM-L6-v2", []),
        ("P@T1 and L4, p95, Apache-2.0, GPT-4o", []),
        ("Table 1, Tables 1 to 3, Eq 9, equations 3 to 8, Figure 4, section 4.1", []),
        ("Tables 1 to 3 of 20, at Table 6, 8 worlds", ["20", "8"]),
        ("arXiv 2512.11426, Python 3.10, Python < 3.12, 0.1.0, 127.0.0.1", []),
        ("`lr 0.1` of <b id=1>2</b> [a 3](x4.md#5) <!-- 6 --> 7", ["2", "3", "7"]),
        ("``a ` 1`` 2", ["2"]),
        ("a stray ` 1\n\nand another ` 2", ["1", "2"]),
        ("```sh\nrun 3\n```\n4", ["4"]),
        ("<!-- table a -->\n| 1 |\n<!-- /table -->\n| 2 |", ["2"]),
        ("none", []),
    ],
)
def test_which_digits_are_numbers(text: str, wanted: list[str]) -> None:
    assert found(text) == wanted
    assert len(prose(text)) == len(text)


def test_white_space_does_not_matter_but_digits_and_their_place_do() -> None:
    text = "It takes 3\n  minutes on two\ncores, and 3 on one."
    assert not unstated(text, ["It takes 3 minutes", "cores, and 3 on one"])
    [missing] = unstated(text, ["It takes 3 minutes on two cores"])
    assert missing == "3: …It takes 3 minutes on two cores, and 3 on one.…"
    assert len(unstated(text, ["It takes 4 minutes", "cores, and 3"])) == 1
    assert gone(text, ["It takes 4 minutes", "minutes on two cores", "cores, and 3"]) == [
        "It takes 4 minutes",
        "minutes on two cores",
    ]


_DECIMAL = r"[+−]?(?:\d+\.?\d*|\.\d+)"
_SPREAD = re.compile(
    rf"({_DECIMAL})(?: points)? (?:± ?({_DECIMAL})|\[({_DECIMAL}), ({_DECIMAL})\])"
)


def spreads(text: str) -> list[list[str]]:
    """Every figure that is stated with its ± or its interval."""
    whole = " ".join(re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S).split())
    return [[part for part in match.groups() if part] for match in _SPREAD.finditer(whole)]


def rounded_from(short: list[str], long: list[str]) -> bool:
    """Whether the first may be the second, rounded; signs, which words may express, aside."""
    if len(short) != len(long):
        return False
    a, b = ([abs(float(part.replace("−", "-"))) for part in row] for row in (short, long))
    digits = [len(part.partition(".")[2]) for part in short]
    return all(abs(x - y) <= 0.5 * 10**-n + 1e-9 for x, y, n in zip(a, b, digits, strict=True))


def test_the_readme_repeats_figures_of_the_rooms() -> None:
    """What the project's README states with an interval stands in a room, or in a study's table."""
    first, rooms = ROOT / "README.md", [path for path in READMES if path.parent != ROOT]
    text = first.read_text(encoding="utf-8")
    known = [pair for path in rooms for pair in spreads(path.read_text(encoding="utf-8"))]
    for name, body in places(text):
        if name in TABLES:
            known += spreads(body)
            text = text.replace(body, "")
    shown = spreads(text)
    strange = [pair for pair in shown if not any(rounded_from(pair, k) for k in known)]
    assert len(shown) >= 10
    assert not strange, strange


ROW = Fragment("README.md", "It takes 3 minutes", "measured", "scripts/test", "measured", "0123abc")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("kind", "guessed", "allowed: measured, setting, cited"),
        ("text", "3 of 4", "10 letters or more"),
        ("command", "", "what printed the number"),
        ("source", "", "allowed: simulated, recorded, live, measured"),
        ("commit", "yesterday", "seven hex digits"),
    ],
)
def test_a_row_that_says_too_little_is_refused(
    tmp_path: Path, field: str, value: str, message: str
) -> None:
    cells = {name: getattr(ROW, name) for name in Fragment.__slots__} | {field: value}
    file = tmp_path / "stated.csv"
    file.write_text(f"{','.join(cells)}\n{','.join(cells.values())}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_stated(file)


def test_wrong_columns_and_a_citation_of_nothing_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "stated.csv"
    file.write_text("readme,text\nREADME.md,It takes 3 minutes\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="readme,text,kind,command,source,commit"):
        read_stated(file)
    with pytest.raises(ConfigError, match="the publication"):
        Fragment("README.md", "It takes 3 minutes", "cited", "", "", "").check()
