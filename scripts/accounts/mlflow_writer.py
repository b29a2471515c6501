"""The gate's users and roles as tables of a release of MLflow, with a line for each thing that it cannot express."""

from urllib.parse import unquote

from mlflow_schema import ROWS
from model import EVERY, RANK, WORKSPACE, Failure, RoleKey

# The table and its columns that say on what, by the type of a user's own grant on one thing.
OF_3_12 = {kind: (table, columns) for table, (kind, columns) in ROWS.items()}
OF_3_3 = {kind: OF_3_12[kind] for kind in ("experiment", "registered_model")}


def release(name):
    """The one whose database is wanted, by its first two numbers."""
    name = ".".join((name or "3.17").split(".")[:2])
    if name not in TABLES:
        raise Failure(f"MLFLOW must be one of {', '.join(TABLES)}, not {name!r}")
    return name


class _Tables:
    """Rows by table; users and roles keep their ids."""

    def __init__(self, accounts):
        self.accounts = accounts
        self.notes = []
        self.users = [(u.id, u.name, u.password_hash, u.is_admin) for u in accounts.users.values()]
        self.roles = []
        self.grants = {}  # (id, level) by (role id, type, pattern)
        self.before_roles = {}  # (level, type, pattern) by (table, user name, on what)
        self.fill()
        written = {role[0] for role in self.roles}
        self.assignments = [
            (assignment_id, accounts.users[user].id, accounts.roles[role][0])
            for (user, role), assignment_id in accounts.assignments.items()
            if accounts.roles[role][0] in written
        ]

    def role(self, key):
        role_id, description = self.accounts.roles[key]
        name = key.name if key.owner is None else f"__user_{self.accounts.users[key.owner].id}__"
        self.roles.append((role_id, name, key.workspace, description))

    def counted_grants(self):
        return len(self.grants) + len(self.before_roles)

    def inserts(self):
        yield "INSERT INTO users (id, username, password_hash, is_admin) VALUES (?, ?, ?, ?)", self.users
        if self.roles:
            yield "INSERT INTO roles (id, name, workspace, description) VALUES (?, ?, ?, ?)", self.roles
            grants = [(grant_id, *key, level) for key, (grant_id, level) in self.grants.items()]
            yield "INSERT INTO role_permissions VALUES (?, ?, ?, ?, ?)", grants
            yield "INSERT INTO user_role_assignments (id, user_id, role_id) VALUES (?, ?, ?)", self.assignments
        for (table, user, on), (level, *_) in self.before_roles.items():
            _, columns = ROWS[table]
            into = f"{table} ({', '.join(columns)}, user_id, permission)"
            values = *on, self.accounts.users[user].id, level
            yield f"INSERT INTO {into} VALUES ({', '.join('?' * len(values))})", [values]


class _Of317(_Tables):
    """Everything, as it is."""

    def fill(self):
        for key in self.accounts.roles:
            self.role(key)
        for (role, kind, pattern), (grant_id, level) in self.accounts.grants.items():
            self.grants[self.accounts.roles[role][0], kind, pattern] = grant_id, level
        raised = sum(level in ("READ", "USE", "EDIT") for _, level in self.grants.values())
        if raised:
            self.notes.append(f"{raised} READ, USE or EDIT: MLflow 3.17 raises every grant to its default_permission")


