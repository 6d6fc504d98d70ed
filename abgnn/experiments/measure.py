"""A few live calls per backbone instead of estimates (Appendix B: 2 to 4 queries per model)."""

from __future__ import annotations

from abgnn.data.plan import Agent, Plan
from abgnn.errors import ConfigError
from abgnn.experiments.experiment import Experiment
from abgnn.pools.estimates import live_triples
from abgnn.pools.measured import Measured


def calibrate(experiment: Experiment, calls: int) -> Measured:
    """Backbone → mean USD and mean service seconds of `calls` training questions.

    The calls are in the template's lead role. Failed ones are left out; a backbone whose calls all
    fail is a ConfigError.
    """
    mas, data = experiment.model.mas, experiment.data
    if calls < 1:
        raise ConfigError("--calls", calls, "a number of calls per backbone, 2 to 4 in the paper")
    data.setup("fit")
    queries = data.queries("train")[:calls]
    lead = mas.template.roles[mas.template.lead]
    plans = [
        Plan(q, (Agent(lead, name),), (), decision=0)
        for name in mas.catalogue.names
        for q in queries
    ]
    with experiment.model.new_executor(data) as executor:
        executor.check()
        outcomes = executor.run(plans, score=False, phase="calibrate")
    good = [c for o in outcomes for c in o.calls if c.error is None]
    measured = live_triples((c.backbone, c.cost, c.service_time) for c in good)
    for name in mas.catalogue.names:
        if name not in measured:
            error = next(o.error for o in outcomes if o.plan.agents[0].backbone == name)
            raise ConfigError(f"calibration of {name}", error, "at least one call that succeeds")
    return measured
