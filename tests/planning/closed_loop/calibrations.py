"""Small simulated calibrations of a few LLMs."""

from __future__ import annotations

from functools import cache

from lightning.pytorch import Trainer

from abgnn.experiments.calibrate import CalibrationDesign, calibrate_experiment
from abgnn.experiments.experiment import Experiment
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import FixedGraph
from abgnn.planning.calibration import Calibration
from abgnn.rollout import SimulatedClient
from abgnn.training import Reinforce
from datamodules import HumanEval, QuickQA

THREE = ("Qwen3-1.7B", "Qwen3-8B", "Qwen3-8B-thinking")
QUESTIONS = 24


@cache
def mas(names: tuple[str, ...] = THREE) -> BaseMAS:
    """Two roles, a decision agent and these LLMs."""
    roles = ["Knowledgeable Expert", "Critic"]
    every = BaseMAS("general", encoder="offline").catalogue.names
    exclude = [name for name in every if name not in names]
    pools = min(len(names), 2)
    return BaseMAS("general", exclude=exclude, roles=roles, n_pools=pools, encoder="offline")


@cache
def data() -> QuickQA:
    made = QuickQA(n_train=QUESTIONS, n_val=4)
    made.setup("test")
    return made


def module(names: tuple[str, ...] = THREE) -> Reinforce:
    return Reinforce(FixedGraph(names[0]), mas(names), SimulatedClient(world_seed=5))


@cache
def calibration(
    design: CalibrationDesign = "complete", names: tuple[str, ...] = THREE
) -> Calibration:
    """Every LLM on every question, or as many rollouts of random committees."""
    silent = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, max_epochs=0)
    made = Experiment(module(names), data(), silent)
    return calibrate_experiment(made, QUESTIONS * len(names), design=design)


@cache
def of_programs(design: CalibrationDesign = "complete") -> tuple[Calibration, HumanEval]:
    """Two LLMs on programs, and the questions."""
    names = THREE[:2]
    programs = HumanEval(n_train=QUESTIONS, n_val=4)
    every = BaseMAS("code", encoder="offline").catalogue.names
    code = BaseMAS(
        "code",
        exclude=[name for name in every if name not in names],
        roles=["Programming Expert", "Test Analyst"],
        n_pools=2,
        encoder="offline",
    )
    silent = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, max_epochs=0)
    model = Reinforce(FixedGraph(names[0]), code, SimulatedClient(world_seed=5))
    made = Experiment(model, programs, silent)
    return calibrate_experiment(made, QUESTIONS * len(names), design=design), programs
