"""Claims: rules on planted values, power and level against simulation, the ledger, and the values that pages record."""

import json
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest

from solarsynth import paths
from solarsynth.book import claims, claims_page, ledger, records
from solarsynth.book.notebooks import PAGES
from solarsynth.book.page import Page
from solarsynth.book.rules import (
    CANNOT_TELL,
    CONTRADICTED,
    NOT_RUN,
    SUPPORTED,
    VERDICTS,
    Reading,
    Rule,
    Skill,
)
from solarsynth.errors import SolarsynthError
from solarsynth.metrics.intervals import Interval, seed_interval
from solarsynth.tables.verdicts import verdicts

TESTED = [claim for claim in claims.CLAIMS if claim.rule]
each_tested = pytest.mark.parametrize("claim", TESTED, ids=lambda claim: claim.id)


@pytest.fixture
def this(tmp_path):
    return Page("06_results", SimpleNamespace(source="simulated", profile="smoke"), tmp_path)


def written(this, name):
    """Return a claim as the page's ledger holds it."""
    entry = ledger.read_claims(this.folder)[name]
    assert tuple(entry) == ledger.CLAIM_KEYS and entry["verdict"] in VERDICTS
    return entry


# --- the table


def test_every_claim_is_there_once():
    assert [claim.id for claim in claims.CLAIMS] == [f"claim-{i:02d}" for i in range(1, 37)]
    assert {claim.chapter for claim in TESTED} <= set(PAGES)
    assert all(claim.text.endswith(".") and claim.test and claim.lacking for claim in claims.CLAIMS)
    with pytest.raises(SolarsynthError, match="no claim 'claim-7'; did you mean"):
        claims.claim("claim-7")


def test_the_claims_are_those_of_the_list(real_folder):
    path = real_folder.parent / "claims.md"
    if not path.is_file():
        pytest.skip("the list of claims is not beside the real frames")
    rows = re.findall(r"^\| (\d+) \|.*\(([^()]+)\) \|", path.read_text(), re.M)
    listed = {f"claim-{int(number):02d}" for number, _ in rows}
    assert {claim.id for claim in claims.CLAIMS} == {f"claim-{i:02d}" for i in range(1, 37)} >= listed
    assert len(listed) > 30


def test_every_tested_claim_is_recorded_by_its_page_only():
    recorded = {}
    for path in paths.notebooks().glob("*.py"):
        for name in re.findall(r'"(claim-\d\d)"', path.read_text()):
            recorded.setdefault(name, set()).add(path.stem)
    assert recorded == {claim.id: {claim.chapter} for claim in TESTED}


def test_arithmetic_from_the_papers_numbers():
    assert claims.mean_gap() == pytest.approx(3286 * 1440 / 20420, rel=1e-3)  # by hand: nine years of 365.1 days
    assert claims.recall_drop() == pytest.approx(0.18 - 0.51)
    assert claims.claim("claim-27").published == pytest.approx(0.291 - 0.071)
    assert claims.claim("claim-10").published == pytest.approx(0.2073 - 0.1294)
    assert claims.claim("claim-11").published == pytest.approx((1 - 0.9212) - (1 - 0.9342))


# --- rules


def limit_of(rule):
    """Return a limit of a rule, the direction in which the claim lies from it, and the room that the claim has."""
    room = rule.highest - rule.lowest
    if math.isfinite(rule.lowest):
        return rule.lowest, 1, min(room, 1.0)
    return rule.highest, -1, min(room, 1.0)


@each_tested
def test_every_rule_gives_every_verdict(claim):
    limit, side, room = limit_of(claim.rule)
    half = room / 8

    def at(steps, p=0.01):
        value = limit + side * steps * half
        return claim.rule.judge([Reading(value, value - half, value + half)], p=p).verdict

    assert [at(k) for k in (2, 0.5, 0, -0.5, -2)] == [SUPPORTED, *[CANNOT_TELL] * 3, CONTRADICTED]
    assert claim.rule.judge([Reading(math.nan)]).verdict == claim.rule.judge([]).verdict == NOT_RUN
    assert claim.rule.judge([Reading(limit + side * half)]).verdict == CANNOT_TELL  # without an interval
    exact = Reading(limit + side * half, limit + side * half, limit + side * half)
    assert claim.rule.judge([exact]).verdict == SUPPORTED
    nothing = Skill(Reading(0.4, 0.3, 0.5), 0.33)
    assert claim.rule.judge([exact], nothing).verdict == CANNOT_TELL
    assert "chance 0.33" in claim.rule.judge([exact], nothing).why
    assert claim.rule.judge([exact], Skill(Reading(0.4, 0.34, 0.5), 0.33)).verdict == SUPPORTED
    assert claim.rule.judge([exact], Skill(Reading(0.4, 0.3, 0.5), math.nan)).verdict == CANNOT_TELL


