"""Reading a system from a folder that a stranger may have made: data only, nothing is executed."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from abgnn.data.framework import template_of
from abgnn.data.mas import MasDefinition
from abgnn.errors import ConfigError
from abgnn.experiments.deployment import Deployment
from abgnn.planning.calibration import FORMAT as CALIBRATED
from abgnn.planning.calibration import Calibration
from abgnn.planning.plan_file import FORMAT as MIXTURE
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.reading_plan import FORMATS, ReadingPlan, read_reading_plan
from abgnn.serve.policy_source import PolicySource, reads_questions
from abgnn.serve.pretrained.certificate import checked
from abgnn.serve.pretrained.classes import CLIENTS, FRAMEWORKS, PARTS, Builder, modules_beside
from abgnn.serve.pretrained.consent import NO_CONSENT, Consent
from abgnn.serve.pretrained.files import (
    CALIBRATION,
    CERTIFICATE,
    CONFIG,
    PLAN,
    check_folder,
    read_object,
)
from abgnn.serve.pretrained.parts import (
    catalogue_from_dict,
    set_pools,
    settings_from_dict,
    whole_template_from_dict,
)
from abgnn.serve.pretrained.plain_values import check_encoder, largest
from abgnn.serve.pretrained.write import FORMAT, names_in

if TYPE_CHECKING:
    from abgnn.experiments.trained import Trained
    from abgnn.graph.base_mas import BaseMAS

T = TypeVar("T")
M = TypeVar("M", bound=MasDefinition)
_WIDEST = 4096  # of a layer, up to which a policy is built without measuring it first
_LONGEST = 500  # characters of a stranger's that a message repeats
_WRONG = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)


def read_folder(folder: Path, consent: Consent = NO_CONSENT) -> PolicySource:
    """What `System.save_pretrained` wrote.

    Raises:
        ConfigError: no saved system, a file that is refused (see `files`), classes of modules or
            addresses that the user has not allowed (see `Consent`).
    """
    opened = _Opened.of(folder, consent)
    plan, question_plan = opened.plan()
    known = opened.calibration()
    reads = question_plan is not None or reads_questions(known) or opened.config.get("policy")
    mas = opened.encoded() if reads else opened.definition(MasDefinition)
    for name in (known.encoder if known else "", question_plan.encoder if question_plan else ""):
        if name:
            check_encoder(name, consent.modules)
    certificate = read_object(folder, CERTIFICATE)
    deployment = opened.deployment(mas)
    source = PolicySource(
        deployment,
        opened.trained(mas, deployment) if opened.config.get("policy") else None,
        plan,
        known,
        question_plan,
        model=opened.config,
        certificate=None if certificate is None else checked(certificate, str(folder)),
    )
    if source.trained is None and plan is None and question_plan is None and known is None:
        raise ConfigError("folder", str(folder), "a policy, a plan or a calibration")
    return source


def read_deployment_in(folder: Path, consent: Consent = NO_CONSENT) -> Deployment:
    """Client, backbones and settings alone, without torch."""
    opened = _Opened.of(folder, consent)
    return opened.deployment(opened.definition(MasDefinition))


@dataclass(frozen=True, slots=True)
class _Opened:
    """A folder whose names, sizes and config have been checked."""

    folder: Path
    config: dict[str, Any]
    consent: Consent

    @classmethod
    def of(cls, folder: Path, consent: Consent) -> _Opened:
        check_folder(folder)
        config = read_object(folder, CONFIG) or {}
        if config.get("format") != FORMAT:
            where = f"{folder}: {CONFIG}: format"
            raise ConfigError(where, config.get("format"), f"{FORMAT!r}")
        return cls(folder, config, consent)

    def definition(self, kind: type[M]) -> M:
        """Roles and backbones as the system was made for them; encoded only if need be."""
        config = self.config
        check_encoder(config.get("encoder"), self.consent.modules)
        catalogue = self._part("catalogue", catalogue_from_dict)
        template = self._part("template", whole_template_from_dict)
        framework: Any = None
        if config.get("framework") is not None:
            words = names_in(catalogue, [role.name for role in template.roles])
            builder = Builder(FRAMEWORKS, self.consent.modules, words)
            framework = builder.build(config["framework"], self._at("framework"), object)
            template = template_of(framework)
        return self._part(
            "n_pools",
            lambda n_pools: kind.of(
                catalogue,
                template,
                domain=str(config["domain"]),
                encoder=config["encoder"],
                n_pools=int(n_pools),
                framework=framework,
            ),
        )

    def encoded(self) -> BaseMAS:
        """The same for policies to choose from, in the tiers that they were made for."""
        from abgnn.graph.base_mas import BaseMAS

        mas = self.definition(BaseMAS)
        if self.config.get("pools") is not None:
            self._part("pools", lambda data: set_pools(mas, data))
        return mas

    def deployment(self, mas: MasDefinition) -> Deployment:
        """With the user's own endpoints, if they state some.

        Raises:
            ConfigError: addresses that the user has not confirmed.
        """
        config, words = self.config, names_in(mas.catalogue, ())
        builder = Builder(CLIENTS, self.consent.modules, words)
        client: Any = builder.build(config.get("client"), self._at("client"), object)
        settings = self._part("rollout", settings_from_dict)
        catalogue = self.consent.catalogue(mas.catalogue, client)
        if catalogue is not mas.catalogue:
            mas = copy(mas)
            mas.catalogue = catalogue
        return self._part("max_in_flight", lambda n: Deployment(client, mas, settings, int(n)))

    def trained(self, mas: Any, deployment: Deployment) -> Trained:
        """The policy, which chooses among the backbones that it was made for."""
        from abgnn.experiments.trained import Trained
        from abgnn.models.policy import Policy
        from abgnn.serve.pretrained.weights import build_and_load

        modules = self.consent.modules
        words = names_in(mas.catalogue, [role.name for role in mas.template.roles])
        values, builder = self.config["policy"], Builder(PARTS, modules, words)
        tradeoff, point = self._point("tradeoff"), self._point("operating_point")

        def make() -> Policy:
            made = builder.build(values, self._at("policy"), Policy)  # type: ignore[type-abstract]
            if tradeoff is not None:
                made.set_tradeoff(*tradeoff)
            return made

        measure = not modules_beside(values) and largest(values) > _WIDEST
        policy = build_and_load(make, self.folder, modules, measure=measure)
        if point is not None and policy.has_operating_points:
            policy.set_tradeoff(*point)
        return Trained(policy, mas, deployment.client, deployment.rollout, deployment.max_in_flight)

    def plan(self) -> tuple[PlanFile | None, ReadingPlan | None]:
        """The plan file, of either kind."""
        data = read_object(self.folder, PLAN)
        if data is None:
            return None, None
        path = str(self.folder / PLAN)
        kind = data.get("format")
        if kind == MIXTURE:
            return self._file(PLAN, lambda: PlanFile.read(path)), None
        if kind not in FORMATS:
            raise ConfigError(f"{path}: format", kind, ", ".join((MIXTURE, *FORMATS)))
        return None, self._file(PLAN, lambda: read_reading_plan(path))

    def calibration(self) -> Calibration | None:
        """The calibration, if there is one."""
        data = read_object(self.folder, CALIBRATION)
        if data is None:
            return None
        path = self.folder / CALIBRATION
        if data.get("format") != CALIBRATED:
            raise ConfigError(f"{path}: format", data.get("format"), CALIBRATED)
        return self._file(CALIBRATION, lambda: Calibration.load(path))

    def _point(self, key: str) -> tuple[float, float] | None:
        """λ_tok and λ_lat, or None."""
        if self.config.get(key) is None:
            return None
        tok, lat = self._part(key, lambda pair: (float(pair[0]), float(pair[1])))
        return tok, lat

    def _at(self, key: str) -> str:
        return f"{self.folder}: {CONFIG}: {key}"

    def _part(self, key: str, make: Callable[[Any], T]) -> T:
        """A part of the config; whatever is wrong in it is told by its name."""
        if key not in self.config:
            raise ConfigError(self._at(key), None, "a value")
        return _told(self._at(key), lambda: make(self.config[key]))

    def _file(self, name: str, read: Callable[[], T]) -> T:
        return _told(f"{self.folder}: {name}", read)


def _told(where: str, make: Callable[[], T]) -> T:
    try:
        return make()
    except ConfigError as error:
        field = error.field if error.field.startswith(where) else f"{where}: {error.field}"
        shown = error.value if len(repr(error.value)) <= _LONGEST else type(error.value).__name__
        raise ConfigError(field[:_LONGEST], shown, error.allowed[:_LONGEST]) from error
    except _WRONG as error:
        raise ConfigError(
            where, repr(error)[:300], "what `System.save_pretrained` wrote"
        ) from error
