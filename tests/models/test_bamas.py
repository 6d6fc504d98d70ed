"""BAMAS as a policy: exact probabilities, plans that are what was bought, budgets that hold."""

from __future__ import annotations

import math
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch import Trainer
from torch import Tensor

from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.experiments.experiment import build
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import Bamas, NaiveCostAware
from abgnn.models.programs import (
    FeedbackProgram,
    LinearProgram,
    PlannerProgram,
    StarProgram,
)
from abgnn.rollout import Executor, Outcome, Plan, Recording, RolloutSettings, SimulatedClient
from abgnn.training import (
    BamasReward,
    CompositeReward,
    CrossProduct,
    LeaveOneOut,
    NoBaseline,
    OfflineSettings,
    Reinforce,
    collect,
    fit_offline,
    reinforce_loss,
)
from abgnn.training.bamas_offline import advantage, expected_reward, offline_loss
from abgnn.training.evaluate import evaluate
from datamodules import QuickQA

DATA = QuickQA(n_train=8, n_val=4, n_test=40)
BUDGETS = [3e-4, 5e-4, 8e-4, 1.2e-3, 1.6e-3]
PATTERN = {
    LinearProgram: "linear", StarProgram: "star",
    FeedbackProgram: "feedback", PlannerProgram: "planner",
}  # fmt: skip


def bamas(mas: BaseMAS | None = None, *, sharp: float = 3.0, **kwargs: object) -> Bamas:
    """A policy whose choices are far from uniform."""
    torch.manual_seed(0)
    options: dict[str, object] = {
        "catalogue": "catalogues/paper.yaml",
        "tiers": ["Qwen3-32B", "Qwen3-8B"],
        "budgets_usd": BUDGETS,
        "max_tokens": {"planner": 800, "executor": 800, "critic": 800},
    }
    policy = Bamas(**{**options, **kwargs})  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.mul_(sharp)
    if mas is not None:
        policy.attach(mas.table)
    return policy


def pattern_of(plan: Plan) -> str:
    return PATTERN[type(plan.program)]  # type: ignore[index]


def bought(outcome: Outcome) -> None:
    """Spent no more than the budget, called nobody twice."""
    plan = outcome.plan
    assert plan.budget_usd is not None
    assert outcome.cost <= plan.budget_usd
    calls = Counter(c.agent for c in outcome.calls)
    assert max(calls.values(), default=0) <= 1
    assert set(calls) <= set(range(len(plan.agents)))


# the policy


def test_log_probabilities_by_hand(mas: BaseMAS) -> None:
    policy = bamas(mas)
    batch, net = mas.batch(DATA.queries("test")[:5]), policy.net
    budgets = [3e-4, 5e-4, 8e-4, 1.6e-3, 1.6e-3]
    total = torch.zeros(5)
    for parameter in policy.parameters():
        parameter.requires_grad_(False)
    for pattern in range(4):
        choice = policy(batch, sample=True, action=torch.full((5,), pattern), budgets=budgets)
        for i, b in enumerate(budgets):
            h = net.query(batch.query_embed[i]) + net.budget(torch.tensor([b / 1.6e-3]))
            logits = net.score(F.relu(net.hidden(F.relu(h))))
            expected = float(logits[pattern] - logits.logsumexp(0))
            assert float(choice.log_prob[i]) == pytest.approx(expected, abs=1e-5)
            p = logits.softmax(0)
            assert float(choice.entropy[i]) == pytest.approx(float(-(p * p.log()).sum()), abs=1e-5)
        assert {pattern_of(plan) for plan in choice.plans()} == {policy.patterns[pattern]}
        total += choice.log_prob.exp()
    torch.testing.assert_close(total, torch.ones(5))


def test_samples_follow_the_probabilities(mas: BaseMAS) -> None:
    policy, n = bamas(mas, budget_usd=8e-4), 4000
    batch = mas.batch(DATA.queries("test")[:1], n)
    torch.manual_seed(0)
    choice = policy(batch, sample=True)
    counts = Counter(pattern_of(plan) for plan in choice.plans())
    prob = policy.log_prob(batch.query_embed[:1], [8e-4]).exp()[0].tolist()
    for name, p in zip(policy.patterns, prob, strict=True):
        assert abs(counts[name] - n * p) < 5 * math.sqrt(n * p * (1 - p)) + 1
        assert choice.figures[f"pattern_{name}"] == counts[name] / n
    best = policy.patterns[prob.index(max(prob))]
    assert {pattern_of(p) for p in policy(batch, sample=False).plans()} == {best}


