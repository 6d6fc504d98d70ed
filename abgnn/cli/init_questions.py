"""What `abgnn init` asks on a terminal; a wrong answer is refused in the words of its flag."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import TypeVar

from rich.console import Console
from rich.prompt import Confirm, Prompt

from abgnn.errors import ConfigError
from abgnn.experiments.starter.starter import (
    LEAST_QUESTIONS,
    Model,
    check_above_0,
    check_domain,
    check_key_env,
    check_url,
)

T = TypeVar("T")


def ask(args: Namespace, console: Console) -> None:
    """Ask for everything, and put the answers where flags would be."""
    args.simulated = not Confirm.ask(
        "Call real LLMs? (n: packaged ones, simulated)", console=console, default=False
    )
    args.questions = _ask(console, "File of your questions (empty: packaged ones)", _file)
    domains = "general or math" if args.questions else "general, math or code"
    args.domain = _ask(
        console, f"Domain: {domains}", lambda s: check_domain(s, args.questions), "general"
    )
    if not args.simulated:
        _ask_llms(args, console)
    cost = "0.001" if args.simulated else ""
    args.cost = _ask(console, "Budget: mean USD per question", _number("--cost"), cost)
    seconds = "Budget: mean seconds per question (empty: none)"
    args.latency = _ask(
        console,
        seconds if args.cost else "Budget: mean seconds per question",
        _number("--latency", needed=args.cost is None),
        "20" if args.simulated else "",
    )
    if not args.simulated:
        question = "Most USD that all runs together may cost"
        args.max_usd = _ask(console, question, _number("--max-usd", needed=True), "5")


def _ask_llms(args: Namespace, console: Console) -> None:
    args.base_url = _ask(console, "Base URL of an OpenAI-compatible endpoint", check_url)
    text = "Environment variable with its key (empty: it needs none)"
    args.key_env = _ask(console, text, lambda s: check_key_env(s or None))
    args.model = []
    text = "LLM, as NAME=PRICE_IN/PRICE_OUT in USD per million tokens"
    while model := _ask(console, text, lambda s: _model(s, needed=not args.model)):
        args.model.append(model)
        text = "One more LLM (empty: no)"


def _model(said: str, *, needed: bool) -> str:
    if said or needed:
        Model.read(said)
    return said


def _file(said: str) -> str | None:
    if not said:
        return None
    if (n := count_questions(said)) < LEAST_QUESTIONS:
        raise ConfigError("--questions", f"{n} questions", f"at least {LEAST_QUESTIONS}")
    return said


def _number(field: str, *, needed: bool = False) -> Callable[[str], float | None]:
    """A reader of numbers above 0; nothing is None where it is not needed."""

    def read(said: str) -> float | None:
        if not said and not needed:
            return None
        try:
            return check_above_0(field, float(said))
        except ConfigError:
            raise
        except ValueError:
            raise ConfigError(field, said, "a number above 0") from None

    return read


def _ask(console: Console, text: str, read: Callable[[str], T], default: str = "") -> T:
    """The first answer that the reader takes."""
    while True:
        said = Prompt.ask(text, console=console, default=default, show_default=bool(default))
        try:
            return read(said.strip())
        except ConfigError as error:
            console.print(str(error), style="red", markup=False)


def count_questions(path: str) -> int:
    """How many questions a file has; each line is read, so that a wrong one is refused here."""
    from datamodules.questions import Questions

    return len(Questions(path).load())
