"""A real training script through the gate, as somebody who may and as somebody who may not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from gate import unique

SCRIPT = Path(__file__).with_name("train.py")


def train(user, experiment, model):
    name = {"MLFLOW_TRACKING_USERNAME": user.name, "MLFLOW_TRACKING_PASSWORD": user.password}
    return subprocess.run(
        [sys.executable, str(SCRIPT), experiment, model], env=os.environ | name, capture_output=True, text=True
    )


@pytest.fixture
def named_experiment(gate, experiment):
    with gate.admin.signed_in():
        return experiment, MlflowClient().get_experiment(experiment).name


def test_training_with_edit(gate, auth_client, named_experiment, tmp_path):
    experiment, experiment_name = named_experiment
    model, user = unique("ridge"), gate.new_user("trainer")
    with gate.admin.signed_in():
        auth_client.create_experiment_permission(experiment, user.name, "EDIT")

    done = train(user, experiment_name, model)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])

    with user.signed_in():
        client = MlflowClient()
        run = client.get_run(result["run_id"])
        assert run.info.status == "FINISHED"
        assert run.data.params["alpha"] == "0.5"
        assert run.data.metrics["mse"] > 0
        assert run.data.tags["kind"] == "ridge"
        assert len(client.get_metric_history(run.info.run_id, "step")) == 5
        assert {a.path for a in client.list_artifacts(run.info.run_id)} >= {"notes", "columns.json"}
        notes = mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/notes/notes.txt", dst_path=str(tmp_path))
        assert Path(notes).read_text() == "trained behind the gate\n"
        assert [v.version for v in client.search_model_versions(f"name = '{model}'")] in (["1"], [1])
        assert mlflow.sklearn.load_model(f"models:/{model}/1").alpha == 0.5
        # Registering made him the owner of the model.
        assert auth_client.get_registered_model_permission(model, user.name).permission == "MANAGE"


def test_training_with_read(gate, auth_client, named_experiment):
    experiment, experiment_name = named_experiment
    user = gate.new_user("reader")
    with gate.admin.signed_in():
        auth_client.create_experiment_permission(experiment, user.name, "READ")

    done = train(user, experiment_name, unique("ridge"))
    assert done.returncode == 1
    assert "MlflowException PERMISSION_DENIED" in done.stderr, done.stderr
    assert "Permission denied" in done.stderr

    with gate.admin.signed_in():
        assert MlflowClient().search_runs([experiment]) == []


def test_training_with_nothing(gate, auth_client, named_experiment):
    experiment, experiment_name = named_experiment
    user = gate.new_user("stranger")
    with gate.admin.signed_in():
        auth_client.create_experiment_permission(experiment, user.name, "NO_PERMISSIONS")
    done = train(user, experiment_name, unique("ridge"))
    assert done.returncode == 1
    assert "PERMISSION_DENIED" in done.stderr, done.stderr
