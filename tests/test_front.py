"""The front page says what the ledger holds, and no more."""

import json

import pytest

from solarsynth import paths
from solarsynth.book import front, ledger
from solarsynth.book.publish import PROVENANCE
from solarsynth.book.rules import CANNOT_TELL, CONTRADICTED, NO_SKILL, NOT_RUN, SUPPORTED, Reading, Rule, Skill

RUN = {"source": "archive", "archive": "suns", "images": {"A": 0, "B": 1200, "C": 34, "M": 3, "X": 0}}


def planted(*verdicts, why=""):
    return {
        f"claim-{i:02d}": {"id": f"claim-{i:02d}", "claim": f"Text {i}.", "verdict": verdict, "why": why}
        for i, verdict in enumerate(verdicts, 1)
    }


def test_every_verdict_has_its_sentence():
    text = front.found_page(planted(CONTRADICTED, SUPPORTED, CANNOT_TELL, NOT_RUN, SUPPORTED), RUN)
    assert "Of 5 claims, **2** are supported, **1** contradicted, **1** cannot be told, **1** not run." in text
    assert "1,237 labelled images of the archive `suns` (B 1,200, C 34, M 3); it has none of class A or X." in text
    assert "**What holds:** Text 2; Text 5." in text and "**What does not hold:** Text 1." in text
    assert "in 1 of 1 claims the values leave it open" in text


@pytest.mark.parametrize(
    "verdicts, absent",
    [((NOT_RUN,), "**What"), ((SUPPORTED,), "does not hold"), ((CONTRADICTED,), "What holds")],
)
def test_a_sentence_without_a_claim_is_left_out(verdicts, absent):
    assert absent not in front.found_page(planted(*verdicts), RUN)


def test_judges_without_skill_are_counted_by_what_the_rule_says():
    why = Rule(lowest=0).judge([Reading(1, 0.5, 2)], Skill(Reading(0.4, 0.3, 0.5), 0.33)).why
    assert why.startswith(NO_SKILL)
    claims = planted(CANNOT_TELL, CANNOT_TELL, why=why) | {"claim-03": planted(*[CANNOT_TELL] * 3)["claim-03"]}
    assert "in 2 of 3 claims" in front.open_sentence(claims)


def test_a_simulated_sun_is_named():
    text = front.data_sentence(RUN | {"source": "simulated", "images": dict.fromkeys("ABCMX", 2)})
    assert text == "The run has 10 labelled images of the simulated Sun (A 2, B 2, C 2, M 2, X 2)."


def test_the_published_front_page_is_that_of_the_published_ledger():
    book = paths.book()
    run = json.loads((book / PROVENANCE).read_text(encoding="utf-8"))
    written = (book / "_generated" / "found.md").read_text(encoding="utf-8")
    assert written == front.found_page(ledger.read_claims(book), run)
