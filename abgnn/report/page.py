"""The page: the answer, then sections in order; one style sheet, one script, no other resources."""

from __future__ import annotations

import base64
import hashlib

from abgnn.report.markup import Html, badge, join, tag, text
from abgnn.report.records import UNKNOWN, CertificateFile, Runs
from abgnn.report.script import SCRIPT
from abgnn.report.section_answer import answer
from abgnn.report.section_curves import curves
from abgnn.report.sections_planning import beliefs, certificates, plans, shares
from abgnn.report.sections_points import ablation, tables
from abgnn.report.sections_runs import configurations, reading, spending
from abgnn.report.stylesheet import STYLE

_SECTIONS = (
    ("answer", "The answer", answer),
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


def _digest(text: str) -> str:
    """As a content security policy names an inline script or style sheet."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# this script and style sheet, no other; no network: the browser refuses whatever the files hold
_POLICY = (
    f"default-src 'none'; script-src {_digest(SCRIPT)}; style-src 'unsafe-inline'; "
    f"style-src-elem {_digest(STYLE)}; base-uri 'none'; form-action 'none'"
)


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
                *_warnings(runs),
            ),
            bodies[0][2],
            tag("div", *_notes(runs), class_="notes"),
            tag("nav", tag("ul", *links), aria_label="sections"),
            tag("main", *(part for _, _, part in bodies[1:])),
        ),
        "\n",
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{text(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _warnings(runs: Runs) -> list[Html]:
    """Before anything: what is simulated, a mix of labels, what does not say."""
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
    return lines


def _notes(runs: Runs) -> list[Html]:
    """After the answer: verdicts, and files that are not in order."""
    lines = [
        tag("p", f"{c.path}: budgets ", tag("strong", c.verdict), f" ({c.label}).")
        for c in runs.of(CertificateFile)
    ]
    if runs.notices:
        link = tag("a", "What was read", href="#read")
        count = len(runs.notices)
        warning = "1 file is not in order" if count == 1 else f"{count} files are not in order"
        lines.append(tag("p", f"{warning}: see ", link, ".", class_="notice"))
    return lines
