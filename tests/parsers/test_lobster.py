"""The parser of `getl.lobster` on outputs of `getl-cohp`, complete, cut and failed, and on those of LOBSTER 3 to 6."""

from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.plugins import ParserFactory
from ase.build import bulk
from ase.io import read

from aiida_getl.structures.bonds import find_bonds

#: Of fcc Al with four k-points, cheap and unconverged.
FINISHED = {path.name: path.read_text() for path in sorted((Path(__file__).parent / "lobster" / "finished").iterdir())}
PARAMETERS = {"basisFunctions": {"Al": ["3s", "3p"]}, "cohpGenerator": ["from 1.0 to 3.0"]}
#: Those of the calculation, and coarser ones.
KPOINTS = {"fine": ([2, 2, 2], [0.5] * 3), "gamma": ([1, 1, 1], [0.0] * 3), "coarse": ([2, 1, 1], [0.0] * 3)}


@pytest.fixture
def parse(aiida_localhost):
    """Return a function that parses files (name to text, or None to leave one out) as those of a job."""

    def run(files=None, structure=None, kpoints="fine", scheduler_status=None, parameters=PARAMETERS):
        structure = structure or bulk("Al", "fcc", 4.05, cubic=True)
        scf = orm.CalcJobNode(computer=aiida_localhost, process_type="aiida.calculations:quantumespresso.pw")
        mesh = orm.KpointsData()
        mesh.set_kpoints_mesh(*KPOINTS[kpoints])
        scf.base.links.add_incoming(mesh.store(), LinkType.INPUT_CALC, "kpoints")
        folder = orm.RemoteData(computer=aiida_localhost, remote_path="/scratch/scf")
        folder.base.links.add_incoming(scf.store(), LinkType.CREATE, "remote_folder")
        folder.store()

        node = orm.CalcJobNode(computer=aiida_localhost, process_type="aiida.calculations:getl.lobster")
        node.set_option("resources", {"num_machines": 1})
        node.set_option("output_filename", "lobster.out")
        inputs = {"structure": orm.StructureData(ase=structure), "parameters": orm.Dict(parameters)}
        for name, data in inputs.items():
            node.base.links.add_incoming(data.store(), LinkType.INPUT_CALC, name)
        node.base.links.add_incoming(folder, LinkType.INPUT_CALC, "parent_folder")
        if scheduler_status:
            node.set_exit_status(scheduler_status)
            node.set_exit_message("what the scheduler said")
        node.store()
        retrieved = orm.FolderData()
        for name, text in {**FINISHED, **(files or {})}.items():
            if text is not None:
                retrieved.base.repository.put_object_from_bytes(text.encode(), name)
        retrieved.base.links.add_incoming(node, LinkType.CREATE, "retrieved")
        retrieved.store()
        return ParserFactory("getl.lobster").parse_from_node(node, store_provenance=False)

    return run


def only(**files):
    """Return changes that leave out every file but these; `_` in a name stands for the dot or dash."""
    return {**dict.fromkeys(FINISHED), **files}


def test_finished(parse, data_regression):
    outputs, node = parse()
    assert node.is_finished_ok, node.exit_message
    assert set(outputs) == {"bonds", "results"}
    bonds = outputs["bonds"]
    atoms = bulk("Al", "fcc", 4.05, cubic=True)
    expected = find_bonds(atoms.positions, atoms.cell[:], 3.0)
    assert sorted(bonds.get_bonds().keys()) == sorted(expected.keys())
    # The file has five decimals of the distances, the structure all of them.
    np.testing.assert_allclose(bonds.get_bonds().distance, 4.05 / np.sqrt(2), rtol=1e-12)
    assert bonds.get_icohp()[bonds.get_bonds().keys().index((0, 1, 0, -1, -1))] == -1.34271
    assert bonds.base.attributes.get("spilling") == 0.0123
    assert bonds.method == {
        "engine": "getl-cohp",
        "version": "0.1.0",
        "basis_set": "UPF",
        "basis": {"Al": ["3s", "3p"]},
        "pseudos": {},
    }
    results = outputs["results"].get_dict()
    del results["getl_cohp"]
    data_regression.check(results)


def test_cut_list_keeps_the_complete_bonds(parse):
    lines = FINISHED["ICOHPLIST.lobster"].splitlines(keepends=True)
    outputs, node = parse({"ICOHPLIST.lobster": "".join(lines[:12]) + lines[12][:-4]})
    assert node.exit_status == 312
    assert outputs["bonds"].n_bonds == 10


def test_list_cut_between_lines(parse):
    lines = FINISHED["ICOHPLIST.lobster"].splitlines(keepends=True)
    outputs, node = parse({"ICOHPLIST.lobster": "".join(lines[:12])})
    assert node.exit_status == 312
    assert outputs["bonds"].n_bonds == 10


def test_interrupted_after_the_icohps(parse):
    text = FINISHED["lobsterout"]
    outputs, node = parse({"lobsterout": text[: text.index("finished in")], "getl-cohp.json": '{"engine": "ge'})
    assert node.exit_status == 500
    assert outputs["bonds"].n_bonds == 24
    assert "getl_cohp" not in outputs["results"].get_dict()


@pytest.mark.parametrize("status", [110, 120])
def test_what_the_scheduler_reported_is_kept(parse, status):
    text = FINISHED["lobsterout"]
    outputs, node = parse({"lobsterout": text[: text.index("finished in")]}, scheduler_status=status)
    assert node.exit_status == status
    assert outputs["bonds"].n_bonds == 24


