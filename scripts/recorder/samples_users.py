"""Sample requests: users, permissions, roles, the sign-up page. Keyed by route."""

from people import password
from sample import FORM, Request, ask, send, upload

V2 = "{api}/2.0/mlflow"
V3 = "{api}/3.0/mlflow"
NEW_PASSWORD = "another-password"
# The runner gets a form first, as the administrator, and puts its token and its cookie here.
CSRF_TOKEN = "<csrf_token>"


def myself(o):
    return o.identity if o.has_own else "no-grant"


def permissions(base, ids, kind):
    """The four verbs for one kind of resource; `ids` is a function of the objects."""
    # A scorer's permission is kept under two ids, and the maker knows it by (name, id).
    has_row = {kind: "READ"} if kind in ("experiment", "registered_model") else {}

    def row(o):
        return {**ids(o), "username": o.user(**has_row) if has_row else "read"}

    return {
        f"POST {base}/permissions/create": [
            lambda o: send(**ids(o), username=o.user(), permission="READ"),
            lambda o: send(**ids(o), username="nobody", permission="READ"),
            lambda o: send(**ids(o), username="read", permission="ALL"),
            lambda o: send(**ids(o), username="read", permission="READ"),
            lambda o: send(username="read", permission="READ"),
        ],
        f"GET {base}/permissions/get": [
            lambda o: ask(**ids(o), username="read"),
            lambda o: ask(**ids(o), username="no-grant"),
        ],
        f"PATCH {base}/permissions/update": [
            lambda o: send(**row(o), permission="EDIT"),
            lambda o: send(**ids(o), username="no-grant", permission="EDIT"),
        ],
        f"DELETE {base}/permissions/delete": [
            lambda o: send(**row(o)),
            lambda o: send(**ids(o), username="no-grant"),
        ],
    }


def own_scorer(o):
    """Its row of `read` is changed and deleted, so that each case has a scorer of its own."""
    return dict(zip(("experiment_id", "scorer_name"), o.own("scorer_elsewhere")))


PERMISSIONS = (
    permissions(f"{V2}/experiments", lambda o: {"experiment_id": o.a("experiment")}, "experiment")
    | permissions(f"{V2}/registered-models", lambda o: {"name": o.a("registered_model")}, "registered_model")
    | permissions(f"{V3}/scorers", own_scorer, "scorer")
    | permissions(f"{V3}/gateway/secrets", lambda o: {"secret_id": o.own("secret")[0]}, "gateway_secret")
    | permissions(f"{V3}/gateway/endpoints", lambda o: {"endpoint_id": o.own("endpoint")[0]}, "gateway_endpoint")
    | permissions(
        f"{V3}/gateway/model-definitions",
        lambda o: {"model_definition_id": o.own("model_definition")},
        "gateway_model_definition",
    )
)

USERS = {
    f"POST {V2}/users/create": [
        lambda o: send(username=o.name("user"), password=NEW_PASSWORD),
        lambda o: send(username="read", password=NEW_PASSWORD),
        lambda o: send(username=o.name("user"), password="short"),
        lambda o: send(username=o.name("user")),
        lambda o: upload(_body="username=x&password=another-password", _type=FORM),
    ],
    f"GET {V2}/users/get": [
        lambda o: ask(username=myself(o)),
        lambda o: ask(username="edit"),
        lambda o: ask(username="nobody"),
        lambda o: Request(),
    ],
    f"GET {V2}/users/list": lambda o: Request(),
    f"GET {V2}/users/current": lambda o: Request(),
    f"PATCH {V2}/users/update-password": [
        lambda o: send(username=myself(o), password=password(myself(o))),
        lambda o: send(username=o.user(), password=NEW_PASSWORD),
        lambda o: send(username="nobody", password=NEW_PASSWORD),
        lambda o: send(username=o.user(), password="short"),
        lambda o: send(username=o.user()),
    ],
    f"PATCH {V2}/users/update-admin": [
        lambda o: send(username=o.user(), is_admin=True),
        lambda o: send(username="nobody", is_admin=True),
    ],
    f"DELETE {V2}/users/delete": [
        lambda o: send(username=o.user()),
        lambda o: send(username=o.user(experiment="READ")),
        lambda o: send(username="nobody"),
    ],
    "GET /signup": lambda o: Request(),
    f"POST {V2}/users/create-ui": [
        lambda o: upload(_body=f"username={o.name('user')}&password={NEW_PASSWORD}", _type=FORM),
        lambda o: upload(
            _body=f"csrf_token={CSRF_TOKEN}&username={o.name('user')}&password={NEW_PASSWORD}", _type=FORM
        ),
    ],
}


