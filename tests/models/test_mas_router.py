"""MasRouter: exact probabilities of the whole cascade, its modes as executed, its bounds."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch_geometric.data import Batch

from abgnn.data.catalogue import Catalogue
from abgnn.data.query import Query
from abgnn.data.resources import config_path
from abgnn.data.template_yaml import load_roles
from abgnn.errors import ConfigError
from abgnn.experiments.experiment import build
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import MasRouter
from abgnn.models.mas_router.choice import Cascade, most_frequent
from abgnn.models.mas_router.modes import MODES, mode_plan
from abgnn.models.mas_router.stages import RoleCascade, multinomial_score
from abgnn.nn.latent import VariationalEncoder
from abgnn.rollout import Agent, Executor, Outcome, SimulatedClient
from abgnn.training import NoBaseline, Reinforce, reinforce_loss
from datamodules import QuickQA
from tests import tiny

A = 3  # agents at most
TWO = ((0,), (1,))  # two LLMs
MODE = {mode.name: mode for mode in MODES}


def router(seed: int = 0, pools: tuple[tuple[int, ...], ...] = TWO, **kwargs: object) -> MasRouter:
    """Two modes, up to three agents; weights large enough that no factor is near uniform."""
    torch.manual_seed(seed)
    options = {"in_channels": tiny.H, "channels": 6, "max_agents": A, "noise": 0.0}
    options |= {"modes": ["CoT", "Chain"], "inference": "greedy", **kwargs}
    made = MasRouter(**options)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    made.attach(tiny.table(pools))
    return made


def copies(n: int) -> Batch:
    return Batch.from_data_list(tiny.batch(1).to_data_list() * n)


def every_action() -> Cascade:
    """All that can be drawn for one question: 2 modes, 1 to 3 agents, 3 roles, 2 LLMs."""
    rows = [
        (mode, n, (*roles, *(0,) * (A - n)), (*llms, *(0,) * (A - n)))
        for mode in range(2)
        for n in range(1, A + 1)
        for roles in itertools.product(range(3), repeat=n)
        for llms in itertools.product(range(2), repeat=n)
    ]
    return Cascade(*(torch.tensor(column) for column in zip(*rows, strict=True)))


def keys(drawn: Cascade) -> list[str]:
    return [str(row) for row in zip(*(s.tolist() for s in drawn.stages()), strict=True)]


@pytest.mark.parametrize("llm", ["shared", "per_role"])
def test_probabilities_of_all_cascades_sum_to_one(llm: str) -> None:
    policy = router(llm=llm)
    actions = every_action()
    n = len(actions.mode)
    assert n == 2 * (3 * 2 + 9 * 4 + 27 * 8)
    choice = policy(copies(n), sample=True, action=actions)
    p = choice.log_prob.exp().detach()
    assert p.sum().item() == pytest.approx(1, abs=1e-5)
    assert float(p.max()) > 3 / n  # not uniform
    for mode in range(2):  # marginals are the factors'
        of = actions.mode == mode
        alone = choice.log_probs.detach()[of][0, 0].exp()
        assert float(p[of].sum()) == pytest.approx(float(alone), abs=1e-5)
    # chain rule: the expected sum of the factors' entropies is the entropy of the whole
    whole = -(p * p.log()).sum()
    assert (p * choice.entropy).sum().item() == pytest.approx(whole.item(), abs=1e-5)


@pytest.mark.parametrize("llm", ["shared", "per_role"])
def test_samples_follow_the_probabilities(llm: str) -> None:
    policy, n = router(llm=llm), 20_000
    torch.manual_seed(0)
    choice = policy(copies(n), sample=True)
    drawn = keys(choice.action)
    p = dict(zip(drawn, choice.log_prob.exp().tolist(), strict=True))
    for key, count in Counter(drawn).most_common(30):
        assert abs(count - n * p[key]) < 5 * math.sqrt(n * p[key] * (1 - p[key]))


def toy_reward(drawn: Cascade) -> Tensor:
    """Depends on every kind of choice."""
    place = torch.tensor([1.0, 0.5, 0.25])
    return (
        0.4 * drawn.mode
        - 0.3 * drawn.count
        + (drawn.role * place).sum(1)
        - 0.6 * (drawn.llm * place).sum(1)
    )


def test_gradient_equals_the_analytic_one() -> None:
    policy, actions = router(llm="per_role"), every_action()
    exact_choice = policy(copies(len(actions.mode)), sample=True, action=actions)
    expected = (exact_choice.log_prob.exp() * toy_reward(actions)).sum()
    names = ["query_latent.lin.weight", "count.lin.bias", "roles.lin.weight", "roles.norm.weight",
             "allocation.lin.weight", "llm_latent.lin_mean.weight"]  # fmt: skip
    parameters = [policy.get_parameter(name) for name in names]
    exact = torch.autograd.grad(expected, parameters)
    policy.task_weight = policy.vae_weight = 0.0
    many, draws = copies(2048), []
    torch.manual_seed(1)
    for _ in range(24):
        choice = policy(many, sample=True)
        loss = reinforce_loss(choice, toy_reward(choice.action), NoBaseline(), samples=8)
        draws.append(torch.autograd.grad(-loss, parameters))
    for i, target in enumerate(exact):
        estimates = torch.stack([d[i] for d in draws])
        error = (estimates.mean(0) - target).abs()
        assert bool((error <= 5 * estimates.std(0) / math.sqrt(24) + 1e-5).all()), names[i]
        assert float(target.abs().max()) > 1e-3, names[i]


def test_batch_equals_loop() -> None:
    policy, batch = router(llm="per_role"), tiny.batch(8)
    torch.manual_seed(3)
    whole = policy(batch, sample=True)
    greedy = policy(batch, sample=False)
    for i, graph in enumerate(batch.to_data_list()):
        one = Batch.from_data_list([graph])
        given = Cascade(*(s[i : i + 1] for s in whole.action.stages()))
        single = policy(one, sample=True, action=given)
        torch.testing.assert_close(single.log_probs[0], whole.log_probs[i])
        torch.testing.assert_close(single.entropies[0], whole.entropies[i])
        assert single.plans() == [whole.plans()[i]]
        assert policy(one, sample=False).plans() == [greedy.plans()[i]]


def test_later_stages_know_the_earlier_ones() -> None:
    """Another mode moves the roles; another first role the second one; roles move the LLMs."""
    policy, n = router(), 3
    none, two = torch.zeros(n, A, dtype=torch.long), torch.full((n,), 2)
    role = torch.tensor([[0, 0, 0], [1, 0, 0], [0, 0, 0]])
    given = Cascade(torch.tensor([0, 0, 1]), two, role, none)
    logs = policy(copies(n), sample=True, action=given).log_probs
    assert not torch.isclose(logs[0, 2], logs[2, 2])
    assert not torch.isclose(logs[0, 3], logs[1, 3])
    assert torch.equal(logs[0, :2], logs[1, :2])


@pytest.mark.parametrize("llm", ["shared", "per_role"])
def test_no_llm_is_more_probable_than_the_released_bound(llm: str) -> None:
    """e² / (e² + M − 1), however large the weights."""
    policy = router(pools=((0, 1), (2, 3, 4)), llm=llm)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.mul_(50)
    given = every_action()
    one = Cascade(given.mode, torch.ones_like(given.count), given.role, given.llm)
    logs = policy(copies(len(one.mode)), sample=True, action=one).log_probs[:, 3]
    bound = math.exp(2) / (math.exp(2) + 5 - 1)
    assert bound == pytest.approx(0.649, abs=1e-3)
    assert float(logs.exp().max()) <= bound + 1e-6
    free = router(pools=((0, 1), (2, 3, 4)), llm=llm, llm_temperature=0.1)
    logs = free(copies(len(one.mode)), sample=True, action=one).log_probs[:, 3]
    assert float(logs.exp().max()) > bound  # the temperature's doing, and a setting


def test_greedy_is_deterministic_and_samples_are_not() -> None:
    policy, batch = router(noise=0.1), tiny.batch(6)
    torch.manual_seed(0)
    first = policy(batch, sample=False)
    again = policy(batch, sample=False)
    assert torch.equal(first.log_probs, again.log_probs)
    assert first.plans() == again.plans()
    drawn = policy(batch, sample=True, action=first.action)  # the same choices, noisy latents
    assert not torch.equal(drawn.log_probs, first.log_probs)
    one = copies(1)
    best = policy(one, sample=False)
    for mode, count in itertools.product(range(2), range(1, A + 1)):  # no other is more probable
        other = replace(best.action, mode=torch.tensor([mode]), count=torch.tensor([count]))
        logs = policy(one, sample=False, action=other).log_probs
        assert bool((logs[0, :2] <= best.log_probs[0, :2]).all())
    for place in range(int(best.action.count)):
        llm = best.action.llm.clone()
        llm[0, place] = 1 - llm[0, place]
        other = policy(one, sample=False, action=replace(best.action, llm=llm))
        assert float(other.log_prob) < float(best.log_prob)


def test_sampled_inference_has_a_seed_of_its_own() -> None:
    policy, batch = router(noise=0.1, inference="sampled"), tiny.batch(16)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = policy(batch, sample=False)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    again = policy(batch, sample=False)
    assert first.plans() == again.plans()
    assert first.plans() != router(noise=0.1)(batch, sample=False).plans()
    assert first.plans() != policy(batch, sample=True).plans()


def test_agents_of_a_team_have_llms_of_their_own() -> None:
    """As released; the most probable plan has one LLM for all."""
    batch, pools = tiny.batch(24), ((0, 1), (2, 3))
    for inference, most in (("greedy", 1), ("sampled", A)):
        plans = router(pools=pools, inference=inference)(batch, sample=False).plans()
        teams = [{agent.backbone for agent in plan.agents[:-1]} for plan in plans]
        assert max(len(team) for team in teams) == most
    assert MasRouter(in_channels=tiny.H).inference == "sampled"


def test_a_drawn_plan_is_a_question_s_own() -> None:
    policy, batch = router(noise=0.1, inference="sampled"), tiny.batch(6)
    whole = policy(batch, sample=False)
    last = Batch.from_data_list(batch.to_data_list()[-1:])
    assert policy(last, sample=False).plans() == whole.plans()[-1:]
    assert whole.log_probs.shape == (6, 4)


def test_released_number_of_agents() -> None:
    """A rounded sigmoid in 1…A; at a whole n the score is the multinomial's log-probability."""
    policy = router(count="released")
    many = tiny.batch(64, seed=5)
    torch.manual_seed(0)
    numbers = [policy(many, sample=True).action.count for _ in range(2)]
    assert torch.equal(*numbers)
    assert 1 <= int(numbers[0].min()) <= int(numbers[0].max()) <= A
    logs = torch.tensor([0.2, 0.8]).log()
    llm = torch.tensor([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]])  # all counts of three draws
    score = multinomial_score(torch.full((4,), 3.0), torch.full((4,), 3), llm, logs.expand(4, A, 2))
    wanted = [0.2**3, 3 * 0.8 * 0.2**2, 3 * 0.8**2 * 0.2, 0.8**3]
    torch.testing.assert_close(score.exp(), torch.tensor(wanted))


