"""From a config to model, data and trainer: the command line's `LightningCLI`, usable in Python."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.cli import (
    ArgsType,
    LightningArgumentParser,
    LightningCLI,
    SaveConfigCallback,
)

from abgnn.data.resources import config_path
from abgnn.errors import ConfigError
from abgnn.training.reinforce import Reinforce
from abgnn.training.run_log import run_folder

_CONFIG_FLAGS = ("--config", "-c")


class SaveConfigBesideFigures(SaveConfigCallback):
    """Writes the config into the run's folder (`run_folder`); a run without a logger has none."""

    _folder: Path | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._folder = run_folder(trainer)  # on all ranks; what follows is on the first
        super().setup(trainer, pl_module, stage)

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = str(self._folder / self.config_filename)
            self.parser.save(self.config, path, skip_unset=False, overwrite=True, multifile=False)


class ExperimentCLI(LightningCLI):
    """`LightningCLI` for `Reinforce` and any datamodule of queries.

    Args:
        args: of the command line, the subcommand first if `run`; `sys.argv` is not read.
        run: run the subcommand; else only instantiate.
        on_model: called with the model, before anything is run.
    """

    def __init__(
        self,
        args: Sequence[str],
        run: bool = True,
        on_model: Callable[[Reinforce], None] | None = None,
    ) -> None:
        self._args, self._on_model = list(args), on_model
        super().__init__(
            model_class=Reinforce,
            datamodule_class=LightningDataModule,
            subclass_mode_data=True,
            save_config_callback=SaveConfigBesideFigures,
            # not into `trainer.log_dir`, which runs of some loggers share
            save_config_kwargs={"overwrite": True, "save_to_log_dir": False},
            parser_kwargs={"prog": "abgnn"},
            args=self._args,
            run=run,
        )

    def instantiate_classes(self) -> None:
        """As LightningCLI does, then hand the model over."""
        super().instantiate_classes()
        if self._on_model is not None:
            self._on_model(self.model)

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """As LightningCLI does, without its warning where the process has arguments of its own."""
        self.config = parser.parse_args(self._args)

    def _parse_ckpt_path(self) -> None:
        """A checkpoint's hyperparameters override configs; the command's flags override both."""
        super()._parse_ckpt_path()
        flags = _model_flags(self._args[1:]) if self.config.get("subcommand") else []
        if flags:
            command = [self.config.subcommand, *flags]
            self.config = self.parser.parse_args(command, namespace=self.config)


def _model_flags(args: Sequence[str]) -> list[str]:
    """Every `--model.…` among arguments, with its value."""
    flags: list[str] = []
    for i, arg in enumerate(args):
        if arg.startswith("--model"):
            flags += [arg] if "=" in arg else [arg, *args[i + 1 : i + 2]]
    return flags


@dataclass(frozen=True)
class Experiment:
    """The model, datamodule and trainer of a config."""

    model: Reinforce
    data: Any
    trainer: Trainer

    def fit(self) -> None:
        """Train."""
        self.trainer.fit(self.model, datamodule=self.data)


def build(configs: Sequence[str], overrides: Sequence[str] = ()) -> Experiment:
    """Instantiate configs, later ones over earlier ones, then `--key=value` overrides."""
    args = [part for name in configs for part in ("--config", name)] + list(overrides)
    quiet()
    try:
        cli = ExperimentCLI(resolve_configs(args), run=False)
    except SystemExit as error:  # the parser has printed what is wrong
        raise ConfigError("config", list(configs), "a config that `abgnn fit` accepts") from error
    return Experiment(cli.model, cli.datamodule, cli.trainer)


def quiet() -> None:
    """Silence libraries' messages about themselves: deprecations inside them, advertisements."""
    warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\).*")
    warnings.filterwarnings("ignore", message=r".*does not have many workers.*")
    for name in ("lightning.pytorch.utilities.rank_zero", "sentence_transformers"):
        logging.getLogger(name).setLevel(logging.WARNING)


def resolve_configs(args: Sequence[str]) -> list[str]:
    """`args` with every `--config NAME` replaced by the file's path, packaged configs included."""
    resolved: list[str] = []
    for i, arg in enumerate(args):
        flag, equals, value = arg.partition("=")
        if equals and flag in _CONFIG_FLAGS:
            resolved.append(f"{flag}={config_path(value)}")
        elif i and args[i - 1] in _CONFIG_FLAGS:
            resolved.append(str(config_path(arg)))
        else:
            resolved.append(arg)
    return resolved
