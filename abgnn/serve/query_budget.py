"""`QueryPlanners`: from a question's budget to what plans it; what all of them share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from threading import Lock
from typing import Generic, Literal, Protocol, TypeVar

from abgnn.errors import ClosedError, ConfigError
from abgnn.planning.offered import Expected
from abgnn.serve.plan_batcher import Chooser

_KEPT = 32  # budgets whose plans, or operating points, are cached
_MOST = 1e12

Value = TypeVar("Value")
BudgetKind = Literal["planned", "taught", "bound"]


@dataclass(frozen=True, slots=True)
class QueryBudget:
    """The budget of one question; None: the system's own.

    Args:
        cost_usd: USD.
        latency_s: seconds.

    Raises:
        ConfigError: no finite number above 0.
    """

    cost_usd: float | None = None
    latency_s: float | None = None

    def __post_init__(self) -> None:
        for name, unit in (("cost_usd", "USD"), ("latency_s", "seconds")):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (number and 0 < value < _MOST):
                raise ConfigError(name, value, f"{unit} above 0, or nothing")

    def over(self, own: QueryBudget) -> QueryBudget:
        """This one, with the system's own where it states nothing."""
        return QueryBudget(self.cost_usd or own.cost_usd, self.latency_s or own.latency_s)

    def __bool__(self) -> bool:
        return self.cost_usd is not None or self.latency_s is not None


class QueryPlanners(Protocol):
    """From a budget to the future of its chooser; `frontier`: what is known of its choices, the
    cheapest first."""

    kind: BudgetKind

    def of(self, budget: QueryBudget) -> Future[Chooser]: ...
    def frontier(self) -> Future[tuple[Expected, ...]]: ...
    def close(self) -> None: ...


def done(value: Value) -> Future[Value]:
    """A future that has its result."""
    future: Future[Value] = Future()
    future.set_result(value)
    return future


def awaited(future: Future[Value]) -> Value:
    """Its result.

    Raises:
        ClosedError: the system was closed before it was there.
    """
    try:
        return future.result()
    except CancelledError:
        raise ClosedError("the system was closed") from None


class ChooserMemory:
    """The choosers, or the refusals, of the latest budgets."""

    def __init__(self, make: Callable[[QueryBudget], Future[Chooser]]) -> None:
        self._make, self._lock = make, Lock()
        self._known: OrderedDict[QueryBudget, Future[Chooser]] = OrderedDict()

    def __call__(self, budget: QueryBudget) -> Future[Chooser]:
        with self._lock:
            if budget not in self._known:
                self._known[budget] = self._make(budget)
            self._known.move_to_end(budget)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
            return self._known[budget]


class Once(Generic[Value]):
    """What is made when it is first wanted, and kept."""

    def __init__(self, make: Callable[[], Future[Value]]) -> None:
        self._make, self._lock = make, Lock()
        self._made: Future[Value] | None = None

    def __call__(self) -> Future[Value]:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made
