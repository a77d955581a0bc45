"""Files of a label that are lost, cut or cannot be written: with the real engines on one atom of fcc Al."""

import shutil
from pathlib import Path

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from ase.build import bulk

from aiida_getl.workflows.label import LabelWorkChain

#: As cheap as may be: labels that nobody should believe.
CHEAP = {
    "ecutwfc": 15.0,
    "ecutrho": 60.0,
    "conv_thr_per_atom": 1e-4,
    "r_max": 3.0,
    "spilling_max": 0.5,
    "kpoints": {"mesh": [3, 3, 3], "offset": [0.0, 0.0, 0.0]},
}


@pytest.fixture
def label(pw_code, cohp_code, paw_family):
    """Return a function that labels, with shell commands after pw.x and before the analysis; settings as given."""

    def run(after_pw="", before_analysis="", **settings):
        builder = LabelWorkChain.get_builder_from_protocol(
            pw_code,
            cohp_code,
            orm.StructureData(ase=bulk("Al", "fcc", 4.05)),
            protocol="fast",
            overrides={"settings": {**CHEAP, **settings}},
            options={"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}},
        )
        if after_pw:
            builder.scf.pw.metadata.options["append_text"] = after_pw
        if before_analysis:
            builder.lobster.metadata.options["prepend_text"] = before_analysis
        _, node = run_get_node(builder)
        return node

    return run


@pytest.fixture
def once(tmp_path):
    """Return a function that makes shell commands those of the first job only."""
    return lambda commands: f"test -e {tmp_path}/done || {{ touch {tmp_path}/done; {commands} }}"


def calculations(node):
    found = [called for called in node.called_descendants if isinstance(called, orm.CalcJobNode)]
    return sorted(found, key=lambda each: each.pk)


def names(node):
    return [each.process_label.removesuffix("Calculation") for each in calculations(node)]


def folders(node):
    return [Path(each.outputs.remote_folder.get_remote_path()) for each in calculations(node)]


LOSSES = {
    "deleted": "rm out/aiida.save/wfc1.dat",
    "cut, as a full disk leaves them": "truncate -s 2000 out/aiida.save/wfc*.dat",
}


@pytest.mark.engines
@pytest.mark.parametrize("loss", LOSSES)
def test_lost_between_pw_and_the_analysis(label, once, loss):
    node = label(after_pw=once(LOSSES[loss] + ";"), degauss=0.01 + 0.001 * list(LOSSES).index(loss))
    assert node.is_finished_ok, node.exit_message
    assert names(node) == ["Pw", "Lobster", "Pw", "Lobster"]
    assert calculations(node)[1].exit_status == 414
    assert node.outputs.bonds.n_bonds == 6
    assert not any(path.exists() and list(path.iterdir()) for path in folders(node))


@pytest.mark.engines
def test_lost_again(label):
    node = label(after_pw=LOSSES["deleted"], degauss=0.014)
    assert node.exit_status == 414
    assert "wfc1.dat is missing" in node.exit_message
    assert node.outputs.failure["reason"] == node.exit_message
    assert names(node) == ["Pw", "Lobster", "Pw", "Lobster"]
    # What there is to look at stays.
    assert all(list(path.iterdir()) for path in folders(node))


@pytest.mark.engines
def test_cache_of_a_folder_that_was_purged(label):
    """Nobody told AiiDA: a clean-up of the cluster did it."""
    settings = {"degauss": 0.015}
    first = label(**settings)
    assert first.is_finished_ok, first.exit_message
    for node in calculations(first):
        node.outputs.remote_folder.base.extras.delete(orm.RemoteData.KEY_EXTRA_CLEANED)
    for path in folders(first):
        shutil.rmtree(path, ignore_errors=True)
    with enable_caching():
        second = label(**settings, r_max=2.9)
    assert second.is_finished_ok, second.exit_message
    assert names(second) == ["Pw", "Lobster", "Pw", "Lobster"]
    assert [each.base.caching.is_created_from_cache for each in calculations(second)] == [True, False, False, False]
    assert second.outputs.bonds.get_strength() == pytest.approx(first.outputs.bonds.get_strength(), abs=1e-4)


#: Faults of the analysis: shell commands, exit status of the label, what the reason says, number of analyses.
FAULTS = {
    "disk full": ("ulimit -f 1", 418, "File too large", 1),
    "memory": ("ulimit -v 60000", 415, "", 1),
    "killed": ("(sleep 0.3; kill -9 $$) & exec sleep 60", 417, "", 2),
}


@pytest.mark.engines
@pytest.mark.parametrize("fault", FAULTS)
def test_analysis(label, fault):
    commands, status, message, n_analyses = FAULTS[fault]
    with enable_caching():  # one pw.x for all of them, which failed labels leave
        node = label(before_analysis=commands, degauss=0.016)
    assert node.exit_status == status, node.exit_message
    assert message in node.exit_message
    assert names(node).count("Lobster") == n_analyses
    # What failed for outer reasons is not taken from the cache the next time.
    assert not any(each.base.caching.is_valid_cache for each in calculations(node) if "Lobster" in each.process_label)
