"""Floor 0. Strict frozen records, the small types of their fields, and one line about what does not fit into them."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from src.registry import nearest, unknown


def slug(name: str) -> str:
    """The name, if it is one; a ValueError where it is not."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError("must be a slug: a lower-case letter, then letters, digits or _ (no dots, DVC nests on them)")
    return name


Slug = Annotated[str, AfterValidator(slug)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0)]
Auto = Literal["auto"]


class Record(BaseModel):
    """A frozen record that knows its keys: one too many is a mistake, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def complaint(error: ValidationError, raw: Any, place: str, top: type[Record]) -> str:
    """The first problem in one line, and how many more there are; `top` is the record of the whole file."""
    if not isinstance(raw, dict):
        return f"{place} holds no keys; compare it with the one in git (git diff {place})"
    first, *more = error.errors()
    key = ".".join(str(part) for part in _untagged(first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = f"is not a known key.{nearest(str(first['loc'][-1]), _siblings(first['loc'], top))}"
    elif first["type"] == "missing":
        message = "is missing; add it"
    elif first["type"].startswith("union_tag"):
        message = _of_no_kind(first)
    elif key.endswith(".key"):
        message = "must be the NAME of an environment variable, in capitals; never write a key into this file"
    elif key:
        message = f"is {_short(first['input'])}: {message[0].lower()}{message[1:]}"
    tail = f" ({len(more)} more after this)" if more else ""
    return f"{place}: {key} {message}{tail}" if key else f"{message}{tail}"


def _of_no_kind(problem: Any) -> str:
    """About an entry whose `library` or `reader` is missing or unknown."""
    key = problem["ctx"]["discriminator"].strip("'")
    if "tag" not in problem["ctx"]:
        return f"has no '{key}'; add it"
    known = problem["ctx"]["expected_tags"].replace("'", "").split(", ")
    return "has an " + unknown(problem["ctx"]["tag"], known, key, "its entry")


def _untagged(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Without the third part, where pydantic names the kind of entry it took: models.siglip.open_clip.size."""
    return location[:2] + location[3:] if location[:1] in (("models",), ("catalogue",)) else location


def _short(value: Any) -> str:
    """A value as it fits into a line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _siblings(location: tuple[int | str, ...], top: type[Record]) -> list[str]:
    """Every key of any record that could have been meant at this place."""
    records = [top] if len(location) == 1 else _below(Record)
    return sorted({name for record in records for name in record.model_fields})


def _below(record: type[Record]) -> list[type[Record]]:
    """Every kind of a record, and their kinds."""
    return [other for child in record.__subclasses__() for other in (child, *_below(child))]
