"""`abgnn calibrate`, `plan` and `certify`: from a few rollouts to budgets that are met."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from abgnn.arguments import parse
from abgnn.errors import ConfigError
from abgnn.evaluation.certificate import Certificate, certify, check_request
from abgnn.evaluation.evaluate import evaluate
from abgnn.experiment import Experiment, build
from abgnn.models.policy import Policy
from abgnn.planning import Mixture, PlanSpace, calibration_plans, observe
from abgnn.planning.budgets import Budget
from abgnn.planning.calibration import Calibration
from abgnn.planning.mixture_file import mixture_to_dict, write_mixture
from abgnn.planning.planner import plan
from abgnn.planning.predictive import Prediction, predict
from abgnn.training.profiles_alone import kinds_of, profiles_alone


def calibrate_experiment(
    experiment: Experiment, rollouts: int = 320, seed: int = 0, by: str | None = None
) -> Calibration:
    """Run the calibration design on the training questions and keep what every call showed.

    Calls pass the experiment's recording and caps, phase `calibrate`: a run that was stopped
    pays only for what is missing. Without rollouts the profiles are all that is known.

    Args:
        experiment: client, catalogue, roles and questions.
        rollouts: of random committees.
        seed: of the design.
        by: entry of the questions' `meta` by whose values plans may differ.

    Raises:
        ConfigError: no call was answered, a question has no such entry, or a framework calls
            agents otherwise than the planner foretells.
    """
    model, data = experiment.model, experiment.data
    mas = model.mas
    if not getattr(mas.framework, "foreseeable", True):
        allowed = "a system that calls each agent once, along the plan's edges, for only that is "
        allowed += "foretold; train with model.budget instead"
        raise ConfigError("mas.framework", type(mas.framework).__name__, allowed)
    data.setup("fit")
    queries = data.queries("train")
    known = profiles_alone(mas, queries, by)
    names = mas.catalogue.names
    plans = calibration_plans(queries, known.everything, names, rollouts, seed)
    if not plans:
        return known
    with model.new_executor(data) as executor:
        executor.check(plans)
        outcomes = executor.run(plans, samples=list(range(len(plans))), phase="calibrate")
    _, group = kinds_of(queries, by)
    ids = [query.id for query in queries]
    difficulty = dict(zip(ids, known.observed.difficulty.tolist(), strict=True))
    observed = observe(outcomes, data, known.profile, mas.template, difficulty, group)
    if not len(observed):
        raise ConfigError("calibrate", outcomes[0].error, "calls that are answered")
    spent = sum(o.paid for o in outcomes)
    return replace(
        known, label=model.label, observed=observed, rollouts=len(plans), spent_usd=spent
    )


def calibrate_command(args: Sequence[str], console: Console) -> int:
    """Calibrate and show what was learned of every backbone."""
    given = parse(
        "calibrate",
        "Random committees on the training questions; what every call showed goes into a file from "
        "which any number of budgets is planned. With a recording, a stopped run goes on.",
        {
            "--config": (list, None, "an experiment config (client, questions, LLMs); repeatable"),
            "--rollouts": (
                int,
                320,
                "rollouts; most ask every role, so of 6 calls with six roles; 0: profiles alone",
            ),
            "--seed": (int, 0, "of the design"),
            "--out": (str, None, "file to write, instead of the config's model.calibration"),
            "--by": (str, None, "entry of the questions' meta by which plans may differ"),
        },
        args,
    )
    if given.config is None:
        raise ConfigError("--config", None, "an experiment config, for example simulated/math.yaml")
    experiment = build(given.config, ["--trainer.logger=false"])
    calibration = calibrate_experiment(experiment, given.rollouts, given.seed, given.by)
    out = given.out or experiment.model.calibration or "runs/calibration.json"
    calibration.save(out)
    console.print(beliefs_table(calibration))
    console.print(
        f"{calibration.rollouts} rollouts, {len(calibration.observed)} calls, "
        f"${calibration.spent_usd:.4f} ({calibration.label}): {out}"
    )
    return 0


def beliefs_table(calibration: Calibration) -> Table:
    """Published against calibrated: accuracy alone, dollars and seconds of a call."""
    model, profile = calibration.model(), calibration.profile
    accuracy, low, high = model.solo(calibration.template.lead)
    title = f"backbones, {calibration.domain} ({calibration.label})"
    table = Table(title=title, title_justify="left")
    for head in (
        "backbone",
        "published",
        "accuracy alone",
        "90 %",
        "mUSD a call",
        "s a call",
        "calls",
    ):
        table.add_column(head, justify="left" if head == "backbone" else "right", no_wrap=True)
    lead, zero = calibration.template.lead, np.zeros(1)
    for m, name in enumerate(profile.names):
        thinks = bool(profile.thinks[m])
        usd = float(model.usd.mean(m, lead, thinks, zero)[0])
        seconds = float(model.seconds.mean(m, lead, thinks, zero)[0])
        calls = int((calibration.observed.backbone == m).sum())
        table.add_row(
            name,
            f"{profile.accuracy[m]:.3f}",
            f"{accuracy[m]:.3f}",
            f"{low[m]:.3f} … {high[m]:.3f}",
            f"{1e3 * usd:.3g}",
            f"{seconds:.3g}",
            str(calls),
        )
    return table


def plan_command(args: Sequence[str], console: Console) -> int:
    """The best mixture within budgets, from a calibration file or from profiles alone."""
    options = {
        "calibration": (str, None, "a file that `abgnn calibrate` wrote"),
        "--config": (
            str,
            None,
            "a config: plan from its profiles, without any rollout",
        ),
        "--cost": (float, None, "budget: mean USD per query"),
        "--latency": (float, None, "budget: mean seconds per query"),
        "--quantile": (float, None, "--latency is for this share of the queries, for example 0.95"),
        "--margin": (float, None, "share of the budgets that is aimed at (0.99)"),
        "--queries": (int, 100, "how many the stated intervals are for"),
        "--out": (str, None, "file of the plan, for PlannedMixture and `abgnn certify`"),
    }
    flags = {
        "--strict": "aim so low that the next 100 queries keep the budgets with 95 %",
        "--json": "print JSON",
        "--pools": "mix LLMs within one resource tier only",
    }
    given = parse("plan", "Plans within budgets, in seconds.", options, args, flags)
    if (given.calibration is None) == (given.config is None):
        found = (given.calibration, given.config)
        raise ConfigError(
            "FILE / --config", found, "a calibration file, or a config (profiles alone)"
        )
    if given.calibration is not None:
        calibration = Calibration.load(given.calibration)
    else:
        calibration = calibrate_experiment(build([given.config], ["--trainer.logger=false"]), 0)
    budget = Budget(given.cost, given.latency, given.quantile, given.strict, given.margin)
    tiers = PlanSpace(calibration.template, calibration.pools) if given.pools else None
    mixture = plan(calibration, budget, tiers)
    ahead = predict(calibration.model(), mixture, calibration.kinds, given.queries)
    data = mixture_to_dict(mixture, calibration) | {"predicted": asdict(ahead)}
    if given.out:
        write_mixture(data, given.out)
    if given.json:
        console.print_json(json.dumps(data))
        return 0
    _show(mixture, ahead, calibration, console)
    if given.out:
        console.print(f"plan: {given.out}")
    return 0 if mixture.feasible else 1


def _show(mixture: Mixture, ahead: Prediction, calibration: Calibration, console: Console) -> None:
    said = f"{calibration.rollouts} calibration rollouts" if calibration.rollouts else "no rollout"
    table = Table(title=f"plan from {said} ({calibration.label})", title_justify="left")
    for head in ("share", calibration.by or "kind", "team", "accuracy", "mUSD", "s"):
        if head != "kind" or calibration.by:
            left = head in ("team", calibration.by)
            table.add_column(head, justify="left" if left else "right")
    for part in sorted(mixture.parts, key=lambda p: p.group):
        design, forecast = part.found.design, part.found.forecast
        table.add_row(
            f"{part.share:.0%}",
            *([part.group] if calibration.by else []),
            design.describe(calibration.template, calibration.profile.names),
            f"{forecast.accuracy:.3f}",
            f"{1e3 * forecast.usd:.3g}",
            f"{forecast.seconds:.3g}",
        )
    console.print(table)
    most = mixture.budget.quantile
    of = f" for {most:.0%} of the queries" if most else ""
    budget = [
        f"{1e3 * mixture.cost_usd:g} mUSD" if mixture.cost_usd else "",
        f"{mixture.latency_s:g} s{of}" if mixture.latency_s else "",
    ]
    console.print(
        f"expected: accuracy {mixture.accuracy:.3f}, {1e3 * mixture.usd:.3g} mUSD, "
        f"{mixture.seconds:.3g} s per query; "
        f"budget {' and '.join(b for b in budget if b) or 'none'}"
    )
    accuracy, usd, seconds = ahead.accuracy, ahead.usd, ahead.seconds
    console.print(
        f"means over the next {ahead.queries} queries, 90 % in the model: accuracy "
        f"{accuracy.low:.3f} … {accuracy.high:.3f}, {1e3 * usd.low:.3g} … {1e3 * usd.high:.3g} "
        f"mUSD, {seconds.low:.3g} … {seconds.high:.3g} s"
    )
    if not mixture.feasible:
        console.print(
            "the model expects no plan to meet these budgets; this one comes nearest", style="red"
        )
    console.print(
        "Expectations are for ranking and a little optimistic: `abgnn certify` measures them."
    )


def certify_command(args: Sequence[str], console: Console) -> int:
    """Execute held-out queries and state whether the budgets are met; 1 if one is not."""
    from abgnn.models.planned import PlannedMixture

    given = parse(
        "certify",
        "Execute held-out questions and state, with confidence bounds, whether budgets are met.",
        {
            "--config": (list, None, "an experiment config (client, test questions); repeatable"),
            "--plan": (str, None, "a file of `abgnn plan`, instead of the config's own policy"),
            "--cost": (float, None, "budget: mean USD per query"),
            "--latency": (float, None, "budget: mean seconds per query"),
            "--share": (float, None, "judge the share of queries within --latency instead"),
            "--confidence": (float, 0.95, "of each one-sided bound"),
            "--out": (str, None, "JSON file to write"),
        },
        args,
    )
    if given.config is None:
        raise ConfigError("--config", None, "an experiment config, for example simulated/math.yaml")
    experiment = build(given.config, ["--trainer.logger=false"])
    policy: Policy = PlannedMixture(given.plan) if given.plan else experiment.model.policy
    found = certify_policy(
        experiment,
        policy,
        cost_usd=given.cost,
        latency_s=given.latency,
        share=given.share,
        confidence=given.confidence,
    )
    console.print(found.text(), highlight=False)
    if given.out:
        path = Path(given.out)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found.to_dict(), indent=1) + "\n", encoding="utf-8")
    return 1 if found.verdict == "not met" else 0


def certify_policy(
    experiment: Experiment, policy: Policy, samples: int = 1, **budgets: Any
) -> Certificate:
    """Judge a policy on the test questions."""
    model, data = experiment.model, experiment.data
    data.setup("test")
    queries = data.queries("test")
    check_request(len(queries), **budgets)
    with model.new_executor(data) as executor:
        executor.check()
        outcomes = evaluate(policy, model.mas, executor, queries, samples=samples)
    return certify(
        outcomes, label=model.label, seed=data.seed, priced=model.mas.catalogue.priced, **budgets
    )
