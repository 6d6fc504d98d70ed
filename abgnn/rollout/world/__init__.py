"""The simulated world: correctness, tokens and seconds of every LLM's answers."""
