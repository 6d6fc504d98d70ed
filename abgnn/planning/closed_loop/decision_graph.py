"""`DecisionGraph`: everything that a closed loop may do on one question, as nodes and edges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, product

from abgnn.planning.closed_loop.lookahead import Step, decide, weights_of
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


@dataclass(frozen=True, slots=True)
class _Way:
    """An answer, or two, that may come next.

    Args:
        after: all answers then.
        said: what was answered, but for the form of the last answer.
        chance: of it.
        step: what is done then.
    """

    after: tuple[Asked, ...]
    said: str
    chance: float
    step: Step

    @property
    def alike(self) -> tuple[object, ...]:
        """Equal for those that differ in the last answer's form and end with the same answer."""
        form, ends = self.after[-1].form, not self.step.ask and self.step.reader is None
        return self.said, (self.step.answer if ends and form is not None else self.after)


class _Growth:
    def __init__(self, problem: LoopProblem, names: tuple[str, ...], least: float) -> None:
        self.problem, self.names, self.least = problem, names, least
        self.nodes: list[DecisionNode] = []
        self.edges: list[tuple[int, int, str]] = []

    def visit(self, answers: tuple[Asked, ...], chance: float, step: Step | None = None) -> int:
        """Add the state and all that follows; its number."""
        step = decide(self.problem, answers) if step is None else step
        place = len(self.nodes)
        text = self._text(step, len(answers))
        self.nodes.append(DecisionNode(text, not step.ask, chance, len(answers)))
        here = max(self._chance(answers), 1e-300)
        ways = [
            _Way(after, said, chance * self._chance(after) / here, decide(self.problem, after))
            for after, said in self._following(answers, step.ask)
        ]
        for _, group in groupby(ways, lambda way: way.alike):
            alike = list(group)
            if (reached := sum(way.chance for way in alike)) >= self.least:
                self.edges.append((place, self._reach(alike, reached), self._read(alike)))
        return place

    def _reach(self, alike: Sequence[_Way], chance: float) -> int:
        """The state that a way leads to, or that several end in; its number."""
        first = alike[0]
        if len(alike) == 1:
            return self.visit(first.after, chance, first.step)
        odds = [way.step.probability for way in alike]
        assert first.step.answer is not None, "forms are of answers"
        text = f"answer of {self.names[first.step.answer]}\n"
        text += f"{min(odds):.0%} to {max(odds):.0%} likely right"
        self.nodes.append(DecisionNode(text, True, chance, len(first.after)))
        return len(self.nodes) - 1

    def _read(self, alike: Sequence[_Way]) -> str:
        """What was answered, with the forms of the last answer, unless it is any."""
        said, first, last = alike[0].said, alike[0].after[-1].form, alike[-1].after[-1].form
        if first == last:
            return said + _form(first)
        return said if len(alike) == self.problem.bins else f"{said}, forms {first} to {last}"

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
        """P(these answers), of whatever keys, equal where theirs are."""
        weights = weights_of(self.problem)
        return float(weights.total[len(answers)][0, self.problem.place(answers)])

    def _following(
        self, answers: tuple[Asked, ...], ask: tuple[int, ...]
    ) -> Iterator[tuple[tuple[Asked, ...], str]]:
        """States after the answers of those who are asked, and what was answered, but for the form
        of the last answer."""
        if not ask:
            return
        first, rest = ask[0], ask[1:]
        for asked, said in self._answers(answers, first):
            after = (*answers, asked)
            if not rest:
                yield after, said
                continue
            said += _form(asked.form)
            for further, more in self._following(after, rest):
                yield further, f"{self.names[first]} {said}\n{self.names[rest[0]]} {more}"

    def _answers(self, answers: tuple[Asked, ...], m: int) -> Iterator[tuple[Asked, str]]:
        """Every way in which one may answer."""
        problem = self.problem
        forms = range(problem.bins) if problem.bins > 1 else (None,)
        if not problem.keys:
            for form in forms:
                yield Asked(m, m, form), "answers"
            return
        seen = list(dict.fromkeys(a.key for a in answers if a.key is not None))
        modelled = problem.no_key is not None and problem.no_key[m] > 0
        keys = [*seen, len(seen), *([None] if modelled else [])]
        for key, form in product(keys, forms):
            if key is not None:
                yield Asked(m, key, form), self._label(answers, key)
            elif not form:  # an answer without a key is not read further
                yield Asked(m, key), self._label(answers, key)

    def _label(self, answers: tuple[Asked, ...], key: object) -> str:
        if key is None:
            return "no key"
        if not answers:
            return "answers"
        alike = [self.names[a.llm] for a in answers if a.key == key]
        return f"as {', '.join(alike)}" if alike else "otherwise"


def _form(form: int | None) -> str:
    return "" if form is None else f", form {form}"


def _names(problem: LoopProblem) -> tuple[str, ...]:
    return problem.names + (() if problem.readers is None else problem.readers.names)
