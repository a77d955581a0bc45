"""Bond analysis of a pw.x calculation, by LOBSTER or by our own `getl-cohp`: the code that is given decides."""

from __future__ import annotations

from pathlib import PurePosixPath

from aiida import orm
from aiida.common import datastructures
from aiida.engine import CalcJob

from aiida_getl.lobster.lobsterin import Lobsterin


def validate_parameters(node, _) -> str | None:
    """Refuse a lobsterin that LOBSTER would misread, naming the keyword."""
    try:
        Lobsterin.from_dict(node.get_dict())
    except ValueError as exception:
        return str(exception)
    return None


def validate_inputs(inputs, _) -> str | None:
    """Refuse folders that lie on another computer than the code."""
    if "code" not in inputs:
        return None
    computer = inputs["code"].computer
    for name in ("parent_folder", "projections_folder"):
        if name in inputs and inputs[name].computer.uuid != computer.uuid:
            return (
                f"{name} lies on {inputs[name].computer.label!r}, the code runs on {computer.label!r}: "
                "the wavefunctions are linked, not copied, so both must be on one computer"
            )
    return None


class LobsterCalculation(CalcJob):
    """ICOHPs of one structure with LOBSTER or ``getl-cohp``.

    Links what either needs into the working directory: the ``.save`` folder of pw.x, the pseudopotentials, the input
    of pw.x under the name LOBSTER looks for, and, for ``getl-cohp``, the projections of projwfc.x.
    """

    _PREFIX = "aiida"
    _RETRIEVE = (
        "lobsterout",
        "getl-cohp.json",
        "ICOHPLIST.lobster",
        "ICOOPLIST.lobster",
        "ICOBILIST.lobster",
        "CHARGE.lobster",
        "GROSSPOP.lobster",
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
            help="The remote folder of the projwfc.x calculation (`getl.projwfc`); needed by `getl-cohp`.",
        )
        spec.inputs.validator = validate_inputs

        spec.output("bonds", valid_type=orm.ArrayData, help="ICOHP of every bond (`getl.bonds`), eV.")
        spec.output(
            "results", valid_type=orm.Dict, help="Spilling, charges, warnings, versions, basis and times of the run."
        )
        spec.default_output_node = "results"

        spec.exit_code(
            302, "ERROR_OUTPUT_MISSING", message="The analysis left no lobsterout: it never started or was killed."
        )
        spec.exit_code(
            303,
            "ERROR_ICOHPLIST_MISSING",
            message="The analysis ended without ICOHPs: {reason}",
            invalidates_cache=True,
        )
        spec.exit_code(311, "ERROR_ICOHPLIST_UNREADABLE", message="ICOHPLIST.lobster cannot be read: {reason}")
        spec.exit_code(
            312,
            "ERROR_UNFINISHED",
            message="The analysis was interrupted and its ICOHPs are incomplete; the complete ones are kept.",
        )
        spec.exit_code(
            410,
            "ERROR_TOO_FEW_BANDS",
            message="pw.x computed too few bands for the basis: {reason}",
            invalidates_cache=True,
        )
        spec.exit_code(
            411,
            "ERROR_PROGRAM_NOT_DETECTED",
            message="LOBSTER did not recognise the pw.x calculation: the .save folder or the input file is not there.",
            invalidates_cache=True,
        )
        spec.exit_code(
            412, "ERROR_NO_INTERACTIONS", message="No two atoms are within the range of the cohpGenerator lines."
        )
        spec.exit_code(
            413, "ERROR_BAD_INPUT", message="The analysis refused its input: {reason}", invalidates_cache=True
        )
        spec.exit_code(
            420,
            "ERROR_STRUCTURE_MISMATCH",
            message="The bonds do not fit the structure: {reason}. Is the parent folder that of another structure?",
        )
        spec.exit_code(
            430,
            "ERROR_IMAGES_LUMPED",
            message="The k-points cannot tell {n_bonds} bonds from their periodic images; the other bonds are kept.",
        )
        spec.exit_code(
            500,
            "ERROR_UNFINISHED_ICOHPS_COMPLETE",
            message="The analysis was interrupted after all ICOHPs were written; they are usable.",
        )

    def prepare_for_submission(self, folder):
        with folder.open("lobsterin", "w") as handle:
            handle.write(Lobsterin.from_dict(self.inputs.parameters.get_dict()).to_text())

        parent = self.inputs.parent_folder
        uuid, root = parent.computer.uuid, PurePosixPath(parent.get_remote_path())
        save = f"out/{self._PREFIX}.save"
        for directory in (save, "pseudo"):
            folder.get_subfolder(directory, create=True)
        links = [
            (uuid, str(root / save / "*"), save),
            (uuid, str(root / "pseudo" / "*"), "pseudo"),
            (uuid, str(root / f"{self._PREFIX}.in"), f"{self._PREFIX}.scf.in"),
        ]
        if "projections_folder" in self.inputs:
            projections = PurePosixPath(self.inputs.projections_folder.get_remote_path())
            links.append((uuid, str(projections / save / "atomic_proj.xml"), f"{save}/atomic_proj.xml"))

        code = datastructures.CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.stdout_name = self.inputs.metadata.options.output_filename
        code.join_files = True
        resources = self.inputs.metadata.options.resources
        threads = resources.get("num_cores_per_mpiproc") or resources.get("num_cores_per_machine") or 1

        calcinfo = datastructures.CalcInfo()
        calcinfo.codes_info = [code]
        calcinfo.remote_symlink_list = links
        # LOBSTER keeps large arrays on the stack and ends in a segmentation fault where the limit is small.
        calcinfo.prepend_text = f"export OMP_NUM_THREADS={threads}\nulimit -s unlimited 2>/dev/null || true"
        calcinfo.retrieve_list = [self.inputs.metadata.options.output_filename, *self._RETRIEVE]
        return calcinfo
