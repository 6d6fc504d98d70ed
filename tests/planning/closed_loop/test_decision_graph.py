"""Decision graphs: what may happen is drawn, with its chances."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from abgnn.planning.closed_loop.answer_model import AnswerModel
from abgnn.planning.closed_loop.decision_graph import DecisionGraph
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.readers import Readers
from abgnn.plots import draw_decision_graph


def problem(lambda_tok: float = 150.0, lambda_lat: float = 0.0) -> LoopProblem:
    return LoopProblem(
        ("cheap", "middle", "dear"),
        np.array([0.75, 0.8, 0.92]),
        np.array([1e-4, 2e-4, 1e-3]),
        np.array([1.0, 2.0, 5.0]),
        AnswerModel(options=4),
        lambda_tok,
        lambda_lat,
    )


def test_chances_of_all_ends_add_up_to_one() -> None:
    graph = DecisionGraph.of(problem(), least=0.0)
    ends = [node.chance for node in graph.nodes if node.stops]
    assert sum(ends) == pytest.approx(1.0, abs=1e-4)
    assert not graph.nodes[0].stops


def test_branches_that_hardly_happen_are_left_out() -> None:
    whole, drawn = (DecisionGraph.of(problem(), least=p) for p in (0.0, 0.2))
    assert len(drawn.nodes) < len(whole.nodes)
    assert min(node.chance for node in drawn.nodes) >= 0.2


def test_mermaid_names_every_node_once() -> None:
    graph = DecisionGraph.of(problem(), ["A", "B", "C"])
    text = graph.to_mermaid()
    assert text.startswith("flowchart LR")
    assert len(re.findall(r"^  n\d+[\[(]", text, re.MULTILINE)) == len(graph.nodes)
    assert "ask A" in text
    assert "likely right" in text


def test_two_at_once_are_one_node() -> None:
    graph = DecisionGraph.of(problem(1.0, 0.02))
    assert " and " in graph.nodes[0].text


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_the_picture_says_that_it_is_simulated(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"graph.{ending}"
    draw_decision_graph(DecisionGraph.of(problem()), path, "Which?", simulated=True)
    assert path.stat().st_size > 1_000
    if ending == "svg":
        assert "simulated" in path.read_text()


def test_a_reader_is_drawn_as_an_end() -> None:
    n = np.arange(5)
    judge = Readers(
        ("judge",), np.array([0.8]), (3.0 * np.log2(1 + n))[None], np.zeros((1, 5)),
        np.full((1, 5), 1e-5), np.ones((1, 5)),
    )  # fmt: skip
    graph = DecisionGraph.of(replace(problem(), readers=judge))
    ends = [node for node in graph.nodes if node.text.startswith("judge reads all")]
    assert ends
    assert all(node.stops for node in ends)


@pytest.mark.parametrize("keys", [True, False])
def test_forms_that_end_alike_are_one_branch(keys: bool) -> None:
    """Eight forms: only after the worst is another LLM asked, whose form then hardly matters."""
    odds = np.array([0.05, 0.6, 0.8, 1, 1.2, 1.5, 2, 3])
    right, wrong = odds / odds.sum(), np.full(8, 1 / 8)
    two = LoopProblem(
        ("cheap", "dear"), np.array([0.7, 0.9]), np.array([1e-4, 1e-3]), np.array([1.0, 5.0]),
        AnswerModel(), 350.0, keys=keys, form_right=np.stack([right] * 2),
        form_wrong=np.stack([wrong] * 2),
    )  # fmt: skip
    graph = DecisionGraph.of(two, least=0.0)
    first = [label for u, _, label in graph.edges if not u]
    assert first[0] == "answers, form 0"
    assert first[1] == "answers, forms 1 to 7"
    assert sum(node.chance for node in graph.nodes if node.stops) == pytest.approx(1, abs=1e-4)
    assert any(re.search(r"\d+% to \d+% likely right", node.text) for node in graph.nodes)
