"""The claims of a run for the front page and the status page, as MyST Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solarsynth.book.claims import GROUPS
from solarsynth.book.ledger import value_text
from solarsynth.book.rules import CANNOT_TELL, CONTRADICTED, NOT_RUN, SUPPORTED, VERDICTS

MARKS = {SUPPORTED: "✓ supported", CONTRADICTED: "✗ contradicted", CANNOT_TELL: "? cannot tell", NOT_RUN: "· not run"}

Claims = Mapping[str, Mapping[str, Any]]


def counts(claims: Claims) -> dict[str, int]:
    """Return the number of claims of each verdict."""
    return {verdict: sum(c["verdict"] == verdict for c in claims.values()) for verdict in VERDICTS}


def sentence(claims: Claims) -> str:
    """Return the counts as a sentence."""
    n = counts(claims)
    return (
        f"Of {len(claims)} claims, **{n[SUPPORTED]}** {_are(n[SUPPORTED])} supported, "
        f"**{n[CONTRADICTED]}** contradicted, **{n[CANNOT_TELL]}** cannot be told, **{n[NOT_RUN]}** not run."
    )


def by_verdict(claims: Claims) -> list[Mapping[str, Any]]:
    """Return the claims sorted by verdict: supported, contradicted, cannot tell, not run."""
    return sorted(claims.values(), key=lambda c: (VERDICTS.index(c["verdict"]), c["id"]))


def counts_page(claims: Claims) -> str:
    """Return the sentence of counts, and what was decided in a few words, for the top of the front page."""
    lines = ["<!-- Written by solarsynth from results.json; do not edit. -->", "", sentence(claims), ""]
    for verdict, title in ((SUPPORTED, "It holds"), (CONTRADICTED, "It does not hold")):
        texts = [one["claim"].rstrip(".") for one in by_verdict(claims) if one["verdict"] == verdict]
        if texts:
            lines += [f"**{title}:** {'; '.join(texts)}.", ""]
    return "\n".join(lines)


def claims_page(claims: Claims) -> str:
    """Return the table of the claims, sorted by verdict."""
    lines = [
        "<!-- Written by solarsynth from results.json; do not edit. -->",
        "",
        "| | Sect. | Claim | Verdict | Value (95 %) | Could have seen | Paper | Why |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in by_verdict(claims):
        number = int(one["id"].split("-")[1])
        text = one["claim"].rstrip(".")
        title = f"[{text}](chapters/{one['chapter']}.ipynb)" if one["value"] is not None else text
        cells = (MARKS[one["verdict"]], value(one), seen(one), value_text(one["published"]), _line(one["why"]))
        lines.append(f"| {number} | {one['section']} | {title} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def interpretation(claims: Claims) -> list[str]:
    """Return a sentence per group of claims that follows from the counts of its verdicts."""
    lines = []
    for title, group in GROUPS.items():
        n = counts({one.id: claims[one.id] for one in group})
        decided = n[SUPPORTED] + n[CONTRADICTED]
        if not decided:
            word = "nothing could be decided"
        elif not n[CONTRADICTED]:
            word = "all that could be decided holds"
        elif not n[SUPPORTED]:
            word = "nothing that could be decided holds"
        else:
            word = f"{n[SUPPORTED]} of the {decided} claims that could be decided hold"
        left = f"; {n[CANNOT_TELL]} cannot be told with this run" if n[CANNOT_TELL] else ""
        lines.append(f"About {title} ({len(group)} claims) {word}{left}.")
    return lines


def value(one: Mapping[str, Any]) -> str:
    """Return a claim's value with its interval as text."""
    if one["value"] is None:
        return "–"
    if one["interval"] is None:
        return value_text(one["value"])
    low, high = one["interval"]
    exact = low == high == one["value"]
    return value_text(one["value"]) + ("" if exact else f" ({value_text(low)} to {value_text(high)})")


def seen(one: Mapping[str, Any]) -> str:
    """Return the smallest effect that the test could have seen, for claims that it could not decide."""
    return value_text(one["detectable"]) if one["verdict"] == CANNOT_TELL else "–"


def _line(text: str) -> str:
    """Return a text that does not break a row of a table."""
    return " ".join(text.replace("|", "/").split())


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
