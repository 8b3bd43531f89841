import dataclasses

import pytest
import yaml

from solarsynth import paths
from solarsynth.errors import SolarsynthError
from solarsynth.profiles import Profile, load_profile, names


def test_all_profiles_have_the_same_keys():
    assert names() == ["gpu", "laptop", "paper", "smoke"]
    keys = [field.name for field in dataclasses.fields(Profile)]
    for name in names():
        assert list(yaml.safe_load((paths.params() / f"{name}.yml").read_text())) == keys
        load_profile(name)


def test_paper_is_the_paper():
    p = load_profile("paper")
    assert (p.n_steps, p.batch_size, p.learning_rate, p.train_images) == (1000, 12, 3e-4, 500 * 20_420)
    assert (p.parameterisation, p.patch, p.base_width, p.sampler) == ("eps", 1, 64, "ancestral")
    assert (p.ema_decay, p.ema_start, p.condition_dropout, p.guidance, p.cooldown) == (0.995, 2000, 0.1, 2.0, 0.0)


def test_every_setting_is_explained():
    for field in dataclasses.fields(Profile):
        assert field.name in Profile.__doc__, field.name


@pytest.mark.parametrize(
    "change, match",
    [
        ({"guidence": 1.0}, "unknown setting 'guidence'; did you mean 'guidance'"),
        ({"guidance": "strong"}, "guidance must be a number, not 'strong'"),
        ({"batch_size": 1.5}, "batch_size must be a whole number"),
        ({"batch_size": 0}, r"batch_size must lie in \[1, inf\]"),
        ({"batch_size": True}, "batch_size must be a whole number"),
        ({"sampler": "dpm"}, "no choice 'dpm'"),
        ({"test_fraction": 0.95}, "test_fraction must lie in"),
        ({"split": "blockd"}, "no choice 'blockd'; did you mean 'blocked'"),
    ],
)
def test_bad_settings(change, match):
    with pytest.raises(SolarsynthError, match=match):
        load_profile("smoke", **change)


def test_none_leaves_the_profiles_value():
    assert load_profile("smoke", guidance=None) == load_profile("smoke")
    assert load_profile("smoke", guidance=1).guidance == 1.0


def test_unknown_profile():
    with pytest.raises(SolarsynthError, match="no profile 'latop'; did you mean 'laptop'"):
        load_profile("latop")


def test_a_file_of_ones_own(tmp_path):
    values = yaml.safe_load((paths.params() / "smoke.yml").read_text())
    path = tmp_path / "mine.yml"
    path.write_text(yaml.safe_dump(values | {"sets": 7}))
    assert load_profile(path).sets == 7
    del values["sets"]
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(SolarsynthError, match="the setting 'sets' is missing"):
        load_profile(path)
    path.write_text("a: [")
    with pytest.raises(SolarsynthError, match="not YAML"):
        load_profile(path)
