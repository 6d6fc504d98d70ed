"""The recorded world: what comes back is what the table says, to the token's price."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from abgnn.data.catalogue import Catalogue
from abgnn.data.query import Query
from abgnn.data.recorded_text import recorded_score, split_score, with_score
from abgnn.data.resources import config_path
from abgnn.data.template import Role
from abgnn.data.template_yaml import read_template
from abgnn.errors import ConfigError
from abgnn.outcomes.catalogue import catalogue_of, fitted_prices, write_catalogue
from abgnn.outcomes.layouts import read_outcomes
from abgnn.outcomes.table import OutcomeTable
from abgnn.rollout import Agent, CallError, Executor, Messages, Plan, RecordedClient
from abgnn.rollout.clients.base import PeerMessage
from abgnn.rollout.clients.recorded_bill import seconds_of
from tests.paths import SHARED

PROFILES = {
    "small": {"size": "8B", "input_price": 0.2, "output_price": 0.6},
    "large": {"size": "70B", "input_price": 3.0, "output_price": 15.0},
    "third": {"size": "7B", "input_price": 0.1, "output_price": 0.1},
}
SOLVER, VOTE = Role("Solver", "Solve."), Role("Vote", "Vote.")


@pytest.fixture
def table() -> OutcomeTable:
    rng = np.random.default_rng(0)
    shape = (20, 3)
    prompt = rng.integers(10, 300, shape).astype(float)
    completion = rng.integers(1, 500, shape).astype(float)
    return OutcomeTable(
        ids=tuple(f"q{i}" for i in range(20)),
        texts=tuple(f"question {i}" for i in range(20)),
        tasks=("gsm8k",) * 10 + ("mmlu",) * 10,
        llms=("small", "large", "third"),
        score=np.concatenate([rng.integers(0, 2, (15, 3)), rng.random((5, 3))]).astype(float),
        cost=(prompt * [0.2, 3.0, 0.1] + completion * [0.6, 15.0, 0.1]) * 1e-6,
        prompt_tokens=prompt,
        completion_tokens=completion,
        latency=np.full(shape, 2.5),
    )


class Recorded:
    """The task of recorded answers."""

    def score(self, query: Query, response: str) -> float:
        return recorded_score(response)

    def specimen(self, query: Query, *, correct: bool) -> str:
        return with_score(float(correct))


def lone(table: OutcomeTable, llm: str) -> list[Plan]:
    queries = [Query(id, text, "general") for id, text in zip(table.ids, table.texts, strict=True)]
    return [Plan(q, (Agent(SOLVER, llm),), (), 0) for q in queries]


def test_outcomes_are_the_table(table: OutcomeTable) -> None:
    with Executor(RecordedClient.of(table), catalogue_of(table, PROFILES), Recorded()) as executor:
        executor.check()
        for m, llm in enumerate(table.llms):
            outcomes = executor.run(lone(table, llm))
            assert [o.score for o in outcomes] == table.score[:, m].tolist()
            np.testing.assert_allclose([o.cost for o in outcomes], table.cost[:, m], rtol=1e-9)
            assert [o.usage.prompt_tokens for o in outcomes] == table.prompt_tokens[:, m].tolist()
            assert {o.latency for o in outcomes} == {2.5}


def test_costs_that_tokens_do_not_explain_are_billed_all_the_same(table: OutcomeTable) -> None:
    rng = np.random.default_rng(1)
    odd = replace(table, cost=table.cost * rng.uniform(0.05, 5, table.cost.shape))
    catalogue = catalogue_of(odd)
    with Executor(RecordedClient.of(odd), catalogue, Recorded()) as executor:
        for m, llm in enumerate(odd.llms):
            costs = np.array([o.cost for o in executor.run(lone(odd, llm))])
            backbone = catalogue[llm]
            half = max(backbone.price_in, backbone.price_out) * 0.5e-6
            assert np.abs(costs - odd.cost[:, m]).max() <= half * (1 + 1e-6)
            assert costs.std() > 0


def test_prices_are_recovered_from_costs_and_tokens(table: OutcomeTable) -> None:
    prices = fitted_prices(table)
    for name, profile in PROFILES.items():
        assert prices[name].price_in == pytest.approx(profile["input_price"])
        assert prices[name].price_out == pytest.approx(profile["output_price"])
    flat = replace(table, cost=table.cost * 0 + 1e-3)  # no prices explain this
    price = fitted_prices(flat)["large"]
    assert price.price_in > 0
    assert price.price_out > 0
    with pytest.raises(ConfigError, match="cost of small"):
        fitted_prices(replace(table, cost=table.cost * np.nan))


def test_catalogue_scores_by_domain_and_survives_its_file(
    table: OutcomeTable, tmp_path: Path
) -> None:
    catalogue = catalogue_of(table, PROFILES)
    mean = round(100 * float(table.score[:10, 1].mean()), 1)
    assert catalogue["large"].benchmarks["math"] == {"gsm8k": mean}
    assert set(catalogue["large"].benchmarks) == {"math", "general"}
    assert set(catalogue_of(table, PROFILES, domain="code")["small"].benchmarks) == {"code"}
    write_catalogue(catalogue, tmp_path / "c.yaml", "a test")
    assert Catalogue.from_yaml(tmp_path / "c.yaml") == catalogue
    with pytest.raises(ConfigError, match="price of large"):
        catalogue_of(table, {"small": PROFILES["small"]})


def test_sizes_come_from_names_or_prices(table: OutcomeTable) -> None:
    named = replace(table, llms=("qwen2.5-7b-instruct", "mixtral_8x7b", "gpt-4"))
    sizes = [b.active_params_b for b in catalogue_of(named)]
    assert sizes[:2] == [7, 56]
    assert sizes[2] == pytest.approx(5)  # 0.1 USD per million tokens


def test_seconds_grow_with_size_and_tokens_where_none_are_recorded(table: OutcomeTable) -> None:
    silent = replace(table, latency=table.latency * np.nan)
    catalogue = catalogue_of(silent, PROFILES)
    large = seconds_of(silent, 0, 1, catalogue["large"])
    assert large > seconds_of(silent, 0, 1, catalogue["small"]) > 0.4
    more = replace(silent, completion_tokens=silent.completion_tokens + 100)
    assert seconds_of(more, 0, 1, catalogue["large"]) > large


def test_three_votes_are_the_majority_and_cost_their_sum(table: OutcomeTable) -> None:
    roles = (SOLVER, Role("Second solver", "Solve."), Role("Third solver", "Solve."))
    agents = (*map(Agent, roles, table.llms), Agent(VOTE, "large"))
    plans = [
        replace(p, agents=agents, edges=((0, 3), (1, 3), (2, 3)), decision=3)
        for p in lone(table, "small")
    ]
    with Executor(RecordedClient.of(table), catalogue_of(table, PROFILES), Recorded()) as executor:
        outcomes = executor.run(plans)
    right = table.score[:15].sum(1) >= 2
    assert [o.score for o in outcomes[:15]] == right.astype(float).tolist()
    assert [o.score for o in outcomes[15:]] == np.median(table.score[15:], 1).tolist()
    np.testing.assert_allclose([o.cost for o in outcomes], table.cost.sum(1), rtol=1e-9)
    assert {o.latency for o in outcomes} == {2.5}


def test_a_tie_of_two_votes_is_half_right() -> None:
    client = RecordedClient()
    heard = (PeerMessage("a", with_score(1.0)), PeerMessage("b", with_score(0.0, "no")))
    catalogue = Catalogue.from_yaml("catalogues/llmrouter.yaml")
    messages = Messages(VOTE, "q", heard)
    query = Query("q", "q", "general")
    call = client.complete(catalogue.backbones[0], messages, query=query, sample=0)
    completion = asyncio.run(call)
    assert recorded_score(completion.text) == 0.5
    assert catalogue.backbones[0].cost(completion.usage) == 0


def test_what_was_never_recorded_fails_and_says_so(table: OutcomeTable) -> None:
    client, backbone = RecordedClient.of(table), catalogue_of(table, PROFILES)["small"]
    query = Query("q0", "question 0", "general")
    heard = (PeerMessage("other", with_score(1.0)),)
    for role, received, asked in [
        (SOLVER, heard, query),
        (SOLVER, (), replace(query, id="elsewhere")),
        (VOTE, (), query),
    ]:
        call = client.complete(backbone, Messages(role, "q", received), query=asked, sample=0)
        with pytest.raises(CallError, match="unrecorded"):
            asyncio.run(call)


def test_backbones_must_be_in_the_table(table: OutcomeTable) -> None:
    client = RecordedClient.of(table)
    catalogue = catalogue_of(table, PROFILES)
    client.check(catalogue)
    client.check([replace(catalogue["small"], name="mine", model="large")])  # by its model
    with pytest.raises(ConfigError, match=r"smal'.*did you mean small"):
        client.check([replace(catalogue["small"], name="smal", model="smal")])
    with pytest.raises(ConfigError, match=r"RecordedClient\.path"):
        RecordedClient().check(catalogue)


def test_a_task_lends_its_table_unless_there_is_one(table: OutcomeTable) -> None:
    class Task(Recorded):
        def __init__(self, table: OutcomeTable) -> None:
            self.table = table

    client = RecordedClient()
    client.bind(Recorded())
    client.bind(Task(table))
    assert client.table is table
    client.bind(Task(table.rows([0])))
    assert client.table is table


@pytest.mark.parametrize("score", [0.0, 1.0, 1 / 3, 1e-7, 0.1 + 0.2])
def test_scores_are_read_back_exactly(score: float) -> None:
    assert split_score(with_score(score, "line\nline")) == (score, "line\nline")


@pytest.mark.parametrize(
    "text", ["", "1.0", "[recorded: score 2]\n", "[recorded: score e-]\n", " [recorded: score 1]\n"]
)
def test_other_texts_carry_no_score(text: str) -> None:
    with pytest.raises(ConfigError, match="RecordedClient"):
        recorded_score(text)


@pytest.mark.parametrize(("name", "solvers"), [("routing", 1), ("committee", 3)])
def test_packaged_templates_let_nobody_read_but_the_vote(name: str, solvers: int) -> None:
    template = read_template(config_path(f"templates/{name}.yaml"))
    assert len(template.roles) == solvers + 1
    assert template.roles[template.decision].name == "Vote"
    assert template.edges == ()


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data beside the project")
def test_the_packaged_catalogue_is_what_its_table_says() -> None:
    profiles = SHARED / "llmrouter_9llm_profiles.json"
    table = read_outcomes(SHARED / "outcomes_llmrouter_9llm.jsonl", profiles=profiles)
    packaged = Catalogue.from_yaml("catalogues/llmrouter.yaml")
    paper = read_outcomes(SHARED / "outcomes_llmrouter_9llm.jsonl", tasks="paper")
    others = table.rows([q for q, id in enumerate(table.ids) if id not in set(paper.ids)])
    assert packaged == catalogue_of(others, profiles, domain="general")
