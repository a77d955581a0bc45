"""A label by a program that goes by the name of LOBSTER 4: our engine, with ICOHPs that are integrals of the curves."""

import sys

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from ase.build import bulk

from aiida_getl.data.bonds import same_scale
from aiida_getl.workflows.label import LabelWorkChain

#: What LOBSTER 4 does otherwise than our engine: words of the report, what it chooses where it is not told, and that
#: its ICOHPs are integrals of the curves, from the beginning of the window to the Fermi energy.
PROGRAM = """\
#!{python}
import os, re, subprocess, sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from aiida_getl.lobster.cohpcar import read_cohpcar
from aiida_getl.lobster.icohplist import format_icohplist, read_icohplist

if sys.argv[1:]:
    sys.exit("LOBSTER knows no arguments")
Path("environment").write_text(os.environ["OMP_NUM_THREADS"])
subprocess.run(["{engine}", "--projections", "slater", "--layout", "4"], check=True)
curves, listed = read_cohpcar(Path("COHPCAR.lobster")), read_icohplist(Path("ICOHPLIST.lobster"))
fermi = int(np.abs(curves.energies).argmin())
Path("ICOHPLIST.lobster").write_text(format_icohplist(replace(listed, icohp=curves.icohp[:, :, fermi]), 4))
report = Path("lobsterout").read_text()
report = re.sub(r"getl-cohp v\\S+", "LOBSTER v4.1.0", report, count=1).replace("(Slater)", "(Bunge)")
Path("lobsterout").write_text(report)
Path("getl-cohp.json").unlink()
"""


@pytest.fixture
def lobster_code(getl_computer, cohp_code, tmp_path):
    path = tmp_path / "lobster-4.1.0"
    path.write_text(PROGRAM.format(python=sys.executable, engine=cohp_code.filepath_executable))
    path.chmod(0o755)
    return orm.InstalledCode(
        label="lobster",
        computer=getl_computer,
        filepath_executable=str(path),
        default_calc_job_plugin="getl.lobster",
        with_mpi=False,
        prepend_text="export OMP_NUM_THREADS=2",
    ).store()


@pytest.mark.engines
def test_label(lobster_code, cohp_code, pw_code, paw_family):
    structure = orm.StructureData(ase=bulk("CuZr", "cesiumchloride", 3.26))
    settings = {"ecutwfc": 25.0, "ecutrho": 150.0, "conv_thr_per_atom": 1e-5, "r_max": 3.0}

    def label(code, **overrides):
        builder = LabelWorkChain.get_builder_from_protocol(
            pw_code, code, structure, protocol="fast", overrides={"settings": settings, **overrides}
        )
        builder.lobster.settings = orm.Dict({"additional_retrieve_list": ["environment"], "retrieve_curves": False})
        return run_get_node(builder)

    outputs, node = label(lobster_code, clean_workdir=False)
    assert node.is_finished_ok, node.exit_message
    bonds = outputs["bonds"]
    assert bonds.method["engine"] == "LOBSTER"
    assert bonds.method["version"] == "4.1.0"
    assert bonds.method["basis_set"] == "Bunge"
    assert bonds.method["basis"] == {"Cu": ["3s", "4s", "3p", "3d"], "Zr": ["4s", "5s", "4p", "4d"]}
    assert bonds.method["window"] == "all occupied bands"
    assert bonds.method["pw"]["ecutwfc"] == 25.0
    assert not same_scale(bonds.method, {**bonds.method, "window": "from -10 eV"})
    analysis = next(job for job in node.called_descendants if job.process_label == "LobsterCalculation")
    assert analysis.outputs.retrieved.base.repository.get_object_content("environment") == "2"  # the code's
    assert float(analysis.base.repository.get_object_content("lobsterin").split("COHPstartEnergy")[1].split()[0]) < -100

    # The same bands by our own engine, whose ICOHPs are no integrals of curves.
    scf = next(job for job in node.called_descendants if job.process_label == "PwCalculation")
    parameters = orm.Dict({**analysis.inputs.parameters.get_dict(), "skipCar": True})
    own, other = run_get_node(
        analysis.process_class,
        code=cohp_code,
        structure=structure,
        parameters=parameters,
        parent_folder=scf.outputs.remote_folder,
    )
    assert other.is_finished_ok, other.exit_message
    # The Fermi energy is smeared by 0.2 eV in the curves.
    np.testing.assert_allclose(bonds.get_strength(), own["bonds"].get_strength(), rtol=0.05)
