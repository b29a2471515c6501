"""D1_READ_REPLICAS: through a session of workerd's local D1, which has no replica that lags. tests/native/replicas.rs has one."""

import pytest

from gate import User, unique

pytestmark = pytest.mark.once

API = "/api/2.0/mlflow"


def test_people_grants_and_creations_work_at_once(own_gate):
    gate = own_gate(
        D1_READ_REPLICAS="true", DEFAULT_PERMISSION="NO_PERMISSIONS", PASSWORD_HASH="pbkdf2:sha256:1000", SIGN_IN_TRIES="2"
    )

    def ask(method, path, user, status, **options):
        answer = gate.request(method, API + path, user, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def read(user, experiment, status):
        ask("GET", "/experiments/get", user, status, params={"experiment_id": experiment})

    alice, bob = gate.new_user("alice"), gate.new_user("bob")
    created = ask("POST", "/experiments/create", alice, 200, json={"name": unique("experiment")})
    experiment = created.json()["experiment_id"]
    read(alice, experiment, 200)
    run = ask("POST", "/runs/create", alice, 200, json={"experiment_id": experiment, "start_time": 1})
    run_id = run.json()["run"]["info"]["run_id"]
    ask("POST", "/runs/log-parameter", alice, 200, json={"run_id": run_id, "key": "k", "value": "v"})
    ask("GET", "/runs/get", alice, 200, params={"run_id": run_id})
    ask("GET", "/runs/get", bob, 403, params={"run_id": run_id})

    read(bob, experiment, 403)
    grant = {"experiment_id": experiment, "username": bob.name, "permission": "READ"}
    ask("POST", "/experiments/permissions/create", alice, 200, json=grant)
    read(bob, experiment, 200)
    ask("POST", "/runs/create", bob, 403, json={"experiment_id": experiment, "start_time": 1})
    ask("PATCH", "/experiments/permissions/update", alice, 200, json=grant | {"permission": "EDIT"})
    ask("POST", "/runs/create", bob, 200, json={"experiment_id": experiment, "start_time": 1})
    ask("DELETE", "/experiments/permissions/delete", alice, 200, json={k: grant[k] for k in ("experiment_id", "username")})
    read(bob, experiment, 403)

    token = ask("POST", "/users/tokens/create", alice, 200, json={"name": "t", "read_only": True}).json()
    while "token_value" not in token:
        [token] = [value for value in token.values() if isinstance(value, dict)]
    read(User(alice.name, token["token_value"]), experiment, 200)

    renewed = User(bob.name, "another-long-password")
    ask("PATCH", "/users/update-password", bob, 200, json={"username": bob.name, "password": renewed.password})
    ask("GET", "/users/get", renewed, 200, params={"username": bob.name})
    read(bob, experiment, 401)
    ask("DELETE", "/users/delete", gate.admin, 200, json={"username": alice.name})
    read(alice, experiment, 401)
