"""The paper's claims about the use of synthetic images: Section 8, the conclusions and Appendix C."""

from __future__ import annotations

import math

from solarsynth.book import paper
from solarsynth.book.rules import BIGGER_SUN, NEGATIVE, POSITIVE, Rule, tested, untested


def _gain(name: str) -> float:
    before, after = paper.ACCURACY_8_1[name]
    return after - before


USES = (
    untested(
        26,
        "8.1",
        "600 synthetic images raise the accuracy of A from .30 to .82.",
        "paired differences of trials, interval over regions, blocks and trainings",
        f"2012 has no image of class A: it {BIGGER_SUN}",
        _gain("A"),
    ),
    tested(
        27,
        "8.1",
        "600 synthetic images raise the accuracy of M from .07 to .29.",
        "paired differences of trials, with and without; interval over regions, blocks and trainings",
        POSITIVE,
        "08_1_classification",
        _gain("M"),
    ),
    tested(
        28,
        "8.1",
        "The more synthetic images, the better M is found.",
        "slope of the accuracy of M against the number of images added, times the largest number; interval as for 27",
        POSITIVE,
        "08_1_classification",
        _gain("M"),
    ),
    untested(
        29,
        "8.1",
        "The accuracy of X falls at 600 images.",
        "paired differences of trials, 600 against 400 images",
        BIGGER_SUN,
    ),
    tested(
        30,
        "8.1",
        "Classical augmentation lowers the accuracy of M.",
        "paired differences of trials, classical copies against none; interval as for 27",
        NEGATIVE,
        "08_1_classification",
    ),
    tested(
        31,
        "8.1",
        "Synthetic images beat classical copies.",
        "accuracy of M, paired differences of trials; interval as for 27",
        POSITIVE,
        "08_1_classification",
    ),
    tested(
        32,
        "9",
        "Synthetic images can be used as real ones.",
        "macro recall: what synthetic images add minus what real images add; the margin is 0.05; interval as for 27",
        Rule(lowest=-0.05),
        "08_1_classification",
    ),
    tested(
        33,
        "8.2",
        "Synthetic images raise TSS and HSS.",
        "paired differences of forecasts, with and without; interval over regions, blocks and trainings",
        POSITIVE,
        "08_2_forecasting",
    ),
    tested(
        34,
        "8.2",
        "Classical augmentation lowers TSS and HSS.",
        "paired differences of forecasts, classical copies against none; interval as for 33",
        NEGATIVE,
        "08_2_forecasting",
    ),
    tested(
        35,
        "App. C",
        "At 128 px no artefacts appear.",
        "logarithm of the power at the finest scales relative to the coarse ones, samples minus training images; the "
        "margin is a factor of 1.25; interval over blocks and samples",
        Rule(-math.log(1.25), math.log(1.25)),
        "c_resolution",
    ),
    tested(
        36,
        "9",
        "Images are 72 minutes apart on average.",
        "minutes of 2011 to 2019 over the number of images; the margin is 10 %",
        Rule(0.9 * 72, 1.1 * 72),
        "02_dataset",
        72.0,
    ),
)
