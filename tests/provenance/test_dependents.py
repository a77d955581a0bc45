"""What depends on a node, a code, a computer or jobs of a time; costs of it by label, model and the rest."""

from datetime import timedelta

import numpy as np
import pytest
from aiida import orm
from aiida.common import timezone
from aiida.engine import calcfunction

from aiida_getl.calculations.functions.build_dbi import build_dbi
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.model import BondModelData
from aiida_getl.provenance.breakdown import NO_LABEL, breakdown
from aiida_getl.provenance.dependents import results_after, select_jobs, uses
from aiida_getl.provenance.reading import MOST_VALUES, parts, read
from aiida_getl.structures.bonds import find_bonds

HOUR = {
    "resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1},
    "last_job_info": {"num_cpus": 1, "wallclock_time_seconds": 3600},
}


def bonds_of(structure, method):
    atoms = structure.get_ase()
    listed = find_bonds(atoms.positions, atoms.cell[:], 4.2)
    return BondStrengthsData.from_bonds(listed, atoms.get_chemical_symbols(), -np.exp(-listed.distance), method)


@calcfunction
def learn(dbi):
    """Stands for `train`: only the place in the graph matters here."""
    model = BondModelData()
    model.base.attributes.set_many({"bond_types": ["Cu-Zr"], "dbi": dbi.uuid})
    return model


@calcfunction
def infer(model, structure):
    """Stands for `predict`."""
    return bonds_of(structure, {"engine": "getl.model", "model": model.uuid})


@pytest.fixture
def graph(run_job, work_chain, cell):
    """Two glasses of one melt-quench job, a label of each by a job of its own, DBI, model and prediction."""
    given = {"composition": orm.Str("Cu50Zr50"), "upf": orm.Dict({"stands for": "a pseudopotential"})}
    glasses = [orm.StructureData(ase=cell(seed)) for seed in (5, 6)]
    quench = run_job("lammps", {"composition": given["composition"]}, {"a": glasses[0], "b": glasses[1]}, **HOUR)
    labels = [bonds_of(glass, {"engine": "x"}) for glass in glasses]
    chain = work_chain()
    jobs = [
        run_job("lobster", {"structure": glass, "pseudos__Cu": given["upf"]}, {"bonds": label}, chain, **HOUR)
        for glass, label in zip(glasses, labels, strict=True)
    ]
    dbi = build_dbi(
        orm.Dict({}),
        structures={"r": dict(zip("ab", glasses, strict=True))},
        bonds={"r": dict(zip("ab", labels, strict=True))},
    )
    model = learn(dbi)
    return {
        **given,
        "quench": quench,
        "chain": chain,
        "jobs": jobs,
        "labels": labels,
        "glasses": glasses,
        "dbi": dbi,
        "model": model,
        "prediction": infer(model, glasses[1]),
    }


def uuids(found):
    return [use.uuid for use in found]


def test_everything_after_a_node(graph):
    everything = [*uuids(graph["labels"]), graph["dbi"].uuid, graph["model"].uuid, graph["prediction"].uuid]
    for name in ("composition", "upf", "quench"):
        found = uses(graph[name])
        assert sorted(uuids(found.found)) == sorted(everything), name
        assert [use.kind for use in found.found] == ["label", "label", "dbi", "model", "prediction"]
    assert uuids(uses(graph["labels"][0]).found) == everything[2:]
    assert uuids(uses(graph["model"]).found) == everything[4:]
    assert uses(graph["prediction"]).found == []
    # A glass that is predicted, too, counts for the prediction by either way.
    assert uuids(uses(graph["glasses"][1]).of_kind("prediction")) == everything[4:]
    assert uuids(uses(graph["chain"]).of_kind("label")) == everything[:2]


def test_computers_codes_and_times(graph, cluster, make_code):
    assert set(uuids(graph["labels"])) <= set(uuids(uses(cluster).of_kind("label")))
    lobster, unused = make_code("lobster"), make_code("unused")
    assert set(uuids(graph["labels"])) <= set(uuids(uses(lobster).of_kind("label")))
    assert uses(unused).found == []
    job = graph["jobs"][0]
    assert job.pk in select_jobs(computer=cluster, codes=[lobster], since=job.ctime, until=job.ctime)
    assert job.pk not in select_jobs(codes=[make_code("lammps")])
    assert job.pk not in select_jobs(until=job.ctime - timedelta(seconds=1))
    assert select_jobs(since=timezone.now() + timedelta(days=1)) == set()
    after = select_jobs(codes=[lobster], since=job.ctime)
    assert graph["prediction"].uuid in uuids(results_after(after))


def test_costs_are_shared_among_labels_and_add_up(graph):
    summed, shares = breakdown(graph["prediction"], "label")
    assert summed.core_hours == pytest.approx(3.0, abs=0.01)
    by_uuid = {share.uuid: share.core_hours for share in shares}
    for label in graph["labels"]:
        assert by_uuid[label.uuid] == pytest.approx(1.5)
    assert sum(share.core_hours for share in shares) == pytest.approx(summed.core_hours)
    assert [share.name for share in shares][-1] == NO_LABEL
    _, (first, *_) = breakdown(graph["prediction"], "composition")
    assert (first.name, first.core_hours) == ("Cu4Zr4", pytest.approx(3.0))


@pytest.mark.parametrize(
    ("by", "name", "hours"),
    [
        ("kind", "lobster job", 2.0),
        ("kind", "lammps job", 1.0),
        ("code", "lobster@cluster", 2.0),
        ("computer", "cluster", 3.0),
    ],
)
def test_costs_by(graph, by, name, hours):
    _, shares = breakdown(graph["dbi"], by)
    assert {share.name: share.core_hours for share in shares}[name] == pytest.approx(hours)


def test_costs_of_models_count_in_full(graph):
    again = learn(graph["dbi"])
    _, shares = breakdown(None, "model")
    by_uuid = {share.uuid: share.core_hours for share in shares}
    assert by_uuid[again.uuid] == pytest.approx(3.0, abs=0.01)
    assert by_uuid[graph["model"].uuid] == pytest.approx(3.0, abs=0.01)
    with pytest.raises(ValueError, match="cannot be told by 'colour'"):
        breakdown(graph["dbi"], "colour")


def test_no_query_holds_too_many_values(aiida_profile):
    assert [len(part) for part in parts(range(MOST_VALUES + 1))] == [MOST_VALUES, 1]
    first, last = orm.Int(1).store(), orm.Str("2").store()
    pks = [first.pk, *range(last.pk, last.pk + 3 * MOST_VALUES)]
    assert [pk for (pk,) in read(orm.Data, pks, ["id"])] == [first.pk, last.pk]
    assert list(read((orm.Int, orm.Float), pks, ["id", "attributes.value"], {"attributes.value": 1})) == [(first.pk, 1)]
    assert list(read(orm.Data, [], ["id"])) == []
