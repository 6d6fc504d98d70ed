"""Comparisons of methods at the same questions, calls and budgets."""
