"""Parser of the bond analysis, by whichever code: what is complete is kept, the exit code says what is not."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from typing import Any, TypeVar

import numpy as np
from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser
from ase import Atoms
from numpy.typing import NDArray

from aiida_getl.calculations.pw_run import describe_run, describe_settings
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.lobster.charge import read_charges
from aiida_getl.lobster.cohpcar import Cohpcar, read_cohpcar
from aiida_getl.lobster.grosspop import read_gross_populations
from aiida_getl.lobster.icohplist import IcohpList, read_icohplist
from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.lobster.lobsterout import Lobsterout, read_lobsterout
from aiida_getl.lobster.matching import match_curves, match_orbitals, match_values
from aiida_getl.parsers.last_words import find_cause, read_end
from aiida_getl.parsers.sanitise import read_json, sanitise
from aiida_getl.quantumespresso.completion import icohp_window, integrates_curves, window_warning
from aiida_getl.quantumespresso.kpoints import REACH, KPoints, lumped_with_images, regular_grid
from aiida_getl.structures.bonds import BondList, bond_vectors

Content = TypeVar("Content")

#: Bytes of a file beyond which it is not read. A list of a million bonds has 82 MB; reading takes ten times that.
LARGEST_FILE = 200_000_000
#: Bytes of the curves of one file as arrays; a glass of 100 atoms with all orbitals at 301 energies takes 360 MB.
MOST_OF_CURVES = 400_000_000
#: Bytes of a file of curves beyond which it is not read. To this takes 15 s, and the memory of its arrays.
LARGEST_CURVES = 2_000_000_000
#: Bytes of a report.
LARGEST_REPORT = 50_000_000
#: Characters of what was printed that are looked at, from the end.
LOOKED_AT = 100_000
#: What getl-cohp says while all is well.
PROGRESS = re.compile(r"k-point \d+ of \d+")
#: What getl-cohp says of files of pw.x or projwfc.x that are not there any more, or not whole.
LOST = re.compile(
    r"is missing: |is cut off|is damaged|no wavefunction file|did not finish|are not finite|no \*\.save folder"
)


class LobsterParser(Parser):
    """Reads the files of LOBSTER 2 to 6 and of ``getl-cohp``."""

    def parse(self, **kwargs):
        self.unread: dict[str, str] = {}
        self.warnings: list[str] = []
        self.report = Lobsterout.empty()
        self.extra = read_json(self._read("getl-cohp.json", LARGEST_REPORT) or "")
        self.icohps_complete = False
        self.lobsterin = self._read_lobsterin()
        exit_code = self._parse()
        content = results(self.report, self.extra, self.unread, (*self._warnings(), *self.warnings))
        self.out("results", orm.Dict(content | {"icohps_complete": self.icohps_complete}))
        # The scheduler's verdict (walltime, memory) says more about an unfinished run than its files do.
        return self.node.exit_code if self.node.exit_status is not None else exit_code

    def _parse(self) -> ExitCode | None:
        sizes = {name: self._size(name) for name in self.retrieved.base.repository.list_object_names()}
        if sizes.get("lobsterout", 0) > LARGEST_REPORT:
            return self.exit_codes.ERROR_OUTPUT_TOO_LARGE.format(reason=f"lobsterout has {sizes['lobsterout']} bytes")
        if sizes.get("ICOHPLIST.lobster", 0) > LARGEST_FILE:
            return self.exit_codes.ERROR_OUTPUT_TOO_LARGE.format(
                reason=f"ICOHPLIST.lobster has {sizes['ICOHPLIST.lobster']} bytes"
            )
        self.report = log = read_lobsterout(self._read("lobsterout") or "")
        if log.program_not_detected:
            return self.exit_codes.ERROR_PROGRAM_NOT_DETECTED
        if log.too_few_bands:
            needed = f"{log.bands_needed} are needed" if log.bands_needed else "it does not say how many are needed"
            return self.exit_codes.ERROR_TOO_FEW_BANDS.format(reason=needed)
        if log.n_interactions == 0:
            return self.exit_codes.ERROR_NO_INTERACTIONS
        text = self._read("ICOHPLIST.lobster")
        if text is None:
            return self._no_icohps()
        try:
            icohps = read_icohplist(text)
        except ValueError as exception:
            if not log.finished and "no complete line" in str(exception):
                return self._no_icohps()
            return self.exit_codes.ERROR_ICOHPLIST_UNREADABLE.format(reason=exception)
        if log.n_interactions is not None and len(icohps) > log.n_interactions:
            return self.exit_codes.ERROR_ICOHPLIST_UNREADABLE.format(
                reason=f"it has {len(icohps)} bonds, the run found {log.n_interactions}"
            )
        if log.n_spins == 2 and icohps.n_spins == 1:
            return self.exit_codes.ERROR_ICOHPLIST_UNREADABLE.format(reason="it lacks the second spin")
        return self._store_bonds(icohps)

    def _store_bonds(self, icohps: IcohpList) -> ExitCode | None:
        log = self.report
        atoms = self.node.inputs.structure.get_ase()
        try:
            bonds, rows, turned = icohps.unique_bonds(atoms)
        except ValueError as exception:
            return self.exit_codes.ERROR_STRUCTURE_MISMATCH.format(reason=exception)
        finite = np.isfinite(icohps.icohp[rows]).all(axis=1)
        # A bond that was asked for by itself says nothing of the images that are a little farther away.
        farther = REACH if self.lobsterin.between else 1.0
        lumped = find_lumped(bonds, atoms, self.node.inputs.parent_folder.creator, farther)
        kept = finite & ~lumped
        bonds, rows, turned = bonds.select(kept), rows[kept], turned[kept]
        # The distances of the structure itself have all digits.
        bonds = replace(bonds, distance=np.linalg.norm(bond_vectors(atoms.positions, atoms.cell[:], bonds), axis=1))
        lists = {kind: self._read_list(kind) for kind in ("COOP", "COBI")}
        node = BondStrengthsData.from_bonds(
            bonds,
            atoms.get_chemical_symbols(),
            icohps.icohp[rows],
            self._method(log),
            spilling=max((value for value in log.charge_spilling if np.isfinite(value)), default=None),
        )
        for kind, values in lists.items():
            if values is not None:
                matched = self._optional(f"I{kind}LIST.lobster", match_values, icohps, rows, values)
                if matched is not None:
                    node.set_array(f"i{kind.lower()}", matched)
        self.out("bonds", node)
        self._store_orbitals(icohps, rows, turned, lists)
        self._store_curves(icohps, rows, turned)
        self._store_populations(atoms.get_chemical_symbols())

        self.icohps_complete = icohps.complete and log.n_interactions in (None, len(icohps))
        if not self.icohps_complete:
            return self._early_end(self._said()) or self.exit_codes.ERROR_UNFINISHED
        if not finite.all():
            return self.exit_codes.ERROR_NOT_FINITE.format(n_bonds=int((~finite).sum()))
        if lumped.any():
            return self.exit_codes.ERROR_IMAGES_LUMPED.format(n_bonds=int(lumped.sum()))
        if not log.finished:
            return self.exit_codes.ERROR_UNFINISHED_ICOHPS_COMPLETE
        return self._judge()

    def _judge(self) -> ExitCode | None:
        """Return what is wrong with a run that finished."""
        settings = self.node.inputs.settings.get_dict() if "settings" in self.node.inputs else {}
        n, m = self.report.kpoints_not_orthonormalized or (0, 1)
        limit = settings.get("max_kpoints_not_orthonormalized", 1.0)
        if n > limit * m:
            return self.exit_codes.ERROR_NOT_ORTHONORMALIZED.format(n=n, m=m, limit=limit)
        spilling = max(self.report.charge_spilling, default=0.0)
        limit = settings.get("max_charge_spilling", np.inf)
        if "max_charge_spilling" in settings and not self.report.charge_spilling:
            self.warnings.append("the charge spilling is not known, so its limit was not looked at")
        if not spilling <= limit:
            return self.exit_codes.ERROR_SPILLING.format(spilling=spilling, limit=limit)
        if self.unread:
            return self.exit_codes.ERROR_OTHER_FILES_INCOMPLETE.format(files=", ".join(sorted(self.unread)))
        return None

    def _no_icohps(self) -> ExitCode:
        """Return the exit code of a run that wrote no ICOHPs."""
        said = self._said()
        refused = [line for line in said if line.startswith("getl-cohp: ") and not PROGRESS.search(line)]
        if refused:
            reason = sanitise(refused[-1].removeprefix("getl-cohp:").strip()[:1000])
            if "nbnd" in reason:
                needed = re.search(r"nbnd = (\d+)", reason)
                self.report = replace(self.report, bands_needed=int(needed[1]) if needed else None)
                return self.exit_codes.ERROR_TOO_FEW_BANDS.format(reason=reason)
            if "no bond in" in reason:
                return self.exit_codes.ERROR_NO_INTERACTIONS
            if "[Errno" in reason and (exit_code := self._early_end([reason])):  # the disk, not the input
                return exit_code
            if LOST.search(reason):
                return self.exit_codes.ERROR_FILES_LOST.format(reason=reason)
            return self.exit_codes.ERROR_BAD_INPUT.format(reason=reason)
        if exit_code := self._early_end(said):
            return exit_code
        if self.report.engine is None:
            return self.exit_codes.ERROR_OUTPUT_MISSING
        return self.exit_codes.ERROR_ICOHPLIST_MISSING.format(reason=sanitise(self._complaint(said)[:300]))

    def _complaint(self, said: list[str]) -> str:
        """Return what the program itself said of a run without ICOHPs: its errors, its last warning, its last line."""
        if errors := [line.partition("ERROR:")[2].strip() for line in said if "ERROR:" in line]:
            return " ".join(errors)
        if self.report.finished:
            last = self.report.warnings[-1] if self.report.warnings else "it gave no warning"
            return f"it finished and wrote none; {last}"
        return said[-1].strip() if said else "it said nothing"

    def _early_end(self, said: Iterable[str]) -> ExitCode | None:
        """Return why a run ended early, as far as it or the scheduler said."""
        cause = find_cause([*said, *(self.node.get_scheduler_stderr() or "")[-LOOKED_AT:].splitlines()])
        return None if cause is None else self.exit_codes[f"ERROR_{cause[0]}"].format(reason=sanitise(cause[1]))

    def _said(self) -> list[str]:
        """Return the last lines that were printed."""
        return read_end(self.retrieved, self.node.get_option("output_filename"), LOOKED_AT).strip().splitlines()

    def _store_orbitals(
        self, icohps: IcohpList, rows: NDArray, turned: NDArray, lists: dict[str, IcohpList | None]
    ) -> None:
        kept, bond = icohps.orbital_rows(rows)
        if not len(kept):
            return
        node = orm.ArrayData()
        names = icohps.orbitals.orbital_i[kept], icohps.orbitals.orbital_j[kept]
        node.set_array("bond", bond)
        node.set_array("orbital_i", np.where(turned[bond], names[1], names[0]))
        node.set_array("orbital_j", np.where(turned[bond], names[0], names[1]))
        node.set_array("icohp", icohps.orbitals.icohp[kept])
        for kind, values in lists.items():
            if values is not None and len(values.orbitals) and np.array_equal(values.label, icohps.label):
                node.set_array(f"i{kind.lower()}", match_orbitals(icohps.orbitals, kept, values.orbitals))
        self.out("orbitals", node)

    def _store_curves(self, icohps: IcohpList, rows: NDArray, turned: NDArray) -> None:
        node = orm.ArrayData()
        for kind in ("COHP", "COOP", "COBI"):
            name = f"{kind}CAR.lobster"
            curves = self._read_curves(name)
            if curves is None or not curves.labels:
                continue
            matched = self._optional(name, match_curves, icohps, rows, curves)
            if matched is None:
                continue
            of_bonds, of_orbitals = matched
            what = {"energies": of_bonds.energies, "bond": of_bonds.bond}
            if len(of_orbitals):
                back = turned[of_orbitals.bond]
                what["orbital_bond"] = of_orbitals.bond
                what["orbital_i"] = np.where(back, of_orbitals.orbital_j, of_orbitals.orbital_i)
                what["orbital_j"] = np.where(back, of_orbitals.orbital_i, of_orbitals.orbital_j)
            present = set(node.get_arraynames())
            if any(not np.array_equal(what[key], node.get_array(key)) for key in present.intersection(what)):
                self.unread[name] = "it has other energies or bonds than the curves before it"
                continue
            values = {kind.lower(): of_bonds.curve, f"i{kind.lower()}": of_bonds.integral}
            if len(of_orbitals):
                values[f"orbital_{kind.lower()}"] = of_orbitals.curve
                values[f"orbital_i{kind.lower()}"] = of_orbitals.integral
            for key, array in (what | values).items():
                if key not in present:
                    node.set_array(key, array)
        if node.get_arraynames():
            self.out("cohp", node)

    def _read_curves(self, name: str) -> Cohpcar | None:
        """Return the curves of a file as far as they are no more than an array should have; warn of the others."""
        repository = self.retrieved.base.repository
        if name not in repository.list_object_names():
            return None
        if (size := self._size(name)) > LARGEST_CURVES:
            self.warnings.append(f"{name} is kept as a file, its curves are not in arrays: it has {size} bytes")
            return None
        with repository.open(name, "rb") as handle:
            text = io.TextIOWrapper(handle, encoding="utf-8", errors="replace")
            curves = self._optional(name, read_cohpcar, text, MOST_OF_CURVES)
        if curves is not None and curves.left_out:
            self.warnings.append(f"{name} is kept as a file, not all its curves are in arrays: {curves.left_out}")
        if curves is not None and not curves.complete:
            self.unread[name] = "it is cut off; what is complete is kept"
        return curves

    def _store_populations(self, symbols: list[str]) -> None:
        charges = self._read_optional("CHARGE.lobster", read_charges)
        gross = self._read_optional("GROSSPOP.lobster", read_gross_populations)
        node = orm.ArrayData()
        if charges is not None and charges.elements.tolist() == symbols[: len(charges)]:
            node.set_array("symbols", charges.elements)
            node.set_array("mulliken", charges.mulliken)
            node.set_array("loewdin", charges.loewdin)
        elif charges is not None:
            self.unread["CHARGE.lobster"] = "its atoms are not those of the structure"
        if gross is not None and list(gross.elements) == symbols[: len(gross.elements)]:
            node.set_array("orbital_atom", gross.atom)
            node.set_array("orbital", np.array(gross.orbitals))
            node.set_array("gross_mulliken", gross.mulliken)
            node.set_array("gross_loewdin", gross.loewdin)
        elif gross is not None:
            self.unread["GROSSPOP.lobster"] = "its atoms are not those of the structure"
        if node.get_arraynames():
            self.out("populations", node)

    def _read_list(self, kind: str) -> IcohpList | None:
        return self._read_optional(f"I{kind}LIST.lobster", read_icohplist)

    def _read_optional(self, name: str, reader: Callable[[str], Content]) -> Content | None:
        """Return the content of a file that may be missing; note it if it is cut off or cannot be read."""
        if self._size(name) > LARGEST_FILE:
            self.unread[name] = f"it has {self._size(name)} bytes"
            return None
        text = self._read(name)
        content = None if text is None else self._optional(name, reader, text)
        if content is not None and not content.complete:  # type: ignore[attr-defined]
            self.unread[name] = "it is cut off; what is complete is kept"
        return content

    def _optional(self, name: str, function: Callable[..., Content], *arguments) -> Content | None:
        try:
            return function(*arguments)
        except ValueError as exception:
            self.unread[name] = str(exception)[:300]
            return None

    def _method(self, log: Lobsterout) -> dict[str, Any]:
        """Return what the numbers were made with, and first what defines their scale."""
        used = {element: list(dict.fromkeys(name[:2] for name in names)) for element, names in log.basis.items()}
        asked = {element: list(shells) for element, shells in self.lobsterin.basis_functions.items()}
        scf = self.node.inputs.parent_folder.creator
        pseudos: dict[str, set[str]] = {}
        for pseudo in dict(scf.inputs.pseudos).values() if scf and "pseudos" in scf.inputs else ():
            pseudos.setdefault(pseudo.element, set()).add(pseudo.md5)  # kinds such as Fe1 and Fe2 may share one
        more = {"projections": self.extra["projections"]} if "projections" in self.extra else {}
        if log.engine == "LOBSTER" and integrates_curves(log.version):
            more["window"] = icohp_window(self.lobsterin, describe_run(self.node.inputs.parent_folder))
        if settings := describe_settings(self.node.inputs.parent_folder):
            more["pw"] = settings
        return {
            "engine": log.engine,
            "version": log.version,
            "basis_set": log.basis_set,
            **more,
            "basis": dict(sorted((used | asked).items())),
            "pseudos": {element: " ".join(sorted(md5s)) for element, md5s in sorted(pseudos.items())},
        }

    def _read_lobsterin(self) -> Lobsterin:
        """Return the input as it was written: what the parameters left open may have been added."""
        written = self.node.base.repository
        if "lobsterin" in written.list_object_names():
            return Lobsterin.from_text(written.get_object_content("lobsterin"))
        return Lobsterin.from_dict(self.node.inputs.parameters.get_dict())

    def _warnings(self) -> tuple[str, ...]:
        """Return what the program itself does not warn of."""
        if self.report.engine != "LOBSTER":
            return ()
        warning = window_warning(self.lobsterin, describe_run(self.node.inputs.parent_folder), self.report.version)
        return () if warning is None else (warning,)

    def _size(self, name: str) -> int:
        repository = self.retrieved.base.repository
        return repository.get_object_size(name) if name in repository.list_object_names() else 0

    def _read(self, name: str, limit: int = LARGEST_FILE) -> str | None:
        repository = self.retrieved.base.repository
        if name not in repository.list_object_names() or self._size(name) > limit:
            return None
        return repository.get_object_content(name, "rb").decode(errors="replace")


def results(
    log: Lobsterout, extra: dict[str, Any], unread: dict[str, str], warnings: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the contents of the ``results`` node; spillings as fractions, times in seconds."""
    content = {key: value for key, value in asdict(log).items() if value is not None}
    content["one_core_run"] = log.one_core_run
    if log.cpu_per_wall is not None:
        content["cpu_per_wall"] = round(log.cpu_per_wall, 3)
    if log.one_core_run:
        warnings = (
            *warnings,
            f"{log.threads} threads did the work of one core ({log.cpu_per_wall:.2f} s of processor time per second): "
            "they were bound to one core. Start the program without mpirun, with all cores for its one task.",
        )
    content["warnings"] = (*log.warnings, *warnings)
    if unread:
        content["unread"] = unread
    if extra:
        content["getl_cohp"] = extra
    return sanitise(content)


def find_lumped(
    bonds: BondList, atoms: Atoms, scf: orm.CalcJobNode | None, farther: float = REACH
) -> NDArray[np.bool_]:
    """Return which bonds, (n,), the k-points of a pw.x calculation cannot tell from their images, listed or not."""
    if scf is None or "kpoints" not in scf.inputs:
        return np.zeros(len(bonds), dtype=bool)
    node = scf.inputs.kpoints
    if "mesh" in node.base.attributes.all:
        kpoints = regular_grid(*node.get_kpoints_mesh())
    else:
        points, weights = node.get_kpoints(also_weights=True)
        kpoints = KPoints(points, weights / weights.sum())
    vectors = bond_vectors(atoms.positions, atoms.cell[:], bonds)
    return lumped_with_images(vectors, atoms.cell[:], kpoints, farther)
