"""From a planner to what reading answers does to its agents, and who is worth handing them to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit, logit

from abgnn.data.arrays import Array
from abgnn.planning.by_question import QuestionPlanner
from abgnn.planning.closed_loop.closed_loop import choose_candidates
from abgnn.planning.closed_loop.loop_agents import LoopAgents
from abgnn.planning.closed_loop.problem import MOST_CALLS
from abgnn.planning.closed_loop.readers import Reading
from abgnn.planning.team_forecasts import HEADER

MOST_READERS = 3


def reading_of(
    planner: QuestionPlanner,
    agents: LoopAgents,
    tasks: Sequence[str],
    accuracy: Array,
    usd: Array,
) -> Reading:
    """The outcome model's message effects, in the mean of its draws.

    Readers of a task are the three agents of least regret when they read two answers, one of
    which is right.

    Args:
        planner: outcome model and bills.
        agents: A of them.
        tasks: of n training questions.
        accuracy, usd: believed on these of the agents alone, `[n, A]`.
    """
    counts, profile, bills = range(MOST_CALLS + 1), planner.profile, planner.bills
    shape = (len(agents.agents), MOST_CALLS + 1)
    good, bad, usd_factor, seconds_factor, usd_read = np.zeros((5, *shape))
    _, _, visible = bills.tables(profile, planner.seen)  # [n, S, M]
    tokens = float(visible[:, planner.template.lead].mean()) + HEADER
    for a, (slot, m) in enumerate(agents.agents):
        for n in counts:
            if n:
                good[a, n], bad[a, n] = (x.mean() for x in planner.team.reading(slot, m, n))
            usd_factor[a, n] = np.exp(bills.usd.log_read(m, n)) if n else 1.0
            seconds_factor[a, n] = np.exp(bills.seconds.log_read(m, n)) if n else 1.0
            usd_read[a, n] = n * tokens * profile.price_in[m]
    half = logit(np.clip(accuracy, 1e-6, 1 - 1e-6)) + (good[:, 2] + bad[:, 2]) / 2
    cost = usd * usd_factor[:, 2] + usd_read[:, 2]
    chosen = choose_candidates(tasks, expit(half), cost, MOST_READERS)
    names = agents.names(planner)
    return Reading(names, good, bad, usd_factor, seconds_factor, usd_read, chosen)
