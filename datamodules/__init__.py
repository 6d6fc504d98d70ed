"""Question sets: each yields `abgnn.query.Query` objects and judges responses to them."""

from datamodules.arithmetic import Arithmetic
from datamodules.base import QuestionDataModule
from datamodules.human_eval import HumanEval
from datamodules.quick_qa import QuickQA

__all__ = ["Arithmetic", "HumanEval", "QuestionDataModule", "QuickQA"]
