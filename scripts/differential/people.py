"""Who asks: the eight identities, further users that cases are about, and their rows in both databases."""

import hashlib

ADMIN = "admin"
# The grant that each holds on everything that is made; who is not here holds none. The default permission is READ.
GRANTS = {"manage": "MANAGE", "edit": "EDIT", "read": "READ", "no-permissions": "NO_PERMISSIONS"}
KNOWN = [ADMIN, "manage", "edit", "read", "no-grant", "no-permissions"]
UNKNOWN, WRONG_PASSWORD = "unknown", "wrong-password"
IDENTITIES = [*KNOWN, UNKNOWN, WRONG_PASSWORD]

ITERATIONS = 1000  # thousands of log-ins; the strength of a hash is not what is tested


def password(user):
    return f"{user}-password-1"


def credentials(identity):
    """(name, password) of an identity."""
    return (ADMIN, "wrong") if identity == WRONG_PASSWORD else (identity, password(identity))


def password_hash(user):
    """In Werkzeug's format; the salt is the name, so that a recording made again is the same."""
    salt = hashlib.sha256(user.encode()).hexdigest()[:16]
    digest = hashlib.pbkdf2_hmac("sha256", password(user).encode(), salt.encode(), ITERATIONS)
    return f"pbkdf2:sha256:{ITERATIONS}${salt}${digest.hex()}"


class People:
    """Every user, in the order of their ids, and every grant."""

    def __init__(self):
        self.users = list(KNOWN)
        self.grants = []  # (user, kind, id, level)

    def new_user(self):
        """A user of whom a case is about; nobody logs in as one."""
        name = f"user-{len(self.users) + 1}"
        self.users.append(name)
        return name

    def grant(self, user, kind, resource, level):
        self.grants.append((user, kind, resource, level))

    def grant_all(self, kind, resource):
        """What has been made is shared as every case expects it."""
        for user, level in GRANTS.items():
            self.grant(user, kind, resource, level)

    def user_id(self, user):
        return self.users.index(user) + 1

    def hashes(self):
        """(id, name, hash, is_admin) of everybody."""
        for number, user in enumerate(self.users, start=1):
            yield number, user, password_hash(user), int(user == ADMIN)

    def into_mlflow(self, database):
        """Write everybody into the database of MLflow's basic-auth, where only the administrator is yet."""
        for number, name, hashed, is_admin in self.hashes():
            database.execute(
                "INSERT OR REPLACE INTO users (id, username, password_hash, is_admin) VALUES (?, ?, ?, ?)",
                (number, name, hashed, is_admin),
            )
        for user, kind, resource, level in self.grants:
            table, columns = MLFLOW_TABLES[kind]
            values = (*(resource if isinstance(resource, tuple) else (resource,)), self.user_id(user), level)
            database.execute(
                f"INSERT INTO {table} ({', '.join(columns)}, user_id, permission)"
                f" VALUES ({', '.join('?' * len(values))})",
                values,
            )
        database.commit()

    def our_grants(self):
        """(user id, kind, id, level) of the grants that the Worker has a kind for."""
        for user, kind, resource, level in self.grants:
            if kind in OUR_KINDS:
                yield self.user_id(user), kind, resource, level

    def as_sql(self):
        """The statements that write everybody into the Worker's database."""

        def quoted(text):
            return "'" + text.replace("'", "''") + "'"

        users = [
            f"({number}, {quoted(name)}, {quoted(hashed)}, {is_admin})"
            for number, name, hashed, is_admin in self.hashes()
        ]
        grants = [f"({n}, {quoted(k)}, {quoted(r)}, {quoted(level)})" for n, k, r, level in self.our_grants()]
        return (
            insert("users (id, username, password_hash, is_admin)", users)
            + insert("grants (user_id, resource_type, resource_id, permission)", grants)
        )


def insert(into, rows):
    """A statement for each hundred rows: D1 bounds the length of one."""
    batches = [rows[start : start + 100] for start in range(0, len(rows), 100)]
    return "".join(f"INSERT INTO {into} VALUES {', '.join(batch)};\n" for batch in batches)


OUR_KINDS = {"experiment", "registered_model"}

MLFLOW_TABLES = {
    "experiment": ("experiment_permissions", ["experiment_id"]),
    "registered_model": ("registered_model_permissions", ["name"]),
    "scorer": ("scorer_permissions", ["experiment_id", "scorer_name"]),
    "gateway_secret": ("gateway_secret_permissions", ["secret_id"]),
    "gateway_endpoint": ("gateway_endpoint_permissions", ["endpoint_id"]),
    "gateway_model_definition": ("gateway_model_definition_permissions", ["model_definition_id"]),
}
