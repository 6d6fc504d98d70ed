"""`Parser`: argparse whose help shows defaults, and whose errors name the nearest flag."""

from __future__ import annotations

import difflib
from argparse import (
    Action,
    ArgumentDefaultsHelpFormatter,
    ArgumentParser,
    Namespace,
    _SubParsersAction,
)
from collections.abc import Iterable, Iterator, Sequence
from typing import Any


class Help(ArgumentDefaultsHelpFormatter):
    """Shows defaults that say something; keeps the lines of a text that has several."""

    def _get_help_string(self, action: Action) -> str | None:
        if action.default is None or action.default is False:
            return action.help
        return super()._get_help_string(action)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return "".join(indent + line for line in text.splitlines(keepends=True))
        return super()._fill_text(text, width, indent)


class Parser(ArgumentParser):
    """The parser of one command.

    Attributes:
        takes_keys: any other flag may follow, for it may be a key of a config (`abgnn fit`).
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"formatter_class": Help, **options})
        self.takes_keys = False

    def read(self, argv: Sequence[str]) -> Namespace:
        """The arguments of a command; `argv` itself is kept among them."""
        args, unknown = self.parse_known_args(argv)
        if unknown and not self.takes_keys:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._hint(unknown)}")
        args.argv = list(argv)
        return args

    def flags(self) -> Iterator[str]:
        """Every flag, those of actions (`abgnn difficulty fit`) included."""
        for action in self._actions:
            yield from action.option_strings
            if isinstance(action, _SubParsersAction):
                for parser in action.choices.values():
                    yield from parser.flags()

    def _hint(self, unknown: Sequence[str]) -> str:
        near = [nearest(word.partition("=")[0], self.flags()) for word in unknown]
        return did_you_mean([word for word in near if word])


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like this one, if any is."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1)), None)


def did_you_mean(words: Sequence[str]) -> str:
    """`; did you mean …?`, or nothing."""
    return f"; did you mean {', '.join(dict.fromkeys(words))}?" if words else ""
