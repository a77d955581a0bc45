"""Parser of the bond analysis, by whichever code: what is complete is kept, the exit code says what is not."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from aiida import orm
from aiida.parsers import Parser
from numpy.typing import NDArray

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.lobster.icohplist import read_icohplist
from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.lobster.lobsterout import Lobsterout, read_lobsterout
from aiida_getl.quantumespresso.kpoints import KPoints, lumped_pairs, regular_grid
from aiida_getl.structures.bonds import BondList, bond_vectors


class LobsterParser(Parser):
    """Reads ICOHPLIST.lobster and lobsterout of LOBSTER 3 to 6 and of ``getl-cohp``."""

    def parse(self, **kwargs):
        exit_code = self._parse()
        # The scheduler's verdict (walltime, memory) says more about an unfinished run than its files do.
        return self.node.exit_code if self.node.exit_status is not None else exit_code

    def _parse(self):
        log = read_lobsterout(self._read("lobsterout") or "")
        extra = self._read_json()
        self.out("results", orm.Dict(results(log, extra)))
        if log.program_not_detected:
            return self.exit_codes.ERROR_PROGRAM_NOT_DETECTED
        if log.too_few_bands:
            return self.exit_codes.ERROR_TOO_FEW_BANDS.format(reason=f"{log.bands_needed} are needed")
        if log.n_interactions == 0:
            return self.exit_codes.ERROR_NO_INTERACTIONS
        text = self._read("ICOHPLIST.lobster")
        if text is None:
            return self._no_icohps(log)
        try:
            icohps = read_icohplist(text)
        except ValueError as exception:
            return self.exit_codes.ERROR_ICOHPLIST_UNREADABLE.format(reason=exception)
        atoms = self.node.inputs.structure.get_ase()
        try:
            bonds, values = icohps.to_bonds(atoms)
        except ValueError as exception:
            return self.exit_codes.ERROR_STRUCTURE_MISMATCH.format(reason=exception)
        lumped = find_lumped(bonds, self.node.inputs.parent_folder.creator)
        bonds, values = bonds.select(~lumped), values[~lumped]
        self.out(
            "bonds",
            BondStrengthsData.from_bonds(
                # The distances of the structure itself have all digits.
                replace(bonds, distance=np.linalg.norm(bond_vectors(atoms.positions, atoms.cell[:], bonds), axis=1)),
                atoms.get_chemical_symbols(),
                values,
                self._method(log),
                spilling=max(log.charge_spilling, default=None),
            ),
        )
        complete = icohps.complete and log.n_interactions in (None, len(icohps))
        if not complete:
            return self.exit_codes.ERROR_UNFINISHED
        if lumped.any():
            return self.exit_codes.ERROR_IMAGES_LUMPED.format(n_bonds=lumped.sum())
        return None if log.finished else self.exit_codes.ERROR_UNFINISHED_ICOHPS_COMPLETE

    def _no_icohps(self, log: Lobsterout):
        """Return the exit code of a run that wrote no list of ICOHPs."""
        said = (self._read(self.node.get_option("output_filename")) or "").strip().splitlines()
        refused = [line for line in said if line.startswith("getl-cohp: ") and "k-point" not in line]
        if refused:
            reason = refused[-1].removeprefix("getl-cohp:").strip()
            if "nbnd" in reason:
                return self.exit_codes.ERROR_TOO_FEW_BANDS.format(reason=reason)
            return self.exit_codes.ERROR_BAD_INPUT.format(reason=reason)
        if log.engine is None:
            return self.exit_codes.ERROR_OUTPUT_MISSING
        return self.exit_codes.ERROR_ICOHPLIST_MISSING.format(reason=said[-1] if said else "it said nothing")

    def _method(self, log: Lobsterout) -> dict[str, Any]:
        """Return what defines the scale of the numbers: labels that differ in it must not be mixed."""
        lobsterin = Lobsterin.from_dict(self.node.inputs.parameters.get_dict())
        scf = self.node.inputs.parent_folder.creator
        pseudos = dict(scf.inputs.pseudos) if scf and "pseudos" in scf.inputs else {}
        return {
            "engine": log.engine,
            "version": log.version,
            "basis": {element: list(shells) for element, shells in sorted(lobsterin.basis_functions.items())},
            "pseudos": {name: pseudo.md5 for name, pseudo in sorted(pseudos.items())},
        }

    def _read(self, name: str) -> str | None:
        repository = self.retrieved.base.repository
        if name not in repository.list_object_names():
            return None
        return repository.get_object_content(name, "rb").decode(errors="replace")

    def _read_json(self) -> dict[str, Any]:
        try:
            return json.loads(self._read("getl-cohp.json") or "{}")
        except json.JSONDecodeError:  # cut off: the text files say the essential
            return {}


def results(log: Lobsterout, extra: dict[str, Any]) -> dict[str, Any]:
    """Return the contents of the ``results`` node; spillings as fractions, times in seconds."""
    return {key: value for key, value in asdict(log).items() if value is not None} | (
        {"getl_cohp": extra} if extra else {}
    )


def find_lumped(bonds: BondList, scf: orm.CalcJobNode | None) -> NDArray[np.bool_]:
    """Return which bonds, (n,), the k-points of a pw.x calculation cannot tell from their images."""
    lumped = np.zeros(len(bonds), dtype=bool)
    if scf is not None and "kpoints" in scf.inputs:
        node = scf.inputs.kpoints
        if "mesh" in node.base.attributes.all:
            kpoints = regular_grid(*node.get_kpoints_mesh())
        else:
            points, weights = node.get_kpoints(also_weights=True)
            kpoints = KPoints(points, weights / weights.sum())
        lumped[lumped_pairs(bonds, kpoints)] = True
    return lumped
