"""Frames from what people have on disk, each kind by a module of its own, all on one disk and in one unit."""

from solarsynth.observations.frames.collecting import Collected, collect
from solarsynth.observations.frames.sources import find

__all__ = ["Collected", "collect", "find"]
