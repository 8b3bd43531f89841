"""Networks: the paper's U-Net and what will stand beside it. They know tensors, not the Sun."""
