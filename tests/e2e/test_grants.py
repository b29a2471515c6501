"""The per-user grant API, which is all that the clients of MLflow 3.13 and later know."""

import pytest
from mlflow import MlflowClient

from gate import unique
from refusals import refused

pytestmark = pytest.mark.new_client


def test_experiment_grants(gate, auth_client, experiment):
    user = gate.new_user()
    client = MlflowClient()
    grant = (user.name, "experiment", experiment)

    with gate.admin.signed_in():
        auth_client.grant_user_permission(*grant, "EDIT")
        assert auth_client.get_user_permission(*grant).permission == "EDIT"
        with refused("RESOURCE_ALREADY_EXISTS"):
            auth_client.grant_user_permission(*grant, "READ")
    with user.signed_in():
        client.create_run(experiment)
        with refused():
            auth_client.grant_user_permission("admin", "experiment", experiment, "READ")

    with gate.admin.signed_in():
        auth_client.revoke_user_permission(*grant)
        with refused("RESOURCE_DOES_NOT_EXIST"):
            auth_client.revoke_user_permission(*grant)
    with user.signed_in():
        found = auth_client.get_user_permission(*grant)  # the default remains
        assert (found.permission, found.allowed) == ("READ", False)
        with refused():
            client.create_run(experiment)


def test_deny_is_no_permissions(gate, auth_client, experiment):
    user = gate.new_user()
    with gate.admin.signed_in():
        auth_client.grant_user_permission(user.name, "experiment", experiment, "DENY")
    with user.signed_in(), refused():
        MlflowClient().get_experiment(experiment)
    classic = gate.request(
        "GET",
        "/api/2.0/mlflow/experiments/permissions/get",
        gate.admin,
        params={"experiment_id": experiment, "username": user.name},
    )
    assert classic.json()["experiment_permission"]["permission"] == "NO_PERMISSIONS"


@pytest.mark.parametrize("level, run", [("READ", False), ("USE", False), ("EDIT", True), ("MANAGE", True)])
def test_levels(gate, auth_client, experiment, level, run):
    user = gate.new_user()
    with gate.admin.signed_in():
        auth_client.grant_user_permission(user.name, "experiment", experiment, level)
    with user.signed_in():
        MlflowClient().get_experiment(experiment)
        if run:
            MlflowClient().create_run(experiment)
        else:
            with refused():
                MlflowClient().create_run(experiment)


@pytest.mark.parametrize("resource_type", ["registered_model", "prompt"])
def test_model_and_prompt_grants(gate, auth_client, resource_type):
    user = gate.new_user()
    client = MlflowClient()
    name = unique(resource_type)
    create, tag = {
        "registered_model": (client.create_registered_model, client.set_registered_model_tag),
        "prompt": (client.create_prompt, client.set_prompt_tag),
    }[resource_type]
    with gate.admin.signed_in():
        create(name)
    with user.signed_in(), refused():
        tag(name, "k", "v")
    with gate.admin.signed_in():
        auth_client.grant_user_permission(user.name, resource_type, name, "EDIT")
    with user.signed_in():
        tag(name, "k", "v")


def test_a_creator_grants_on_what_is_his(gate, auth_client):
    alice, bob = gate.new_user("alice"), gate.new_user("bob")
    client = MlflowClient()
    with alice.signed_in():
        experiment = client.create_experiment(unique("mine"))
        found = auth_client.get_user_permission(alice.name, "experiment", experiment)
        assert (found.permission, found.allowed) == ("MANAGE", True)
        auth_client.grant_user_permission(bob.name, "experiment", experiment, "EDIT")
    with bob.signed_in():
        client.create_run(experiment)
    listed = gate.request("GET", "/api/3.0/mlflow/users/current/permissions", alice).json()
    assert listed["is_admin"] is False
    assert [(p["resource_type"], p["resource_pattern"], p["permission"]) for p in listed["permissions"]] == [
        ("experiment", experiment, "MANAGE")
    ]


def test_refusals_are_explained(gate, auth_client, experiment):
    user = gate.new_user()
    with gate.admin.signed_in():
        for arguments, code in (
            ((user.name, "experiment", experiment, "OWNER"), "INVALID_PARAMETER_VALUE"),
            ((user.name, "experiment", experiment, "NO_PERMISSIONS"), "INVALID_PARAMETER_VALUE"),
            ((user.name, "nope", experiment, "READ"), "INVALID_PARAMETER_VALUE"),
            ((unique("nobody"), "experiment", experiment, "READ"), "RESOURCE_DOES_NOT_EXIST"),
        ):
            with refused(code):
                auth_client.grant_user_permission(*arguments)


def test_a_user_and_his_roles(gate, auth_client):
    user = gate.new_user()
    with user.signed_in():
        assert auth_client.get_user(user.name).username == user.name
        assert isinstance(auth_client.list_user_roles(user.name), list)
    with gate.admin.signed_in():
        auth_client.update_user_admin(user.name, True)
        assert auth_client.get_user(user.name).is_admin
        auth_client.delete_user(user.name)
    with user.signed_in(), refused("UNAUTHENTICATED"):
        auth_client.get_user(user.name)
