"""The published glass and the published predictions of it."""

import numpy as np
import pytest
from ase.io import read

from aiida_getl.exchange.predictions import BondRecords, write_predictions
from aiida_getl.learning.metrics import regression_metrics
from aiida_getl.learning.settings import default_descriptors
from aiida_getl.learning.splits import group_labels
from aiida_getl.learning.validation import validate
from aiida_getl.lobster.icohplist import read_icohplist


@pytest.mark.slow
def test_errors_of_the_published_glass(published_table):
    """Strain groups left out, hyperparameters fitted without them."""
    part = published_table.select((published_table.type == "Zr-Cu") | (published_table.type == "Cu-Cu"))
    assert len(published_table) == 11967
    settings = {
        "descriptor": default_descriptors(["Al", "Cu", "Zr"])[0],
        "max_bonds": 1000,
        "max_bonds_hyperparameters": 300,
        "learning_curve": False,
    }
    validation = validate(part, settings, seed=0)
    assert validation.n_groups == 8
    for name, bound in (("Zr-Cu", 0.045), ("Cu-Cu", 0.030)):
        metrics = validation.metrics[name]
        assert metrics["model"]["rmse"] < bound
        assert metrics["model"]["rmse"] < 0.75 * metrics["published"]["rmse"]
        assert metrics["published"]["rmse"] < metrics["distance_only"]["rmse"]
        assert 0.93 < metrics["model"]["coverage_95"] < 0.98
        assert 0.85 < metrics["model"]["z_std"] < 1.1


def test_published_predictions_have_the_published_errors(reference_data):
    expected = {"Cu-Al": 0.0535, "Cu-Cu": 0.0476, "Zr-Al": 0.0682, "Zr-Cu": 0.0826, "Zr-Zr": 0.0906}
    for name, rmse in expected.items():
        (path,) = (reference_data / "prm4_113603" / "published_results").glob(f"*-{name}-*.dat")
        predicted, target = np.loadtxt(path, unpack=True)
        metrics = regression_metrics(target, predicted)
        assert metrics["n"] == 1000
        assert metrics["rmse"] == pytest.approx(rmse, abs=1e-4)
        assert metrics["rmse_worst"] > 2 * rmse


def test_strains_of_the_published_glass_are_eight_groups(published_labels):
    assert len(np.unique(group_labels(published_labels, "strain"))) == 8
    assert len(np.unique(group_labels(published_labels, "run"))) == 1


def test_published_labels_survive_every_file(published_labels, reference_data, tmp_path):
    """What is written of the real labels reads back as what was read."""
    folder = reference_data / "prm4_113603/ML/big-data-full/Zr49Cu49Al2/c/md/lammps/100/21/2000/1"  # sheared
    atoms = read(folder / "Zr49Cu49Al2.xyz")
    bonds, icohp = read_icohplist(folder / "ICOHPLIST.lobster").to_bonds(atoms)
    records = BondRecords.from_arrays(atoms.get_chemical_symbols(), bonds, -icohp[:, 0])
    write_predictions(tmp_path / "ICOHPLIST.lobster", [(atoms, [records])])
    again, values = read_icohplist(tmp_path / "ICOHPLIST.lobster").to_bonds(atoms)
    assert again.keys() == bonds.keys()
    np.testing.assert_array_equal(values, icohp)
    write_predictions(tmp_path / "labels.extxyz", [(atoms, [records])])
    sums = read(tmp_path / "labels.extxyz").arrays["bond_strength_sum"]
    assert sums.sum() == pytest.approx(-2 * icohp.sum(), abs=1e-4)
