"""From an experiment and a policy to a certificate on held-out questions."""

from __future__ import annotations

from typing import Any

from abgnn.evaluation.certificate import Certificate, certify, check_request
from abgnn.experiments.experiment import Experiment
from abgnn.experiments.progress import Progress, watch
from abgnn.models.policy import Policy
from abgnn.training.evaluate import evaluate


def certify_policy(
    experiment: Experiment,
    policy: Policy,
    samples: int = 1,
    *,
    progress: Progress | None = None,
    **budgets: Any,
) -> Certificate:
    """Judge a policy on the test questions; `progress` is shown every rollout."""
    model, data = experiment.model, experiment.data
    data.setup("test")
    queries = data.queries("test")
    check_request(len(queries), **budgets)
    watch(progress, model, len(queries) * samples)
    with model.new_executor(data) as executor:
        executor.check()
        outcomes = evaluate(policy, model.mas, executor, queries, samples=samples)
    return certify(
        outcomes, label=model.label, seed=data.seed, priced=model.mas.catalogue.priced, **budgets
    )
