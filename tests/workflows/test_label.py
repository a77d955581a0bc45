"""A label through AiiDA with the real engines, on two atoms of B2 CuZr: the bonds, and what can go wrong."""

import io

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from aiida_pseudo.data.pseudo import UpfData
from ase import Atoms
from ase.build import bulk

from aiida_getl.calculations.functions.label_parameters import label_parameters
from aiida_getl.data.bonds import same_scale
from aiida_getl.structures.bonds import find_bonds
from aiida_getl.workflows.label import LabelWorkChain

#: Cheap, and far from converged with the cut-offs.
CHEAP = {"ecutwfc": 25.0, "ecutrho": 150.0, "conv_thr_per_atom": 1e-5, "r_max": 3.0}
JOBS = ["scf", "analysis"]


@pytest.fixture
def alloy():
    return orm.StructureData(ase=bulk("CuZr", "cesiumchloride", 3.26))


@pytest.fixture
def builder(pw_code, cohp_code, paw_family, alloy):
    """Return a function that builds the inputs of a cheap label, with changed settings if any."""

    def build(structure=alloy, overrides=None, projwfc_code=None, lobster_code=cohp_code, **settings):
        return LabelWorkChain.get_builder_from_protocol(
            pw_code,
            lobster_code,
            structure,
            projwfc_code,
            protocol="fast",
            overrides={"settings": {**CHEAP, **settings}, **(overrides or {})},
            options={"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}},
        )

    return build


def jobs(node):
    """Return the processes a label called, by name, the latest of each."""
    return {link.link_label: link.node for link in node.base.links.get_outgoing().all() if link.link_label in JOBS}


def calculations(node):
    jobs = [called for called in node.called_descendants if isinstance(called, orm.CalcJobNode)]
    return sorted(jobs, key=lambda job: job.pk)


def assert_failed(node, status, *words):
    """Check that a failure is told by exit code and output alike."""
    assert node.exit_status == status, node.exit_message
    failure = node.outputs.failure.get_dict()
    assert failure["reason"] == node.exit_message
    assert failure["structure"] == node.inputs.structure.uuid
    for word in words:
        assert word in node.exit_message


@pytest.mark.engines
def test_label_and_its_cached_copies(builder, alloy):
    outputs, node = run_get_node(builder())
    assert node.is_finished_ok, node.exit_message
    assert set(outputs) == {"bonds", "results", "scf_parameters", "populations"}
    bonds = outputs["bonds"]
    atoms = alloy.get_ase()
    assert bonds.get_bonds().keys() == find_bonds(atoms.positions, atoms.cell[:], 3.0, 1.0).keys()
    strength = bonds.get_strength()
    # The eight neighbours are one by symmetry, which neither k-points nor functions break, but loose convergence does.
    assert strength == pytest.approx(np.full(8, strength.mean()), rel=2e-3)
    assert 0.2 < strength.mean() < 2.0
    assert 0 < bonds.base.attributes.get("spilling") < 0.05
    assert bonds.method["engine"] == "getl-cohp"
    assert bonds.method["basis_set"] == "Slater"
    assert bonds.method["projections"] == outputs["results"]["getl_cohp"]["projections"]
    assert bonds.method["basis"] == {"Cu": ["3s", "4s", "3p", "3d"], "Zr": ["4s", "5s", "4p", "4d"]}
    assert bonds.method["pseudos"] == {name: upf.md5 for name, upf in node.inputs.pseudos.items()}
    assert outputs["results"]["finished"]
    assert not any("curves" in warning for warning in outputs["results"]["warnings"])  # which nobody keeps
    assert outputs["scf_parameters"]["number_of_bands"] >= 20
    assert sorted(jobs(node)) == sorted(JOBS)
    for job in calculations(node):
        assert job.outputs.remote_folder.is_cleaned or job.outputs.remote_folder.is_empty

    # Nothing has to be computed to judge the same label by another limit.
    with enable_caching():
        outputs, node = run_get_node(builder(spilling_max=1e-5))
    assert all(job.base.caching.is_created_from_cache for job in calculations(node))
    assert_failed(node, 410, "charge spilling", "limit of 0.0%")
    np.testing.assert_array_equal(outputs["bonds"].get_strength(), strength)

    # The folders that another analysis would read were cleaned, which the cache does not know.
    with enable_caching():
        outputs, node = run_get_node(builder(r_max=2.95))
    assert node.is_finished_ok, node.exit_message
    cached = [job.base.caching.is_created_from_cache for job in calculations(node)]
    # pw.x from the cache, the analysis that failed, then both anew.
    assert (cached.count(True), cached.count(False)) == (1, 3)
    assert not jobs(node)["analysis"].base.caching.is_created_from_cache
    assert outputs["bonds"].get_strength() == pytest.approx(strength, abs=1e-4)


@pytest.fixture
def script_code(getl_computer, cohp_code, tmp_path):
    """Return a function that gives the code of a program that runs getl-cohp and then changes its files."""

    def build(label, *commands):
        path = tmp_path / label
        run = f'{cohp_code.filepath_executable} "$@"'
        path.write_text("\n".join(["#!/bin/sh", *(command.format(run=run) for command in commands)]) + "\n")
        path.chmod(0o755)
        return orm.InstalledCode(
            label=label, computer=getl_computer, filepath_executable=str(path), default_calc_job_plugin=""
        ).store()

    return build


@pytest.mark.engines
def test_analysis_interrupted_after_the_icohps(builder, script_code):
    # A report as it is when the lists have just been written, but without the spilling.
    killed = script_code(
        "getl-cohp-killed", "{run}", "sed -i -e /spilling/d -e '/^finished/,$d' lobsterout", "rm getl-cohp.json"
    )
    outputs, node = run_get_node(builder(lobster_code=killed, degauss=0.011))
    assert node.is_finished_ok, node.exit_message
    assert calculations(node)[-1].exit_status == 500
    assert outputs["bonds"].n_bonds == 8
    assert "spilling" not in outputs["bonds"].base.attributes.all


@pytest.mark.engines
def test_label_through_projwfc(builder, projwfc_code):
    settings = {"degauss": 0.01}  # no other test's, whose folders were cleaned
    outputs, node = run_get_node(builder(projwfc_code=projwfc_code, overrides={"clean_workdir": False}, **settings))
    assert node.is_finished_ok, node.exit_message
    with enable_caching():
        slater, other = run_get_node(builder(**settings))
    assert [called.process_label for called in calculations(node)] == [
        "PwCalculation",
        "ProjwfcCalculation",
        "LobsterCalculation",
    ]
    # The same electronic structure, from the cache.
    assert [job.base.caching.is_created_from_cache for job in calculations(other)] == [True, False]
    method = outputs["bonds"].method
    assert method["basis_set"] == "UPF"
    assert method["projections"] != slater["bonds"].method["projections"]
    assert not same_scale(method, slater["bonds"].method)
    strength = outputs["bonds"].get_strength()
    assert strength == pytest.approx(slater["bonds"].get_strength(), rel=0.3)
    assert np.abs(strength - slater["bonds"].get_strength()).max() > 0.005


@pytest.mark.engines
@pytest.mark.parametrize("times", [1, 2])
def test_projwfc_is_killed(builder, projwfc_code, tmp_path, times):
    """It is run once more, and no third time."""
    for number in range(times):
        (tmp_path / f"armed_{number}").touch()
    label = builder(projwfc_code=projwfc_code)
    label.projwfc.metadata.options = {
        **label.projwfc.metadata.options,
        "prepend_text": f"for armed in {tmp_path}/armed_*; do test -e $armed && rm $armed && kill -9 $$; done\ntrue",
    }
    _, node = run_get_node(label)
    assert node.exit_status == (0 if times == 1 else 402), node.exit_message
    names = [called.process_label.removesuffix("Calculation") for called in calculations(node)]
    assert names == (["Pw", "Projwfc", "Projwfc", "Lobster"] if times == 1 else ["Pw", "Projwfc", "Projwfc"])


def test_kinds_of_one_element_share_a_basis(alloy, paw_family):
    structure = orm.StructureData(cell=alloy.cell)
    for number, site in enumerate(alloy.sites):
        structure.append_atom(position=site.position, symbols="Cu", name=f"Cu{number + 1}")
    copper = paw_family.get_pseudo("Cu")
    settings = {**LabelWorkChain.get_protocol_inputs("fast")["settings"], "real_wavefunctions": True}

    def parameters(basis, has_projections=False):
        return label_parameters.run_get_node(
            structure,
            orm.Dict({**settings, "basis": basis}),
            orm.Dict({"engine": "getl-cohp", "has_projections": has_projections}),
            Cu1=copper,
            Cu2=copper,
        )

    for has_projections in (True, False):
        outputs, _ = parameters({"Cu": ["4s", "3d"]}, has_projections)
        assert outputs["lobster"]["basisFunctions"] == {"Cu": ["4s", "3d"]}
        # Bands for the shells that are left out, which are occupied too.
        assert outputs["pw"]["SYSTEM"]["nbnd"] == 21
    outputs, _ = parameters({})
    assert outputs["lobster"]["basisFunctions"] == {"Cu": ["3s", "4s", "3p", "3d"]}

    for label, message in (
        ("2p", "basis function 2p of Cu is in the core of its pseudopotential, whose 19 electrons are in 3s 4s 3p 3d"),
        (
            "4f",
            "no Slater orbital 4f of Cu: the neutral atom has electrons only in 1s 2s 3s 4s 2p 3p 3d; name a basis "
            "without",
        ),
    ):
        _, node = parameters({"Cu": ["4s", "3d", label]})
        assert node.exit_status == 401
        assert message in node.exit_message


@pytest.mark.engines
def test_scf_that_does_not_converge(builder):
    build = builder(electron_maxstep=2, conv_thr_per_atom=1e-12)
    build.scf.max_iterations = orm.Int(1)
    outputs, node = run_get_node(build)
    assert_failed(node, 411, "The electrons did not become self-consistent", "tried local-TF 0.3: ")
    assert set(outputs) == {"failure", "scf_tries"}
    (pw,) = calculations(node)
    assert pw.exit_status == 410  # of PwCalculation: the electronic minimisation did not converge


@pytest.mark.engines
def test_engine_not_found(builder, getl_computer):
    build = builder()
    build.scf.pw.code = orm.InstalledCode(
        label="pw-moved", computer=getl_computer, filepath_executable="/nowhere/pw.x", default_calc_job_plugin=""
    ).store()
    _, node = run_get_node(build)
    assert_failed(node, 419, "ScfBaseWorkChain", "/nowhere/pw.x")
    (pw,) = calculations(node)
    assert "/nowhere/pw.x" in pw.outputs.retrieved.base.repository.get_object_content("aiida.out") + (
        pw.get_scheduler_stderr() or ""
    )


def test_elements_that_may_be_magnetic_are_told(builder, alloy):
    """Before anything else: here no bond is in range."""
    build = builder()
    iron = orm.StructureData(ase=bulk("FeZr", "cesiumchloride", 3.26))
    build.structure, build.pseudos = iron, {"Fe": build.pseudos["Cu"], "Zr": build.pseudos["Zr"]}
    build.settings = orm.Dict({**build.settings.get_dict(), "r_max": 2.0})
    _, node = run_get_node(build)
    assert_failed(node, 210)
    messages = [log.message for log in orm.Log.collection.get_logs_for(node)]
    assert any("Fe may be magnetic: labels are computed without spin" in message for message in messages)

    build.structure, build.pseudos = alloy, builder().pseudos
    _, node = run_get_node(build)
    assert_failed(node, 210)
    assert not any("magnetic" in log.message for log in orm.Log.collection.get_logs_for(node))


def test_cell_too_small_for_the_kpoints(builder):
    _, node = run_get_node(builder(kpoints={"mesh": [1, 1, 1], "offset": [0.0, 0.0, 0.0]}))
    assert_failed(node, 210, "the cell is too small for the k-points [1, 1, 1]", "take 'fewest'")
    assert not calculations(node)


@pytest.fixture
def lobster_code(getl_computer):
    """A code that passes for LOBSTER; nothing here runs it."""
    return orm.InstalledCode(
        label="lobster", computer=getl_computer, filepath_executable="/opt/lobster", default_calc_job_plugin=""
    ).store()


def test_real_wavefunctions_are_for_getl_cohp(builder, lobster_code, projwfc_code):
    assert builder().settings["real_wavefunctions"]
    assert builder(projwfc_code=projwfc_code).settings["real_wavefunctions"]
    assert not builder(lobster_code=lobster_code).settings["real_wavefunctions"]

    # Seen before pw.x has run for hours.
    pair = orm.StructureData(ase=Atoms("CuZr", [[0, 0, 0], [2.8, 0, 0]], cell=[8.0] * 3, pbc=True))
    _, node = run_get_node(builder(pair, lobster_code=lobster_code, real_wavefunctions=True))
    assert_failed(node, 210, "LOBSTER cannot read the real wavefunctions of K_POINTS gamma")
    assert not calculations(node)


def test_limits_of_the_protocol(builder):
    limits = {"scf": {"max_memory_kb": 9}, "analysis": {"max_wallclock_seconds": 8}}
    built = builder(overrides={"limits": limits})
    assert built.scf.limits.get_dict() == limits["scf"]
    assert built.lobster_base.limits.get_dict() == limits["analysis"]
    plain = builder()
    assert "limits" not in plain.scf
    assert "limits" not in plain.lobster_base


def test_options_of_the_analysis(pw_code, cohp_code, paw_family, alloy):
    def options(**given):
        builder = LabelWorkChain.get_builder_from_protocol(pw_code, cohp_code, alloy, protocol="fast", options=given)
        scf, analysis = (part.metadata.options for part in (builder.scf.pw, builder.lobster))
        return tuple({name: value for name, value in part.items() if value != {}} for part in (scf, analysis))

    one_task = {"num_machines": 1, "num_mpiprocs_per_machine": 1}
    ranks = {"num_machines": 2, "num_mpiprocs_per_machine": 32}
    scf, analysis = options(resources=ranks, account="me", queue_name="long", max_memory_kb=9)
    assert scf["resources"] == ranks
    assert "analysis" not in scf
    assert analysis == {
        "resources": one_task,
        "account": "me",
        "queue_name": "long",
        "max_wallclock_seconds": 3600,
        "withmpi": False,
    }
    own = {"resources": {**one_task, "num_cores_per_mpiproc": 24}, "max_wallclock_seconds": 86400, "max_memory_kb": 5}
    scf, analysis = options(resources=ranks, queue_name="long", analysis=own)
    assert analysis == {"queue_name": "long", "withmpi": False, **own}
    assert (scf["max_wallclock_seconds"], scf["resources"]) == (3600, ranks)


def test_dataset_that_cannot_be_projected_is_refused_before_pw(builder):
    build = builder()
    text = build.pseudos["Cu"].get_content().replace('is_paw="true"', 'is_paw="false"')
    ultrasoft = UpfData(io.BytesIO(text.encode()), filename="Cu.US.UPF")
    build.pseudos = {**build.pseudos, "Cu": ultrasoft}
    _, node = run_get_node(build)
    assert_failed(node, 210, "that of Cu is US", "have projwfc.x do the projection (`projwfc` of a label")
    assert not calculations(node)


def test_no_bond_in_range(builder):
    _, node = run_get_node(builder(r_max=2.0))
    assert_failed(node, 210, "no two atoms are between 1.0 and 2.0 Å apart")


def test_element_missing_in_the_family(builder):
    structure = orm.StructureData(ase=bulk("MgO", "rocksalt", 4.2))
    with pytest.raises(ValueError, match=r"family 'getl/1.0/PBE/SR/PAW' has no Mg, O, only Al, Cu, Zr"):
        builder(structure=structure)


def test_unknown_family(builder):
    with pytest.raises(ValueError, match="no pseudopotential family 'SSSP/9': make it with `aiida-getl setup`"):
        builder(overrides={"pseudo_family": "SSSP/9"})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ecutwfk": 30.0}, r"unknown \['ecutwfk'\]"),
        ({"ecutwfc": None}, r"missing \['ecutwfc'\]"),
        ({"r_max": 0.5}, "r_min 1.0 and r_max 0.5 Å enclose no bond"),
        ({"kpoints": "gamma"}, "kpoints 'gamma' are neither"),
        ({"basis": {"Cu1": ["4s"]}}, r"basis names \['Cu1'\], which are no chemical elements"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_launch(builder, settings, message):
    with pytest.raises(ValueError, match=message):
        run_get_node(builder(**settings))


def test_pseudopotential_missing_at_launch(builder):
    build = builder()
    build.pseudos = {"Cu": build.pseudos["Cu"]}
    with pytest.raises(ValueError, match="no pseudopotential for Zr"):
        run_get_node(build)
