"""Section 8: do synthetic images help a classifier, or a forecast? Comparisons of trials on the same test images.

``plan`` runs the trials of every fold, ``pooled`` puts the test images of all folds together, ``scores`` gives scores
with intervals, ``comparisons`` compares trials in pairs, ``leak`` compares two splits. ``classification`` is Section
8.1 and ``forecasting`` Section 8.2.
"""
