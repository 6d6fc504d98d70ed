"""`DecisionGraph`: everything that a closed loop may do on one question, as nodes and edges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from abgnn.planning.closed_loop.lookahead import Step, decide, posterior_of
from abgnn.planning.closed_loop.problem import Asked, LoopProblem

LEAST = 0.005
"""Chance that a branch must have to be drawn."""


@dataclass(frozen=True, slots=True)
class DecisionNode:
    """A state.

    Args:
        text: what is done in it, in a line or two.
        stops: whether the loop ends here.
        chance: of coming here.
        depth: answers so far.
    """

    text: str
    stops: bool
    chance: float
    depth: int


@dataclass(frozen=True)
class DecisionGraph:
    """
    Args:
        nodes: the first is the start.
        edges: (from, to, what was answered), in the order of `nodes`.
    """

    nodes: tuple[DecisionNode, ...]
    edges: tuple[tuple[int, int, str], ...]

    @classmethod
    def of(
        cls, problem: LoopProblem, names: Sequence[str] | None = None, least: float = LEAST
    ) -> DecisionGraph:
        """
        Args:
            problem: with its prices.
            names: of the candidates and the readers, as they are to be read; None: the problem's.
            least: chance of a branch below which it is left out.
        """
        grown = _Growth(problem, _names(problem) if names is None else tuple(names), least)
        grown.visit((), 1.0)
        return cls(tuple(grown.nodes), tuple(sorted(grown.edges)))

    def to_mermaid(self) -> str:
        """As a Mermaid flow chart."""
        lines = ["flowchart LR"]
        for i, node in enumerate(self.nodes):
            left, right = ("([", "])") if node.stops else ("[", "]")
            text = node.text.replace('"', "'").replace("\n", "<br/>")
            lines.append(f'  n{i}{left}"{text}"{right}')
        for u, v, label in self.edges:
            chance = self.nodes[v].chance / max(self.nodes[u].chance, 1e-12)
            said = label.replace('"', "'").replace("\n", "<br/>")
            lines.append(f'  n{u} -->|"{said}<br/>{chance:.0%}"| n{v}')
        return "\n".join(lines)


class _Growth:
    def __init__(self, problem: LoopProblem, names: tuple[str, ...], least: float) -> None:
        self.problem, self.names, self.least = problem, names, least
        self.nodes: list[DecisionNode] = []
        self.edges: list[tuple[int, int, str]] = []

    def visit(self, answers: tuple[Asked, ...], chance: float) -> int:
        """Add the state and all that follows; its number."""
        step = decide(self.problem, answers)
        place = len(self.nodes)
        text = self._text(step, len(answers))
        self.nodes.append(DecisionNode(text, not step.ask, chance, len(answers)))
        here = self._chance(answers)
        for after, label in self._following(answers, step.ask):
            reached = chance * self._chance(after) / max(here, 1e-300)
            if reached >= self.least:
                self.edges.append((place, self.visit(after, reached), label))
        return place

    def _text(self, step: Step, n: int) -> str:
        if step.ask:
            return "ask " + " and ".join(self.names[m] for m in step.ask)
        if step.reader is not None:
            reader = self.names[len(self.problem) + step.reader]
            right = step.value_read[step.reader] + self._price(step.reader, n)
            return f"{reader} reads all\n{right:.0%} likely right"
        if step.answer is None:
            return "no answer"
        return f"answer of {self.names[step.answer]}\n{step.probability:.0%} likely right"

    def _price(self, reader: int, n: int) -> float:
        """Of a reader of n answers, in accuracy."""
        readers, problem = self.problem.readers, self.problem
        assert readers is not None, "somebody reads"
        return float(readers.price(problem.lambda_tok, problem.lambda_lat)[reader, n])

    def _chance(self, answers: tuple[Asked, ...]) -> float:
        return float(posterior_of(self.problem, answers).weights.sum())

    def _following(
        self, answers: tuple[Asked, ...], ask: tuple[int, ...]
    ) -> Iterator[tuple[tuple[Asked, ...], str]]:
        """States after the answers of those who are asked, and what was answered."""
        if not ask:
            return
        first, rest = ask[0], ask[1:]
        for asked, label in self._answers(answers, first):
            after = (*answers, asked)
            if not rest:
                yield after, label
                continue
            for further, more in self._following(after, rest):
                yield further, f"{self.names[first]} {label}\n{self.names[rest[0]]} {more}"

    def _answers(self, answers: tuple[Asked, ...], m: int) -> Iterator[tuple[Asked, str]]:
        """Every way in which one may answer."""
        problem = self.problem
        if not problem.keys:
            for form in range(problem.bins) if problem.bins > 1 else (None,):
                label = "answers" if form is None else f"form {form}"
                yield Asked(m, m, form), label
            return
        seen = list(dict.fromkeys(a.key for a in answers if a.key is not None))
        modelled = problem.no_key is not None and problem.no_key[m] > 0
        keys = [*seen, len(seen), *([None] if modelled else [])]
        forms = range(problem.bins) if problem.bins > 1 else (None,)
        for key, form in product(keys, forms):
            read = "" if form is None or key is None else f", form {form}"
            if key is not None or not form:  # an answer without a key is not read further
                yield Asked(m, key, form), self._label(answers, key) + read

    def _label(self, answers: tuple[Asked, ...], key: object) -> str:
        if key is None:
            return "no key"
        if not answers:
            return "answers"
        alike = [self.names[a.llm] for a in answers if a.key == key]
        return f"as {', '.join(alike)}" if alike else "otherwise"


def _names(problem: LoopProblem) -> tuple[str, ...]:
    return problem.names + (() if problem.readers is None else problem.readers.names)
