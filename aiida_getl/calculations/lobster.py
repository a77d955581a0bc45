"""Bond analysis of a pw.x calculation, by LOBSTER or by our own `getl-cohp`: the code that is given decides."""

from __future__ import annotations

from pathlib import PurePosixPath

from aiida import orm
from aiida.common import datastructures
from aiida.engine import CalcJob
from aiida.manage.caching import get_use_cache

from aiida_getl.calculations.pw_run import describe_run, find_engine, name_inputs, was_cleaned
from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.quantumespresso.completion import complete_lobsterin
from aiida_getl.quantumespresso.requirements import find_obstacles

PROCESS_TYPE = "aiida.calculations:getl.lobster"

#: Keys of `settings` -> what they take.
SETTINGS = {
    "num_threads": "a whole number of threads, 1 or more",
    "cmdline": "a list of texts for the command line",
    "additional_retrieve_list": "a list of files to keep, by paths within the working directory",
    "retrieve_curves": "true or false",
    "max_charge_spilling": "a fraction between 0 and 1",
    "max_kpoints_not_orthonormalized": "a fraction between 0 and 1",
}


def validate_parameters(node, _) -> str | None:
    """Refuse a lobsterin that LOBSTER would misread, naming the keyword."""
    try:
        Lobsterin.from_dict(node.get_dict())
    except ValueError as exception:
        return str(exception)
    return None


def validate_settings(node, _) -> str | None:
    """Refuse unknown settings and unfit values, by name."""
    for key, value in node.get_dict().items():
        if key not in SETTINGS:
            return f"setting {key!r} is unknown: there are {', '.join(SETTINGS)}"
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        fits = {
            "num_threads": is_number and isinstance(value, int) and value >= 1,
            "retrieve_curves": isinstance(value, bool),
            "max_charge_spilling": is_number and 0 <= value <= 1,
            "max_kpoints_not_orthonormalized": is_number and 0 <= value <= 1,
            "additional_retrieve_list": isinstance(value, list) and all(map(_is_inside, value)),
        }.get(key, isinstance(value, list) and all(isinstance(item, str) for item in value))
        if not fits:
            return f"setting {key!r} is {value!r}: give {SETTINGS[key]}"
    return None


def _is_inside(name: object) -> bool:
    """Return whether a name is that of a file in or below the working directory."""
    if not isinstance(name, str) or not name.isprintable():
        return False
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def find_problem(inputs, expects_projections: bool = False) -> str | None:
    """Return why a bond analysis with these inputs would fail or mislead, as far as the graph tells; None if it is fit.

    The same check serves work chains, which cannot let a submission raise, and may have the projections yet to come.
    """
    has_projections = expects_projections or "projections_folder" in inputs
    code = inputs["code"]
    # What comes from the cache reads no folder; what turns out not to be there fails on the empty one.
    may_be_cached = get_use_cache(identifier=PROCESS_TYPE) and not inputs.get("metadata", {}).get("disable_cache")
    names = ("parent_folder", "projections_folder", "lobster_folder")
    folders = {name: inputs[name] for name in names if name in inputs}
    for name, folder in folders.items():
        if folder.computer.uuid != code.computer.uuid:
            return (
                f"{name} lies on {folder.computer.label!r}, the code runs on {code.computer.label!r}: "
                "the wavefunctions are linked, not copied, so both must be on one computer"
            )
        if not may_be_cached and was_cleaned(folder):
            return f"{name} <{folder.pk}> was cleaned: run the calculation that made it again, without caching"
    options = inputs["metadata"]["options"] if "metadata" in inputs and "options" in inputs["metadata"] else {}
    if code.with_mpi or options.get("withmpi"):
        return (
            f"the code {code.full_label!r} or its options ask for MPI, which binds all threads of LOBSTER and "
            "getl-cohp to one core: set up the code with `with_mpi: false` and leave the option `withmpi` out"
        )
    lobsterin = Lobsterin.from_dict(inputs["parameters"].get_dict())
    if lobsterin.flag("loadProjectionFromFile") and "lobster_folder" not in inputs:
        return "loadProjectionFromFile needs the folder of the run that saved the projection: give lobster_folder"
    obstacles = find_obstacles(
        describe_run(folders["parent_folder"]),
        inputs["structure"].get_ase(),
        lobsterin,
        find_engine(code, has_projections),
        has_projections,
    )
    return name_inputs("; ".join(obstacles)) or None


