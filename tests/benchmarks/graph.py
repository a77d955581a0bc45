"""A graph of 100,000 nodes and a database of a million bonds: times to build, query, trace and merge.

    OMP_NUM_THREADS=1 pytest -s tests/benchmarks/graph.py

GETL_NODES and GETL_BONDS give other sizes. The nodes are those of a campaign (types, links, attributes of the usual
length), inserted in bulk; files they have only where they are read. Times are of the wall clock, and of the CPU of this
process and of PostgreSQL's server, of one run each.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import numpy as np
import psutil
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.common.timezone import now
from aiida.manage import get_manager
from aiida.orm.entities import EntityTypes
from aiida_pseudo.data.pseudo import UpfData
from sqlalchemy import insert, text

from aiida_getl.calculations.functions.merge_dbi import merge_dbi
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData
from aiida_getl.data.model import BondModelData
from aiida_getl.learning.dataset import BondTable
from aiida_getl.provenance import core_hours, trace, uses
from aiida_getl.provenance.breakdown import breakdown
from aiida_getl.provenance.comparison import compare
from aiida_getl.provenance.dependents import results_after, select_jobs
from aiida_getl.provenance.faults import faults_of, mark, unmark
from aiida_getl.structures.deformation import AS_QUENCHED, PUBLISHED_SUBRUNS

N_NODES = int(os.environ.get("GETL_NODES", "100000"))
N_BONDS = int(os.environ.get("GETL_BONDS", "1000000"))
#: Real descriptors of three elements have 3600; what is read and written is proportional to it.
N_FEATURES = 50
N_ATOMS = 100
SUB_RUNS = (AS_QUENCHED, *PUBLISHED_SUBRUNS.values())
#: About as long as the accounting of Slurm, which lists some 110 columns of three steps.
COLUMNS = "AllocCPUS|CPUTimeRAW|ElapsedRaw|State|" + "Column|" * 105
ACCOUNTING = COLUMNS + 3 * ("\n4|2400|600|COMPLETED|" + "value|" * 105)
METHOD = {"engine": "getl-cohp", "version": "0.1.0"}

CALC_JOB, CALC_FUNCTION, WORK_CHAIN = (
    node_class.class_node_type for node_class in (orm.CalcJobNode, orm.CalcFunctionNode, orm.WorkChainNode)
)


class Bulk:
    """Nodes and links, collected and inserted many at a time."""

    def __init__(self) -> None:
        self.user = orm.User.collection.get_default().pk
        self.nodes: list[dict] = []
        self.links: list[tuple] = []

    def node(self, node_type: str, attributes: dict | None = None, process_type: str | None = None, computer=None):
        """Return the UUID of a new node."""
        key = str(uuid4())
        self.nodes.append(
            {
                "uuid": key,
                "node_type": node_type,
                "process_type": process_type,
                "attributes": attributes or {},
                "user_id": self.user,
                "dbcomputer_id": computer,
                "ctime": now(),
            }
        )
        return key

    def data(self, node_class: type[orm.Data], **attributes):
        """Return the UUID of a new data node."""
        return self.node(node_class.class_node_type, attributes)

    def process(self, node_type: str, label: str, caller=None, name: str = "CALL", computer=None):
        """Return the UUID of a new, finished process."""
        state = {"process_label": label, "process_state": "finished", "exit_status": 0, "sealed": True}
        if node_type == CALC_JOB:
            state["resources"] = {"num_machines": 1, "num_mpiprocs_per_machine": 4}
            state["last_job_info"] = {"num_cpus": 4, "wallclock_time_seconds": 600, "title": "aiida-1", "job_id": "1"}
            state["detailed_job_info"] = {"retval": 0, "stderr": "", "stdout": ACCOUNTING}
        key = self.node(node_type, state, f"aiida.benchmark:{label}", computer)
        if caller is not None:
            kind = LinkType.CALL_WORK if node_type == WORK_CHAIN else LinkType.CALL_CALC
            self.link(caller, key, kind, name)
        return key

    def link(self, source, target, kind: LinkType, label: str) -> None:
        """Add a link."""
        self.links.append((source, target, kind.value, label))

    def run(self, process, inputs: dict, outputs: dict) -> dict:
        """Give a calculation its inputs and outputs; return the latter."""
        for label, node in inputs.items():
            self.link(node, process, LinkType.INPUT_CALC, label)
        for label, node in outputs.items():
            self.link(process, node, LinkType.CREATE, label)
        return outputs

    def insert(self) -> dict:
        """Write everything; return the PKs by UUID."""
        self._execute(EntityTypes.NODE, self.nodes)
        pks = dict(orm.QueryBuilder().append(orm.Node, project=["uuid", "id"]).iterall())
        names = ("input_id", "output_id", "type", "label")
        links = [(pks[a], pks[b], kind, label) for a, b, kind, label in self.links]
        self._execute(EntityTypes.LINK, [dict(zip(names, link, strict=True)) for link in links])
        self.nodes, self.links = [], []
        return pks

    @staticmethod
    def _execute(entity: EntityTypes, rows: list[dict]) -> None:
        """Insert rows without building the objects of the ORM, as the backend's own bulk insertion does."""
        backend = get_manager().get_profile_storage()
        mapper, _ = backend._get_mapper_from_entity(entity, False)
        with backend.transaction() as session:
            session.execute(insert(mapper.mapper.local_table), rows)


