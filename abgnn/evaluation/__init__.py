"""Numbers that judge: frontiers, areas, certificates. NumPy only."""
