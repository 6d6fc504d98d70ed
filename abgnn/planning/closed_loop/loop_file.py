"""`ClosedLoop` as JSON, without its prior, which the planner's beliefs restore."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from abgnn.data.arrays import Array
from abgnn.planning.closed_loop.answer_model import AnswerModel
from abgnn.planning.closed_loop.answer_table import AnswerTable
from abgnn.planning.closed_loop.closed_loop import ClosedLoop, Predict
from abgnn.planning.closed_loop.fit_answers import AnswerFit
from abgnn.planning.closed_loop.forms import Forms, FormScale
from abgnn.planning.closed_loop.readers import Reading
from abgnn.planning.packing import pack, packed, unpack, unpacked

_WHOLE = ("keys", "options", "forms")


def loop_to_dict(loop: ClosedLoop) -> dict[str, Any]:
    """JSON-able."""
    return {
        "answers": asdict(loop.answers),
        "chosen": {task: list(agents) for task, agents in loop.chosen.items()},
        "table": _table(loop.table),
        "left_out": packed(loop.left_out),
        "depths": list(loop.depths),
        "final": list(loop.final),
        "prices": [loop.lambda_tok, loop.lambda_lat],
        **({} if loop.reading is None else {"reading": pack(loop.reading)}),
        **({} if loop.forms is None else {"forms": _forms(loop.forms)}),
        **({} if loop.bills is None else {"bills": [packed(bill) for bill in loop.bills]}),
        **({} if loop.hardness is None else {"hardness": packed(loop.hardness)}),
    }


def loop_from_dict(data: Mapping[str, Any], prior: Predict) -> ClosedLoop:
    """What `loop_to_dict` wrote."""
    answers = dict(data["answers"])
    answers["pooled"] = AnswerModel(**answers["pooled"])
    answers["no_key"] = tuple(answers["no_key"])
    tok, lat = data["prices"]
    slope, shift = data["final"]
    return ClosedLoop(
        prior,
        AnswerFit(**answers),
        {task: tuple(agents) for task, agents in data["chosen"].items()},
        AnswerTable(**{name: _restored(name, value) for name, value in data["table"].items()}),
        unpacked(data["left_out"]),
        tuple(data["depths"]),
        (float(slope), float(shift)),
        float(tok),
        float(lat),
        _reading(data["reading"]) if "reading" in data else None,
        _pair(data["bills"]) if "bills" in data else None,
        _forms_from(data["forms"]) if "forms" in data else None,
        unpacked(data["hardness"]) if "hardness" in data else None,
    )


def _reading(data: Mapping[str, Any]) -> Reading:
    chosen = {task: tuple(agents) for task, agents in data["chosen"].items()}
    return unpack(Reading, {**data, "chosen": chosen})


def _forms(forms: Forms) -> dict[str, Any]:
    scales = [asdict(scale) for scale in forms.scales]
    return {"right": packed(forms.right), "wrong": packed(forms.wrong), "scales": scales}


def _forms_from(data: Mapping[str, Any]) -> Forms:
    scales = tuple(FormScale.from_dict(scale) for scale in data["scales"])
    return Forms(unpacked(data["right"]), unpacked(data["wrong"]), scales)


def _pair(data: Any) -> tuple[Array, Array]:
    usd, seconds = map(unpacked, data)
    return usd, seconds


def _table(table: AnswerTable) -> dict[str, Any]:
    """Whole numbers as they are, the others packed."""
    out: dict[str, Any] = {}
    for each in fields(table):
        value = getattr(table, each.name)
        if value is None:
            continue
        whole = each.name in _WHOLE
        is_array = isinstance(value, np.ndarray)
        out[each.name] = value.tolist() if whole else packed(value) if is_array else list(value)
    return out


def _restored(name: str, value: Any) -> Any:
    if name in _WHOLE:
        return np.array(value, dtype=np.int64)
    return unpacked(value) if isinstance(value, Mapping) else tuple(value)
