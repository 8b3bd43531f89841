"""The models as rows of one table: a fourth model is one class and one row."""

import numpy as np
import pytest
import torch
from tiny import TINY
from torch import nn

from solarsynth import kinds, stages
from solarsynth.diffusion.conditioning import Condition
from solarsynth.errors import SolarsynthError
from solarsynth.flares import CLASSES
from solarsynth.kinds import KINDS, MODELS, Examples, Kind, Request, Sizes
from solarsynth.stages import Lab


class Brightness(Condition):
    """A fourth conditioning: the mean brightness of the image."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(1, width)

    def embed(self, condition: torch.Tensor) -> torch.Tensor:
        return self.layer(condition)


def test_a_fourth_model_is_one_class_and_one_row(shared_archive, store_folder, monkeypatch):
    """Trained, kept and sampled by the same stages, without another line of the package."""
    row = Kind(
        "brightness",
        condition=lambda sizes: Brightness(sizes.width),
        training=lambda examples: examples.label[:, None] / 4.0,
        ask=lambda request: request.label[:, None] / 4.0,
        trained_with=("cevae", "prior"),
    )
    monkeypatch.setitem(kinds.KINDS, "brightness", row)
    lab = Lab("smoke", "archive", str(shared_archive), overrides=TINY)
    name = stages.drawable_classes(lab)[0]
    image = stages.generator(lab, "brightness").sample(name, 2, seed=1)
    assert image.shape == (2, 16, 16)
    drawn = stages.sample_set(lab, {name: 2}, seed=3, model="brightness")
    assert len(drawn) == 2 and set(drawn.label) == {CLASSES.index(name)}
    upstream = lab.entry(stages.MODEL, model="brightness").manifest["upstream"]
    assert upstream["start"] == lab.key(stages.MODEL, model="discrete")  # fine-tuned like the others
    assert upstream["cevae"] == lab.key(stages.CEVAE) and upstream["prior"] == lab.key(stages.PRIOR)


EXAMPLES = Examples(
    label=np.array([1, 4]), flux=np.array([2e-7, 3e-4]), embed=lambda: np.array([[0.1, 0.2], [0.3, 0.4]])
)
REQUEST = Request(
    label=np.array([1, 4]),
    seeds=[11, 12],
    flux=None,
    training_flux={"B": [2e-7, 5e-7], "X": [3e-4]},
    draw_embeddings=lambda label, seeds: np.stack([label, seeds], axis=1) / 10,
)


@pytest.mark.parametrize(
    "model, trained, asked_for",
    [
        ("discrete", [[1], [4]], [[1], [4]]),
        ("embedding", [[1, 0.1, 0.2], [4, 0.3, 0.4]], [[1, 0.1, 1.1], [4, 0.4, 1.2]]),
    ],
)
def test_conditions_by_hand(model, trained, asked_for):
    np.testing.assert_allclose(KINDS[model].training(EXAMPLES), trained)
    np.testing.assert_allclose(KINDS[model].ask(REQUEST), asked_for)


def test_a_flux_becomes_a_condition():
    """In training it is the image's own, in sampling that of a training image of the class, or the one asked for."""
    row = KINDS["continuous"]
    np.testing.assert_array_equal(row.training(EXAMPLES)[:, 0], EXAMPLES.flux)
    drawn = row.ask(REQUEST)[:, 0]
    assert drawn[0] in REQUEST.training_flux["B"] and drawn[1] == 3e-4
    alone = Request(REQUEST.label[:1], [11], None, REQUEST.training_flux, REQUEST.draw_embeddings)
    assert row.ask(alone)[0, 0] == drawn[0], "it depends on the image's own seed only"
    exactly = Request(REQUEST.label, [11, 12], np.array([2.5e-5, 1e-6]), {}, REQUEST.draw_embeddings)
    np.testing.assert_array_equal(row.ask(exactly)[:, 0], [2.5e-5, 1e-6])


@pytest.mark.parametrize("model", MODELS)
def test_a_condition_module_takes_what_its_row_gives(model):
    row = KINDS[model]
    module = row.condition(Sizes(n_classes=5, latent=2, width=8))
    condition = torch.from_numpy(row.training(EXAMPLES).astype(np.float32))
    module.fit(condition)
    assert module(condition).shape == (2, 8)


def test_a_model_that_does_not_exist():
    with pytest.raises(SolarsynthError, match="unknown model 'discret'; did you mean 'discrete'"):
        kinds.kind("discret")
