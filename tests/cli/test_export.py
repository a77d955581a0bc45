"""Databases that leave the profile and come back; archives that answer and predict elsewhere."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from aiida import orm

from aiida_getl.data.dbi import DbiData


def check_same(found, dbi):
    """Every column, and what was computed from positions."""
    one, other = found.get_table(), dbi.get_table()
    for name in ("type", "distance", "strength", "atom_i", "atom_j", "translation", "structure"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for kind, rows in other.descriptors.items():
        np.testing.assert_array_equal(one.descriptors[kind], rows)
    assert found.base.attributes.get("method") == dbi.base.attributes.get("method")
    assert [(entry["run"], entry["sub_run"], entry["composition"]) for entry in found.structures] == [
        (entry["run"], entry["sub_run"], entry["composition"]) for entry in dbi.structures
    ]


@pytest.mark.parametrize("name", ["labels", "labels.db"])
def test_what_is_exported_comes_back(campaign, call, tmp_path, name):
    target = tmp_path / name
    status, output = call("dbi", "export", campaign.dbi.pk, target, "--licence", "CC-BY-4.0", "--citation", "a paper")
    assert status == 0, output
    status, output = call("dbi", "import", target, "--dry-run")
    assert status == 0, output
    assert f"{campaign.dbi.base.attributes.get('n_bonds')} bonds of 4 structures" in output
    status, output = call("dbi", "import", target, "--label", f"back from {name}")
    assert status == 0, output
    assert "built" in output
    found = orm.load_node(int(re.search(r"DBI +<(\d+)>", output)[1]))
    check_same(found, campaign.dbi)
    origin = orm.load_node(found.structures[0]["label_id"]).base.attributes.get("exported")
    assert origin["label_id"] == campaign.dbi.structures[0]["label_id"]
    status, output = call("dbi", "import", target, "--label", f"back from {name}")
    assert "was there already" in output
    status, output = call("dbi", "export", campaign.dbi.pk, target)
    assert status == 1
    assert f"{target} exists already" in output


def test_how_labels_were_made_and_what_is_left_out_come_back(campaign, call, tmp_path):
    label = next(iter(campaign.labels.values()))
    assert label.base.attributes.get("spilling") == 0.016
    lists = tmp_path / "lists"
    call("dbi", "export", campaign.dbi.pk, lists, "--format", "lobster")
    damaged = lists / "pairs.csv"
    rows = damaged.read_text().splitlines()
    missing = rows[1].split(",")
    (lists / missing[1]).write_text("nothing")
    status, output = call("dbi", "import", damaged, "--label", "one short")
    assert status == 0, output
    short = orm.QueryBuilder().append(DbiData, filters={"label": "one short"}).first(flat=True)
    (gone,) = short.left_out
    for source, name in ((campaign.dbi, "all"), (short, "short"), (short, "short.db")):
        assert call("dbi", "export", source.pk, tmp_path / name)[0] == 0
        status, output = call("dbi", "import", tmp_path / name, "--label", f"{name} again")
        assert status == 0, output
        found = orm.QueryBuilder().append(DbiData, filters={"label": f"{name} again"}).first(flat=True)
        assert found.left_out == ([gone] if source is short else [])
        for entry, other in zip(found.structures, source.structures, strict=True):
            one, two = (orm.load_node(each["label_id"]).base.attributes for each in (entry, other))
            for kept in ("method", "spilling", "calculation"):
                assert one.get(kept, None) == two.get(kept, None)


def test_a_label_that_came_back_is_the_same_label(campaign, call, tmp_path):
    call("dbi", "export", campaign.dbi.pk, tmp_path / "once")
    call("dbi", "import", tmp_path / "once", "--label", "once")
    call("dbi", "export", "once", tmp_path / "twice")
    call("dbi", "import", tmp_path / "twice", "--label", "twice")
    status, output = call("dbi", "merge", campaign.dbi.pk, "twice", "--label", "merged")
    assert status == 0, output
    assert f"of {len(campaign.dbi.structures)} structures" in output
    status, output = call("query", "compare", campaign.dbi.pk, "twice", "--json")
    assert status == 0, output
    assert json.loads(output)["labels_in_both"] == len(campaign.dbi.structures)
    label = next(iter(campaign.labels.values()))
    status, output = call("query", "invalidate", label.pk, "--reason", "a wrong cut-off")
    assert status == 0, output
    status, output = call("dbi", "merge", "twice", campaign.dbi.pk, "--label", "cleaned")
    call("query", "invalidate", label.pk, "--undo")
    assert status == 0, output
    cleaned = orm.QueryBuilder().append(DbiData, filters={"label": "cleaned"}).first(flat=True)
    assert len(cleaned.structures) == len(campaign.dbi.structures) - 1
    assert {entry["reason"] for entry in cleaned.left_out} == {"marked as faulty: a wrong cut-off"}


def test_runs_of_one_name_come_back_apart(campaign, call, write_sub_run, tmp_path):
    """As of two campaigns that were merged."""
    write_sub_run(tmp_path / "other", sub_run=0, run=1, composition="Cu46Zr54")
    call("dbi", "import", tmp_path / "other", "--label", "other")
    status, output = call("dbi", "merge", campaign.dbi.pk, "other", "--label", "both")
    assert status == 0, output
    call("dbi", "export", "both", tmp_path / "both")
    status, output = call("dbi", "import", tmp_path / "both", "--label", "both again")
    assert status == 0, output
    both, again = (
        orm.QueryBuilder().append(DbiData, filters={"label": name}).first(flat=True) for name in ("both", "both again")
    )
    assert again.bond_types == both.bond_types
    assert again.base.attributes.get("n_structures") == 5


def test_folder_says_what_it_is(campaign, call, tmp_path):
    status, output = call("dbi", "export", campaign.dbi.pk, tmp_path / "d")
    assert status == 0
    assert "--licence and --citation" in output
    metadata = json.loads((tmp_path / "d" / "metadata.json").read_text())
    assert metadata["identifier"] == campaign.dbi.uuid
    assert metadata["licence"] == "not stated"
    assert metadata["descriptors"] == campaign.dbi.descriptors
    assert metadata["settings"]["r_max"] == 4.2


def test_published_layout(campaign, call, tmp_path):
    status, output = call("dbi", "export", campaign.dbi.pk, tmp_path / "DB1", "--format", "bnd")
    assert status == 0, output
    status, output = call("dbi", "import", tmp_path / "DB1", "--label", "DB1")
    assert status == 0, output
    found = orm.QueryBuilder().append(DbiData, filters={"label": "DB1"}).first(flat=True)
    one, other = found.get_table(descriptors=False), campaign.dbi.get_table(descriptors=False)
    assert sorted(zip(one.type, one.distance, one.strength, strict=True)) == sorted(
        zip(other.type, other.distance, other.strength, strict=True)
    )
    status, output = call("dbi", "export", found.pk, tmp_path / "again")
    assert status == 1
    assert "holds no structures" in output


def test_lists_of_lobster(campaign, call, tmp_path):
    status, output = call("dbi", "export", campaign.dbi.pk, tmp_path / "lists", "--format", "lobster")
    assert status == 0, output
    status, output = call("dbi", "import", tmp_path / "lists" / "pairs.csv", "--label", "lists")
    assert status == 0, output
    found = orm.QueryBuilder().append(DbiData, filters={"label": "lists"}).first(flat=True)
    one, other = found.get_table(descriptors=False), campaign.dbi.get_table(descriptors=False)
    assert one.type.tolist() == other.type.tolist()
    np.testing.assert_allclose(one.distance, other.distance, atol=1e-5)
    np.testing.assert_allclose(one.strength, other.strength, atol=1e-5)
    named = [[(entry["run"], entry["sub_run"]) for entry in dbi.structures] for dbi in (found, campaign.dbi)]
    assert named[0] == named[1]


def test_damaged_exports_are_refused(campaign, call, tmp_path):
    call("dbi", "export", campaign.dbi.pk, tmp_path / "d")
    path = tmp_path / "d" / "bonds.csv"
    path.write_text(path.read_text().replace("\n0,", "\n1,", 1))
    for options in ((), ("--dry-run",)):
        status, output = call("dbi", "import", tmp_path / "d", *options)
        assert status == 1
        assert "bonds.csv is not the file that metadata.json has the checksum of" in output


PREDICT = """
import sys
import numpy as np
from aiida import load_profile, orm
load_profile()
from aiida_getl.provenance import trace
model = orm.load_node(sys.argv[1])
prediction = model.get_model().predict(orm.load_node(sys.argv[2]).get_ase())
np.save(sys.argv[3], np.array([prediction.mean, prediction.std]), allow_pickle=False)
print(len(trace(model).steps))
"""


def test_archive_predicts_the_same_in_another_profile(campaign, call, tmp_path):
    from aiida_getl.provenance import trace

    path = tmp_path / "model.aiida"
    status, output = call("model", "archive", campaign.prediction.pk, path)
    assert status == 0, output
    structure = next(
        link.node
        for link in campaign.prediction.creator.base.links.get_incoming().all()
        if isinstance(link.node, (orm.StructureData, orm.TrajectoryData))
    )
    environment = {**os.environ, "AIIDA_PATH": str(tmp_path)}
    bin_folder = os.path.dirname(sys.executable)

    def run(*command):
        process = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=900)
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    run(f"{bin_folder}/verdi", "profile", "setup", "core.sqlite_dos", "-n", "--profile-name", "reviewer",
        "--email", "reviewer@localhost", "--broker", "none")  # fmt: skip
    run(f"{bin_folder}/verdi", "archive", "import", str(path))
    output = run(sys.executable, "-c", PREDICT, campaign.model.uuid, structure.uuid, str(tmp_path / "there.npy"))
    here = campaign.model.get_model().predict(structure.get_ase())
    there = np.load(tmp_path / "there.npy", allow_pickle=False)
    np.testing.assert_array_equal(there, np.array([here.mean, here.std]))
    assert int(output) == len(trace(campaign.model).steps)
    status, output = call("model", "archive", campaign.model.pk, path)
    assert status == 1
    assert f"{path} is there already" in output
    before = path.stat().st_size
    assert call("model", "archive", campaign.dbi.pk, path, "--force")[0] == 0
    assert path.stat().st_size != before
