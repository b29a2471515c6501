"""The ways in which MLflow's client finds credentials, each in a process of its own."""

import os
import subprocess
import sys

import pytest

PROGRAM = "import mlflow; print(mlflow.MlflowClient().get_experiment('0').name)"


def run(home, **env):
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_TRACKING_") or k == "MLFLOW_TRACKING_URI"}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=inherited | {"HOME": str(home)} | env, capture_output=True, text=True
    )


@pytest.fixture
def credentials_file(tmp_path):
    def write(user):
        file = tmp_path / ".mlflow" / "credentials"
        file.parent.mkdir()
        file.write_text(f"[mlflow]\nmlflow_tracking_username = {user.name}\nmlflow_tracking_password = {user.password}\n")

    return write


def test_from_the_environment(gate, tmp_path):
    user = gate.new_user()
    done = run(tmp_path, MLFLOW_TRACKING_USERNAME=user.name, MLFLOW_TRACKING_PASSWORD=user.password)
    assert (done.returncode, done.stdout) == (0, "Default\n"), done.stderr


def test_from_the_credentials_file(gate, tmp_path, credentials_file):
    credentials_file(gate.new_user())
    done = run(tmp_path)
    assert (done.returncode, done.stdout) == (0, "Default\n"), done.stderr


def test_the_environment_wins_over_the_file(gate, tmp_path, credentials_file):
    user = gate.new_user()
    credentials_file(user)
    done = run(tmp_path, MLFLOW_TRACKING_USERNAME=user.name, MLFLOW_TRACKING_PASSWORD="wrong")
    assert done.returncode != 0
    assert "You are not authenticated" in done.stderr


def test_without_any(gate, tmp_path):
    done = run(tmp_path)
    assert done.returncode != 0
    assert "You are not authenticated" in done.stderr
