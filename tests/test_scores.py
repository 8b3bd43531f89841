"""Scores of Table 1 and Appendix D with planted classifiers: what they see is known."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from tiny import TINY

from solarsynth import stages
from solarsynth.dataset.images import ImageSet
from solarsynth.errors import SolarsynthError
from solarsynth.evaluation import CrossValidated, Reference, class_values, cross_validated
from solarsynth.evaluation.scores import scores
from solarsynth.metrics.skill import at_mix, class_scores

COMMON = [100, 1000, 2500, 350, 50]  # images per class of the held-out set


def predictable(counts, seed, right=0.7):
    """Return images with the prediction in their first pixel: right in 7 of 10 cases, else one class too low."""
    rng, label = np.random.default_rng(seed), np.repeat(np.arange(5), counts)
    y_pred = np.where(rng.random(len(label)) < right, label, np.maximum(label - 1, 0))
    return ImageSet.of(np.tile(y_pred[:, None, None], (1, 1, 2)).astype(np.uint8), label)


def agreeing(classifiers):
    """Return a function that gives the planted prediction of every image, once per classifier."""
    return lambda images: np.tile(images.image[:, 0, 0].astype(int), (classifiers, 1))


def reference_of(counts, classifiers=1, draws=200, predictions=None, held_out=None, unit=None):
    """Return a reference whose held-out images and classifiers are planted; by default the classifiers agree.

    Unless units are given, there are 60 whose images have nothing in common.
    """
    found = Reference(SimpleNamespace(settings=SimpleNamespace(floor_draws=draws)))
    found.predictions = predictions or agreeing(classifiers)
    held_out = held_out or predictable(counts, 0)
    y_pred, n = found.predictions(held_out), len(held_out)
    found.held_out_scores = CrossValidated(
        y_true=held_out.label,
        probability=np.eye(5)[y_pred],
        majority=np.full(n, np.bincount(held_out.label).argmax()),
        unit=np.arange(n) % 60 if unit is None else unit,
        fold=np.zeros(n, int),
    )
    return found


def test_ratios_by_hand():
    """Two classes. Held out: A is right in 2 of 5 cases and B in 5 of 5. Samples: A in 1 of 2 cases and B in 1 of 2."""

    def as_set(label, y_pred):
        return ImageSet.of(np.array(y_pred, np.uint8)[:, None, None], np.array(label))

    held_out = as_set([0] * 5 + [1] * 5, [0, 0, 1, 1, 1] + [1] * 5)
    reference = reference_of([], held_out=held_out)
    f1, precision, recall = scores(reference, as_set([0, 0, 1, 1], [0, 1, 0, 1]))
    assert recall.value == pytest.approx(0.5 / 0.7)
    assert precision.value == pytest.approx(0.5 / ((1 + 5 / 8) / 2))
    assert f1.value == pytest.approx(0.5 / ((2 * 0.4 / 1.4 + 10 / 13) / 2))
    assert recall.images == 4 and recall.target == 1 and math.isnan(recall.error) and recall.error_kind == ""
    assert "samples 0.500, held-out real images in the same mix of classes 0.700" in recall.note
    assert "without class C, M, X" in recall.note


def test_a_perfect_generator_has_the_scores_of_real_images_in_any_mix():
    """Precision depends on how common classes are: 50 held-out images of X among 4000, but a fifth of the samples."""
    reference = reference_of(COMMON, 3)
    values = scores(reference, predictable([400] * 5, 1))
    assert [v.value for v in values] == pytest.approx([1, 1, 1], abs=0.05)
    assert (
        all(v.place == "within" and v.p > 0.05 for v in values) and values[0].floor_images == values[0].images == 2000
    )
    assert values[0].error == pytest.approx(0) and values[0].error_kind == "std over classifiers"
    worse = predictable([400] * 5, 1, right=0.5)
    assert all(v.place == "below" and v.value < v.low < 1 and v.p < 1e-3 for v in scores(reference, worse))


def test_classifiers_that_agree_do_not_narrow_the_floor():
    """The floor is the noise of the images. More classifiers that see the same are no more images."""
    samples = predictable([400] * 5, 1)
    three, one = ([v.high - v.low for v in scores(reference_of(COMMON, n), samples)] for n in (3, 1))
    assert three == pytest.approx(one) and min(one) > 0.01


def test_the_floor_is_as_wide_as_new_sets_scatter(monkeypatch):
    counts = [300] * 5
    reference = reference_of(counts, draws=1)
    with monkeypatch.context() as quick:
        quick.setattr("solarsynth.evaluation.scores.DRAWS", 2)  # the floors of the new sets are not looked at
        new = [[v.value for v in scores(reference, predictable([60] * 5, seed))] for seed in range(60)]
    floor = np.array([(v.low, v.high) for v in scores(reference_of(counts), predictable([60] * 5, 1))])
    # From the 5th to the 95th percentile of a Gaussian are 3.29 standard deviations.
    assert np.diff(floor, axis=1)[:, 0] == pytest.approx(3.29 * np.std(new, axis=0), rel=0.35)


def test_units_widen_the_floor():
    """If the images of a unit are right or wrong together, there are fewer of them than images."""
    rng = np.random.default_rng(0)
    label, unit = np.tile(np.arange(5), 200), np.arange(1000) // 50
    right = rng.random(20)[unit] < 0.7
    image = np.where(right, label, np.maximum(label - 1, 0))[:, None, None].astype(np.uint8)
    held_out = ImageSet.of(np.tile(image, (1, 1, 2)), label)
    widths = [
        np.array(
            [v.high - v.low for v in scores(reference_of([], held_out=held_out, unit=u), predictable([40] * 5, 1))]
        )
        for u in (unit, None)
    ]
    assert (widths[0] > 1.5 * widths[1]).all()


def test_classifiers_without_skill_judge_nothing():
    """They name classes at random: on real images no better than the commonest class, so nothing is rejected."""
    rng = np.random.default_rng(0)
    reference = reference_of([100] * 5, predictions=lambda images: rng.integers(0, 5, (2, len(images))))
    found = scores(reference, predictable([50] * 5, 1, right=0.0))
    assert all("judges nothing" in v.note and math.isnan(v.p) for v in found)
    assert not any("judges nothing" in v.note for v in scores(reference_of([100] * 5), predictable([50] * 5, 1)))


def test_scores_are_given_without_classes_of_few_images_too():
    """One X image decides: it is never recognised in real images, and always in samples."""
    values = scores(reference_of([50, 50, 50, 50, 1]), predictable([20] * 5, 1))
    assert [v.metric for v in values[3:]] == ["F1 without X", "Precision without X", "Recall without X"]
    alone = scores(reference_of([50, 50, 50, 50, 0]), predictable([20, 20, 20, 20, 0], 1))
    assert values[5].images == 80 and values[5].value == pytest.approx(alone[2].value, rel=0.15)


def test_the_error_is_over_the_classifiers():
    """A second classifier that never recognises X: recall of 4 classes of 5, on samples and on real images alike."""
    samples, held_out = predictable([50] * 5, 1), predictable([50] * 5, 0)

    def predict(images):
        first = images.image[:, 0, 0].astype(int)
        return np.stack([first, np.where(first == 4, 0, first)])

    recall = scores(reference_of([], predictions=predict, held_out=held_out), samples)[2]
    y_pred = predict(samples), predict(held_out)
    label = samples.label, held_out.label
    by_hand = [
        np.mean([(y_pred[0][k][label[0] == c] == c).mean() for c in range(5)])
        / np.mean([(y_pred[1][k][label[1] == c] == c).mean() for c in range(5)])
        for k in range(2)
    ]
    assert recall.value == pytest.approx(np.mean(by_hand)) and recall.error == pytest.approx(np.std(by_hand, ddof=1))


def test_a_classifier_that_is_never_right_gives_no_floor():
    reference = reference_of([20] * 5, predictions=lambda images: np.zeros((1, len(images)), int))
    found = scores(reference, predictable([0, 10, 10, 10, 10], 1))
    assert all(math.isnan(v.value) and math.isnan(v.low) and v.place == "" for v in found)
    assert "train it longer" in found[0].note


def test_scores_in_another_mix_are_weighted_ones():
    from sklearn.metrics import precision_recall_fscore_support

    held_out, mix = predictable([20, 200, 500, 70, 10], 0), np.array([5, 0, 100, 30, 60])
    label, y_pred = held_out.label, held_out.image[:, 0, 0].astype(int)
    ours = class_scores(at_mix(reference_of([], held_out=held_out).held_out_scores.confusions(), mix))
    weight = (mix / np.bincount(label))[label]
    theirs = precision_recall_fscore_support(label, y_pred, sample_weight=weight, labels=range(5), zero_division=0)
    here = mix > 0
    for found, expected in zip((ours.precision, ours.recall, ours.f1), theirs, strict=False):
        np.testing.assert_allclose(found[0, here], expected[here])
        assert np.isnan(found[0, ~here]).all()


@pytest.mark.parametrize("missing", ["drawn", "held out"])
def test_only_classes_that_both_sets_have_count(missing):
    """Class A is missing on one side. The ratio is that of the other four classes alone."""
    held_out = predictable([200] * 5 if missing == "drawn" else [0, 200, 200, 200, 200], 0)
    reference = reference_of([], held_out=held_out)
    samples = predictable([0, 60, 60, 60, 60] if missing == "drawn" else [60] * 5, 1)
    recall = scores(reference, samples)[2]
    recalls = [np.mean([(s.image[s.label == c, 0, 0] == c).mean() for c in range(1, 5)]) for s in (samples, held_out)]
    assert recall.value == pytest.approx(recalls[0] / recalls[1])
    assert "without class A" in recall.note and recall.images == 240
    everything = scores(reference_of([200] * 5), predictable([60] * 5, 1))[2]
    assert "without" not in everything.note and everything.images == 300


def test_images_without_a_class_are_ignored():
    samples = predictable([40] * 5, 1)
    unknown = ImageSet.of(np.full((30, 1, 2), 4, np.uint8), np.full(30, -1))
    mixed = ImageSet.pool([unknown, samples])
    for measure in (scores, class_values):
        expected, found = measure(reference_of(COMMON), samples), measure(reference_of(COMMON), mixed)
        assert [v.value for v in found] == [v.value for v in expected]
        assert [v.images for v in found] == [v.images for v in expected]


def test_the_values_of_every_class():
    """Appendix D: the predictions are right in 7 of 10 cases, and wrong ones are one class too low."""
    samples = predictable([400, 400, 400, 400, 0], 1)
    found = {v.metric: v for v in class_values(reference_of([400] * 5, 2), samples)}
    assert len(found) == 15 and list(found)[:3] == ["F1, class A", "Precision, class A", "Recall, class A"]
    assert found["Recall, class A"].value == 1 and found["Recall, class B"].value == pytest.approx(0.7, abs=0.06)
    right, wrong = 0.7 * 400, 0.3 * 400
    assert found["Precision, class B"].value == pytest.approx(right / (right + wrong), abs=0.06)
    assert found["Precision, class A"].value == pytest.approx(400 / (400 + wrong), abs=0.06)
    assert found["Recall, class X"].note == "no sample of this class" and found["Recall, class X"].images == 0
    without = {v.metric: v for v in class_values(reference_of([0, 400, 400, 400, 400]), samples)}
    assert without["Recall, class A"].note == "no held-out real image" and without["Recall, class A"].value == 1


def test_skill_on_held_out_images_by_hand():
    """Recall 1 for A and 0.7 for others; the majority class has one fifth of the recall and of these images."""
    held_out = predictable([100] * 5, 0)
    found = reference_of([], held_out=held_out, unit=np.arange(500) // 15).held_out_scores
    right = held_out.image[:, 0, 0] == held_out.label
    by_class = [right[held_out.label == c].mean() for c in range(5)]
    assert found.recall.mean == pytest.approx(np.mean(by_class)) and found.chance == pytest.approx(0.2)
    assert found.accuracy.mean == pytest.approx(right.mean() - 0.2)
    assert found.recall.low < found.recall.mean < found.recall.high and found.few == []
    from sklearn.metrics import roc_auc_score

    expected = [roc_auc_score(held_out.label == c, found.probability[0, :, c]) for c in range(5)]
    assert found.auc.mean == pytest.approx(np.mean(expected))


def test_every_held_out_image_is_judged_once_by_a_classifier_that_has_not_seen_its_fold(shared_archive, store_folder):
    lab = stages.Lab("smoke", "archive", str(shared_archive), overrides=TINY | {"block_days": 0.2, "purge_days": 0.0})
    found = cross_validated(lab)
    labs = stages.fold_labs(lab)
    sizes = [int(stages.labelled_set(there).test.sum()) for there in labs]
    assert np.bincount(found.fold).tolist() == sizes and len(sizes) == 3
    for fold, there in enumerate(labs):
        expected = stages.predictions(there, stages.held_out_images(there), 1)
        np.testing.assert_array_equal(found.probability[1, found.fold == fold], expected)
    assert (found.y_true == np.concatenate([stages.held_out_images(there).label for there in labs])).all()


@pytest.mark.parametrize(
    "label, match",
    [
        (None, "images with classes, got images without"),
        ([2, 2, 2, 2], "at least two classes in the samples, got C"),
        ([-1, -1, -1, -1], "at least two classes in the samples, got none"),
        ([0, 0, 4, 4], "at least two classes in both the samples and the held-out images, got A"),
    ],
)
def test_what_has_no_scores(label, match):
    reference = reference_of([50, 50, 50, 50, 0])
    images = ImageSet.of(np.zeros((4, 1, 2), np.uint8), None if label is None else np.array(label))
    with pytest.raises(SolarsynthError, match=match):
        scores(reference, images)
