"""All findings about an installation, and about a config or a catalogue, in the order shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from abgnn.errors import ConfigError
from abgnn.experiments.doctor.finding import Finding
from abgnn.experiments.doctor.installation import extras, malicious, packages, python
from abgnn.experiments.doctor.machine import encoder, gpu, sandbox
from abgnn.experiments.doctor.recordings import recording
from abgnn.rollout.ledger.postgres_url import is_url


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to run; None: nothing but the installation is asked about.

    Args:
        config: an experiment config.
        catalogue: LLMs that live calls are to reach; not beside a config, which names its own.
        recording: a file or URL, over the config's own.

    Raises:
        ConfigError: a config and a catalogue.
    """

    config: str | None = None
    catalogue: str | None = None
    recording: str | None = None

    def __post_init__(self) -> None:
        if self.config is not None and self.catalogue is not None:
            raise ConfigError("--catalogue", self.catalogue, "nothing beside --config")


def examine(asked: Asked, plain: Mapping[str, str], today: date | None = None) -> Iterator[Finding]:
    """Every finding, as soon as it is known.

    Args:
        asked: what is to run.
        plain: class path of question sets → module that has the class without Lightning.
        today: against which the age of prices is counted.
    """
    yield python()
    yield from malicious()
    yield from packages()
    day = date.today() if today is None else today
    if asked.config is not None:
        from abgnn.experiments.doctor.experiment import experiment  # the client's libraries

        yield from experiment(asked.config, asked.recording, plain, day)
        return
    yield from extras(["postgres"] if is_url(asked.recording) else [])
    yield from (encoder(None), sandbox(), gpu())
    if asked.catalogue is not None:
        from abgnn.experiments.doctor.experiment import live_catalogue

        yield from live_catalogue(asked.catalogue, day)
    yield recording(asked.recording)
