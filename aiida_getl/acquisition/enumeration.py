"""All that could be labelled next: deformations, frames, new runs, new compositions, cells cut from the target."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_getl.acquisition.assessment import MAX_ASSESSED, extrapolated
from aiida_getl.acquisition.candidates import Candidate, recipe_key
from aiida_getl.acquisition.known import KnownStructures
from aiida_getl.acquisition.sampling import sample_bonds
from aiida_getl.acquisition.settings import deformation_matrix, directions, validate_settings
from aiida_getl.acquisition.sources import GlassRun, LabelledStructure, TargetStructure
from aiida_getl.acquisition.surrogates import composition_of, distance, fractions, stand_in
from aiida_getl.learning.model import EtlModel
from aiida_getl.structures.cutting import cut_cell
from aiida_getl.structures.deformation import AS_QUENCHED, deform

#: Makes a candidate when it is wanted.
Maker = Callable[[], Candidate]

#: Centres of cells cut from one structure are so far apart, in units of the edge of the cell.
APART = 0.7
#: Compositions are the same if a smaller share of the atoms would have to be exchanged.
SAME_COMPOSITION = 0.02


def enumerate_candidates(
    labelled: Sequence[LabelledStructure],
    runs: Sequence[GlassRun],
    target: Sequence[TargetStructure],
    settings: dict[str, Any],
    seed: int,
    model: EtlModel | None = None,
    done: Collection[str] = (),
) -> list[Candidate]:
    """Return all candidates, each with the cell or one that stands for it.

    Parameters
    ----------
    labelled : structures that have a label, and those whose label failed
    runs : glasses with frames to choose from
    target : structures where the model is to be used
    settings : see :mod:`aiida_getl.acquisition.settings`
    seed : of new runs, of the cells that stand for them, and of what is drawn where there is too much
    model : tells which environments of the target are wanting; without it no cells are cut
    done : keys of candidates that were tried already

    Raises
    ------
    ValueError
        For settings out of range, a composition given that cells of this size cannot have, or without any structure.
    """
    settings = validate_settings(settings)
    if not labelled and not runs:
        raise ValueError("candidates are made from labelled structures or melt-quench runs, and there are none")
    present = [own.atoms for own in labelled]
    known = KnownStructures(present)
    n_atoms = settings["n_atoms"] or min(len(own) for own in [*present, *(run.frames[-1] for run in runs)])
    most = settings["max_of_kind"]
    found: list[Candidate] = []
    _add(found, _drawn(_deformations(labelled, settings), most, (seed, 5)), done, known, most)
    _add(found, _drawn(_frames(runs, known, settings["n_frames"]), most, (seed, 6)), done, known, most)
    _add(
        found, _new_glasses(labelled, runs, target, settings, n_atoms, seed, done), done, KnownStructures([]), 2 * most
    )
    if model is not None:
        _add(found, _cells(target, model, n_atoms, min(most, settings["n_cells"]), seed), done, known, most)
    return found


def _drawn(makers: Sequence[Maker], most: int, seed: tuple[int, int]) -> Iterable[Candidate]:
    """Make candidates, in an order that is drawn if there are more than will be taken."""
    order = np.arange(len(makers))
    if len(makers) > most:
        order = np.random.default_rng(seed).permutation(order)
    for k in order:
        yield makers[int(k)]()


def _add(
    found: list[Candidate],
    candidates: Iterable[Candidate],
    done: Collection[str],
    known: KnownStructures,
    most: int,
) -> None:
    """Add so many candidates, unless they are there, were tried, or are the same as a structure that is known."""
    keys = {other.key for other in found} | set(done)
    added = 0
    for candidate in candidates:
        if candidate.key in keys or candidate.atoms in known:
            continue
        keys.add(candidate.key)
        found.append(candidate)
        added += 1
        if added == most:
            return


def _deformations(labelled: Sequence[LabelledStructure], settings: dict[str, Any]) -> list[Maker]:
    parents = [own for own in labelled if own.sub_run == AS_QUENCHED and own.labelled]
    plans = [
        (parent, {"name": name, "amplitude": float(amplitude)})
        for parent in parents
        for family, amplitudes in settings["deformations"].items()
        for name in directions(family)
        for amplitude in amplitudes
    ]
    return [partial(_deformation, *plan) for plan in plans]


def _deformation(parent: LabelledStructure, deformation: dict[str, Any]) -> Candidate:
    return Candidate(
        kind="deformation",
        recipe={"operation": "deform", "parent": parent.id, "deformation": deformation},
        atoms=deform(parent.atoms, deformation_matrix(deformation)),
        surrogate=False,
        group=parent.run,
        description=f"{parent.run} under {_in_words(**deformation)}",
    )


def _in_words(name: str, amplitude: float) -> str:
    kind, _, axes = name.partition("_")
    if kind == "isotropic":
        return f"{100 * amplitude:+g} % isotropic {axes}"
    return f"{100 * abs(amplitude):g} % {kind} {axes if kind == 'shear' else 'along ' + axes}"


def _frames(runs: Sequence[GlassRun], known: KnownStructures, n_frames: int) -> list[Maker]:
    makers: list[Maker] = []
    for run in runs:
        free = [k for k, atoms in enumerate(run.frames) if atoms not in known]
        if free and n_frames:
            # The last frame is the glass itself, earlier ones are hotter.
            picked = np.unique(np.round(np.linspace(0, len(free) - 1, n_frames + 1)[1:]).astype(int))
            makers += [partial(_frame, run, free[int(k)]) for k in picked[::-1]]
    return makers


def _frame(run: GlassRun, index: int) -> Candidate:
    return Candidate(
        kind="frame",
        recipe={"operation": "frame", "run": run.id, "frame": index},
        atoms=run.frames[index],
        surrogate=False,
        group=run.run,
        description=f"frame {index} of {run.run}",
    )


def _new_glasses(
    labelled: Sequence[LabelledStructure],
    runs: Sequence[GlassRun],
    target: Sequence[TargetStructure],
    settings: dict[str, Any],
    n_atoms: int,
    seed: int,
    done: Collection[str],
) -> Iterable[Candidate]:
    glasses = [own.atoms for own in labelled if own.sub_run == AS_QUENCHED] + [run.frames[-1] for run in runs]
    glasses = glasses or [own.atoms for own in labelled]
    known = _distinct([composition_of(atoms) for atoms in glasses], n_atoms)
    wanted = _distinct([composition_of(own.atoms) for own in target], n_atoms)
    # Of equally near structures the target's own is the best to stand for another glass.
    sources = [own.atoms for own in target] + glasses
    plans = [("run", composition) for composition in known for _ in range(settings["n_runs"])]
    plans = plans[: settings["max_of_kind"]]
    plans += [("composition", composition) for composition in _new_compositions(known, wanted, settings, n_atoms, seed)]
    used = set(done)
    for kind, composition in plans:
        number = 0
        while True:
            own_seed = int(np.random.default_rng([seed, number, *composition.encode()]).integers(1, 900_000_000))
            recipe = {"operation": "melt_quench", "composition": composition, "n_atoms": n_atoms, "seed": own_seed}
            # What was a new composition once is a run of a known one later.
            keys = {recipe_key(own, recipe) for own in ("run", "composition")}
            if not keys & used:
                break
            number += 1
        used |= keys
        yield Candidate(
            kind=kind,
            recipe=recipe,
            atoms=stand_in(composition, n_atoms, sources, own_seed),
            surrogate=True,
            group=composition,
            description=f"a new glass of {composition}" if kind == "run" else f"the new composition {composition}",
        )


def _distinct(compositions: Iterable[str], n_atoms: int) -> list[str]:
    """Return compositions that differ and that so many atoms can have, in order of appearance."""
    result: dict[str, dict[str, float]] = {}
    for composition in compositions:
        try:
            own = fractions(composition, n_atoms)
        except ValueError:
            continue  # an element too rare for so small a cell
        if all(distance(own, other) >= SAME_COMPOSITION for other in result.values()):
            result[composition] = own
    return list(result)


def _new_compositions(
    known: Sequence[str], wanted: Sequence[str], settings: dict[str, Any], n_atoms: int, seed: int
) -> list[str]:
    """Return compositions without labels: those given, or the target's and neighbours of those known."""
    n_known = len(known)
    if settings["compositions"] != "auto":
        for composition in settings["compositions"]:
            fractions(composition, n_atoms)  # or so few atoms cannot have it
        return _distinct([*known, *settings["compositions"]], n_atoms)[n_known:]
    neighbours = []
    for composition in [*wanted, *known]:
        own = fractions(composition, n_atoms)
        elements = sorted({*own, *(e for other in [*wanted, *known] for e in fractions(other, n_atoms))})
        for less, more in permutations(elements, 2):
            step = min(settings["composition_step"], own.get(less, 0.0))
            if step > 0.0:
                moved = {**own, less: own[less] - step, more: own.get(more, 0.0) + step}
                neighbours.append("".join(f"{e}{round(100 * moved[e], 1):g}" for e in sorted(moved) if moved[e] > 1e-9))
    drawn = np.random.default_rng((seed, 3)).permutation(len(neighbours))
    every = _distinct([*known, *wanted, *(neighbours[k] for k in drawn)], n_atoms)
    return every[n_known : n_known + settings["n_compositions"]]


