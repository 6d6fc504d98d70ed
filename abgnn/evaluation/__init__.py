"""Evaluation figures: frontiers, areas, certificates. NumPy only."""
