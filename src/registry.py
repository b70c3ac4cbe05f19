"""Floor 0. Looking a name up in a table one can see, with a helpful answer when it is not there."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

from src.errors import UserError

T = TypeVar("T")


def nearest(name: str, known: Iterable[str]) -> str:
    """' Did you mean 'siglip'?' when a known name is close to `name`, else ''."""
    close = get_close_matches(str(name), list(known), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


def unknown(name: str, known: Iterable[str], kind: str, place: str) -> str:
    """The line for a name that is not in its table.

    >>> unknown("siglp", ["clip", "siglip"], "model", "params.yaml")
    "unknown model 'siglp' in params.yaml; known: clip, siglip. Did you mean 'siglip'?"
    """
    known = sorted(known)
    return f"unknown {kind} '{name}' in {place}; known: {', '.join(known)}.{nearest(name, known)}"


def lookup(table: Mapping[str, T], name: str, kind: str, place: str = "params.yaml") -> T:
    """`table[name]`, or a UserError that lists what is known."""
    if name not in table:
        raise UserError(unknown(name, table, kind, place))
    return table[name]
