"""Labels made elsewhere in the graph: where they come from, what is left out, and nothing twice."""

import hashlib

import numpy as np
import pytest
from aiida import orm

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData
from aiida_getl.exchange.original import find_sources
from aiida_getl.importer import dbi_of, import_all, import_databases, import_source
from aiida_getl.provenance import trace


@pytest.fixture
def group(aiida_profile_clean):
    return orm.Group(label="imported").store()


@pytest.fixture
def sources(tmp_path, write_sub_run):
    write_sub_run(tmp_path, 0)
    write_sub_run(tmp_path, 3)
    write_sub_run(tmp_path, 13, converged=False, labelled=False)
    return find_sources(tmp_path)[0]


def test_label_and_its_origin(sources, group):
    imported = import_source(sources[0])
    assert imported.is_new
    assert imported.reason is None
    bonds = imported.bonds
    assert isinstance(bonds, BondStrengthsData)
    assert bonds.creator.process_label == "import_label"
    assert bonds.creator.inputs.files.uuid == imported.files.uuid
    assert bonds.method["engine"] == "LOBSTER"
    assert bonds.base.attributes.get("calculation")["kpoints"]["points"] == [2, 2, 2]
    structure = imported.outputs["structure"].get_ase()
    np.testing.assert_allclose(structure.cell.lengths(), [6.6, 6.6, 3.3])
    # The files themselves are kept, with where they were and what they hashed to.
    attributes = imported.files.base.attributes
    path = sources[0].files["icohplist"]
    assert attributes.get("paths")["icohplist"] == str(path)
    assert attributes.get("sha256")["icohplist"] == hashlib.sha256(path.read_bytes()).hexdigest()
    name = attributes.get("roles")["icohplist"]
    assert imported.files.base.repository.get_object_content(name) == path.read_text()
    for filters in (
        {"attributes.origin.composition": "Cu50Zr50", "attributes.origin.sub_run": 0},
        {"attributes.sha256.structure": hashlib.sha256(sources[0].files["structure"].read_bytes()).hexdigest()},
    ):
        assert orm.QueryBuilder().append(orm.FolderData, filters=filters).count() == 1


def test_a_dbi_of_what_has_labels(sources, group):
    imported = list(import_all(sources, group))
    dbi, is_new = dbi_of(imported, {"r_max": 4.2}, group)
    assert is_new
    assert [entry["sub_run"] for entry in dbi.structures] == ["as_quenched", "shear_yx"]
    (left_out,) = dbi.left_out
    assert left_out["sub_run"] == "isotropic_tension"
    assert left_out["reason"].startswith("the SCF was stopped after 80 iterations, not converged")
    assert set(imported[2].outputs) == {"structure", "failure"}
    found = trace(dbi, bond=0)
    assert [step.what for step in found.steps] == ["import_label"]
    assert list(found.origins) == ["files"]
    (origin,) = found.origins["files"]
    assert origin.files["icohplist"] == {
        "path": str(sources[0].files["icohplist"].resolve()),
        "sha256": sources[0].checksums()["icohplist"],
    }
    assert found.label["calculation"]["ecutwfc"] == 70
    assert dbi.uuid in {node.uuid for node in group.nodes}
    assert len(list(group.nodes)) == 3 * 3 + 1


def test_nothing_is_imported_twice(sources, group, tmp_path, write_sub_run):
    dbi, _ = dbi_of(list(import_all(sources, group)), {"r_max": 4.2}, group)
    count = orm.QueryBuilder().append(orm.Node).count()
    again = list(import_all(sources, group))
    assert not any(item.is_new for item in again)
    same, is_new = dbi_of(again, {"r_max": 4.2}, group)
    assert (same.uuid, is_new) == (dbi.uuid, False)
    assert orm.QueryBuilder().append(orm.Node).count() == count
    # One more sub-run: the others stay, and a second DBI holds all of them.
    write_sub_run(tmp_path, 14)
    more = list(import_all(find_sources(tmp_path)[0], group))
    assert [item.is_new for item in more] == [False, False, False, True]
    larger, is_new = dbi_of(more, {"r_max": 4.2}, group)
    assert is_new
    assert len(larger.structures) == 3
    # Another file is another label.
    sources[0].files["icohplist"].write_text(sources[0].files["icohplist"].read_text() + "\n")
    assert import_source(sources[0]).is_new


def test_a_broken_sub_run_does_not_stop_the_rest(sources, group):
    sources[0].files["structure"].write_text("nonsense")
    imported = list(import_all(sources, group))
    assert "Cu50Zr50.xyz is not understood as a structure" in imported[0].reason
    assert set(imported[0].outputs) == {"failure"}
    dbi, _ = dbi_of(imported, {"r_max": 4.2}, group)
    assert [entry["sub_run"] for entry in dbi.structures] == ["shear_yx"]
    assert len(dbi.left_out) == 2


def test_no_label_at_all(sources, group):
    imported = list(import_all(sources[2:], group))
    with pytest.raises(ValueError, match="none of the structures has a label"):
        dbi_of(imported, {"r_max": 4.2}, group)
    assert orm.QueryBuilder().append(DbiData).count() == 0


def test_other_methods_are_joined_only_when_asked_for(sources, group):
    path = sources[1].files["lobsterin"]
    path.write_text(path.read_text().replace("Cu 3s 4s 3p 3d", "Cu 4s 3d"))
    imported = list(import_all(sources, group))
    with pytest.raises(ValueError, match="shear_yx were made by different methods"):
        dbi_of(imported, {"r_max": 4.2}, group)
    dbi, _ = dbi_of(imported, {"r_max": 4.2, "mixed_methods": True}, group)
    method = dbi.base.attributes.get("method")
    assert [part["basis"]["Cu"] for part in method["mixed"]] == [["3s", "4s", "3p", "3d"], ["4s", "3d"]]


def test_other_kpoints_are_no_other_scale(sources, group):
    path = sources[1].files["scf_input"]
    path.write_text(path.read_text().replace("2 2 2   1 1 1", "1 1 1   0 0 0"))
    dbi, _ = dbi_of(list(import_all(sources, group)), {"r_max": 4.2}, group)
    assert len(dbi.structures) == 2


def test_a_database_without_structures(group, tmp_path):
    folder = tmp_path / "Cu50Zr50-PBSSDB"
    folder.mkdir()
    (folder / "Cu-Zr.bnd").write_text("3 14 1 2 3.379530 0.964350\n3 4 2 3 3.530600 0.5\n")
    (folder / "ND.info").write_text("3 13 2\n3 2 3\n")
    dbi, is_new = import_databases(folder, group)
    assert is_new
    assert dbi.bond_types == {"Zr-Cu": 2}
    assert dbi.left_out == [
        {"run": "Cu50Zr50_run_3", "sub_run": "isotropic_tension", "reason": "the SCF did not converge"}
    ]
    found = trace(dbi, bond=0)
    assert found.bond["structure"] is None
    assert found.bond["strength_eV"] in (0.96435, 0.5)
    assert import_databases(folder, group)[1] is False
    (folder / "Cu-Zr.bnd").write_text("nonsense\n")
    with pytest.raises(ValueError, match=r"Cu-Zr\.bnd, line 1"):
        import_databases(folder, group)