def test_budgets_of_training_and_of_tests(mas: BaseMAS) -> None:
    """Rollouts of a question share a budget; without drawing it is the largest."""
    policy = bamas(mas)
    batch = mas.batch(DATA.queries("test"), 4)
    torch.manual_seed(1)
    drawn = [plan.budget_usd for plan in policy(batch, sample=True).plans()]
    assert all(len(set(drawn[i : i + 4])) == 1 for i in range(0, len(drawn), 4))
    assert set(drawn) == set(BUDGETS)
    assert {p.budget_usd for p in policy(batch, sample=False).plans()} == {1.6e-3}
    one = bamas(mas, budget_usd=5e-4)
    for sample in (True, False):
        assert {p.budget_usd for p in one(batch, sample=sample).plans()} == {5e-4}


def test_gradient_equals_the_analytic_one(mas: BaseMAS) -> None:
    """REINFORCE over samples, against the gradient of Σ π R."""
    policy = bamas(mas, budget_usd=8e-4)
    batch = mas.batch(DATA.queries("test")[:1], 4096)
    worth = torch.tensor([0.1, -0.4, 1.0, 0.3])
    weight = policy.net.score.bias
    prob = policy.log_prob(batch.query_embed[:1], [8e-4]).exp()[0]
    (exact,) = torch.autograd.grad((prob * worth).sum(), weight)
    torch.manual_seed(0)
    draws = []
    for _ in range(12):
        choice = policy(batch, sample=True)
        chosen = torch.tensor([policy.patterns.index(pattern_of(p)) for p in choice.plans()])  # type: ignore[arg-type]
        loss = reinforce_loss(choice, worth[chosen], LeaveOneOut(), samples=8)
        draws.append(torch.autograd.grad(-loss, weight)[0])
    estimates = torch.stack(draws)
    error = (estimates.mean(0) - exact).abs()
    assert bool((error <= 5 * estimates.std(0) / math.sqrt(len(draws)) + 1e-4).all())


# what is bought


def test_plans_are_what_was_bought(mas: BaseMAS) -> None:
    policy = bamas(mas)
    query, size = DATA.queries("test")[0], {"Qwen3-32B": "H", "Qwen3-8B": "L"}
    seen = {}
    for pattern in policy.patterns:
        plan = policy.market.plan(query, mas.template, pattern, 1.2e-3)
        assert {a.max_tokens for a in plan.agents} == {800}
        assert all(a.role.tool is None for a in plan.agents)
        team = policy.market.team(pattern, 1.2e-3)
        assert team is not None
        assert len(plan.agents) == sum(team.counts)
        letters = {"Planner": "P", "Critic": "C"}
        seen[pattern] = [letters.get(a.role.name, "E") + size[a.backbone] for a in plan.agents]
        assert plan.agents[plan.decision].role.name not in letters
        assert Plan.from_dict(plan.to_dict()).program == plan.program
        assert "flowchart" in plan.to_mermaid()
    assert seen == {  # 520.7 and 130.2 micro-USD per agent
        "linear": ["EH", "EL", "EH"],
        "star": ["EH", "EH", "EL"],
        "feedback": ["EH", "EH", "CL"],
        "planner": ["EH", "EH", "PL"],  # 20 + 0.951 > 20.01 + 0.5: a tier below counts tenfold less
    }


def test_released_flags_reach_the_programs(mas: BaseMAS) -> None:
    policy, query = bamas(mas, as_released=True), DATA.queries("test")[0]
    made = [policy.market.plan(query, mas.template, p, 1.6e-3).program for p in policy.patterns]
    assert made[0] == LinearProgram(3, as_released=True)
    assert made[1] == StarProgram(3, 3, as_released=True)
    assert isinstance(made[2], FeedbackProgram)
    assert (made[2].max_iterations, made[2].critic_answers) == (2, False)
    assert isinstance(made[3], PlannerProgram)
    assert made[3].as_released


def test_patterns_without_a_team_are_not_chosen(mas: BaseMAS) -> None:
    policy = bamas(mas, budgets_usd=[1.5e-4])  # one cheap agent: nothing for critic or planner
    batch = mas.batch(DATA.queries("test"), 2)
    choice = policy(batch, sample=True)
    assert {pattern_of(p) for p in choice.plans()} <= {"linear", "star"}
    log_prob = policy.log_prob(batch.query_embed, [1.5e-4] * batch.num_graphs)
    assert log_prob[:, 2:].isneginf().all()
    assert bool(choice.entropy.isfinite().all())
    choice.log_prob.sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in policy.parameters() if p.grad is not None)


