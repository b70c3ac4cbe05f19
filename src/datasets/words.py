"""Floor 1. The words of datasets: the columns a reader may give, and what people call their splits."""

# The columns of a reader's table that mean something here; any other is carried along as it is.
COLUMNS = ("image_id", "file", "label", "split", "category", "group", "caption")
REQUIRED = ("file", "label")

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
    "query": ("query", "queries"),
    "gallery": ("gallery",),
    "iconic": ("iconic",),
    "studio": ("studio",),
}


def canonical(word: str) -> str | None:
    """Our name of a split, or None for a word that is not known to mean one.

    >>> canonical("Validation")
    'val'
    """
    return next((ours for ours, theirs in SPLITS.items() if word.strip().lower() in theirs), None)
