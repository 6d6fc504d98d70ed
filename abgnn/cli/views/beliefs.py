"""What a calibration knows of every LLM."""

from __future__ import annotations

import numpy as np
from rich.table import Table

from abgnn.planning.calibration import Calibration


def beliefs_table(calibration: Calibration) -> Table:
    """Published against calibrated: accuracy alone, dollars and seconds of a call."""
    model, profile = calibration.model(), calibration.profile
    accuracy, low, high = model.solo(calibration.template.lead)
    title = f"backbones, {calibration.domain} ({calibration.label})"
    table = Table(title=title, title_justify="left")
    for head in (
        "backbone",
        "published",
        "accuracy alone",
        "90 %",
        "mUSD a call",
        "s a call",
        "calls",
    ):
        table.add_column(head, justify="left" if head == "backbone" else "right", no_wrap=True)
    lead, zero = calibration.template.lead, np.zeros(1)
    for m, name in enumerate(profile.names):
        thinks = bool(profile.thinks[m])
        usd = float(model.usd.mean(m, lead, thinks, zero)[0])
        seconds = float(model.seconds.mean(m, lead, thinks, zero)[0])
        calls = int((calibration.observed.backbone == m).sum())
        table.add_row(
            name,
            f"{profile.accuracy[m]:.3f}",
            f"{accuracy[m]:.3f}",
            f"{low[m]:.3f} … {high[m]:.3f}",
            f"{1e3 * usd:.3g}",
            f"{seconds:.3g}",
            str(calls),
        )
    return table