def structure(bulk: Bulk):
    """Return a cell of a hundred atoms."""
    kinds = [{"name": name, "symbols": [name], "weights": [1.0], "mass": 60.0} for name in ("Cu", "Zr")]
    sites = [{"kind_name": ("Cu", "Zr")[k % 2], "position": [0.1 * k, 0.2 * k, 0.3 * k]} for k in range(N_ATOMS)]
    cell = np.eye(3) * 12.0
    return bulk.data(orm.StructureData, cell=cell.tolist(), kinds=kinds, sites=sites, pbc1=True, pbc2=True, pbc3=True)


def melt_quench(bulk: Bulk, campaign, given: dict, name: str):
    """Return the glass of one run."""
    chain = bulk.process(WORK_CHAIN, "MeltQuenchWorkChain", campaign, name)
    packed = bulk.run(
        bulk.process(CALC_FUNCTION, "pack_random", chain),
        {key: given[key] for key in ("composition", "n_atoms")} | {"seed": bulk.data(orm.Int, value=1)},
        {"result": structure(bulk)},
    )["result"]
    stages = ("minimise", "melt", "quench", "equilibrate")
    parameters = bulk.run(
        bulk.process(CALC_FUNCTION, "melt_quench_stages", chain),
        {"parameters": given["parameters"]},
        {stage: bulk.data(orm.Dict, kind="npt", steps=1000) for stage in stages},
    )
    before = {"structure": packed}
    for stage in stages:
        outputs = {
            "structure": structure(bulk),
            "restart": bulk.data(orm.SinglefileData, filename="end.restart"),
            "thermo": bulk.data(orm.ArrayData),
            "trajectory": bulk.data(orm.TrajectoryData),
            "remote_folder": bulk.node(orm.RemoteData.class_node_type, {"remote_path": "/scratch"}, None, given["pk"]),
            "retrieved": bulk.data(orm.FolderData),
        }
        inputs = {**before, "code": given["lammps"], "potential": given["potential"], "parameters": parameters[stage]}
        bulk.run(bulk.process(CALC_JOB, "LammpsStageCalculation", chain, stage, given["pk"]), inputs, outputs)
        before = {"structure": outputs["structure"], "restart": outputs["restart"]}
    return before["structure"]


