"""Rows of a benchmark from the Hugging Face hub; the package `datasets` is imported late."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from httpx2 import HTTPError

from abgnn.errors import ConfigError
from datamodules.rows import Row

LOCAL = "or local files instead, by `path:`"


@dataclass(frozen=True, slots=True)
class Hub:
    """Where a benchmark lies on the hub.

    Args:
        dataset: its id.
        revision: a commit, so that nothing changes under an experiment.
        subsets: configurations, read one after the other.
        streaming: read row by row instead of downloading every split first.
    """

    dataset: str
    revision: str
    subsets: tuple[str, ...]
    streaming: bool = False


def hub_rows(hub: Hub, split: str) -> Iterator[Row]:
    """Rows of a split, subset by subset.

    Raises:
        ConfigError: `datasets` is not installed, the hub cannot be reached (by default it is
            tried for about 20 s; at once with HF_HUB_OFFLINE=1), or there is no such dataset,
            revision, subset or split.
    """
    try:
        from datasets import load_dataset
    except ImportError as error:
        allowed = f"the package `datasets` (pip install abgnn[hub]), {LOCAL}"
        raise ConfigError("dataset", hub.dataset, allowed) from error
    for subset in hub.subsets:
        place = f"{hub.dataset}@{hub.revision[:8]}/{subset}/{split}"
        try:
            rows = load_dataset(
                hub.dataset, subset, split=split, revision=hub.revision, streaming=hub.streaming
            )
            for i, fields in enumerate(rows):
                yield Row(f"{place}[{i}]", subset, f"{subset}/{split}/{i}", dict(fields))
        except (ConnectionError, HTTPError) as error:
            allowed = f"a hub that can be reached ({_first_line(error)}), {LOCAL}"
            raise ConfigError("dataset", place, allowed) from error
        except ConfigError:
            raise
        except (OSError, ValueError) as error:
            allowed = f"an existing dataset, revision, subset and split ({_first_line(error)})"
            raise ConfigError("dataset", place, f"{allowed}, {LOCAL}") from error


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).split("\n")[0][:200]
