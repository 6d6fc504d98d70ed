"""AgentPrune (arXiv 2410.02506) per question, in its released shape; re-implemented by us."""

from __future__ import annotations

from collections.abc import Sequence

from peers_shape import Pair, Question, Rendered, as_matrix, walk

from abgnn.models import AgentPrune

Rounds = Sequence[tuple[set[Pair], set[Pair]]]


def agent_prune(policy: AgentPrune, asked: Question, value: Rounds | None = None) -> Rendered:
    """Draw each round's messages pair by pair; the logits are the same for every question."""
    n = policy.n_agents
    log_prob = policy.logits.new_zeros(())
    spatial_able, temporal_able = policy.spatial_mask.tolist(), policy.temporal_mask.tolist()
    rounds = []
    for r in range(policy.rounds):
        within, between = (None, None) if value is None else value[r]
        spatial, term = walk(policy.logits[0], spatial_able, within)
        log_prob = log_prob + term
        temporal: set[Pair] = set()
        if r:
            temporal, term = walk(policy.logits[1], temporal_able, between, acyclic=False)
            log_prob = log_prob + term
        rounds.append((as_matrix(spatial, n), as_matrix(temporal, n), ()))
    return Rendered(policy.team(asked.template).plan(asked.query, rounds), log_prob)
