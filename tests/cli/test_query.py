"""`aiida-getl query` and `trace --csv` on a small campaign from files."""

import csv
import io
import json
from datetime import datetime, timedelta

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import calcfunction

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData
from aiida_getl.provenance.faults import marks, unmark


@pytest.fixture(autouse=True)
def no_marks(aiida_profile):
    yield
    for each in marks():
        unmark(orm.load_node(each.pk))


def rows(output):
    return list(csv.DictReader(io.StringIO(output)))


def test_uses(call, campaign):
    label = next(iter(campaign.labels.values()))
    status, output = call("query", "uses", label.pk)
    assert status == 0, output
    for node in (campaign.dbi, campaign.model, campaign.prediction):
        assert node.uuid in output
    assert "label by LOBSTER" in output
    found = json.loads(call("query", "uses", label.uuid, "--json")[1])
    # The same files may have been imported, and learnt from, by other tests of the session.
    kinds = {use["uuid"]: use["kind"] for use in found["found"]}
    assert [kinds[node.uuid] for node in (campaign.dbi, campaign.model, campaign.prediction)] == [
        "dbi",
        "model",
        "prediction",
    ]
    assert found["subject"]["uuid"] == label.uuid
    assert [row["uuid"] for row in rows(call("query", "uses", campaign.model.uuid, "--csv")[1])] == [
        campaign.prediction.uuid
    ]
    assert "nothing" in call("query", "uses", campaign.prediction.pk)[1]


def test_results_by_job(call, campaign, getl_computer):
    # No job made the labels, which are from files: everything else is in the tests of the graph itself.
    assert call("query", "predictions", "--computer", getl_computer.label, "--to", "1999-12-31")[1].startswith(
        "There are no such predictions"
    )
    status, output = call("query", "models", "--from", "2000-01-01", "--json")
    assert status == 0
    assert isinstance(json.loads(output), list)


@calcfunction
def predict_by(bonds):
    """Stands for the training and prediction that a label leads to."""
    method = {"engine": "getl.model", "version": "1"}
    return BondStrengthsData.from_bonds(bonds.get_bonds(), bonds.symbols, bonds.get_icohp(), method)


@pytest.fixture
def remote_prediction(campaign, tmp_path):
    """A prediction that rests on a label made by ``dft@faraway`` today, on which ``other`` is installed too."""
    computer = orm.Computer("faraway", "faraway.example", "", "core.local", "core.direct", str(tmp_path)).store()
    codes = [
        orm.InstalledCode(label=label, computer=computer, filepath_executable=f"/opt/{label}").store()
        for label in ("dft", "other")
    ]
    job = orm.CalcJobNode(computer=computer)
    job.base.links.add_incoming(codes[0], LinkType.INPUT_CALC, "code")
    job.store()
    known = next(iter(campaign.labels.values()))
    label = BondStrengthsData.from_bonds(known.get_bonds(), known.symbols, known.get_icohp(), {"engine": "getl-cohp"})
    label.base.links.add_incoming(job, LinkType.CREATE, "bonds")
    return predict_by(label.store())


def test_predictions_by_computer_code_and_dates(call, remote_prediction):
    """One command: what depends on labels from a computer, run with a code, between two dates."""
    today = datetime.now().date()
    yesterday, tomorrow = today - timedelta(days=1), today + timedelta(days=1)

    def found(computer, code, first, last):
        options = ("--computer", computer, "--code", code, "--from", first, "--to", last)
        status, output = call("query", "predictions", *options, "--json")
        assert status == 0, output
        return [each["uuid"] for each in json.loads(output)]

    assert found("faraway", "dft", yesterday, tomorrow) == [remote_prediction.uuid]
    assert found("faraway", "dft@faraway", yesterday, tomorrow) == [remote_prediction.uuid]
    assert found("faraway", "other", yesterday, tomorrow) == []
    assert found("faraway", "dft", "2026-01-01", "2026-01-31") == []
    assert found("faraway", "dft", tomorrow, tomorrow) == []
    assert call("query", "predictions", "--help")[1].count("--computer cluster --code pw --from 2026-03-01") == 1


def test_cost(call, campaign):
    status, output = call("query", "cost", campaign.model.pk)
    assert status == 0, output
    for word in ("core-hours of", "train", "validate", "import_label"):
        assert word in output
    by_label = json.loads(call("query", "cost", campaign.model.pk, "--by", "label", "--json")[1])
    assert by_label["total"]["n_jobs"] == 4 + 3
    assert sum(share["core_hours"] for share in by_label["shares"]) == pytest.approx(by_label["total"]["core_hours"])
    names = {share["uuid"] for share in by_label["shares"]}
    assert {label.uuid for label in campaign.labels.values()} <= names
    assert {row["name"] for row in rows(call("query", "cost", campaign.dbi.pk, "--by", "composition", "--csv")[1])} == {
        "Cu4Zr4",
        "led to no label",
    }
    jobs = rows(call("query", "cost", campaign.dbi.pk, "--by", "job", "--csv")[1])
    assert [job["kind"] for job in jobs] == ["import_label"] * 4 + ["build_dbi"]
    assert all(float(job["core_hours"]) >= 0 for job in jobs)
    assert "core-hours of" in call("query", "cost")[1]


