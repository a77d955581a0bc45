"""`aiida-getl model log-mlflow`: a training as a run of MLflow."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from aiida_getl.cli.completion import complete_nodes
from aiida_getl.cli.nodes import find_node
from aiida_getl.cli.profile import with_profile

#: Of each bond type and method, what is a number to compare models by.
METRICS = ("rmse", "mae", "r2", "bias", "z_std", "coverage_95")


@click.command("log-mlflow")
@click.argument("name", metavar="MODEL", shell_complete=complete_nodes("model"))
@click.option("--tracking-uri", required=True, help="E.g. http://localhost:5000 or sqlite:///mlflow.db.")
@click.option("--experiment", default="aiida-getl", show_default=True, help="Name of the experiment there.")
@with_profile
def log_mlflow(name: str, tracking_uri: str, experiment: str) -> None:
    """Show the training of MODEL (PK, UUID or label) in MLflow: its settings, its errors on groups left out, its files.

    The provenance stays in AiiDA: the run has the UUIDs of model and DBI as tags. A model that is there already is not
    logged again.

    \b
    Example:
        aiida-getl model log-mlflow published --tracking-uri sqlite:///mlflow.db
    """
    from aiida_getl.data.model import BondModelData
    from aiida_getl.exchange.mlflow_runs import log_run

    model = find_node(name, BondModelData)
    assert isinstance(model, BondModelData)
    own = model.base.attributes.get("model")
    validation = model.validation
    group_by = str(validation.get("group_by"))
    with TemporaryDirectory(prefix="getl-") as folder:
        path = Path(folder) / "validation.json"
        path.write_text(json.dumps(validation, indent=1))
        try:
            run = log_run(
                tracking_uri,
                experiment,
                model.label or model.uuid,
                _flat({"seed": own["seed"], **own["settings"], "labels": model.labelled_by}),
                _metrics(validation.get("metrics", {})),
                {
                    "uuid": model.uuid,
                    "dbi": model.base.attributes.get("dbi"),
                    "group_by": group_by,
                },
                [path],
            )
        except (ModuleNotFoundError, ValueError, OSError) as exception:
            raise click.ClickException(str(exception)) from exception
    click.echo(f"Logged      run {run} of experiment {experiment!r} at {tracking_uri}")


def _metrics(by_type: dict[str, Any]) -> dict[str, float]:
    return {
        f"{bond}.{method}.{metric}": float(values[metric])
        for bond, methods in by_type.items()
        for method, values in methods.items()
        for metric in METRICS
        if isinstance(values.get(metric), (int, float))
    }


def _flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in content.items():
        result |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return result
