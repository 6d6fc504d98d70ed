# %% [markdown]
# # A quick tour
#
# Calibrate once, plan for a budget, ask. Everything is *simulated*: no key, no network, no money,
# and no evidence about real LLMs. With `live/openai.yaml` in place of `simulated/general.yaml` the
# same lines run on your endpoints.

# %%
from rich.console import Console
from rich.table import Table

from abgnn import Budget, System
from abgnn.experiments import build, calibrate_experiment
from abgnn.planning import QuestionPlan

# %% [markdown]
# Random teams answer training questions, and every call is observed. Usually this is the only step
# that costs money; a recording keeps it, so that a run that was stopped goes on where it was.

# %%
experiment = build(["simulated/general.yaml"], ["--trainer.logger=false"])
calibration = calibrate_experiment(experiment, 160)
calibration.save("runs/calibration.json")
calls = len(calibration.observed)
print(f"{calibration.rollouts} rollouts, {calls} calls, ${calibration.spent_usd:.3f} (simulated)")

# %% [markdown]
# A plan of teams for two budgets, means per question: a tenth of a cent and 20 seconds. Nothing is
# executed.

# %%
plan = QuestionPlan.of(calibration, Budget(0.001, 20))
names, template = plan.planner.backbones, plan.planner.template
table = Table(title="which team how many questions get (simulated)", title_justify="left")
for head in ("share", "team", "expected accuracy", "mUSD", "s"):
    table.add_column(head, justify="left" if head == "team" else "right")
for part in plan.used()[:6]:
    of = part.forecast
    team = part.design.describe(template, names)
    figures = (f"{of.accuracy:.2f}", f"{1e3 * of.usd:.2f}", f"{of.seconds:.0f}")
    table.add_row(f"{part.share:.0%}", team, *figures)
Console(width=110).print(table)

# %% [markdown]
# Questions of your own, each within budgets of its own. An outcome has the answer and the account.

# %%
questions = [
    "Which treaty ended the Thirty Years' War?",
    "A train leaves at 9:40 and arrives at 13:05. How many minutes does it take?",
    "Is a contract signed under duress void or voidable?",
]
budgets = (0.0002, 0.0005, 0.001, 0.002)
with System.load("runs/calibration.json", config="simulated/general.yaml") as system:
    by_budget = [[system.run(q, cost_usd=usd, latency_s=60) for usd in budgets] for q in questions]
    outcome = system.run(questions[0], cost_usd=0.001, latency_s=20)
print([f"{call.role}: {call.backbone}" for call in outcome.calls])
print(f"${outcome.cost:.6f}, {outcome.latency:.1f} s (simulated)")

# %% [markdown]
# What more money buys: who was asked, at four budgets. The system takes a team, decided beforehand,
# or a closed loop, which asks one LLM, reads its answer, and stops or asks another: whichever is
# expected to do better within the budget.

# %%
table = Table(title="who was asked, in this order (simulated)", title_justify="left")
table.add_column("question", max_width=30)
for usd in budgets:
    table.add_column(f"{1e3 * usd:g} mUSD")
for question, row in zip(questions, by_budget, strict=True):
    table.add_row(question, *(", ".join(call.backbone for call in o.calls) for o in row))
Console(width=120).print(table)
