"""A report is passed on: what tells of people and their machines beyond need stays out."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

T = TypeVar("T")

_EMAIL = re.compile(r"([A-Za-z0-9._%+-]+)@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_HOME = re.compile(
    r"(?:/home/[^/\s'\",;:]+|/Users/[^/\s'\",;:]+|[A-Z]:\\Users\\[^\\\s'\",;:]+|/root)(?=[/\\\s'\",;:)]|$)"
)


def scrub_text(text: str) -> str:
    """Return a text with home folders as ``~`` and e-mail addresses without their domain."""
    return _EMAIL.sub(r"\1", _HOME.sub("~", text))


def scrub(value: T) -> T:
    """Return dataclasses, lists, tuples and dictionaries with every text in them as :func:`scrub_text` leaves it."""
    result: Any = value
    if isinstance(value, str):
        result = scrub_text(value)
    elif isinstance(value, dict):
        result = {scrub(key): scrub(item) for key, item in value.items()}
    elif isinstance(value, list):
        result = [scrub(item) for item in value]
    elif isinstance(value, tuple):
        result = tuple(scrub(item) for item in value)
    elif is_dataclass(value) and not isinstance(value, type):
        result = replace(value, **{each.name: scrub(getattr(value, each.name)) for each in fields(value)})
    return result
