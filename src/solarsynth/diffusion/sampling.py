"""How images are sampled: one value that every function which draws images takes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from solarsynth.diffusion import consistency  # registers its sampler  # noqa: F401
from solarsynth.diffusion.guidance import Guidance
from solarsynth.diffusion.parameterisations import Denoiser
from solarsynth.diffusion.samplers import SAMPLERS, NoiseStreams
from solarsynth.errors import SolarsynthError, did_you_mean, shown


@dataclass(frozen=True)
class Sampling:
    """A sampler and its settings.

    Attributes
    ----------
    sampler : {"ancestral", "ddim", "dpm-solver++", "consistency"}
    steps : int
        Network evaluations per image, twice as many with guidance. ``ancestral`` always takes all T - 1 steps,
        ``consistency`` one or two, of a tuned model.
    eta : float
        Of ``ddim``: 0 is deterministic, 1 as noisy as ``ancestral``.
    guidance : float
        w of Eq. 6.
    interval : tuple of float
        Noise levels σ between which guidance acts.
    batch : int
        Images drawn together; 0: the number that draws fastest, found by measuring. It changes results by rounding
        only.
    """

    sampler: str = "dpm-solver++"
    steps: int = 20
    eta: float = 0.0
    guidance: float = 0.0
    interval: tuple[float, float] = (0.0, math.inf)
    batch: int = 0

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise SolarsynthError(f"unknown sampler {shown(self.sampler)}{did_you_mean(self.sampler, SAMPLERS)}")
        for name, low, high, kind in (
            ("steps", 1, math.inf, int),
            ("batch", 0, math.inf, int),
            ("eta", 0, 1, float),
            ("guidance", -1, math.inf, float),
        ):
            object.__setattr__(self, name, _number(name, getattr(self, name), low, high, kind))
        low, high = (float(level) for level in self.interval)
        object.__setattr__(self, "interval", (low, high))
        Guidance(self.guidance, low, high)  # an empty interval is an error here, not at the first image

    @classmethod
    def of(cls, settings: Any) -> Sampling:
        """Return the sampling of `solarsynth.settings.Settings`; in them an upper end of 0 means no upper end."""
        s = settings
        interval = (s.guidance_low, s.guidance_high or math.inf)
        return cls(s.sampler, s.sampling_steps, s.eta, s.guidance, interval, s.sampling_batch)

    def replace(self, **changes: Any) -> Sampling:
        """Return a copy with other values; a change of None leaves the value as it is.

        Raises
        ------
        SolarsynthError
            For a name that is no field of a sampling.
        """
        known = [field.name for field in dataclasses.fields(self)]
        for name in changes:
            if name not in known:
                raise SolarsynthError(f"sampling has no field {shown(name)}{did_you_mean(name, known)}")
        return dataclasses.replace(self, **{name: value for name, value in changes.items() if value is not None})

    def steps_of(self, n_steps: int) -> int:
        """Return the number of steps on a schedule of T = `n_steps`."""
        if self.sampler == "ancestral":
            return n_steps - 1
        return min(self.steps, 2) if self.sampler == "consistency" else self.steps

    @property
    def guide(self) -> Guidance:
        """The weight of guidance and where it acts."""
        return Guidance(self.guidance, *self.interval)

    def identity(self, n_steps: int) -> dict[str, Any]:
        """Return what the images depend on, as JSON types: without batch, and with eta only if the sampler uses it."""
        identity = {"sampler": self.sampler, "steps": self.steps_of(n_steps), "guidance": self.guidance}
        if self.interval != (0.0, math.inf):
            low, high = self.interval
            identity["interval"] = [low, high if math.isfinite(high) else 0.0]
        return identity | ({"eta": self.eta} if self.sampler == "ddim" else {})

    def run(
        self,
        denoiser: Denoiser,
        x_T: Tensor,
        condition: Tensor,
        noise: NoiseStreams | None = None,
        callback: Callable[[int, int, Tensor], None] | None = None,
    ) -> Tensor:
        """Draw x_0 from x_T.

        Parameters
        ----------
        denoiser : Denoiser
        x_T : Tensor of float32, shape (B, ...)
            Where sampling starts: what `Denoiser.start` makes of standard normal noise.
        condition : Tensor, shape (B, d)
        noise : NoiseStreams, optional
            Where the noise of the steps comes from, with ``ancestral`` and with eta above 0.
        callback : callable, optional
            Called after each step with (step number from 1, steps, x).

        Returns
        -------
        Tensor of float32, shaped like `x_T`
            Not clipped.
        """
        options = {"eta": self.eta} if self.sampler == "ddim" else {}
        steps = self.steps_of(denoiser.schedule.n_steps)
        return SAMPLERS[self.sampler](denoiser, x_T, condition, self.guide, steps, noise, callback, **options)


def _number(name: str, value: Any, low: float, high: float, kind: type) -> Any:
    """Return a number as `kind`, so that equal samplings have equal keys; 2 and 2.0 are the same guidance."""
    try:
        number = kind(value)
        if number == value and low <= number <= high and math.isfinite(number):
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    word = "a whole number" if kind is int else "a finite number"
    bounds = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of at least {low:g}"
    raise SolarsynthError(f"{name} must be {word} {bounds}, got {shown(value)}")
