"""Where a team's difficulty comes from: `mas.difficulty` of a config, checked before any call."""

from __future__ import annotations

from abgnn.difficulty.head_header import read_header
from abgnn.errors import ConfigError

PACKAGED, RATED = "packaged", "rated"
_SIMULATED = "simulated"


def check_source(source: str, label: str) -> None:
    """Check what a config says of difficulty; a file's header is read, its weights are not.

    Args:
        source: `packaged`, `rated`, or the path of a file that `abgnn difficulty fit` wrote.
        label: how calls are made: `simulated`, `recorded` or `live`.

    Raises:
        ConfigError: no such file; or rated levels in the simulated world, whose own difficulty
            is made from them: a method that read them would know what it is to find out.
    """
    if source == RATED and label == _SIMULATED:
        allowed = f"{PACKAGED!r} or a head file: the simulated world's difficulty is made of levels"
        raise ConfigError("mas.difficulty", source, allowed)
    if source not in (PACKAGED, RATED):
        read_header(source)
