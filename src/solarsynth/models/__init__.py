"""Networks: U-Net, ceVAE, classifier and prior. They work on tensors and know nothing of the Sun."""
