"""The tables: paper | ours | spread | floor | difference, as data frames that a page shows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from solarsynth import paper


def funnel(ours: Mapping[str, int]) -> pd.DataFrame:
    """Counts of Section 2.4 beside the paper's.

    Parameters
    ----------
    ours : mapping of str to int
        As from `solarsynth.labelling.labelled_frames`.
    """
    rows = [
        {
            "step": step,
            "paper": f"{paper.FUNNEL[step]:,}" if step in paper.FUNNEL else "–",
            "this run": f"{count:,}",
        }
        for step, count in ours.items()
    ]
    return pd.DataFrame(rows).set_index("step").rename_axis(None)


#: This package's names of the models, and the paper's columns of Table 1.
COLUMNS = {"cevae": "ceVAE", "discrete": "discrete", "continuous": "continuous", "embedding": "embedding"}


def table_1_clusters(sets: Mapping[str, np.ndarray], ground_truth: np.ndarray, floor: np.ndarray) -> pd.DataFrame:
    """The first rows of Table 1: the cluster metrics of all models.

    Parameters
    ----------
    sets : mapping of str to ndarray, shape (sets, 3)
        Per model, error, distance and std of each generated set.
    ground_truth : ndarray, shape (3,)
        Of the held-out real images.
    floor : ndarray, shape (draws, 3)
        Of real sets as large as the generated ones.

    Returns
    -------
    DataFrame
    """
    rows = []
    for i, name in enumerate(("Cluster error", "Cluster distance", "Cluster std")):
        target, published = 0 if i == 0 else 1, paper.TABLE_1[name]
        low, high = np.percentile(floor[:, i], [5, 95])
        rows.append(
            {
                "metric": name,
                "target": target,
                "of": "real, held out",
                "paper": f"{published['ground truth'][0]:.3g}",
                "this run": f"{ground_truth[i]:.3g}",
                "floor (5 to 95 %)": f"{low:.3g} to {high:.3g}",
            }
        )
        for model, column in COLUMNS.items():
            mean, spread = published[column]
            values = sets[model][:, i]
            rows.append(
                {
                    "metric": "",
                    "target": "",
                    "of": column,
                    "paper": f"{mean:.3g} ± {spread:.2g}",
                    "this run": f"{values.mean():.3g} ± {values.std():.2g}",
                    "floor (5 to 95 %)": "",
                }
            )
    return pd.DataFrame(rows).set_index("metric").rename_axis(None)


def parameters_by_block(modules: Mapping[str, int]) -> pd.DataFrame:
    """Trainable values per block and in all.

    Parameters
    ----------
    modules : mapping of str to int
    """
    rows = {**modules, "in all": sum(modules.values())}
    return pd.DataFrame({"parameters": [f"{n:,}" for n in rows.values()]}, index=list(rows))
