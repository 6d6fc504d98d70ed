"""`Executor`: plans in, outcomes out; thousands of rollouts in flight on one event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from abgnn.data.catalogue import Catalogue
from abgnn.data.framework import AnyFramework
from abgnn.data.outcome import Outcome
from abgnn.data.plan import Plan
from abgnn.data.query import Task
from abgnn.errors import ConfigError
from abgnn.rollout.calls import OnText
from abgnn.rollout.clients.base import Client
from abgnn.rollout.examples import run_examples
from abgnn.rollout.framework_run import run_framework
from abgnn.rollout.gateway import Gateway
from abgnn.rollout.graph_run import along
from abgnn.rollout.in_flight import OnOutcome, in_flight
from abgnn.rollout.ledger.attempts import AttemptCounts
from abgnn.rollout.ledger.base import Attempt, Caller, Ledger
from abgnn.rollout.ledger.opening import open_ledger
from abgnn.rollout.ledger.trace import TraceFile
from abgnn.rollout.loop import EventLoopThread
from abgnn.rollout.plan_checks import bounded, check_plan, used_backbones
from abgnn.rollout.rollout import Driver, Rollout
from abgnn.rollout.run_context import OnCall, OnStep, RunContext
from abgnn.rollout.schedule import Step, schedule
from abgnn.rollout.scoring import Scorer, scored
from abgnn.rollout.settings import RolloutSettings
from abgnn.rollout.stage import run_on_stage
from abgnn.rollout.telemetry.switch import tracing_of
from abgnn.rollout.toolbox import Toolbox

if TYPE_CHECKING:
    from abgnn.rollout.telemetry.tracing import Origin


class Executor:
    """Carries out plans for every policy and every client.

    Every agent is called with its role as the system message, and the query plus the responses
    of its predecessors, labelled by role, as the user message; it starts the moment its last
    predecessor ends. With several rounds an agent also reads the previous round along
    `temporal_edges`; the decision agent is called once, after the last round. A failing call
    costs its own rollout only: that outcome has an `error`, score 0, and the money spent.

    Every call passes the `Gateway`, which enforces the settings: recording, caps, deadline,
    retries, rate limits, circuit breaker. Usable as a context manager; `close` also frees what the
    client holds.

    Args:
        client: makes the calls; `task` is bound to it.
        catalogue: the backbones that plans may name.
        task: scores answers; None leaves every score 0.
        settings: recording, caps, deadline, retries.
        max_in_flight: rollouts at once, per `run`.
        on_call: called with every call's record as it ends, on the loop's thread (progress, logs).
        processes: executors that share the endpoints' limits (ranks of one training run).
        framework: carries plans out instead, with each agent's backbone as the plan states.
        on_outcome: called with every outcome of `run` and `arun` as it ends, before it is scored,
            on the loop's thread (progress).

    Raises:
        ConfigError: the recording or the trace cannot be opened; a cap without `max_tokens`;
            several processes with caps but no recording to share them through.
    """

    def __init__(
        self,
        client: Client,
        catalogue: Catalogue,
        task: Task | None = None,
        *,
        settings: RolloutSettings | None = None,
        max_in_flight: int = 1024,
        on_call: OnCall | None = None,
        processes: int = 1,
        framework: AnyFramework | None = None,
        on_outcome: OnOutcome | None = None,
    ) -> None:
        if max_in_flight < 1:
            raise ConfigError("max_in_flight", max_in_flight, "an integer from 1")
        self.client, self.catalogue, self.task = client, catalogue, task
        self.settings = settings = settings or RolloutSettings()
        self.max_in_flight, self.on_call = max_in_flight, on_call
        self.framework, self.on_outcome = framework, on_outcome
        self._backbones = {b.name: bounded(b, settings.caps) for b in catalogue}
        if settings.caps.any and processes > 1 and settings.recording.path is None:
            raise ConfigError("rollout.recording.path", None, "a file: processes share caps by it")
        self._tracing = tracing_of(settings, client)
        self.ledger: Ledger = open_ledger(settings.recording.path)
        self.attempts = AttemptCounts()
        self._trace = None if settings.trace is None else TraceFile(settings.trace)
        self._gateway = Gateway(client, settings, self.ledger, self._on_attempt, 1 / processes)
        self._tools = Toolbox(settings, self.ledger)
        self._loop = EventLoopThread()
        self._scorer = None if task is None else Scorer(task)
        self._age = 0
        self._closed = False
        if task is not None:
            client.bind(task)

    @property
    def exhausted(self) -> str | None:
        """The refusal of the run's or a phase's cap, if it refused a call; else None."""
        return self._gateway.exhausted

    def check(self, plans: Sequence[Plan] | None = None) -> None:
        """Check that the backbones of these plans (default: all) can be called; costs nothing.

        A replay makes no calls, so endpoints are not checked then.

        Raises:
            ConfigError: a plan or the catalogue is wrong.
            EndpointError: an endpoint is down, refuses us, or its key variable is missing.
        """
        if plans is not None:
            self._rollouts(plans, None, "check")
        if not self.settings.recording.offline:
            used = used_backbones(plans, self._backbones)
            self.client.check([b for b in self.catalogue if b.name in used])

    def run(
        self,
        plans: Sequence[Plan],
        samples: Sequence[int] | None = None,
        *,
        score: bool = True,
        phase: str = "run",
    ) -> list[Outcome]:
        """Carry out plans and wait; outcomes in the same order.

        Args:
            plans: what to execute.
            samples: per plan, which of the K rollouts of its query it is (default 0).
            score: judge the answers with the task.
            phase: the account that pays: `train`, `val`, `test`, `run`.

        Raises:
            ConfigError: a graph that cannot be executed, or an unknown backbone, in any plan;
                then nothing was dispatched.
        """
        rollouts = self._rollouts(plans, samples, phase)
        outcomes = self._loop.run(in_flight(rollouts, self.max_in_flight, self.on_outcome))
        return self._scored(outcomes) if score else outcomes

    def submit(
        self,
        plan: Plan,
        sample: int = 0,
        *,
        phase: str = "run",
        on_call: OnCall | None = None,
        on_step: OnStep | None = None,
        stop: Event | None = None,
        on_text: OnText | None = None,
        origin: Origin | None = None,
    ) -> Future[Outcome]:
        """Start one plan and return at once; its answer is not scored.

        Args:
            plan: what to execute.
            sample: which of the K rollouts of its query it is.
            phase: the account that pays.
            on_call: called with every call's record of this plan, on the loop's thread.
            on_step: called with every decision of a closed loop, on the loop's thread.
            stop: set it when the answer is no longer needed: no call starts from then on, and those
                under way are awaited and booked, since they are paid; a `Stop` also ends the one
                that is passed on to `on_text`.
            on_text: called with the answer piece by piece, see `RunContext`; on the loop's thread.
            origin: what its span hangs from; None: this thread's current span.

        Raises:
            ConfigError: as `run`.
        """
        [rollout] = self._rollouts([plan], [sample], phase, on_call, stop, on_step, on_text, origin)
        return self._loop.submit(rollout.run())

    async def arun(
        self,
        plans: Sequence[Plan],
        samples: Sequence[int] | None = None,
        *,
        score: bool = True,
        phase: str = "run",
    ) -> list[Outcome]:
        """As `run`, awaitable on any loop; the calls are made on the executor's own loop."""
        rollouts = self._rollouts(plans, samples, phase)
        outcomes = await asyncio.wrap_future(
            self._loop.submit(in_flight(rollouts, self.max_in_flight, self.on_outcome))
        )
        return await asyncio.to_thread(self._scored, outcomes) if score else outcomes

    def examples(
        self, outcomes: Sequence[Outcome], phase: str = "run"
    ) -> list[tuple[bool | None, ...]]:
        """Whether each answered call's program passes its question's public examples, in the order
        of the outcomes' calls; None: no examples, or no program. Tools are free of charge."""
        return self._loop.run(
            run_examples(outcomes, self._tools, self.settings.recording.run, phase)
        )

    def origin(
        self,
        headers: Mapping[str, str] | None = None,
        cost_usd: float | None = None,
        latency_s: float | None = None,
    ) -> Origin | None:
        """Where a rollout comes from, for its span; None: telemetry is off.

        Args:
            headers: `traceparent` and `tracestate` of the request, where no span is current.
            cost_usd, latency_s: the budget stated for the question.
        """
        tracing = self._tracing
        return None if tracing is None else tracing.origin(headers, cost_usd, latency_s)

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
            self._tools.close()
            if self._trace is not None:
                self._trace.close()
            self.ledger.close()

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _rollouts(
        self,
        plans: Sequence[Plan],
        samples: Sequence[int] | None,
        phase: str,
        on_call: OnCall | None = None,
        stop: Event | None = None,
        on_step: OnStep | None = None,
        on_text: OnText | None = None,
        origin: Origin | None = None,
    ) -> list[Rollout]:
        """The rollouts of plans, all of which are checked before the first call."""
        samples = [0] * len(plans) if samples is None else samples
        if len(samples) != len(plans):
            raise ConfigError("samples", len(samples), f"one per plan, {len(plans)}")
        context = RunContext(
            self._gateway,
            self._tools,
            self._backbones,
            phase,
            on_call or self.on_call,
            self.task,
            self.framework,
            stop,
            on_step,
            on_text,
            self._tracing,
            origin or self.origin(),
        )
        return [self._rollout(p, context, k) for p, k in zip(plans, samples, strict=True)]

    def _rollout(self, plan: Plan, context: RunContext, sample: int) -> Rollout:
        steps = schedule(plan)
        check_plan(plan, self._backbones, self.framework, self._tools)
        self._age = max(self._age + 1, time.time_ns())
        return Rollout(plan, self._driver(plan, steps), context, sample, self._age)

    def _driver(self, plan: Plan, steps: tuple[Step, ...]) -> Driver:
        """The driver: the plan's program, the framework, or the plan's graph."""
        if plan.program is not None:
            return partial(run_on_stage, decide=plan.program.run)
        if self.framework is not None:
            return partial(run_framework, framework=self.framework)
        return along(steps)

    def _on_attempt(self, caller: Caller, attempt: Attempt) -> None:
        self.attempts.add(caller, attempt)
        if self._trace is not None:
            self._trace.write(caller, attempt)

    def _scored(self, outcomes: list[Outcome]) -> list[Outcome]:
        return outcomes if self._scorer is None else scored(self._scorer, outcomes)
