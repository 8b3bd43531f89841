import pytest
import torch
from torch import nn

from solarsynth.diffusion.conditioning import DiscreteLabel, LabelAndEmbedding, XRayFlux, drop, null_like
from solarsynth.errors import SolarsynthError
from solarsynth.models.unet import SelfAttention, UNet, UNetConfig, count_parameters, time_embedding


def build(**settings):
    config = UNetConfig(**settings)
    return UNet(config, DiscreteLabel(5, config.time_width))


def test_the_papers_size():
    network = build()
    assert count_parameters(network) == 23_332_737
    # By hand from the description: a stage is a residual and a changing DoubleConv, and a projection.
    conv = lambda i, o: 9 * i * o  # noqa: E731
    norm = lambda c: 2 * c  # noqa: E731
    double = lambda i, o, m: conv(i, m) + norm(m) + conv(m, o) + norm(o)  # noqa: E731
    stage = lambda i, o, m: double(i, i, i) + double(i, o, m) + 256 * o + o  # noqa: E731
    attention = lambda c: 2 * 2 * c + 4 * c * c + 4 * c + 2 * (c * c + c)  # noqa: E731
    expected = {
        "condition": 5 * 256,
        "enter": double(1, 64, 64),
        "down": stage(64, 128, 128) + stage(128, 256, 256) + stage(256, 256, 256),
        "down_attention": attention(128) + attention(256) + attention(256),
        "bottleneck": double(256, 512, 512) + double(512, 512, 512) + double(512, 256, 256),
        "up": stage(512, 128, 256) + stage(256, 64, 128) + stage(128, 64, 64),
        "up_attention": attention(128) + attention(64) + attention(64),
        "leave": 64 + 1,
    }
    assert {name: count_parameters(module) for name, module in network.named_children()} == expected


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"patch": 2},
        {"patch": 4},
        {"attention": "inner"},
        {"attention": "none", "dropout": 0.2},
        {"multipliers": (1, 2)},
        {"multipliers": (1, 2, 3, 4, 5)},
    ],
)
def test_shapes(settings):
    network = build(image_size=32, base_width=8, **settings)
    x = torch.randn(3, 1, 32, 32)
    assert network(x, torch.tensor([1, 500, 999]), torch.tensor([[0.0], [4.0], [torch.nan]])).shape == x.shape


