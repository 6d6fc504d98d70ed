"""What the outcome model believes of each backbone, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abgnn.data.arrays import Array
from abgnn.planning.calibration import Calibration
from abgnn.planning.lone_beliefs import one_role


@dataclass(frozen=True, slots=True)
class BeliefTable:
    """What the outcome model believes of M backbones alone, in the lead role.

    Args:
        path: of the calibration; label: of its calls.
        names: of the backbones.
        published: accuracy before any call, `[M]`.
        accuracy, low, high: calibrated, with the middle 90 %, `[M]`.
        usd, seconds: of a call, `[M]`.
        calls: observed, `[M]`.
        about: domain, rollouts, dollars spent and price date, in words.
        domain: of the questions.
        spent_usd: what the calibration's calls took.
    """

    path: str
    label: str
    names: tuple[str, ...]
    published: Array
    accuracy: Array
    low: Array
    high: Array
    usd: Array
    seconds: Array
    calls: NDArray[np.int64]
    about: str = ""
    domain: str = ""
    spent_usd: float = 0.0

    @classmethod
    def of(cls, calibration: Calibration, path: str = "") -> BeliefTable:
        """Fit the outcome model and read it.

        Raises:
            ValueError: what was observed is out of all bounds.
        """
        model, profile = calibration.model(), calibration.profile
        lead, zero, count = calibration.template.lead, np.zeros(1), len(profile.names)
        accuracy, low, high = model.solo(lead)
        usd, seconds = (
            np.array(
                [
                    float(usage_model.mean(m, lead, bool(profile.thinks[m]), zero)[0])
                    for m in range(count)
                ]
            )
            for usage_model in (model.usd, model.seconds)
        )
        if not all(np.isfinite(a).all() for a in (accuracy, low, high, usd, seconds)):
            raise ValueError("the calls give beliefs that are no finite numbers")
        calls = np.bincount(calibration.observed.backbone, minlength=count)
        about = (
            f"{calibration.domain}, {calibration.rollouts} rollouts, "
            f"{len(calibration.observed)} calls, ${calibration.spent_usd:.4f}"
        )
        if calibration.priced:
            about += f"; prices: {calibration.priced}"
        if one_role(calibration.template) and calibration.questions is not None:
            about += f"; by question: {calibration.by_question().about}"
        names, published = profile.names, profile.accuracy
        return cls(
            path, calibration.label, names, published, accuracy, low, high, usd, seconds, calls,
            about, calibration.domain, calibration.spent_usd,
        )  # fmt: skip
