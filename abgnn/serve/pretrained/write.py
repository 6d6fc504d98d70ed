"""Writing a system as a folder: all contents are made and checked first, then written."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from abgnn.data.catalogue import Catalogue
from abgnn.errors import ConfigError
from abgnn.experiments.deployment import Deployment, resolved
from abgnn.serve.policy_source import PolicySource
from abgnn.serve.pretrained.card import model_card
from abgnn.serve.pretrained.classes import CLIENTS, FRAMEWORKS, class_paths, modules_beside, within
from abgnn.serve.pretrained.files import (
    CALIBRATION,
    CARD,
    CERTIFICATE,
    CONFIG,
    MOST_BYTES,
    PLAN,
    STATE,
    WEIGHTS,
    check_sizes,
)
from abgnn.serve.pretrained.parts import (
    catalogue_to_dict,
    pools_to_dict,
    settings_to_dict,
    whole_template_to_dict,
)
from abgnn.serve.pretrained.plain_values import check_encoder, check_plain

FORMAT = "abgnn system 1"
_PRIVATE = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY")
_SECRET = 8  # characters from which on a value is a key, as in `OpenAIClient`


@dataclass(frozen=True, slots=True)
class SaveOptions:
    """What is written beside the system itself.

    Args:
        certificate: a file that `abgnn certify --out` wrote; None: the one it was loaded with.
        licence: for the card's front matter, for example `mit`; None: none is stated.
        point: λ_tok and λ_lat that a policy for all budgets goes by without one; None: no such.
    """

    certificate: str | Path | None = None
    licence: str | None = None
    point: tuple[float, float] | None = None


def write_folder(source: PolicySource, folder: Path, options: SaveOptions) -> None:
    """Write what `read_folder` reads; a system that is there already is replaced.

    Raises:
        ConfigError: a system that cannot be rebuilt elsewhere, or one that holds a key; nothing
            has been written then.
    """
    contents = _contents(source, options)
    check_sizes(str(folder), {name: len(data) for name, data in contents.items()})
    _check_secrets(contents, source.deployment.mas.catalogue)
    folder.mkdir(parents=True, exist_ok=True)
    for name in MOST_BYTES:
        if name in contents:  # renamed into place: whoever has the old one mapped keeps it
            part = folder / f".{name}.part"
            part.write_bytes(contents[name])
            os.replace(part, folder / name)
        else:
            (folder / name).unlink(missing_ok=True)


def _contents(source: PolicySource, options: SaveOptions) -> dict[str, bytes]:
    if source.model is None:
        allowed = (
            "one of a checkpoint, a config, a plan or a calibration: the arguments of objects "
        )
        allowed += "that were made in Python are not known (train them by `abgnn fit`)"
        raise ConfigError("system", "made in Python", allowed)
    config = _config(source, options)
    contents: dict[str, bytes] = {}
    if source.trained is not None:
        from abgnn.serve.pretrained.weights import weights_of

        contents[WEIGHTS], beside = weights_of(source.trained.policy)
        if beside:
            contents[STATE] = _json(beside)
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "part.json"
        plan = source.plan or source.question_plan
        if plan is not None:
            plan.write(path)
            contents[PLAN] = path.read_bytes()
        if source.calibration is not None:
            source.calibration.save(path)
            contents[CALIBRATION] = path.read_bytes()
    certificate = _certificate(source, options)
    if certificate is not None:
        contents[CERTIFICATE] = _json(certificate, 1)
    contents[CONFIG] = _json(config, 1)
    contents[CARD] = model_card(source, config, certificate, options.licence).encode()
    return contents


def _config(source: PolicySource, options: SaveOptions) -> dict[str, Any]:
    mas = source.deployment.mas if source.trained is None else source.trained.mas
    model = _arguments(source)
    words = names_in(mas.catalogue, [role.name for role in mas.template.roles])
    policy, client, framework = model.get("policy"), model["client"], model["framework"]
    for field, value in (("policy", policy), ("client", client), ("framework", framework)):
        check_plain(value, f"model.{field}", words)
    _check_ours("client", client, CLIENTS, "it reads files of this machine")
    _check_ours("framework", framework, FRAMEWORKS, "it is made from a team of yours")
    needs = modules_beside(policy, client, framework)
    encoders = _encoders(source, mas.encoder)
    return {
        "format": FORMAT,
        "abgnn_version": version("abgnn"),
        "kind": _kind(source),
        "label": source.deployment.label,
        "needs": [*needs, *(name for name in encoders if not _known(name))],
        "domain": mas.domain,
        "encoder": mas.encoder,
        "n_pools": mas.n_pools,
        "catalogue": catalogue_to_dict(mas.catalogue),
        "template": whole_template_to_dict(mas.template),
        "pools": _pools(source),
        "framework": framework,
        "client": client,
        "rollout": settings_to_dict(source.deployment.rollout),
        "max_in_flight": source.deployment.max_in_flight,
        "policy": policy,
        "tradeoff": model.get("tradeoff"),
        "operating_point": None if options.point is None else list(options.point),
    }


def names_in(catalogue: Catalogue, roles: Collection[str]) -> set[str]:
    """Names that arguments may hold though they look like paths (`vendor/model`)."""
    return {*catalogue.names, *(b.model for b in catalogue), *roles}


def _arguments(source: PolicySource) -> dict[str, Any]:
    """Policy, client and framework with all defaults, as plain values."""
    assert source.model is not None
    if source.model.get("format") == FORMAT:  # of a saved folder
        return dict(source.model)
    values = {k: source.model[k] for k in ("policy", "mas", "client") if k in source.model}
    kind: type[Any] = Deployment
    if source.trained is None:
        values.pop("policy", None)
    else:
        from abgnn.experiments.trained import Trained, tradeoff_of

        kind = Trained
    whole = resolved(kind, values, "the system's config")
    framework = whole["mas"].get("init_args", whole["mas"]).get("framework")
    made = {"client": whole["client"], "framework": framework}
    if source.trained is not None:
        made |= {"policy": whole["policy"], "tradeoff": list(tradeoff_of(source.model))}
    return made


def _kind(source: PolicySource) -> str:
    """What plans questions without a budget."""
    if source.trained is not None:
        return "policy"
    if source.plan is not None:
        return "plan"
    return "calibration" if source.question_plan is None else "question plan"


def _pools(source: PolicySource) -> dict[str, Any] | None:
    return None if source.trained is None else pools_to_dict(source.trained.mas)


def _encoders(source: PolicySource, encoder: str) -> list[str]:
    known = source.calibration.encoder if source.calibration is not None else ""
    plan = source.question_plan.encoder if source.question_plan is not None else ""
    names = sorted({encoder, *(name for name in (known, plan) if name)})
    for name in names:
        if Path(name).is_absolute() or Path(name).is_dir():
            allowed = "a model that others can load: offline, or its name on the hub"
            raise ConfigError("encoder", name, allowed)
    return names


def _known(encoder: str) -> bool:
    try:
        check_encoder(encoder, ())
    except ConfigError:
        return False
    return True


def _check_ours(field: str, values: Any, ours: tuple[str, ...], why: str) -> None:
    """
    Raises:
        ConfigError: a class of abgnn that only works on this machine.
    """
    path = next(class_paths(values), None)
    if path is not None and within(path, ("abgnn",)) and path not in ours:
        raise ConfigError(f"model.{field}", path, f"{', '.join(ours)}; {why}")


def _certificate(source: PolicySource, options: SaveOptions) -> dict[str, Any] | None:
    """Without its subject, which names files of this machine."""
    made = source.certificate
    if options.certificate is not None:
        from abgnn.serve.pretrained.certificate import read_certificate

        made = read_certificate(options.certificate)
    return None if made is None else {k: v for k, v in made.items() if k != "subject"}


def _check_secrets(contents: Mapping[str, bytes], catalogue: Catalogue) -> None:
    """
    Raises:
        ConfigError: the key of a backbone, or a token of the hub's, stands in one of the files.
    """
    for variable in {b.api_key_env for b in catalogue if b.api_key_env} | {*_PRIVATE}:
        key = os.environ.get(variable, "").strip().encode()
        for name, data in contents.items():
            if len(key) >= _SECRET and key in data:
                raise ConfigError(name, f"the value of {variable}", "no key in what is shared")


def _json(data: Any, indent: int | None = None) -> bytes:
    return (json.dumps(data, indent=indent, ensure_ascii=False) + "\n").encode()
