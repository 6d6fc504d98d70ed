"""`Calibration`: the observed calls from which plans for any budget are made, as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from abgnn.data.arrays import Array
from abgnn.data.template import Template
from abgnn.errors import ConfigError
from abgnn.planning.budgets import Stratum
from abgnn.planning.by_question import QuestionPlanner, question_planner
from abgnn.planning.design import PlanSpace
from abgnn.planning.nearness import Published
from abgnn.planning.observations import Observations
from abgnn.planning.outcome_model import OutcomeModel
from abgnn.planning.packing import pack, pack_questions, packed, unpack, unpack_questions, unpacked
from abgnn.planning.prior import Prior
from abgnn.planning.questions import Questions
from abgnn.planning.template_dict import template_from_dict, template_to_dict

FORMAT = "abgnn calibration 2"
_FIELDS = {"heard": "n_messages", "agreeing": "share_right"}  # key in the file → field
_KEYS = {field: key for key, field in _FIELDS.items()}


@dataclass(frozen=True)
class Calibration:
    """Observed calls with what planning needs beside them: prior, template, pools, kinds.

    Args:
        label: `simulated`, `recorded` or `live`; `profiles only` without rollouts.
        domain: of the questions.
        profile: of the backbones before any call.
        template: roles and admissible edges.
        pools: backbones by resource tier.
        observed: the calls.
        rollouts: how many were made; spent_usd: dollars that they cost.
        priced: what the catalogue says about its prices and their date.
        by: entry of `Query.meta` that names the kind of a question; None: plans do not ask.
        kinds: names of the kinds, as `observed.group` counts them.
        questions: of the training, in the numbering of `observed.query`, so that plans can read
            the question; None: of 0.1.
        role_embedding: the encoded roles, `[S, H]`; encoder: the model that encoded all texts.
        published: scores by family of benchmarks, where they may be gone by.
    """

    label: str
    domain: str
    profile: Prior
    template: Template
    pools: tuple[tuple[int, ...], ...]
    observed: Observations
    rollouts: int
    spent_usd: float
    priced: str = ""
    by: str | None = None
    kinds: tuple[str, ...] = ("",)
    questions: Questions | None = None
    role_embedding: Array | None = None
    encoder: str = ""
    published: Published | None = None

    @property
    def everything(self) -> PlanSpace:
        """Any backbones together, lone agents too."""
        return PlanSpace(self.template, (tuple(range(len(self.profile.names))),))

    def model(self) -> OutcomeModel:
        """The outcome model fitted to it, once."""
        return self._fitted

    def by_question(self) -> QuestionPlanner:
        """What plans every question for itself, fitted once.

        Raises:
            ConfigError: the file is of 0.1 and lacks the questions.
        """
        return self._by_question

    @cached_property
    def searches(self) -> dict[int, list[Stratum]]:
        """Searches among all designs by their seed, as planning has last made them."""
        return {}

    @cached_property
    def _by_question(self) -> QuestionPlanner:
        if self.questions is None or self.role_embedding is None:
            allowed = (
                "with the questions, as `abgnn calibrate` writes it now (or plan with --blind)"
            )
            raise ConfigError("calibration", f"{self.rollouts} rollouts, no questions", allowed)
        return question_planner(
            self.observed,
            self.questions,
            self.role_embedding,
            self.profile,
            self.template,
            self.model(),
            self.published,
        )

    @cached_property
    def _fitted(self) -> OutcomeModel:
        return OutcomeModel.fit(self.observed, self.profile, self.template)

    def save(self, path: str | Path) -> None:
        """Write it as JSON."""
        data = {
            "format": FORMAT,
            "label": self.label,
            "domain": self.domain,
            "rollouts": self.rollouts,
            "spent_usd": self.spent_usd,
            "priced": self.priced,
            "by": self.by,
            "kinds": list(self.kinds),
            "pools": [list(pool) for pool in self.pools],
            "profile": _plain(self.profile),
            "template": template_to_dict(self.template),
            "observed": _observed(self.observed),
        }
        if self.questions is not None and self.role_embedding is not None:
            data["questions"] = pack_questions(self.questions)
            data["role_embedding"] = packed(self.role_embedding)
            data["encoder"] = self.encoder
        if self.published is not None:
            data["published"] = pack(self.published)
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(data), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Calibration:
        """What `save` wrote.

        Raises:
            ConfigError: no such file, or not one of ours.
        """
        data = read_json(path, FORMAT, "a file that `abgnn calibrate` wrote")
        observed = data["observed"]
        whole = ("query", "backbone", "slot", "group", "key", "options", "passes")
        form = {"form": unpacked(observed.pop("form"))} if "form" in observed else {}
        arrays = form | {
            _FIELDS.get(k, k): np.array(v, dtype=np.int64 if k in whole else float)
            for k, v in observed.items()
        }
        return cls(
            data["label"],
            data["domain"],
            _profile(data["profile"]),
            template_from_dict(data["template"]),
            tuple(tuple(pool) for pool in data["pools"]),
            Observations(**arrays),
            data["rollouts"],
            data["spent_usd"],
            data["priced"],
            data["by"],
            tuple(data["kinds"]),
            unpack_questions(data["questions"]) if "questions" in data else None,
            unpacked(data["role_embedding"]) if "role_embedding" in data else None,
            data.get("encoder", ""),
            unpack(Published, data["published"]) if "published" in data else None,
        )


def _observed(observed: Observations) -> dict[str, Any]:
    """Numbers that nobody reads, 13 of each call, are packed."""
    plain = _plain(replace(observed, form=None))
    return plain if observed.form is None else plain | {"form": packed(observed.form)}


def _profile(data: Mapping[str, Any]) -> Prior:
    accuracy, usd, seconds, price_in = (
        np.array(data[key], dtype=float) for key in ("accuracy", "usd", "seconds", "price_in")
    )
    thinks = np.array(data["thinks"], dtype=bool)
    names = tuple(data["names"])
    guessed = None if data.get("guess_sd") is None else np.array(data["guess_sd"], dtype=float)
    weights = tuple(data.get("weights", ()))
    return Prior(
        names, accuracy, usd, seconds, thinks, price_in, data["answer_tokens"], guessed, weights
    )


def file_format(path: str | Path) -> str | None:
    """The format that a JSON file states; None: none, or no such file."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    name = data.get("format") if isinstance(data, dict) else None
    return name if isinstance(name, str) else None


def read_json(path: str | Path, format_: str, allowed: str) -> dict[str, Any]:
    """A JSON object that says it is of this format."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError("file", str(path), allowed) from error
    if not isinstance(data, dict) or data.get("format") != format_:
        raise ConfigError("file", str(path), allowed)
    return data


def _plain(made: Prior | Observations) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in fields(made):
        value = getattr(made, field.name)
        if value is None or (isinstance(value, tuple) and not value):  # what 0.1 did not have
            continue
        values[_KEYS.get(field.name, field.name)] = (
            value.tolist() if isinstance(value, np.ndarray) else value
        )
    return values


def pools_of(members: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """Pools as plain tuples."""
    return tuple(tuple(int(m) for m in pool) for pool in members)
