"""The files that a new user starts from: LLMs, task and script, made from a few answers."""
