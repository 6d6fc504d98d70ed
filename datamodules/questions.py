"""`Questions`: a user's own questions with short answers, from a jsonl, json or csv file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from abgnn.data.query import Query
from abgnn.errors import ConfigError
from datamodules.multiple_choice import FORMAT, LETTERS, MultipleChoice, choice_text
from datamodules.numeric import Numeric
from datamodules.question_set import QuestionSet
from datamodules.rows import Row, local_rows
from datamodules.stated import MAX_CHARACTERS, StatedAnswer

Answers = Literal["auto", "number", "letter", "text"]
Domain = Literal["general", "math", "code"]
FORMATS = {
    "number": "Work it out step by step, then end with: The answer is N. (N is one number.)",
    "letter": FORMAT,
    "text": "Think briefly if you need to, then end with: The answer is X. (X in few words.)",
}
_OPTION = re.compile(r"^[ \t]*\(?([A-Z])[).:][ \t]+(\S.*?)[ \t]*$", re.MULTILINE)
_NUMBER = re.compile(r"[$€£]?([-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:/0*[1-9]\d*)?) ?%?")
_META = ("subject", "level", "topic", "area", "kind")
Judge: TypeAlias = Numeric | MultipleChoice | StatedAnswer
_JUDGES: dict[str, Judge] = {
    "number": Numeric(),
    "letter": MultipleChoice(),
    "text": StatedAnswer(),
}


class Questions(QuestionSet):
    """Questions of a file, one a line, each with a short answer that is known.

    Columns: `question` and `answer`; also `id`, `choices` (a list; in csv parted by `|`), and
    `subject`, `level`, `topic`, `area`, `kind`, which go into `meta`. How a response is scored
    depends on the answer:

    - `letter`: the question has `choices`, or lists them as lines `A) …`; the answer is a letter
      or the text of a choice. Right is a response that settles on this letter.
    - `number`: the answer is a number or a fraction. Right is a response that states the same one.
    - `text`: any other answer. Right is a response that states it, whatever case and punctuation
      ("The answer is …", boxed, or its last line).

    Each question is shown with a line that asks for its kind of answer.

    Args:
        path: a .jsonl, .json or .csv file, or a folder of them.
        domain: `general`, `math` or `code`: whose roles and published scores are looked at.
        answers: how all of them are scored; `auto`: each by its own answer.
        splits: n_train, n_val, n_test, batch_size, seed, limit, see `QuestionSet`.

    Raises:
        ConfigError: no such file, or a line that cannot be used; it names file, line and column.
    """

    domain: ClassVar[str] = "general"

    def __init__(
        self, path: str, *, domain: Domain = "general", answers: Answers = "auto", **splits: Any
    ) -> None:
        super().__init__(**splits)
        if domain not in get_args(Domain):
            raise ConfigError(self._field("domain"), domain, " | ".join(get_args(Domain)))
        if answers not in get_args(Answers):
            raise ConfigError(self._field("answers"), answers, " | ".join(get_args(Answers)))
        self.path, self.answers = path, answers
        vars(self)["domain"] = domain  # of this file, where other sets have one of their class

    def load(self) -> list[Query]:
        """The questions in the file's order."""
        return list(self._distinct())

    def score(self, query: Query, response: str) -> float:
        """1 if the response states the answer, else 0."""
        return self._judge(query).score(query, response)

    def key(self, query: Query, response: str) -> str:
        """The letter, number or text that scoring reads; empty where it reads none."""
        return self._judge(query).key(query, response)

    def answer_keys(self, query: Query) -> list[str]:
        """The right answer, then wrong ones."""
        return self._judge(query).answer_keys(query)

    def specimen(self, query: Query, key: str | None = None, *, correct: bool = True) -> str:
        """A short response with this key; without one, with a right or a wrong answer."""
        return self._judge(query).specimen(query, key, correct=correct)

    def _judge(self, query: Query) -> Judge:
        return _JUDGES[self._kind(query.answer, bool(query.meta.get("choices")))]

    def _kind(self, answer: str, choices: bool) -> str:
        if self.answers != "auto":
            return self.answers
        if choices:
            return "letter"
        return "number" if _is_number(answer) else "text"

    def _distinct(self) -> Iterator[Query]:
        places: dict[str, str] = {}
        for row in local_rows(self.path, "test"):
            query = self._query(row)
            for name, value in (("id", query.id), ("question", query.text)):
                if (earlier := places.setdefault(f"{name} {value}", row.where)) != row.where:
                    allowed = f"every {name} once; it is also at {earlier}"
                    raise ConfigError(f"{row.where}: {name}", value[:80], allowed)
            yield query

    def _query(self, row: Row) -> Query:
        question, answer = row.text("question").strip(), row.text("answer").strip()
        stated = _choices(row)
        choices = stated or _listed(question)
        kind = self._kind(answer, bool(stated) or (bool(choices) and len(answer) == 1))
        meta = {name: _meta(row.fields[name]) for name in _META if row.fields.get(name)}
        text = f"{question}\n\n{FORMATS[kind]}"
        if kind == "letter":
            answer, meta["choices"] = _letter(row, answer, choices), choices
            text = choice_text(question, stated) if stated else text
        elif kind == "number":
            answer = _number(row, answer)
        elif len(answer) > MAX_CHARACTERS or not StatedAnswer.readable(answer):
            allowed = f"a text of words, of at most {MAX_CHARACTERS} characters"
            raise row.refuse("answer", f"{allowed}; for others write a `score` of your own")
        name = str(row.fields.get("id") or f"questions/{row.name}")
        return Query(name, text, self.domain, answer, meta)


