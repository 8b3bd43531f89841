"""Metrics are functions of arrays. They do not know which model made an image, nor where it is stored."""
