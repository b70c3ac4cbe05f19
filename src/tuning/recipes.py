"""Floor 2. The hyper-parameters of a training."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How to train; what is not named is AdamW as most fine-tune with it, without averaging or a probe first.

    `warmup` is a share of all steps, `patience` counts epochs. `momentum` is SGD's, and the first beta of AdamW.
    `sampler` deals the batches, `auto` as the loss needs them; `images_per_label` is its K where it deals P labels x K.
    A gradient longer than `clip` is shortened to it; 0 leaves all as they are.
    A batch of `batch_size` goes through the network in `accumulate` parts, to need less memory; it has one loss all the
    same.
    `ema` is the share of the averaged weights that a step keeps; 0 averages nothing.
    A layer learns `layer_decay` times as fast as the one above it.
    `select` is the validation score that chooses the epoch.
    In the first `probe_epochs` of `epochs` the classifier learns alone.
    With `frozen_batch_norm` batch norms keep their statistics; `gradient_checkpointing` is `memory.checkpoint`.
    """

    lr: float
    weight_decay: float
    epochs: int
    patience: int
    batch_size: int
    label_smoothing: float
    warmup: float = 0.1
    precision: str = "fp32"
    loss: str = "cross_entropy"
    sampler: str = "auto"
    images_per_label: int = 4
    optimiser: str = "adamw"
    momentum: float = 0.9
    clip: float = 3.0
    accumulate: int = 1
    ema: float = 0.0
    layer_decay: float = 1.0
    probe_epochs: int = 0
    select: str = "mMP@5"
    frozen_batch_norm: bool = False
    gradient_checkpointing: bool = False
