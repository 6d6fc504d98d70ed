"""The catalogue is an input: weights and calibrations serve another one, by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from abgnn.data.catalogue import Catalogue
from abgnn.data.query import Query
from abgnn.experiments.experiment import Experiment
from abgnn.experiments.transfer import for_catalogue, for_profile
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance
from abgnn.planning.budgets import Budget
from abgnn.planning.calibration import Calibration
from abgnn.planning.outcome_model import OutcomeModel
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.planner import plan
from abgnn.planning.prior import Prior

GONE = ("Qwen3-235B-A22B", "Qwen3-235B-A22B-thinking")
ORDER = [7, 2, 10, 0, 5, 9, 1, 8, 3, 6, 4]


@pytest.fixture(scope="module")
def mas(simulated: Experiment) -> BaseMAS:
    found: BaseMAS = simulated.model.mas
    return found


@pytest.fixture(scope="module")
def known(calibration: Calibration) -> Calibration:
    return calibration


@pytest.fixture(scope="module")
def questions(simulated: Experiment) -> list[Query]:
    simulated.data.setup("test")
    found: list[Query] = simulated.data.queries("test")[:40]
    return found


def reordered(mas: BaseMAS) -> BaseMAS:
    backbones = tuple(mas.catalogue.backbones[i] for i in ORDER)
    return mas.with_catalogue(Catalogue(backbones))


def larger(mas: BaseMAS) -> BaseMAS:
    more = Catalogue.from_yaml(Path("catalogues/transfer.yaml"))
    return mas.with_catalogue(mas.catalogue.merged(more))


def rough(policy: AgentBalance) -> AgentBalance:
    """Weights that every factor depends on."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return policy


def plans(policy: AgentBalance, mas: BaseMAS, questions: list[Query]) -> list[object]:
    policy.attach(mas.table)
    with torch.no_grad():
        return [plan.to_dict() for plan in policy(mas.batch(questions), sample=False).plans()]


@pytest.mark.parametrize("init", ["profile", "paper"])
def test_order_of_the_catalogue_is_no_matter(
    init: str, mas: BaseMAS, questions: list[Query]
) -> None:
    policy = rough(AgentBalance(init=init))  # type: ignore[arg-type]
    policy.set_tradeoff(10.0, 1e-3)
    other = reordered(mas)
    assert other.catalogue.names != mas.catalogue.names
    first = plans(policy, mas, questions)
    assert plans(policy, other, questions) == first
    assert len({agent["backbone"] for p in first for agent in p["agents"]}) > 1  # type: ignore[index]


def test_weights_serve_other_sizes(mas: BaseMAS, questions: list[Query]) -> None:
    policy = rough(AgentBalance(init="paper"))
    before = {k: v.clone() for k, v in policy.state_dict().items()}
    for other in (mas.with_catalogue(mas.catalogue.without(GONE)), larger(mas)):
        used = {a["backbone"] for p in plans(policy, other, questions) for a in p["agents"]}  # type: ignore[index]
        assert used <= set(other.catalogue.names)
        assert len(other.table.names) == len(other.catalogue)
    assert all(torch.equal(v, before[k]) for k, v in policy.state_dict().items())
    assert mas.table.names == mas.catalogue.names  # the first catalogue is as it was


def test_observations_go_by_names(mas: BaseMAS, known: Calibration) -> None:
    """The outcome model of reordered observations believes the same of every name."""
    other = Prior.of(reordered(mas).catalogue, mas.domain)
    moved = for_profile(known.observed, known.profile.names, other)
    named = [known.profile.names[m] for m in known.observed.backbone]
    assert [other.names[m] for m in moved.backbone] == named
    first, again = known.model(), OutcomeModel.fit(moved, other, known.template)
    place = [other.names.index(name) for name in known.profile.names]
    assert place != sorted(place)
    np.testing.assert_allclose(again.usd.coef[place], first.usd.coef[: len(place)], rtol=1e-8)
    np.testing.assert_allclose(
        again.seconds.coef[place], first.seconds.coef[: len(place)], rtol=1e-8
    )
    ability = first.correct.layout.ability
    believed, mean = again.correct.mean[ability][place], first.correct.mean[ability]
    np.testing.assert_allclose(believed, mean, atol=1e-4)


def test_planner_finds_the_same_plan_by_name(mas: BaseMAS, known: Calibration) -> None:
    budget = Budget(cost_usd=2e-3)
    same, other = (for_catalogue(known, one) for one in (mas, reordered(mas)))
    first, second = (PlanFile.of(plan(c, budget), c) for c in (same, other))
    assert first.parts == second.parts
    assert PlanFile.of(plan(known, budget), known).parts == first.parts


def test_gone_and_unseen_backbones(mas: BaseMAS, known: Calibration) -> None:
    less = for_catalogue(known, mas.with_catalogue(mas.catalogue.without(GONE)))
    gone = [known.profile.names.index(name) for name in GONE]
    assert len(known.observed) - len(less.observed) == np.isin(known.observed.backbone, gone).sum()
    assert less.observed.n_queries == known.observed.n_queries
    more = for_catalogue(known, larger(mas))
    unseen = [more.profile.names.index(n) for n in more.profile.names if n not in mas.catalogue]
    assert len(unseen) == 3
    assert not np.isin(more.observed.backbone, unseen).any()
    made = PlanFile.of(plan(more, Budget()), more)
    assert made.parts


def test_an_unseen_backbone_that_is_better_and_cheaper_is_planned(
    mas: BaseMAS, known: Calibration
) -> None:
    best = mas.catalogue["Qwen3-235B-A22B-thinking"]
    star = replace(best, name="Star", model="star", price_in=0.001, price_out=0.001)
    other = mas.with_catalogue(mas.catalogue.merged(Catalogue((star,))))
    calibration = for_catalogue(known, other)
    assert isinstance(calibration.profile, Prior)
    mixture = plan(calibration, Budget(cost_usd=1e-3))
    used = {
        calibration.profile.names[m] for p in mixture.parts for _, m in p.candidate.design.agents
    }
    assert "Star" in used
