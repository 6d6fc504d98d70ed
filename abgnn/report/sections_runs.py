"""Spend by phase, configurations, and what was read."""

from __future__ import annotations

import re

from abgnn.plots.curves import bars_figure
from abgnn.report.figures import shown
from abgnn.report.markup import Html, badge, folded, section, table, tag
from abgnn.report.records import Configuration, Runs, Spend

_SECRET = re.compile(
    r"(?im)^(\s*(?:-\s*)?[\w-]*(?:api_key|secret|password|authorization)\s*:[ \t]*)(?!null\b)\S.*$"
)
_LISTED = 40


def spending(runs: Runs) -> Html:
    """Dollars by run and phase."""
    parts = []
    for k, spend in enumerate(runs.of(Spend)):
        rows = [
            (
                " / ".join(part for part in (p.run, p.phase) if part) or "–",
                f"{p.calls:,}",
                f"{p.failed:,}",
                f"{p.tokens:,}",
                f"{p.usd:.6f}",
                f"{p.uncertain:.6f}",
            )
            for p in spend.phases
        ]
        head = ("run / phase", "attempts", "failed", "tokens", "USD", "USD at most +")
        listed = table(f"{spend.path}: spend by phase", spend.label, head, rows)
        values: dict[str, float] = {}
        for row, p in zip(rows, spend.phases, strict=True):
            values[row[0]] = values.get(row[0], 0.0) + p.usd
        parts.append(listed)
        if any(values.values()):
            figure = bars_figure(values, "USD", [f"{v:.3g}" for v in values.values()])
            drawn = shown(figure, f"{spend.path}: USD by phase", spend.label, f"spend{k}")
            parts.append(tag("div", drawn, class_="figures"))
    return section("spend", "Spend by phase", *parts) if parts else Html()


def configurations(runs: Runs) -> Html:
    """Every configuration once, folded; values that look like secrets are left out."""
    by_text: dict[str, list[Configuration]] = {}
    for config in runs.of(Configuration):
        by_text.setdefault(config.text, []).append(config)
    parts = []
    for text, same in by_text.items():
        hidden = _SECRET.sub(r"\1(not shown)", text)
        names = ", ".join(config.path for config in same[:6])
        more = f" and {len(same) - 6} more" if len(same) > 6 else ""
        summary = tag("span", names, more, " ", badge(same[0].label))
        parts.append(folded(summary, tag("pre", hidden, tabindex="0")))
    return section("configuration", "Configuration", *parts) if parts else Html()


def reading(runs: Runs) -> Html:
    """Notices, what was read, and what was not."""
    parts = []
    if runs.notices:
        items = (tag("li", tag("code", n.path), ": ", n.text) for n in runs.notices)
        parts.append(
            tag("div", tag("h3", "Not in order"), tag("ul", *items), class_="notice", role="note")
        )
    rows = [(record.path, _kind(type(record).__name__), record.label) for record in runs.records]
    parts.append(
        folded(
            f"{len(rows)} files or folders were read",
            table("what was read", " and ".join(runs.labels), ("file", "as", "label"), rows),
        )
    )
    if runs.others:
        listed = [tag("li", tag("code", name)) for name in runs.others[:_LISTED]]
        if len(runs.others) > _LISTED:
            listed.append(tag("li", f"and {len(runs.others) - _LISTED} more"))
        summary = f"{len(runs.others)} files are of no kind that a report shows"
        parts.append(folded(summary, tag("ul", *listed)))
    return section("read", "What was read", *parts)


def _kind(name: str) -> str:
    """`CompareTable` → `compare table`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
