"""Settings: defaults, profiles, and what happens to values that cannot be."""

import pytest
import yaml

from solarsynth import paths
from solarsynth.errors import SolarsynthError
from solarsynth.settings import LARGEST, Settings, load_settings, profiles


def test_a_profile_names_only_what_differs_from_the_paper():
    assert profiles() == ["gpu", "laptop", "paper", "smoke"]
    defaults = Settings().as_dict()
    for name in profiles():
        written = yaml.safe_load((paths.params() / f"{name}.yml").read_text()) or {}
        settings = load_settings(name).as_dict()
        assert {key for key in defaults if settings[key] != defaults[key]} == set(written)
        assert list(written) == [key for key in defaults if key in written], "in the order of their declaration"


def test_paper_is_the_paper():
    p = load_settings("paper")
    assert (p.n_steps, p.batch_size, p.learning_rate, p.train_images) == (1000, 12, 3e-4, 500 * 20_420)
    assert (p.parameterisation, p.patch, p.base_width, p.sampler) == ("eps", 1, 64, "ancestral")
    assert (p.ema_decay, p.ema_start, p.condition_dropout, p.guidance, p.cooldown) == (0.995, 2000, 0.1, 2.0, 0.0)
    assert (p.sets, p.set_size, p.downstream_scale, p.classifier_depth) == (10, 1000, 1.0, 12)


def test_every_setting_says_what_it_means():
    for name, default, permitted, meaning in Settings.describe():
        assert len(meaning) > 10 and permitted and default is not None, name


@pytest.mark.parametrize(
    "change, match",
    [
        ({"guidence": 1.0}, "unknown setting 'guidence'; did you mean 'guidance'"),
        ({"guidance": "strong"}, "guidance must be a number, got 'strong'"),
        ({"batch_size": 1.5}, "batch_size must be a whole number, got 1.5"),
        ({"batch_size": 0}, "batch_size must be from 1 to 1e.06, got 0"),
        ({"batch_size": True}, "batch_size must be a whole number, got True"),
        ({"guidance": True}, "guidance must be a number, got True"),
        ({"sampler": "dpm"}, "sampler cannot be 'dpm'; did you mean 'ddim'"),
        ({"sampler": 3}, "sampler must be a word, got 3"),
        ({"test_fraction": 0.95}, "test_fraction must be from 0 to 0.5, got 0.95"),
        ({"split": "blockd"}, "split cannot be 'blockd'; did you mean 'blocked'"),
        ({"learning_rate": float("nan")}, "learning_rate must be at least 0 and finite, at most 1e.09, got nan"),
        ({"beta_start": 0.5}, r"beta_start must be below beta_end = 0.02, got 0.5"),
        ({"guidance_low": 5.0, "guidance_high": 1.0}, "guidance_low must be below guidance_high = 1, got 5"),
        ({"min_snr": 5.0}, "min_snr must be 0 with parameterisation preconditioned, got 5"),
        ({"gradient_clip": float("inf")}, "gradient_clip must be at least 0 and finite, at most 1e.09, got inf"),
    ],
)
def test_bad_settings(change, match):
    with pytest.raises(SolarsynthError, match=match):
        load_settings("smoke", **change)


def test_the_bound_of_a_number_without_one_of_its_own_is_permitted():
    assert load_settings("smoke", train_images=LARGEST).train_images == LARGEST
    with pytest.raises(SolarsynthError, match=r"at most 1e.09, got 1000000001"):
        load_settings("smoke", train_images=LARGEST + 1)


def test_none_leaves_the_profiles_value():
    assert load_settings("smoke", guidance=None) == load_settings("smoke")
    assert load_settings("smoke", guidance=1).guidance == 1.0
    assert load_settings("smoke", learning_rate="1e-4").learning_rate == 1e-4  # YAML 1.1 reads it as a word


def test_unknown_profile():
    with pytest.raises(SolarsynthError, match="unknown profile 'latop'; did you mean 'laptop'"):
        load_settings("latop")


def test_a_file_of_ones_own(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text("sets: 7\nlearning_rate: 1e-4\n")
    mine = load_settings(path)
    assert (mine.sets, mine.learning_rate, mine.batch_size) == (7, 1e-4, Settings().batch_size)
    path.write_text("# nothing\n")
    assert load_settings(path) == Settings()
    for text, match in (
        ("a: [", "not YAML"),
        ("- 1", r"a profile must be a list of .*, got \[1\]"),
        ("stes: 7", "did you mean 'sets'"),
    ):
        path.write_text(text)
        with pytest.raises(SolarsynthError, match=match):
            load_settings(path)
    with pytest.raises(SolarsynthError, match=r"nowhere\.yml: no such profile file"):
        load_settings(tmp_path / "nowhere.yml")
