"""What `fit`, `validate`, `test` and `predict` share: Lightning's loop, any key of a config a flag.

Their `--help` is ours and short; `--keys` is LightningCLI's own, which loads PyTorch.
"""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

_MORE = """\
Every key of a config is a flag too, and goes over the configs before it:
  --model.lambda_tok 10                    USD, as reward lost per dollar
  --model.policy.init_args.delta=0.4       an argument of the policy
  --data.init_args.n_train=8               an argument of the questions
  --model.policy.help CLASS                what a class takes, e.g. abgnn.models.AgentBalance
  --print_config                           the whole config, with defaults; runs nothing"""


def add_lightning_arguments(parser: Parser, checkpoint: str) -> None:
    """The main flags; others pass on to LightningCLI."""
    parser.takes_keys, parser.allow_abbrev, parser.epilog = True, False, _MORE
    parser.usage = "%(prog)s --config NAME [--config NAME …] [--ckpt_path FILE] [--KEY VALUE …]"
    text = "a file, or a packaged config such as simulated/general.yaml; repeatable, later ones win"
    parser.add_argument("-c", "--config", action="append", metavar="NAME", help=text)
    parser.add_argument("--ckpt_path", metavar="FILE", help=checkpoint)
    text = "list every key of a config, and stop (loads PyTorch)"
    parser.add_argument("--keys", action="store_true", help=text)


def run_lightning(command: str, args: Namespace) -> Trainer:
    """Carry a command out; the trainer, for what it leaves behind."""
    from abgnn.experiments.experiment import ExperimentCLI, quiet, resolve_configs
    from abgnn.rollout.telemetry.switch import set_up

    quiet()
    rest = ["--help"] if args.keys else resolve_configs(args.argv)
    arguments = [command, *rest]
    return ExperimentCLI(
        arguments, on_model=lambda model: set_up(model.rollout_settings.telemetry)
    ).trainer
