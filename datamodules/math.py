"""MATH: competition problems with answers in LaTeX."""

from __future__ import annotations

import logging
import re
from typing import Any, ClassVar, Literal

from abgnn.data.query import Query
from abgnn.data.specimens import split_header
from abgnn.errors import ConfigError
from datamodules.benchmark import Benchmark
from datamodules.hub import Hub
from datamodules.rows import Row
from datamodules.scoring.latex import boxed_answer, final_answer, normalise, rational, same
from datamodules.scoring.near_misses import near_formulas, near_numbers
from datamodules.scoring.verifier import Verifier

WRONG = 19  # wrong answers of a problem
NO_ANSWER = "-987654321"
FORMAT = "Reason step by step, then end with the final answer in \\boxed{}."
SUBJECTS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)
_log = logging.getLogger(__name__)


class MATH(Benchmark):
    r"""The MATH dataset (Hendrycks et al., arXiv 2103.03874): seven subjects, levels 1 to 5.

    Local layouts: the authors' folders (`test/algebra/1.json` with problem, solution, level,
    type), and jsonl with the same columns or with answer, subject and level as a number. Without
    a column `answer`, the last \boxed{} of the solution is the answer. `meta`: subject, level (if
    known). Splits are stratified by both.

    A response's final answer (its last \boxed{}, else what it states) is compared with the gold
    answer as normalised text (`scoring.latex.same`), which settles most. What text cannot settle
    goes to math-verify, in a process that is killed after `timeout_s`. The fallback: where
    math-verify is not installed (one warning), dies or runs out of time, and with
    `verifier="plain"`, what text cannot settle is wrong.

    Args:
        verifier: `math-verify`, or `plain`: text only.
        timeout_s: seconds for one comparison by math-verify.
        benchmark: n_train, n_val, n_test, path, …, see `Benchmark`.
    """

    domain: ClassVar[str] = "math"
    attraction: ClassVar[float] = 0.4  # wrong answers to competition problems are less alike
    HUB: ClassVar[Hub] = Hub(
        "EleutherAI/hendrycks_math", "21a5633873b6a120296cce3e2df9d5550074f4a3", SUBJECTS
    )

    def __init__(
        self,
        *,
        verifier: Literal["math-verify", "plain"] = "math-verify",
        timeout_s: float = 5.0,
        **benchmark: Any,
    ) -> None:
        super().__init__(**benchmark)
        if verifier not in ("math-verify", "plain"):
            raise ConfigError("MATH.verifier", verifier, "math-verify or plain")
        if not timeout_s > 0:
            raise ConfigError("MATH.timeout_s", timeout_s, "a number of seconds > 0")
        self.verifier: Verifier | None = None
        if verifier == "math-verify" and Verifier.installed():
            self.verifier = Verifier(timeout_s)
        elif verifier == "math-verify":
            _log.warning(
                "math-verify is not installed: MATH's answers are compared as normalised text only"
            )

    def parse(self, row: Row) -> Query:
        """A problem with subject and level."""
        stated = "answer" in row.fields
        gold = row.text("answer") if stated else boxed_answer(row.text("solution"))
        if not gold:
            raise row.refuse("solution", "a solution with its answer in \\boxed{}")
        subject = row.fields.get("subject") or row.fields.get("type") or row.part
        meta: dict[str, Any] = {"subject": str(subject)}
        if level := re.search(r"[1-5]", str(row.fields.get("level", ""))):
            meta["level"] = int(level[0])
        return Query(
            id=str(row.fields.get("id") or row.fields.get("unique_id") or f"math/{row.name}"),
            text=f"{row.text('problem').strip()}\n\n{FORMAT}",
            domain=self.domain,
            answer=gold.strip(),
            meta=meta,
        )

    def score(self, query: Query, response: str) -> float:
        """1 if the final answer equals the gold one. May block; safe in any thread."""
        answer = final_answer(response)
        if answer is None:
            return 0.0
        verdict = same(query.answer, answer)
        if verdict is None and self.verifier is not None:
            verdict = self.verifier.equal(query.answer, answer)
        return float(verdict is True)

    def key(self, query: Query, response: str) -> str:
        """The final answer's plain form, rationals as fractions; empty where none is stated.

        Text only: what math-verify alone would call equal counts as two votes.
        """
        answer = final_answer(split_header(response)[1])
        if answer is None:
            return ""
        plain = normalise(answer)
        value = rational(plain)
        return plain if value is None else str(value)

    def teardown(self, stage: str | None = None) -> None:
        """End math-verify's processes; scoring starts new ones."""
        if self.verifier is not None:
            self.verifier.close()

    def answer_keys(self, query: Query) -> list[str]:
        """The gold answer as written; numbers near it, or formulas with another number in them."""
        value = rational(normalise(query.answer))
        if value is not None:
            return [query.answer, *(str(number) for number in near_numbers(value, WRONG))]
        near = near_formulas(query.answer, WRONG)
        return [query.answer, *(near or (f"{NO_ANSWER}{i}" for i in range(WRONG)))]

    def specimen(self, query: Query, key: str | None = None, *, correct: bool = True) -> str:
        r"""This answer in a \boxed{}; without one, the gold one, or one that no problem has."""
        answer = (query.answer if correct else NO_ANSWER) if key is None else key
        return f"The answer is $\\boxed{{{answer}}}$."
