"""`AgentBeliefs`: what is believed of every agent alone, read off the questions of a batch; and
`BelievedStart`, a start from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch_geometric.data import Batch

from abgnn.data.arrays import Array, Index
from abgnn.data.template import Template
from abgnn.graph.features import by_role
from abgnn.models.plain_state import from_plain, to_plain
from abgnn.models.questions import distinct, embedded
from abgnn.nn.belief_start import BeliefStart, Believed
from abgnn.planning.beliefs import Belief, Beliefs


@dataclass(frozen=True)
class AgentBeliefs:
    """Beliefs, and how questions are shown to them.

    Args:
        beliefs: about lone calls.
        encoder: name of the text encoder.
        by: entry of `Query.meta` that names the kind of a question, or None.
    """

    beliefs: Beliefs
    encoder: str
    by: str | None = None

    def of(self, batch: Batch, backbones: Sequence[str]) -> Believed | None:
        """Of the graphs of a batch; None if a role or an LLM is not among those believed of."""
        if not covers(self.beliefs, batch.template[0], backbones):
            return None
        first, place = distinct(batch.query)
        queries = [batch.query[i] for i in first]
        questions = embedded(queries, batch.query_embed[first], self.encoder, self.by)
        known = believed(self.beliefs, self.beliefs(questions), batch.template[0], backbones)
        return known.rows(torch.tensor(place)).to(batch.query_embed)


@dataclass(frozen=True)
class Remembered(AgentBeliefs):
    """The same of a few texts that are asked about again and again, as in lessons.

    Args:
        belief: of the texts, in the order of `place`.
        place: of every text.
    """

    belief: Belief | None = None
    place: dict[str, int] | None = None

    def of(self, batch: Batch, backbones: Sequence[str]) -> Believed | None:
        assert self.belief is not None
        assert self.place is not None
        if not covers(self.beliefs, batch.template[0], backbones):
            return None
        rows = torch.tensor([self.place[query.text] for query in batch.query])
        known = believed(self.beliefs, self.belief, batch.template[0], backbones, rows.numpy())
        return known.to(batch.query_embed)


def covers(beliefs: Beliefs, template: Template, backbones: Sequence[str]) -> bool:
    """Whether something is believed of all roles but the one that decides, and of all LLMs."""
    roles = {role.name for k, role in enumerate(template.roles) if k != template.decision}
    return roles <= set(beliefs.roles) and set(backbones) <= set(beliefs.backbones)


def believed(
    beliefs: Beliefs,
    belief: Belief,
    template: Template,
    backbones: Sequence[str],
    rows: Index | None = None,
) -> Believed:
    """Beliefs in the order of a template's roles and a catalogue's LLMs."""
    names = [role.name for role in template.roles if role.name in set(beliefs.roles)]
    slots = [beliefs.roles.index(name) for name in names]
    columns = [beliefs.backbones.index(name) for name in backbones]

    def tensor(values: Array) -> torch.Tensor:
        some = values if rows is None else values[rows]
        return torch.from_numpy(by_role(some[:, slots][:, :, columns], template).copy())

    return Believed(tensor(belief.accuracy), tensor(belief.usd), tensor(belief.seconds))


class BelievedStart(BeliefStart):
    """`BeliefStart` with the beliefs that it starts from, which checkpoints keep."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.beliefs: AgentBeliefs | None = None

    def seen(self, batch: Batch, backbones: Sequence[str]) -> Believed | None:
        """What is believed of the agents of a batch alone, where something is."""
        return None if self.beliefs is None else self.beliefs.of(batch, backbones)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, *rest: Any) -> None:
        """No entry where nothing is believed, as in checkpoints of version 0.1."""
        super()._save_to_state_dict(destination, prefix, *rest)
        if self.beliefs is not None:
            destination[f"{prefix}beliefs"] = to_plain(self.beliefs)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        self.beliefs = from_plain(state_dict.pop(f"{prefix}beliefs", None))
        super()._load_from_state_dict(state_dict, prefix, *rest)
