"""The callers, further users that cases are about, and what each holds, in MLflow's database and in the Worker's.

A world is a set of holders. A holder is data: a name and rows of (resource type, pattern, level).
"""

import hashlib
from dataclasses import dataclass
from urllib.parse import quote

ADMIN = "admin"
UNKNOWN, WRONG_PASSWORD = "unknown", "wrong-password"

# A pattern: each thing of that type that a case is about has a row of its own. Every other pattern is kept as it is.
EACH = "<each>"
# The types that have ids of their own.
TYPES = (
    "experiment",
    "registered_model",
    "scorer",
    "gateway_secret",
    "gateway_endpoint",
    "gateway_model_definition",
    "mcp_server",
)


def on(pattern, level, types=TYPES):
    return [(resource_type, pattern, level) for resource_type in types]


@dataclass(frozen=True)
class World:
    """The holders of one recording."""

    holders: dict  # name: rows
    default_permission: str = "READ"
    strangers: tuple = (UNKNOWN, WRONG_PASSWORD)
    # The routes under /ajax-api have twins under /api, which decide alike.
    with_twins: bool = True

    @property
    def known(self):
        return [ADMIN, *self.holders]

    @property
    def callers(self):
        return [*self.known, *self.strangers]


# Grants as they are in every release. MLflow 3.17 has DENY in place of NO_PERMISSIONS.
CLASSIC = World(
    {
        "manage": on(EACH, "MANAGE"),
        "edit": on(EACH, "EDIT"),
        "read": on(EACH, "READ"),
        "no-grant": [],
        "no-permissions": on(EACH, "NO_PERMISSIONS"),
    }
)

# Where nothing is granted nothing may be done, so that each row shows. Patterns go into a named role, rows on one thing
# into the role of the user.
ROLES = World(
    {
        "no-grant": [],
        "read": on(EACH, "READ"),
        "edit": on(EACH, "EDIT"),
        "manage": on(EACH, "MANAGE"),
        "deny": on(EACH, "DENY"),
        "all-read": on("*", "READ"),
        "all-deny-but-manage": [*on("*", "DENY"), *on(EACH, "MANAGE")],
        "all-manage-but-deny": [*on("*", "MANAGE"), *on(EACH, "DENY")],
        "run-edit": [("run", "*", "EDIT")],
        "read-run-edit": [*on(EACH, "READ"), ("run", "*", "EDIT")],
        "edit-run-read": [*on(EACH, "EDIT"), ("run", "*", "READ")],
        "manage-run-deny": [*on(EACH, "MANAGE"), ("run", "*", "DENY")],
        "read-trace-edit": [*on(EACH, "READ"), ("trace", "*", "EDIT")],
        "edit-version-read": [*on(EACH, "EDIT"), ("registered_model_version", "*", "READ")],
        "workspace-use": [("workspace", "*", "USE")],
        "workspace-manage": [("workspace", "*", "MANAGE"), *on(EACH, "DENY")],
    },
    default_permission="NO_PERMISSIONS",
    strangers=(),
    with_twins=False,
)

WORLDS = {"classic": CLASSIC, "roles": ROLES}

# Of the roles of MLflow 3.13 and later. The role with id 1, that requests are about, does not exist.
FIRST_ID = 1001
ITERATIONS = 1000  # thousands of log-ins; the strength of a hash is not what is tested


def password(user):
    return f"{user}-password-1"


def credentials(caller):
    """(name, password) of a caller."""
    return (ADMIN, "wrong") if caller == WRONG_PASSWORD else (caller, password(caller))


def password_hash(user):
    """In Werkzeug's format; the salt is the name, so that a recording made again is the same."""
    salt = hashlib.sha256(user.encode()).hexdigest()[:16]
    digest = hashlib.pbkdf2_hmac("sha256", password(user).encode(), salt.encode(), ITERATIONS)
    return f"pbkdf2:sha256:{ITERATIONS}${salt}${digest.hex()}"


