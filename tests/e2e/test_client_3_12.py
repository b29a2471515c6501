"""The client of MLflow 3.12, whose grants are beside roles, at the gate and at MLflow 3.12's own server."""

import json
import os
import re
import subprocess

import pytest

import auth_server
from gate import ROOT

pytestmark = pytest.mark.once
VERSION = "3.12.0"
# What the gate says otherwise, in the words of MLflow 3.3, which knows neither USE nor workspaces.
IN_OLDER_WORDS = {
    "update_experiment_permission",  # the levels that there are
    "update_registered_model_permission",
    "get_registered_model_permission",  # the workspace of a model
    "create_registered_model_permission",
    "delete_registered_model_permission",
}


def story(url, admin):
    python = ROOT / os.environ.get("TOOLS", ".tools") / f"mlflow-{VERSION}/bin/python"
    name = {"MLFLOW_TRACKING_USERNAME": admin.name, "MLFLOW_TRACKING_PASSWORD": admin.password}
    done = subprocess.run(
        [python, ROOT / "tests/e2e/client_3_12.py", url], env=os.environ | name, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["missing"] == [], "each method is called"
    return answer["told"]


def same(told):
    """Without what no two servers have in common, without MLflow's SQL, and without the roles of single users."""
    if isinstance(told, list):
        return [one for one in told if not one.get("name", "").startswith("__user_")]
    if isinstance(told, str):
        return re.sub(r"\b((role_|user_)?id|port)=\d+|127\.0\.0\.1:\d+", r"\1", told.split(" Error: (")[0])
    return told


def code(told):
    return told.split(":")[0] if isinstance(told, str) else told


def test_every_method_gives_at_the_gate_what_it_gives_at_mlflow(gate, tmp_path):
    ours = story(gate.url, gate.admin)
    with auth_server.running(tmp_path / "3.12", VERSION) as url:
        theirs = story(url, auth_server.ADMIN)
    pairs = list(zip(theirs, ours, strict=True))
    differing = [(mlflow, gate) for mlflow, gate in pairs if (mlflow[0], same(mlflow[1])) != (gate[0], same(gate[1]))]
    assert {mlflow[0] for mlflow, _ in differing} == IN_OLDER_WORDS
    assert [mlflow for mlflow, gate in differing if code(mlflow[1]) != code(gate[1])] == []
