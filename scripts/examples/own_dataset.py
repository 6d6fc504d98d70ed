# %% [markdown]
# # A dataset of your own
#
# Three methods make a question set: `load`, `score`, `specimen`. Splits, batches, calibration,
# training and comparison come with it. *Simulated*: the specimens are what LLMs "answer" here.

# %%
from typing import ClassVar

from rich.console import Console
from rich.table import Table

from abgnn.data import Query
from abgnn.graph import BaseMAS
from abgnn.models import FixedGraph
from abgnn.rollout import Executor, SimulatedClient
from abgnn.training.evaluate import evaluate
from datamodules.base import QuestionDataModule

PLANETS = {
    "Mercury": 0, "Venus": 0, "Earth": 1, "Mars": 2, "Jupiter": 4, "Saturn": 7,
}  # fmt: skip
COUNTS = [
    "How many moons of {} were known before 1700, its own ring systems aside?",
    "Count the moons of {} that an astronomer of the year 1700 could list.",
]


# %%
class OldMoons(QuestionDataModule):
    """Right if the last word of the response is the number. Arguments: see the base class."""

    domain: ClassVar[str] = "general"

    def load(self) -> list[Query]:
        return [
            Query(f"moons/{planet}/{i}", text.format(planet), self.domain, str(count))
            for planet, count in PLANETS.items()
            for i, text in enumerate(COUNTS)
        ]

    def score(self, query: Query, response: str) -> float:
        words = response.split()
        return float(bool(words) and words[-1].strip(".") == query.answer)

    def specimen(self, query: Query, *, correct: bool) -> str:
        return f"It is {query.answer if correct else int(query.answer) + 1}."


# %% [markdown]
# A first check that every dataset deserves: it judges its own specimens.

# %%
data = OldMoons(n_train=4, n_val=2)
for query in data.load():
    assert data.score(query, data.specimen(query, correct=True)) == 1.0
    assert data.score(query, data.specimen(query, correct=False)) == 0.0
data.setup("test")
print({split: len(data.queries(split)) for split in ("train", "val", "test")})

# %% [markdown]
# The same class in a config or on the command line is
# `abgnn fit --config simulated/general.yaml --data my_data.OldMoons`. From Python:

# %%
mas = BaseMAS("general", catalogue="catalogues/paper.yaml", encoder="offline")
lead = mas.template.roles[mas.template.lead].name
table = Table(title="lone LLMs on the test questions, five samples each (simulated)")
for head in ("LLM", "right", "mUSD", "s"):
    table.add_column(head, justify="left" if head == "LLM" else "right")
with Executor(SimulatedClient(world_seed=0), mas.catalogue, data) as executor:
    for name in mas.catalogue.names[:6]:
        policy = FixedGraph(name, [lead])
        outcomes = evaluate(policy, mas, executor, data.queries("test"), samples=5)
        right, usd, seconds = (
            sum(getattr(o, of) for o in outcomes) / len(outcomes)
            for of in ("score", "cost", "latency")
        )
        table.add_row(name, f"{right:.2f}", f"{1e3 * usd:.3f}", f"{seconds:.1f}")
Console(width=100).print(table)
