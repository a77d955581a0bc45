"""What could be labelled next: a cell, how to make it, and why it might tell something new."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from ase import Atoms

#: Kinds of candidates, and whether they exploit what there is or explore what there is not.
STRATEGIES = {
    "deformation": "exploit",
    "frame": "exploit",
    "run": "explore",
    "composition": "explore",
    "cell": "explore",
}

#: What a recipe has to say, and of which type.
RECIPES: dict[str, dict[str, type]] = {
    "deform": {"parent": str, "deformation": dict},
    "frame": {"run": str, "frame": int},
    "melt_quench": {"composition": str, "n_atoms": int, "seed": int},
    "cut": {"target": str, "frame": int, "centre": int, "n_atoms": int},
}

#: The operations that make each kind.
OPERATIONS = {
    "deformation": "deform",
    "frame": "frame",
    "run": "melt_quench",
    "composition": "melt_quench",
    "cell": "cut",
}


@dataclass(frozen=True)
class Candidate:
    """A cell that could be labelled.

    Attributes
    ----------
    kind : of :data:`STRATEGIES`
    recipe : how to make the cell, JSON types: ``operation`` and what it takes, see :data:`RECIPES`
    atoms : the very cell, or a surrogate with the environments that are to be expected of it
    surrogate : whether ``atoms`` is one
    group : what resembles each other: the glass that a cell comes from, or would come from
    description : the cell in words, e.g. ``shear_xy by 0.2 of Cu50Zr50``
    n_atoms : number of atoms of the cell to be labelled; of ``atoms`` by default
    """

    kind: str
    recipe: dict[str, Any]
    atoms: Atoms
    surrogate: bool
    group: str
    description: str
    n_atoms: int = 0

    def __post_init__(self) -> None:
        if self.kind not in STRATEGIES:
            raise ValueError(f"a candidate is of the kind {self.kind!r}: choose from {sorted(STRATEGIES)}")
        check_recipe(self.recipe, self.kind)
        if not self.n_atoms:
            object.__setattr__(self, "n_atoms", int(self.recipe.get("n_atoms", len(self.atoms))))

    @property
    def key(self) -> str:
        """The kind and a checksum of the recipe: equal recipes have equal keys."""
        return recipe_key(self.kind, self.recipe)

    @property
    def strategy(self) -> str:
        """``exploit`` or ``explore``."""
        return STRATEGIES[self.kind]


def recipe_key(kind: str, recipe: dict[str, Any]) -> str:
    """Return the key of a recipe."""
    text = json.dumps(recipe, sort_keys=True, separators=(",", ":"))
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def check_recipe(recipe: dict[str, Any], kind: str | None = None) -> None:
    """Refuse a recipe that cannot be carried out.

    Raises
    ------
    ValueError
        For an unknown operation or one that does not make ``kind``, something missing or unknown, or a wrong type.
    """
    operation = recipe.get("operation")
    if operation not in RECIPES:
        raise ValueError(f"a recipe has the operation {operation!r}: choose from {sorted(RECIPES)}")
    if kind is not None and OPERATIONS.get(kind) != operation:
        raise ValueError(f"a candidate of the kind {kind!r} cannot be made by {operation!r}")
    wanted = RECIPES[operation]
    if set(recipe) != {"operation", *wanted}:
        raise ValueError(f"a recipe to {operation} takes {sorted(wanted)}, and this has {sorted(recipe)}")
    for name, expected in wanted.items():
        value = recipe[name]
        if not isinstance(value, expected) or isinstance(value, bool):
            wanted_type = expected.__name__
            raise ValueError(f"{name} of a recipe to {operation} is {value!r}: it must be of the type {wanted_type}")
    for name in ("frame", "centre", "seed"):
        if recipe.get(name, 0) < 0:
            raise ValueError(f"{name} of a recipe to {operation} is {recipe[name]}: it must not be negative")
    if recipe.get("n_atoms", 1) < 1:
        raise ValueError(f"n_atoms of a recipe to {operation} is {recipe['n_atoms']}: at least one is needed")
