"""Make what a program wrote fit for the database, which takes neither nan nor null characters."""

from __future__ import annotations

import json
import math
from typing import Any


def sanitise(value: Any) -> Any:
    """Return the value with None for numbers that are not finite, and texts that any database takes."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {sanitise(str(key)): sanitise(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [sanitise(item) for item in value]
    return value


def read_json(text: str) -> dict[str, Any]:
    """Return an object, empty if the text is cut off or something else: the other files say the essential."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return sanitise(value) if isinstance(value, dict) else {}
