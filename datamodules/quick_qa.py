"""QuickQA: 180 four-option questions written for this project, packaged with it."""

from __future__ import annotations

from hashlib import blake2b
from importlib.resources import files
from typing import Any, ClassVar

import yaml

from abgnn.query import Query
from datamodules.base import QuestionDataModule
from datamodules.scoring import option_letter

LETTERS = "ABCD"
FORMAT = "Think briefly if you need to, then end with: The answer is (X)."


class QuickQA(QuestionDataModule):
    """Six subjects, five levels, six questions each, with keys checked by hand.

    `meta`: subject, area (`stem`, `hum`, `soc`, `law`), level (1 known to a schoolchild, to 5
    known to an expert), topic (0 to 9 within the subject), choices. The answer is a letter.
    Arguments: see `QuestionDataModule`.
    """

    domain: ClassVar[str] = "general"

    def load(self) -> list[Query]:
        """The questions in the file's order."""
        text = (files("datamodules") / "data" / "quick_qa.yaml").read_text(encoding="utf-8")
        return [
            _query(subject, record, self.domain)
            for subject in yaml.safe_load(text)["subjects"]
            for record in subject["questions"]
        ]

    def score(self, query: Query, response: str) -> float:
        """1 if the response settles on the right letter."""
        return float(option_letter(response, query.meta["choices"]) == query.answer)

    def specimen(self, query: Query, *, correct: bool) -> str:
        """The right letter, or always the same wrong one."""
        letter = query.answer
        if not correct:
            wrong = LETTERS.replace(letter, "")
            letter = wrong[blake2b(query.id.encode()).digest()[0] % len(wrong)]
        return f"The answer is ({letter})."


def _query(subject: dict[str, Any], record: dict[str, Any], domain: str) -> Query:
    choices = tuple(record["choices"])
    options = [f"{letter}) {choice}" for letter, choice in zip(LETTERS, choices, strict=True)]
    meta = {
        "subject": subject["name"],
        "area": subject["area"],
        "level": record["level"],
        "topic": record["topic"],
        "choices": choices,
    }
    return Query(
        id=f"quick_qa/{record['id']}",
        text="\n".join([record["question"], *options, "", FORMAT]),
        domain=domain,
        answer=record["answer"],
        meta=meta,
    )
