"""Table 1 for any set of images: every metric with its error and the floor that real images set.

`rows` has the table of metrics and `evaluate`, which measures them. `reference` has the real images and all that is
computed from them once. `scores` has the scores of the classifiers, `values` the form of a result, and `samples` the
reader for files of images.
"""

from solarsynth.evaluation.reference import CLUSTER_SPLITS, Reference
from solarsynth.evaluation.rows import ROWS, Row, evaluate
from solarsynth.evaluation.samples import range_warning, read_samples
from solarsynth.evaluation.scores import class_values
from solarsynth.evaluation.values import Value, as_table

__all__ = [
    "CLUSTER_SPLITS",
    "ROWS",
    "Reference",
    "Row",
    "Value",
    "as_table",
    "class_values",
    "evaluate",
    "range_warning",
    "read_samples",
]
