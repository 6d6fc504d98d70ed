"""The model card of a saved system: what it is made of, what was measured, what is simulated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import yaml

from abgnn.data.mas import MasDefinition
from abgnn.planning.calibration import Calibration
from abgnn.serve.policy_source import PolicySource
from abgnn.serve.pretrained.card_frontier import frontier_rows

_SIMULATED = "Simulated: from a model of LLMs; no evidence about any real one."
_KINDS = {
    "policy": "a trained policy",
    "plan": "a planned mixture of teams",
    "question plan": "a plan that reads the question",
    "calibration": "a calibration, from which plans for any budgets are made",
}


def model_card(
    source: PolicySource,
    config: Mapping[str, Any],
    certificate: Mapping[str, Any] | None,
    licence: str | None,
) -> str:
    """Markdown with the front matter that the hub reads."""
    mas = source.deployment.mas if source.trained is None else source.trained.mas
    label = config["label"]
    tags = ["multi-agent-systems", "llm-routing", "budget", label]
    front: dict[str, Any] = {"library_name": "abgnn", "tags": tags}
    if licence is not None:
        front["license"] = licence
    parts = [
        "---\n" + yaml.safe_dump(front, sort_keys=True) + "---",
        f"# abgnn system: {mas.domain}",
        f"{_KINDS[config['kind']].capitalize()}; for LLMs under budgets, written by "
        f"`abgnn` {config['abgnn_version']}.",
        "\n".join(f"- {line}" for line in _told(source, config)),
        "## Use\n\n" + _use(config),
        "## LLMs\n\n" + _catalogue(mas),
        "## Roles\n\n" + _roles(mas),
    ]
    if source.calibration is not None:
        parts.append("## Calibration\n\n" + _calibration(source.calibration))
    rows = list(frontier_rows(source))
    if rows:
        header = ("budget, USD", "budget, s", "accuracy", "USD", "s")
        note = "Expected per question, by the planner's model; not measured on new questions.\n\n"
        parts.append("## Frontier\n\n" + note + _table(header, rows))
    if certificate is not None:
        parts.append("## Certificate\n\n" + _certificate(certificate))
    return "\n\n".join(parts) + "\n"


def _told(source: PolicySource, config: Mapping[str, Any]) -> Iterator[str]:
    """What is simulated, what was planned from what, and what else is in the folder."""
    labels = {f"calls of the client are {config['label']}"}
    for made in (source.plan, source.question_plan, source.calibration):
        if made is not None:
            labels.add(f"the calibration's calls were {made.label}")
    for label in sorted(labels):
        yield label[0].upper() + label[1:] + "."
    if any("simulated" in label for label in labels):
        yield f"**{_SIMULATED}**"
    if source.trained is not None:
        n = sum(p.numel() for p in source.trained.policy.parameters())
        yield f"Policy `{config['policy']['class_path']}` with {n} weights."
    if source.trained is not None or source.question_plan is not None:
        yield f"Texts are encoded by `{config['encoder']}`."
    if config["needs"]:
        named = ", ".join(f"`{name}`" for name in config["needs"])
        yield f"Needs what is not in abgnn, and your leave to load it (`trust=`): {named}."


def _use(config: Mapping[str, Any]) -> str:
    needs = f", trust={tuple(config['needs'])!r}" if config["needs"] else ""
    lines = [
        "```python",
        "from abgnn import System",
        "",
        f'with System.from_pretrained("…"{needs}) as system:  # this folder, or its id on the hub',
        '    print(system.run("…").answer)',
        "```",
    ]
    if config["label"] != "simulated":
        lines += [
            "",
            "It calls the addresses below, with keys from the variables below, only if you say "
            "`trust_endpoints=True`, or `endpoints=` with a catalogue of your own.",
        ]
    return "\n".join(lines)


def _catalogue(mas: MasDefinition) -> str:
    header = ("name", "type", "USD per million tokens in", "out", "address", "key in")
    rows = [
        (b.name, b.type, f"{b.price_in:.4g}", f"{b.price_out:.4g}", _host(b.base_url),
         b.api_key_env or "")
        for b in mas.catalogue
    ]  # fmt: skip
    priced = f"\n\nPrices: {_cell(mas.catalogue.priced)}" if mas.catalogue.priced else ""
    return _table(header, rows) + priced


def _roles(mas: MasDefinition) -> str:
    template = mas.template
    names = [role.name for role in template.roles]
    listed = ", ".join(_cell(name) for name in names)
    rounds = f", {template.rounds} rounds" if template.rounds > 1 else ""
    return (
        f"{listed}; `{_cell(template.name)}`, {len(template.edges)} admissible edges{rounds}; "
        f"{_cell(names[template.decision])} decides."
    )


def _calibration(known: Calibration) -> str:
    observed = known.observed
    asked = len({int(q) for q in observed.query})
    held = ", whose texts are in the folder" if known.questions is not None else ""
    return (
        f"{known.rollouts} rollouts ({len(observed)} calls, {known.label}) on {asked} questions"
        f"{held}; USD {known.spent_usd:.4g}."
    )


def _certificate(made: Mapping[str, Any]) -> str:
    rows = [
        (f["name"], f"{f['budget']:.4g}", f"{f['value']:.4g}", f["verdict"])
        for f in made["findings"]
    ]
    head = f"{made['label']}, {made['n']} held-out questions: {made['verdict']}, at "
    head += f"{made['confidence']:.0%} together."
    return f"{_cell(head)}\n\n" + _table(("of a question", "budget", "observed", "verdict"), rows)


def _host(url: str | None) -> str:
    return "" if url is None else urlsplit(url).hostname or ""


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(c) for c in line) + " |" for line in lines)


def _cell(text: object) -> str:
    """One line without marks that would end a cell or start a tag."""
    plain = " ".join(str(text).split())
    return plain.replace("|", "\\|").replace("<", "&lt;")
