"""What runs in a worker process: the standard library and relative imports only.

A worker is started as `python -I` with its own folder on the path, so that nothing of `abgnn` and
its dependencies is loaded where generated code runs.
"""