def label(bulk: Bulk, campaign, given: dict, name: str, cell):
    """Return the label of one structure."""
    upfs = {"Cu": given["Cu"], "Zr": given["Zr"]}

    def remote():
        return bulk.node(orm.RemoteData.class_node_type, {"remote_path": "/scratch"}, None, given["pk"])

    chain = bulk.process(WORK_CHAIN, "LabelWorkChain", campaign, name)
    wanted = bulk.run(
        bulk.process(CALC_FUNCTION, "label_parameters", chain),
        {"structure": cell, "settings": given["settings"], **upfs},
        {
            "kpoints": bulk.data(orm.KpointsData, mesh=[1, 1, 1], offset=[0.0] * 3),
            **{
                key: bulk.data(orm.Dict, SYSTEM={"ecutwfc": 50.0})
                for key in ("pw", "pw_settings", "projwfc", "lobster")
            },
        },
    )
    pw = bulk.run(
        bulk.process(
            CALC_JOB,
            "PwCalculation",
            bulk.process(WORK_CHAIN, "PwBaseWorkChain", chain, "scf"),
            "iteration_01",
            given["pk"],
        ),
        {
            **{"code": given["pw"], "structure": cell, "kpoints": wanted["kpoints"], "parameters": wanted["pw"]},
            **{"settings": wanted["pw_settings"], "pseudos__Cu": upfs["Cu"], "pseudos__Zr": upfs["Zr"]},
        },
        {
            **{"remote_folder": remote(), "retrieved": bulk.data(orm.FolderData)},
            **{"output_parameters": bulk.data(orm.Dict, energy=-1.0), "output_band": bulk.data(orm.BandsData)},
            "output_trajectory": bulk.data(orm.TrajectoryData),
        },
    )
    projwfc = bulk.run(
        bulk.process(CALC_JOB, "ProjwfcCalculation", chain, "projwfc", given["pk"]),
        {"code": given["projwfc"], "parent_folder": pw["remote_folder"], "parameters": wanted["projwfc"]},
        {"remote_folder": remote(), "retrieved": bulk.data(orm.FolderData), "output_parameters": bulk.data(orm.Dict)},
    )
    types = {"Cu-Cu": 200, "Zr-Cu": 400, "Zr-Zr": 200}
    analysis = bulk.process(WORK_CHAIN, "LobsterBaseWorkChain", chain, "analysis")
    return bulk.run(
        bulk.process(CALC_JOB, "LobsterCalculation", analysis, "iteration_01", given["pk"]),
        {
            **{"code": given["lobster"], "structure": cell, "parameters": wanted["lobster"]},
            **{"parent_folder": pw["remote_folder"], "projections_folder": projwfc["remote_folder"]},
        },
        {
            "bonds": bulk.data(BondStrengthsData, n_bonds=800, bond_types=types, spilling=0.01, method=METHOD),
            **{"results": bulk.data(orm.Dict, spilling=0.01), "remote_folder": remote()},
            "retrieved": bulk.data(orm.FolderData),
        },
    )["bonds"]


def campaign_of(bulk: Bulk, n_nodes: int) -> tuple[list, list]:
    """Make a campaign of about so many nodes; return the UUIDs of its structures and labels."""
    computer = orm.Computer("cluster", "cluster", "", "core.local", "core.direct", "/scratch").store()
    given: dict = {
        key: bulk.node(
            orm.InstalledCode.class_node_type,
            {"filepath_executable": f"/usr/bin/{key}", "input_plugin": None},
            None,
            computer.pk,
        )
        for key in ("lammps", "pw", "projwfc", "lobster")
    }
    given |= {
        "pk": computer.pk,
        "composition": bulk.data(orm.Str, value="CuZr"),
        "n_atoms": bulk.data(orm.Int, value=8),
    }
    given |= {"potential": bulk.data(orm.SinglefileData, filename="CuZr_mm.eam.fs")}
    given |= {key: bulk.data(orm.Dict, values={}) for key in ("parameters", "settings", "amplitudes")}
    given |= {key: bulk.data(UpfData, filename=f"{key}.upf", element=key, md5="0" * 32) for key in ("Cu", "Zr")}
    campaign = bulk.process(WORK_CHAIN, "GetlWorkChain")
    structures, labels = [], []
    while len(bulk.nodes) < n_nodes:
        run = f"run_{len(labels) // len(SUB_RUNS)}"
        glass = melt_quench(bulk, campaign, given, run)
        cells = {AS_QUENCHED: glass} | bulk.run(
            bulk.process(CALC_FUNCTION, "augment", campaign, f"augment_{run}"),
            {"structure": glass, "amplitudes": given["amplitudes"]},
            {name: structure(bulk) for name in SUB_RUNS[1:]},
        )
        structures += cells.values()
        labels += [label(bulk, campaign, given, f"{run}_{name}", cell) for name, cell in cells.items()]
    return structures, labels


