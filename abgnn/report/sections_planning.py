"""Shares of backbones, plans as graphs, beliefs, certificates."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

import numpy as np

from abgnn.data.plan import Plan
from abgnn.planning.belief_table import BeliefTable
from abgnn.plots.beliefs import beliefs_figure, bills_figure
from abgnn.plots.curves import bars_figure, intervals_figure
from abgnn.plots.frontier import draw_plan
from abgnn.plots.style import short, style
from abgnn.report.figures import shown
from abgnn.report.markup import Html, join, section, table, tag
from abgnn.report.records import CertificateFile, PlanRecord, PredictedPlans, Runs, Spend

_GRAPHS = 12  # of one file
_AGENTS = 24  # of one graph: more are counted, not drawn


def shares(runs: Runs) -> Html:
    """How often each backbone is called: by plans, predicted plans, recordings and traces."""
    counted: list[tuple[str, str, Mapping[str, float], str]] = []
    for planned in runs.of(PlanRecord):
        weights: defaultdict[str, float] = defaultdict(float)
        for part in planned.parts:
            for agent in part.plan.agents:
                weights[agent.backbone] += part.share
        counted.append((planned.path, planned.label, weights, "of the planned agents"))
    for predicted in runs.of(PredictedPlans):
        agents: Counter[str] = Counter()
        for plan, count in predicted.plans:
            for agent in plan.agents:
                agents[agent.backbone] += count
        counted.append((predicted.path, predicted.label, agents, "of the planned agents"))
    counted += [(s.path, s.label, s.calls, "of the calls made") for s in runs.of(Spend)]
    parts = [_shares_of(f"share{k}", *one) for k, one in enumerate(counted) if any(one[2].values())]
    return section("shares", "Share of backbones", _figures(parts)) if parts else Html()


def _shares_of(key: str, path: str, label: str, counts: Mapping[str, float], what: str) -> Html:
    total = sum(counts.values())
    ordered = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:20])
    values = {name: 100 * count / total for name, count in ordered.items()}
    figure = bars_figure(values, f"percent {what}", [f"{v:.1f}" for v in values.values()])
    return shown(figure, f"{path}: backbones, percent {what}", label, key)


def plans(runs: Runs) -> Html:
    """What was planned: budgets, expectations, and every team as a graph."""
    parts = [tag("article", *_plan_file(f"plan{k}", p)) for k, p in enumerate(runs.of(PlanRecord))]
    parts += [
        tag("article", *_predicted(f"predicted{k}", p))
        for k, p in enumerate(runs.of(PredictedPlans))
    ]
    return section("plans", "Plans and topologies", *parts) if parts else Html()


def _plan_file(key: str, planned: PlanRecord) -> list[Html]:
    rows = [
        (
            f"{part.share:.1%}",
            *((part.group,) if planned.by else ()),
            "; ".join(f"{a.role.name}: {a.backbone}" for a in part.plan.agents),
        )
        for part in planned.parts
    ]
    head = ("share of queries", *((planned.by,) if planned.by else ()), "team")
    graphs = [
        _graph(f"{key}-{i}", part.plan, planned.label, f"{part.share:.1%} of queries {part.group}")
        for i, part in enumerate(planned.parts[:_GRAPHS])
    ]
    title = (
        f"{planned.path}: {'' if planned.feasible else 'no plan is expected to meet the budget; '}"
    )
    return [
        tag("h3", planned.path),
        _expected(planned),
        table(f"{title}teams", planned.label, head, rows),
        _figures(graphs),
    ]


def _expected(planned: PlanRecord) -> Html:
    """Budget, expectation and 90 % interval, by quantity."""
    rows = []
    for name, unit, scale, budget, mean, ahead in (
        ("accuracy", "", 1.0, "", "accuracy", "accuracy"),
        ("cost", "mUSD", 1e3, "cost_usd", "cost_usd", "usd"),
        ("latency", "s", 1.0, "latency_s", "latency_s", "seconds"),
    ):
        limit, value = planned.budget.get(budget), planned.expected.get(mean)
        low, high = planned.predicted.get(ahead, (None, None))
        between = "–" if low is None or high is None else f"{scale * low:.4g} … {scale * high:.4g}"
        shown_as = ["–" if v is None else f"{scale * v:.4g}" for v in (limit, value)]
        rows.append((f"{name} in {unit}" if unit else name, *shown_as, between))
    quantile = planned.budget.get("quantile")
    of = f" (latency budget: for {quantile:.0%} of the queries)" if quantile else ""
    verdict = "" if planned.feasible else "; no plan is expected to meet these budgets"
    head = ("per query", "budget", "expected", f"90 %, next {planned.queries} queries")
    return table(f"{planned.path}: budget and expectation{of}{verdict}", planned.label, head, rows)


def _predicted(key: str, predicted: PredictedPlans) -> list[Html]:
    total = sum(count for _, count in predicted.plans)
    graphs = [
        _graph(f"{key}-{i}", plan, predicted.label, f"{count} of {total} questions")
        for i, (plan, count) in enumerate(predicted.plans[:_GRAPHS])
    ]
    summary = f"different plans: {len(predicted.plans)}, for {total} questions"
    if len(predicted.plans) > _GRAPHS:
        summary += f"; the {_GRAPHS} most frequent ones are drawn"
    return [tag("h3", predicted.path), tag("p", f"{summary}."), _figures(graphs)]


def _graph(key: str, plan: Plan, label: str, caption: str) -> Html:
    links = [f"{_role(plan, u)} → {_role(plan, v)}" for u, v in plan.edges]
    description = f"{caption.strip()}: {', '.join(links) or 'a lone agent'}"
    if len(plan.agents) > _AGENTS:
        return tag("p", f"{caption}: {len(plan.agents)} agents, too many to be drawn.")
    with style():
        figure = draw_plan(plan, simulated=False, title=short(caption.strip(), 40))
    return shown(figure, description, label, key, least=0.9)


def _role(plan: Plan, i: int) -> str:
    return plan.agents[i].role.name


def beliefs(runs: Runs) -> Html:
    """Published against calibrated accuracy with 90 % intervals; dollars and seconds of a call."""
    parts = []
    for k, b in enumerate(runs.of(BeliefTable)):
        order = np.argsort(-b.accuracy, kind="stable")
        rows = [
            (
                b.names[m],
                f"{b.published[m]:.3f}",
                f"{b.accuracy[m]:.3f}",
                f"{b.low[m]:.3f} … {b.high[m]:.3f}",
                f"{1e3 * b.usd[m]:.3g}",
                f"{b.seconds[m]:.1f}",
                f"{b.calls[m]}",
            )
            for m in order
        ]
        head = ("backbone", "published", "alone", "90 %", "mUSD a call", "s a call", "calls")
        caption = f"{b.path}: accuracy alone, published against calibrated"
        figure = shown(beliefs_figure(b), caption, b.label, f"beliefs{k}")
        bills_caption = f"{b.path}: calibrated dollars and seconds of a call"
        bills = shown(bills_figure(b), bills_caption, b.label, f"bills{k}")
        listed = table(f"{b.path}: beliefs about each backbone ({b.about})", b.label, head, rows)
        parts.append(tag("article", tag("h3", b.path), _figures([figure, bills]), listed))
    title = "What the outcome model believes"
    return section("beliefs", title, *parts) if parts else Html()


def certificates(runs: Runs) -> Html:
    """Verdicts with bounds, and a figure in shares of the budgets."""
    made = runs.of(CertificateFile)
    parts = [_certificate(f"certificate{k}", c) for k, c in enumerate(made)]
    return section("certificates", "Certificates", *parts) if parts else Html()


def _certificate(key: str, certificate: CertificateFile) -> Html:
    rows: list[tuple[object, ...]] = [
        (name, f"{budget:.4g}", f"{value:.4g}", f"{low:.4g}", f"{high:.4g}", tag("strong", verdict))
        for name, budget, value, low, high, verdict in certificate.findings
    ]
    rows.append(("accuracy", "–", *(f"{value:.3f}" for value in certificate.accuracy), "–"))
    head = ("quantity (USD, s per query)", "budget", "observed", "lower", "upper", "verdict")
    caption = f"{certificate.path}: {certificate.n} held-out queries, seed {certificate.seed}, "
    caption += f"budgets together at {certificate.confidence:.0%}, look {certificate.look}, "
    caption += f"each bound one-sided at {certificate.each:.2%}"
    drawn = [
        (name, value / budget, low / budget, high / budget)
        for name, budget, value, low, high, _ in certificate.findings
        if budget > 0 and high / budget < 1e6
    ]
    figures = []
    if drawn:
        figure = intervals_figure(drawn, "observed, in shares of the budget (dashed: the budget)")
        figures = [
            shown(figure, f"{certificate.path}: bounds against budgets", certificate.label, key)
        ]
    return tag(
        "article",
        tag("h3", f"{certificate.path}: {certificate.verdict}"),
        tag("p", f"Prices: {certificate.priced or 'nothing is said of their date'}."),
        table(caption, certificate.label, head, rows),
        _figures(figures),
    )


def _figures(figures: list[Html]) -> Html:
    return tag("div", join(figures), class_="figures") if figures else Html()
