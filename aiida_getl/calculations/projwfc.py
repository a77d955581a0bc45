"""projwfc.x for the COHP engine: every projection kept in a file beside the wavefunctions, nothing copied."""

from __future__ import annotations

import pathlib

from aiida import orm
from aiida_quantumespresso.calculations.namelists import NamelistsCalculation
from aiida_quantumespresso.calculations.projwfc import ProjwfcCalculation as QeProjwfcCalculation


class ProjwfcCalculation(QeProjwfcCalculation):
    """``projwfc.x`` that writes the complex projections (``atomic_proj.xml``) for :mod:`aiida_getl.cohp`.

    Differs from the calculation of aiida-quantumespresso in three points: overlaps may be asked for
    (``lwrite_overlaps``, needed where a COHP basis leaves out projected shells); the wavefunctions of pw.x are linked
    into a folder of its own, so that the pw.x folder stays as pw.x left it; and the densities of states, which take
    minutes to parse for 100 atoms and are not used, are not stored.
    """

    _blocked_keywords = [
        ("PROJWFC", "outdir", NamelistsCalculation._OUTPUT_SUBFOLDER),
        ("PROJWFC", "prefix", NamelistsCalculation._PREFIX),
        ("PROJWFC", "lsym", False),
        ("PROJWFC", "lbinary_data", False),
    ]
    _default_parser = "getl.projwfc"
    _retrieve_temporary_list = []

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input("parent_folder", valid_type=orm.RemoteData, help="The remote folder of a pw.x calculation.")
        for name in ("Dos", "Pdos"):
            spec.outputs[name].required = False

    def prepare_for_submission(self, folder):
        calcinfo = super().prepare_for_submission(folder)
        save = f"out/{self._PREFIX}.save"
        folder.get_subfolder(save, create=True)
        parent = self.inputs.parent_folder
        files = pathlib.PurePosixPath(parent.get_remote_path()) / save / "*"
        calcinfo.remote_copy_list = []
        calcinfo.remote_symlink_list = [(parent.computer.uuid, str(files), save)]
        return calcinfo
