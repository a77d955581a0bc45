"""Names of arrays per bond type: `Zr-Cu.distance` of the pure modules is `Zr_Cu__distance` in a node."""

from __future__ import annotations

from numpy.typing import NDArray


def to_node_name(name: str) -> str:
    """Return the name under which an array is stored: AiiDA allows letters, digits and underscores."""
    bond_type, column = name.split(".", 1)
    return f"{bond_type.replace('-', '_')}__{column.replace('.', '__')}"


def from_node_name(name: str) -> str:
    """Return the name that :func:`to_node_name` encoded."""
    bond_type, column = name.split("__", 1)
    return f"{bond_type.replace('_', '-')}.{column.replace('__', '.')}"


def get_arrays(node) -> dict[str, NDArray]:
    """Return all arrays of a node by their own names."""
    return {from_node_name(name): node.get_array(name) for name in node.get_arraynames()}


def set_arrays(node, arrays: dict[str, NDArray]) -> None:
    """Add arrays to a node."""
    for name, array in arrays.items():
        node.set_array(to_node_name(name), array)
