import pytest
import torch
from torch import nn

from solarsynth.diffusion.conditioning import NULL, DiscreteLabel
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


@pytest.mark.parametrize("settings", [{"base_width": 8}, {"base_width": 8, "patch": 2}, {"base_width": 8, "patch": 4}])
def test_shapes(settings):
    network = build(image_size=32, **settings)
    x = torch.randn(3, 1, 32, 32)
    assert network(x, torch.tensor([1, 500, 999]), torch.tensor([0, 4, NULL])).shape == x.shape


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


def test_null_condition_is_no_embedding():
    condition = DiscreteLabel(5, 8)
    assert condition(torch.tensor([NULL])).abs().sum() == 0
    assert torch.equal(condition(torch.tensor([3])), condition.embedding.weight[3:4])


def test_time_embedding_by_hand():
    t = torch.tensor([7])
    row = time_embedding(t, 4)[0]
    rates = torch.tensor([1.0, 10_000 ** (-2 / 4)])
    torch.testing.assert_close(row, torch.cat([(7 * rates).sin(), (7 * rates).cos()]))


@pytest.mark.parametrize("settings", [{"image_size": 60}, {"image_size": 64, "patch": 16}, {"base_width": 6}])
def test_sizes_that_do_not_divide(settings):
    with pytest.raises(SolarsynthError, match="does not divide"):
        UNetConfig(**settings)
