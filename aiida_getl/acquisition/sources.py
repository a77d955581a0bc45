"""What there is: structures with labels, glasses with frames to choose from, and the ensemble that matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ase import Atoms

from aiida_getl.structures.deformation import AS_QUENCHED


@dataclass(frozen=True)
class LabelledStructure:
    """A structure that has a label, or whose label failed: it is not proposed again.

    Attributes
    ----------
    id : UUID, for recipes
    atoms : the cell
    run : the glass that it belongs to
    sub_run : its deformation, e.g. ``as_quenched``; only cells as quenched are deformed
    labelled : False if the label failed
    """

    id: str
    atoms: Atoms
    run: str
    sub_run: str = AS_QUENCHED
    labelled: bool = True


@dataclass(frozen=True)
class GlassRun:
    """A melt-quench run whose frames can be labelled.

    Attributes
    ----------
    id : UUID of the frames, for recipes
    frames : by number, the last one last
    run : name of the glass
    """

    id: str
    frames: Sequence[Atoms]
    run: str

    def __post_init__(self) -> None:
        if not len(self.frames):
            raise ValueError(f"the run {self.run} ({self.id}) has no frames to label")


@dataclass(frozen=True)
class TargetStructure:
    """A structure of the target ensemble.

    Attributes
    ----------
    id : UUID, for recipes
    atoms : any size
    frame : number within the node, 0 for a single structure
    """

    id: str
    atoms: Atoms
    frame: int = 0
