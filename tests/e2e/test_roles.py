"""Every role method of MLflow's own client, through the gate and at a server with basic-auth: the same answers."""

import mlflow
import pytest
from mlflow.exceptions import MlflowException
from mlflow.server import get_app_client

import auth_server
from gate import User

pytestmark = [pytest.mark.new_client, pytest.mark.once]

ALICE, BOB, CAROL = (User(name, f"{name}-password-12") for name in ("alice", "bob", "carol"))


def told(call, /, *arguments, **named):
    """An answer as plain values, or the error; without the SQL that 3.17.2 tells with it."""
    try:
        answer = call(*arguments, **named)
    except MlflowException as error:
        message = error.message.split(" Error: ")[0].removesuffix(".")
        return [call.__name__, error.error_code, message]
    if isinstance(answer, list):
        return [call.__name__, [item.to_json() for item in answer]]
    return [call.__name__, answer and answer.to_json()]


def conversation(url, admin):
    """What administrator, manager, member and stranger are told, in this order; ids are those of a new server."""
    client = get_app_client("basic-auth", tracking_uri=url)
    said = []

    def say(method, /, *arguments, **named):
        said.append(told(getattr(client, method), *arguments, **named))

    with admin.signed_in():
        for user in (ALICE, BOB, CAROL):
            client.create_user(user.name, user.password)
        say("list_all_roles")
        say("create_role", "default", "readers", "read all")
        say("create_role", "default", "readers")
        say("create_role", "default", "managers")
        say("create_role", "elsewhere", "readers", "")
        say("create_role", "default", "__user_9__")
        say("create_role", " ", "x")
        say("create_role", "default", " ")
        say("get_role", 1)
        say("get_role", 99)
        say("get_role", "one")
        for permission in [
            (1, "experiment", "*", "READ"),
            (1, "experiment", "*", "EDIT"),
            (1, "run", "*", "DENY"),
            (1, "run", "5", "READ"),
            (1, "registered_model", "a model", "MANAGE"),
            (1, "gateway_secret", "s-1", "USE"),
            (1, "experiment", "1", "NO_PERMISSIONS"),
            (1, "experiment", "1", "ALL"),
            (1, "planet", "1", "READ"),
            (1, "workspace", "*", "READ"),
            (1, "workspace", "1", "USE"),
            (2, "workspace", "*", "MANAGE"),
            (3, "workspace", "*", "USE"),
            (99, "experiment", "*", "READ"),
        ]:
            say("add_role_permission", *permission)
        say("update_role_permission", 2, "READ")
        say("update_role_permission", 2, "NO_PERMISSIONS")
        say("update_role_permission", 2, "ALL")
        say("update_role_permission", 99, "ALL")
        say("remove_role_permission", 2)
        say("remove_role_permission", 2)
        say("list_role_permissions", 1)
        say("list_role_permissions", 99)
        for name, role in [("alice", 2), ("alice", 2), ("bob", 1), ("bob", 99), ("nobody", 99), ("admin", 1)]:
            say("assign_role", name, role)
        say("list_role_users", 1)
        say("list_role_users", 99)
        say("update_role", 1, description="")
        say("update_role", 1, name="managers")
        say("update_role", 1, name="__user_9__")
        say("update_role", 1, name="all readers")
        say("update_role", 1)
        say("update_role", 99, name="x")
        for workspace in ("default", "elsewhere", "nowhere", ""):
            say("list_roles", workspace)
        for name in ("alice", "bob", "carol", "nobody"):
            say("list_user_roles", name)

    with ALICE.signed_in():  # who manages the workspace
        say("create_role", "default", "of the manager")
        say("create_role", "elsewhere", "of the manager")
        say("add_role_permission", 4, "prompt", "*", "READ")
        say("add_role_permission", 3, "prompt", "*", "READ")
        say("assign_role", "bob", 4)
        say("assign_role", "bob", 3)
        for name in ("alice", "bob", "carol", "nobody"):
            say("list_user_roles", name)
        say("list_roles", "default")
        say("list_all_roles")
        say("list_role_users", 4)
        say("unassign_role", "bob", 4)
        say("unassign_role", "bob", 4)
        say("create_user", "dave", "dave-password-12")

    with BOB.signed_in():  # a member
        say("get_role", 1)
        say("get_role", 3)
        say("get_role", 99)
        say("list_roles", "default")
        say("list_roles", "elsewhere")
        say("list_role_permissions", 2)
        say("list_role_users", 1)
        say("list_user_roles", "bob")
        say("list_user_roles", "alice")
        say("create_role", "default", "of a member")
        say("assign_role", "bob", 2)
        say("unassign_role", "bob", 1)
        say("update_role", 1, name="mine")
        say("remove_role_permission", 1)
        say("update_role_permission", 1, "MANAGE")
        say("delete_role", 1)
        say("create_user", "eve", "eve-password-12")

    with CAROL.signed_in():  # nobody's member
        say("get_role", 1)
        say("list_roles", "default")
        say("list_user_roles", "carol")
        say("list_user_roles", "bob")

    with admin.signed_in():
        say("unassign_role", "bob", 1)
        say("unassign_role", "bob", 99)
        say("unassign_role", "nobody", 1)
        say("delete_role", 1)
        say("delete_role", 1)
        say("list_all_roles")
        say("list_user_roles", "bob")
    return said


def without_user_objects(said):
    """A new user is shown with fields that differ by release; that it was made is what counts."""
    return [line if line[0] != "create_user" or len(line) > 2 else line[:1] for line in said]


def test_the_client_of_mlflow_is_told_the_same(own_gate, tmp_path):
    gate = own_gate(MLFLOW_VERSION=mlflow.__version__)
    with auth_server.running(tmp_path / "server") as url:
        theirs = without_user_objects(conversation(url, auth_server.ADMIN))
    ours = without_user_objects(conversation(gate.url, gate.admin))
    assert len(ours) > 90
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == other
