"""From an experiment and a policy to a certificate on held-out questions."""

from __future__ import annotations

from typing import Any

from abgnn.evaluation.certificate import Certificate, certify, check_request
from abgnn.experiments.certify_parts import spread_plans
from abgnn.experiments.experiment import Experiment
from abgnn.experiments.jobs.blocks import Blocks, executor_of
from abgnn.experiments.progress import Progress, watch
from abgnn.models.planned import PlannedMixture
from abgnn.models.policy import Policy
from abgnn.training.evaluate import evaluate


def certify_policy(
    experiment: Experiment,
    policy: Policy,
    samples: int = 1,
    *,
    progress: Progress | None = None,
    blocks: Blocks | None = None,
    subject: str = "",
    **budgets: Any,
) -> Certificate:
    """Judge a policy on the test questions; `progress` is shown every rollout.

    A planned mixture is judged part by part, as by `certify_plan`. With `blocks` the rollouts are
    executed as jobs, else in this process.
    """
    model, data = experiment.model, experiment.data
    data.setup("test")
    queries = data.queries("test")
    check_request(len(queries), **budgets)
    watch(progress, model, len(queries) * samples)
    strata = None
    with executor_of(model, data, blocks) as executor:
        executor.check()
        if isinstance(policy, PlannedMixture):
            policy.attach(model.mas.table)
            file, template = policy.plan_file, model.mas.template
            plans, strata = spread_plans(file, queries, template, samples, policy.seed)
            ids = [k for _ in queries for k in range(samples)]
            outcomes = executor.run(plans, samples=ids, phase="test")
        else:
            outcomes = evaluate(policy, model.mas, executor, queries, samples=samples)
    return certify(
        outcomes,
        strata=strata,
        most_usd=model.rollout_settings.caps.query_usd,
        label=model.label,
        seed=data.seed,
        priced=model.mas.catalogue.priced,
        subject=subject,
        **budgets,
    )
