"""Section 8: do synthetic images help a classifier, or a forecast? Comparisons of trials that share their test set.

``plan`` runs trials, ``comparisons`` compares them in pairs, ``classification`` is Section 8.1, ``forecasting``
Section 8.2. Everything here works on the probabilities that the trials gave to the held-out images.
"""