def test_a_copy_decides_alike(mas: BaseMAS) -> None:
    """Weights travel by state dict; the catalogue is attached anew."""
    policy = bamas(mas)
    other = bamas(sharp=0.5)
    other.load_state_dict(policy.state_dict())
    other.attach(mas.table)
    batch = mas.batch(DATA.queries("test"))
    ours, theirs, copied = (p(batch, sample=False) for p in (policy, other, deepcopy(policy)))
    assert torch.equal(ours.log_prob, theirs.log_prob)
    assert ours.plans() == theirs.plans() == copied.plans()


def test_no_team_at_all_is_an_outcome_without_a_call(mas: BaseMAS) -> None:
    for mask in (True, False):
        policy = bamas(mas, budgets_usd=[1e-4], mask=mask)
        with Executor(SimulatedClient(0), mas.catalogue, DATA) as runs:
            outcomes = evaluate(policy, mas, runs, DATA.queries("test")[:5])
        assert {(o.kind, o.calls, o.cost, o.score) for o in outcomes} == {("budget", (), 0, 0)}
    choice = policy(mas.batch(DATA.queries("test")[:3]), sample=True)
    assert bool(choice.log_prob.isfinite().all())


def test_nobody_overspends(mas: BaseMAS) -> None:
    """2,000 simulated questions on all budgets and patterns (10,000: scripts/bench/bamas)."""
    policy, queries = bamas(mas), DATA.load()[:100]
    data: list[tuple[Query, float, str]] = [
        (q, b, p) for q in queries for b in BUDGETS for p in policy.patterns
    ]
    plans = [policy.market.plan(q, mas.template, p, b) for q, b, p in data]  # type: ignore[arg-type]
    with Executor(SimulatedClient(0), mas.catalogue, DATA) as runs:
        outcomes = runs.run(plans)
    assert len(outcomes) == 2000
    for outcome in outcomes:
        bought(outcome)
        assert outcome.error is None
    used = Counter(pattern_of(o.plan) for o in outcomes if len(o.calls) == len(o.plan.agents))
    assert set(used) == set(policy.patterns)  # everyone who was bought can be called


# learning


def synthetic(policy: Bamas, n: int = 60) -> tuple[CrossProduct, Tensor, Tensor]:
    """The best pattern is linear for small budgets; for others it depends on the question."""
    generator = torch.Generator().manual_seed(0)
    embed = F.normalize(torch.randn(n, 384, generator=generator), dim=-1)
    kind = (embed[:, 0] > 0).long()  # [Q]
    budgets, patterns = policy.budgets_usd, policy.patterns
    best = torch.zeros(n, len(budgets), dtype=torch.long)  # linear
    best[:, 2:] = torch.where(kind == 1, 2, 1).unsqueeze(1)  # feedback or star
    score = F.one_hot(best, len(patterns)).float()
    data = CrossProduct(
        [Query(f"q{i}", f"question {i}", "general") for i in range(n)],
        budgets,
        patterns,
        score,
        torch.full_like(score, 2e-4).double(),
        torch.ones_like(score, dtype=torch.bool),
        torch.ones_like(score, dtype=torch.bool),
    )
    return data, embed, best


@pytest.mark.parametrize("baseline", ["none", "standard"])
def test_offline_learning_finds_the_pattern(mas: BaseMAS, baseline: str) -> None:
    """By task and by budget, with the estimator that maximises the policy's own reward."""
    policy = bamas(mas, sharp=1)
    data, embed, best = synthetic(policy)
    settings = OfflineSettings(epochs=150, baseline=baseline, estimator="expected")  # type: ignore[arg-type]
    history = fit_offline(policy, data, embed, settings)
    assert history[-1] > 900  # of 1000
    rows = embed.repeat_interleave(5, 0)
    chosen = policy.log_prob(rows, data.budgets_usd * 60).argmax(-1).view(60, 5)
    assert float((chosen == best).float().mean()) > 0.97


