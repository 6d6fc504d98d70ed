"""Responses: what a request asks for, and its answer as OpenAI's objects and typed events."""