def _meta(value: Any) -> Any:
    """Whole numbers of a csv as numbers: levels are."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _is_number(answer: str) -> bool:
    return any(c in "0123456789" for c in answer) and bool(_plain(answer))


def _plain(answer: str) -> str:
    """The number alone, as `Fraction` reads it; empty if the answer is none."""
    match = _NUMBER.fullmatch(answer)
    return match[1].replace(",", "") if match else ""


def _number(row: Row, answer: str) -> str:
    """Without commas, currency and per cent, as `Fraction` reads it."""
    if not _is_number(answer):
        raise row.refuse("answer", "a number or a fraction, such as 12, -0.5, 1,200 or 3/4")
    return _plain(answer)


def _letter(row: Row, answer: str, choices: tuple[str, ...]) -> str:
    """The letter of an answer that is one, or the text of one choice."""
    if not choices:
        allowed = "a list of at least two texts, or lines `A) …` in the question"
        raise ConfigError(f"{row.where}: choices", row.fields.get("choices"), allowed)
    letters = LETTERS[: len(choices)]
    if len(answer) == 1 and answer.upper() in letters:
        return answer.upper()
    same = [i for i, choice in enumerate(choices) if choice.casefold() == answer.casefold()]
    if len(same) != 1:
        raise row.refuse("answer", f"a letter from A to {letters[-1]}, or the text of one choice")
    return letters[same[0]]


def _choices(row: Row) -> tuple[str, ...]:
    """The column `choices`: a list, or texts parted by `|`; empty where there is none."""
    value = row.fields.get("choices")
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        value = _split(value)
    texts = [str(text).strip() for text in value] if isinstance(value, list) else []
    most = len(LETTERS)
    if not 2 <= len(texts) <= most or not all(texts) or len(set(texts)) < len(texts):
        raise row.refuse("choices", f"2 to {most} different texts, as a list or parted by |")
    return tuple(texts)


def _split(value: str) -> Any:
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            return None
    return value.split("|")


def _listed(question: str) -> tuple[str, ...]:
    """The choices that a question lists itself, as lines `A) …`, `B) …` in this order."""
    lines = _OPTION.findall(question)
    in_order = [letter for letter, _ in lines] == list(LETTERS[: len(lines)])
    return tuple(text for _, text in lines) if in_order and len(lines) > 1 else ()
