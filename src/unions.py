"""Floor 0. Merged sources: encoders tuned on several datasets at once, and what their names stand for."""

from collections.abc import Sequence


def members(datasets: Sequence[str]) -> dict[str, list[str]]:
    """Every merged source's name -> the datasets it is tuned on.

    >>> members(["cars", "food", "shelf"])["all_but_food"]
    ['cars', 'shelf']
    """
    but = {f"all_but_{left}": [name for name in datasets if name != left] for left in datasets}
    return {"all": list(datasets)} | but


def judges(source: str, datasets: Sequence[str]) -> list[str]:
    """The datasets that speak for a merged source: the one it has not seen, or where it has seen all, all of them."""
    seen = members(datasets)[source]
    return [name for name in datasets if name not in seen] or seen
