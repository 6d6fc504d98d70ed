"""The ledger: every attempt and every dollar, in memory or in SQLite."""
