"""What a run found, in the four sentences that the front page of the book begins with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solarsynth.book.claims_page import Claims, by_verdict, counts, sentence
from solarsynth.book.rules import CANNOT_TELL, CONTRADICTED, NO_SKILL, SUPPORTED, UNKNOWN


def found_page(claims: Claims, run: Mapping[str, Any]) -> str:
    """Return what a run found, as MyST Markdown: the counts, what holds, what does not, and why the rest is open.

    Parameters
    ----------
    claims : mapping
        The claims of the run's ledger.
    run : mapping
        The run's ``run.json``.

    Returns
    -------
    str
        A sentence that has nothing to say is left out.
    """
    parts = (
        f"{sentence(claims)} {data_sentence(run)}",
        listed("What holds", claims, SUPPORTED),
        listed("What does not hold", claims, CONTRADICTED),
        open_sentence(claims),
    )
    head = "<!-- Written by solarsynth from results.json and run.json; do not edit. -->"
    return "\n\n".join([head, *filter(None, parts)]) + "\n"


def data_sentence(run: Mapping[str, Any]) -> str:
    """Return a sentence about the images that a run's values come from."""
    images = {name: count for name, count in run["images"].items() if count}
    absent = [name for name in run["images"] if name not in images]
    sun = "the simulated Sun" if run["source"] == "simulated" else f"the archive `{run['archive']}`"
    shares = ", ".join(f"{name} {count:,}" for name, count in images.items())
    missing = f"; it has none of class {' or '.join(absent)}" if absent else ""
    return f"The run has {sum(images.values()):,} labelled images of {sun} ({shares}){missing}."


def listed(title: str, claims: Claims, verdict: str) -> str:
    """Return the claims of one verdict as a sentence; empty without such a claim."""
    texts = [one["claim"].rstrip(".") for one in by_verdict(claims) if one["verdict"] == verdict]
    return f"**{title}:** {'; '.join(texts)}." if texts else ""


def open_sentence(claims: Claims) -> str:
    """Return why claims cannot be told; empty if all can."""
    undecided = counts(claims)[CANNOT_TELL]
    if not undecided:
        return ""
    whys = [one["why"] for one in claims.values() if one["verdict"] == CANNOT_TELL]
    blind, without = sum(why.startswith(NO_SKILL) for why in whys), sum(f" {UNKNOWN}" in why for why in whys)
    reasons = {
        "the classifier or regressor that judges the images has no skill on real ones": blind,
        "the interval is not known, since the run has too few trainings or weeks": without,
        "the values leave it open": undecided - blind - without,
    }
    reason = "; ".join(f"in {count} of {undecided} claims {text}" for text, count in reasons.items() if count)
    return f"**What cannot be told:** {reason}. The table below has the reason for each, and what could have been seen."