def test_equality_needs_the_whole_margin():
    rule = Rule(-0.1, 0.1)
    found = {value: rule.judge([Reading(value, value - 0.05, value + 0.05)]).verdict for value in (0, 0.08, 0.2, -0.2)}
    assert found == {0: SUPPORTED, 0.08: CANNOT_TELL, 0.2: CONTRADICTED, -0.2: CONTRADICTED}
    assert rule.judge([Reading(0, -0.2, 0.2)]).verdict == CANNOT_TELL


def test_a_value_without_an_interval_does_not_hide_a_contradiction():
    found = Rule(lowest=0).judge([Reading(-5, -6, -4, name="a"), Reading(1, name="b")])
    assert found.verdict == CONTRADICTED and found.reading.name == "a" and found.why.startswith("a: ")
    assert Rule(lowest=0).judge([Reading(5, 4, 6), Reading(1)]).verdict == CANNOT_TELL


def test_what_could_have_been_seen_belongs_to_the_value_that_is_shown():
    found = Rule(lowest=0).judge([Reading(1, -1, 3, name="a"), Reading(500, -900, 1900, name="b")])
    assert found.detectable == Reading(*((1, -1, 3) if found.reading.name == "a" else (500, -900, 1900))).detectable


def test_a_map_that_varies_everywhere_alike_has_an_excess_of_one():
    from solarsynth.evaluation.evidence import excess
    from solarsynth.metrics.physics import polar_share

    flat = polar_share(np.ones((64, 64)), 27.2)
    row = {"p, drawn": flat, "p, real": 0.0, "p, real, low": 0.0, "p, real, high": 0.0, "p, drawn, error": 0.01}
    found = excess(row, "p", flat)
    assert found.mean == pytest.approx(1) and found.high - found.mean == pytest.approx(1.96 * 0.01 / flat)
    assert claims.claim("claim-23").rule.judge([records.claims.reading(found)]).verdict != SUPPORTED


def test_a_claim_about_several_values():
    def reading(value, name):
        return Reading(value, value - 1, value + 1, name=name)

    rule = Rule(lowest=0)
    assert rule.judge([reading(2, "a"), reading(3, "b")]).verdict == SUPPORTED
    found = rule.judge([reading(2, "a"), reading(0.5, "b")])
    assert (found.verdict, found.reading.name) == (CANNOT_TELL, "b")
    found = rule.judge([reading(2, "a"), reading(-2, "b")])
    assert (found.verdict, found.reading.name) == (CONTRADICTED, "b")
    # One of two just below 0 is not enough after correction: 2.24 instead of 1.96 standard errors.
    assert rule.judge([reading(2, "a"), reading(-1.1, "b")]).verdict == CANNOT_TELL
    assert rule.judge([reading(-1.1, "b")]).verdict == CONTRADICTED
    assert rule.judge([reading(2, "a"), Reading(math.nan, name="b")]).verdict == SUPPORTED


def test_near_samples_are_copies_only_with_a_small_p():
    rule = claims.claim("claim-22").rule
    many = [Reading(0.1, 0.08, 0.12)]
    assert rule.judge(many, p=0.5).verdict == CANNOT_TELL and rule.judge(many, p=0.01).verdict == CONTRADICTED
    assert rule.judge(many).verdict == CANNOT_TELL
    assert "p is 0.5" in rule.judge(many, p=0.5).why


def simulated(rng, effect, freedom, count):
    """Return readings of the mean of freedom + 1 normal values of standard deviation 1, by Student's t."""
    from scipy.stats import t

    n = freedom + 1
    x = rng.normal(effect, 1, (count, n))
    half = t.ppf(0.975, freedom) * x.std(1, ddof=1) / math.sqrt(n)
    return [Reading(m, m - h, m + h, freedom) for m, h in zip(x.mean(1), half, strict=True)]


@pytest.mark.parametrize("freedom", [1, 2, 5, 12, 60])
def test_the_detectable_effect_is_seen_in_80_of_100_cases(freedom):
    from scipy.stats import t

    error = 1 / math.sqrt(freedom + 1)
    half = t.ppf(0.975, freedom) * error
    effect = Reading(0, -half, half, freedom).detectable
    found = [Rule(lowest=0).judge([one]).verdict for one in simulated(np.random.default_rng(1), effect, freedom, 4000)]
    assert abs(np.mean([verdict == SUPPORTED for verdict in found]) - 0.8) < 0.03
    if freedom >= 5:  # with many degrees of freedom it is the usual sum of quantiles
        assert effect == pytest.approx((t.ppf(0.975, freedom) + t.ppf(0.8, freedom)) * error, rel=0.01)