LOBSTER = "LOBSTER v5.1.1 (g++ 9.3.0)\n"


@pytest.mark.parametrize(
    ("files", "status", "message"),
    [
        (dict.fromkeys(FINISHED), 302, "never started or was killed"),
        (
            {"lobsterout": LOBSTER + "WARNING: Too few bands: please rerun with\nWARNING: 988 bands or more.\n"},
            410,
            "988 are needed",
        ),
        (
            {"lobsterout": LOBSTER + "detecting used PAW program... ERROR: could not determine which program was used"},
            411,
            "did not recognise",
        ),
        ({"lobsterout": LOBSTER + "setting up CO interactions... found 0 interactions.\n"}, 412, "No two atoms"),
        ({"ICOHPLIST.lobster": None, "lobster.out": "Segmentation fault\n"}, 313, "Segmentation fault"),
        ({"ICOHPLIST.lobster": "nonsense\n"}, 311, "cannot be read"),
        (
            only(**{"lobster.out": "getl-cohp: k-point 1 of 4\ngetl-cohp: out: no bond fits cohpGenerator\n"}),
            413,
            "out: no bond fits cohpGenerator",
        ),
        (
            only(**{"lobster.out": "getl-cohp: 16 bands: run pw.x again with nbnd = 20 or more\n"}),
            410,
            "nbnd = 20 or more",
        ),
        (
            {**only(), "lobsterout": FINISHED["lobsterout"][:700], "lobster.out": "getl-cohp: k-point 1 of 4\n"},
            303,
            "k-point 1 of 4",
        ),
    ],
    ids=lambda value: value if isinstance(value, int) else "",
)
def test_failures(parse, files, status, message):
    outputs, node = parse(files)
    assert node.exit_status == status
    assert message in node.exit_message
    assert set(outputs) == {"results"}


def test_another_structure_is_noticed(parse):
    outputs, node = parse(structure=bulk("Al", "fcc", 4.15, cubic=True))
    assert node.exit_status == 420
    assert "2.8638 Å long in the list and 2.9345 Å in the structure" in node.exit_message
    assert "bonds" not in outputs
    _, node = parse(structure=bulk("Al", "fcc", 4.05))
    assert node.exit_status == 420
    assert "atom 4 is bonded, but the structure has 1 atoms" in node.exit_message


def test_bonds_lumped_with_their_images_are_left_out(parse):
    outputs, node = parse(kpoints="gamma")
    assert node.exit_status == 430
    assert "24 bonds" in node.exit_message
    assert outputs["bonds"].n_bonds == 0
    # Two points along x tell nothing apart either: each pair also has two images along y or z.
    outputs, node = parse(kpoints="coarse")
    assert node.exit_status == 430


def test_published_lobster_5(parse, reference_data):
    sample = reference_data / "lobster_samples" / "v5.1.1_FeNi3_spin"
    files = {"lobsterout": LOBSTER, "ICOHPLIST.lobster": (sample / "ICOHPLIST.lobster").read_text()}
    outputs, node = parse(
        {**only(), **files}, structure=read(sample / "POSCAR"), parameters={"cohpBetween": "atom 1 and atom 2"}
    )
    assert node.exit_status == 500  # the sample has no lobsterout to say that it finished
    bonds = outputs["bonds"]
    assert bonds.get_bonds().keys() == [(0, 1, 0, 0, 0)]
    assert bonds.get_array("icohp").tolist() == [[-0.1383, -0.33562]]
    assert bonds.get_strength()[0] == pytest.approx(0.47392)
    assert bonds.get_bond_types().tolist() == ["Ni-Fe"]
    assert (bonds.method["engine"], bonds.method["version"]) == ("LOBSTER", "5.1.1")


def test_published_lobster_6(parse, reference_data):
    sample = reference_data / "lobster_samples" / "v6.0.0_diamond_qe75"
    files = {name: (sample / name).read_text() for name in ("lobsterout", "ICOHPLIST.lobster")}
    outputs, node = parse({**only(), **files}, structure=read(sample / "POSCAR.lobster.vasp", format="vasp"))
    assert node.is_finished_ok, node.exit_message
    assert outputs["bonds"].get_strength() == pytest.approx([9.60866, 9.60866, 9.60867, 9.60866])
    assert outputs["bonds"].base.attributes.get("spilling") == 0.0112
    assert outputs["bonds"].method["version"] == "6.0.0"


def test_published_glass_of_lobster_3(parse, reference_data):
    run = reference_data / "prm4_113603/ML/big-data-full/Zr49Cu49Al2/c/md/lammps/100/21/2000/0"
    files = {name: (run / name).read_text() for name in ("lobsterout", "ICOHPLIST.lobster")}
    outputs, node = parse({**only(), **files}, structure=read(run / "Zr49Cu49Al2.xyz"), kpoints="gamma")
    # Γ alone cannot tell the few bonds across a cell of 12 Å from each other, if any reach so far.
    assert node.exit_status == 0, node.exit_message
    bonds = outputs["bonds"]
    assert bonds.n_bonds == 738
    assert bonds.get_icohp()[bonds.get_bonds().keys().index((0, 1, 0, 0, 0))] == -0.41728
    assert bonds.base.attributes.get("spilling") == 0.016
    assert sum(bonds.base.attributes.get("bond_types").values()) == 738
