"""The key of an answer by a task's own function, which may be a user's and may fail."""

from __future__ import annotations

import logging

from abgnn.data.query import Query, Task

_log = logging.getLogger(__name__)


def answer_key(task: Task | None, query: Query, text: str) -> str | None:
    """What `task.key` says; "": the answer has none, or the function failed; None: the task has no
    such function."""
    key = getattr(task, "key", None)
    if key is None:
        return None
    try:
        return str(key(query, text))
    except Exception as error:  # a user's code: its answer counts as one without a key
        _log.warning("no key of an answer to %s: %r", query.id, error)
        return ""