@pytest.mark.parametrize("reward", [1.0, -1.0])
def test_released_number_grows_with_any_positive_reward(reward: float) -> None:
    """The defect that `count: categorical` is free of."""
    policy = router(count="released")
    choice = policy(copies(32), sample=True)
    choice_loss = reinforce_loss(choice, torch.full((32,), reward), NoBaseline(), samples=1)
    (grad,) = torch.autograd.grad(choice_loss, [policy.count.lin.bias])
    assert float(grad) * reward < 0


def executed(name: str, n: int) -> Outcome:
    """A mode's plan with n agents, the fourth as the first, in the simulated world."""
    roles, task = load_roles("general"), QuickQA()
    played = [("Qwen3-8B", "Qwen3-14B", "Qwen2.5-72B-Instruct")[i % 3] for i in range(n)]
    chosen = [roles[i % 3] for i in range(n)]
    decision = Agent(roles[-1], "Qwen3-14B")
    plan = mode_plan(MODE[name], task.load()[0], chosen, played, decision)
    catalogue = Catalogue.from_yaml(config_path("catalogues/paper.yaml"))
    with Executor(SimulatedClient(0), catalogue, task) as runs:
        (outcome,) = runs.run([plan])
    assert outcome.error is None
    return outcome


@pytest.mark.parametrize("name", ["IO", "CoT", "Chain", "FullConnected", "Debate", "Reflection"])
def test_modes_as_executed(name: str) -> None:
    """Four agents, two of them with the same role and LLM: who is called when."""
    calls = {(c.round, c.agent): c for c in executed(name, 4).calls}
    rounds = 2 if name in ("Debate", "Reflection") else 1
    assert sorted(calls) == sorted([*itertools.product(range(rounds), range(4)), (rounds - 1, 4)])
    first = [calls[0, agent] for agent in range(4)]
    assert first[0].text != first[3].text  # calls of their own
    for agent in range(4):
        if name in ("Chain", "FullConnected"):
            assert first[agent].start == (first[agent - 1].end if agent else 0)
        else:
            assert first[agent].start == 0
    for agent in range(4) if rounds == 2 else ():
        read = [agent] if name == "Reflection" else [a for a in range(4) if a != agent]
        assert calls[1, agent].start == max(first[a].end for a in read)
    decision = calls.pop((rounds - 1, 4))
    assert decision.start == max(c.end for c in calls.values())
    assert decision.backbone == "Qwen3-14B"


