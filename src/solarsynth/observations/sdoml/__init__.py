"""SDOMLv2 on S3 (Galvez et al. 2019): read its index once, then only the chunks that hold wanted frames.

The store has 766 GB for the nine years. A labelled set touches up to 20,000 of its 50,000 chunks and keeps 64 px of
512. What is read is kept in a folder of parts, one per year and group of chunks, so that an interrupted build goes on.
"""

from solarsynth.observations.sdoml.downsampling import DOWNSAMPLING, downsample
from solarsynth.observations.sdoml.frames import YearFrames, read_chunk, read_frames, workers
from solarsynth.observations.sdoml.index import YearIndex, flagged, read_index, stored_chunks, usable
from solarsynth.observations.sdoml.remote import URL, Remote

__all__ = [
    "DOWNSAMPLING",
    "URL",
    "Remote",
    "YearFrames",
    "YearIndex",
    "downsample",
    "flagged",
    "read_chunk",
    "read_frames",
    "read_index",
    "stored_chunks",
    "usable",
    "workers",
]