class _BeforeRoles(_Tables):
    """What a user holds alone on one thing has a table for its type. Nothing else fits, or only in roles (3.12).

    No row gives what a denial of any role takes here: the file must not open what is closed.
    """

    kinds = OF_3_3
    has_roles = False

    def fill(self):
        self.denials = {}  # (type, pattern) by role
        for (role, kind, pattern), (_, level) in self.accounts.grants.items():
            if level == "DENY" and role.workspace == WORKSPACE:
                self.denials.setdefault(role, set()).add((kind, pattern))
        self.held = {}  # roles of the workspace that decides, by user
        for user, role in self.accounts.assignments:
            if role.workspace == WORKSPACE:
                self.held.setdefault(user, []).append(role)
        for (role, kind, pattern), (grant_id, level) in self.accounts.grants.items():
            what = f"{role}: {level} on {kind} {pattern!r}"
            on = self.on(kind, pattern)
            if role == RoleKey.own(role.owner) and on is not None:
                self.row(what, role.owner, kind, pattern, on, level)
            elif self.has_roles:
                self.role_row(what, role, kind, pattern, grant_id, level)
            else:
                why = "no roles" if role.name is not None else "nothing but grants on one experiment or model"
                self.notes.append(f"{what}: left out, MLflow {self.name} knows {why}")
        self.rows_of_denials()
        self.fill_roles()
        denials = sum(level == "NO_PERMISSIONS" for level, *_ in self.before_roles.values())
        if denials:
            self.notes.append(
                f"{denials} NO_PERMISSIONS: MLflow 3.13 and later forgets them when it migrates this database"
            )

    def on(self, kind, pattern):
        """The columns for one thing; None if there is no table for it."""
        kind = "registered_model" if kind == "prompt" else kind
        if kind not in self.kinds or pattern == EVERY:
            return None
        if kind != "scorer":
            return self.kinds[kind][0], (pattern,)
        experiment, slash, scorer = pattern.partition("/")
        return (self.kinds[kind][0], (experiment, unquote(scorer))) if slash else None

    def row(self, what, owner, kind, pattern, on, level):
        if level not in ("DENY", "NO_PERMISSIONS") and (denial := self.denial(self.roles_of(owner), kind, pattern)):
            self.notes.append(f"{what}: NO_PERMISSIONS, {denial}")
            level = "DENY"
        level = "NO_PERMISSIONS" if level == "DENY" else self.known_level(what, level)
        table, values = on
        found, other, _ = self.before_roles.get((table, owner, values), (level, kind, None))
        if other != kind and found != level:
            level = self.of_both(what, level, other, found)
        self.before_roles[table, owner, values] = level, kind, pattern

    def roles_of(self, user):
        """Those whose denials shut the user out; none if the user manages the workspace, who is not denied anything."""
        held = self.held.get(user, [])
        manages = any(self.accounts.grants.get((role, "workspace", EVERY), ("", ""))[1] == "MANAGE" for role in held)
        return [] if manages else held

    def roles_beside(self, role):
        """Those whose denials take what the role grants from each user who has it."""
        return self.roles_of(role.owner) if role == RoleKey.own(role.owner) else [role]

    def denial(self, roles, kind, pattern):
        """The denial that one of the roles has on this, for a line; a model's name may be that of a prompt."""
        kinds = (kind, "prompt", "registered_model") if kind in ("prompt", "registered_model") else (kind,)
        for role in roles:
            for about in dict.fromkeys((k, p) for k in kinds for p in (pattern, EVERY)):
                if about in self.denials.get(role, ()):
                    return f"since {role} has DENY on {about[0]} {about[1]!r}"
        return None

    def rows_of_denials(self):
        """A role's denial of one thing, as a row of each user who has the role and no own row."""
        for user in self.held:
            for role in self.roles_of(user):
                for kind, pattern in sorted(self.denials.get(role, ())) if role.name is not None else ():
                    on = self.on(kind, pattern)
                    if on is not None and (on[0], user, on[1]) not in self.before_roles:
                        self.before_roles[on[0], user, on[1]] = "NO_PERMISSIONS", kind, pattern
                        why = f"since {role} has DENY on it"
                        self.notes.append(f"{user!r}: NO_PERMISSIONS on {kind} {pattern!r}, {why}")

    def of_both(self, what, level, other, found):
        lower = min(level, found, key=RANK.get)
        self.notes.append(f"{what}: {found} as a {other}, and MLflow {self.name} has one grant for both: {lower}")
        return lower

    def known_level(self, what, level):
        if level != "USE":
            return level
        self.notes.append(f"{what}: MLflow 3.3 does not know USE: READ, which allows the same there")
        return "READ"

    def fill_roles(self):
        for key in self.accounts.roles:
            if key.name is not None:
                held = ", ".join(map(repr, self.accounts.holders(key))) or "nobody"
                self.notes.append(f"{key}, held by {held}: left out, MLflow {self.name} knows no roles")


class _Of33(_BeforeRoles):
    name = "3.3"


class _Of312(_BeforeRoles):
    """A role there may be about all of a type, but cannot deny."""

    name = "3.12"
    kinds = OF_3_12
    has_roles = True

    def known_level(self, what, level):
        return level

    def role_row(self, what, role, kind, pattern, grant_id, level):
        if kind == "workspace" and (pattern, level) != (EVERY, "MANAGE"):
            why = "it would be about every resource there"
        elif kind == "prompt" and pattern == EVERY:
            why = "it would be about every registered model there"
        elif kind not in (*self.kinds, "prompt", "workspace"):
            why = f"MLflow {self.name} does not know this type"
        elif level == "DENY":
            why = f"a role of MLflow {self.name} cannot deny"
        elif denial := self.denial(self.roles_beside(role), kind, pattern):
            why = denial
        else:
            return self.take(what, role, kind, pattern, grant_id, level)
        self.notes.append(f"{what}: left out, {why}")
        return None

    def take(self, what, role, kind, pattern, grant_id, level):
        if (kind, pattern) == ("registered_model", EVERY):
            self.notes.append(f"{what}: prompts are registered models in MLflow {self.name}, so it is about them too")
        if level == "NO_PERMISSIONS":
            self.notes.append(f"{what}: it decides nothing in a role of MLflow {self.name}")
        key = self.accounts.roles[role][0], "registered_model" if kind == "prompt" else kind, pattern
        if key in self.grants:
            other = "registered_model" if kind == "prompt" else "prompt"
            level = self.of_both(what, level, other, self.grants[key][1])
        self.grants[key] = grant_id, level

    def fill_roles(self):
        used = {role_id for role_id, *_ in self.grants}
        for key, (role_id, _) in self.accounts.roles.items():
            if key.name is not None or role_id in used:
                self.role(key)
        written = {role_id for role_id, _, workspace, _ in self.roles if workspace == WORKSPACE}
        held = {}  # ids of roles by user
        for user, role in self.accounts.assignments:
            if (role_id := self.accounts.roles[role][0]) in written:
                held.setdefault(user, []).append(role_id)
        for (_, owner, _), (level, kind, pattern) in self.before_roles.items():
            if level == "NO_PERMISSIONS" and self.is_raised(held.get(owner, ()), kind, pattern):
                self.notes.append(f"{owner!r}: the denial on {kind} {pattern!r} loses to a role in MLflow 3.12")

    def is_raised(self, held, kind, pattern):
        kind = "registered_model" if kind == "prompt" else kind
        levels = (self.grants.get((role, kind, of), (None, "DENY"))[1] for role in held for of in (pattern, EVERY))
        return any(RANK[level] > RANK["NO_PERMISSIONS"] for level in levels)


TABLES = {"3.3": _Of33, "3.12": _Of312, "3.17": _Of317}
