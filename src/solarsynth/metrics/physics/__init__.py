"""Physics that an image of the Sun must show: disk, limb, corona and active regions; and the sizes of flares.

`disk` has coordinates and profiles, `limb` the limb and the corona beyond it, `spectrum` the power spectrum, `regions`
the active regions, `table` all of them as one table with a row per image, `distances` how far two tables are apart,
`maps` maps of the variation, and `slopes` power laws.
"""

from solarsynth.metrics.physics.disk import disk_coordinates, latitude_activity, radial_profile, tilted_latitude
from solarsynth.metrics.physics.distances import quantity_distance
from solarsynth.metrics.physics.limb import fit_disk, limb_peak, off_limb_scale, ring_means
from solarsynth.metrics.physics.maps import agreement_floor, map_agreement, polar_share, std_map
from solarsynth.metrics.physics.regions import Regions, active_regions
from solarsynth.metrics.physics.slopes import power_law_slope
from solarsynth.metrics.physics.spectrum import azimuthal_power, band_shares
from solarsynth.metrics.physics.table import COLUMNS, QUANTITIES, Quantity, columns_of, missing, quantities

__all__ = [
    "COLUMNS",
    "QUANTITIES",
    "Quantity",
    "Regions",
    "active_regions",
    "agreement_floor",
    "azimuthal_power",
    "band_shares",
    "columns_of",
    "disk_coordinates",
    "fit_disk",
    "latitude_activity",
    "limb_peak",
    "map_agreement",
    "missing",
    "off_limb_scale",
    "polar_share",
    "power_law_slope",
    "quantities",
    "quantity_distance",
    "radial_profile",
    "ring_means",
    "std_map",
    "tilted_latitude",
]
