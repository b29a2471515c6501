"""Every method of the client of MLflow 3.12 for users, grants and roles, as one story: `python client_3_12.py URL`.

Prints what each call gave, as JSON, with the ids that a server chooses named by what they belong to. The administrator's
name and password come from the environment, as for every client of MLflow's. Runs with that release, not with pytest.
"""

import json
import sys

import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.server.auth.client import AuthServiceClient

url = sys.argv[1]
client = AuthServiceClient(url)
told = []
ids = {}


def shown(value):
    """An entity as its fields, without the wrapping; ids by name."""
    if isinstance(value, (list, tuple)):
        return [shown(one) for one in value]
    if hasattr(value, "to_json"):
        value = value.to_json()
    if isinstance(value, dict):
        return {key: "new" if key == "id" else named(key, one) for key, one in value.items()}
    return value


def named(key, value):
    return shown(value) if isinstance(value, (list, dict)) or hasattr(value, "to_json") else ids.get((key, value), value)


def call(method, *arguments, **named):
    try:
        answer = getattr(client, method)(*arguments, **named)
        told.append([method, shown(answer)])
        return answer
    except (MlflowException, requests.HTTPError) as error:
        told.append([method, f"{getattr(error, 'error_code', type(error).__name__)}: {error}"[:300]])


def known(**named):
    """Names ids of the server."""
    for key, (value, name) in named.items():
        ids[key, value] = name


experiment = MlflowClient(url).create_experiment("of 3.12")
known(experiment_id=(experiment, "the experiment"))
MlflowClient(url).create_registered_model("model of 3.12")

ann = call("create_user", "ann of 3.12", "a-long-enough-password")
known(user_id=(ann.id, "ann"))
call("create_user", "ann of 3.12", "a-long-enough-password")
call("get_user", "ann of 3.12")
call("get_user", "nobody")
call("update_user_password", "ann of 3.12", "another-long-password")
call("update_user_admin", "ann of 3.12", True)
call("update_user_admin", "ann of 3.12", False)

for kind, resource in {
    "experiment": [experiment],
    "registered_model": ["model of 3.12"],
    "scorer": [experiment, "a scorer/of 3.12"],
    "gateway_secret": ["a secret"],
    "gateway_endpoint": ["an endpoint"],
    "gateway_model_definition": ["a definition"],
}.items():
    call(f"get_{kind}_permission", *resource, "ann of 3.12")
    call(f"create_{kind}_permission", *resource, "ann of 3.12", "READ")
    call(f"create_{kind}_permission", *resource, "ann of 3.12", "USE")
    call(f"update_{kind}_permission", *resource, "ann of 3.12", "NO_PERMISSIONS")
    call(f"get_{kind}_permission", *resource, "ann of 3.12")
    call(f"update_{kind}_permission", *resource, "ann of 3.12", "OWN")
    call(f"get_{kind}_permission", *resource, "nobody")
    call(f"delete_{kind}_permission", *resource, "ann of 3.12")
    call(f"delete_{kind}_permission", *resource, "ann of 3.12")

call("list_workspace_permissions", "default")
call("set_workspace_permission", "default", "ann of 3.12", "USE")
call("delete_workspace_permission", "default", "ann of 3.12")
call("list_user_workspace_permissions", "ann of 3.12")

role = call("create_role", "default", "role of 3.12", "a description")
known(role_id=(role.id, "the role"))
call("create_role", "default", "role of 3.12")
call("get_role", role.id)
call("list_roles", "default")
call("list_all_roles")
call("update_role", role.id, name="renamed role of 3.12", description="another")
row = call("add_role_permission", role.id, "experiment", experiment, "EDIT")
call("add_role_permission", role.id, "experiment", experiment, "READ")
call("add_role_permission", role.id, "registered_model", "*", "MANAGE")
call("list_role_permissions", role.id)
call("update_role_permission", row.id, "READ")
call("assign_role", "ann of 3.12", role.id)
call("assign_role", "ann of 3.12", role.id)
call("list_user_roles", "ann of 3.12")
call("list_role_users", role.id)
call("unassign_role", "ann of 3.12", role.id)
call("unassign_role", "ann of 3.12", role.id)
call("remove_role_permission", row.id)
call("remove_role_permission", row.id)
call("delete_role", role.id)
call("get_role", role.id)
call("delete_user", "ann of 3.12")
call("get_user", "ann of 3.12")

methods = [name for name in dir(AuthServiceClient) if not name.startswith("_")]
print(json.dumps({"told": told, "missing": sorted(set(methods) - {method for method, _ in told})}))