def test_chain_reads_one_and_full_connection_all_before() -> None:
    inner = {
        n: [e for e in executed(n, 4).plan.edges if e[1] != 4] for n in ("Chain", "FullConnected")
    }
    assert inner["Chain"] == [(0, 1), (1, 2), (2, 3)]
    assert inner["FullConnected"] == [(u, v) for u in range(4) for v in range(u + 1, 4)]


@pytest.mark.parametrize("name", list(MODE))
def test_one_agent_in_every_mode(name: str) -> None:
    outcome = executed(name, 1)
    assert len(outcome.calls) == (3 if name in ("Debate", "Reflection") else 2)
    assert outcome.plan.edges == ((0, 1),)


def test_instructions_reach_role_agents_only() -> None:
    prompts = {name: executed(name, 2).plan.agents for name in ("IO", "CoT", "Debate")}
    plain = prompts["IO"]
    for name in ("CoT", "Debate"):
        for agent, base in zip(prompts[name], plain, strict=True):
            added = "" if agent.role.name == "Decision Maker" else f" {MODE[name].instruction}"
            assert agent.role.prompt == base.role.prompt + added


def test_the_decision_agent_is_played_by_the_most_frequent_llm() -> None:
    assert most_frequent([3, 1, 1]) == 1
    assert most_frequent([3, 1, 1, 3, 0]) == 1  # a tie: first in the catalogue
    policy = router(pools=((0, 1), (2, 3)))
    torch.manual_seed(0)
    choice = policy(tiny.batch(64), sample=True)
    for i, plan in enumerate(choice.plans()):
        n = int(choice.action.count[i])
        played = [a.backbone for a in plan.agents[:-1]]
        assert [int(b[1:]) for b in played] == choice.action.llm[i, :n].tolist()
        assert [a.role.name for a in plan.agents[:-1]] == [
            f"r{r}" for r in choice.action.role[i, :n].tolist()
        ]
        assert plan.agents[-1].backbone == f"b{most_frequent([int(b[1:]) for b in played])}"
        assert {u for u, v in plan.edges if v == n} == set(range(n))


