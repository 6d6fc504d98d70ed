"""`Executor`: plans in, outcomes out; thousands of rollouts in flight on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

from abgnn.catalogue import Catalogue
from abgnn.errors import ConfigError
from abgnn.query import Task
from abgnn.rollout.client import Client
from abgnn.rollout.loop import EventLoopThread
from abgnn.rollout.one_rollout import OnCall, Rollout
from abgnn.rollout.plan import Outcome, Plan
from abgnn.rollout.schedule import schedule
from abgnn.rollout.scoring import Judgement, Scorer


class Executor:
    """Carries out plans for every policy and every client.

    Every agent is called with its role as the system message, and the query plus the responses
    of its predecessors, labelled by role, as the user message; it starts the moment its last
    predecessor ends. With several rounds an agent also reads the previous round along
    `temporal_edges`; the decision agent is called once, after the last round. A failing call
    costs its own rollout only: that outcome has an `error`, score 0, and the money spent.

    Usable as a context manager; `close` also frees what the client holds.

    Args:
        client: how LLMs are reached; told of `task`.
        catalogue: the backbones that plans may name.
        task: scores answers; None leaves every score 0.
        max_in_flight: rollouts at once, per `run`.
        on_call: told of every call as it ends, on the loop's thread (progress, logs).
    """

    def __init__(
        self,
        client: Client,
        catalogue: Catalogue,
        task: Task | None = None,
        *,
        max_in_flight: int = 1024,
        on_call: OnCall | None = None,
    ) -> None:
        if max_in_flight < 1:
            raise ConfigError("max_in_flight", max_in_flight, "an integer from 1")
        self.client, self.catalogue, self.task = client, catalogue, task
        self.max_in_flight, self.on_call = max_in_flight, on_call
        self._backbones = {backbone.name: backbone for backbone in catalogue}
        self._loop = EventLoopThread()
        self._scorer = None if task is None else Scorer(task)
        self._closed = False
        if task is not None:
            client.bind(task)

    def check(self, plans: Sequence[Plan] | None = None) -> None:
        """Before money is spent: can the backbones of these plans (default: all) be called?

        Raises:
            ConfigError: what a plan or the catalogue says cannot be.
            EndpointError: an endpoint is down, refuses us, or its key variable is missing.
        """
        if plans is None:
            self.client.check(self.catalogue)
        elif plans:
            self._rollouts(plans, None)
            used = {agent.backbone for plan in plans for agent in plan.agents}
            self.client.check([b for b in self.catalogue if b.name in used])

    def run(
        self, plans: Sequence[Plan], samples: Sequence[int] | None = None, *, score: bool = True
    ) -> list[Outcome]:
        """Carry out plans and wait; outcomes in the same order.

        Args:
            plans: what to execute.
            samples: per plan, which of the K rollouts of its query it is (default 0).
            score: judge the answers with the task.

        Raises:
            ConfigError: a graph that cannot be executed, or an unknown backbone, in any plan;
                then nothing was dispatched.
        """
        rollouts = self._rollouts(plans, samples)
        outcomes = self._loop.run(self._execute(rollouts))
        return self._scored(outcomes) if score else outcomes

    async def arun(
        self, plans: Sequence[Plan], samples: Sequence[int] | None = None, *, score: bool = True
    ) -> list[Outcome]:
        """As `run`, awaitable on any loop; the calls are made on the executor's own loop."""
        rollouts = self._rollouts(plans, samples)
        outcomes = await asyncio.wrap_future(self._loop.submit(self._execute(rollouts)))
        return await asyncio.to_thread(self._scored, outcomes) if score else outcomes

    def close(self) -> None:
        """Free the client's connections, the loop and the threads; may be called again."""
        if self._closed:
            return
        self._closed = True
        try:
            self._loop.run(self.client.aclose())
        finally:
            self._loop.close()
            if self._scorer is not None:
                self._scorer.close()

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _rollouts(self, plans: Sequence[Plan], samples: Sequence[int] | None) -> list[Rollout]:
        """Everything that can be wrong with plans is found here, before the first call."""
        samples = [0] * len(plans) if samples is None else samples
        if len(samples) != len(plans):
            raise ConfigError("samples", len(samples), f"one per plan, {len(plans)}")
        return [self._rollout(plan, k) for plan, k in zip(plans, samples, strict=True)]

    def _rollout(self, plan: Plan, sample: int) -> Rollout:
        steps = schedule(plan)
        for i, agent in enumerate(plan.agents):
            if agent.backbone not in self._backbones:
                field = f"Plan({plan.query.id}).agents[{i}].backbone"
                raise ConfigError(field, agent.backbone, ", ".join(self._backbones))
        backbones = tuple(self._backbones[agent.backbone] for agent in plan.agents)
        return Rollout(plan, steps, backbones, self.client, sample, self.on_call)

    async def _execute(self, rollouts: Sequence[Rollout]) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        todo = iter(enumerate(rollouts))
        crew = [
            asyncio.ensure_future(_work(todo, outcomes))
            for _ in range(min(self.max_in_flight, len(rollouts)))
        ]
        try:
            await asyncio.gather(*crew)
        finally:
            for worker in crew:
                worker.cancel()
        return [outcomes[i] for i in range(len(rollouts))]

    def _scored(self, outcomes: list[Outcome]) -> list[Outcome]:
        if self._scorer is None:
            return outcomes
        fine = [i for i, outcome in enumerate(outcomes) if outcome.error is None]
        judged = self._scorer((outcomes[i].plan.query, outcomes[i].answer) for i in fine)
        scored = list(outcomes)
        for i, judgement in zip(fine, judged, strict=True):
            scored[i] = _with(outcomes[i], judgement)
        return scored


async def _work(todo: Iterator[tuple[int, Rollout]], outcomes: dict[int, Outcome]) -> None:
    """One of many: take the next rollout until none is left."""
    for i, rollout in todo:
        outcomes[i] = await rollout.run()


def _with(outcome: Outcome, judgement: Judgement) -> Outcome:
    if isinstance(judgement, str):
        return replace(outcome, error=judgement)
    return replace(outcome, score=judgement)
