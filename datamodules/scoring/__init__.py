"""What a response settles on, and whether it is right: letters, numbers, LaTeX, programs."""

from datamodules.scoring.numbers import last_number
from datamodules.scoring.options import option_letter

__all__ = ["last_number", "option_letter"]
