"""Chat completions: what a request asks for, and its answer as OpenAI's objects."""
