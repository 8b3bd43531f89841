"""What a forecast must beat: persistence, climatology, and a logistic model that knows only the X-ray flux so far.

`looking_ahead` is an exhibit. A column that holds the maximum over the window that is to be forecast, instead of the
window before, makes a model without any skill look perfect (SuryaBench's table of flares has such a column).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from solarsynth.downstream.comparisons import ALIKE, LEVEL, TOO_FEW
from solarsynth.downstream.plan import Fold, Predictions, of_setup
from solarsynth.downstream.pooled import Pooled, Prediction, best_threshold, climatology, persistence
from solarsynth.downstream.scores import Score, difference, shared, text, unweighted
from solarsynth.errors import SolarsynthError
from solarsynth.metrics.intervals import Interval, holm, unit_interval
from solarsynth.metrics.skill import FEWEST
from solarsynth.times import DAY

if TYPE_CHECKING:
    import pandas as pd

#: Hours before 00:00 UT over which the maximum of the flux is taken.
HOURS = (24, 72)

#: Name of the model of the flux history in tables.
HISTORY = "flux history"


def flux_history(parts: Iterable[pd.DataFrame], moment: np.ndarray, hours: Sequence[int] = HOURS) -> np.ndarray:
    """Return the largest X-ray flux of the hours before each moment.

    Parameters
    ----------
    parts : iterable of DataFrame
        ``time`` (ms, increasing) and ``flux`` (W/m²) of good samples, as from `Archive.xrs_parts`.
    moment : ndarray of int64, shape (n,)
        Milliseconds since 1970.
    hours : sequence of int

    Returns
    -------
    ndarray of float64, shape (n, len(hours))
        log10 of the maximum over ``(moment - hours, moment]``; NaN without a sample.
    """
    found = np.full((len(moment), len(hours)), np.nan)
    for part in parts:
        time, flux = part["time"].to_numpy(), part["flux"].to_numpy(np.float64)
        last = np.searchsorted(time, moment, side="right")
        for k, length in enumerate(hours):
            first = np.searchsorted(time, moment - length * DAY // 24, side="right")
            for i in np.flatnonzero(last > first):
                found[i, k] = np.fmax(found[i, k], flux[first[i] : last[i]].max())
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(found > 0, np.log10(found), np.nan)


def _history(fold: Fold, ahead: int, hours: Sequence[int]) -> np.ndarray:
    """Return the history (n, k) of all days of a fold, as it stands `ahead` milliseconds after each midnight."""
    from solarsynth import stages

    archive = stages.archive(fold.lab)
    if not archive.has_flux:
        raise SolarsynthError(f"{archive.path}: the archive has no X-ray flux, from which a history could be taken")
    return flux_history(archive.xrs_parts(), fold.task.day + ahead, hours)


def logistic(
    folds: Sequence[Fold], ahead: int = 0, tested_ahead: int | None = None, hours: Sequence[int] = HOURS
) -> Prediction:
    """Forecast strong days by a logistic regression on the flux history.

    In each fold it learns from the days from which the classifiers learn, and its threshold has the highest true skill
    statistic on the same validation days as theirs. A day without flux has the mean of the days to learn from.

    Parameters
    ----------
    folds : sequence of Fold
        Of the daily task, in the order of `solarsynth.downstream.pooled.pool`.
    ahead : int
        Milliseconds that the history reaches beyond 00:00 UT. Only 0 is a forecast.
    tested_ahead : int, optional
        The same on the test days; by default as in training.
    hours : sequence of int
        Lengths of the windows; each gives a column.

    Raises
    ------
    SolarsynthError
        If the archive has no X-ray flux.
    """
    from sklearn.linear_model import LogisticRegression

    parts = []
    for fold in folds:
        task, learnt = fold.task, _history(fold, ahead, hours)
        tested = learnt if tested_ahead in (None, ahead) else _history(fold, tested_ahead, hours)
        with np.errstate(invalid="ignore"):
            seen = np.ma.masked_invalid(learnt[task.fit])
            mean, std = seen.mean(0).filled(0.0), np.maximum(seen.std(0).filled(1.0), 1e-6)
        learnt, tested = (np.nan_to_num((values - mean) / std) for values in (learnt, tested))
        model = LogisticRegression().fit(learnt[task.fit], task.label[task.fit])
        chances = model.predict_proba(learnt[task.validation])[:, 1]
        threshold = best_threshold(task.label[task.validation].astype(bool), chances)
        probability = model.predict_proba(tested[task.test])
        parts.append((probability, np.full(len(probability), threshold)))
    return Prediction(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def all_baselines(pooled: Pooled, folds: Sequence[Fold]) -> dict[str, Prediction]:
    """Return what needs no frame: ``persistence``, ``climatology`` and, if there is X-ray flux, ``flux history``."""
    found = {"persistence": persistence(pooled), "climatology": climatology(pooled)}
    try:
        return found | {HISTORY: logistic(folds)}
    except SolarsynthError:
        return found


def looking_ahead(folds: Sequence[Fold]) -> dict[str, Prediction]:
    """Return three forecasts of a logistic model with one column, the maximum of 24 hours; only the first is one.

    The second has a column that reaches 24 hours too far, in training and in the test. The third is the second as it
    would do in use, where at 00:00 UT the column can only hold what has happened.
    """
    column = HOURS[:1]
    return {
        "maximum up to 00:00 UT": logistic(folds, hours=column),
        "maximum that looks 24 h ahead": logistic(folds, DAY, hours=column),
        "the same model in use": logistic(folds, DAY, tested_ahead=0, hours=column),
    }


def against(
    pooled: Pooled,
    predictions: Predictions,
    baselines: Mapping[str, Prediction],
    scores: Sequence[Score],
    weights: tuple[float, float] | None = None,
) -> pd.DataFrame:
    """Compare classifiers with baselines on the same test days, in pairs: every seed with the one baseline.

    Parameters
    ----------
    pooled : Pooled
    predictions : mapping of Trial to Prediction
        Of these the classifiers without added images, and those with the largest number of synthetic ones.
    baselines : mapping of str to Prediction
    scores : sequence of Score
    weights : (float, float), optional
        Of *no* and *yes* in the classifiers' loss. They are undone for the Brier skill, which else would judge them and
        not the forecasts.

    Returns
    -------
    DataFrame
        A row per score, set-up and baseline: ``score``, ``forecast``, ``against``, ``tested`` (days), ``difference``
        (`Interval`), ``Holm`` and ``verdict``: ``better``, ``worse``, ``can't be told apart`` or ``too few to tell``.
        A smaller Brier score is better.
    """
    import pandas as pd

    rows = []
    for score in scores:
        # Added strong days raise the rate that a classifier has learnt, so its probabilities are biased on purpose.
        for setup in ("none",) if weights and score.name == "Brier skill" else ("none", "synthetic"):
            group = [predictions[trial] for trial in of_setup(predictions, setup)]
            if weights and score.name == "Brier skill":
                group = [unweighted(one, weights) for one in group]
            for name, baseline in baselines.items() if group else ():
                found, index = difference(pooled, [(one, baseline) for one in group], score), shared([*group, baseline])
                rows.append((score.name, setup, name, len(index), found, score.regions(pooled, index)))
    adjusted = holm(np.array([row[4].p for row in rows], float))
    return pd.DataFrame(
        [(*row[:5], p, _verdict(row[0], *row[4:], p)) for row, p in zip(rows, adjusted, strict=True)],
        columns=["score", "forecast", "against", "tested", "difference", "Holm", "verdict"],
    )


def _verdict(score: str, found: Interval, regions: int, adjusted: float) -> str:
    if np.isnan(found.mean) or min(regions, found.units) < FEWEST or found.seeds < 2:
        return TOO_FEW
    if np.isnan(adjusted):
        return ALIKE if found.mean == 0 else TOO_FEW  # equal in every trial, or without an error
    if adjusted >= LEVEL:
        return ALIKE
    return "better" if (found.mean > 0) != (score == "Brier") else "worse"


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of `against` for display."""
    result = table.assign(difference=[text(found, "+") for found in table["difference"]])
    result["Holm"] = ["–" if np.isnan(p) else f"{p:.2g}" for p in table["Holm"]]
    return result.rename(columns={"difference": "difference (95 %)", "Holm": "p (Holm)"}).set_index(
        ["score", "forecast", "against"]
    )


