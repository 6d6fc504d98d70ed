"""MMLU: four-option questions on 57 subjects."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from abgnn.data.query import Query
from datamodules.benchmark import Benchmark
from datamodules.hub import Hub
from datamodules.mmlu_subjects import AREA_AND_TOPIC
from datamodules.multiple_choice import LETTERS, MultipleChoice, choice_text
from datamodules.rows import Row

_SPLIT = re.compile(r"_(?:test|val|dev|train)$")


class MMLU(MultipleChoice, Benchmark):
    """Massive Multitask Language Understanding (Hendrycks et al., arXiv 2009.03300).

    Local layouts: the hub's columns as jsonl or json (question, choices, subject, answer as a
    letter or a place counted from 0), and the authors' folders of CSVs without a header
    (`test/anatomy_test.csv`: question, four options, letter). `meta`: subject, choices, and area
    and topic as `mapped` from the subject (`mmlu_subjects`); the answer is a letter. Splits are
    stratified by subject. Arguments: see `Benchmark`.
    """

    domain: ClassVar[str] = "general"
    HUB: ClassVar[Hub] = Hub(
        "cais/mmlu", "c30699e8356da336a370243923dbaf21066bb9fe", ("all",), streaming=True
    )
    CSV_COLUMNS: ClassVar[Sequence[str]] = ("question", "A", "B", "C", "D", "answer")

    def parse(self, row: Row) -> Query:
        """A question with its options."""
        choices = _choices(row)
        subject = row.fields.get("subject") or _SPLIT.sub("", row.part)
        return Query(
            id=str(row.fields.get("id") or f"mmlu/{row.name}"),
            text=choice_text(row.text("question").strip(), choices),
            domain=self.domain,
            answer=_letter(row, len(choices)),
            meta={"subject": str(subject), **_mapped(str(subject)), "choices": choices},
        )


def _mapped(subject: str) -> dict[str, Any]:
    """Area and topic by the subject's name; nothing of a subject that is none of the 57."""
    if subject not in AREA_AND_TOPIC:
        return {}
    area, topic = AREA_AND_TOPIC[subject]
    return {"area": area, "topic": topic, "mapped": True}


def _choices(row: Row) -> tuple[str, ...]:
    if "A" in row.fields and "choices" not in row.fields:
        return tuple(row.text(letter).strip() for letter in "ABCD")
    choices: Any = row.value("choices")
    if not isinstance(choices, (list, tuple)) or not 2 <= len(choices) <= len(LETTERS):
        raise row.refuse("choices", "a list of two options or more")
    return tuple(str(choice).strip() for choice in choices)


def _letter(row: Row, n: int) -> str:
    """The answer as a letter; it may be a letter, or a place counted from 0."""
    answer = row.text("answer").strip().upper()
    letters = LETTERS[:n]
    letter = letters[int(answer)] if answer.isdecimal() and int(answer) < n else answer
    if len(letter) != 1 or letter not in letters:
        raise row.refuse("answer", f"a letter of {letters}, or a place from 0 to {n - 1}")
    return letter