def test_another_catalogue_needs_no_training() -> None:
    policy = router()
    before = {k: v.clone() for k, v in policy.state_dict().items()}
    policy.attach(tiny.table(((0, 1), (2, 3, 4)), seed=1))
    choice = policy(copies(200), sample=True)
    assert choice.action.llm.max() == 4
    assert all(torch.equal(v, before[k]) for k, v in policy.state_dict().items())


def test_variational_loss_is_the_divergence_plus_the_reconstruction() -> None:
    part = VariationalEncoder(5, 4, prior_variance=0.01)
    assert "noise=0.1" in str(part)
    mean, log_var = torch.randn(7, 4), torch.randn(7, 4)
    exact = kl_divergence(Normal(mean, (log_var / 2).exp()), Normal(0, 0.1)).mean()
    torch.testing.assert_close(part.divergence(mean, log_var), exact)
    x = torch.randn(7, 5)
    latent = part(x, noisy=False)
    torch.testing.assert_close(latent.z.norm(dim=1), torch.ones(7))
    latent.loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())


def test_extra_loss_teaches_the_task() -> None:
    policy = router(modes=None)
    asked = tiny.batch(6)
    asked.query = [
        Query(q.id, q.text, domain)
        for q, domain in zip(asked.query, ["math", "code", "general"] * 2, strict=True)
    ]
    optimiser = torch.optim.Adam(policy.parameters(), lr=0.05)
    first = policy(asked, sample=True)
    for _ in range(60):
        loss = policy(asked, sample=True).extra_loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    last = policy(asked, sample=True)
    assert last.figures["task_accuracy"] == 1
    assert last.figures["task_loss"] < first.figures["task_loss"]
    assert last.figures["vae_loss"] < first.figures["vae_loss"]
    asked.query = [Query(q.id, q.text, "cooking") for q in asked.query]
    assert policy(asked, sample=True).figures["task_loss"] == 0  # nothing is known, nothing learned


