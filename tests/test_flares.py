"""Classes and fluxes against values by hand and astropy's units."""

import astropy.units as u
import numpy as np
import pytest

from solarsynth import flares
from solarsynth.errors import SolarsynthError


def test_class_bounds():
    flux = np.array([9.9e-8, 1e-7, 9.9e-7, 1e-6, 1e-5, 1e-4, 1e-3])
    assert flares.class_of_flux(flux).tolist() == [0, 1, 1, 2, 3, 4, 4]
    assert flares.class_of_flux(flux.astype(np.float32)).tolist() == [0, 1, 1, 2, 3, 4, 4]


def test_flux_of_class_texts():
    text = ["M2.5", "x1", " C ", "", "Z3", "B12.0", "nan", "M2.5", "M2.5.1", "X-1"]
    expected = [2.5e-5, 1e-4, 1e-6, np.nan, np.nan, 1.2e-6, np.nan, 2.5e-5, np.nan, np.nan]
    np.testing.assert_allclose(flares.flux_of_class(text), expected)
    assert flares.flux_of_class([]).shape == (0,)


def test_marks_of_saturated_flares_and_small_letters():
    text = [">X17.2", "X28+", "m2.1", "C10.0", " M1 ", "≥ X10", "S", "X++", ">", "+X1"]
    tidy = ["X17.2", "X28", "M2.1", "C10.0", "M1", "X10", "", "", "", ""]
    assert [flares.tidy_class(t) for t in text] == tidy
    np.testing.assert_allclose(flares.flux_of_class(text), flares.flux_of_class(tidy))


def test_any_class_text_is_read_the_same_after_tidying():
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ABCMXabcmx>+ .0123456789eS-"), rng.integers(0, 8))) for _ in range(5000)]
    tidy = [flares.tidy_class(text) for text in texts]
    assert any(tidy) and not all(tidy)
    np.testing.assert_allclose(flares.flux_of_class(texts), flares.flux_of_class(tidy))
    assert [flares.tidy_class(text) for text in tidy] == tidy


@pytest.mark.parametrize(
    "flux, name",
    [(2.54e-5, "M2.5"), (1e-4, "X1.0"), (3e-8, "A3.0"), (1.2e-6, "C1.2"), (5e-9, "A0.5"), (2.8e-3, "X28.0")],
)
def test_class_texts(flux, name):
    assert flares.class_text(flux) == name
    assert flares.class_text(flux * u.W / u.m**2) == name


@pytest.mark.parametrize("flux", 10 ** np.linspace(-7.9, -3.1, 25))
def test_a_text_gives_its_class_and_its_flux_back(flux):
    text = flares.class_text(flux)
    back = flares.flux_of_class([text])[0]
    assert back == pytest.approx(flux, rel=0.05)
    if not text.endswith("10.0"):
        assert flares.CLASSES[int(flares.class_of_flux(back))] == text[0]


# 1 W = 1e7 erg/s and 1 m² = 1e4 cm², so that 2.5e-5 W/m² is 2.5e-2 erg/(s cm²).
SAME_FLUX = [2.5e-5, 2.5e-5 * u.W / u.m**2, 2.5e-2 * u.erg / u.s / u.cm**2, 25 * u.uW / u.m**2]


@pytest.mark.parametrize("flux", SAME_FLUX)
def test_quantities_are_converted(flux):
    assert float(flares.watts(flux)) == pytest.approx(2.5e-5, rel=1e-12)
    assert flares.class_of_flux(flux) == 3 and flares.class_text(flux) == "M2.5"
    if not isinstance(flux, float):
        label, watts = flares.parse_request(flux)
        assert label == 3 and watts == pytest.approx(2.5e-5, rel=1e-12)


def test_quantities_may_be_arrays():
    flux = np.array([1e-5, 1e-1]) * u.erg / u.s / u.cm**2
    assert flares.class_of_flux(flux).tolist() == [0, 4]


@pytest.mark.parametrize("unit", [u.W, u.m, u.W / u.m**2 / u.nm, u.dimensionless_unscaled])
@pytest.mark.parametrize("function", [flares.watts, flares.class_of_flux, flares.class_text, flares.parse_request])
def test_a_wrong_unit_gets_one_line(function, unit):
    with pytest.raises(SolarsynthError, match="must have a unit that converts to W/m²") as error:
        function(2.5e-5 * unit)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "request_, expected", [("X", (4, None)), ("A", (0, None)), ("M2.5", (3, 2.5e-5)), ("C12", (3, 1.2e-5))]
)
def test_requests(request_, expected):
    label, flux = flares.parse_request(request_)
    assert label == expected[0] and flux == (None if expected[1] is None else pytest.approx(expected[1]))


@pytest.mark.parametrize("request_", ["", "Z", "m", "Mx", "M0", "M-2", "Minf", "Mnan", 0 * u.W / u.m**2, -1e-5])
def test_requests_that_are_none(request_):
    with pytest.raises(SolarsynthError) as error:
        flares.parse_request(request_)
    assert "\n" not in str(error.value)


def test_a_class_and_its_flux_as_a_quantity():
    import astropy.units as u

    import solarsynth

    flux = solarsynth.peak_flux("M2.5")
    assert flux.unit.is_equivalent(u.W / u.m**2) and flux.to_value("erg / (s cm2)") == pytest.approx(2.5e-2)
    assert solarsynth.class_text(flux) == "M2.5" and solarsynth.class_text(solarsynth.peak_flux("X")) == "X1.0"
    with pytest.raises(SolarsynthError, match="a letter of A, B, C, M, X and a number, got 'Q2'"):
        solarsynth.peak_flux("Q2")
