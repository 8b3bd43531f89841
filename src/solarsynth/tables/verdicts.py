"""The table of claims of chapter 9."""

from __future__ import annotations

import pandas as pd

from solarsynth.book import claims_page
from solarsynth.book.ledger import value_text


def verdicts(claims: claims_page.Claims) -> pd.DataFrame:
    """Return a row per claim of a ledger, sorted by verdict.

    Parameters
    ----------
    claims : mapping of str to mapping
        As from `solarsynth.book.ledger.read_claims`.
    """
    rows = {
        one["id"]: {
            "section": one["section"],
            "claim": one["claim"],
            "verdict": claims_page.MARKS[one["verdict"]],
            "value (95 %)": claims_page.value(one),
            "could have seen": claims_page.seen(one),
            "the paper's effect": value_text(one["published"]),
            "why": one["why"],
        }
        for one in claims_page.by_verdict(claims)
    }
    return pd.DataFrame.from_dict(rows, orient="index")
