"""Diffusion: the forward process, conditioning, training and sampling. Tensors only, no Sun."""
