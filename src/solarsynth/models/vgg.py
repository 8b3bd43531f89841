"""VGG16 as a judge of similarity (Ghildyal & Liu 2022, ST-LPIPS, doi:10.48550/arXiv.2207.13686): it never saw a Sun.

The network has the convolutions of VGG16 (Simonyan & Zisserman 2015, doi:10.48550/arXiv.1409.1556). Its authors trained
it from its initial values, not from ImageNet's, to tell which of two distorted patches of a photograph, 64 px wide,
people find more like the original. Its pooling is blurred, so that a shift by a pixel hardly changes its features
(Zhang 2019, doi:10.48550/arXiv.1904.11486). The weights lie in the package stlpips-pytorch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from solarsynth.errors import SolarsynthError

#: Least and largest side of the input in pixels; other images are resized. It was trained with 64 px.
SIDES = (32, 64)

#: Channels and number of 3×3 convolutions of each block.
BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))

# It changes no order of distances. Two Suns an hour apart are then about 1 apart, Suns of different months about 7.
SCALE = 100.0


class BlurPool(nn.Module):
    """Halve the resolution: the maximum of 2×2 pixels at every place, a 3×3 binomial blur, then every second pixel."""

    filter: Tensor

    def __init__(self) -> None:
        super().__init__()
        row = torch.tensor([0.25, 0.5, 0.25])
        self.register_buffer("filter", row[:, None] * row, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H // 2 + 1, W // 2 + 1) for (B, C, H, W)."""
        channels = x.shape[1]
        x = F.pad(F.max_pool2d(x, 2, stride=1), (2, 2, 2, 2), mode="reflect")
        return F.conv2d(x, self.filter.expand(channels, 1, 3, 3), stride=2, groups=channels)


class VGG16(nn.Module):
    """The convolutions of VGG16, and how much each channel counts for similarity.

    Parameters
    ----------
    weights : dict of str to Tensor
        As in the package's ``vgg_shift_tolerant.pth``: ``net.slice<block>.<n>.weight`` and ``.bias``,
        ``lin<block>.model.1.weight``, and the scaling of the input.

    Raises
    ------
    SolarsynthError
        If these are not its weights.
    """

    shift: Tensor
    spread: Tensor
    share: Tensor

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        channels = 3
        for width, count in BLOCKS:
            layers: list[nn.Module] = [BlurPool()] if len(self.blocks) else []
            for _ in range(count):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            self.blocks.append(nn.Sequential(*layers))
        try:
            self._read(weights)
        except (KeyError, RuntimeError, ValueError) as error:
            raise SolarsynthError(f"not the weights of ST-LPIPS' VGG16 ({str(error).splitlines()[0]})") from None
        self.requires_grad_(False).eval()

    def _read(self, weights: dict[str, Tensor]) -> None:
        """Take the weights in the order of the file, which numbers its layers otherwise."""
        names = [name for name in weights if name.startswith("net.slice") and not name.endswith(".filt")]
        own = [p for layer in self.modules() if isinstance(layer, nn.Conv2d) for p in (layer.weight, layer.bias)]
        with torch.no_grad():
            for parameter, name in zip(own, names, strict=True):
                parameter.copy_(weights[name])
        self.register_buffer("shift", weights["scaling_layer.shift"].clone())
        self.register_buffer("spread", weights["scaling_layer.scale"].clone())
        linear = [weights[f"lin{i}.model.1.weight"].flatten() for i in range(len(BLOCKS))]
        self.register_buffer("share", torch.cat(linear).clamp(min=0).sqrt())

    def activations(self, x: Tensor) -> list[Tensor]:
        """Return the output of every block, (B, C, h, w) each, for images (B, 1, H, W) in [-1, 1]."""
        side = min(max(x.shape[-1], SIDES[0]), SIDES[1])
        if x.shape[-1] != side:
            x = F.interpolate(x, (side, side), mode="bilinear", antialias=True)
        h = (x - self.shift) / self.spread  # one channel becomes three
        found = []
        for block in self.blocks:
            h = block(h)
            found.append(h)
        return found

    def embed(self, x: Tensor) -> Tensor:
        """Return features (B, 1472) of images (B, 1, H, W) in [-1, 1].

        As in LPIPS (Zhang et al. 2018, doi:10.1109/CVPR.2018.00068), the channels of each pixel are scaled to a vector
        of length 1, and a channel counts by its linear weight. LPIPS compares images pixel by pixel. Here the mean over
        the pixels is compared, so that the squared distance of two images is the LPIPS of their mean vectors, times
        `SCALE` squared. All five blocks are kept: the first sees noise and blur, the last the arrangement.
        """
        means = [F.normalize(h, dim=1, eps=1e-10).mean((2, 3)) for h in self.activations(x)]
        return SCALE * self.share * torch.cat(means, 1)