def test_attention_equals_torchs_materialised_one():
    torch.manual_seed(0)
    ours, width, heads = SelfAttention(16, 4), 16, 4
    theirs = nn.MultiheadAttention(width, heads, batch_first=True)
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = ours.in_projection.weight.data, ours.in_projection.bias.data
    theirs.out_proj.load_state_dict(ours.out_projection.state_dict())
    x = torch.randn(2, width, 8, 8)
    tokens = x.flatten(2).transpose(1, 2)
    normed = ours.norm(tokens)
    expected = tokens + theirs(normed, normed, normed, need_weights=True)[0]
    expected = expected + ours.mlp(expected)
    torch.testing.assert_close(ours(x), expected.transpose(1, 2).view_as(x), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("size, blocks", [(64, "all"), (128, "inner")])
def test_the_papers_128_px_network_has_two_attention_layers_less(size, blocks):
    network = build(image_size=size, attention=blocks)
    layers = [module for module in network.modules() if isinstance(module, SelfAttention)]
    assert len(layers) == (6 if size == 64 else 4)
    attention = lambda c: 2 * 2 * c + 4 * c * c + 4 * c + 2 * (c * c + c)  # noqa: E731
    gone = 0 if size == 64 else attention(128) + attention(64)
    assert count_parameters(network) == 23_332_737 - gone


def test_no_tensor_of_size_tokens_squared_is_made():
    """What a backward pass keeps is far below one attention matrix of the 64 px block, 4096² × 4 heads × 4 bytes."""
    kept = []
    network, x = SelfAttention(64, 4), torch.randn(1, 64, 64, 64, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        network(x)
    assert max(kept) <= 4096 * 64 * 3


def test_convolutions_run_channels_last():
    seen = []
    network = build(image_size=32, base_width=8).to(memory_format=torch.channels_last)
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.in_channels > 1:
            module.register_forward_hook(
                lambda m, args, out: seen.append(out.is_contiguous(memory_format=torch.channels_last))
            )
    network(torch.randn(2, 1, 32, 32), torch.tensor([1, 9]), torch.tensor([[0.0], [1.0]]))
    assert len(seen) > 20 and all(seen)


CONDITIONS = {
    "discrete": (DiscreteLabel(5, 8), torch.tensor([[0.0], [3.0], [4.0]])),
    "continuous": (XRayFlux(8), torch.tensor([[1e-8], [3e-6], [2e-4]])),
    "embedding": (LabelAndEmbedding(5, 6, 8), torch.cat([torch.tensor([[0.0], [3.0], [4.0]]), torch.ones(3, 6)], 1)),
}


@pytest.mark.parametrize("kind", CONDITIONS)
def test_an_unconditional_row_becomes_zeros(kind):
    module, condition = CONDITIONS[kind]
    assert module(condition).shape == (3, 8) and module(condition).abs().sum(1).min() > 0
    assert module(null_like(condition)).abs().sum() == 0
    mixed = module(drop(condition, torch.tensor([False, True, False])))
    assert mixed[1].abs().sum() == 0 and torch.equal(mixed[[0, 2]], module(condition)[[0, 2]])
    mixed.sum().backward()
    assert all(p.grad.isfinite().all() for p in module.parameters())


def test_conditions_by_hand():
    label, flux, both = (CONDITIONS[kind][0] for kind in ("discrete", "continuous", "embedding"))
    assert torch.equal(label(torch.tensor([[3.0]])), label.embedding.weight[3:4])
    fluxes = torch.tensor([[1e-7], [1e-6], [1e-5]])
    flux.fit(fluxes)
    assert flux.log_mean.item() == pytest.approx(-6) and flux.log_std.item() == pytest.approx((2 / 3) ** 0.5)
    standardised = (torch.tensor([[-4.0]]) + 6) / (2 / 3) ** 0.5
    torch.testing.assert_close(flux(torch.tensor([[1e-4]])), flux.layers(standardised))
    z = torch.arange(6.0)
    weight, bias = both.join.weight, both.join.bias
    expected = weight[:, :8] @ both.embedding.weight[2] + weight[:, 8:] @ z + bias
    torch.testing.assert_close(both(torch.cat([torch.tensor([2.0]), z])[None])[0], expected)


@pytest.mark.parametrize("bad", [0.0, -1e-6, float("nan"), float("inf")])
def test_a_flux_that_is_none(bad):
    with pytest.raises(
        SolarsynthError, match=r"fluxes must be positive numbers in W/m², got .*1 of 2 are wrong.*leave those frames"
    ):
        XRayFlux(8).fit(torch.tensor([[1e-6], [bad]]))


def test_time_embedding_by_hand():
    t = torch.tensor([7])
    row = time_embedding(t, 4)[0]
    rates = torch.tensor([1.0, 10_000 ** (-2 / 4)])
    torch.testing.assert_close(row, torch.cat([(7 * rates).sin(), (7 * rates).cos()]))


@pytest.mark.parametrize(
    "settings, match",
    [
        ({"image_size": 60}, r"divisible by 8 \(3 halvings, patch 1\), got 60"),
        ({"image_size": 64, "patch": 16}, r"divisible by 128 \(3 halvings, patch 16\), got 64"),
        ({"base_width": 6}, "divisible by the 4 attention heads, got 6"),
        ({"attention": "iner"}, "unknown attention 'iner'; did you mean 'inner'"),
        ({"multipliers": (1,)}, "two or more whole numbers of at least 1, got"),
    ],
)
def test_configurations_that_cannot_be(settings, match):
    with pytest.raises(SolarsynthError, match=match):
        UNetConfig(**settings)
