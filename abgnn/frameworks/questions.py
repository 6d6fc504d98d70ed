"""Questions of a user's own with known answers, from which a team's plans are learned."""

from __future__ import annotations

import json
import re
from pathlib import Path

from abgnn.data.query import Query
from abgnn.errors import ConfigError

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


class QuestionFile:
    """A file of lines `{"question": …, "answer": …}`; all of them are training questions.

    A reply is right if its last number equals the answer, or for an answer that is no number, if
    the last line that is not empty holds it as words of its own, whatever the case.

    Args:
        path: a .jsonl file.
        domain: `general`, `math` or `code`: whose published scores are looked at.

    Raises:
        ConfigError: no such file, or a line that is not like this.
    """

    seed = 0

    def __init__(self, path: str | Path, domain: str = "general") -> None:
        self.path, self.domain = Path(path), domain
        if not self.path.is_file():
            raise ConfigError("questions", str(path), "an existing .jsonl file")
        lines = self.path.read_text(encoding="utf-8").splitlines()
        self._queries = [self._query(i, s) for i, s in enumerate(lines, 1) if s.strip()]
        if not self._queries:
            raise ConfigError("questions", str(path), "at least one line")

    def setup(self, stage: str) -> None:
        """Nothing is left to do."""

    def queries(self, split: str) -> list[Query]:
        """All of them."""
        return list(self._queries)

    def score(self, query: Query, response: str) -> float:
        return float(_key(query.answer, response) == _key(query.answer, query.answer))

    def specimen(self, query: Query, *, correct: bool) -> str:
        if correct:
            return query.answer
        value = _number(query.answer)
        return "no idea" if value is None else f"{value + 1:g}"

    def _query(self, number: int, line: str) -> Query:
        where, allowed = f"{self.path}:{number}", '{"question": a text, "answer": a text or number}'
        try:
            row = json.loads(line)
            question, answer = row["question"], str(row["answer"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(where, line[:80], allowed) from error
        if not isinstance(question, str) or not question.strip() or not answer.strip():
            raise ConfigError(where, line[:80], allowed)
        return Query(f"{self.path.stem}/{number}", question, self.domain, answer.strip())


def _key(answer: str, response: str) -> float | bool | None:
    """The number that a response ends on, or whether its last line has the answer's text."""
    if _number(answer) is not None:
        numbers = _NUMBER.findall(response)
        return _number(numbers[-1]) if numbers else None
    last = next((line for line in reversed(response.splitlines()) if line.strip()), "")
    return re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", last, re.IGNORECASE) is not None


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None
