"""`PlanNet`: a categorical over designs that starts from beliefs, and its checkpoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch
from torch_geometric.explain import Explainer, GNNExplainer

from abgnn.errors import ConfigError
from abgnn.graph.query_graph import batch_of
from abgnn.models import Explainable, PlanNet
from abgnn.models.plain_state import from_plain, to_plain
from abgnn.models.plan_knowledge import knowledge
from abgnn.models.portfolio import Portfolio
from abgnn.planning.questions import Questions
from abgnn.training.course import Course
from abgnn.training.plan_lessons import forecast_loss, teach_plan_net
from tests import tiny
from tests.stand_in import StandInPlanner, prior, questions_of, stand_in

TRAIN = questions_of(tiny.queries(60))
QUERIES = tiny.queries(8)


def knowing(planner: StandInPlanner, **kwargs: object) -> PlanNet:
    torch.manual_seed(0)
    policy = PlanNet(in_channels=tiny.H, channels=16, **kwargs)  # type: ignore[arg-type]
    portfolio = Portfolio(planner.roles, planner.backbones, planner.designs)
    beliefs = planner.beliefs
    policy.know(knowledge(portfolio, beliefs, beliefs.features, prior(), TRAIN))
    policy.attach(tiny.table())
    return policy


def graphs(planner: StandInPlanner, questions: Questions, repeated: int = 1) -> Batch:
    roles = torch.from_numpy(planner.beliefs.features.role_embedding).float()
    embed = torch.from_numpy(questions.embedding).float()
    queries = [q for q in QUERIES for _ in range(repeated)]
    return batch_of(planner.template, roles, queries, embed.repeat_interleave(repeated, 0))


@pytest.fixture(scope="module")
def planner() -> StandInPlanner:
    return stand_in(questions=TRAIN)


@pytest.fixture(scope="module")
def taught(planner: StandInPlanner) -> PlanNet:
    policy = knowing(planner)
    teach_plan_net(policy, planner.forecasts(TRAIN), TRAIN, Course(steps=150))
    return policy


def test_lone_agents_are_what_is_believed_of_them_before_and_after(
    planner: StandInPlanner, taught: PlanNet
) -> None:
    new = questions_of(QUERIES)
    lone = [d for d, design in enumerate(planner.designs) if design.decision is None]
    wanted = planner.forecasts(new)
    for policy in (knowing(planner), taught):
        ahead = policy.forecasts(new)
        for name in ("accuracy", "usd", "seconds"):
            mine, theirs = (getattr(f, name)[:, lone] for f in (ahead, wanted))
            np.testing.assert_allclose(mine, theirs, rtol=1e-5)


def test_it_learns_teams_on_questions_that_it_was_not_taught(
    planner: StandInPlanner, taught: PlanNet
) -> None:
    new = questions_of(tiny.queries(90)[60:])
    wanted = planner.forecasts(new)
    left, before = (
        np.abs(policy.forecasts(new).accuracy - wanted.accuracy).max()
        for policy in (taught, knowing(planner))
    )
    assert left < 0.25 * before
    np.testing.assert_allclose(taught.forecasts(new).usd, wanted.usd, rtol=1e-4)


def test_it_chooses_what_the_planner_would_at_any_prices(
    planner: StandInPlanner, taught: PlanNet
) -> None:
    batch, new = graphs(planner, questions_of(QUERIES)), questions_of(QUERIES)
    wanted = planner.forecasts(new)
    rows = np.arange(len(QUERIES))
    for point in ((0.0, 0.0), (100.0, 0.0), (0.0, 0.02)):
        taught.set_tradeoff(*point)
        utility = wanted.accuracy - point[0] * wanted.usd - point[1] * wanted.seconds
        plans = [planner.designs[d].plan for d in range(len(planner.designs))]
        names, chosen = planner.backbones, []
        for query, plan in zip(QUERIES, taught(batch, sample=False).plans(), strict=True):
            able = [make(query, planner.template, names) for make in plans]
            chosen.append(able.index(plan))
        lost = utility.max(1) - utility[rows, chosen]
        assert lost.mean() < 0.003
        assert len(set(chosen)) > 1


def test_probabilities_are_those_of_the_plans_that_were_drawn(
    planner: StandInPlanner, taught: PlanNet
) -> None:
    taught.set_tradeoff(50.0, 0.0)
    batch = graphs(planner, questions_of(QUERIES), repeated=400)
    with torch.no_grad():
        choice = taught(batch, sample=True)
    assert choice.log_probs.shape == choice.entropies.shape == (3200, 1)
    # E[1/p] over draws counts the plans that can occur; E[−log p] is the entropy
    mean = float(-choice.log_probs.mean())
    assert mean == pytest.approx(float(choice.entropies.mean()), abs=0.1)
    assert len({plan.agents for plan in choice.plans()}) > 3


def test_gradients_reach_the_net(planner: StandInPlanner) -> None:
    policy = knowing(planner)
    choice = policy(graphs(planner, questions_of(QUERIES)), sample=True)
    (choice.log_prob * torch.linspace(-1, 1, 8)).sum().backward()
    assert policy.net.lin_w.weight.grad is not None
    assert float(policy.net.lin_w.weight.grad.abs().max()) > 1e-4


def test_the_probability_of_a_choice_follows_the_weights(planner: StandInPlanner) -> None:
    policy = knowing(planner)
    with torch.no_grad():
        choice = policy(graphs(planner, questions_of(QUERIES), repeated=3), sample=True)
        torch.testing.assert_close(policy.log_prob_of(choice), choice.log_prob)
        policy.net.lin_w.bias.add_(0.5)  # teams gain, lone agents do not
        again = policy.log_prob_of(choice)
    assert again is not None
    assert float((again - choice.log_prob).abs().max()) > 0.1
    assert policy.log_prob_of(tiny.policy()(tiny.batch(), sample=True)) is None


def test_an_explanation_says_which_messages_count(planner: StandInPlanner, taught: PlanNet) -> None:
    """PyG's own `Explainer`: a plan's logit, its agents and the messages between them."""
    teams = [d for d, design in enumerate(planner.designs) if len(design.agents) > 1][:3]
    read = questions_of(QUERIES[:3])
    embed = torch.from_numpy(read.embedding).float()
    graph = taught.explained(QUERIES[:3], embed, teams)
    logit = taught.choice_logits(graph.x, graph.edge_index, graph)["plan"]
    accuracy = taught.forecasts(read).accuracy[np.arange(3), teams]
    level = taught.taught.level[teams]
    np.testing.assert_allclose(
        torch.sigmoid(logit.squeeze(1).detach().double() + torch.from_numpy(level)).numpy(),
        accuracy,
        rtol=1e-4,
    )
    model = Explainable(taught, graph, "plan")
    explainer = Explainer(model, GNNExplainer(epochs=10), **model.settings)
    explanation = explainer(graph.x, graph.edge_index)
    assert explanation.edge_mask.shape == (graph.num_edges,)
    assert float(explanation.edge_mask.max()) > 0
    assert explanation.node_mask.shape == graph.x.shape


def test_a_checkpoint_holds_everything(
    planner: StandInPlanner, taught: PlanNet, tmp_path: Path
) -> None:
    taught.set_tradeoff(20.0, 1e-3)
    torch.save(taught.state_dict(), tmp_path / "policy.pt")
    other = PlanNet(in_channels=tiny.H, channels=16)
    other.load_state_dict(torch.load(tmp_path / "policy.pt", weights_only=True))
    other.attach(tiny.table())
    batch = graphs(planner, questions_of(QUERIES))
    assert other(batch, sample=False).plans() == taught(batch, sample=False).plans()
    new = questions_of(QUERIES)
    np.testing.assert_array_equal(other.forecasts(new).accuracy, taught.forecasts(new).accuracy)
    assert other.set_budget(5e-4) == taught.set_budget(5e-4)


def test_budgets_are_kept_on_the_questions_that_it_was_taught(taught: PlanNet) -> None:
    known, costs = taught.taught.ahead, []
    for budget in (2e-4, 5e-4, 2e-3):
        point = taught.set_budget(budget, aim=0.97)
        chosen = known.best(*point)
        costs.append(known.usd[np.arange(len(chosen)), chosen].mean())
        assert costs[-1] <= budget
    assert costs[0] < costs[1] < costs[2]
    assert taught.operating_point == point
    with pytest.raises(ConfigError, match=r"cost_usd: got 1e-07; allowed: at least \$"):
        taught.set_budget(1e-7)
    assert taught.operating_point == point


def test_llms_that_are_not_in_the_catalogue_are_not_used(
    planner: StandInPlanner, taught: PlanNet
) -> None:
    taught.set_tradeoff(0.0, 0.0)
    batch = graphs(planner, questions_of(QUERIES))
    taught.attach(tiny.table(((0, 1),)))
    try:
        used = {a.backbone for p in taught(batch, sample=True).plans() for a in p.agents}
        assert used <= {"b0", "b1"}
        assert bool(taught(batch, sample=True).entropies.isfinite().all())
    finally:
        taught.attach(tiny.table())
    other = tiny.table()
    other.names = ("x0", "x1", "x2", "x3")
    with pytest.raises(ConfigError, match=r"mas\.catalogue"):
        taught.attach(other)
    taught.attach(tiny.table())


def test_untaught_and_wrong_ones_are_refused(planner: StandInPlanner, taught: PlanNet) -> None:
    policy = PlanNet(in_channels=tiny.H)
    policy.attach(tiny.table())
    assert policy.predicted(graphs(planner, questions_of(QUERIES))) is None
    with pytest.raises(ConfigError, match="calibration"):
        policy(graphs(planner, questions_of(QUERIES)), sample=False)
    with pytest.raises(ConfigError, match="temperature"):
        PlanNet(temperature=0.0)
    with pytest.raises(ConfigError, match="in_channels"):
        PlanNet(in_channels=3).attach(tiny.table())
    with pytest.raises(ConfigError, match=r"mas\.template"):
        taught(tiny.batch(2, n_roles=2), sample=False)


def test_the_loss_by_hand() -> None:
    accuracy, wanted = torch.tensor([[0.5, 0.7]]), torch.tensor([[0.4, 0.5]])
    # errors .1 and .2: squares .01 and .04, centred −.05 and .05
    assert float(forecast_loss(accuracy, wanted)) == pytest.approx(100 * (0.025 + 2 * 0.0025))


def test_plain_state_keeps_what_is_in_it(planner: StandInPlanner) -> None:
    assert from_plain(to_plain(planner.designs)) == planner.designs
    assert from_plain(to_plain(planner.template)) == planner.template
    again = from_plain(to_plain(planner.beliefs))(TRAIN)
    np.testing.assert_array_equal(again.logit, planner.beliefs(TRAIN).logit)
    with pytest.raises(ConfigError, match="state"):
        to_plain(object())
    with pytest.raises(ConfigError, match="dataclass"):
        from_plain({"class": "pathlib.Path"})
