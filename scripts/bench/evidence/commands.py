"""Whether a command that is said to have printed figures exists, with its flags and its configs."""

from __future__ import annotations

import os
import re
import shlex
from itertools import pairwise
from pathlib import Path

from abgnn.cli.table import find_command
from abgnn.data.resources import config_path
from abgnn.errors import ConfigError

ROOT = Path(__file__).parents[3]
_MODULE = re.compile(r"scripts[./]bench[./](\w+(?:[./]\w+)*)")


def wrong_in(commands: str) -> list[str]:
    """What does not exist of some commands, with `; ` between them."""
    return [line for command in commands.split("; ") for line in _wrong(shlex.split(command))]


def _wrong(words: list[str]) -> list[str]:
    if words[:1] == ["abgnn"]:
        return _wrong_command(words[1:])
    if words and words[0].startswith("scripts/"):
        return _wrong_script(words)
    return [f"{' '.join(words)!r} is neither a script nor a command of abgnn"]


def _wrong_command(words: list[str]) -> list[str]:
    name, *arguments = words or [""]
    try:
        find_command(name)
        for flag, value in pairwise(arguments):
            if flag == "--config":
                config_path(value)
    except (ConfigError, FileNotFoundError) as error:
        return [str(error)]
    return []


def _wrong_script(words: list[str]) -> list[str]:
    script = ROOT / words[0]
    if not os.access(script, os.X_OK) or script.is_dir():
        return [f"{words[0]} is no script that can be run"]
    text = script.read_text(encoding="utf-8")
    for module in {script.name, *_MODULE.findall(text)}:
        name = module.removesuffix(".py").replace(".", "/")
        path = ROOT / "scripts/bench" / f"{name}.py"
        text += path.read_text(encoding="utf-8") if path.is_file() else ""
    flags = [word.partition("=")[0] for word in words[1:] if word.startswith("--")]
    return [f"{words[0]} has no {flag}" for flag in flags if flag not in text]
