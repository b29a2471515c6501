"""Every method of MLflow 3.17's client for users, roles and grants: once as it succeeds, once as it fails."""

import inspect

import pytest
from mlflow.exceptions import MlflowException, RestException
from mlflow.server.auth.client import AuthServiceClient

from gate import User, unique
from refusals import refused

pytestmark = pytest.mark.new_client

METHODS = {name for name, _ in inspect.getmembers(AuthServiceClient, inspect.isfunction) if not name.startswith("_")}
NEVER = 999_999_999  # the id of no role and of no permission
PASSWORD = "a-long-enough-password"


@pytest.fixture
def as_admin(gate, auth_client):
    with gate.admin.signed_in():
        yield auth_client


def described(entity):
    return entity.to_json()


def answer_to(client, method, arguments):
    try:
        return f"no error, but {getattr(client, method)(*arguments)}"
    except RestException as error:
        return str(error)
    except MlflowException as error:  # its text does not begin with its code
        return f"{error.error_code}: {error}"


def test_users(gate, as_admin):
    name = unique("user")
    made = as_admin.create_user(name, PASSWORD)
    assert isinstance(made.id, int)
    assert (made.username, made.is_admin) == (name, False)
    assert described(as_admin.get_user(name)) == {"id": made.id, "username": name, "is_admin": False}

    assert as_admin.update_user_admin(name, True) is None
    assert as_admin.get_user(name).is_admin is True
    with User(name, PASSWORD).signed_in(), refused("BAD_REQUEST", "Users cannot delete their own account."):
        as_admin.delete_user(name)
    as_admin.update_user_admin(name, False)
    assert as_admin.get_user(name).is_admin is False

    assert as_admin.update_user_password(name, "of-the-administrator") is None
    with User(name, "of-the-administrator").signed_in():
        as_admin.update_user_password(name, "of-the-user-alone", current_password="of-the-administrator")
    with User(name, "of-the-user-alone").signed_in():
        assert described(as_admin.get_user(name)) == described(made)
        with refused("INVALID_PARAMETER_VALUE", "Current password does not match."):
            as_admin.update_user_password(name, PASSWORD, current_password="of-the-administrator")
        # The gate can be told to ask for it (REQUIRE_CURRENT_PASSWORD): old clients have no way to give it.
        if gate.process is None:
            with refused("INVALID_PARAMETER_VALUE", "Current password is required when changing your own password."):
                as_admin.update_user_password(name, PASSWORD)

    assert as_admin.delete_user(name) is None
    with User(name, "of-the-user-alone").signed_in(), refused("UNAUTHENTICATED"):
        as_admin.get_user(name)


def test_roles(as_admin):
    name = unique("role")
    role = as_admin.create_role("default", name, description="as it was")
    expected = {"id": role.id, "name": name, "workspace": "default", "description": "as it was", "permissions": []}
    assert isinstance(role.id, int)
    assert described(role) == expected
    assert described(as_admin.get_role(role.id)) == expected

    elsewhere = as_admin.create_role(unique("workspace"), name)
    assert (elsewhere.description, elsewhere.permissions) == (None, [])
    assert [described(r) for r in as_admin.list_roles("default") if r.name == name] == [expected]
    assert [r.id for r in as_admin.list_roles(elsewhere.workspace)] == [elsewhere.id]
    assert [r.id for r in as_admin.list_all_roles() if r.name == name] == [role.id, elsewhere.id]
    assert as_admin.list_roles(unique("workspace")) == []

    expected["description"] = "as it is"
    assert described(as_admin.update_role(role.id, description="as it is")) == expected
    expected["name"] = unique("renamed")
    assert described(as_admin.update_role(role.id, name=expected["name"])) == expected
    assert described(as_admin.get_role(role.id)) == expected

    assert as_admin.delete_role(role.id) is None
    assert as_admin.delete_role(elsewhere.id) is None
    with refused("RESOURCE_DOES_NOT_EXIST"):
        as_admin.get_role(role.id)


