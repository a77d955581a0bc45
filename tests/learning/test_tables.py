"""Tables of metrics."""

import csv

import pytest

from aiida_getl.learning.metrics import regression_metrics
from aiida_getl.learning.tables import COLUMNS, format_comparison, format_metrics, format_table

TARGET = [0.5, 1.0, 1.5, 2.0]
GOOD = regression_metrics(TARGET, [0.51, 1.0, 1.5, 2.0], [0.01, 0.02, 0.02, 0.03], groups=[0, 0, 1, 1])
POOR = regression_metrics(TARGET, [0.7, 1.0, 1.5, 1.8])
METRICS = {
    "Cu-Cu": {"distance_only": POOR, "model": GOOD},
    "Zr-Zr": {"distance_only": {**POOR, "n": 40}, "published": POOR, "model": {**GOOD, "n": 40}},
}


def test_methods_stand_side_by_side_most_bonds_first():
    rows = list(csv.reader(format_comparison(METRICS, "csv").splitlines()))
    assert rows[0][:5] == ["type", "bonds", "distance", "published", "model"]
    assert rows[1][:5] == ["Zr-Zr", "40", "0.1414", "0.1414", "0.0050"]
    assert rows[2][:5] == ["Cu-Cu", "4", "0.1414", "", "0.0050"]
    assert rows[1][rows[0].index("95 %")] == "100.0"
    assert len({len(row) for row in rows}) == 1


def test_every_metric_has_a_column():
    assert {key for key, _, _ in COLUMNS} == set(GOOD)
    rows = list(csv.DictReader(format_metrics(METRICS, "csv").splitlines()))
    assert [(row["type"], row["method"]) for row in rows][1] == ("Cu-Cu", "this model")
    assert rows[1]["RMSE (eV)"] == "0.0050"
    assert rows[0]["z std"] == ""


@pytest.mark.parametrize("style", ["text", "markdown"])
def test_columns_line_up(style):
    lines = format_comparison(METRICS, style).splitlines()
    assert len(lines) == 4
    assert len({len(line) for line in lines}) == 1
    assert (lines[0][0] == "|") == (style == "markdown")
    if style == "text":
        assert len(lines[0]) <= 120


def test_nothing_to_show_and_bad_style():
    assert format_comparison({}, "markdown").startswith("| type")
    with pytest.raises(ValueError, match=r"'html'.*choose text"):
        format_table(["a"], [["1"]], "html")
