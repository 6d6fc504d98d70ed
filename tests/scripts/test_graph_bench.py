"""What `scripts/bench/graph` measures by: information, planted headroom, equal parameters."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from graph_counterfactual import derangement
from graph_edits import NEIGHBOUR, PERMUTED, Rewired, rewired
from graph_ladder_nets import LADDER, PLAN_NET, WITHIN, Plans, Widths, channels_of, parameters
from graph_ladder_plans import permuted, sampled
from graph_metrics import centred_rmse, corrected_information, mutual_information, regret
from graph_planted import CHEAP, DEAR, HIDDEN, ROLES, PlantedTruth, Signal, headroom, planted
from graph_truth import Truth

from abgnn.data.catalogue import Catalogue
from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.data.template_yaml import build_template, load_roles
from abgnn.nn import AgentEncoder
from abgnn.nn.agent_graph import AgentGraph, Team
from abgnn.planning.design import Design, PlanSpace
from abgnn.rollout.world.study import World

SUBJECTS = [f"s{i}" for i in range(6)]
WEIGHT = np.full(6, 1 / 6)
CATALOGUE = Catalogue.from_yaml("catalogues/paper.yaml")
FOUR = CATALOGUE.without([n for n in CATALOGUE.names if n not in CHEAP + DEAR])
TEMPLATE = build_template("complete", load_roles("general", ROLES))
SPACE = PlanSpace(TEMPLATE, ((0, 1, 2, 3),))
PAIR = PlanSpace(build_template("complete", load_roles("general", ROLES[:2])), ((0, 1, 2, 3),))


def signal(seed: int = 0, strength: float = 0.0, template: Template = TEMPLATE) -> Signal:
    made = Signal.of(SUBJECTS, FOUR.names, [r.name for r in template.roles], seed)
    return Signal(made.subjects, made.llms, made.roles, made.by_llm, made.by_role, strength)


def test_independent_values_share_no_information() -> None:
    rng = np.random.default_rng(0)
    bits = []
    for seed in range(30):
        a, b = rng.integers(12, size=100).tolist(), rng.integers(6, size=100).tolist()
        assert mutual_information(a, b) > 0.1  # of the sample, by chance
        bits.append(corrected_information(a, b, 40, seed))
    assert abs(np.mean(bits)) < 0.02


def test_a_copy_shares_nearly_all() -> None:
    values = np.repeat(["a", "b", "c", "d"], 50).tolist()
    assert mutual_information(values, values) == pytest.approx(2)
    assert 1.9 < corrected_information(values, values, 20) < 2


def test_regret_and_centred_error() -> None:
    true = np.array([[0.5, 0.9], [0.8, 0.2]])
    assert regret(true, true) == 0
    assert regret(true, 1 - true) == pytest.approx(0.5)
    assert centred_rmse(true, true + np.array([[0.3], [-0.1]])) == pytest.approx(0)


def test_the_planted_headroom_is_what_is_stated() -> None:
    made, room = planted(signal(3, template=PAIR.template), FOUR, PAIR, WEIGHT, 6.0)
    assert room.points == pytest.approx(6.0, abs=0.5)
    truth = PlantedTruth(made, FOUR, PAIR.template)
    rng = np.random.default_rng(0)
    tried = [PAIR.make([s], [m], (), m) for s in range(2) for m in range(4)]
    tried += [PAIR.make([0, 1], rng.integers(4, size=2), ((0, 1),), 1) for _ in range(40)]
    utility = truth.utility(tried)  # of some designs: none beats what is called the best
    assert (WEIGHT @ utility).max() <= room.fixed + 1e-12
    assert WEIGHT @ utility.max(1) <= room.by_question + 1e-12


def test_without_a_signal_nothing_can_be_recovered() -> None:
    truth = PlantedTruth(signal(3), FOUR, TEMPLATE)
    designs = [SPACE.make([s], [m], (), m) for s in range(3) for m in range(4)]
    assert headroom(truth, designs, WEIGHT).points == pytest.approx(0, abs=1e-9)


def test_planted_chances_are_those_of_drawn_calls() -> None:
    """A team, replayed with luck of its own and hidden difficulty."""
    rng, made = np.random.default_rng(1), signal(1, 0.5)
    truth = PlantedTruth(made, FOUR, TEMPLATE)
    design = Design(((0, 0), (2, 3)), ((0, 2),), 1)
    n, g = 200_000, 2
    hidden = HIDDEN * rng.standard_normal(n)
    right: dict[int, np.ndarray] = {}
    for slot, m, senders in ((0, 0, []), (2, 3, [0]), (3, 1, [0, 2])):
        shift = truth._messages(m, senders, right) if senders else 0.0
        value = truth._logit(made.logits()[g, slot, m] - hidden, slot, shift, len(senders))[0]
        right[slot] = rng.random(n) < 1 / (1 + np.exp(-value))
    assert truth.accuracy(design)[g] == pytest.approx(right[3].mean(), abs=0.004)


def test_truth_of_lone_agents_is_the_worlds() -> None:
    template = build_template("complete", load_roles("general"))
    queries = [Query(f"q{i}", "?", "general", "A", {"area": "law"}) for i in range(20)]
    place = World(7)
    truth = Truth(place, CATALOGUE, template, queries, 4000)
    chance = truth.accuracy(Design(((1, 4),), (), None))
    llm, role = CATALOGUE.backbones[4], template.roles[1].name
    wanted = [1 / (1 + np.exp(-place.true_logit(q, llm, role))) for q in queries]
    np.testing.assert_allclose(chance, wanted, atol=0.01)


def test_layers_have_equal_parameters() -> None:
    widths = Widths(16, 14, 6)
    target = parameters(LADDER[PLAN_NET](widths, 32))
    for name, channels in channels_of(widths).items():
        assert abs(parameters(LADDER[name](widths, channels)) / target - 1) <= WITHIN, name


def test_layers_start_at_beliefs_and_leave_lone_agents_there() -> None:
    widths = Widths(3, 2, 2)
    x = torch.randn(4, widths.node)
    plans = Plans(
        x,
        torch.tensor([[1, 2], [3, 3]]),
        torch.tensor([0, 0, 0, 1]),
        torch.tensor([0, 3]),
        torch.tensor([0, 1, 1, 1]),
    )
    for name, make in LADDER.items():
        net = make(widths, 8)
        torch.testing.assert_close(net(plans), x[[0, 3], -1], msg=name)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(torch.randn_like(parameter))
        logit = net(plans)
        assert logit[0] == x[0, -1], name
        assert logit[1] != x[3, -1], name


def test_unseen_plans_are_unseen() -> None:
    template, rng = build_template("complete", load_roles("general")), np.random.default_rng(0)
    sets = {of: sampled(template, 5, of, 30, rng) for of in ("learned", "size", "topology", "both")}
    sizes = {of: {len(d.agents) + (len(d.agents) > 1) for d in sets[of]} for of in sets}
    assert max(sizes["learned"]) <= 4
    assert sizes["size"] == sizes["both"] == {5, 6}
    for design in sets["topology"] + sets["both"]:
        slots = [slot for slot, _ in design.agents]
        chain, star = set(pairwise(slots)), {(slots[0], v) for v in slots[1:]}
        assert design.edges
        assert set(design.edges) not in (chain, star)


def test_permuted_edges_are_still_read_in_the_end() -> None:
    team = Team(((0, 0), (1, 0), (2, 0), (6, 1)), ((0, 1), (1, 2), (0, 3), (1, 3), (2, 3)), 3)
    other = permuted(team, np.random.default_rng(2))
    assert other.edges != team.edges
    assert other.answer == 3
    assert {u for u, v in other.edges if v == 3} == {0, 1, 2}


def test_every_question_gets_another_of_another_kind() -> None:
    kinds = ["a"] * 20 + ["b"] * 20 + ["c"] * 20
    other = derangement(kinds, 0)
    assert sorted(other) == list(range(60))
    assert all(kinds[i] != kinds[j] for i, j in enumerate(other))


def test_exchanged_senders_answer_before_their_readers() -> None:
    teams = [
        Team(((0, 0), (1, 1), (2, 0), (3, 2)), ((0, 1), (1, 2), (0, 3), (1, 3), (2, 3)), 3),
        Team(((0, 2), (1, 0), (3, 1)), ((0, 2), (1, 2)), 2),
        Team(((1, 2),), (), 0),
    ]
    graph = AgentGraph.of(teams, 4, 3)
    for edit in (PERMUTED, NEIGHBOUR):
        other = rewired(graph, edit, torch.Generator().manual_seed(1))
        senders, readers = other.edge_index
        assert not torch.equal(senders, graph.edge_index[0]), edit
        assert torch.equal(readers, graph.edge_index[1]), edit
        assert (graph.depth[senders] < graph.depth[readers]).all(), edit


def test_a_swapped_neighbour_stays_as_it_was_to_itself() -> None:
    agents, width = 4, 5
    edges = torch.tensor([[0, 0, 1, 4, 4, 5], [1, 2, 2, 5, 6, 6]])  # two graphs; 3 and 7 decide
    encoder = AgentEncoder(width, 6, "agents", film=True)
    x, embed = torch.randn(8, 5 * width), torch.randn(3, 3, width)
    before = encoder(x, edges)
    for edit in (NEIGHBOUR, PERMUTED):
        inner = Rewired(encoder, edit, embed, torch.Generator().manual_seed(0))
        inner.agents = agents
        changed = (inner(x, edges) - before).abs().amax(1) > 1e-6
        assert changed.any(), edit
        assert not changed[[3, 7]].any(), edit  # who decides has no edges here
    one = inner._one(edges, 8)
    assert torch.isin(one, edges[0]).all()
    assert torch.equal(inner._permuted(edges, 8) // agents, edges // agents)