def table_of(structures: list, labels: list, n_bonds: int, seed: int) -> BondTable:
    """Return labelled bonds of these structures, random but for where they come from."""
    rng = np.random.default_rng(seed)
    types = rng.choice(["Cu-Cu", "Zr-Cu", "Zr-Zr"], n_bonds, p=[0.25, 0.5, 0.25])
    return BondTable(
        type=types,
        distance=2.2 + 2 * rng.random(n_bonds),
        strength=rng.random(n_bonds),
        **{name: rng.integers(N_ATOMS, size=n_bonds) for name in ("atom_i", "atom_j")},
        translation=rng.integers(-1, 2, size=(n_bonds, 3)),
        structure=np.sort(rng.integers(len(labels), size=n_bonds)),
        structures=[
            {
                "run": f"run_{k // len(SUB_RUNS)}",
                "sub_run": SUB_RUNS[k % len(SUB_RUNS)],
                "composition": "Cu50Zr50",
                "structure_id": structures[k],
                "label_id": labels[k],
            }
            for k in range(len(labels))
        ],
        descriptors={"bond_environment": rng.random((n_bonds, N_FEATURES), dtype=np.float32)},
    )


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long something took, and how much of that this process computed."""
    before = clocks()
    yield
    wall, own, server = (after - start for after, start in zip(clocks(), before, strict=True))
    print(f"  {what:52s} {wall:8.2f} s, CPU {own:6.2f} s here, {server:6.2f} s in the server", flush=True)


def clocks() -> tuple[float, float, float]:
    """Return the time, that which this process computed, and that which its connection to PostgreSQL did, in s."""
    server = 0.0
    if get_manager().get_profile().storage_backend == "core.psql_dos":
        storage = get_manager().get_profile_storage()
        times = psutil.Process(storage.get_session().execute(text("SELECT pg_backend_pid()")).scalar()).cpu_times()
        server = times.user + times.system
    return time.perf_counter(), time.process_time(), server


def dbi_of(table: BondTable) -> DbiData:
    settings = {"kind": "bond_environment", "species": ["Cu", "Zr"]}
    return DbiData.from_table(table, [settings], METHOD, [])


def measure(n_nodes: int, n_bonds: int) -> None:
    """Build a campaign, and ask it questions."""
    print(f"\n{get_manager().get_profile().storage_backend}, {n_nodes} nodes, {n_bonds} bonds")
    bulk = Bulk()
    with timed("insert the nodes"):
        structures, labels = campaign_of(bulk, n_nodes)
        pks = bulk.insert()
    n_links = orm.QueryBuilder().append(orm.Node, tag="a").append(orm.Node, with_incoming="a").count()
    print(f"  {orm.QueryBuilder().append(orm.Node).count()} nodes, {n_links} links, {len(labels)} labels")
    table = table_of(structures, labels, n_bonds, 0)
    with timed("build and store the DBI"):
        dbi = dbi_of(table).store()
    model, predictions = BondModelData(), BondStrengthsData()
    model.base.attributes.set("bond_types", ["Cu-Cu"])
    model.store()
    bonds = bulk.data(BondStrengthsData, n_bonds=1, method={"engine": "getl.model"})
    collect = bulk.process(CALC_FUNCTION, "build_dbi")
    given = {f"structures__n_{k}": node for k, node in enumerate(structures)}
    bulk.run(collect, given | {f"bonds__n_{k}": node for k, node in enumerate(labels)}, {})
    train, predict = bulk.process(CALC_FUNCTION, "train"), bulk.process(CALC_FUNCTION, "predict")
    bulk.run(train, {"seed": bulk.data(orm.Int, value=5)}, {})
    bulk.run(predict, {}, {"result": bonds})
    pks = bulk.insert()
    backend = get_manager().get_profile_storage()
    ends = [
        (pks[collect], dbi.pk, LinkType.CREATE, "result"),
        (dbi.pk, pks[train], LinkType.INPUT_CALC, "dbi"),
        (pks[train], model.pk, LinkType.CREATE, "result"),
        (model.pk, pks[predict], LinkType.INPUT_CALC, "model"),
    ]
    rows = [{"input_id": a, "output_id": b, "type": kind.value, "label": name} for a, b, kind, name in ends]
    backend.bulk_insert(EntityTypes.LINK, rows, allow_defaults=True)
    predictions = orm.load_node(pks[bonds])

    with timed("count the labels of one method and little spilling"):
        filters = {"attributes.spilling": {"<": 0.05}, "attributes.method.engine": "getl-cohp"}
        assert orm.QueryBuilder().append(BondStrengthsData, filters=filters).count() == len(labels)
    with timed("find the DBI that a label went into"):
        query = orm.QueryBuilder().append(orm.Node, filters={"id": pks[str(labels[7])]}, tag="label")
        query.append(orm.CalcFunctionNode, with_incoming="label", tag="build").append(DbiData, with_incoming="build")
        assert query.all(flat=True) == [dbi]
    with timed("read one row"):
        dbi.get_row(n_bonds - 1)
    with timed("read all rows and descriptors"):
        assert len(orm.load_node(dbi.pk).get_table()) == n_bonds
    for what, node, bond in (
        ("trace a row of the DBI", dbi, n_bonds // 2),
        ("trace a label", orm.load_node(pks[str(labels[len(labels) // 2])]), None),
        ("trace the model", model, None),
        ("trace a prediction", predictions, None),
    ):
        with timed(what):
            found = trace(node, bond)
        n_origins = sum(map(len, found.origins.values()))
        print(f"    {len(found.steps)} steps, {n_origins} origins, {len(found.codes)} codes")
    ask(dbi, model, predictions, orm.load_node(pks[str(labels[7])]))
    half = len(labels) // 2
    parts = [
        dbi_of(table_of(s, n, n_bonds // 2, seed))
        for seed, (s, n) in enumerate([(structures[:half], labels[:half]), (structures[half:], labels[half:])])
    ]
    with timed("merge two halves"):
        merged = merge_dbi(settings=orm.Dict({}), a=parts[0].store(), b=parts[1].store())
    assert merged.base.attributes.get("n_bonds") == 2 * (n_bonds // 2)


def ask(dbi, model, predictions, label) -> None:
    """Ask what depends on what, what it cost, what is faulty, what differs."""
    computer = orm.Computer.collection.get(label="cluster")
    upf = orm.QueryBuilder().append(UpfData).first(flat=True)
    query = orm.QueryBuilder().append(orm.InstalledCode, filters={"attributes.filepath_executable": "/usr/bin/pw"})
    pw = query.first(flat=True)
    with timed("what depends on a label"):
        assert len(uses(label).found) == 3
    with timed("what depends on a pseudopotential"):
        assert len(uses(upf).of_kind("model")) == 1
    with timed("what depends on a computer"):
        assert len(uses(computer).of_kind("model")) == 1
    with timed("predictions by computer, code and dates"):
        since, until = now() - timedelta(days=1), now()
        jobs = select_jobs(computer=computer, codes=[pw], since=since, until=until)
        assert [use.uuid for use in results_after(jobs) if use.kind == "prediction"] == [predictions.uuid]
    with timed("core-hours of a label"):
        assert core_hours(label) > 0
    for by in ("kind", "label", "model"):
        with timed(f"core-hours of a prediction by {by}"):
            breakdown(predictions, by)
    labels = list(orm.QueryBuilder().append(BondStrengthsData, project="id").all(flat=True))
    with timed("which labels are faulty: none is marked"):
        assert faults_of(labels) == {}
    mark(upf, "to measure")
    with timed("which labels are faulty: a pseudopotential is marked"):
        assert len(faults_of(labels)) > 0.9 * len(labels)
    unmark(upf)
    with timed("compare a DBI with itself"):
        assert compare(dbi, dbi).differences == []


@pytest.mark.parametrize("share", [0.1, 1.0])
def test_sqlite(aiida_profile_factory, aiida_config, share):
    with aiida_profile_factory(aiida_config):
        measure(int(share * N_NODES), int(share * N_BONDS))


@pytest.mark.parametrize("share", [0.1, 1.0])
def test_postgres(postgres_profile, share):
    measure(int(share * N_NODES), int(share * N_BONDS))
