"""Measures: functions of arrays. They know nothing of models."""
