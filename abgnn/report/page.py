"""The page: sections in order, labels in the title, one style sheet, no external resources."""

from __future__ import annotations

from abgnn.report.markup import Html, badge, join, tag, text
from abgnn.report.records import UNKNOWN, CertificateFile, Runs
from abgnn.report.sections_planning import beliefs, certificates, plans, shares
from abgnn.report.sections_points import ablation, curves, tables
from abgnn.report.sections_runs import configurations, reading, spending
from abgnn.report.stylesheet import STYLE

_SECTIONS = (
    ("certificates", "Certificates", certificates),
    ("curves", "Performance within budgets", curves),
    ("tables", "Tables", tables),
    ("ablation", "Ablation", ablation),
    ("shares", "Share of backbones", shares),
    ("plans", "Plans and topologies", plans),
    ("beliefs", "What the outcome model believes", beliefs),
    ("spend", "Spend by phase", spending),
    ("configuration", "Configuration", configurations),
    ("read", "What was read", reading),
)
# no script, no network: the browser refuses both, whatever the files hold
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def build_page(runs: Runs) -> str:
    """The whole page; the same files give the same bytes."""
    bodies = [(key, title, write(runs)) for key, title, write in _SECTIONS]
    links = [tag("li", tag("a", title, href=f"#{key}")) for key, title, body in bodies if body]
    title = f"abgnn report ({', '.join(runs.labels)})"
    body = join(
        (
            tag(
                "header",
                tag("h1", "abgnn report ", join(map(badge, runs.labels), " ")),
                *_lead(runs),
            ),
            tag("nav", tag("ul", *links), aria_label="sections"),
            tag("main", *(part for _, _, part in bodies)),
        ),
        "\n",
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{text(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _lead(runs: Runs) -> list[Html]:
    """The lead: simulated figures, a mix of labels, verdicts, notices."""
    lines: list[Html] = []
    if any("simulated" in label for label in runs.labels):
        warning = (
            "Simulated figures come from a model of LLMs; they are no evidence about a real one."
        )
        lines.append(tag("p", tag("strong", warning)))
    if len(runs.labels) > 1:
        warning = f"Labels are mixed ({', '.join(runs.labels)}): do not compare across them."
        lines.append(tag("p", tag("strong", warning)))
    if any(record.label == UNKNOWN for record in runs.records):
        lines.append(tag("p", f"“{UNKNOWN}”: the file does not say what answered its calls."))
    lines += [
        tag("p", f"{c.path}: budgets ", tag("strong", c.verdict), f" ({c.label}).")
        for c in runs.of(CertificateFile)
    ]
    if runs.notices:
        link = tag("a", "What was read", href="#read")
        count = len(runs.notices)
        warning = "1 file is not in order" if count == 1 else f"{count} files are not in order"
        lines.append(tag("p", f"{warning}: see ", link, ".", class_="notice"))
    return lines
