"""Tables of X-ray flux and lists of flares as people have them: GOES files, SWPC's, HEK's, sunpy's, one's own."""

from solarsynth.observations.lists.events import read_events
from solarsynth.observations.lists.flux import read_flux

__all__ = ["read_events", "read_flux"]
