# %% [markdown]
# # Reading a frontier
#
# A frontier says what a budget buys. This one is planned at five budgets from one calibration, then
# executed on questions that nothing was fitted to, beside every single LLM on the same questions.
# *Simulated*: prices are real, answers are not.

# %%
from pathlib import Path

import numpy as np
from IPython.display import Image
from rich.console import Console
from rich.table import Table

from abgnn import Budget
from abgnn.evaluation.frontier import performance_at
from abgnn.experiments import build, calibrate_experiment
from abgnn.models import FixedGraph, PlannedQuestions
from abgnn.planning import QuestionPlan
from abgnn.plots import draw_frontiers
from abgnn.training.evaluate import evaluate

# %%
experiment = build(["simulated/general.yaml"], ["--trainer.logger=false"])
calibration = calibrate_experiment(experiment, 160)
model, data = experiment.model, experiment.data
data.setup("test")
questions = data.queries("test")

# %% [markdown]
# Every method answers the same held-out questions, two samples each.


# %%
def point(policy, executor) -> tuple[float, float]:
    """Mean USD and mean score on the held-out questions."""
    outcomes = evaluate(policy, model.mas, executor, questions, samples=2)
    return np.mean([o.cost for o in outcomes]), np.mean([o.score for o in outcomes])


budgets = np.geomspace(1.5e-4, 2e-3, 5)
with model.new_executor(data) as executor:
    lead = model.mas.template.roles[model.mas.template.lead].name
    singles = [point(FixedGraph(name, [lead]), executor) for name in model.mas.catalogue.names]
    plans = [QuestionPlan.of(calibration, Budget(usd), nearest=True) for usd in budgets]
    planned = [point(PlannedQuestions(plan), executor) for plan in plans]

# %% [markdown]
# The line is the upper concave envelope: between two points one can always answer some questions by
# the one and the rest by the other. `performance_at` reads it, with the origin as the plan that
# answers nothing. The single LLMs' line is picked in hindsight, so it flatters them.

# %%
table = Table(title="accuracy within a budget (simulated)", title_justify="left")
for head in ("mean budget, mUSD", "planned by question", "best mixture of single LLMs", "gain"):
    table.add_column(head, justify="right")
for usd in budgets:
    ours, theirs = performance_at(planned, usd), performance_at(singles, usd)
    gain = f"{100 * (ours - theirs):+.1f}"
    table.add_row(f"{1e3 * usd:.2f}", f"{100 * ours:.1f} %", f"{100 * theirs:.1f} %", gain)
Console(width=110).print(table)

# %% [markdown]
# One run on one set of questions: with so few a point's standard error is about two points, so
# read the shape, not the third digit. `scripts/quickstart` repeats this over worlds and prints
# paired intervals.

# %%
Path("runs").mkdir(exist_ok=True)
picture = draw_frontiers(
    {"planned by question": planned, "single LLMs": singles},
    None,
    "runs/frontier.png",
    title="What a budget buys",
    simulated=True,
    log_x=True,
    front="planned by question",
)
Image(picture, width=640)
