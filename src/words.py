"""Floor 0. Names that params.yaml, metrics files and tables share."""

STRATEGIES = ("pretrained", "top_tuned", "fine_tuned", "hybrid_tuned", "cross_tuned")
METHODS = ("top_tuned", "fine_tuned")  # what a cross-tuned encoder can have been tuned by
PAIRWISE = ("supcon", "multi_similarity")  # losses that compare the images of a batch: it needs several of each label
HYBRIDS = {  # what lies between a head and all weights, and how people call it
    "lora": "thin matrices trained beside its weights (LoRA)",
    "last_blocks": "its last blocks trained",
    "bitfit": "its biases trained (BitFit)",
    "norms": "its norms trained",
    "interpolate": "mixed with what fine-tuning makes of it (WiSE-FT)",
}
# keys that metrics files use themselves, beside the names of datasets and protocols
RESERVED = (
    *("model", "weights_sha256", "strategy", "hybrid", "protocol_version"),
    *("mean", "classification", "images", "training"),
    *STRATEGIES,
)
