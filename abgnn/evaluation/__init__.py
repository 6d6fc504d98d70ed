"""Evaluation: frontiers, areas, pictures, reports."""
