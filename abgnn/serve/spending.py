"""`Spending`: what a run has spent, what it has set aside, and what its caps leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from abgnn.rollout.ledger.base import Account
from abgnn.rollout.ledger.money import dollars
from abgnn.rollout.settings import RolloutSettings

Scope = Literal["run", "process"]
_PHASE = "run"  # the account that answers to users are booked to


@dataclass(frozen=True, slots=True)
class Spending:
    """Money of one run in USD, over all processes that share its recording (see `scope`).

    Args:
        run: the account, see `Recording.run`.
        calls: attempts that have ended.
        certain_usd: billed for certain.
        worst_case_usd: the most that is billed on top, for attempts whose reply did not state it
            or whose process died.
        reserved_usd: worst case of the attempts under way.
        run_cap_usd, query_cap_usd: of the run, and of one question; None: none.
        phase_cap_usd: by phase; questions of users are of phase `run`.
        left_usd: for further questions; None: nothing caps them.
        scope: `run`: all of it; `process`: one of several that share no recording, and none of
            them knows what the others have spent.
    """

    run: str
    calls: int
    certain_usd: float
    worst_case_usd: float
    reserved_usd: float
    run_cap_usd: float | None = None
    query_cap_usd: float | None = None
    phase_cap_usd: Mapping[str, float] = field(default_factory=dict)
    left_usd: float | None = None
    scope: Scope = "run"

    @classmethod
    def of(
        cls, settings: RolloutSettings, accounts: Sequence[Account], processes: int = 1
    ) -> Spending:
        """Of the run that these settings name, which so many processes answer for."""
        run, caps = settings.recording.run, settings.caps
        own = [account for account in accounts if account.run == run]
        here = [account for account in own if account.phase == _PHASE]
        capped = ((caps.run_usd, own), (caps.phase_usd.get(_PHASE), here))
        left = [cap - _committed(of) for cap, of in capped if cap is not None]
        return cls(
            run=run,
            calls=sum(account.calls for account in own),
            certain_usd=dollars(sum(account.spent for account in own)),
            worst_case_usd=dollars(sum(a.uncertain + a.lost for a in own)),
            reserved_usd=dollars(sum(account.reserved for account in own)),
            run_cap_usd=caps.run_usd,
            query_cap_usd=caps.query_usd,
            phase_cap_usd=dict(caps.phase_usd),
            left_usd=max(0.0, min(left)) if left else None,
            scope="process" if processes > 1 and settings.recording.path is None else "run",
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def _committed(accounts: Sequence[Account]) -> float:
    return dollars(sum(account.committed for account in accounts))
