"""QuickQA: 180 four-option questions written for this project, packaged with it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, ClassVar

import yaml

from abgnn.data.query import Query
from datamodules.multiple_choice import MultipleChoice, choice_text
from datamodules.question_set import QuestionSet


class QuickQA(MultipleChoice, QuestionSet):
    """Six subjects, five levels, six questions each, with keys checked by hand.

    `meta`: subject, area (`stem`, `hum`, `soc`, `law`), level (1 known to a schoolchild, to 5
    known to an expert), topic (0 to 9 within the subject), choices. The answer is a letter.
    Arguments: see `QuestionSet`.
    """

    domain: ClassVar[str] = "general"

    def load(self) -> list[Query]:
        """The questions in the file's order."""
        return [
            _query(subject, record, self.domain)
            for subject in _subjects()
            for record in subject["questions"]
        ]


@cache
def _subjects() -> list[dict[str, Any]]:
    """The file's content; to parse it takes half a second."""
    text = (files("datamodules") / "data" / "quick_qa.yaml").read_text(encoding="utf-8")
    subjects: list[dict[str, Any]] = yaml.safe_load(text)["subjects"]
    return subjects


def _query(subject: dict[str, Any], record: dict[str, Any], domain: str) -> Query:
    choices = tuple(record["choices"])
    meta = {
        "subject": subject["name"],
        "area": subject["area"],
        "level": record["level"],
        "topic": record["topic"],
        "choices": choices,
    }
    return Query(
        id=f"quick_qa/{record['id']}",
        text=choice_text(record["question"], choices),
        domain=domain,
        answer=record["answer"],
        meta=meta,
    )
