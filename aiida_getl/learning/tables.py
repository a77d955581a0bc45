"""Metrics of several methods side by side, as text for a terminal, Markdown or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Literal

Style = Literal["text", "markdown", "csv"]
Metrics = Mapping[str, Mapping[str, Mapping[str, Any]]]

METHOD_NAMES = {"distance_only": "distance only", "published": "published", "model": "this model"}

#: Key, heading and format of every metric, see :func:`aiida_getl.learning.metrics.regression_metrics`.
COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("n", "bonds", "d"),
    ("rmse", "RMSE (eV)", ".4f"),
    ("rmse_error", "± (eV)", ".4f"),
    ("mae", "MAE (eV)", ".4f"),
    ("r2", "R²", ".4f"),
    ("bias", "bias (eV)", "+.4f"),
    ("rmse_strongest", "RMSE strongest tenth (eV)", ".4f"),
    ("rmse_worst", "RMSE worst tenth (eV)", ".4f"),
    ("z_std", "z std", ".2f"),
    ("z_std_strongest", "z std strongest tenth", ".2f"),
    ("coverage_68", "within 68 % (%)", ".1f"),
    ("coverage_95", "within 95 % (%)", ".1f"),
    ("sharpness", "mean std (eV)", ".4f"),
    ("spearman", "rank corr. |error|, std", ".2f"),
    ("nll", "NLL", ".3f"),
    ("crps", "CRPS (eV)", ".4f"),
)
#: of these, what the comparison shows of the model besides its RMSE
SHOWN = ("mae", "r2", "bias", "rmse_strongest", "z_std", "z_std_strongest", "coverage_68", "coverage_95", "spearman")
_SHORT = {
    "mae": "MAE",
    "bias": "bias",
    "rmse_strongest": "strongest",
    "z_std_strongest": "z strongest",
    "coverage_68": "68 %",
    "coverage_95": "95 %",
    "spearman": "rank",
}
_SHORT_NAMES = {"distance_only": "distance", "published": "published", "model": "model"}


def format_comparison(metrics: Metrics, style: Style = "text") -> str:
    """Return a row per bond type: the RMSE of every method in eV, then more of the model.

    ``strongest`` is the RMSE of the strongest tenth of the bonds, ``z strongest`` the z standard deviation of these,
    ``68 %`` and ``95 %`` the shares of labels within these intervals in percent, ``rank`` the rank correlation of
    \\|error\\| and standard deviation.

    Parameters
    ----------
    metrics : by bond type and method, as of :class:`aiida_getl.learning.validation.Validation`
    style : ``text``, ``markdown`` or ``csv``
    """
    used = {method for own in metrics.values() for method in own}
    present = [method for method in _SHORT_NAMES if method in used]
    headings = {key: heading for key, heading, _ in COLUMNS}
    short = {**headings, **_SHORT}
    header = ["type", "bonds", *(_SHORT_NAMES[method] for method in present), *(short[key] for key in SHOWN)]
    rows = []
    for name, own in sorted(metrics.items(), key=lambda item: -_reference(item[1]).get("n", 0)):
        reference = _reference(own)
        errors = [_cell(own.get(method, {}), "rmse") for method in present]
        rows.append([name, _cell(reference, "n"), *errors, *(_cell(own.get("model", {}), key) for key in SHOWN)])
    return format_table(header, rows, style)


def format_metrics(metrics: Metrics, style: Style = "text") -> str:
    """Return a row per bond type and method with every metric; parameters as of :func:`format_comparison`."""
    header = ["type", "method", *(heading for _, heading, _ in COLUMNS)]
    rows = [
        [name, METHOD_NAMES.get(method, method), *(_cell(values, key) for key, _, _ in COLUMNS)]
        for name, own in sorted(metrics.items())
        for method, values in own.items()
    ]
    return format_table(header, rows, style)


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]], style: Style = "text") -> str:
    """Return a table, its first column to the left and the others to the right; ends without a newline.

    Raises
    ------
    ValueError
        For another style.
    """
    if style == "csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
        return text.getvalue().rstrip("\n")
    if style not in ("text", "markdown"):
        raise ValueError(f"a table cannot be written as {style!r}: choose text, markdown or csv")
    table = [list(header), *(list(row) for row in rows)]
    width = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        [row[0].ljust(width[0]), *(cell.rjust(w) for cell, w in zip(row[1:], width[1:], strict=True))] for row in table
    ]
    if style == "text":
        lines.insert(1, ["-" * w for w in width])
        return "\n".join("  ".join(line) for line in lines)
    lines.insert(1, ["-" * width[0], *("-" * (w - 1) + ":" for w in width[1:])])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _reference(own: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    return next(iter(own.values()), {})


def _cell(values: Mapping[str, Any], key: str) -> str:
    """Return a metric as text, in percent for shares, empty where there is none."""
    value = values.get(key)
    if value is None:
        return ""
    form = next(form for name, _, form in COLUMNS if name == key)
    return format(100.0 * value if key.startswith("coverage") else value, form)