def reliability(pooled: Pooled, groups: Mapping[str, Sequence[Prediction]], bins: int = 5) -> pd.DataFrame:
    """Return how often strong days follow, where a probability was forecast, with intervals over blocks and regions.

    The forecast of a set-up is the mean of its seeds. Bins hold about equally many days.

    Parameters
    ----------
    pooled : Pooled
    groups : mapping of str to sequence of Prediction
        Per set-up its seeds.
    bins : int

    Returns
    -------
    DataFrame
        Indexed by ``forecast`` and ``bin``: ``days``, ``probability`` (mean of the bin), ``observed`` (`Interval` of
        the share of strong days) and ``contradicted``: whether the interval excludes the probability; None without
        one. A wide interval contradicts nothing, and proves nothing.
    """
    import pandas as pd

    rows = []
    for name, group in groups.items():
        index = shared(group)
        probability = np.mean([one.probability[index, 1] for one in group], axis=0)
        edges = np.unique(np.quantile(probability, np.linspace(0, 1, bins + 1)[1:-1]))
        place = np.searchsorted(edges, probability)  # equal probabilities share a bin
        for number, value in enumerate(np.unique(place), start=1):
            here = index[place == value]
            strong, mean = pooled.y_true[here] == 1, float(probability[place == value].mean())
            observed = unit_interval(lambda k, strong=strong: float(strong[k].mean()), pooled.unit[here])
            known = np.isfinite(observed.low)
            contradicted = bool(not observed.low <= mean <= observed.high) if known else None
            rows.append((name, number, len(here), mean, observed, contradicted))
    columns = ["forecast", "bin", "days", "probability", "observed", "contradicted"]
    return pd.DataFrame(rows, columns=columns).set_index(["forecast", "bin"])


def answer(table: pd.DataFrame) -> list[str]:
    """Return in words how the classifiers without added images do against each baseline."""
    here = table[table["forecast"] == "none"]
    return [
        f"{row['score']}, classifier − {row['against']}: {text(row['difference'], '+')}: {row['verdict']}"
        for row in here.to_dict("records")
    ] or ["No classifier could be compared with a baseline."]
