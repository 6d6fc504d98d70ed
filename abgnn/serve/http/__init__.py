"""The HTTP server in front of a `System` (extra `serve`)."""
