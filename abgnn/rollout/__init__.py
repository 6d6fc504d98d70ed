"""Executing plans: no torch in here, and nothing that a plan or a reply could change."""
