# %% [markdown]
# # Your own LLMs within a budget
#
# A catalogue names your LLMs, their endpoint and their prices. Here these are three ways of asking
# SmolLM2-135M, served on this machine by llama.cpp (`pip install 'abgnn[local,offline]'`): calls
# are *live*, prices are made up. For other endpoints change `base_url`, name the variable that
# holds the key (`api_key_env`), and leave `LocalClient` out.

# %%
from pathlib import Path

from rich.console import Console
from rich.table import Table

from abgnn import Budget, System
from abgnn.experiments import build, calibrate_experiment
from abgnn.planning import QuestionPlan
from abgnn.serve import Bounds

CATALOGUE = """
currency: USD
defaults: {base_url: "http://127.0.0.1:8089/v1", max_concurrency: 1}
backbones:
  - model: smollm2
    active_params_b: 0.135
    price_in: 0.01
    price_out: 0.04
    modes:
      short: {type: standard, max_tokens: 12, prompt_suffix: Reply with the number only.}
      equation: {type: standard, max_tokens: 24, prompt_suffix: Write one short equation.}
      steps: {type: reasoning, max_tokens: 64, prompt_suffix: Think step by step.}
"""
CONFIG = """
model:
  mas: {domain: math, catalogue: my_llms.yaml, role_set: roles/calculator.yaml, encoder: offline}
  client: {class_path: abgnn.rollout.LocalClient}
  rollout:
    recording: {path: runs/my_calls.sqlite}
    caps: {run_usd: 0.05}
"""
Path("my_llms.yaml").write_text(CATALOGUE, encoding="utf-8")
Path("my_task.yaml").write_text(CONFIG, encoding="utf-8")
Path("runs").mkdir(exist_ok=True)

# %% [markdown]
# A cap of five cents on the whole run: a call whose worst case does not fit is not made. Every call
# is recorded, so running this again costs nothing.

# %%
experiment = build(["live/smollm2.yaml", "my_task.yaml"], ["--trainer.logger=false"])
calibration = calibrate_experiment(experiment, 30, design="complete")
calibration.save("runs/my_calibration.json")
calls = len(calibration.observed)
print(f"{calls} calls, ${calibration.spent_usd:.6f} of made-up money ({calibration.label})")

# %% [markdown]
# Plans for two budgets of seconds per question. A budget that no plan is expected to keep has a
# nearest plan, which says what it takes: here the least time in which these LLMs can answer.

# %%
nearest = QuestionPlan.of(calibration, Budget(latency_s=1e-3), nearest=True)
least = nearest.expected["latency_s"]
budgets = {"short": 1.2 * least, "long": 4 * least}
for name, budget in budgets.items():
    plan = QuestionPlan.of(calibration, Budget(latency_s=budget), nearest=True)
    kept = "expects to keep it" if plan.feasible else "the nearest; expects to miss it"
    print(f"{name}: {budget:.2f} s, {kept}, accuracy {plan.expected['accuracy']:.2f}")

# %% [markdown]
# Questions of your own through the same LLMs, with the account of every call.

# %%
questions = {"What is 7 + 5?": "12", "What is 30 - 4?": "26", "What is 6 * 3?": "18"}
table = Table(title="asked live")
for head in ("question", "budget, s", "team", "answer", "s", "USD (made up)"):
    table.add_column(head)
bounds = Bounds(usd=0.001, recording="runs/my_calls.sqlite")
with System.load("runs/my_calibration.json", config="my_task.yaml", bounds=bounds) as system:
    for question in questions:
        for budget in budgets.values():
            outcome = system.run(question, latency_s=budget)
            team = ", ".join(f"{call.role}: {call.backbone}" for call in outcome.calls)
            said = " ".join(outcome.answer.split())[:40]
            figures = (f"{outcome.latency:.2f}", f"{outcome.cost:.2e}")
            table.add_row(question, f"{budget:.2f}", team, said, *figures)
Console(width=120).print(table)
