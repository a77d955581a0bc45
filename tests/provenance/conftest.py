"""Processes of a made-up graph, with the attributes and links of real ones."""

import pytest
from aiida import orm
from aiida.common.links import LinkType


@pytest.fixture
def cluster(aiida_profile):
    """Another computer than the one that the tests run on."""
    created, computer = orm.Computer.collection.get_or_create(
        label="cluster",
        hostname="cluster.example",
        transport_type="core.local",
        scheduler_type="core.slurm",
        workdir="/scratch",
    )
    return computer.store() if created else computer


@pytest.fixture
def make_code(cluster):
    """Return a function that gives the code of a label on ``cluster``."""

    def make(label):
        query = orm.QueryBuilder().append(orm.InstalledCode, filters={"label": label, "dbcomputer_id": cluster.pk})
        return (
            query.first(flat=True)
            or orm.InstalledCode(label=label, computer=cluster, filepath_executable=f"/opt/{label}").store()
        )

    return make


@pytest.fixture
def run_job(make_code):
    """Return a function that stores a finished job with its inputs and outputs, called by a work chain or by none."""

    def run(label, inputs=None, outputs=None, caller=None, call_label="CALL", **attributes):
        code = make_code(label)
        job = orm.CalcJobNode(computer=code.computer)
        job.base.attributes.set_many({"process_label": f"{label} job", "process_state": "finished", **attributes})
        job.base.links.add_incoming(code, LinkType.INPUT_CALC, "code")
        for name, node in (inputs or {}).items():
            job.base.links.add_incoming(node.store(), LinkType.INPUT_CALC, name)
        if caller is not None:
            job.base.links.add_incoming(caller, LinkType.CALL_CALC, call_label)
        job.store()
        for name, node in (outputs or {}).items():
            node.base.links.add_incoming(job, LinkType.CREATE, name)
            node.store()
        job.seal()
        return job

    return run


@pytest.fixture
def work_chain():
    """Return a function that stores a work chain, called by another or by none."""

    def make(caller=None, call_label="CALL"):
        node = orm.WorkChainNode()
        node.base.attributes.set_many({"process_label": "SomeWorkChain", "process_state": "finished"})
        if caller is not None:
            node.base.links.add_incoming(caller, LinkType.CALL_WORK, call_label)
        return node.store()

    return make
