"""Observations: frames, X-ray flux and events, whatever they came from, in one archive layout."""
