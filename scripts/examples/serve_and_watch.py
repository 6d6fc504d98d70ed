# %% [markdown]
# # Serve and watch
#
# `abgnn serve` puts a system behind an OpenAI-compatible endpoint (`pip install 'abgnn[serve]'`).
# The stock client asks, and sees the plan, every call as it ends, and the account. The LLMs are
# *simulated* here; a plan or checkpoint of yours is served by the same command.

# %%
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
from openai import OpenAI

TEAM = """
model:
  mas: {domain: general, catalogue: catalogues/paper.yaml, encoder: offline}
  policy:
    class_path: abgnn.models.FixedGraph
    init_args: {backbone: Qwen3-8B, edges: layered}
  client: {class_path: abgnn.rollout.SimulatedClient}
data: {class_path: datamodules.QuickQA}
"""
Path("team.yaml").write_text(TEAM, encoding="utf-8")
Path("runs").mkdir(exist_ok=True)
command = [sys.executable, "-m", "abgnn", "serve", "--checkpoint", "team.yaml", "--port", "0"]
server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
assert server.stdout is not None
started = server.stdout.readline()
print(started.split()[0], "at an address of this machine;", started.split()[-1])
url = next(word for word in started.split() if word.startswith("http"))

# %% [markdown]
# A streamed answer: beside the text, chunks carry an object `abgnn`: first the plan, then every
# call as it ends, in the end the account.

# %%
client = OpenAI(base_url=url, api_key="any")
asked = {"role": "user", "content": "Which treaty ended the Thirty Years' War?"}
plan, account = {}, {}
for chunk in client.chat.completions.create(model="abgnn", messages=[asked], stream=True):
    about = (chunk.model_extra or {}).get("abgnn") or {}
    if "plan" in about and not plan:
        plan = about["plan"]
        print("plan:", ", ".join(agent["role"] for agent in plan["agents"]))
    if "call" in about:
        call = about["call"]
        print(f"  {call['role']} ended, {call['completion_tokens']} tokens")
    if "cost_usd" in about:
        account = about
print(f"${account['cost_usd']:.6f}, {account['latency_s']:.1f} s ({account['calls_are']})")

# %% [markdown]
# SIGTERM: nothing new is taken, what is under way is finished.

# %%
server.terminate()
print("stopped:", server.wait(60) in (0, -15))

# %% [markdown]
# Who waited for whom: agents without an edge between them work at the same time, and the answer
# comes after the critical path.

# %%
figure, ax = plt.subplots(figsize=(8, 3.2), layout="constrained")
calls = account["calls"]
for i, call in enumerate(calls):
    ax.barh(i, call["end_s"] - call["start_s"], left=call["start_s"], color="#4878a8")
ax.set_yticks(range(len(calls)), [call["role"] for call in calls])
ax.invert_yaxis()
ax.set(xlabel="seconds", title=f"calls of one question ({account['calls_are']})")
figure.savefig("runs/serve_and_watch.png", dpi=90)
