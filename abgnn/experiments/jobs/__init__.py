"""Who runs a command's jobs: processes of this machine, or tasks of a Ray cluster."""
