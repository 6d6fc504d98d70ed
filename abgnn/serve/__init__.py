"""`abgnn serve`: a trained system behind an OpenAI-compatible endpoint (extra `serve`)."""
