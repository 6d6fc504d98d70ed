"""Question sets: each yields `abgnn.data.query.Query` objects and judges responses to them."""

from datamodules.arithmetic import Arithmetic
from datamodules.base import QuestionDataModule
from datamodules.benchmark import Benchmark
from datamodules.gsm8k import GSM8K
from datamodules.human_eval import HumanEval
from datamodules.math import MATH
from datamodules.mbpp import MBPP
from datamodules.mmlu import MMLU
from datamodules.outcomes import Outcomes
from datamodules.quick_qa import QuickQA

__all__ = [
    "GSM8K",
    "MATH",
    "MBPP",
    "MMLU",
    "Arithmetic",
    "Benchmark",
    "HumanEval",
    "Outcomes",
    "QuestionDataModule",
    "QuickQA",
]