def validate_inputs(inputs, _) -> str | None:
    """Refuse what would fail or mislead, once all inputs are there; a parent process may supply some later."""
    needed = ("code", "structure", "parameters", "parent_folder")
    return find_problem(inputs) if all(name in inputs for name in needed) else None


class LobsterCalculation(CalcJob):
    """ICOHPs of one structure with LOBSTER or ``getl-cohp``.

    Both project the wavefunctions of pw.x on Slater orbitals; ``getl-cohp`` takes the projections of projwfc.x, on the
    orbitals of the pseudopotentials, where they are given. Links what either needs into the working directory: the
    ``.save`` folder of pw.x, the pseudopotentials, the input of pw.x under the name LOBSTER looks for, and the
    projections.
    """

    CACHE_VERSION = 5
    _PREFIX = "aiida"
    #: What LOBSTER saves a projection to.
    _PROJECTION = "projectionData.lobster"
    _RETRIEVE = (
        "lobsterout",
        "getl-cohp.json",
        "ICOHPLIST.lobster",
        "ICOOPLIST.lobster",
        "ICOBILIST.lobster",
        "NcICOBILIST.lobster",
        "CHARGE.lobster",
        "GROSSPOP.lobster",
        "MadelungEnergies.lobster",
        "SitePotentials.lobster",
        "POLARIZATION.lobster",
        "Valences.lobster",
        "OxidationScores.lobster",
        "POSCAR.lobster",
        "POSCAR.lobster.vasp",
    )
    #: What may be large.
    _RETRIEVE_CURVES = (
        "COHPCAR.lobster",
        "COOPCAR.lobster",
        "COBICAR.lobster",
        "DOSCAR.lobster",
        "bandOverlaps.lobster",
    )

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.inputs["metadata"]["options"]["parser_name"].default = "getl.lobster"
        spec.inputs["metadata"]["options"]["withmpi"].default = False  # both codes use threads, not MPI
        spec.inputs["metadata"]["options"]["resources"].default = {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        spec.inputs["metadata"]["options"]["output_filename"].default = "lobster.out"
        spec.input("structure", valid_type=orm.StructureData, help="The structure that pw.x computed.")
        spec.input(
            "parameters",
            valid_type=orm.Dict,
            validator=validate_parameters,
            help="Contents of `lobsterin`; repeated keywords as lists.",
        )
        spec.input("parent_folder", valid_type=orm.RemoteData, help="The remote folder of the pw.x calculation.")
        spec.input(
            "projections_folder",
            valid_type=orm.RemoteData,
            required=False,
            help="The remote folder of a projwfc.x calculation (`getl.projwfc`), for `getl-cohp`: it takes these "
            "projections, on the pseudopotentials' orbitals, in place of its own on Slater orbitals.",
        )
        spec.input(
            "lobster_folder",
            valid_type=orm.RemoteData,
            required=False,
            help="The remote folder of a run of LOBSTER with `saveProjectionToFile`, for `loadProjectionFromFile`.",
        )
        spec.input(
            "settings",
            valid_type=orm.Dict,
            required=False,
            validator=validate_settings,
            help="; ".join(f"`{key}`: {value}" for key, value in SETTINGS.items())
            + ". Beyond the last two, spilling and share of k-points that could not be orthonormalised, the exit code "
            "is not 0.",
        )
        spec.inputs.validator = validate_inputs
        _define_outputs(spec)
        _define_exit_codes(spec)

    def prepare_for_submission(self, folder):
        with folder.open("lobsterin", "w") as handle:
            handle.write(self._lobsterin().to_text())

        settings = self.inputs.settings.get_dict() if "settings" in self.inputs else {}
        parent = self.inputs.parent_folder
        uuid, root = parent.computer.uuid, PurePosixPath(parent.get_remote_path())
        save = f"out/{self._PREFIX}.save"
        for directory in (save, "pseudo"):
            folder.get_subfolder(directory, create=True)
        scf = parent.creator
        pw_input = scf.get_option("input_filename") if isinstance(scf, orm.CalcJobNode) else None
        links = [
            (uuid, str(root / save / "*"), save),
            (uuid, str(root / "pseudo" / "*"), "pseudo"),
            # Its outdir and pseudo_dir are relative: they lead to the links made here.
            (uuid, str(root / (pw_input or f"{self._PREFIX}.in")), f"{self._PREFIX}.scf.in"),
        ]
        if "projections_folder" in self.inputs:
            projections = PurePosixPath(self.inputs.projections_folder.get_remote_path())
            links.append((uuid, str(projections / save / "atomic_proj.xml"), f"{save}/atomic_proj.xml"))
        if "lobster_folder" in self.inputs:
            earlier = PurePosixPath(self.inputs.lobster_folder.get_remote_path())
            links.append((uuid, str(earlier / self._PROJECTION), self._PROJECTION))

        code = datastructures.CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = [*self._functions(), *settings.get("cmdline", [])]
        code.withmpi = False
        code.stdout_name = self.inputs.metadata.options.output_filename
        code.join_files = True
        resources = self.inputs.metadata.options.resources
        threads = (
            settings.get("num_threads")
            or resources.get("num_cores_per_mpiproc")
            or resources.get("num_cores_per_machine")
            or "${OMP_NUM_THREADS:-1}"  # what the code or the computer says
        )

        calcinfo = datastructures.CalcInfo()
        calcinfo.codes_info = [code]
        calcinfo.remote_symlink_list = links
        # LOBSTER keeps large arrays on the stack and ends in a segmentation fault where the limit is small.
        calcinfo.prepend_text = f"export OMP_NUM_THREADS={threads}\nulimit -s unlimited 2>/dev/null || true"
        calcinfo.retrieve_list = [
            self.inputs.metadata.options.output_filename,
            *self._RETRIEVE,
            *(self._RETRIEVE_CURVES if settings.get("retrieve_curves", True) else ()),
            *settings.get("additional_retrieve_list", ()),
        ]
        return calcinfo

    def _lobsterin(self) -> Lobsterin:
        """Return the input with what LOBSTER would choose otherwise than `getl-cohp` does."""
        return complete_lobsterin(
            Lobsterin.from_dict(self.inputs.parameters.get_dict()),
            describe_run(self.inputs.parent_folder),
            self.inputs.structure.get_ase().get_chemical_symbols(),
            find_engine(self.inputs.code, "projections_folder" in self.inputs),
        )

    def _functions(self) -> list[str]:
        """Return the arguments that say which functions to project on, so that no other ones are taken silently."""
        has_projections = "projections_folder" in self.inputs
        if find_engine(self.inputs.code, has_projections) != "getl-cohp":
            return []
        return ["--projections", "projwfc" if has_projections else "slater"]


def _define_outputs(spec) -> None:
    spec.output(
        "bonds",
        valid_type=orm.ArrayData,
        help="ICOHP of every bond and spin in eV (`getl.bonds`); `icoop`, `icobi` (n, n_spin) where written.",
    )
    spec.output(
        "results",
        valid_type=orm.Dict,
        help="Spillings (fractions), warnings, versions, basis, threads, times (s) and what could not be read.",
    )
    spec.output(
        "cohp",
        valid_type=orm.ArrayData,
        required=False,
        help="Curves: `energies` (n_e,) in eV from the Fermi energy; `bond` (m,), row of `bonds` that each belongs to; "
        "`cohp` per eV and its integral `icohp`, (m, n_spin, n_e); `coop`, `icoop`, `cobi`, `icobi` alike. Where "
        "`orbitalwise` was asked for: `orbital_bond`, `orbital_i`, `orbital_j` (k,), and `orbital_cohp`, "
        "`orbital_icohp` (k, n_spin, n_e), `orbital_coop` and so on.",
    )
    spec.output(
        "orbitals",
        valid_type=orm.ArrayData,
        required=False,
        help="Where `orbitalwise` was asked for: `bond` (m,), row of `bonds`; `orbital_i`, `orbital_j` (m,), names "
        "such as 2p_y; `icohp` (m, n_spin) in eV; `icoop`, `icobi` alike where written.",
    )
    spec.output(
        "populations",
        valid_type=orm.ArrayData,
        required=False,
        help="`symbols`, `mulliken`, `loewdin` (n_atoms,), charges in e, positive where electrons are missing; "
        "`orbital_atom`, `orbital` (m,) and `gross_mulliken`, `gross_loewdin` (m, n_spin), electrons in each function.",
    )
    spec.default_output_node = "results"


def _define_exit_codes(spec) -> None:
    for status, name, message, invalidates_cache in (
        (302, "ERROR_OUTPUT_MISSING", "The analysis left no lobsterout: it never started or was killed.", True),
        (303, "ERROR_ICOHPLIST_MISSING", "The analysis ended without ICOHPs: {reason}", True),
        (304, "ERROR_OUTPUT_TOO_LARGE", "{reason}: this is no output of a bond analysis.", True),
        (311, "ERROR_ICOHPLIST_UNREADABLE", "ICOHPLIST.lobster cannot be read: {reason}", True),
        (
            312,
            "ERROR_UNFINISHED",
            "The analysis was interrupted and its ICOHPs are incomplete; the complete ones are kept.",
            True,
        ),
        (313, "ERROR_CRASHED", "The analysis crashed: {reason}", True),
        (314, "ERROR_KILLED", "The analysis was killed from outside: {reason}", True),
        (
            315,
            "ERROR_CANNOT_WRITE",
            "The analysis could not write its files (disk full, quota, permissions): {reason}",
            True,
        ),
        (316, "ERROR_NOT_STARTED", "The program could not be started: {reason}", True),
        (410, "ERROR_TOO_FEW_BANDS", "pw.x computed too few bands for the basis: {reason}", True),
        (
            411,
            "ERROR_PROGRAM_NOT_DETECTED",
            "LOBSTER did not recognise the pw.x calculation: the .save folder or the input file is not there.",
            True,
        ),
        (412, "ERROR_NO_INTERACTIONS", "No two atoms are within the range of the cohpGenerator lines.", False),
        (413, "ERROR_BAD_INPUT", "The analysis refused its input: {reason}", True),
        (414, "ERROR_FILES_LOST", "Files of pw.x or projwfc.x are lost or damaged: {reason}", True),
        (
            420,
            "ERROR_STRUCTURE_MISMATCH",
            "The bonds do not fit the structure: {reason}. Is the parent folder that of another structure?",
            False,
        ),
        (
            430,
            "ERROR_IMAGES_LUMPED",
            "The k-points cannot tell {n_bonds} bonds from their periodic images; the other bonds are kept.",
            False,
        ),
        (
            431,
            "ERROR_NOT_ORTHONORMALIZED",
            "{n} of {m} k-points could not be orthonormalised, more than the limit of {limit:.1%}; the bonds are kept.",
            False,
        ),
        (
            432,
            "ERROR_SPILLING",
            "The charge spilling of {spilling:.2%} exceeds the limit of {limit:.2%}; the bonds are kept.",
            False,
        ),
        (433, "ERROR_NOT_FINITE", "{n_bonds} bonds have no finite ICOHP; the other bonds are kept.", False),
        (
            500,
            "ERROR_UNFINISHED_ICOHPS_COMPLETE",
            "The analysis was interrupted after all ICOHPs were written; they are usable.",
            False,
        ),
        (
            501,
            "ERROR_OTHER_FILES_INCOMPLETE",
            "All ICOHPs are there, but other files are cut off or cannot be read: {files}; what is complete is kept.",
            False,
        ),
    ):
        spec.exit_code(status, name, message=message, invalidates_cache=invalidates_cache)