def _cells(
    target: Sequence[TargetStructure], model: EtlModel, n_atoms: int, n_cells: int, seed: int
) -> Iterable[Candidate]:
    """Cut cells around the atoms whose bonds are least certain, or are extrapolated to."""
    large = [own for own in target if len(own.atoms) > n_atoms]
    if not large or not n_cells:
        return
    sample = sample_bonds([own.atoms for own in large], model, MAX_ASSESSED, (seed, 4))
    structure, centre, merit = [], [], []
    for name, own in sample.items():
        if name not in model.regressors or not len(own):
            continue
        std = model.regressors[name].predict_bonds(own.X).std
        structure.append(own.structure)
        centre.append(own.atom_i)
        # Types differ in how certain they are: what counts is how much less than usual. Extrapolations come first.
        merit.append(std / np.median(std) + 10.0 * extrapolated(model, name, own))
    if not merit:
        return
    s, c, m = (np.concatenate(columns) for columns in (structure, centre, merit))
    chosen: list[tuple[int, int]] = []
    for k in np.argsort(-m, kind="stable"):
        if len(chosen) == n_cells:
            break
        place = (int(s[k]), int(c[k]))
        if _far_from(large, place, chosen, n_atoms):
            chosen.append(place)
    for number, atom in chosen:
        source = large[number]
        try:
            atoms = cut_cell(source.atoms, atom, n_atoms)
        except ValueError:
            continue  # its faces do not fit
        yield Candidate(
            kind="cell",
            recipe={"operation": "cut", "target": source.id, "frame": source.frame, "centre": atom, "n_atoms": n_atoms},
            atoms=atoms,
            surrogate=False,
            group=source.id,
            description=f"the cell around atom {atom} of the target",
        )


def _far_from(
    structures: Sequence[TargetStructure], place: tuple[int, int], chosen: Sequence[tuple[int, int]], n_atoms: int
) -> bool:
    atoms = structures[place[0]].atoms
    cell: NDArray = np.asarray(atoms.cell, dtype=float)
    least = APART * (abs(np.linalg.det(cell)) * n_atoms / len(atoms)) ** (1.0 / 3.0)
    for number, atom in chosen:
        if number == place[0]:
            fractional = (atoms.positions[place[1]] - atoms.positions[atom]) @ np.linalg.inv(cell)
            if np.linalg.norm((fractional - np.round(fractional)) @ cell) < least:
                return False
    return True
