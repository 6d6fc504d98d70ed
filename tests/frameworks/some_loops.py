"""A closed loop, and an endpoint whose models have an answer each."""

from __future__ import annotations

from typing import Any

from abgnn.data.outcome import Outcome
from abgnn.data.query import OpenQuestion
from abgnn.data.template import Role
from abgnn.models.programs import ClosedLoopProgram
from abgnn.planning.closed_loop.answer_model import AnswerModel
from abgnn.rollout import Agent, Executor, OpenAIClient, Plan
from tests.frameworks.bridges import CATALOGUE, QUERY, at
from tests.frameworks.tiny_openai import Server

ANSWERS = [(("B", "B", "C"), 2), (("A", "B", "B"), 3), (("A", "B", "C"), 3)]
"""Of the three agents, and how many of them are asked."""


def loop(**more: Any) -> Plan:
    """Two cheap agents, asked one after the other, and a dear one."""
    roles = [Role("Solver", "Solve it."), Role("Solver", "Solve it."), Role("Expert", "Solve it.")]
    names = ("Qwen3-1.7B", "Qwen3-8B", "Qwen3-32B")
    agents = tuple(Agent(r, name, 50) for r, name in zip(roles, names, strict=True))
    program = ClosedLoopProgram(
        (0.75, 0.8, 0.92), (1e-4, 2e-4, 1e-3), (1.0, 2.0, 5.0), 150.0,
        model=AnswerModel(options=4), parallel=False, **more,
    )  # fmt: skip
    return Plan(QUERY, agents, (), 0, program=program)


def by_executor(plan: Plan, server: Server) -> Outcome:
    """What our own executor makes of it."""
    with Executor(OpenAIClient(), at(server), OpenQuestion()) as runs:
        [outcome] = runs.run([plan], score=False)
    return outcome


def saying(*answers: str) -> Any:
    """Each model's own answer, a letter or a text; a fourth one's is Qwen3-14B's."""
    names = ("Qwen3-1.7B", "Qwen3-8B", "Qwen3-32B", "Qwen3-14B")
    text = dict(zip(names, answers, strict=False))
    stated = {name: f"The answer is {key}." if len(key) == 1 else key for name, key in text.items()}
    models = {CATALOGUE[name].model: answer for name, answer in stated.items()}
    return lambda body: {"role": "assistant", "content": models[body["model"]]}
