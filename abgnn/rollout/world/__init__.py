"""The simulated world: which LLM answers what, how long and how dear."""
