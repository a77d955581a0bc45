"""A training in a real MLflow, of a local database."""

from mlflow import MlflowClient


def test_a_training_is_logged_once(campaign, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    for _ in range(2):
        status, output = call(
            "model", "log-mlflow", campaign.model.pk, "--tracking-uri", uri, "--experiment", "glasses"
        )
        assert status == 0, output
    client = MlflowClient(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("glasses").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.tags["uuid"] == campaign.model.uuid
    assert run.data.tags["dbi"] == campaign.dbi.uuid
    assert run.data.params["max_bonds"] == "60"
    assert run.data.params["descriptor.soap.r_cut"] == "5.0"
    metrics = campaign.model.validation["metrics"]
    name = sorted(metrics)[0]
    assert run.data.metrics[f"{name}.model.rmse"] == metrics[name]["model"]["rmse"]
    assert run.data.metrics[f"{name}.distance_only.rmse"] == metrics[name]["distance_only"]["rmse"]
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["validation.json"]
    assert not (tmp_path / "mlruns").exists()


def test_what_cannot_be_reached_is_told(campaign, call, tmp_path):
    status, output = call("model", "log-mlflow", campaign.model.pk, "--tracking-uri", "nonsense://here")
    assert status == 1
    assert "nonsense://here" in output
