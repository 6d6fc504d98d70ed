# %% [markdown]
# # Escalate only when needed
#
# A closed loop asks a cheap LLM, reads its answer, and goes on to a dearer one only where that is
# worth its price. It is planned from questions that every LLM has answered. *Simulated*.

# %%
from IPython.display import Image
from rich.console import Console
from rich.table import Table

from abgnn import Budget
from abgnn.experiments import build, calibrate_experiment
from abgnn.experiments.loop_paths import graph_of, path_of, words_of
from abgnn.models import PlannedLoops, PlannedQuestions
from abgnn.planning.reading_plan import reading_plan
from abgnn.plots import draw_decision_graph
from abgnn.training.evaluate import evaluate

# %% [markdown]
# `design="complete"`: every LLM alone answers the same questions, so that one sees which of them
# are right together and which are wrong together.

# %%
overrides = ["--trainer.logger=false", "--data.init_args.n_train=60", "--data.init_args.n_val=20"]
experiment = build(["simulated/general.yaml"], overrides)
llms = len(experiment.model.mas.catalogue.names)
calibration = calibrate_experiment(experiment, 60 * llms, design="complete")
print(f"{calibration.rollouts} calls, ${calibration.spent_usd:.3f} (simulated)")

# %% [markdown]
# The same mean budget, planned both ways: a lone LLM chosen by the question, and a loop. What they
# really cost differs a little, so look at both columns; with intervals, over many draws, see
# `abgnn/planning/closed_loop`.

# %%
budget = Budget(cost_usd=0.0006)
static = PlannedQuestions(reading_plan(calibration, budget, kind="static"))
loop = PlannedLoops(reading_plan(calibration, budget, kind="loop"))
model, data = experiment.model, experiment.data
data.setup("test")
questions = data.queries("test")
with model.new_executor(data) as executor:
    done = {
        name: evaluate(policy, model.mas, executor, questions, samples=2)
        for name, policy in {"static": static, "closed loop": loop}.items()
    }
table = Table(title=f"{len(questions)} held-out questions, twice (simulated)")
for head in ("", "accuracy", "mUSD", "calls", "s"):
    table.add_column(head, justify="right" if head else "left")
for name, outcomes in done.items():
    mean = len(outcomes)
    calls = sum(len(o.calls) for o in outcomes) / mean
    score, usd = (sum(getattr(o, of) for o in outcomes) / mean for of in ("score", "cost"))
    seconds = sum(o.latency for o in outcomes) / mean
    table.add_row(name, f"{score:.3f}", f"{1e3 * usd:.2f}", f"{calls:.2f}", f"{seconds:.1f}")
Console(width=100).print(table)

# %% [markdown]
# One question that took several calls: every decision in words. A loop stops when no further
# answer is worth its price at the budget's exchange rate.

# %%
longest = max(done["closed loop"], key=lambda o: len(o.calls))
print(longest.plan.query.text.splitlines()[0])
print(*(f"  - {words}" for words in words_of(longest)), sep="\n")
print("asked:", ", ".join(agent.backbone for agent in path_of(longest).plan.agents))

# %% [markdown]
# All that the loop might have done on this question, and how likely each way was.

# %%
graph = graph_of(longest.plan)
picture = draw_decision_graph(graph, "runs/escalate.png", "whom to ask next", simulated=True)
Image(picture, width=720)
