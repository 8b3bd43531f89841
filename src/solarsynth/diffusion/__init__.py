"""Diffusion: the forward process, conditioning, training and sampling. It works on tensors of any kind."""
