"""What is there, what is missing and what mends it, before any money is spent."""
