"""Many operations as one transaction and one round trip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from abgnn.rollout.ledger.postgres_operations import RESERVE, Form, Operation, Row

if TYPE_CHECKING:
    from psycopg import Connection, Cursor


def transaction(db: Connection[Any], batch: list[Operation]) -> list[list[Row]]:
    """The rows of every operation."""
    runs = sorted({op.run for op in batch if op.run is not None})
    opened = [op.opened for op in batch if op.opened is not None]
    forms: dict[Form, list[Operation]] = {}
    for op in batch:
        forms.setdefault(op.form, []).append(op)
    asked: list[tuple[list[Operation], Cursor[Any]]] = []
    with db.pipeline(), db.transaction():
        if runs:
            db.execute("SELECT lock_runs(%s)", (runs,))
        if opened:
            db.execute(RESERVE.statement, _columns(opened))
        for form in sorted(forms, key=lambda form: form.place):
            for some in [forms[form]] if form.together else [[op] for op in forms[form]]:
                values = _columns([op.row for op in some]) if form.together else some[0].row
                asked.append((some, db.execute(form.statement, values)))
    rows: dict[Operation, list[Row]] = {}
    for some, cursor in asked:
        got = cursor.fetchall()
        rows.update(zip(some, [[r] for r in got] if some[0].form.together else [got], strict=True))
    return [rows[op] for op in batch]


def _columns(rows: list[Row]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