def test_the_released_loss_learns_for_ten_steps_and_collapses_after(mas: BaseMAS) -> None:
    """It weighs all patterns alike, whatever is chosen, and has no bound: no place to come to."""
    policy = bamas(mas, sharp=1)
    data, embed, _ = synthetic(policy)
    reward = CompositeReward()
    before = expected_reward(policy, data, embed, reward(data))
    history = fit_offline(policy, data, embed)
    assert len(history) == 10
    assert history[-1] > before + 100
    further = fit_offline(policy, data, embed, OfflineSettings(epochs=100))
    assert further[-1] < history[-1] <= max(further)
    assert expected_reward(policy, data, embed, reward(data)) == max(further)  # the best is kept
    fit_offline(policy, data, embed, OfflineSettings(epochs=100, keep="last"))
    assert expected_reward(policy, data, embed, reward(data)) < history[-1]


def test_rewards_are_the_released_ones(mas: BaseMAS) -> None:
    policy = bamas(mas, budgets_usd=[1e-3], patterns=["linear", "star", "feedback"])
    shape = (1, 1, 3)
    data = CrossProduct(
        [DATA.load()[0]], (1e-3,), policy.patterns,
        score=torch.tensor([1.0, 0.0, 0.0]).view(shape),
        cost=torch.tensor([4e-4, 2e-3, 0.0], dtype=torch.float64).view(shape),
        feasible=torch.tensor([True, True, False]).view(shape),
        valid=torch.ones(shape, dtype=torch.bool),
    )  # fmt: skip
    right = 1000 + 1e-4 * 0.6
    expected = torch.tensor([right, -1000 - 1000, -120]).view(shape)
    torch.testing.assert_close(CompositeReward()(data), expected)
    mild = CompositeReward(task=1, overflow=2, saving=0.5, infeasible=3, budget_weight=2)
    torch.testing.assert_close(mild(data), torch.tensor([1 + 2 * 0.3, -1 - 4, -3]).view(shape))


def test_baselines() -> None:
    rewards = torch.tensor([[[1.0, 3.0, 8.0]], [[0.0, 2.0, 9.0]]])
    usable = torch.tensor([[[True, True, False]], [[True, True, True]]])
    plain = advantage(rewards, usable, "none")
    assert plain.tolist() == [[[1, 3, 0]], [[0, 2, 9]]]
    centred = advantage(rewards, usable, "mean")
    torch.testing.assert_close(centred[0, 0], torch.tensor([-1.0, 1.0, 0.0]))
    assert float(centred[1].sum()) == pytest.approx(0, abs=1e-5)
    standard = advantage(rewards, usable, "standard")
    assert float(standard[usable].square().mean()) == pytest.approx(1)


def test_offline_losses_by_hand(mas: BaseMAS) -> None:
    policy = bamas(mas)
    data, embed, _ = synthetic(policy, 2)
    weights = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    cells = torch.tensor([[0, 1, 2], [1, 4, 0]])
    rows = policy.log_prob(embed, [data.budgets_usd[1], data.budgets_usd[4]])
    entropy = -(rows.exp() * rows).sum(-1).mean()
    logged = -(rows[0, 2] * weights[0, 1, 2] + rows[1, 0] * weights[1, 4, 0]) / 2
    expected = -((rows[0].exp() * weights[0, 1]).sum() + (rows[1].exp() * weights[1, 4]).sum()) / 2
    for estimator, value in (("logged", logged), ("expected", expected)):
        settings = OfflineSettings(entropy_weight=0.5, estimator=estimator)  # type: ignore[arg-type]
        loss = offline_loss(policy, data, embed, weights, cells, settings)
        torch.testing.assert_close(loss, value - 0.5 * entropy)


def test_the_cross_product_is_recorded(mas: BaseMAS, tmp_path: Path) -> None:
    """Collected a second time it costs nothing; then it can be learned from."""
    policy = bamas(budgets_usd=[1e-4, 1.5e-4, 8e-4])
    queries = DATA.queries("train")
    settings = RolloutSettings(Recording(str(tmp_path / "calls.sqlite")))
    data = []
    for _ in range(2):
        with Executor(SimulatedClient(0), mas.catalogue, DATA, settings=settings) as runs:
            data.append(collect(policy, mas, runs, queries))
            paid = sum(a.committed for a in runs.ledger.accounts())
    first, again = data
    assert torch.equal(first.score, again.score)
    torch.testing.assert_close(first.cost, again.cost)
    assert first.score.shape == (8, 3, 4)
    assert bool(first.valid.all())
    assert not first.feasible[:, 0].any()  # no team
    assert first.feasible[:, 1].any(0).tolist() == [True, True, False, False]
    assert bool(first.feasible[:, 2].all())
    total = sum(first.cost.flatten().tolist())
    assert 0 < paid * 1e-12 <= total + 1e-12  # paid once
    embed = mas.batch(queries).query_embed
    history = fit_offline(policy, first, embed, OfflineSettings(epochs=3))
    assert all(map(math.isfinite, history))
    with pytest.raises(ConfigError, match=r"data\.patterns"):
        fit_offline(bamas(mas, patterns=["star"]), first, embed)


