"""Trainings as runs of MLflow, for teams that compare their models there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

#: The longest value of a parameter that MLflow's older servers take.
LONGEST = 500


def log_run(
    tracking_uri: str,
    experiment: str,
    name: str,
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    artefacts: Sequence[Path],
) -> str:
    """Store a finished run and return its identifier; one with the same tag ``uuid`` is not stored twice.

    Parameters
    ----------
    tracking_uri
        Of the server, e.g. ``http://localhost:5000``, or of a local database, ``sqlite:///mlflow.db``, beside which
        the artefacts are then kept.
    experiment, name
    params, metrics, tags
        ``tags`` have a ``uuid``.
    artefacts
        Files to keep with the run.

    Raises
    ------
    ModuleNotFoundError
        Without MLflow.
    ValueError
        If the server cannot be reached or refuses.
    """
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("this needs MLflow: pip install 'aiida-getl[mlflow]'") from error
    try:
        return _log(MlflowClient(tracking_uri), tracking_uri, experiment, name, params, metrics, tags, artefacts)
    except MlflowException as error:
        raise ValueError(f"{tracking_uri}: {error}") from error


def _log(
    client: Any,
    tracking_uri: str,
    experiment: str,
    name: str,
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    artefacts: Sequence[Path],
) -> str:
    found = client.get_experiment_by_name(experiment)
    if found is None:
        database = tracking_uri.removeprefix("sqlite:///")
        beside = None
        if database != tracking_uri:
            beside = Path(database).resolve().with_suffix(".artifacts").as_uri()
        number = client.create_experiment(experiment, artifact_location=beside)
    else:
        number = found.experiment_id
    same = client.search_runs([number], f"tags.uuid = '{tags['uuid']}'")
    if same:
        return str(same[0].info.run_id)
    run = client.create_run(number, run_name=name, tags=dict(tags)).info.run_id
    for key, value in params.items():
        client.log_param(run, key, str(value)[:LONGEST])
    for key, number_ in metrics.items():
        client.log_metric(run, key, number_)
    for path in artefacts:
        client.log_artifact(run, str(path))
    client.set_terminated(run)
    return str(run)
