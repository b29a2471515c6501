"""API tokens and access keys with MLflow's own client."""

import time
from pathlib import Path

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from mlflow import MlflowClient
from mlflow.server import get_app_client

from gate import User, unique
from refusals import refused

pytestmark = pytest.mark.once
TOKENS = "/api/2.0/mlflow/users/tokens"


@pytest.fixture
def signed_in(monkeypatch):
    """Signs MLflow's client in with nothing but these variables."""

    def sign_in(**variables):
        for name in ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_TRACKING_USERNAME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return sign_in


def new_token(gate, user, **options):
    answer = gate.request("POST", f"{TOKENS}/create", user, json={"name": unique("token")} | options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_token_does_what_its_user_may(gate, experiment, signed_in):
    user = gate.new_user()
    signed_in(MLFLOW_TRACKING_TOKEN=new_token(gate, user)["token_value"])
    client = MlflowClient()
    assert client.get_experiment(experiment).experiment_id == experiment
    own = client.create_experiment(unique("own"))
    run = client.create_run(own).info.run_id
    client.log_metric(run, "loss", 0.5)
    with refused():
        client.create_run(experiment)  # READ by default


def test_a_token_expires_and_is_revoked(gate, experiment, signed_in):
    user = gate.new_user()
    short = new_token(gate, user, expires_in_seconds=2)
    signed_in(MLFLOW_TRACKING_TOKEN=short["token_value"])
    assert MlflowClient().get_experiment(experiment)
    deadline = time.monotonic() + 20
    with refused("UNAUTHENTICATED"):
        while time.monotonic() < deadline:
            MlflowClient().get_experiment(experiment)

    token = new_token(gate, user)
    signed_in(MLFLOW_TRACKING_TOKEN=token["token_value"])
    assert MlflowClient().get_experiment(experiment)
    gone = gate.request("DELETE", f"{TOKENS}/delete", user, json={"token_id": token["token"]["id"]})
    assert gone.status_code == 200, gone.text
    with refused("UNAUTHENTICATED"):  # the very next request
        MlflowClient().get_experiment(experiment)


def test_a_read_only_token_reads(gate, signed_in):
    user = gate.new_user()
    with user.signed_in():
        own = MlflowClient().create_experiment(unique("own"))
        run = MlflowClient().create_run(own).info.run_id
    signed_in(MLFLOW_TRACKING_TOKEN=new_token(gate, user, read_only=True)["token_value"])
    client = MlflowClient()
    assert [r.info.run_id for r in client.search_runs([own])] == [run]
    with refused():
        client.log_metric(run, "loss", 0.5)
    with refused():
        client.create_experiment(unique("another"))


def test_an_administrators_token_administers_if_it_was_made_for_it(gate, signed_in):
    plain, fit = (new_token(gate, gate.admin, **scope)["token_value"] for scope in ({}, {"scope": "admin"}))
    name = unique("user")
    client = get_app_client("basic-auth", tracking_uri=gate.url)
    signed_in(MLFLOW_TRACKING_TOKEN=plain)
    with refused():
        client.create_user(name, "a-long-password")
    signed_in(MLFLOW_TRACKING_TOKEN=fit)
    assert client.create_user(name, "a-long-password").username == name
    user = User(name, "a-long-password")
    token = new_token(gate, user)["token_value"]
    client.update_user_password(name, "another-password")
    answer = gate.request("GET", "/version", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401, "it ended with the password"


def test_neither_database_nor_log_holds_a_token(gate, experiment, signed_in):
    if gate.state is None:
        return  # GATE_URL: not ours to look into
    value = new_token(gate, gate.new_user())["token_value"]
    signed_in(MLFLOW_TRACKING_TOKEN=value)
    assert MlflowClient().get_experiment(experiment)
    wrong = value[:-1] + ("0" if value[-1] != "0" else "1")
    assert gate.request("GET", "/", headers={"Authorization": f"Bearer {wrong}"}).status_code == 401
    files = [path for path in Path(gate.state).rglob("*") if path.is_file()]
    assert any(path.suffix == ".sqlite" for path in files)
    assert [str(path) for path in files if value[5:40].encode() in path.read_bytes()] == []


def test_mlflows_client_signs_for_aws(gate, experiment, signed_in):
    user = gate.new_user()
    key = new_token(gate, user, kind="aws")
    pair = {
        "AWS_ACCESS_KEY_ID": key["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": key["secret_access_key"],
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    signed_in(MLFLOW_TRACKING_AWS_SIGV4="true", **pair)
    client = MlflowClient()
    assert client.get_experiment(experiment).experiment_id == experiment
    own = client.create_experiment(unique("own"))
    run = client.create_run(own).info.run_id
    client.log_metric(run, "loss", 0.5)
    assert client.search_runs([own], "metrics.loss < 1")[0].info.run_id == run
    assert client.search_experiments(filter_string="name = 'b + c/d ~ zoë'") == []
    signed_in(MLFLOW_TRACKING_AWS_SIGV4="true", **pair | {"AWS_SECRET_ACCESS_KEY": "0" * 64})
    with refused("UNAUTHENTICATED"):
        MlflowClient().get_experiment(experiment)


def test_botocore_signs_too(gate, experiment):
    key = new_token(gate, gate.new_user(), kind="aws")
    signer = SigV4Auth(Credentials(key["access_key_id"], key["secret_access_key"]), "execute-api", "us-east-1")

    def send(method, path, body=None, tamper=lambda request: None):
        request = AWSRequest(method, gate.url + path, data=body, headers={"Content-Type": "application/json"})
        signer.add_auth(request)
        tamper(request)
        path = request.url.removeprefix(gate.url)
        return gate.request(method, path, data=request.data, headers=dict(request.headers)).status_code

    search = "/api/2.0/mlflow/experiments/search"
    assert send("GET", f"/api/2.0/mlflow/experiments/get?experiment_id={experiment}") == 200
    assert send("GET", f"{search}?max_results=5&filter=name%20%3D%20%27a%2Bb%27") == 200
    assert send("POST", search, '{"max_results": 5}') == 200

    def other(name, value):
        return lambda request: setattr(request, name, value)

    assert send("POST", search, '{"max_results": 5}', other("data", '{"max_results": 6}')) == 401
    assert send("GET", f"{search}?max_results=5", None, other("url", f"{gate.url}{search}?max_results=6")) == 401
    assert send("GET", search, None, lambda r: r.headers.replace_header("X-Amz-Date", "20200101T000000Z")) == 401


def test_a_guesser_is_locked_and_the_owner_does_not_notice(own_gate, signed_in):
    gate = own_gate(PASSWORD_HASH="pbkdf2:sha256:1000")
    user = gate.new_user()
    token = new_token(gate, user)["token_value"]

    def guess(number):
        return gate.request("GET", "/version", User(user.name, f"a-wrong-password-{number}"))

    answers = [guess(number) for number in range(16)]
    assert {answer.status_code for answer in answers[:10]} == {401}
    # the first lock ends with the second in which it began
    locked = next(answer for answer in answers if answer.status_code == 429)
    assert 1 <= int(locked.headers["Retry-After"]) <= 60
    assert gate.request("GET", "/version", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert gate.request("GET", "/version", user).status_code == 200, "signed in already"
