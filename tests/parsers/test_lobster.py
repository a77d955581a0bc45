"""The parser of `getl.lobster` on outputs of `getl-cohp`, complete, cut and failed, and on those of LOBSTER 3 to 6."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.plugins import ParserFactory
from ase.build import bulk
from ase.io import read

from aiida_getl.data.bonds import common_method, same_scale
from aiida_getl.structures.bonds import find_bonds

#: Of fcc Al with four k-points, cheap and unconverged.
FINISHED = {path.name: path.read_text() for path in sorted((Path(__file__).parent / "lobster" / "finished").iterdir())}
#: Of one atom of fcc Al, three bonds to its images, two of them with orbitals.
ORBITALWISE = {path.name: path.read_bytes() for path in (Path(__file__).parent / "lobster" / "orbitalwise").iterdir()}
PARAMETERS = {"basisFunctions": {"Al": ["3s", "3p"]}, "cohpGenerator": ["from 1.0 to 3.0"]}
#: Those of the calculation, and coarser ones.
KPOINTS = {"fine": ([2, 2, 2], [0.5] * 3), "gamma": ([1, 1, 1], [0.0] * 3), "coarse": ([2, 1, 1], [0.0] * 3)}
KPOINTS["finer"] = ([3, 3, 3], [0.0] * 3)


@pytest.fixture
def parse(aiida_localhost):
    """Return a function that parses files (name to text, or None to leave one out) as those of a job."""

    def run(files=None, structure=None, kpoints="fine", scheduler_status=None, parameters=PARAMETERS, settings=None):
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
        if settings is not None:
            inputs["settings"] = orm.Dict(settings)
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
                content = text if isinstance(text, bytes) else text.encode()
                retrieved.base.repository.put_object_from_bytes(content, name)
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
        "pw": {"kpoints": {"mesh": [2, 2, 2], "offset": [0.5, 0.5, 0.5]}},
    }
    results = outputs["results"].get_dict()
    del results["getl_cohp"]
    data_regression.check(results)


def test_what_was_projected_on_is_part_of_the_method(parse):
    bonds, others = (
        parse(
            {
                "lobsterout": FINISHED["lobsterout"].replace("Al (UPF)", f"Al ({name})"),
                "getl-cohp.json": json.dumps({**json.loads(FINISHED["getl-cohp.json"]), "projections": words}),
            }
        )[0]["bonds"]
        for name, words in (("Slater", "Slater orbitals"), ("UPF", "orbitals of the pseudopotentials"))
    )
    assert (bonds.method["basis_set"], bonds.method["projections"]) == ("Slater", "Slater orbitals")
    assert (others.method["basis_set"], others.method["projections"]) == ("UPF", "orbitals of the pseudopotentials")
    assert not same_scale(bonds.method, others.method)


def test_accuracy_is_told_and_is_no_matter_of_the_scale(parse):
    fine, finer = (parse(kpoints=name)[0]["bonds"].method for name in ("fine", "finer"))
    assert finer["pw"]["kpoints"] == {"mesh": [3, 3, 3], "offset": [0.0, 0.0, 0.0]}
    assert fine != finer
    assert same_scale(fine, finer)
    assert "pw" not in common_method([fine, finer])
    assert same_scale(common_method([fine, finer]), fine)


@pytest.mark.parametrize(
    ("version", "start", "window"),
    [("4.1.0", -100, "from -100 eV"), ("4.1.0", None, "from -10 eV"), ("5.1.1", -100, None)],
)
def test_window_of_icohps_is_part_of_the_method_where_they_are_integrals_of_it(parse, version, start, window):
    lobsterout = FINISHED["lobsterout"].replace("getl-cohp v0.1.0", f"LOBSTER v{version}")
    parameters = PARAMETERS if start is None else {**PARAMETERS, "COHPstartEnergy": start}
    method = parse({"lobsterout": lobsterout}, parameters=parameters)[0]["bonds"].method
    assert method["version"] == version
    assert method.get("window") == window
    assert not same_scale(method, {**method, "window": "all occupied bands"})


def test_bands_that_are_needed_are_told(parse):
    outputs, node = parse(only(**{"lobster.out": "getl-cohp: 16 bands: run pw.x again with nbnd = 20 or more\n"}))
    assert node.exit_status == 410
    assert outputs["results"]["bands_needed"] == 20


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
        (
            only(**{"lobsterout": LOBSTER, "lobster.out": LOBSTER + "ERROR: no such basis\nERROR: for Cu.\n\nbye\n"}),
            303,
            "no such basis for Cu.",
        ),
        (
            {**only(), "lobsterout": FINISHED["lobsterout"].replace("abs. ch", "WARNING: odd\nWARNING: run\nabs. ch")},
            303,
            "it finished and wrote none; odd run",
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


@pytest.mark.parametrize(
    ("keyword", "kpoints", "status"),
    [
        # One of the four images in a cell of 4.05 Å, all of them as near.
        ({"cohpBetween": "atom 1 and atom 2 cell 0 -1 -1"}, "gamma", 430),
        ({"cohpGenerator": ["from 1.0 to 3.0"]}, "gamma", 430),
        ({"cohpBetween": "atom 1 and atom 2 cell 0 -1 -1"}, "finer", 0),
    ],
)
def test_bond_lumped_with_images_that_are_not_listed(parse, keyword, kpoints, status):
    lines = FINISHED["ICOHPLIST.lobster"].splitlines(keepends=True)
    one = "".join(lines[:2] + [line for line in lines[2:] if line.split()[1:3] == ["Al1", "Al2"]][:1])
    report = FINISHED["lobsterout"].replace("found 24 interactions", "found 1 interactions")
    basis = {"basisFunctions": {"Al": ["3s", "3p"]}}
    files = {"ICOHPLIST.lobster": one, "lobsterout": report}
    outputs, node = parse(files, kpoints=kpoints, parameters={**basis, **keyword})
    assert node.exit_status == status, node.exit_message
    assert outputs["bonds"].n_bonds == (0 if status else 1)


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


@pytest.fixture
def parse_orbitalwise(parse):
    """Return a function that parses the orbital-wise files, with some replaced."""

    def run(files=None, **options):
        structure = bulk("Al", "fcc", 4.05)
        return parse({**only(), **ORBITALWISE, **(files or {})}, structure=structure, kpoints="finer", **options)

    return run


def test_curves_orbitals_and_populations(parse_orbitalwise):
    outputs, node = parse_orbitalwise()
    assert node.is_finished_ok, node.exit_message
    assert set(outputs) == {"bonds", "results", "cohp", "orbitals", "populations"}
    bonds = outputs["bonds"]
    assert bonds.get_bonds().keys() == [(0, 0, 0, 1, -1), (0, 0, 1, 0, 0)]  # +T and -T are one bond
    for kind in ("icohp", "icoop", "icobi"):
        assert bonds.get_array(kind).shape == (2, 1)
    assert bonds.get_array("icobi").sum() > 0

    curves = {name: outputs["cohp"].get_array(name) for name in outputs["cohp"].get_arraynames()}
    kinds = {"cohp", "icohp", "coop", "icoop", "cobi", "icobi"}
    of_orbitals = {"orbital_bond", "orbital_i", "orbital_j", *(f"orbital_{kind}" for kind in kinds)}
    assert set(curves) == {"energies", "bond", *kinds, *of_orbitals}
    assert curves["bond"].tolist() == [0, 1]
    np.testing.assert_allclose(curves["energies"], np.linspace(-10, 5, 11), atol=1e-4)
    assert curves["cohp"].shape == curves["icobi"].shape == (2, 1, 11)
    assert curves["orbital_bond"].tolist() == [1] * 16
    for kind in kinds:
        np.testing.assert_allclose(curves[f"orbital_{kind}"].sum(axis=0), curves[kind][1], atol=1e-4)

    orbitals = {name: outputs["orbitals"].get_array(name) for name in outputs["orbitals"].get_arraynames()}
    assert set(orbitals["bond"].tolist()) == {1}
    assert orbitals["orbital_i"][:3].tolist() == ["3s"] * 3
    assert orbitals["orbital_j"][:3].tolist() == ["3s", "3p_y", "3p_z"]
    for name in ("orbital_i", "orbital_j"):
        assert curves[name].tolist() == orbitals[name].tolist()
    for kind in ("icohp", "icoop", "icobi"):
        assert orbitals[kind].sum() == pytest.approx(bonds.get_array(kind)[1, 0], abs=1e-4)

    populations = {name: outputs["populations"].get_array(name) for name in outputs["populations"].get_arraynames()}
    assert populations["symbols"].tolist() == ["Al"]
    assert populations["loewdin"] == pytest.approx([0.0], abs=0.01)
    assert populations["orbital"].tolist() == ["3s", "3p_y", "3p_z", "3p_x"]
    assert populations["gross_loewdin"].sum() == pytest.approx(3, abs=0.02)


def test_orbitals_follow_a_bond_that_is_turned_round(parse_orbitalwise):
    text = ORBITALWISE["ICOHPLIST.lobster"].decode()
    header, rows = text.splitlines()[:2], text.splitlines()[2:]
    backwards = "\n".join(header + [row for row in rows if "  -1   0   0" in row]) + "\n"
    report = ORBITALWISE["lobsterout"].replace(b"found 3 interactions", b"found 1 interactions")
    outputs, _ = parse_orbitalwise({"ICOHPLIST.lobster": backwards, "lobsterout": report})
    assert outputs["bonds"].get_bonds().keys() == [(0, 0, 1, 0, 0)]
    for output in ("orbitals", "cohp"):
        assert outputs[output].get_array("orbital_i")[:3].tolist() == ["3s", "3p_y", "3p_z"]
        assert outputs[output].get_array("orbital_j")[:3].tolist() == ["3s"] * 3


@pytest.mark.parametrize(
    ("limit", "value", "shapes", "told"),
    [
        # A curve and its integral at eleven energies: 176 bytes; those of three bonds and 32 pairs of orbitals.
        ("MOST_OF_CURVES", 35 * 176 - 1, (2, None), "with the curves of 32 pairs of orbitals it takes"),
        ("MOST_OF_CURVES", 3 * 176 - 1, (None, None), "its 35 curves take"),
        ("LARGEST_CURVES", 10_000, (None, None), "it has 10136 bytes"),
    ],
)
def test_curves_that_are_too_large_stay_in_their_files(parse_orbitalwise, monkeypatch, limit, value, shapes, told):
    monkeypatch.setattr(f"aiida_getl.parsers.lobster.{limit}", value)
    outputs, node = parse_orbitalwise()
    assert node.is_finished_ok, node.exit_message
    warnings = outputs["results"].get_dict()["warnings"]
    assert sum(told in warning for warning in warnings) == 3
    assert warnings[0].startswith("COHPCAR.lobster is kept as a file")
    curves = outputs.get("cohp", orm.ArrayData())
    shape = {name: curves.get_shape(name)[0] for name in curves.get_arraynames()}
    assert (shape.get("icohp"), shape.get("orbital_icohp")) == shapes


def test_curves_of_several_centres_stay_in_their_file(parse_orbitalwise):
    several = "title\n 1 1 1 -1.00000e+00 1.00000e+00 0.00000e+00\nNo.1:Al1[0 0 0]->Al1[0 0 1]\n\n-1.0 0.1 0.1\n"
    outputs, node = parse_orbitalwise({"COBICAR.lobster": several})
    assert node.is_finished_ok, node.exit_message
    assert "cobi" not in outputs["cohp"].get_arraynames()
    assert "several centres" in outputs["results"].get_dict()["warnings"][0]


#: How an analysis may end that left files of any kind.
DOCUMENTED = {None, 0, 110, 120, *range(302, 316), *range(410, 414), 420, *range(430, 434), 500, 501}


@pytest.mark.parametrize("share", [0.02, 0.8])
@pytest.mark.parametrize("name", ["ICOHPLIST.lobster", "lobsterout", "COHPCAR.lobster"])
def test_file_cut_anywhere(parse_orbitalwise, name, share):
    content = ORBITALWISE[name]
    outputs, node = parse_orbitalwise({name: content[: int(share * len(content))]})
    assert node.exit_status in DOCUMENTED - {None, 0}, node.exit_message
    outputs["results"].store()
    if name == "COHPCAR.lobster":
        assert node.exit_status == 501
        assert name in node.exit_message
    if name != "ICOHPLIST.lobster":
        assert outputs["bonds"].n_bonds == 2
    elif share > 0.1:
        assert node.exit_status == 312
        assert outputs["bonds"].n_bonds == 1


RUBBISH = {
    "empty": b"",
    "elf": b"\x7fELF\x02\x01" + bytes(range(256)) * 20,
    "json": b'{"a": 1e999, "b": "\\ud800\\u0000", "c": [NaN]}',
    "nested": b"[" * 100_000,
}


OTHERS = set(ORBITALWISE) - {"ICOHPLIST.lobster", "lobsterout"}


@pytest.mark.parametrize("names", [{"ICOHPLIST.lobster"}, {"lobsterout"}, OTHERS], ids=["list", "report", "others"])
@pytest.mark.parametrize("rubbish", ["empty", "elf", "json", "nested"])
def test_rubbish_in_place_of_files(parse_orbitalwise, names, rubbish):
    outputs, node = parse_orbitalwise(dict.fromkeys(names, RUBBISH[rubbish]))
    assert node.exit_status in DOCUMENTED - {None, 0}, node.exit_message
    for output in outputs.values():
        output.store()
    if names == OTHERS:
        assert outputs["bonds"].n_bonds == 2
        assert node.exit_status == 501


def test_icohps_that_are_no_numbers_are_left_out(parse_orbitalwise):
    text = ORBITALWISE["ICOHPLIST.lobster"].decode().splitlines(keepends=True)
    text[2] = text[2].replace("-1.64798", "     nan")
    assert "nan" in text[2]
    outputs, node = parse_orbitalwise({"ICOHPLIST.lobster": "".join(text)})
    assert node.exit_status == 433
    assert outputs["bonds"].get_bonds().keys() == [(0, 0, 0, 1, -1)]


def test_files_that_are_too_large_are_not_read(parse_orbitalwise):
    """Of one the end is read, which says why it is so large."""
    repeated = b"getl-cohp: k-point 1 of 8\n" * 200_000
    report = b" " * 50_000_001
    tracemalloc.start()
    try:
        outputs, node = parse_orbitalwise({"lobsterout": report, "getl-cohp.json": report})
        assert node.exit_status == 304
        assert "lobsterout has 50000001 bytes" in node.exit_message
        assert set(outputs) == {"results"}
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        said = repeated + b"getl-cohp: [Errno 28] No space left on device\n"
        _, node = parse_orbitalwise({"ICOHPLIST.lobster": None, "lobsterout": b"", "lobster.out": said})
        assert node.exit_status == 315
        # The content itself is held by this test, and once more by the repository while it is stored.
        assert tracemalloc.get_traced_memory()[1] - before < 4 * len(said)
    finally:
        tracemalloc.stop()


def test_list_of_many_more_bonds_than_the_run_found(parse_orbitalwise):
    lines = ORBITALWISE["ICOHPLIST.lobster"].decode().splitlines(keepends=True)
    many = "".join(lines[:2] + [f"{n:7d} {lines[2][8:]}" for n in range(1, 301)])
    _, node = parse_orbitalwise({"ICOHPLIST.lobster": many})
    assert node.exit_status == 311
    assert "it has 300 bonds, the run found 3" in node.exit_message


@pytest.mark.parametrize(
    ("settings", "report", "status", "message"),
    [
        ({"max_charge_spilling": 0.01}, {}, 432, "charge spilling of 1.05% exceeds the limit of 1.00%"),
        ({"max_charge_spilling": 0.02}, {}, 0, ""),
        (
            {"max_kpoints_not_orthonormalized": 0.05},
            {b"abs. charge": b"WARNING: 3 of 27 k-points could not be orthonormalized with\nabs. charge"},
            431,
            "3 of 27 k-points could not be orthonormalised, more than the limit of 5.0%",
        ),
        (None, {b"abs. charge": b"WARNING: 3 of 27 k-points could not be orthonormalized with\nabs. charge"}, 0, ""),
    ],
)
def test_limits(parse_orbitalwise, settings, report, status, message):
    text = ORBITALWISE["lobsterout"]
    for old, new in report.items():
        text = text.replace(old, new)
    outputs, node = parse_orbitalwise({"lobsterout": text}, settings=settings)
    assert node.exit_status == status, node.exit_message
    assert message in (node.exit_message or "")
    assert outputs["bonds"].n_bonds == 2


def test_a_limit_on_what_is_not_known_is_told(parse_orbitalwise):
    report = b"\n".join(line for line in ORBITALWISE["lobsterout"].split(b"\n") if b"spilling:" not in line)
    outputs, node = parse_orbitalwise({"lobsterout": report}, settings={"max_charge_spilling": 0.01})
    assert node.is_finished_ok, node.exit_message
    assert "charge spilling is not known" in outputs["results"].get_dict()["warnings"][-1]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("slurmstepd: error: Detected 1 oom-kill event(s)", 110),
        ("terminate called after throwing an instance of 'std::bad_alloc'", 110),
        ("slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***", 120),
        ("_aiidasubmit.sh: line 9: 4711 Killed   lobster", 314),
        ("Segmentation fault (core dumped)", 313),
        ("Bus error", 303),
    ],
)
def test_last_words(parse, said, status):
    _, node = parse({"ICOHPLIST.lobster": None, "lobsterout": FINISHED["lobsterout"][:700], "lobster.out": said + "\n"})
    assert node.exit_status == status, node.exit_message


def test_threads_on_one_core_are_told(parse, reference_data):
    run = reference_data / "prm4_113603/ML/big-data-full/Zr49Cu49Al2/c/md/lammps/100/21/2000/0"
    outputs, _ = parse({"lobsterout": (run / "lobsterout").read_text()})
    results = outputs["results"].get_dict()
    assert results["one_core_run"]
    assert 0.9 < results["cpu_per_wall"] < 1.1
    assert results["warnings"][-1].startswith("24 threads did the work of one core")