def test_descriptions_are_encoded_once_and_kept(mas: BaseMAS) -> None:
    policy = MasRouter(encoder="offline")
    policy.attach(mas.table)
    table = policy.mode_texts
    assert not table.embed.requires_grad
    torch.testing.assert_close(table.embed.data, mas.encode([m.description for m in MODES]))
    loaded = MasRouter(encoder="offline")
    with torch.no_grad():
        table.embed[0] = 7.0
    loaded.load_state_dict(policy.state_dict())
    loaded.attach(mas.table)
    assert bool((loaded.mode_texts.embed[0] == 7).all())
    with pytest.raises(ConfigError, match=r"policy\.encoder.*width 8"):
        MasRouter(in_channels=tiny.H, encoder="offline").attach(tiny.table())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_agents", 0),
        ("count", "rounded"),
        ("llm", "each"),
        ("modes", ["IO", "Tree"]),
        ("modes", []),
        ("inference", "threshold"),
        ("noise", -1.0),
        ("prior_variance", 0.0),
        ("llm_temperature", 0.0),
    ],
)
def test_bad_arguments_are_named(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"policy.{field}: got"):
        MasRouter(**{field: value})  # type: ignore[arg-type]


def test_settings_that_do_not_go_together() -> None:
    with pytest.raises(ConfigError, match=r"policy\.llm: got 'per_role'"):
        MasRouter(count="released", llm="per_role")
    with pytest.raises(ConfigError, match="in_channels: got 16"):
        MasRouter(in_channels=16).attach(tiny.table())


@pytest.mark.parametrize("count", ["categorical", "released"])
def test_training_in_the_simulated_world(mas: BaseMAS, count: str) -> None:
    torch.manual_seed(0)
    policy = MasRouter(count=count)  # type: ignore[arg-type]
    before = {k: v.clone() for k, v in policy.state_dict().items()}
    module = Reinforce(policy, mas, SimulatedClient(0), samples=1, lambda_lat=0.0,
                       advantage=NoBaseline(), lr=0.01)  # fmt: skip
    trainer = Trainer(accelerator="cpu", max_epochs=1, logger=False, enable_progress_bar=False,
                      enable_checkpointing=False, enable_model_summary=False)  # fmt: skip
    trainer.fit(module, datamodule=QuickQA(n_train=8, n_val=2, batch_size=4))
    assert module.label == "simulated"
    assert all(o.error is None for o in module.outcomes)
    moved = {k.split(".")[0] for k, v in policy.state_dict().items() if not v.equal(before[k])}
    parts = {"query", "mode", "count", "role", "llm"}
    assert moved >= {f"{part}_latent" for part in parts} | {"task", "count", "roles", "allocation"}


@pytest.mark.usefixtures("elsewhere")
def test_config_lies_over_another_one() -> None:
    model = build(["simulated/general.yaml", "baselines/mas_router.yaml"]).model
    assert isinstance(model.policy, MasRouter)
    assert (model.lr, model.samples, model.lambda_lat) == (0.01, 1, 0.0)
    assert type(model.advantage).__name__ == "NoBaseline"
    assert model.policy.count.categorical


@pytest.mark.parametrize("count", [1, 4])
def test_later_draws_do_not_depend_on_how_many_agents_there_are(count: int) -> None:
    torch.manual_seed(0)
    part = RoleCascade(3, 0.5)
    roles, mask = torch.randn(2, 5, 3), torch.ones(2, 5, dtype=torch.bool)
    torch.manual_seed(1)
    drawn, _ = part(torch.randn(2, 6), roles, mask, torch.tensor([1, count]), 4, None, sample=True)
    after = torch.rand(1)
    torch.manual_seed(1)
    torch.randn(2, 6)
    for _ in range(4):
        torch.empty(2, 5).exponential_()
    assert torch.equal(after, torch.rand(1))
    assert drawn.choice.shape == (2, 4)
    assert not drawn.choice[0, 1:].any()
