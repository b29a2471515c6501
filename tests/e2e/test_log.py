"""The Worker's log as an operator reads it, under workerd: a day of one user, line by line."""

import base64
import json
import time

import mlflow
import pytest

from gate import User, stored_hash, unique

pytestmark = pytest.mark.once


def lines(gate, wanted):
    """The lines of the log, as soon as there is this one."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = [json.loads(line) for line in (gate.state / "wrangler.log").read_text().splitlines() if line.startswith("{")]
        if any(map(wanted, found)):
            return found
        time.sleep(0.05)
    raise AssertionError((gate.state / "wrangler.log").read_text())


def test_a_day_of_one_user_is_told_line_by_line_and_holds_no_secret(own_gate, monkeypatch):
    gate = own_gate(LOG_REQUESTS="writes", PASSWORD_HASH="pbkdf2:sha256:1000")
    ann, wrong, new = gate.new_user("ann"), "not-anns-password-1", "another-long-password"
    mlflow.set_tracking_uri(gate.url)
    with ann.signed_in():
        experiment = mlflow.MlflowClient().create_experiment(unique("anns"))
    bob = gate.new_user("bob")
    assert gate.request("GET", "/", User(ann.name, wrong)).status_code == 401
    grant = {"username": bob.name, "resource_type": "experiment", "resource_id": experiment, "permission": "READ"}
    assert gate.request("POST", "/api/3.0/mlflow/users/permissions/grant", ann, json=grant).status_code == 200
    refused = gate.request("POST", "/api/2.0/mlflow/experiments/delete", bob, json={"experiment_id": experiment})
    assert refused.status_code == 403
    token = gate.request("POST", "/api/2.0/mlflow/users/tokens/create", ann, json={"name": "ci"}).json()
    bearer = {"Authorization": f"Bearer {token['token_value']}"}
    run = {"experiment_id": experiment, "start_time": 1}
    assert gate.request("POST", "/api/2.0/mlflow/runs/create", headers=bearer, json=run).status_code == 200
    change = {"username": ann.name, "password": new}
    assert gate.request("PATCH", "/api/2.0/mlflow/users/update-password", ann, json=change).status_code == 200
    assert gate.request("GET", "/last", User(ann.name, new)).status_code == 403

    told = lines(gate, lambda line: line.get("path") == "/last")
    story = [
        (line["decision"], line.get("route", line.get("path", "")).replace("{api}/", ""), line.get("sign_in"), line["status"])
        for line in told
        if line.get("user") in (ann.name, bob.name) or line["status"] == 401
    ]
    assert story == [
        ("allowed", "2.0/mlflow/experiments/create", "password", 200),
        ("refused", "/", None, 401),
        ("allowed", "3.0/mlflow/users/permissions/grant", "password", 200),
        ("refused", "2.0/mlflow/experiments/delete", "password", 403),
        ("allowed", "2.0/mlflow/users/tokens/create", "password", 200),
        ("allowed", "2.0/mlflow/runs/create", "token", 200),
        ("allowed", "2.0/mlflow/users/update-password", "password", 200),
        ("refused", "/last", "password", 403),
    ]
    of_bob = next(line for line in told if line.get("user") == bob.name)
    assert of_bob["request_id"] == refused.headers["X-Request-Id"]
    assert of_bob["needed"] == "Delete" and of_bob["held"].startswith(f"READ on experiment {experiment} (grant ")
    assert of_bob["d1"]["count"] >= 1 and of_bob["origin"]["count"] == 0 and of_bob["version"]
    of_token = next(line for line in told if line.get("sign_in") == "token")
    assert of_token["token_id"] == token["token"]["id"]

    log = (gate.state / "wrangler.log").read_text()
    basic = base64.b64encode(f"{ann.name}:{ann.password}".encode()).decode()
    secrets = [ann.password, wrong, new, token["token_value"], basic, gate.admin.password, stored_hash(gate, ann.name)]
    for secret in [*secrets, (gate.state / "secret-key").read_text()]:
        assert secret not in log