def test_permissions_of_a_role(as_admin):
    role = as_admin.create_role("default", unique("role"))
    rows = [
        ("experiment", "1", "EDIT"),
        ("registered_model", "a model", "DENY"),
        ("gateway_endpoint", "*", "USE"),
        ("run", "*", "READ"),
        ("workspace", "*", "MANAGE"),
    ]
    added = [as_admin.add_role_permission(role.id, *row) for row in rows]
    expected = [
        {"id": permission.id, "role_id": role.id, "resource_type": kind, "resource_pattern": of, "permission": level}
        for permission, (kind, of, level) in zip(added, rows, strict=True)
    ]
    assert [described(permission) for permission in added] == expected
    assert sorted({permission.id for permission in added}) == [permission.id for permission in added]
    assert [described(permission) for permission in as_admin.list_role_permissions(role.id)] == expected
    assert described(as_admin.get_role(role.id))["permissions"] == expected

    expected[0]["permission"] = "MANAGE"
    assert described(as_admin.update_role_permission(added[0].id, "MANAGE")) == expected[0]
    assert as_admin.remove_role_permission(added[1].id) is None
    del expected[1]
    assert [described(permission) for permission in as_admin.list_role_permissions(role.id)] == expected

    as_admin.delete_role(role.id)
    with refused("RESOURCE_DOES_NOT_EXIST", f"Role permission with id={added[0].id} not found"):
        as_admin.remove_role_permission(added[0].id)


def test_users_of_a_role(gate, as_admin):
    role, other = (as_admin.create_role("default", unique("role")) for _ in range(2))
    users = [gate.new_user() for _ in range(2)]
    ids = [as_admin.get_user(user.name).id for user in users]
    assigned = [as_admin.assign_role(user.name, role.id) for user in users]
    expected = [
        {"id": assignment.id, "user_id": user, "role_id": role.id}
        for assignment, user in zip(assigned, ids, strict=True)
    ]
    assert [described(assignment) for assignment in assigned] == expected
    assert [described(assignment) for assignment in as_admin.list_role_users(role.id)] == expected
    as_admin.assign_role(users[0].name, other.id)
    assert [held.id for held in as_admin.list_user_roles(users[0].name)] == [role.id, other.id]
    with users[1].signed_in():
        assert [described(held) for held in as_admin.list_user_roles(users[1].name)] == [described(role)]
        assert described(as_admin.get_role(role.id)) == described(role)

    assert as_admin.unassign_role(users[0].name, role.id) is None
    assert [described(assignment) for assignment in as_admin.list_role_users(role.id)] == expected[1:]
    as_admin.delete_user(users[1].name)
    assert as_admin.list_role_users(role.id) == []
    as_admin.delete_role(other.id)
    assert as_admin.list_user_roles(users[0].name) == []


def test_grants_of_a_user(gate, as_admin, experiment):
    user = gate.new_user()
    name = user.name

    def held(*of):
        found = as_admin.get_user_permission(name, *of)
        return found.permission, found.allowed

    assert held("experiment", experiment) == ("READ", False)
    assert as_admin.grant_user_permission(name, "experiment", experiment, "USE") is None
    as_admin.grant_user_permission(name, "registered_model", "*", "DENY")
    assert held("experiment", experiment) == ("USE", True)
    assert held("registered_model", unique("model")) == ("DENY", False)
    with user.signed_in():
        assert held("experiment", experiment) == ("USE", True)

    # Such grants are the permissions of a role that the user alone has.
    (own,) = as_admin.list_user_roles(name)
    assert own.name == f"__user_{as_admin.get_user(name).id}__"
    assert own.workspace == "default"
    assert [(p.resource_type, p.resource_pattern, p.permission) for p in own.permissions] == [
        ("experiment", experiment, "USE"),
        ("registered_model", "*", "DENY"),
    ]

    role = as_admin.create_role("default", unique("role"))
    as_admin.add_role_permission(role.id, "experiment", experiment, "EDIT")
    as_admin.assign_role(name, role.id)
    assert held("experiment", experiment) == ("EDIT", True)
    assert as_admin.revoke_user_permission(name, "registered_model", "*") is None
    assert held("registered_model", unique("model")) == ("READ", False)


@pytest.fixture
def present(gate, as_admin, experiment):
    """What the failing calls find: a user with a grant and a role, and a permission of that role."""
    user = gate.new_user()
    role = as_admin.create_role("default", unique("role"))
    permission = as_admin.add_role_permission(role.id, "experiment", experiment, "READ")
    as_admin.assign_role(user.name, role.id)
    as_admin.grant_user_permission(user.name, "experiment", experiment, "READ")
    return user, as_admin.get_user(user.name).id, role, permission, experiment


