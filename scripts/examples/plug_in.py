# %% [markdown]
# # Plug into a framework
#
# A team that runs already becomes what a policy chooses from: its agents, prompts and edges stay
# yours, and which of them a question gets, on which LLM, is decided within budgets. Here the team
# is a graph of LangGraph (`pip install 'abgnn[langgraph]'`); `from_autogen` and `from_workflow` do
# the same for AutoGen and Microsoft's Agent Framework. *Simulated*: no LLM is called.

# %%
from pathlib import Path
from typing import TypedDict

from IPython.display import Image
from langgraph.graph import END, START, StateGraph
from rich.console import Console
from rich.table import Table

from abgnn.frameworks.langgraph import from_langgraph
from abgnn.graph import BaseMAS
from abgnn.models import FixedGraph, RandomGraph
from abgnn.plots import draw_plan
from abgnn.rollout import Executor, SimulatedClient
from abgnn.training.evaluate import evaluate
from datamodules import QuickQA


# %%
class State(TypedDict):
    """What the nodes pass on."""

    text: str


def work(state: State) -> State:
    """A node of your own: only its prompt and its edges are taken over."""
    return state


PROMPTS = {
    "Researcher": "You collect the facts that the question needs.",
    "Writer": "You write a first answer.",
    "Critic": "You look for mistakes in the answer of others.",
    "Editor": "You give the final answer.",
}
graph = StateGraph(State)
for name, prompt in PROMPTS.items():
    graph.add_node(name, work, metadata={"prompt": prompt})
graph.add_edge(START, "Researcher")
graph.add_edge(START, "Writer")
for start, end in [("Researcher", "Critic"), ("Writer", "Critic"), ("Critic", "Editor")]:
    graph.add_edge(start, end)
graph.add_edge("Editor", END)

framework = from_langgraph(graph)
mas, data = BaseMAS(encoder="offline", framework=framework), QuickQA()
print([role.name for role in mas.template.roles])

# %% [markdown]
# The team as it is, on a small and on a large LLM, beside random cuts of it: agents, LLMs and edges
# drawn at random. `budgeted(...)` learns from your questions which cuts are worth it.

# %%
policies = {
    "the team, Qwen3-8B": FixedGraph("Qwen3-8B"),
    "the team, Qwen3-235B-A22B": FixedGraph("Qwen3-235B-A22B"),
    "random cuts": RandomGraph(),
}
table = Table(title="twenty held-out questions (simulated)", title_justify="left")
for head in ("", "accuracy", "mUSD", "s", "calls"):
    table.add_column(head, justify="right" if head else "left")
shown = None
with Executor(SimulatedClient(), mas.catalogue, data, framework=framework) as executor:
    for name, policy in policies.items():
        outcomes = evaluate(policy, mas, executor, data.queries("test")[:20], sample=True)
        shown = shown or outcomes[0].plan
        n, fields = len(outcomes), ("score", "cost", "latency")
        right, usd, s = (sum(getattr(o, field) for o in outcomes) / n for field in fields)
        calls = sum(len(o.calls) for o in outcomes) / n
        table.add_row(name, f"{right:.2f}", f"{1e3 * usd:.2f}", f"{s:.1f}", f"{calls:.1f}")
Console(width=100).print(table)

# %% [markdown]
# The team as a plan: an agent starts when those that it reads have ended.

# %%
Path("runs").mkdir(exist_ok=True)
figure = draw_plan(shown, simulated=True, title="the team as it is")
figure.savefig("runs/plug_in.png", dpi=90)
Image("runs/plug_in.png", width=640)
