"""One stage of a LAMMPS simulation: a minimisation, or molecular dynamics at constant pressure."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec
from aiida_lammps.calculations.raw import LammpsRawCalculation

from aiida_getl.lammps import script
from aiida_getl.lammps.datafile import render_data_file, standard_cell
from aiida_getl.lammps.potential import PotentialError, parse_potential
from aiida_getl.lammps.stage import MolecularDynamics, stage_from_dict


def validate_parameters(value: orm.Dict, _: Any) -> str | None:
    """Return why the settings of a stage are wrong, or None."""
    try:
        stage_from_dict(value.get_dict())
    except ValueError as error:
        return str(error)
    return None


def validate_potential(value: orm.SinglefileData, _: Any) -> str | None:
    """Return why a file is no potential, or None."""
    try:
        parse_potential(value.get_content())
    except PotentialError as error:
        return f"{value.filename}: {error}"
    return None


class LammpsStageCalculation(LammpsRawCalculation):
    """One stage of a LAMMPS simulation, its input script written from checked settings.

    A stage starts from a structure, from the restart file of the stage before, or from a checkpoint of its own that an
    interrupted job left. In the latter two cases the structure only says which atom is of which element.
    """

    CACHE_VERSION = 1

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define the process specification."""
        super().define(spec)
        # The script is ours, so nobody could refer to other files in it.
        for name in ("script", "files", "filenames"):
            del spec.inputs[name]
        spec.inputs["metadata"]["options"]["parser_name"].default = "getl.lammps"

        spec.input("structure", valid_type=orm.StructureData, help="Atoms, periodic in all directions.")
        spec.input(
            "restart",
            valid_type=orm.SinglefileData,
            required=False,
            help="Restart file at the end of the stage before: positions, cell and velocities are taken from it.",
        )
        spec.input(
            "checkpoint",
            valid_type=orm.SinglefileData,
            required=False,
            help="Restart file of this very stage, from a job that was interrupted: the stage is taken to its end.",
        )
        spec.input(
            "potential",
            valid_type=orm.SinglefileData,
            validator=validate_potential,
            help="EAM potential in the format eam/alloy, eam/fs or eam, which is recognised from the content.",
        )
        spec.input(
            "parameters",
            valid_type=orm.Dict,
            validator=validate_parameters,
            help="Settings of the stage, see `aiida_getl.lammps.stage`; `kind` is `minimise` or `npt`.",
        )
        spec.input(
            "seed", valid_type=orm.Int, required=False, help="Seed of new velocities, where `parameters` ask for them."
        )

        spec.output("thermo", valid_type=orm.ArrayData, required=False, help="Thermodynamic data, an array each.")
        spec.output(
            "trajectory",
            valid_type=orm.TrajectoryData,
            required=False,
            help="Sampled frames: unwrapped positions and cells in Å, times in ps from the start of the stage.",
        )
        spec.output(
            "structure",
            valid_type=orm.StructureData,
            required=False,
            help="The last frame, atoms moved into the cell; only of a stage that came to its end.",
        )
        spec.output("restart", valid_type=orm.SinglefileData, required=False, help="Restart file at the end.")
        spec.output(
            "checkpoint",
            valid_type=orm.SinglefileData,
            required=False,
            help="The last complete restart file of a stage that did not come to its end.",
        )

        spec.exit_code(
            310, "ERROR_POTENTIAL_REFUSED", message="LAMMPS refused the pair style or the potential: {error}"
        )
        spec.exit_code(
            353,
            "ERROR_OUTPUT_FRAMES_UNREADABLE",
            message="The frames are missing or unreadable: {error}",
            invalidates_cache=True,
        )
        spec.exit_code(
            354,
            "ERROR_OUTPUT_FRAMES_TRUNCATED",
            message="LAMMPS came to its end, but the last of its frames is cut off.",
            invalidates_cache=True,
        )
        spec.exit_code(
            355,
            "ERROR_OUTPUT_RESTART_MISSING",
            message="LAMMPS came to its end, but its restart file is missing.",
            invalidates_cache=True,
        )
        spec.exit_code(
            400,
            "ERROR_UNFINISHED",
            message="LAMMPS was stopped without a message: the last step it reported is {step} of {steps}.",
            invalidates_cache=True,
        )
        spec.exit_code(410, "ERROR_LOST_ATOMS", message="Atoms left the simulation: {error}")
        spec.exit_code(411, "ERROR_UNSTABLE", message="The dynamics is unstable: {error}.")

    @classmethod
    def validate_inputs(cls, value: dict[str, Any], ctx: Any) -> str | None:
        """Return why the inputs do not fit together, or None."""
        if "restart" in value and "checkpoint" in value:
            return "give `restart` or `checkpoint`, not both"
        if not all(name in value for name in ("structure", "potential", "parameters")):
            return None
        structure = value["structure"]
        if structure.pbc != (True, True, True):
            return f"the structure must be periodic in all directions, not {structure.pbc}"
        try:
            standard_cell(structure.get_ase().cell[:])
            potential = parse_potential(value["potential"].get_content())
            potential.check_elements(structure.get_symbols_set())
        except ValueError as error:
            return str(error)
        stage = stage_from_dict(value["parameters"].get_dict())
        if isinstance(stage, MolecularDynamics) and stage.new_velocities and "seed" not in value:
            return "`seed` is missing, and `parameters` ask for new velocities"
        return None

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the input script and the files it reads."""
        atoms = self.inputs.structure.get_ase()
        elements = list(dict.fromkeys(atoms.symbols))
        potential = parse_potential(self.inputs.potential.get_content())
        stage = stage_from_dict(self.inputs.parameters.get_dict())
        start = next((name for name in ("restart", "checkpoint") if name in self.inputs), "structure")
        # The potential and the restart file are nodes already, and are not copied into the job's own repository.
        copies = [(self.inputs.potential, script.POTENTIAL_FILE)]
        if start == "structure":
            with folder.open(script.DATA_FILE, "w", encoding="utf-8") as handle:
                handle.write(render_data_file(atoms, elements))
        else:
            copies.append((self.inputs[start], script.START_RESTART_FILE))

        options = self.inputs.metadata.options
        seed = self.inputs.seed.value if "seed" in self.inputs else 0
        with folder.open(options.input_filename, "w", encoding="utf-8") as handle:
            handle.write(script.render_script(stage, potential.pair_style, elements, seed=seed, start=start))

        codeinfo = CodeInfo()
        codeinfo.code_uuid = self.inputs.code.uuid
        # The screen output is the log: one file, and errors are in it.
        codeinfo.cmdline_params = ["-in", options.input_filename, "-log", "none"]
        codeinfo.stdout_name = options.output_filename

        calcinfo = CalcInfo()
        calcinfo.codes_info = [codeinfo]
        calcinfo.local_copy_list = [(node.uuid, node.filename, name) for node, name in copies]
        calcinfo.retrieve_list = [options.output_filename]
        if "settings" in self.inputs:
            calcinfo.retrieve_list += self.inputs.settings.get_dict().get("additional_retrieve_list", [])
        calcinfo.retrieve_temporary_list = [script.DUMP_FILE, script.END_RESTART_FILE, *script.CHECKPOINT_FILES]
        return calcinfo
