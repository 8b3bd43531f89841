"""Settings of the networks that the tests train: they take a second each.

Every test uses these settings, so that the session's store trains each network once.
"""

TINY = {
    "image_size": 16,
    "patch": 1,
    "base_width": 4,
    "train_images": 64,
    "finetune_images": 16,
    "daily_images": 64,
    "latent": 4,
    "cevae_width": 2,
    "cevae_images": 64,
    "prior_images": 64,
    "batch_size": 8,
    "sampling_steps": 4,
    "test_fraction": 0.3,
    "split": "random",
    "classifier_patch": 8,
    "classifier_depth": 1,
    "classifier_images": 128,
    "classifier_seeds": 2,
    "trial_depth": 1,
    "trial_steps": 8,
    "floor_draws": 10,
}

#: The same with blocks of three hours, so that the two days of the small archive have sixteen.
SHORT = TINY | {"split": "blocked", "block_days": 0.125, "fold_blocks": 1, "purge_days": 0.02}
SHORT |= {"twin_images": 32, "choices_images": 32, "pretrain_images": 16}

#: What `solarsynth.networks.build` makes a network of, for tests that train without a lab.
ARCHITECTURE = {
    "kind": "discrete",
    "image_size": 16,
    "base_width": 4,
    "patch": 1,
    "attention": "all",
    "dropout": 0.0,
    "n_classes": 5,
    "parameterisation": "preconditioned",
    "min_snr": 0.0,
    "n_steps": 100,
    "beta_start": 1e-4,
    "beta_end": 0.05,
}


def as_options(settings: dict) -> list[str]:
    """Return settings as options of the command line."""
    return [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
