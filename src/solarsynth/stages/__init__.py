"""The stages: what is made from what. A lab makes them; the store keeps them.

    lab = Lab(profile="laptop")
    stages.sample_set(lab, {"X": 16}, seed=0)

Every function here takes a lab. What it needs is found in the store or made.
"""

from solarsynth.stages.archive import ARCHIVE, archive
from solarsynth.stages.days import DAYS, RARE, classes_task, daily_table, days_task
from solarsynth.stages.encoders import CEVAE, CLASSIFIER, PREDICTIONS, cevae, predictions
from solarsynth.stages.examples import training_conditions
from solarsynth.stages.features import (
    FEATURES,
    FLOOR,
    MAP,
    SPACES,
    features,
    floor,
    held_out_features,
    space,
    training_features,
    tsne_map,
)
from solarsynth.stages.graph import SOURCES, Job, Lab, Need, Stage
from solarsynth.stages.labelled import (
    DATASET,
    all_images,
    fit_images,
    fold_labs,
    held_out_images,
    labelled_set,
    training_images,
    validation_images,
)
from solarsynth.stages.models import MODEL, generator, network_stage, trainings
from solarsynth.stages.overview import STAGES, overview
from solarsynth.stages.physics import PHYSICS, disk_radius, physics
from solarsynth.stages.prior import PRIOR
from solarsynth.stages.samples import (
    SAMPLES,
    conditions_of,
    describe_samples,
    drawable_classes,
    proportional_counts,
    sample_set,
    set_seeds,
    uniform_counts,
)
from solarsynth.stages.trials import (
    SCENARIOS,
    TRIAL,
    Trial,
    added_images,
    amounts,
    probabilities,
    synthetic_images,
)
from solarsynth.stages.unlabelled import UNLABELLED, unlabelled_set