def failures(user, user_id, role, permission, experiment):
    """Method, arguments, and the error that an administrator gets."""
    nobody = unique("nobody")
    invalid, absent, taken = "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"
    no_user, no_role = f"User with username={nobody} not found", f"Role with id={NEVER} not found"
    no_permission = f"Role permission with id={NEVER} not found"
    of_experiment = f"user={user.name} on resource_type=experiment, resource_id="
    no_level = (
        "Invalid permission 'OWN'. Valid permissions are: ('READ', 'USE', 'EDIT', 'MANAGE', 'NO_PERMISSIONS', 'DENY')"
    )
    reserved = "Role name '__user_9__' uses the reserved '__user_' prefix"
    no_second = f"Role permission (role_id={role.id}, resource_type=experiment, resource_pattern={experiment})"
    row = (role.id, "experiment")
    return [
        ("create_user", (user.name, PASSWORD), taken, f"User (username={user.name}) already exists"),
        ("create_user", (unique("user"), "short"), invalid, "Password must be "),
        ("get_user", (nobody,), absent, no_user),
        ("update_user_password", (nobody, PASSWORD), absent, no_user),
        ("update_user_password", (user.name, "short"), invalid, "Password must be "),
        ("update_user_admin", (nobody, True), absent, no_user),
        ("delete_user", (nobody,), absent, no_user),
        ("create_role", ("default", role.name), taken, f"Role (name={role.name}, workspace=default) already exists."),
        ("create_role", ("default", " "), invalid, "Role name cannot be empty."),
        ("create_role", (" ", "name"), invalid, "Workspace cannot be empty."),
        ("create_role", ("default", "__user_9__"), invalid, reserved),
        ("get_role", (NEVER,), absent, no_role),
        ("get_role", ("abc",), invalid, "Parameter 'role_id' must be an integer. Got: 'abc'"),
        ("list_roles", ("",), invalid, "Parameter 'workspace' must be a non-empty string when provided."),
        ("update_role", (NEVER, "name"), absent, no_role),
        (
            "update_role",
            (role.id,),
            invalid,
            "At least one of 'name' or 'description' must be provided to update a role.",
        ),
        ("update_role", (role.id, " "), invalid, "Role name cannot be empty."),
        ("delete_role", (NEVER,), absent, no_role),
        ("add_role_permission", (NEVER, "run", "*", "READ"), absent, no_role),
        ("add_role_permission", (*row, experiment, "EDIT"), taken, f"{no_second} already exists"),
        ("add_role_permission", (*row, "1", "OWN"), invalid, no_level),
        (
            "add_role_permission",
            (*row, "1", "NO_PERMISSIONS"),
            invalid,
            "Invalid permission 'NO_PERMISSIONS' for resource_type='experiment'."
            " Resource-level grants accept only: ('DENY', 'EDIT', 'MANAGE', 'READ', 'USE').",
        ),
        ("add_role_permission", (role.id, "notebook", "*", "READ"), invalid, "Invalid resource type 'notebook'."),
        (
            "add_role_permission",
            (role.id, "workspace", "*", "READ"),
            invalid,
            "Invalid permission 'READ' for resource_type='workspace'."
            " Workspace-wide grants accept only: ('MANAGE', 'USE').",
        ),
        (
            "add_role_permission",
            (role.id, "run", "5", "READ"),
            invalid,
            "Invalid resource_pattern '5' for resource_type='run'."
            " This resource type supports only wildcard ('*') grants.",
        ),
        ("remove_role_permission", (NEVER,), absent, no_permission),
        ("list_role_permissions", (NEVER,), absent, no_role),
        ("update_role_permission", (NEVER, "OWN"), absent, no_permission),
        ("update_role_permission", (permission.id, "OWN"), invalid, "Invalid permission 'OWN'."),
        ("assign_role", (nobody, role.id), absent, no_user),
        ("assign_role", (user.name, NEVER), absent, no_role),
        (
            "assign_role",
            (user.name, role.id),
            taken,
            f"User role assignment (user_id={user_id}, role_id={role.id}) already exists",
        ),
        ("unassign_role", (nobody, role.id), absent, no_user),
        (
            "unassign_role",
            (user.name, NEVER),
            absent,
            f"User role assignment (user_id={user_id}, role_id={NEVER}) not found",
        ),
        ("list_user_roles", (nobody,), absent, no_user),
        ("list_role_users", (NEVER,), absent, no_role),
        ("grant_user_permission", (nobody, "experiment", experiment, "READ"), absent, no_user),
        (
            "grant_user_permission",
            (user.name, "experiment", experiment, "EDIT"),
            taken,
            f"Permission for {of_experiment}{experiment} already exists.",
        ),
        (
            "grant_user_permission",
            (user.name, "workspace", "*", "MANAGE"),
            invalid,
            "resource_type 'workspace' is not supported by the per-user permission convenience APIs.",
        ),
        ("grant_user_permission", (user.name, "notebook", "1", "READ"), invalid, "Invalid resource type 'notebook'."),
        ("grant_user_permission", (user.name, "run", "5", "READ"), invalid, "Invalid resource_pattern '5'"),
        ("grant_user_permission", (user.name, "experiment", "1", "OWN"), invalid, "Invalid permission 'OWN'."),
        ("revoke_user_permission", (nobody, "experiment", experiment), absent, no_user),
        (
            "revoke_user_permission",
            (user.name, "experiment", str(NEVER)),
            absent,
            f"Permission for {of_experiment}{NEVER} not found.",
        ),
        ("get_user_permission", (nobody, "experiment", experiment), absent, no_user),
        ("get_user_permission", (user.name, "notebook", "1"), invalid, "Invalid resource type 'notebook'."),
    ]


