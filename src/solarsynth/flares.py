"""GOES flare classes: their names, their bounds, and the conversion between a class and a flux.

A class is the peak of the 1–8 Å X-ray flux on a logarithmic scale (Sect. 2.2 of the paper). A letter names the decade
and a number the multiple of its lower end: M2.5 is 2.5e-5 W/m². Inside the package a class is an integer from 0 (A) to
4 (X) and a flux is a float in W/m². Public functions also take astropy quantities.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from solarsynth.errors import SolarsynthError, shown

#: The classes in the order of their peak flux.
CLASSES = ("A", "B", "C", "M", "X")

#: Flux of A1, B1, C1, M1 and X1 in W/m².
UNIT_FLUX = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4)

#: Lower bounds of the classes B, C, M and X in W/m²; every smaller flux is of class A.
CLASS_BOUNDS = UNIT_FLUX[1:]

#: Largest flux in W/m² that is believed; the largest flare that GOES measured had 0.003.
LARGEST_FLUX = 1.0

# Lists mark saturated flares: >X17.2, X28+.
_CLASS_TEXT = re.compile(r"\s*[>≥~]?\s*([ABCMX])\s*([0-9]{1,9}(?:\.[0-9]{0,9})?)?\s*\+?\s*", re.IGNORECASE)


def class_of_flux(flux: Any) -> np.ndarray:
    """Return the class, 0 (A) to 4 (X), of 1–8 Å fluxes; a bound belongs to the class above it.

    Parameters
    ----------
    flux : array_like or astropy.units.Quantity
        Floats are in W/m².

    Returns
    -------
    ndarray of int64
    """
    # In single precision 1e-6 can lie slightly below the bound that it names.
    return np.searchsorted(CLASS_BOUNDS, watts(flux) * (1 + 1e-6), side="right")


def flux_of_class(text: Iterable[str]) -> np.ndarray:
    """Return the flux in W/m² that class names such as ``M2.5`` stand for, and NaN for every other text.

    Parameters
    ----------
    text : iterable of str
        A letter alone stands for the lower end of its class. The marks of saturated flares, ``>X17.2`` and ``X28+``,
        are ignored: the flux is then a lower bound.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    known: dict[str, float] = {}  # a list repeats its few hundred names many times
    return np.array([known[t] if t in known else known.setdefault(t, _flux(t)) for t in text], np.float64)


def _flux(text: str) -> float:
    match = _CLASS_TEXT.fullmatch(text)
    if not match:
        return float("nan")
    flux = UNIT_FLUX[CLASSES.index(match[1].upper())] * float(match[2] or 1)
    return flux if 0 < flux <= LARGEST_FLUX else float("nan")


def tidy_class(text: str) -> str:
    """Return a class name as a capital letter and a number, without spaces and marks; "" for every other text."""
    match = None if np.isnan(_flux(text)) else _CLASS_TEXT.fullmatch(text)
    return match[1].upper() + (match[2] or "") if match else ""


def class_text(flux: Any) -> str:
    """Write a peak flux as a GOES class with one decimal, such as ``M2.5``.

    Parameters
    ----------
    flux : float or astropy.units.Quantity
        A float is in W/m².
    """
    flux = float(watts(flux))
    index = int(np.searchsorted(CLASS_BOUNDS, flux, side="right"))
    return f"{CLASSES[index]}{flux / UNIT_FLUX[index]:.1f}"


def peak_flux(text: str) -> Any:
    """Return the flux that a GOES class stands for.

    Parameters
    ----------
    text : str
        Such as ``M2.5``; a letter alone stands for the lower end of its class.

    Returns
    -------
    astropy.units.Quantity
        In W/m².

    Raises
    ------
    SolarsynthError
        If the text is no GOES class.
    """
    import astropy.units as u

    flux = _flux(text)
    if np.isnan(flux):
        raise SolarsynthError(f"a GOES class is a letter of {', '.join(CLASSES)} and a number, got {shown(text)}")
    return flux * u.W / u.m**2


def parse_request(request: Any) -> tuple[int, float | None]:
    """Read a user's request to a model.

    Parameters
    ----------
    request : str or astropy.units.Quantity
        A class (``M``), a class with a number (``M2.5``) or a flux with a unit.

    Returns
    -------
    label : int
        Class, 0 (A) to 4 (X).
    flux : float or None
        The flux in W/m²; None if the request is a class alone.

    Raises
    ------
    SolarsynthError
        If the text names no class, or the flux is not positive and finite.
    """
    if isinstance(request, str):
        letter, number = request[:1], request[1:]
        if letter not in CLASSES:
            raise SolarsynthError(f"a class must be one of {', '.join(CLASSES)}, got {shown(request)}")
        if not number:
            return CLASSES.index(letter), None
        flux = float("nan") if "+" in number else _flux(request)  # X28+ is a list's mark, not one flux
        if np.isnan(flux):
            raise SolarsynthError(f"a class must be written like X or X2.5, got {shown(request)}")
    else:
        flux = float(watts(request))
    if not 0 < flux <= LARGEST_FLUX:
        raise SolarsynthError(f"a flux must be a positive number of at most {LARGEST_FLUX:g} W/m², got {flux:g}")
    return int(class_of_flux(flux)), flux


def watts(flux: Any) -> np.ndarray:
    """Return fluxes as float64 in W/m².

    Parameters
    ----------
    flux : array_like or astropy.units.Quantity
        Numbers are taken as W/m².

    Raises
    ------
    SolarsynthError
        If a quantity is not a flux.
    """
    if hasattr(flux, "to_value"):
        try:
            flux = flux.to_value("W / m2")
        except Exception:
            raise SolarsynthError(f"an X-ray flux must have a unit that converts to W/m², got {flux}") from None
    return np.asarray(flux, np.float64)
