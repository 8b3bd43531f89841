"""One function per item of the ledger, and one for all claims.

A page calls it with what it measured; text, rounding, status and verdict are here.

``data`` is Section 2, ``models`` Section 4 and Appendix C, ``samples`` Sections 6 and 7 and Appendix D, ``downstream``
Section 8.
"""

from solarsynth.book.records.claims import claim
from solarsynth.book.records.data import figure_1, figure_a_1, funnel
from solarsynth.book.records.downstream import accuracy, figure_6_and_7, figure_8, figure_9, figure_10_and_11, skill
from solarsynth.book.records.models import figure_2, figure_b_1, figure_c_1
from solarsynth.book.records.samples import figure_3, figure_4, figure_5, sample_counts, table_1, table_d

__all__ = [
    "accuracy",
    "claim",
    "figure_1",
    "figure_2",
    "figure_3",
    "figure_4",
    "figure_5",
    "figure_6_and_7",
    "figure_8",
    "figure_9",
    "figure_10_and_11",
    "figure_a_1",
    "figure_b_1",
    "figure_c_1",
    "funnel",
    "sample_counts",
    "skill",
    "table_1",
    "table_d",
]
