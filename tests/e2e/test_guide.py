"""MLflow's authentication guide, step by step, with MLflow's own clients."""

import mlflow
import pytest
from mlflow import MlflowClient

from gate import User, unique
from refusals import refused


def test_nobody_gets_in_without_credentials(gate):
    answer = gate.request("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="mlflow"'
    assert answer.text.startswith("You are not authenticated.")
    with refused("UNAUTHENTICATED"):
        MlflowClient().get_experiment("0")


def test_health_needs_no_credentials(gate):
    assert gate.request("GET", "/health").status_code == 200


def test_the_default_admin_signs_in(gate):
    with gate.admin.signed_in():
        assert MlflowClient().get_experiment("0").name == "Default"
    with User("admin", "not the password").signed_in(), refused("UNAUTHENTICATED"):
        MlflowClient().get_experiment("0")


def test_the_admin_changes_his_password(gate, auth_client):
    new = User("admin", "a-new-admin-password")
    with gate.admin.signed_in():
        auth_client.update_user_password("admin", new.password)
    try:
        with gate.admin.signed_in(), refused("UNAUTHENTICATED"):
            MlflowClient().get_experiment("0")
        with new.signed_in():
            assert auth_client.get_user("admin").is_admin
    finally:
        with new.signed_in():
            auth_client.update_user_password("admin", gate.admin.password)
    with gate.admin.signed_in():
        MlflowClient().get_experiment("0")


def test_a_user_is_created_by_the_client(gate, auth_client):
    user = User(unique("client"), "a-long-enough-password")
    with gate.admin.signed_in():
        created = auth_client.create_user(user.name, user.password)
    assert (created.username, created.is_admin) == (user.name, False)
    with user.signed_in():
        seen = auth_client.get_user(user.name)
        assert seen.id == created.id
        assert (seen.experiment_permissions, seen.registered_model_permissions) == ([], [])
        MlflowClient().get_experiment("0")  # the default permission is READ


def test_a_user_is_created_by_rest(gate):
    user = User(unique("rest"), "a-long-enough-password")
    body = {"username": user.name, "password": user.password}
    answer = gate.request("POST", "/api/2.0/mlflow/users/create", gate.admin, json=body)
    assert answer.status_code == 200
    assert answer.json()["user"]["username"] == user.name
    assert answer.json()["user"]["is_admin"] is False
    assert gate.request("GET", "/api/2.0/mlflow/users/get", user, params={"username": user.name}).status_code == 200

    again = gate.request("POST", "/api/2.0/mlflow/users/create", gate.admin, json=body)
    assert (again.status_code, again.json()["error_code"]) == (400, "RESOURCE_ALREADY_EXISTS")

    short = gate.request("POST", "/api/2.0/mlflow/users/create", gate.admin, json=body | {"password": "short"})
    assert (short.status_code, short.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_users_of_any_name_and_password(gate, auth_client):
    """Credentials are UTF-8, and only the first colon separates."""
    user = User(unique("Zoë 漢字"), "pass:word:mit Umläuten")
    with gate.admin.signed_in():
        auth_client.create_user(user.name, user.password)
    answer = gate.request("GET", "/api/2.0/mlflow/users/get", user, params={"username": user.name})
    assert answer.status_code == 200
    assert answer.json()["user"]["username"] == user.name


def test_only_an_admin_manages_users(gate, auth_client):
    alice, bob = gate.new_user("alice"), gate.new_user("bob")
    with alice.signed_in():
        for attempt in (
            lambda: auth_client.create_user(unique("x"), "a-long-enough-password"),
            lambda: auth_client.get_user(bob.name),
            lambda: auth_client.update_user_password(bob.name, "a-long-enough-password"),
            lambda: auth_client.update_user_admin(alice.name, True),
            lambda: auth_client.delete_user(bob.name),
        ):
            with refused():
                attempt()


def test_a_user_changes_his_own_password(gate, auth_client):
    user = gate.new_user()
    changed = User(user.name, "another-long-password")
    with user.signed_in():
        auth_client.update_user_password(user.name, changed.password)
        with refused("UNAUTHENTICATED"):
            auth_client.get_user(user.name)
    with changed.signed_in():
        auth_client.get_user(user.name)


def test_an_admin_is_made_and_unmade(gate, auth_client):
    user = gate.new_user()
    with gate.admin.signed_in():
        auth_client.update_user_admin(user.name, True)
        assert auth_client.get_user(user.name).is_admin
    with user.signed_in():
        auth_client.get_user("admin")
    with gate.admin.signed_in():
        auth_client.update_user_admin(user.name, False)
    with user.signed_in(), refused():
        auth_client.get_user("admin")


def test_a_deleted_user_is_out_at_once(gate, auth_client):
    user = gate.new_user()
    with user.signed_in():
        MlflowClient().get_experiment("0")
    with gate.admin.signed_in():
        auth_client.delete_user(user.name)
        with refused("RESOURCE_DOES_NOT_EXIST"):
            auth_client.get_user(user.name)
    with user.signed_in(), refused("UNAUTHENTICATED"):
        MlflowClient().get_experiment("0")


def test_experiment_permissions(gate, auth_client, experiment):
    user = gate.new_user()
    client = MlflowClient()

    with user.signed_in():
        client.get_experiment(experiment)  # by default
        with refused():
            client.create_run(experiment)

    with gate.admin.signed_in():
        granted = auth_client.create_experiment_permission(experiment, user.name, "EDIT")
        assert (granted.experiment_id, granted.permission) == (experiment, "EDIT")
        assert auth_client.get_experiment_permission(experiment, user.name).permission == "EDIT"
        with refused("RESOURCE_ALREADY_EXISTS"):
            auth_client.create_experiment_permission(experiment, user.name, "READ")
    with user.signed_in():
        run = client.create_run(experiment)
        client.log_metric(run.info.run_id, "loss", 0.5)
        assert client.get_run(run.info.run_id).data.metrics == {"loss": 0.5}
        with refused():  # EDIT does not delete
            client.delete_experiment(experiment)
        with refused():  # nor grant
            auth_client.create_experiment_permission(experiment, "admin", "READ")

    with gate.admin.signed_in():
        auth_client.update_experiment_permission(experiment, user.name, "NO_PERMISSIONS")
    with user.signed_in():
        with refused():
            client.get_experiment(experiment)
        with refused():
            client.get_run(run.info.run_id)
        assert experiment not in [e.experiment_id for e in client.search_experiments()]

    with gate.admin.signed_in():
        auth_client.delete_experiment_permission(experiment, user.name)
        with refused("RESOURCE_DOES_NOT_EXIST"):
            auth_client.get_experiment_permission(experiment, user.name)
    with user.signed_in():
        client.get_experiment(experiment)  # the default again
        assert experiment in [e.experiment_id for e in client.search_experiments()]


def test_an_invalid_permission_is_explained(gate, auth_client, experiment):
    user = gate.new_user()
    with gate.admin.signed_in():
        with refused("INVALID_PARAMETER_VALUE"):
            auth_client.create_experiment_permission(experiment, user.name, "OWNER")
        with refused("RESOURCE_DOES_NOT_EXIST"):
            auth_client.create_experiment_permission(experiment, unique("nobody"), "READ")


def test_the_creator_manages_his_experiment(gate, auth_client):
    alice, bob = gate.new_user("alice"), gate.new_user("bob")
    client = MlflowClient()
    with alice.signed_in():
        experiment = client.create_experiment(unique("mine"))
        assert auth_client.get_experiment_permission(experiment, alice.name).permission == "MANAGE"
        auth_client.create_experiment_permission(experiment, bob.name, "EDIT")
        grants = auth_client.get_user(alice.name).experiment_permissions
        assert [(g.experiment_id, g.permission) for g in grants] == [(experiment, "MANAGE")]
    with bob.signed_in():
        client.create_run(experiment)
    with alice.signed_in():
        auth_client.delete_experiment_permission(experiment, bob.name)
    with bob.signed_in(), refused():
        client.create_run(experiment)
    with alice.signed_in():
        client.delete_experiment(experiment)


def test_registered_model_permissions(gate, auth_client):
    user = gate.new_user()
    client = MlflowClient()
    model = unique("model")
    with gate.admin.signed_in():
        client.create_registered_model(model)
    with user.signed_in():
        client.get_registered_model(model)
        with refused():
            client.update_registered_model(model, description="mine now")

    with gate.admin.signed_in():
        granted = auth_client.create_registered_model_permission(model, user.name, "EDIT")
        assert (granted.name, granted.permission) == (model, "EDIT")
        assert auth_client.get_registered_model_permission(model, user.name).permission == "EDIT"
    with user.signed_in():
        client.update_registered_model(model, description="edited")
        with refused():
            client.delete_registered_model(model)

    with gate.admin.signed_in():
        auth_client.update_registered_model_permission(model, user.name, "NO_PERMISSIONS")
    with user.signed_in():
        with refused():
            client.get_registered_model(model)
        assert model not in [m.name for m in client.search_registered_models()]

    with gate.admin.signed_in():
        auth_client.delete_registered_model_permission(model, user.name)
        with refused("RESOURCE_DOES_NOT_EXIST"):
            auth_client.get_registered_model_permission(model, user.name)
    with user.signed_in():
        assert client.get_registered_model(model).description == "edited"


def test_the_creator_manages_his_model(gate, auth_client):
    alice, bob = gate.new_user("alice"), gate.new_user("bob")
    client = MlflowClient()
    before, after = unique("before"), unique("after")
    with alice.signed_in():
        client.create_registered_model(before)
        assert auth_client.get_registered_model_permission(before, alice.name).permission == "MANAGE"
        auth_client.create_registered_model_permission(before, bob.name, "EDIT")
        client.rename_registered_model(before, after)
        assert auth_client.get_registered_model_permission(after, alice.name).permission == "MANAGE"
    with bob.signed_in():
        client.update_registered_model(after, description="the grant moved with the name")
    with alice.signed_in():
        client.delete_registered_model(after)
        client.create_registered_model(after)
        # A grant on the deleted model says nothing about the new one.
        with refused("RESOURCE_DOES_NOT_EXIST"):
            auth_client.get_registered_model_permission(after, bob.name)
    with bob.signed_in(), refused():
        client.update_registered_model(after, description="not mine")


@pytest.mark.parametrize("path", ["/", "/version"])
def test_a_signed_in_user_sees_the_ui(gate, path):
    user = gate.new_user()
    assert gate.request("GET", path).status_code == 401
    assert gate.request("GET", path, user).status_code == 200


def test_search_pages_hold_what_may_be_read_and_end(gate, auth_client):
    """Most rows are invisible; the visible ones come once each."""
    user = gate.new_user()
    client = MlflowClient()
    prefix = unique("paged")
    with gate.admin.signed_in():
        ids = [client.create_experiment(f"{prefix}-{n}") for n in range(12)]
        for hidden in ids[:9]:
            auth_client.create_experiment_permission(hidden, user.name, "NO_PERMISSIONS")
    with user.signed_in():
        seen, token = [], None
        for _ in range(len(ids) + 1):
            page = client.search_experiments(
                filter_string=f"name LIKE '{prefix}%'", max_results=2, page_token=token, order_by=["name ASC"]
            )
            assert len(page) <= 2
            seen += [e.experiment_id for e in page]
            token = page.token
            if not token:
                break
        assert not token
        assert sorted(seen) == sorted(ids[9:])


def test_fluent_api_as_the_guide_writes_it(gate):
    user = gate.new_user()
    with user.signed_in():
        mlflow.set_experiment(unique("fluent"))
        with mlflow.start_run() as run:
            mlflow.log_param("alpha", 0.1)
            mlflow.log_metrics({"rmse": 1.5, "r2": float("nan")})
        assert mlflow.get_run(run.info.run_id).data.params == {"alpha": "0.1"}
