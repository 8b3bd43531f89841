"""A GPU that is not there: what lies on it has shape, dtype and device, but no values.

On top of torch's FakeTensorMode, which alone would fake tensors of the CPU too. Here they stay real, so that code which
reads values of its own (a schedule, a random draw) runs as it is. An operation that joins the two devices fails as on a
real GPU. What is copied back from the GPU, or read from it, is zero.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten


class Fake(FakeTensorMode):
    """Never asks a real GPU, though torch is told that there is one."""

    avoid_device_init = True


class FakeCuda(TorchDispatchMode):
    """Sends to the fake GPU what belongs there, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.ran: set[torch.dtype] = set()  # dtypes of the matrix products and convolutions on the GPU

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        options = options or {}
        leaves = tree_leaves((arguments, options))
        there = any(isinstance(leaf, FakeTensor) for leaf in leaves)
        target = options.get("device")
        onto_gpu = target is not None and torch.device(target).type == "cuda"
        if function is aten.is_pinned.default:
            return False
        if function is aten._pin_memory.default:
            return arguments[0]
        if not there and not onto_gpu:
            with unset_fake_temporarily():
                return function(*arguments, **options)
        if function is aten._local_scalar_dense.default:
            with unset_fake_temporarily():
                return torch.zeros((), dtype=arguments[0].dtype).item()
        if there and target is not None and not onto_gpu:  # back from the GPU
            like = arguments[0]
            with unset_fake_temporarily():
                return torch.zeros(like.shape, dtype=options.get("dtype") or like.dtype)
        if function is aten.copy_.default and not isinstance(arguments[0], FakeTensor):
            return arguments[0].zero_()
        if function in (aten.convolution.default, aten.mm.default, aten.addmm.default):
            self.ran.add(arguments[0].dtype)
        return function(*arguments, **options)


def backward(loss: torch.Tensor) -> None:
    """Do in Python what ``loss.backward()`` does: autograd's own engine asks the driver, and there is none."""
    gradients = {loss.grad_fn: {0: torch.ones_like(loss)}}
    for node in _from_the_loss_on(loss.grad_fn):
        if hasattr(node, "variable"):  # a parameter: AccumulateGrad
            gradient = gradients[node][0]
            node.variable.grad = gradient if node.variable.grad is None else node.variable.grad + gradient
            continue
        found = node(*(gradients[node].get(i) for i in range(len(node._input_metadata))))
        found = found if isinstance(found, tuple) else (found,)
        for (below, number), gradient in zip(node.next_functions, found, strict=True):
            if below is None or gradient is None:
                continue
            wanted = below._input_metadata[number]
            assert gradient.device == wanted.device, f"{node.name()}: a gradient on {gradient.device}"
            gradient = gradient.sum_to_size(wanted.shape).to(wanted.dtype)
            there = gradients.setdefault(below, {})
            there[number] = there[number] + gradient if number in there else gradient


def _from_the_loss_on(first) -> list:
    """Return the nodes of a graph, each behind all that give it a gradient."""
    order, seen, stack = [], set(), [(first, False)]
    while stack:
        node, finished = stack.pop()
        if finished:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(below, False) for below, _ in node.next_functions if below is not None]
    return order[::-1]


@contextlib.contextmanager
def fake_cuda(monkeypatch) -> Iterator[FakeCuda]:
    """Make torch and this package see one GPU."""
    mode, fake = FakeCuda(), Fake(allow_non_fake_inputs=True)
    with fake, mode, monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: True)
        patch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)
        patch.setattr(torch.Tensor, "backward", backward)
        patch.setattr(torch.cuda, "get_device_name", lambda *_: "no GPU at all")
        patch.setattr(torch.cuda, "get_rng_state", lambda *_: None)
        patch.setattr(torch.cuda, "set_rng_state", lambda *_: None)
        yield mode
