"""Table 1 for any set of images: every metric with its error and the floor of real images of other weeks.

`rows` has the table of metrics and `evaluate`, which measures them. `reference` has the real images and all that is
computed from them once, `pool` which of them are compared with which, `classifiers` what the classifiers see in
held-out images, `scores` the scores of samples, `faults` copies and gross faults, `values` the form of a result and the
verdict, and `samples` the reader for files of images. `physics` has the physical quantities of all images and of each
class, `tilt` what an unknown tilt costs; `control` and `controls` say what a regressor reads in samples.
"""

from solarsynth.evaluation.classifiers import CrossValidated, cross_validated
from solarsynth.evaluation.reference import Reference
from solarsynth.evaluation.rows import ROWS, Row, evaluate, evaluate_trainings
from solarsynth.evaluation.samples import open_samples, range_warning, read_samples
from solarsynth.evaluation.scores import class_values
from solarsynth.evaluation.values import Value, as_table, verdict

__all__ = [
    "ROWS",
    "CrossValidated",
    "Reference",
    "Row",
    "Value",
    "as_table",
    "class_values",
    "cross_validated",
    "evaluate",
    "evaluate_trainings",
    "open_samples",
    "range_warning",
    "read_samples",
    "verdict",
]
