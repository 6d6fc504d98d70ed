"""What holds calls back: rates, concurrency, circuits, caps of a query."""
