"""Plans of stated sizes and topologies, and what a network reads of their agents."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from graph_ladder_nets import Plans, Widths
from graph_taught import Kinds
from graph_truth import Truth

from abgnn.data.arrays import Array, Index
from abgnn.data.template import Template
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.portfolio import Portfolio
from abgnn.models.questions import questions_of
from abgnn.nn.agent_graph import Team, depths
from abgnn.planning.design import Design, PlanSpace
from abgnn.planning.prior import Prior
from abgnn.planning.question_features import QuestionFeatures
from abgnn.rollout.world import constants as world
from abgnn.rollout.world.study import World

FEATURES = 16
REMOVED, PERMUTED = "edges removed", "edges permuted"
Edges = list[tuple[int, int]]


def topology(name: str, slots: Sequence[int], rng: np.random.Generator) -> Edges:
    """Messages among role agents, in their order."""
    pairs = [(u, v) for i, u in enumerate(slots) for v in slots[i + 1 :]]
    if name == "star":
        return [(u, v) for u, v in pairs if u == slots[0]]
    if name == "chain":
        return list(pairwise(slots))
    if name == "join":
        return [(u, v) for u, v in pairs if v == slots[-1]]
    if name == "random":
        return [pair for pair in pairs if rng.random() < 0.5]
    return pairs if name == "full" else []


KNOWN, UNSEEN = ("none", "star", "chain"), ("join", "full", "random")


def sampled(
    template: Template, llms: int, of: str, count: int, rng: np.random.Generator
) -> list[Design]:
    """Different random designs.

    Args:
        template: roles; llms: M.
        of: `learned`: up to four agents, no edges, stars and chains; `size`: five or six agents;
            `topology`: four agents and joins, complete or random graphs; `both`. The decision
            agent counts.
        count: how many.
        rng: draws them.
    """
    space = PlanSpace(template, (tuple(range(llms)),))
    sizes = {"learned": (1, 2, 3), "topology": (3,)}.get(of, (4, 5))
    kinds = KNOWN if of in ("learned", "size") else UNSEEN
    known: dict[Design, None] = {}
    while len(known) < count:
        size = int(rng.choice(sizes))
        picked = set(rng.choice(len(space.slots), size, replace=False).tolist())
        slots = [s for i, s in enumerate(space.slots) if i in picked]
        edges = topology(str(rng.choice(kinds)), slots, rng)
        if of in ("topology", "both") and any(
            sorted(edges) == sorted(topology(name, slots, rng)) for name in KNOWN
        ):
            continue
        cast = rng.integers(llms, size=size + 1).tolist()
        known[space.make(slots, cast[:-1], tuple(sorted(edges)), cast[-1])] = None
    return list(known)


class AgentFeatures:
    """What is read of agents, and what is true of plans, in one simulated world.

    β and the beliefs are the true chances of agents that read nothing: what is to be learned is
    what messages and decisions do.
    """

    def __init__(self, mas: BaseMAS, data: Kinds, seed: int) -> None:
        profile = Prior.of(mas.catalogue, mas.domain)
        self.roles, self.llms = len(mas.template.roles), len(mas.catalogue)
        self.portfolio = Portfolio(
            tuple(r.name for r in mas.template.roles), mas.catalogue.names, ()
        )
        splits = {name: data.queries(name) for name in ("train", "test")}  # type: ignore[arg-type]
        self._truth = {
            name: Truth(World(seed), mas.catalogue, mas.template, queries, 256)
            for name, queries in splits.items()
        }
        texts = {name: questions_of(mas, queries) for name, queries in splits.items()}
        embedding = mas.role_embed.double().numpy()
        features = QuestionFeatures.fit(texts["train"], embedding, FEATURES)
        self.x = {name: _tensor(4 * features.phi(of)) for name, of in texts.items()}
        figures = (
            np.log(profile.accuracy / (1 - profile.accuracy)),
            profile.thinks.astype(float),
            np.log(profile.usd),
        )
        self.u = torch.cat([_tensor(_standard(np.stack(figures, 1))), torch.eye(self.llms)], 1)
        left, values, _ = np.linalg.svd(embedding - embedding.mean(0), full_matrices=False)
        self.r = _tensor(_standard((left * values)[:, : self.roles - 1]))
        self.beta = {name: self._lone(name) for name in splits}  # [Q, S, M]
        self.mean, self.sd = float(self.beta["train"].mean()), float(self.beta["train"].std())
        usd = torch.log(_tensor(profile.usd))
        self.usd = (usd - usd.mean()) / usd.std()

    @property
    def widths(self) -> Widths:
        return Widths(FEATURES, self.u.size(1), self.r.size(1))

    def _lone(self, split: str) -> torch.Tensor:
        truth = self._truth[split]
        trust = np.array([
            truth.rules.decision[0] if role == world.DECISION else truth.rules.agent[0]
            for role in truth.roles
        ])  # fmt: skip
        return _tensor(truth.own * trust[:, None])

    def truth(self, split: str, designs: Sequence[Design]) -> Array:
        """Accuracy, `[Q, D]`."""
        return np.stack([self._truth[split].accuracy(design) for design in designs], 1)

    def base(self, split: str, designs: Sequence[Design]) -> Array:
        """sigmoid(β) of the answering agents, `[Q, D]`."""
        cells = [self.portfolio.team(d).cells[-1] for d in designs]
        slots, llms = zip(*cells, strict=True)
        return torch.sigmoid(self.beta[split][:, list(slots), list(llms)]).double().numpy()

    def plans(self, split: str, rows: Index, designs: Sequence[Design], edit: str = "") -> Plans:
        """Every design on every of the questions `rows`; pairs by question, then by design."""
        cells, edges, depth, answer, owner, start = [], [], [], [], [], 0
        rng = np.random.default_rng(0)
        for d, design in enumerate(designs):
            team = self.portfolio.team(design)
            if edit == PERMUTED:
                team = permuted(team, rng)
            cells += team.cells
            depth += depths(team)
            if edit != REMOVED:
                edges += [(start + u, start + v) for u, v in team.edges]
            answer.append(start + team.answer)
            owner += [d] * len(team.cells)
            start += len(team.cells)
        q = torch.from_numpy(np.asarray(rows))
        n, b = start, len(q)
        role, llm = torch.tensor(cells).t()
        beta = self.beta[split][q][:, role, llm]  # [B, N]
        belief = torch.stack([
            (beta - self.mean) / self.sd, torch.zeros_like(beta),
            self.usd[llm].expand(b, -1), torch.zeros_like(beta), beta,
        ], -1)  # fmt: skip
        both = torch.cat([self.u[llm], self.r[role]], 1).expand(b, -1, -1)
        x = torch.cat([self.x[split][q].unsqueeze(1).expand(-1, n, -1), both, belief], -1)
        each = torch.arange(b).view(-1, 1)
        links = torch.tensor(edges, dtype=torch.long).reshape(-1, 2).t()  # [2, E]
        return Plans(
            x.flatten(0, 1),
            (links.unsqueeze(1) + n * each).flatten(1),
            torch.tensor(depth).repeat(b),
            (torch.tensor(answer) + n * each).flatten(),
            (torch.tensor(owner) + len(designs) * each).flatten(),
        )


def permuted(team: Team, rng: np.random.Generator) -> Team:
    """The same messages among role agents that have changed places; all are read in the end."""
    place = [*rng.permutation(team.answer).tolist(), team.answer]
    return Team(team.cells, tuple((place[u], place[v]) for u, v in team.edges), team.answer)


def _standard(values: Array) -> Array:
    out: Array = (values - values.mean(0)) / np.maximum(values.std(0), 1e-3)
    return out


def _tensor(values: Array) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float32)
