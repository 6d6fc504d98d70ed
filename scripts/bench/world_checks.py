"""What the simulated world does, measured as real tables and debates were: by `World`, no calls.

Debaters are LLMs of scores 55 to 80 on four-option questions. A reply is a call in another role
than the first answer, for the prompt is another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import brentq
from scipy.stats import multivariate_normal, norm

from abgnn.data.arrays import Array, Index, Mask
from abgnn.data.backbone import Backbone
from abgnn.data.query import Query
from abgnn.rollout.world.study import World

ROLE, REPLY, JUDGE = "Knowledgeable Expert", "Replying", "Decision Maker"
DEBATERS = (55.0, 60.0, 65.0, 70.0, 75.0, 80.0)


@dataclass(frozen=True, slots=True)
class Check:
    """One figure: what real data say, how near the world must come, what it gives."""

    what: str
    target: float
    within: float
    measured: float

    @property
    def holds(self) -> bool:
        return abs(self.measured - self.target) <= self.within


def backbone(name: str, score: float, domain: str = "general") -> Backbone:
    """An LLM of a family of its own, with a published score in percent."""
    bench = {"general": "MMLU-Redux", "math": "MATH-500", "code": "home-made"}[domain]
    return Backbone(name, name, "standard", 1.0, 1.0, 8.0, {domain: {bench: score}})


def questions(n: int, domain: str = "general") -> list[Query]:
    return [Query(f"world/{domain}/{i}", "?", domain) for i in range(n)]


@dataclass(frozen=True, slots=True)
class Format:
    """A table of real answers: the accuracies of its LLMs, the wrong keys of a question, α."""

    name: str
    domain: str
    scores: tuple[float, ...]
    wrong: int
    attraction: float


FORMATS = (
    Format("MMLU-Pro", "general", (32, 32, 41, 41, 45, 45, 45, 47, 52, 52, 56, 64), 9, 0.55),
    Format("GSM8K", "math", (51, 79, 81, 84, 88, 89, 91, 92, 93, 94, 94, 95, 95, 95, 96), 11, 0.6),
    Format("CRUX", "code", (26, 39, 42, 48, 54, 56, 60, 63, 65, 69, 74, 78, 78, 82, 88), 19, 0.4),
)
PAIR = {"MMLU-Pro": 0.39, "GSM8K": 0.41, "CRUX": 0.19}
LEADER = {
    "MMLU-Pro": (0.24, 0.53, 0.81),
    "GSM8K": (0.22, 0.89, 0.99),
    "CRUX": (0.17, 0.73, 0.95),
}


def answers_of(form: Format, seed: int, n: int) -> Index:
    """Places of the answers of an LLM per score, 0 being right, `[Q, M]`."""
    world = World(seed)
    llms = [backbone(f"llm-{i}", score, form.domain) for i, score in enumerate(form.scores)]
    queries = questions(n, form.domain)
    luck = world.luck(n, [(b, ROLE) for b in llms], seed)
    right = luck.right(world.true_logits(queries, llms, ROLE))
    return luck.answers(right, form.wrong, form.attraction)


def agreement(keys: Index) -> tuple[float, float]:
    """How often two, and three, LLMs that are all wrong are wrong in the same way."""
    shares = []
    for size in (2, 3):
        agree, n = 0, 0
        for group in combinations(range(keys.shape[1]), size):
            part = keys[:, group]
            wrong = (part > 0).all(1)
            agree += int(((part == part[:, :1]).all(1) & wrong).sum())
            n += int(wrong.sum())
        shares.append(agree / max(n, 1))
    return shares[0], shares[1]


def leader_right(keys: Index) -> tuple[float, float, float]:
    """How often the most frequent answer of three LLMs (of three different ones: any) is right."""
    hits, n = np.zeros(4), np.zeros(4)
    for group in combinations(range(keys.shape[1]), 3):
        x, y, z = keys[:, group].T
        votes = 1 + ((x == y) | (x == z) | (y == z)) + ((x == y) & (y == z))
        leader = np.where(y == z, y, x) == 0
        right = np.where(votes == 1, (keys[:, group] == 0).mean(1), leader)
        n += np.bincount(votes, minlength=4)
        hits += np.bincount(votes, weights=right, minlength=4)
    one, two, three = hits[1:] / np.maximum(n[1:], 1)
    return float(one), float(two), float(three)


def wrong_answers(seeds: Sequence[int], n: int) -> Iterator[Check]:
    """Agreement of wrong answers, and what agreement says of being right."""
    for form in FORMATS:
        keys = [answers_of(form, seed, n) for seed in seeds]
        pair = float(np.mean([agreement(k)[0] for k in keys]))
        yield Check(f"{form.name}: two wrong LLMs agree", PAIR[form.name], 0.05, pair)
        shares = np.mean([leader_right(k) for k in keys], axis=0)
        for votes, (target, share) in enumerate(zip(LEADER[form.name], shares, strict=True), 1):
            what = f"{form.name}: leader right, {votes} of 3 agree"
            yield Check(what, target, 0.09, float(share))


def repeats(seeds: Sequence[int], n: int) -> Iterator[Check]:
    """The same LLM asked again: its wrong answers, and how alike right and wrong are."""
    own, same, other = [], [], []
    for seed in seeds:
        world, llms = World(seed), [backbone("a", 65.0), backbone("b", 65.0)]
        luck = world.luck(n, [(b, ROLE) for b in llms], seed)
        logits = world.true_logits(questions(n), llms, ROLE)
        first, second = luck.right(logits), luck.right(logits)
        one, two = luck.answers(first, 9, 0.55), luck.answers(second, 9, 0.55)
        wrong = ~first & ~second
        own.append(float((one == two)[wrong].mean()))
        same.append(tetrachoric(first[:, 0], second[:, 0]))
        other.append(tetrachoric(first[:, 0], first[:, 1]))
    yield Check("same LLM again: same wrong answer", 0.80, 0.03, float(np.mean(own)))
    yield Check("same LLM again: tetrachoric", 0.82, 0.07, float(np.mean(same)))
    yield Check("two LLMs: tetrachoric", 0.56, 0.10, float(np.mean(other)))


def tetrachoric(a: Mask, b: Mask) -> float:
    """The correlation of two normal variables of which a and b are the signs."""
    p, q, both = a.mean(), b.mean(), (a & b).mean()
    x, y = norm.ppf(p), norm.ppf(q)

    def excess(rho: float) -> float:
        cdf = multivariate_normal.cdf([x, y], cov=[[1, rho], [rho, 1]])
        return float(cdf - both)

    return float(brentq(excess, -0.99, 0.99, xtol=1e-3))


class Debates:
    """First answers and replies of the debaters in some worlds."""

    def __init__(self, seeds: Sequence[int], n: int) -> None:
        self.n, self.seeds = n, seeds
        self.queries = questions(n)
        self.sums: dict[str, Array] = {}

    def run(self) -> None:
        """Every debater as the reader of every one, two or three others."""
        for seed in self.seeds:
            world = World(seed)
            llms = [backbone(f"debater-{s}", s) for s in DEBATERS]
            count = len(llms)
            calls = [(b, ROLE) for b in llms] + [(b, REPLY) for b in llms]
            luck = world.luck(self.n, calls, seed)
            own = world.true_logits(self.queries, llms, ROLE)
            both = np.concatenate([own, own], axis=1)  # [Q, 2M]
            first = luck.right(both)[:, :count]
            for reader in range(count):
                others = [m for m in range(count) if m != reader]
                for size in (1, 2, 3):
                    for group in combinations(others, size):
                        messages = first[:, group]  # [Q, n]
                        now = both.copy()
                        now[:, count + reader] = world.replies(
                            own[:, reader], messages, llms[reader], "general"
                        )
                        reply = luck.right(now)[:, count + reader]
                        self._note(first[:, reader], messages, reply)

    def _note(self, own: Mask, messages: Mask, reply: Mask) -> None:
        share, n = messages.mean(1), messages.shape[1]
        if n == 1:
            self._add("right, one wrong message", reply, own & (share == 0))
            self._add("wrong, one right message", reply, ~own & (share == 1))
        else:
            self._add("right, at most a third right", reply, own & (share <= 0.34))
            self._add("right, half right", reply, own & (share == 0.5))
            self._add("wrong, half right", reply, ~own & (share == 0.5))

    def _add(self, name: str, reply: Mask, where: Mask) -> None:
        new = np.array([reply[where].sum(), where.sum()], dtype=float)
        self.sums[name] = self.sums.get(name, np.zeros(2)) + new

    def share(self, name: str) -> float:
        right, n = self.sums[name]
        return float(right / n)


def corrections(seeds: Sequence[int], n: int) -> Iterator[Check]:
    """Corrections and persuasions."""
    debates = Debates(seeds, n)
    debates.run()
    for name, target, within in (
        ("right, one wrong message", 0.54, 0.10),
        ("wrong, one right message", 0.57, 0.10),
        ("right, at most a third right", 0.65, 0.15),
        ("right, half right", 0.75, 0.10),
        ("wrong, half right", 0.35, 0.10),
    ):
        yield Check(f"{name}: reply right", target, within, debates.share(name))


def judges(seeds: Sequence[int], n: int) -> Iterator[Check]:
    """A judge over two that agree; its score is such that alone it is right in .73 and .88."""
    for score, pair, alone, target in ((65.0, 80.0, 0.73, 0.84), (84.0, 75.0, 0.88, 0.85)):
        right, own = [], []
        for seed in seeds:
            world = World(seed)
            judged = [backbone(f"judge-{i}", score) for i in range(5)]
            llms = [backbone("one", pair), backbone("two", pair), *judged]
            calls = [*((b, ROLE) for b in llms), *((b, JUDGE) for b in judged)]
            luck = world.luck(n, calls, seed)
            logits = world.true_logits(questions(n), llms, ROLE)
            both = np.concatenate([logits, logits[:, 2:]], axis=1)  # [Q, 2 + 5 + 5]
            first = luck.right(both)
            keys = luck.answers(first, 3, 0.55)
            agree = keys[:, 0] == keys[:, 1]
            for i, judge in enumerate(judged):
                both[:, 7 + i] = world.replies(
                    logits[:, 2 + i], first[:, :2], judge, "general", decides=True
                )
            right.append(luck.right(both)[agree, 7:].mean())
            own.append(first[agree, 2:7].mean())
        yield Check(f"judge, {alone:.2f} alone: alone", alone, 0.03, float(np.mean(own)))
        yield Check(f"judge, {alone:.2f} alone: over two", target, 0.03, float(np.mean(right)))


def teams(seeds: Sequence[int], n: int) -> Iterator[Check]:
    """The best of a team decides, having read every first answer, minus the best alone."""
    for size, gap, target, within in (
        (2, 0.0, 0.010, 0.012),
        (2, 10.0, -0.011, 0.015),
        (3, 20.0, -0.10, 0.06),
    ):
        gains = [_gain(seed, n, best, gap, size) for seed in seeds for best in (65.0, 75.0, 85.0)]
        what = f"team of {size}, {gap:g} points apart: gain"
        yield Check(what, target, within, float(np.mean(gains)))


def _gain(seed: int, n: int, best: float, gap: float, size: int) -> float:
    world = World(seed)
    llms = [backbone("best", best), *(backbone(f"other-{i}", best - gap) for i in range(1, size))]
    own = world.true_logits(questions(n), llms, ROLE)
    first = world.luck(n, [(b, ROLE) for b in llms], seed).right(own)
    decided = world.replies(own[:, 0], first, llms[0], "general", decides=True)
    return float(np.mean(1 / (1 + np.exp(-decided)) - 1 / (1 + np.exp(-own[:, 0]))))


def spread(right: Array, groups: Sequence[object], splits: int = 20) -> float:
    """sd of LLM × group in logits of the mean question, by the covariance of random halves.

    Cells' logits of two halves of the questions are centred over groups and LLMs; what the halves
    have in common is no luck of questions or calls. Logits of shares are flatter than those of
    one question by √(1 + .346 · 2.2²).

    Args:
        right: whether LLM m is right on question q, `[Q, M]`.
        groups: of the questions.
    """
    rng = np.random.default_rng(0)
    members = [np.flatnonzero([g == group for g in groups]) for group in dict.fromkeys(groups)]
    members = [m for m in members if len(m) >= 10]
    shared = [_common(right, members, rng) for _ in range(splits)]
    variance = max(float(np.mean(shared)), 0.0)
    return float(np.sqrt(variance * (1 + 0.346 * 2.2**2)))


def _common(right: Array, members: Sequence[Index], rng: np.random.Generator) -> float:
    halves = []
    orders = [rng.permutation(m) for m in members]
    for part in (0, 1):
        cells = [right[m[part::2]] for m in orders]
        rates = np.stack([(c.sum(0) + 0.5) / (len(c) + 1) for c in cells])  # [G, M]
        logit = np.log(rates / (1 - rates))
        halves.append(logit - logit.mean(0) - logit.mean(1, keepdims=True) + logit.mean())
    g, m = halves[0].shape
    return float((halves[0] * halves[1]).sum() / ((g - 1) * (m - 1)))


def subjects(seeds: Sequence[int], each: int) -> Iterator[Check]:
    """LLM × subject in `general`: 40 topics of four areas, as MMLU's subjects are mapped."""
    metas = [(a, t) for a in ("stem", "hum", "soc", "law") for t in range(10)]
    queries = [
        Query(f"subject/{a}/{t}/{i}", "?", "general", meta={"area": a, "topic": t})
        for a, t in metas
        for i in range(each)
    ]
    scores = (60.0, 65.0, 70.0, 75.0, 80.0, 85.0)
    spreads = []
    for seed in seeds:
        world, llms = World(seed), [backbone(f"llm-{s}", s) for s in scores]
        logits = world.true_logits(queries, llms, "Someone")
        right = world.luck(len(queries), [(b, "Someone") for b in llms], seed).right(logits)
        spreads.append(spread(right, [(q.meta["area"], q.meta["topic"]) for q in queries]))
    yield Check("LLM × subject, sd in logits", 0.63, 0.12, float(np.mean(spreads)))


def all_checks(seeds: Sequence[int], n: int) -> Iterator[Check]:
    """Every check: worlds, and questions in each."""
    yield from wrong_answers(seeds, n)
    yield from repeats(seeds, n)
    yield from corrections(seeds, n)
    yield from judges(seeds, n)
    yield from teams(seeds, n)
    yield from subjects(seeds, max(n // 20, 20))