def test_failed_calls_teach_nothing(mas: BaseMAS) -> None:
    """A cell whose outcome is not valid changes no gradient."""
    ends = []
    for worth in (0.0, 1.0):
        policy = bamas(mas)
        data, embed, _ = synthetic(policy, 6)
        data.valid[2, 3, 1] = False
        data.score[2, 3, 1] = worth
        fit_offline(policy, data, embed, OfflineSettings(epochs=2, baseline="mean"))
        ends.append(policy.net.score.bias.detach().clone())
    assert torch.equal(*ends)


def test_reinforce_trains_it(mas: BaseMAS, tmp_path: Path) -> None:
    policy = bamas()
    before = policy.net.score.weight.detach().clone()
    module = Reinforce(
        policy, mas, SimulatedClient(0), lambda_lat=0.0, samples=2, advantage=NoBaseline(), lr=1e-3
    )
    trainer = Trainer(
        accelerator="cpu", max_epochs=1, num_sanity_val_steps=0, logger=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(module, datamodule=QuickQA(n_train=8, n_val=4, n_test=4, batch_size=4))
    assert not torch.equal(before, policy.net.score.weight)
    assert module.outcomes
    for outcome in module.outcomes:
        bought(outcome)
        assert outcome.error is None


@pytest.mark.usefixtures("elsewhere")
def test_the_config_builds() -> None:
    model = build(["simulated/general.yaml", "baselines/bamas.yaml"]).model
    assert isinstance(model.policy, Bamas)
    model.policy.attach(model.mas.table)
    assert bool(model.policy.feasible(model.policy.budgets_usd).all())
    tiers = model.policy.market.tiers
    score = dict(zip(model.mas.table.names, model.mas.table.accuracy.tolist(), strict=True))
    plain = [b.name for b in model.mas.catalogue if b.type == "standard"]
    assert tiers[0].backbone == max(plain, key=score.__getitem__)  # of the catalogue, not named
    assert len(tiers) == 4
    assert {t.backbone for t in tiers} <= set(plain)
    assert dict(tiers[-1].performance) == {"planner": 0.95, "executor": 0.5, "critic": 0.5}
    assert isinstance(model.own_reward, BamasReward)


@pytest.mark.parametrize(
    ("benchmark", "right", "wrong", "over", "nobody"),
    [
        ("gsm8k", 1000, -1000, 0, -120),
        ("math", 1000, -1000, -500, -120),
        ("mbpp", 1500, -1500, -500, -150),
    ],
)
def test_the_released_reward(
    mas: BaseMAS, benchmark: str, right: float, wrong: float, over: float, nobody: float
) -> None:
    """Saving is nil beside success: only overspending counts."""
    policy = bamas(mas, budget_usd=5e-4, patterns=["linear"])
    with Executor(SimulatedClient(0), mas.catalogue, DATA) as runs:
        [one] = evaluate(policy, mas, runs, DATA.queries("test")[:1])
    reward = BamasReward(benchmark)  # type: ignore[arg-type]
    cases = [
        replace(one, score=1.0, cost=1e-4),
        replace(one, score=0.0, cost=1e-4),
        replace(one, score=1.0, cost=6e-4),
        replace(one, score=0.0, cost=0.0, calls=()),
    ]
    assert reward(cases).tolist() == pytest.approx([right, wrong, over, nobody], abs=1e-3)
    with pytest.raises(ConfigError, match=r"reward\.benchmark"):
        BamasReward("humaneval")  # type: ignore[arg-type]


def test_the_papers_catalogue() -> None:
    mas = BaseMAS("math", catalogue="catalogues/bamas.yaml", encoder="offline", n_pools=2)
    policy = Bamas()
    policy.attach(mas.table)
    assert [t.backbone for t in policy.market.tiers] == ["DeepSeek-V3", "GPT-4.1-nano"]
    teams = [policy.market.team("linear", b) for b in policy.budgets_usd]
    assert [t.tiers("executor") for t in teams if t] == [
        (1, 1), (0, 1), (0, 0), (0, 0, 1, 1), (0, 0, 0, 1),
    ]  # fmt: skip


# the greedy rows


def test_naive_buys_copies_of_one_llm(mas: BaseMAS) -> None:
    def number(backbone: str, **kwargs: object) -> int:
        policy = NaiveCostAware(backbone, catalogue="catalogues/paper.yaml", **kwargs)  # type: ignore[arg-type]
        policy.attach(mas.table)
        return policy.copies()

    # 500 tokens in and 384 out: 71.6 micro-USD of Qwen3-8B, 286.7 of Qwen3-32B
    assert [number("Qwen3-8B", level=i) for i in range(1, 6)] == [5, 5, 5, 5, 5]
    assert [number("Qwen3-32B", level=i) for i in range(1, 6)] == [1, 3, 4, 5, 5]
    assert number("Qwen3-32B", budget_usd=5.8e-4) == 2
    assert number("Qwen3-32B", budget_usd=2e-4) == 0
    assert number("Qwen3-32B", n=4) == 4


def test_naive_keeps_to_its_budget(mas: BaseMAS) -> None:
    policy = NaiveCostAware(
        "Qwen3-32B", level=2, catalogue="catalogues/paper.yaml", budgets_usd=BUDGETS, max_tokens=600
    )
    with Executor(SimulatedClient(0), mas.catalogue, DATA) as runs:
        outcomes = evaluate(policy, mas, runs, DATA.queries("test"))
    for outcome in outcomes:
        bought(outcome)
        assert outcome.plan.budget_usd == 5e-4
        assert outcome.plan.program == LinearProgram(1)
    poor = NaiveCostAware("Qwen3-32B", budget_usd=1e-5, catalogue="catalogues/paper.yaml")
    with Executor(SimulatedClient(0), mas.catalogue, DATA) as runs:
        assert {o.kind for o in evaluate(poor, mas, runs, DATA.queries("test")[:3])} == {"budget"}


# wrong input


@pytest.mark.parametrize(
    ("kwargs", "field"),
    [
        ({"budgets_usd": []}, "budgets_usd"),
        ({"budgets_usd": [0.0]}, "budgets_usd"),
        ({"budget_usd": -1.0}, "budget_usd"),
        ({"patterns": ["ring"]}, "patterns"),
        ({"patterns": []}, "patterns"),
        ({"max_tokens": {"cook": 3}}, "max_tokens.cook"),
        ({"max_tokens": {"critic": 0}}, "max_tokens.critic"),
        ({"copies": 0}, "copies"),
        ({"prompt_tokens": 0}, "prompt_tokens"),
        ({"tier_cost": "mean"}, "tier_cost"),
        ({"objective": "mine"}, "objective"),
    ],
)
def test_bad_arguments_are_named(kwargs: dict[str, object], field: str) -> None:
    with pytest.raises(ConfigError, match=f"policy.{field}"):
        bamas(**kwargs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kwargs", "field"),
    [
        ({"in_channels": 64}, "policy.in_channels"),
        ({"catalogue": "catalogues/bamas.yaml"}, "policy.catalogue"),
        ({"tiers": ["Qwen3-32B", "GPT-0"]}, "GPT-0"),
        ({"tiers": None, "n_tiers": 50}, "policy.n_tiers"),
    ],
)
def test_what_the_catalogue_lacks_is_named(
    mas: BaseMAS, kwargs: dict[str, object], field: str
) -> None:
    with pytest.raises(ConfigError, match=field):
        bamas(mas, **kwargs)


@pytest.mark.parametrize(
    "kwargs",
    [{}, {"level": 0}, {"level": 6}, {"level": 1, "n": 2}, {"level": 1, "budget_usd": 1.0},
     {"n": 0}, {"budget_usd": 0.0}, {"n": 1, "max_tokens": 0}, {"n": 1, "most": 0}],
)  # fmt: skip
def test_bad_rows_are_named(kwargs: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="policy"):
        NaiveCostAware("Qwen3-8B", **kwargs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kwargs", "field"),
    [({"epochs": 0}, "epochs"), ({"batch_size": 0}, "batch_size"),
     ({"baseline": "median"}, "baseline"), ({"estimator": "exact"}, "estimator"),
     ({"keep": "all"}, "keep")],
)  # fmt: skip
def test_bad_settings_are_named(kwargs: dict[str, object], field: str) -> None:
    with pytest.raises(ConfigError, match=f"offline.{field}"):
        OfflineSettings(**kwargs)  # type: ignore[arg-type]