class People:
    """Every user, in the order of their ids, and every row."""

    def __init__(self, world=CLASSIC):
        self.world = world
        self.users = list(world.known)
        self.things = []  # (type, resource)
        self.of_new_users = []  # (user, type, resource, level)

    def new_user(self):
        """A user that a case is about; nobody logs in as one."""
        name = f"user-{len(self.users) + 1}"
        self.users.append(name)
        return name

    def grant(self, user, resource_type, resource, level):
        self.of_new_users.append((user, resource_type, resource, level))

    def grant_all(self, resource_type, resource):
        """Shares what has been made as the holders' rows say."""
        self.things.append((resource_type, resource))

    def rows(self):
        """(user, type, resource or other pattern, level) of everybody."""
        for user, rows in self.world.holders.items():
            yield from ((user, kind, pattern, level) for kind, pattern, level in rows if pattern != EACH)
        for kind, resource in self.things:
            for user, rows in self.world.holders.items():
                levels = (level for of, pattern, level in rows if (of, pattern) == (kind, EACH))
                yield from ((user, kind, resource, level) for level in levels)
        yield from self.of_new_users

    def user_id(self, user):
        return self.users.index(user) + 1

    def hashes(self):
        """(id, name, hash, is_admin) of everybody."""
        for number, user in enumerate(self.users, start=1):
            yield number, user, password_hash(user), int(user == ADMIN)

    # --- MLflow's database ---

    def into_mlflow(self, version, database):
        """Writes everybody into the database of MLflow's basic-auth, where only the administrator is yet."""
        for number, name, hashed, is_admin in self.hashes():
            database.execute(
                "INSERT OR REPLACE INTO users (id, username, password_hash, is_admin) VALUES (?, ?, ?, ?)",
                (number, name, hashed, is_admin),
            )
        has_roles = tuple(map(int, version.split(".")[:2])) >= (3, 13)
        (self.into_roles if has_roles else self.into_tables)(database)
        database.commit()

    def into_tables(self, database):
        """Up to MLflow 3.12 each type has a table."""
        for user, kind, resource, level in self.rows():
            table, columns = MLFLOW_TABLES[kind]
            values = (*(resource if isinstance(resource, tuple) else (resource,)), self.user_id(user), level)
            database.execute(
                f"INSERT INTO {table} ({', '.join(columns)}, user_id, permission)"
                f" VALUES ({', '.join('?' * len(values))})",
                values,
            )

    def into_roles(self, database):
        """From MLflow 3.13 on every row is one of a role; a grant is a row of a role that only its user has."""
        roles = {}
        for number, (user, kind, resource, level) in enumerate(self.rows(), start=FIRST_ID):
            is_named = resource == "*"
            name = f"role-of-{user}" if is_named else f"__user_{self.user_id(user)}__"
            if name not in roles:
                roles[name] = FIRST_ID + len(roles)
                database.execute(
                    "INSERT INTO roles (id, name, workspace) VALUES (?, ?, 'default')", (roles[name], name)
                )
                database.execute(
                    "INSERT INTO user_role_assignments (user_id, role_id) VALUES (?, ?)",
                    (self.user_id(user), roles[name]),
                )
            database.execute(
                "INSERT INTO role_permissions (id, role_id, resource_type, resource_pattern, permission)"
                " VALUES (?, ?, ?, ?, ?)",
                (number, roles[name], kind, pattern_of(resource), "DENY" if level == "NO_PERMISSIONS" else level),
            )

    # --- the Worker's database ---

    def worker_rows(self):
        """(user id, type, pattern, level) of everybody, as the Worker and the replay are given them."""
        return ((self.user_id(user), kind, pattern_of(resource), level) for user, kind, resource, level in self.rows())

    def as_sql(self):
        """The statements that write everybody into the Worker's database."""

        def quoted(text):
            return "'" + text.replace("'", "''") + "'"

        users = [
            f"({number}, {quoted(name)}, {quoted(hashed)}, {is_admin})"
            for number, name, hashed, is_admin in self.hashes()
        ]
        numbers = range(1, len(self.users) + 1)
        # Each user's own role has the id of the user here.
        roles = [f"({n}, '__user_{n}__', 'default', {n})" for n in numbers]
        grants = [
            f"({n}, {quoted(k)}, {quoted(r)}, {quoted('DENY' if level == 'NO_PERMISSIONS' else level)})"
            for n, k, r, level in self.worker_rows()
        ]
        return (
            insert("users (id, username, password_hash, is_admin)", users)
            + insert("roles (id, name, workspace, user_id)", roles)
            + insert("user_role_assignments (user_id, role_id)", [f"({n}, {n})" for n in numbers])
            + insert("role_permissions (role_id, resource_type, resource_pattern, permission)", grants)
        )


def pattern_of(resource):
    """A resource as MLflow 3.13 and later names it in a row: a scorer by its experiment and its encoded name."""
    return f"{resource[0]}/{quote(resource[1], safe='')}" if isinstance(resource, tuple) else resource


def insert(into, rows):
    """A statement for each hundred rows: D1 bounds the length of one."""
    batches = [rows[start : start + 100] for start in range(0, len(rows), 100)]
    return "".join(f"INSERT INTO {into} VALUES {', '.join(batch)};\n" for batch in batches)


MLFLOW_TABLES = {
    "experiment": ("experiment_permissions", ["experiment_id"]),
    "registered_model": ("registered_model_permissions", ["name"]),
    "scorer": ("scorer_permissions", ["experiment_id", "scorer_name"]),
    "gateway_secret": ("gateway_secret_permissions", ["secret_id"]),
    "gateway_endpoint": ("gateway_endpoint_permissions", ["endpoint_id"]),
    "gateway_model_definition": ("gateway_model_definition_permissions", ["model_definition_id"]),
}
