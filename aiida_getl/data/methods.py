"""What made labels, in words."""

from __future__ import annotations

from typing import Any


def method_name(method: dict[str, Any]) -> str:
    """Return what made labels in a word or two."""
    if "mixed" in method:
        return "mixed: " + ", ".join(method_name(part) for part in method["mixed"])
    return f"{method.get('engine') or 'unknown'} {method.get('version') or ''}".strip()


def describe_method(method: dict[str, Any]) -> str:
    """Return what made labels, with basis and pseudopotentials."""
    if "mixed" in method:
        return "mixed: " + " | ".join(describe_method(part) for part in method["mixed"])
    basis = ", ".join(f"{element} {' '.join(shells)}" for element, shells in (method.get("basis") or {}).items())
    pseudos = ", ".join(f"{element} {name}" for element, name in (method.get("pseudos") or {}).items())
    return "; ".join(
        part
        for part in (method_name(method), f"basis {basis}" if basis else "", f"pseudos {pseudos}" if pseudos else "")
        if part
    )
