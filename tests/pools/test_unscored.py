"""Scores are optional: who has none is guessed, doubted, never dropped, and judged by calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from abgnn.data.backbone import Backbone
from abgnn.data.catalogue import Catalogue
from abgnn.data.resources import config_path
from abgnn.errors import ConfigError
from abgnn.graph.base_mas import BaseMAS
from abgnn.planning import OutcomeModel
from abgnn.planning.prior import Prior
from abgnn.pools.build import build_pools, deal, pareto_mask
from abgnn.pools.estimates import expected_accuracy, guess_sd, triples
from abgnn.rollout import SimulatedClient
from tests.planning.test_planner import TEMPLATE, observations, profile

DOMAINS = ("general", "math", "code")


@pytest.fixture(scope="module")
def paper() -> Catalogue:
    return Catalogue.from_yaml("catalogues/paper.yaml")


def bare(backbone: Backbone) -> Backbone:
    return replace(backbone, benchmarks={})


def logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_others_say_about_what_is_published(paper: Catalogue, domain: str) -> None:
    """Left out one by one: as far off as `guess_sd` says, and to no side."""
    guesses = [logit(expected_accuracy(bare(b), domain, paper)) for b in paper]
    away = np.array(guesses) - [logit(expected_accuracy(b, domain, paper)) for b in paper]
    assert np.sqrt((away**2).mean()) < 0.5
    assert abs(away.mean()) < 0.15


def test_what_is_known_less_is_doubted_more(paper: Catalogue) -> None:
    [first, *others] = paper
    assert guess_sd(first, "general", paper) == 0
    several, one, nobody = (guess_sd(bare(first), "general", p) for p in (others, others[:1], ()))
    assert 0 < several < one < nobody


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_catalogue_without_any_score_can_be_used(paper: Catalogue, domain: str) -> None:
    catalogue = Catalogue(tuple(bare(b) for b in paper))
    known = triples(catalogue, domain)
    assert known.unscored == paper.names
    assert len(set(known.perf)) == 1
    prior = Prior.of(catalogue, domain)
    assert (prior.doubt > 1).all()
    assert (Prior.of(paper, domain).doubt == 0).all()
    made = build_pools(*known[:4], guessed=known.guessed)
    assert made.front.all()  # nothing is known against anyone
    assert deal(made, 1).front.all()


def test_a_live_catalogue_without_scores_has_pools(paper: Catalogue, tmp_path: Path) -> None:
    data = yaml.safe_load(config_path("catalogues/paper.yaml").read_text("utf-8"))
    for entry in data["backbones"]:
        entry.pop("benchmarks", None)
        for mode in entry.get("modes", {}).values():
            mode.pop("benchmarks", None)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    mas = BaseMAS("general", str(path), encoder="offline")
    assert len(mas.pools) == 4
    with pytest.raises(ConfigError, match=r"benchmarks\.general.*simulated world"):
        SimulatedClient().check(mas.catalogue)  # it draws answers from the score


def test_a_guess_costs_nobody_a_place() -> None:
    perf, cost, wait = [0.9, 0.5, 0.6], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]
    assert pareto_mask(perf, cost, wait).tolist() == [True, False, False]
    assert pareto_mask(perf, cost, wait, [False, True, False]).tolist() == [True, True, False]
    assert pareto_mask(perf, cost, wait, [True, False, False]).all()


def test_calls_decide_where_a_score_is_guessed() -> None:
    """The fourth LLM is thought the best, and is not; few calls say so."""
    published = profile((0.6, 0.7, 0.7, 0.95))
    guessed = replace(published, guess_sd=np.array([0.0, 0.0, 0.0, 1.5]))
    few = observations(120)
    few = replace(few, right=np.where(few.backbone == 3, 0.0, few.right))
    posts = [OutcomeModel.fit(few, p, TEMPLATE).correct for p in (published, guessed)]
    trusted, doubted = (float(p.mean[p.layout.ability][3]) for p in posts)
    assert doubted < trusted - 0.5
    spread = [float(p.covariance[p.layout.ability, p.layout.ability][3, 3]) for p in posts]
    assert spread[1] > spread[0]


def test_a_calibration_keeps_what_was_guessed(tmp_path: Path) -> None:
    from tests.report.test_report import calibration

    made = calibration()
    doubted = replace(made.profile, guess_sd=np.linspace(0, 1, len(made.profile.names)))
    replace(made, profile=doubted).save(tmp_path / "c.json")
    again = type(made).load(tmp_path / "c.json")
    assert again.profile.doubt.tolist() == doubted.doubt.tolist()