def test_failures_are_explained(as_admin, present):
    before = [described(role) for role in as_admin.list_all_roles()]
    calls = failures(*present)
    # An administrator can do nothing wrong in listing all roles; the next test has what others are told.
    assert {method for method, *_ in calls} == METHODS - {"list_all_roles"}
    told = {}
    for method, arguments, code, message in calls:
        answer = answer_to(as_admin, method, arguments)
        if not answer.startswith(f"{code}: {message}"):
            told[f"{method}{arguments}"] = answer
    assert told == {}
    assert [described(role) for role in as_admin.list_all_roles()] == before


def test_an_ordinary_user_is_refused(gate, auth_client, present, experiment):
    user, _, role, permission, _ = present
    stranger, name = gate.new_user("stranger"), unique("name")
    calls = [
        ("create_user", name, PASSWORD),
        ("get_user", user.name),
        ("update_user_password", user.name, "another-long-enough-password"),
        ("update_user_admin", stranger.name, True),
        ("delete_user", user.name),
        ("create_role", "default", name),
        ("get_role", role.id),
        ("get_role", NEVER),
        ("list_roles", "default"),
        ("update_role", role.id, name),
        ("delete_role", role.id),
        ("delete_role", NEVER),
        ("add_role_permission", role.id, "experiment", "*", "MANAGE"),
        ("remove_role_permission", permission.id),
        ("remove_role_permission", NEVER),
        ("list_role_permissions", role.id),
        ("update_role_permission", permission.id, "MANAGE"),
        ("assign_role", stranger.name, role.id),
        ("unassign_role", user.name, role.id),
        ("list_user_roles", user.name),
        ("list_user_roles", unique("nobody")),
        ("list_role_users", role.id),
        ("list_all_roles",),
        ("grant_user_permission", stranger.name, "experiment", experiment, "MANAGE"),
        ("grant_user_permission", stranger.name, "experiment", "*", "MANAGE"),
        ("revoke_user_permission", user.name, "experiment", experiment),
        ("get_user_permission", user.name, "experiment", experiment),
    ]
    assert {method for method, *_ in calls} == METHODS
    with gate.admin.signed_in():
        before = [described(role) for role in auth_client.list_all_roles()]
    with stranger.signed_in():
        told = {f"{method}{arguments}": answer_to(auth_client, method, arguments) for method, *arguments in calls}
    assert {call: answer for call, answer in told.items() if not answer.startswith("PERMISSION_DENIED: ")} == {}
    with gate.admin.signed_in():
        assert [described(role) for role in auth_client.list_all_roles()] == before
        assert not auth_client.get_user(stranger.name).is_admin
    with user.signed_in():
        assert auth_client.get_user(user.name).username == user.name
