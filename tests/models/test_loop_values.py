"""Closed loops with a residual: at 0 the closed form; tables of decisions are what was replayed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from abgnn.data.program import program_from_dict, program_to_dict
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.models.loop_features import AGENT, QUESTION, LoopFeatures, LoopView
from abgnn.models.loop_tables import Decided
from abgnn.models.loop_values import NetBatch, NetReplay
from abgnn.models.programs import ClosedLoopProgram, TabledLoopProgram
from abgnn.nn.loop_state_net import LoopStateNet
from abgnn.planning.closed_loop.answer_table import AnswerTable
from abgnn.planning.closed_loop.batch import LoopBatch
from abgnn.planning.closed_loop.problem import Asked, LoopProblem
from abgnn.planning.questions import Questions
from tests.planning.closed_loop.problems import drawn_problems

LLMS, N = ("a", "b", "c"), 12
POINTS = ((20.0, 0.0), (200.0, 0.0), (40.0, 0.01))


def problems() -> list[LoopProblem]:
    return drawn_problems(N, LLMS, families=("x", "x", "y"))


def view(made: list[LoopProblem]) -> LoopView:
    queries = [Query(str(i), str(i), "general", meta={"k": f"{i % 2}"}) for i in range(N)]
    embedding = np.random.default_rng(1).standard_normal((N, 12))
    questions = Questions.of(queries, embedding, by="k")
    links = np.array([[False, True, False], [False, False, True], [False, False, False]])
    return LoopFeatures.of(questions, made, LLMS, links=links).view(questions)


def net(size: float = 0.5) -> LoopStateNet:
    torch.manual_seed(0)
    made = LoopStateNet(QUESTION, AGENT)
    with torch.no_grad():
        for layer in (made.lin_w, made.lin_v):
            layer.weight.add_(size * torch.randn_like(layer.weight))
    return made


def batch(made: list[LoopProblem], of: LoopStateNet) -> NetBatch:
    shown = view(problems())
    x, agent, links = shown(np.arange(N), LoopBatch(tuple(made)))
    return NetBatch(tuple(made), of, x, agent, 1.0, links)


def test_a_residual_of_0_decides_as_the_closed_form() -> None:
    made, closed = batch(problems(), LoopStateNet(QUESTION, AGENT)), LoopBatch(tuple(problems()))
    for point in POINTS:
        mine, theirs = made.policy(*point), closed.policy(*point)
        assert all((a == b).all() for a, b in zip(mine.choice, theirs.choice, strict=True))
        assert (mine.pair == theirs.pair).all()
        np.testing.assert_allclose(mine.value, theirs.value, atol=1e-6)
    other = batch(problems(), net()).policy(*POINTS[0]), closed.policy(*POINTS[0])
    assert any((a != b).any() for a, b in zip(other[0].choice, other[1].choice, strict=True))


def test_the_order_of_agents_makes_no_difference() -> None:
    order = [2, 0, 1]

    def moved(p: LoopProblem) -> LoopProblem:
        named = [tuple(of[m] for m in order) for of in (p.names, p.families)]
        arrays = [of[order] for of in (p.accuracy, p.usd, p.seconds)]
        return replace(
            p, names=named[0], families=named[1], accuracy=arrays[0], usd=arrays[1],
            seconds=arrays[2], no_key=np.full(3, 0.1),
        )  # fmt: skip

    one, other = batch(problems(), net()), batch([moved(p) for p in problems()], net())
    for point in POINTS:
        mine, theirs = (b.values(*point).choice[0][:, 0, 1:] for b in (one, other))
        torch.testing.assert_close(theirs, mine[:, order], rtol=1e-5, atol=1e-6)


def table() -> AnswerTable:
    rng = np.random.default_rng(2)
    keys = rng.integers(-1, 3, (N, 3))
    usd, seconds = rng.uniform(1e-4, 2e-3, (N, 3)), rng.uniform(1, 9, (N, 3))
    texts = tuple(map(str, range(N)))
    right = (keys == 0).astype(float)
    return AnswerTable(LLMS, keys, right, usd, seconds, np.full(N, 4), ("t",) * N, texts)


@pytest.mark.parametrize("point", POINTS)
def test_a_program_decides_as_the_replay(point: tuple[float, float]) -> None:
    replay = NetReplay(problems(), table(), net(), view(problems()))
    run = replay(*point)
    [(index, made)] = replay.net_batches
    policy, values = made.policy(*point), made.values(*point)
    for row, q in enumerate(index):
        program = Decided.of(made, row, values, policy).program()
        known = replay.answers[q]
        asked: list[Asked] = []
        usd = 0.0
        while (step := program.decide(asked, ())).ask:
            asked += [known(m) for m in step.ask]
            usd += float(known.usd[list(step.ask)].sum())
        assert step.answer is not None
        assert known.right[step.answer] == run.right[q]
        assert usd == pytest.approx(run.usd[q])
        assert step.probability == pytest.approx(run.probability[q])


def test_a_program_is_data() -> None:
    made = batch(problems(), net())
    policy, values = made.policy(*POINTS[0]), made.values(*POINTS[0])
    program = Decided.of(made, 0, values, policy).program()
    again = program_from_dict(json.loads(json.dumps(program_to_dict(program))))
    assert again == program
    assert hash(again) == hash(program)
    assert str(program.to_mermaid(LLMS)).startswith("flowchart TD")
    with pytest.raises(ConfigError, match="agents from 0 to 2"):
        TabledLoopProgram.tabled(problems()[0], [program.table[0]._replace(asks=(7,))])
    failed = program.decide([], {0})  # the table knows of no failure
    plain = ClosedLoopProgram.of(made.problems[0]).decide([], {0})
    assert (failed.ask, failed.value_stop) == (plain.ask, plain.value_stop)
