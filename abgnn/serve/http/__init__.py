"""The HTTP server for a `System` (extra `serve`)."""