def test_the_detectable_effect_without_an_error_is_unknown():
    assert math.isnan(Reading(1, 1, 1).detectable) and math.isnan(Reading(1).detectable)
    assert Reading(0, -1.96, 1.96).detectable == pytest.approx(1.96 + 0.8416, abs=1e-3)


@pytest.mark.parametrize("rule, value", [(Rule(lowest=0), 0), (Rule(highest=0.5), 0.5), (Rule(-1, 1), 1)])
def test_a_null_is_rarely_supported_or_contradicted(rule, value):
    """The value is the limit itself: neither verdict may be given in more than 2.5 % of cases."""
    found = [rule.judge([one]).verdict for one in simulated(np.random.default_rng(2), value, 40, 6000)]
    for verdict in (SUPPORTED, CONTRADICTED):
        assert abs(np.mean([one == verdict for one in found]) - 0.025) < 0.01


def test_a_null_of_four_values_is_not_contradicted_more_often():
    rng = np.random.default_rng(3)
    four = [simulated(rng, 0, 10, 4000) for _ in range(4)]
    found = [Rule(lowest=0).judge(some).verdict for some in zip(*four, strict=True)]
    assert np.mean([one == CONTRADICTED for one in found]) == pytest.approx(0.025, abs=0.01)
    assert SUPPORTED not in found


# --- the ledger


def test_a_claim_of_the_ledger(this):
    records.claim(this, "claim-09", 0.2, 0.1, 0.3, freedom=5, why="so")
    entry = written(this, "claim-09")
    assert entry["verdict"] == SUPPORTED and entry["value"] == 0.2 and entry["interval"] == [0.1, 0.3]
    assert entry["why"] == "the interval lies above 0; so" and entry["source"] == "simulated"
    assert entry["chapter"] == "06_results" and entry["test"].endswith("interval over blocks: above 0")
    assert entry["detectable"] == pytest.approx(Reading(0.2, 0.1, 0.3, 5).detectable, rel=1e-3)
    records.claim(this, "claim-09", 0.2, 0.1, 0.3, source="elsewhere")
    records.claim(this, "claim-09", -0.2, -0.3, -0.1)
    assert written(this, "claim-09")["verdict"] == CONTRADICTED  # the later one stands
    records.claim(this, "claim-09", math.nan, why="no block is held out")
    entry = written(this, "claim-09")
    assert entry["verdict"] == NOT_RUN and entry["value"] is entry["interval"] is entry["detectable"] is None
    assert entry["why"].endswith("no block is held out")
    others = [one for one in ledger.read_claims(this.folder).values() if one["id"] != "claim-09"]
    assert all(one["verdict"] == NOT_RUN and one["why"] for one in others)


def test_intervals_bring_their_degrees_of_freedom(this):
    two = seed_interval(np.array([1.0, 1.2]))
    records.claim(this, "claim-10", {"continuous": two, "embedding": Interval(5, 4, 6, 0.1, 8, 2)}, why="two trainings")
    entry = written(this, "claim-10")
    assert entry["verdict"] == CANNOT_TELL
    assert entry["value"] == 1.1 and entry["why"].startswith("continuous: ")
    # By hand: 12.706 standard errors of 0.1 are half of the interval; 16.3 of them are seen in 80 % of cases.
    assert entry["interval"] == pytest.approx([1.1 - 1.2706, 1.1 + 1.2706], abs=1e-3)
    assert entry["detectable"] == pytest.approx(1.63, abs=0.01)


def test_a_judge_without_skill_decides_nothing(this):
    judge = Interval(0.38, 0.29, 0.47, 0.3, 10, 3)
    records.claim(this, "claim-17", {"a": Interval(1, 0.9, 1.1, 0.0, 0, 3)}, skill=judge, chance=1 / 3)
    entry = written(this, "claim-17")
    assert entry["verdict"] == CANNOT_TELL and "no skill on real images (0.38, 95 % 0.29 to 0.47" in entry["why"]


@pytest.mark.parametrize("name, line", [("claim-02", "by no page"), ("claim-33", "by 08_2_forecasting, not by 06_")])
def test_only_its_page_records_a_claim(this, name, line):
    with pytest.raises(SolarsynthError, match=line):
        records.claim(this, name, 1.0, 0.5, 1.5)


