"""GSM8K: grade-school word problems with one number as the answer."""

from __future__ import annotations

from typing import ClassVar

from abgnn.data.query import Query
from datamodules.benchmark import Benchmark
from datamodules.hub import Hub
from datamodules.numeric import Numeric
from datamodules.rows import Row
from datamodules.scoring import last_number

FORMAT = "Work it out step by step, then end with: The answer is N. (N is one number.)"


class GSM8K(Numeric, Benchmark):
    """Grade School Math 8K (Cobbe et al., arXiv 2110.14168).

    Local layouts: the authors' `test.jsonl` (question, and a worked answer that ends in
    `#### 18`), also with a column `final`. A response is right if the number that it states
    equals the answer exactly. `meta`: steps, the calculations of the worked answer. Arguments:
    see `Benchmark`.
    """

    domain: ClassVar[str] = "math"
    HUB: ClassVar[Hub] = Hub("openai/gsm8k", "740312add88f781978c0658806c59bc2815b9866", ("main",))

    def parse(self, row: Row) -> Query:
        """A word problem; the answer without commas."""
        worked = row.text("answer", "final")
        final = row.fields.get("final") or worked.rpartition("####")[2]
        number = (
            last_number(f"The answer is {final}")
            if "final" in row.fields or "####" in worked
            else None
        )
        if number is None:
            raise row.refuse("answer", "a worked answer that ends in `#### NUMBER`")
        return Query(
            id=str(row.fields.get("id") or f"gsm8k/{row.name}"),
            text=f"{row.text('question').strip()}\n\n{FORMAT}",
            domain=self.domain,
            answer=str(number),
            meta={"steps": worked.count("<<")},
        )
