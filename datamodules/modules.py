"""The packaged question sets as LightningDataModules; what each is, its own file says."""

from __future__ import annotations

from datamodules import (
    arithmetic,
    gsm8k,
    human_eval,
    math,
    mbpp,
    mmlu,
    outcomes,
    questions,
    quick_qa,
)
from datamodules.base import QuestionDataModule


class Arithmetic(arithmetic.Arithmetic, QuestionDataModule):
    __doc__ = arithmetic.Arithmetic.__doc__


class GSM8K(gsm8k.GSM8K, QuestionDataModule):
    __doc__ = gsm8k.GSM8K.__doc__


class HumanEval(human_eval.HumanEval, QuestionDataModule):
    __doc__ = human_eval.HumanEval.__doc__


class MATH(math.MATH, QuestionDataModule):
    __doc__ = math.MATH.__doc__


class MBPP(mbpp.MBPP, QuestionDataModule):
    __doc__ = mbpp.MBPP.__doc__


class MMLU(mmlu.MMLU, QuestionDataModule):
    __doc__ = mmlu.MMLU.__doc__


class Outcomes(outcomes.Outcomes, QuestionDataModule):
    __doc__ = outcomes.Outcomes.__doc__


class Questions(questions.Questions, QuestionDataModule):
    __doc__ = questions.Questions.__doc__


class QuickQA(quick_qa.QuickQA, QuestionDataModule):
    __doc__ = quick_qa.QuickQA.__doc__
