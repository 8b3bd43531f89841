"""Tables of physics and of control: real, generated and floor side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from solarsynth.tables import number, place_of

if TYPE_CHECKING:
    from solarsynth.evaluation.physics import Difference
    from solarsynth.evaluation.values import Value


def physics_table(differences: Sequence[Difference]) -> pd.DataFrame:
    """Return the physical quantities of a class: real and generated, and what their distance says.

    Parameters
    ----------
    differences : sequence of Difference
        Of one class, from `solarsynth.evaluation.physics.class_physics`.

    Returns
    -------
    DataFrame
        A row per quantity with its unit. ``real`` and ``generated`` are means; of a curve, the values at its ends.
        ``distance`` is that of the distributions in real standard deviations, ``95 %`` its interval over blocks, and
        ``floor`` the range that holds nine in ten sets of real images of other weeks. ``verdict`` says where the
        distance lies, and whether it rejects the images; without a verdict it says why.
    """
    rows = {}
    for one in differences:
        value = one.value
        name = f"{one.quantity.name} / {one.quantity.unit}" if one.quantity.unit else one.quantity.name
        rows[name] = {
            "real": _ends(one.real),
            "generated": _ends(one.drawn),
            "floor": _range(value.low, value.high),
            "distance": number(value.value),
            "95 %": _range(one.interval.low, one.interval.high),
            "verdict": _verdict(value),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _verdict(value: Value) -> str:
    found = place_of(value)
    return value.note or found if found == "–" else found


def _ends(means: np.ndarray) -> str:
    """Return a mean, or those at the ends of a curve, as text."""
    known = means[np.isfinite(means)]
    if not len(known):
        return "–"
    return _short(known[0]) if len(means) == 1 else f"{_short(known[0])} … {_short(known[-1])}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _range(low: float, high: float) -> str:
    return f"{low:.2g} to {high:.2g}" if math.isfinite(low) and math.isfinite(high) else "–"
