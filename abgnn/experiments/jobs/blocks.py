"""`Blocks`: executes plans as jobs, a block of plans each; used in place of an `Executor`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from abgnn.data.outcome import Outcome
from abgnn.data.plan import Plan
from abgnn.data.query import Task
from abgnn.errors import JobError
from abgnn.experiments.jobs.scheduler import Failed, J, R, Scheduler, check_caps, check_shared
from abgnn.rollout.executor import Executor
from abgnn.rollout.in_flight import OnOutcome
from abgnn.rollout.settings import RolloutSettings
from abgnn.rollout.telemetry.switch import set_up

if TYPE_CHECKING:  # PyTorch: not where a plan is certified
    from abgnn.training.module import RolloutModule

OpenExecutor: TypeAlias = Callable[[int], Executor]
"""Opens an executor where a job runs, one of so many that share an endpoint's limits."""

_LEAST = 16  # plans of a block: fewer are not worth the start of an executor
_EACH = 2  # blocks for every slot, so that none waits long for the last one


@dataclass(frozen=True, slots=True)
class Block:
    """A job: plans, which of each query's rollouts they are, and who pays."""

    plans: Sequence[Plan]
    samples: Sequence[int]
    score: bool
    phase: str


@dataclass(frozen=True, slots=True)
class Blocks:
    """The part of `Executor` that calibrations and evaluations use, over a scheduler.

    Args:
        scheduler: runs the blocks.
        open_executor: picklable; called once for each block.
        settings: of these executors.
        on_outcome: called with every outcome as its block ends (progress).

    Raises:
        ConfigError: jobs would not share the recording, or the caps.
    """

    scheduler: Scheduler
    open_executor: OpenExecutor
    settings: RolloutSettings
    on_outcome: OnOutcome | None = None

    def __post_init__(self) -> None:
        check_shared(self.settings, self.scheduler.hosts)
        check_caps(self.settings, self.scheduler.slots)

    def __enter__(self) -> Blocks:
        return self

    def __exit__(self, *exc: object) -> None:
        """Every block has closed its executor."""

    def check(self, plans: Sequence[Plan] | None = None) -> None:
        """Every block checks its own plans and endpoints, where their keys are."""

    def run(
        self,
        plans: Sequence[Plan],
        samples: Sequence[int] | None = None,
        *,
        score: bool = True,
        phase: str = "run",
    ) -> list[Outcome]:
        """Carry out plans and wait; outcomes in the same order.

        Raises:
            JobError: blocks failed; the others have ended, and what they recorded is free when
                the command is started again.
        """
        samples = [0] * len(plans) if samples is None else samples
        size = self._size(len(plans))
        blocks = [
            Block(plans[i : i + size], samples[i : i + size], score, phase)
            for i in range(0, len(plans), size)
        ]
        execute = partial(_executed, self._opener(len(blocks)))
        return self._all(execute, blocks, self.on_outcome or (lambda _: None))

    def examples(
        self, outcomes: Sequence[Outcome], phase: str = "run"
    ) -> list[tuple[bool | None, ...]]:
        """See `Executor.examples`."""
        size = self._size(len(outcomes))
        parts = [outcomes[i : i + size] for i in range(0, len(outcomes), size)]
        return self._all(partial(_examples, self._opener(len(parts)), phase), parts)

    def _size(self, count: int) -> int:
        return max(_LEAST, math.ceil(count / (_EACH * self.scheduler.slots)))

    def _opener(self, jobs: int) -> Callable[[], Executor]:
        return partial(self.open_executor, max(1, min(jobs, self.scheduler.slots)))

    def _all(
        self,
        function: Callable[[J], list[R]],
        jobs: Sequence[J],
        on_each: Callable[[R], None] = lambda _: None,
    ) -> list[R]:
        """What all jobs return, in their order."""
        parts: dict[int, list[R]] = {}
        failed: list[str] = []
        for i, ended in self.scheduler.run(function, jobs):
            if isinstance(ended, Failed):
                failed.append(ended.why)
                continue
            parts[i] = ended
            for each in ended:
                on_each(each)
        if failed:
            raise JobError(len(failed), len(jobs), failed[0])
        return [each for i in range(len(jobs)) for each in parts[i]]


def executor_of(model: RolloutModule, data: Task, blocks: Blocks | None) -> Executor | Blocks:
    """What executes a module's plans: jobs, if there are blocks, else this process."""
    if blocks is None:
        return model.new_executor(data)
    return replace(blocks, on_outcome=model.on_outcome)


def _executed(opened: Callable[[], Executor], block: Block) -> list[Outcome]:
    with opened() as executor:
        set_up(executor.settings.telemetry)  # the job's process has no providers of the command's
        executor.check(block.plans)
        return executor.run(block.plans, block.samples, score=block.score, phase=block.phase)


def _examples(
    opened: Callable[[], Executor], phase: str, outcomes: Sequence[Outcome]
) -> list[tuple[bool | None, ...]]:
    with opened() as executor:
        return executor.examples(outcomes, phase)
