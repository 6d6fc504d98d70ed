"""The packaged question sets by class path, without Lightning: for whoever only asks and scores."""

from __future__ import annotations

from types import MappingProxyType

PLAIN = MappingProxyType(
    {
        "datamodules.Arithmetic": "datamodules.arithmetic",
        "datamodules.GSM8K": "datamodules.gsm8k",
        "datamodules.HumanEval": "datamodules.human_eval",
        "datamodules.MATH": "datamodules.math",
        "datamodules.MBPP": "datamodules.mbpp",
        "datamodules.MMLU": "datamodules.mmlu",
        "datamodules.Outcomes": "datamodules.outcomes",
        "datamodules.Questions": "datamodules.questions",
        "datamodules.QuickQA": "datamodules.quick_qa",
    }
)
"""Class path in configs → module of the class without Lightning."""