def test_invalidate_leave_out_and_undo(call, campaign):
    label = next(iter(campaign.labels.values()))
    status, output = call("query", "invalidate", label.pk)
    assert status == 2
    assert "--reason" in output
    status, output = call("query", "invalidate", label.pk, "--dry-run")
    assert "would be marked" in output
    assert marks() == []

    status, output = call("query", "invalidate", label.pk, "--reason", "spilling of 40 %")
    assert status == 0, output
    assert campaign.prediction.uuid in output
    assert f"aiida-getl dbi merge {campaign.dbi.pk}" in output
    assert "spilling of 40 %" in call("query", "marks")[1]
    assert json.loads(call("query", "marks", "--json")[1])[0]["uuid"] == label.uuid

    status, output = call("dbi", "merge", campaign.dbi.pk, "--label", "cleaned")
    assert status == 0, output
    assert "without 1 labels that are faulty" in output
    cleaned = orm.QueryBuilder().append(DbiData, filters={"label": "cleaned"}).first(flat=True)
    assert label.uuid not in {entry["label_id"] for entry in cleaned.structures}
    assert "spilling of 40 %" in call("dbi", "show", "cleaned")[1]
    status, output = call("dbi", "import", campaign.folder / "glasses", "--label", "asked anew")
    assert status == 0, output
    assert "without 1 labels that are faulty" in output
    assert (
        "'asked anew' was there already"
        in call("dbi", "import", campaign.folder / "glasses", "--label", "asked anew")[1]
    )
    status, output = call("dbi", "import", campaign.folder / "glasses", "--label", "all of it", "--keep-faulty")
    assert "faulty" not in output

    assert call("query", "invalidate", label.pk, "--undo", "--reason", "misread")[0] == 0
    assert "Nothing is marked" in call("query", "marks")[1]
    status, output = call("query", "invalidate", label.pk, "--undo")
    assert status == 1
    assert "is not marked as faulty" in output
    assert "name two DBIs or more" in call("dbi", "merge", campaign.dbi.pk)[1]


def test_a_dbi_is_not_marked_but_its_labels(call, campaign):
    status, output = call("query", "invalidate", campaign.dbi.pk, "--reason", "bad")
    assert status == 1
    assert "cannot be marked: mark those of its labels that are faulty" in output
    assert f"aiida-getl dbi merge {campaign.dbi.pk}" in output
    assert marks() == []
    status, output = call("query", "invalidate", campaign.dbi.pk, "--dry-run")
    assert status == 0
    assert "would be marked" not in output
    assert "A DBI is not marked itself: mark those of its labels" in output


def test_compare(call, campaign):
    status, output = call("query", "compare", campaign.model.pk, campaign.model.pk)
    assert status == 0
    assert "They do not differ" in output
    label = next(iter(campaign.labels.values()))
    call("query", "invalidate", label.pk, "--reason", "x")
    call("dbi", "merge", campaign.dbi.pk, "--label", "less")
    status, output = call("query", "compare", campaign.dbi.pk, "less")
    assert status == 0, output
    assert "Labels      3 in both, 1 only in A, 0 only in B" in output
    assert label.uuid in output
    found = json.loads(call("query", "compare", "less", campaign.dbi.pk, "--json")[1])
    assert [entry["label"] for entry in found["labels_only_in_b"]] == [label.uuid]
    assert {"section": "data", "name": "n_structures", "a": 3, "b": 4} in found["differences"]
    status, output = call("query", "compare", campaign.model.pk, campaign.dbi.pk)
    assert status == 1
    assert "cannot be compared" in output


def test_trace_as_csv(call, campaign):
    status, output = call("trace", campaign.dbi.uuid, "--bond", 0, "--csv")
    assert status == 0, output
    found = rows(output)
    assert [row["what"] for row in found if row["section"] == "step"] == ["import_label"]
    subject = json.loads(found[0]["details"])
    assert subject["run"]
    assert subject["method"]["engine"] == "LOBSTER"
    assert "labels.engine  LOBSTER" in call("trace", campaign.prediction.pk)[1]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("uses", "no-such-thing"), 1, "no node is called 'no-such-thing'"),
        (("uses", "pw@nowhere"), 1, "there is no code 'pw@nowhere'"),
        (("predictions", "--computer", "nowhere"), 1, "there is no computer 'nowhere'"),
        (("predictions", "--code", "nothing"), 1, "there is no code 'nothing'"),
        (("predictions", "--from", "yesterday"), 2, "does not match the format"),
        (
            ("labels", "--from", "2026-03-02", "--to", "2026-03-01"),
            2,
            "--from 2026-03-02 00:00 is after",
        ),
        (("cost", "--by", "colour"), 2, "'colour' is not one of"),
        (("cost", "--json", "--csv"), 2, "--json or --csv, not both"),
        (("invalidate", "99999999", "--reason", "x"), 1, "no node has the PK 99999999"),
    ],
)
def test_errors(aiida_profile, call, arguments, status, message):
    found, output = call("query", *arguments)
    assert found == status, output
    assert message in output