def test_values_that_cannot_decide_a_claim(this):
    records.claim(this, "claim-09", 0.2, 0.1, 0.3, unfit="60 synthetic images against 7 real ones")
    entry = written(this, "claim-09")
    assert (entry["verdict"], entry["why"]) == (CANNOT_TELL, "60 synthetic images against 7 real ones")
    assert entry["value"] == 0.2 and entry["detectable"] > 0


def test_items_and_claims_do_not_disturb_each_other(this):
    records.claim(this, "claim-08", 0.3, 0.2, 0.4)
    ledger.record(this.folder, "figure-1", status="differs", why="so", ours={"A": 1}, profile="p", source="s")
    ledger.write(this.folder, ledger.read(this.folder))
    records.claim(this, "claim-09", 0.3, 0.2, 0.4)
    found = ledger.read_claims(this.folder)
    assert [found[f"claim-{i:02d}"]["verdict"] for i in (7, 8, 9)] == [NOT_RUN, SUPPORTED, SUPPORTED]
    assert ledger.read(this.folder)["figure-1"]["ours"] == {"A": 1}
    held = json.loads((this.folder / ledger.NAME).read_text())
    assert list(held) == ["items", "claims"] and len(held["claims"]) == 36


def test_a_ledger_from_before_the_claims(tmp_path):
    old = {"items": [ledger.empty()["figure-1"] | {"ours": {"A": 2}}]}
    (tmp_path / ledger.NAME).write_text(json.dumps(old))
    assert ledger.read_claims(tmp_path) == ledger.no_claims() and ledger.read(tmp_path)["figure-1"]["ours"] == {"A": 2}
    (tmp_path / ledger.NAME).write_text('{"items": [], "claims": 3}')
    with pytest.raises(SolarsynthError, match="damaged ledger"):
        ledger.read_claims(tmp_path)
    with pytest.raises(SolarsynthError, match="the ledger has no claim 'claim-99'"):
        ledger.record_claim(tmp_path / "new", "claim-99", verdict=NOT_RUN, value=1, **NOTHING)
    with pytest.raises(SolarsynthError, match="unknown verdict 'proven'"):
        ledger.record_claim(tmp_path / "new", "claim-09", verdict="proven", value=1, **NOTHING)


NOTHING = {"interval": (1, 1), "detectable": math.nan, "why": "", "source": ""}


def test_pages_of_claims(this):
    records.claim(this, "claim-08", 0.3, 0.2, 0.4)
    records.claim(this, "claim-09", 0.1, -0.2, 0.4)
    records.claim(this, "claim-16", 1.0, 1.0, 1.0)
    found = ledger.read_claims(this.folder)
    counts = "Of 36 claims, **1** is supported, **1** contradicted, **1** cannot be told, **33** not run."
    assert claims_page.sentence(found) == counts
    top = claims_page.counts_page(found)
    assert counts in top and "**It does not hold:** Lower cluster distance and std are better." in top
    rows = [line for line in claims_page.claims_page(found).splitlines() if re.match(r"\| \d", line)]
    assert len(rows) == 36 and all(line.count(" | ") == 7 for line in rows)
    assert [row.split(" | ")[3] for row in rows[:4]] == ["✓ supported", "✗ contradicted", "? cannot tell", "· not run"]
    assert "0.3 (0.2 to 0.4) | – |" in rows[0] and "| 1 | – |" in rows[1] and "| 0.1 (-0.2 to 0.4) | 0.429 |" in rows[2]
    table = verdicts(found)
    assert list(table.index[:3]) == ["claim-08", "claim-16", "claim-09"] and len(table) == 36
    lines = claims_page.interpretation(found)
    assert lines[0] == "About the data (6 claims) nothing could be decided."
    assert lines[1].endswith("all that could be decided holds; 1 cannot be told with this run.")
    assert lines[2] == "About the three models (8 claims) nothing that could be decided holds."
    records.claim(this, "claim-09", -0.3, -0.4, -0.2)
    line = claims_page.interpretation(ledger.read_claims(this.folder))[1]
    assert line.endswith("1 of the 2 claims that could be decided hold.")
    assert table.loc["claim-01", "value (95 %)"] == "–"


def test_the_readme_says_what_the_published_run_found():
    from solarsynth import paths
    from solarsynth.book import claims_page, ledger

    assert claims_page.sentence(ledger.read_claims(paths.book())) in (paths.root() / "README.md").read_text()
