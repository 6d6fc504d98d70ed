"""The final answer of a response, and its comparison: letters, numbers, LaTeX, programs."""

from datamodules.scoring.numbers import last_number
from datamodules.scoring.options import option_letter

__all__ = ["last_number", "option_letter"]