def experiment_row(o, user, **fields):
    return {"username": user, "resource_type": "experiment", "resource_id": o.a("experiment"), **fields}


def model_row(o, user, **fields):
    return {"username": user, "resource_type": "registered_model", "resource_id": o.a("registered_model"), **fields}


# MLflow 3.13 and later.
ROWS = {
    f"POST {V3}/users/permissions/grant": [
        lambda o: send(**experiment_row(o, o.user(), permission="READ")),
        lambda o: send(**model_row(o, o.user(), permission="MANAGE")),
        lambda o: send(**experiment_row(o, o.user(), permission="DENY")),
        lambda o: send(**experiment_row(o, o.user(experiment="READ"), permission="EDIT")),
        lambda o: send(**experiment_row(o, "nobody", permission="READ")),
        lambda o: send(**experiment_row(o, o.user(), permission="ALL")),
        lambda o: send(**experiment_row(o, o.user())),
        lambda o: send(**{**experiment_row(o, o.user(), permission="READ"), "resource_id": "*"}),
        lambda o: send(username=o.user(), resource_type="run", resource_id="*", permission="READ"),
        lambda o: send(username=o.user(), resource_type="workspace", resource_id="*", permission="MANAGE"),
        lambda o: send(username=o.user(), resource_type="wish", resource_id="1", permission="READ"),
    ],
    f"POST {V3}/users/permissions/revoke": [
        lambda o: send(**experiment_row(o, o.user(experiment="READ"))),
        lambda o: send(**model_row(o, o.user(registered_model="READ"))),
        lambda o: send(**experiment_row(o, o.user())),
        lambda o: send(**experiment_row(o, "nobody")),
        lambda o: send(username=o.user(), resource_type="experiment"),
    ],
    f"GET {V3}/users/permissions/get": [
        lambda o: ask(**experiment_row(o, myself(o))),
        lambda o: ask(**model_row(o, myself(o))),
        lambda o: ask(**experiment_row(o, "edit")),
        lambda o: ask(**experiment_row(o, "nobody")),
        lambda o: ask(username=myself(o), resource_type="experiment"),
        lambda o: ask(username=myself(o), resource_type="run", resource_id="1"),
    ],
    f"GET {V3}/users/permissions/list": [
        lambda o: ask(username=myself(o)),
        lambda o: ask(username=o.user(experiment="READ", registered_model="EDIT")),
        lambda o: ask(username="nobody"),
        lambda o: Request(),
    ],
    f"GET {V3}/users/current/permissions": lambda o: Request(),
}

# There is no such role, and no such permission of one: the first ids are those of users' own roles and their grants.
ROLE = {"role_id": 999999}
ROLE_PERMISSION = {"role_permission_id": 999999}

ROLES = {
    f"GET {V3}/users/roles/list": [lambda o: ask(username=myself(o)), lambda o: ask(username="edit")],
    f"POST {V3}/roles/create": lambda o: send(name=o.name("role")),
    f"GET {V3}/roles/get": lambda o: ask(**ROLE),
    f"GET {V3}/roles/list": lambda o: ask(workspace="default"),
    f"PATCH {V3}/roles/update": lambda o: send(**ROLE, description="d"),
    f"DELETE {V3}/roles/delete": lambda o: send(**ROLE),
    f"POST {V3}/roles/permissions/add": lambda o: send(
        **ROLE, resource_type="experiment", resource_pattern="*", permission="READ"
    ),
    f"GET {V3}/roles/permissions/list": lambda o: ask(**ROLE),
    f"DELETE {V3}/roles/permissions/remove": lambda o: send(**ROLE_PERMISSION),
    f"PATCH {V3}/roles/permissions/update": lambda o: send(**ROLE_PERMISSION, permission="READ"),
    f"POST {V3}/roles/assign": lambda o: send(**ROLE, username="read"),
    f"DELETE {V3}/roles/unassign": lambda o: send(**ROLE, username="read"),
    f"GET {V3}/roles/users/list": lambda o: ask(**ROLE),
    f"GET {V3}/workspace-permissions": lambda o: ask(username="read"),
    f"GET {V3}/workspaces/{{workspace_name}}/permissions": lambda o: ask({"workspace_name": "default"}),
    f"POST {V3}/workspaces/{{workspace_name}}/permissions": lambda o: send(
        {"workspace_name": "default"}, username="read", permission="READ"
    ),
    f"DELETE {V3}/workspaces/{{workspace_name}}/permissions": lambda o: send(
        {"workspace_name": "default"}, username="read"
    ),
}

SAMPLES = PERMISSIONS | USERS | ROWS | ROLES
