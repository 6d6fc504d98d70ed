"""Parsers: help that says the defaults, and errors that name the nearest flag."""

from __future__ import annotations

import pytest

from abgnn.cli.arguments import Parser
from abgnn.cli.main import main


def parser() -> Parser:
    made = Parser(prog="abgnn try")
    made.add_argument("--rollouts", type=int, default=320, help="how many")
    made.add_argument("--out", help="file to write")
    made.add_argument("--strict", action="store_true", help="aim lower")
    return made


def test_help_shows_the_defaults_that_say_something() -> None:
    text = parser().format_help()
    assert "how many (default: 320)" in text
    assert text.count("default") == 1


def test_texts_of_several_lines_keep_them() -> None:
    made = parser()
    made.description, made.epilog = "word " * 40, "first:\n  second"
    text = made.format_help()
    assert "\nfirst:\n  second" in text
    assert max(map(len, text.splitlines())) <= 100


def test_arguments_are_kept_as_they_came() -> None:
    args = parser().read(["--out", "x"])
    assert (args.out, args.rollouts, args.argv) == ("x", 320, ["--out", "x"])


@pytest.mark.parametrize("flag", ["--rolouts", "--rolouts=3"])
def test_a_wrong_flag_names_the_nearest(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parser().read([flag])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert f"unrecognized arguments: {flag}; did you mean --rollouts?" in error
    assert "usage: abgnn try" in error


def test_a_flag_like_no_other_names_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().read(["--zzz"])
    assert "did you mean" not in capsys.readouterr().err


def test_flags_of_an_action_are_known_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["difficulty", "eval", "--path", "x", "--repeat", "3", "--fold=4", "--hed=y"]) == 2
    assert "did you mean --head?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [["calibrate"], ["certify"], ["frontier"], ["compare"], ["inductive"], ["cases"]],
)
def test_what_is_required(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    assert "required: --config" in capsys.readouterr().err
