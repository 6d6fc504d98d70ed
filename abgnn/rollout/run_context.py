"""`RunContext`: what the rollouts of one run share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING

from abgnn.data.backbone import Backbone
from abgnn.data.framework import AnyFramework
from abgnn.data.loop_step import LoopStep
from abgnn.data.outcome import CallRecord
from abgnn.data.query import Task
from abgnn.rollout.calls import OnText
from abgnn.rollout.gateway import Gateway
from abgnn.rollout.toolbox import Toolbox

if TYPE_CHECKING:
    from abgnn.rollout.telemetry.tracing import Origin, Tracing

OnCall = Callable[[CallRecord], None]
OnStep = Callable[[LoopStep], None]


@dataclass(frozen=True, slots=True)
class RunContext:
    """What the rollouts of one run share.

    Args:
        gateway: makes and books their calls.
        tools: the tools that roles may name.
        backbones: by name, with the `max_tokens` that caps need.
        phase: the account that pays.
        on_call: called with every call's record as it ends.
        task: of the queries; programs compare answers by its `key`.
        framework: carries plans out instead, if any.
        stop: once it is set, no further call starts.
        on_step: called with every decision of a closed loop.
        on_text: called with the answer piece by piece while it is written, where the call that
            writes it is known to be the answer, and the client can.
        tracing: makes their spans; None: telemetry is off.
        origin: what these spans hang from.
    """

    gateway: Gateway
    tools: Toolbox
    backbones: Mapping[str, Backbone]
    phase: str
    on_call: OnCall | None
    task: Task | None = None
    framework: AnyFramework | None = None
    stop: Event | None = None
    on_step: OnStep | None = None
    on_text: OnText | None = None
    tracing: Tracing | None = None
    origin: Origin | None = None
