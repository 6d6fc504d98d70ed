"""Where each shell looks for a user's completion scripts, and what makes it look there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from abgnn.errors import ConfigError


def install(shell: str, script: str, environ: Mapping[str, str] = os.environ) -> tuple[Path, str]:
    """Write a completion script; returns the file, and what else there is to do, if anything.

    Args:
        shell: bash, zsh, fish or tcsh.
        script: of `abgnn --print-completion`.
        environ: HOME, and what moves the shells' folders.

    Raises:
        ConfigError: the file cannot be written.
    """
    path, more = _place(shell, environ)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script + "\n", encoding="utf-8")
    except OSError as error:
        allowed = f"a shell whose folder can be written ({path}: {error.strerror})"
        raise ConfigError("--install-completion", shell, allowed) from error
    return path, more


def _place(shell: str, environ: Mapping[str, str]) -> tuple[Path, str]:
    home = Path(environ.get("HOME") or Path.home())
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local/share")
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    if shell == "bash":
        folder = Path(environ.get("BASH_COMPLETION_USER_DIR") or data / "bash-completion")
        path = folder / "completions" / "abgnn"
        return path, f"without the package bash-completion: echo '. {path}' >> ~/.bashrc"
    if shell == "zsh":
        folder = Path(environ.get("ZDOTDIR") or home) / ".zfunc"
        lines = f"fpath=({folder} $fpath); autoload -Uz compinit; compinit"
        return folder / "_abgnn", f"once, in ~/.zshrc: {lines}"
    if shell == "fish":
        return config / "fish" / "completions" / "abgnn.fish", ""
    path = data / "abgnn" / "completion.tcsh"
    return path, f"once, in ~/.tcshrc: source {path}"
