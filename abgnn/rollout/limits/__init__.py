"""Limits on calls: rates, concurrency, circuit breakers, caps on money."""
