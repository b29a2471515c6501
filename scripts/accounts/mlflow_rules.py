"""What a database of MLflow's basic-auth app means, by the rules of the release that wrote it.

    3.12 and earlier   a row of a user and a resource decides
    3.12               the higher one of that row and of the user's roles
    3.13 and later     the user's roles alone; DENY wins, else the highest, and never less than the default

Only the workspace `default` is known here, and only a grant of one user on one experiment or registered model (a prompt
is one). Every row that is something else gets a line in the notes.
"""

import re

from model import (
    LEVELS,
    RANK,
    Accounts,
    Failure,
    User,
    hash_parameters,
    holds_control_character,
    unusable_experiment,
    unusable_text,
)

WORKSPACE = "default"
BEFORE_ROLES = {"8606fa83a998", "0965eb92f5f0", "a1b2c3d4e5f6", "2ed73881770d"}
ROLES_AND_ROWS = "c3d4e5f6a7b8"  # 3.12
ROLES_ONLY = {"e5f6a7b8c9d0", "f1a2b3c4d5e6"}

ROWS = {
    "experiment_permissions": ("experiment", "experiment_id"),
    "registered_model_permissions": ("registered_model", "name"),
}
# Grants on what the gate knows no grants on: columns that say on what.
OTHER_ROWS = {
    "scorer_permissions": ("scorer", "experiment_id, scorer_name"),
    "gateway_secret_permissions": ("gateway secret", "secret_id"),
    "gateway_endpoint_permissions": ("gateway endpoint", "endpoint_id"),
    "gateway_model_definition_permissions": ("gateway model definition", "model_definition_id"),
}
# Of a role; a prompt is a registered model in MLflow's registry.
KINDS = {"experiment": "experiment", "registered_model": "registered_model", "prompt": "registered_model"}


def read(database, default_permission):
    if "users" not in database.tables or "experiment_permissions" not in database.tables:
        raise Failure("this is no database of MLflow's basic-auth app: it lacks users or experiment_permissions")
    return _Reader(database, default_permission).read()


class _Reader:
    def __init__(self, database, default_permission):
        self.database = database
        self.default = default_permission
        self.accounts = Accounts()
        self.names = {}  # by user id

    def note(self, row, text):
        self.accounts.notes.append(f"{row}: {text}")

    def read(self):
        self.users()
        rows = self.rows()
        revisions = {row[0] for row in self.database.rows("alembic_version_auth", "version_num")}
        if "role_permissions" not in self.database.tables:
            levels = {key: level for key, (_, level) in rows.items()}
        elif revisions == {ROLES_AND_ROWS}:
            levels = self.higher_of(rows, _Roles(self))
        else:
            for revision in sorted(revisions - ROLES_ONLY) if revisions else ["none"]:
                self.note("alembic_version_auth", f"revision {revision} is not known here: read as MLflow 3.17's")
            levels = self.roles_only(rows, _Roles(self))
        self.unknown_kinds()
        self.accounts.grants = {(self.names[user], *resource): level for (user, *resource), level in levels.items()}
        return self.accounts

    def users(self):
        columns = "id, username, password_hash, is_admin"
        for user_id, name, password_hash, is_admin in self.database.rows("users", columns):
            row = f"users {user_id}"
            if problem := unusable_text(name):
                self.note(row, f"the name {name!r} {problem}: the user is not brought over")
                continue
            if name in self.accounts.users:
                self.note(row, f"there is a {name!r} already (users {self.accounts.users[name].id}): not brought over")
                continue
            if unusable_text(password_hash):
                password_hash = ""
            if hash_parameters(password_hash) is None:
                method = repr(password_hash.split("$")[0]) if "$" in password_hash else "none that can be read"
                self.note(row, f"{name!r} cannot sign in until he gets a new password: the hash is {method}")
            if holds_control_character(name):
                self.note(row, f"{name!r} cannot sign in: the name holds a control character")
            self.accounts.users[name] = User(user_id, name, password_hash, bool(is_admin))
            self.names[user_id] = name

    def who(self, row, user_id, what):
        """The user's name for a line, or None when there is no such user, which is said."""
        if user_id in self.names:
            return self.names[user_id]
        self.note(row, f"{what}: there is no user {user_id}, or he was not brought over")
        return None

    def level(self, row, text, what):
        if text == "DENY":
            return "NO_PERMISSIONS"
        if text not in RANK:
            self.note(row, f"{what}: the level {text!r} is unknown, and MLflow refuses such a user: NO_PERMISSIONS")
            return "NO_PERMISSIONS"
        return text

    def usable(self, row, kind, resource, what):
        problem = unusable_experiment(resource) if kind == "experiment" else unusable_text(resource)
        if problem:
            self.note(row, f"{what}: {resource!r} {problem}: not brought over")
        return not problem

    def rows(self):
        """The rows from before roles: (row, level) by (user id, resource type, resource id)."""
        found = {}
        for table, (kind, column) in ROWS.items():
            has_workspace = kind == "registered_model" and "workspace_permissions" in self.database.tables
            columns = f"id, {column}, user_id, permission" + (", workspace" if has_workspace else "")
            for row_id, resource, user_id, permission, *workspace in self.database.rows(table, columns):
                row, what = f"{table} {row_id}", f"{permission} on {kind} {resource!r}"
                if (name := self.who(row, user_id, what)) is None:
                    continue
                what += f" for {name!r}"
                if workspace not in ([], [WORKSPACE]):
                    self.note(row, f"{what}: it is in the workspace {workspace[0]!r}: not brought over")
                elif self.usable(row, kind, resource, what):
                    found[user_id, kind, resource] = row, self.level(row, permission, what)
        return found

    def unknown_kinds(self):
        for table, (kind, columns) in OTHER_ROWS.items():
            for row_id, user_id, permission, *of in self.database.rows(table, f"id, user_id, permission, {columns}"):
                row, what = f"{table} {row_id}", f"{permission} on {kind} {'/'.join(map(str, of))!r}"
                if (name := self.who(row, user_id, what)) is not None:
                    self.note(row, f"{what} for {name!r}: the gate has no grants on a {kind}: not brought over")
        columns = "workspace, user_id, permission"
        for workspace, user_id, permission in self.database.rows("workspace_permissions", columns):
            row, what = f"workspace_permissions {workspace!r}", f"{permission} on the workspace"
            if (name := self.who(row, user_id, what)) is not None:
                self.note(row, f"{what} for {name!r}: the gate has no workspaces: not brought over")

    def higher_of(self, rows, roles):
        """MLflow 3.12: what a role refuses is as if the role were silent."""
        levels = {}
        for key in sorted({*rows, *roles.exact}):
            user, kind, resource = key
            about = {("workspace", "*"), (kind, "*"), (kind, resource)}
            best = max((RANK.get(level, 0) for *what, level in roles.of(user) if tuple(what) in about), default=0)
            if key in rows:
                best = max(best, RANK[rows[key][1]])
            elif best == 0:
                self.note(roles.exact[key], "a role's NO_PERMISSIONS decides nothing in MLflow 3.12: not brought over")
                continue
            levels[key] = LEVELS[best]
        return levels

    def roles_only(self, rows, roles):
        levels = {}
        for key in sorted(roles.exact):
            user, kind, resource = key
            who = f"{self.names[user]!r} on {kind} {resource!r}"
            by_type = {t: self.folded(roles, user, t, resource) for t in roles.types[key]}
            level = min(by_type.values(), key=RANK.get)
            if len(set(by_type.values())) > 1:
                each = " and ".join(f"{level} as a {t}" for t, level in sorted(by_type.items()))
                self.note(roles.exact[key], f"{who}: {each}, which are one name here: the lower one, {level}")
            if 0 < RANK[level] < RANK[self.default]:
                self.note(
                    roles.exact[key], f"{who}: {level} is below the default, so MLflow raises it to {self.default}"
                )
                level = self.default
            levels[key] = level
        for key, (row, level) in rows.items():
            if levels.get(key) != level:
                user, kind, resource = key
                now = f"say {levels[key]}" if key in levels else "say nothing"
                what = f"{level} on {kind} {resource!r} for {self.names[user]!r}"
                self.note(row, f"{what}: MLflow reads roles instead, which {now}")
        return levels

    @staticmethod
    def folded(roles, user, resource_type, resource):
        granted = roles.of(user)
        if ("workspace", "*", "MANAGE") in granted:
            return "MANAGE"
        said = [p for t, pattern, p in granted if t == resource_type and pattern in ("*", resource)]
        return "NO_PERMISSIONS" if "DENY" in said else LEVELS[max(RANK.get(p, 0) for p in said)]


class _Roles:
    """The roles of 3.12 and later, as what each user holds."""

    def __init__(self, reader):
        self.reader = reader
        self.members = {}  # user ids by role id
        self.granted = {}  # [(type, pattern, level)] by role id
        self.exact = {}  # a row by (user id, resource type, resource id): what the gate can express
        self.types = {}  # MLflow's types by the same: a prompt and a model may have one name
        self.by_user = {}
        self.read()

    def of(self, user_id):
        return self.by_user.get(user_id, [])

    def read(self):
        reader, database = self.reader, self.reader.database
        roles = {row[0]: row[1:] for row in database.rows("roles", "id, name, workspace")}
        for row_id, role_id, user_id in database.rows("user_role_assignments", "id, role_id, user_id"):
            row, what = f"user_role_assignments {row_id}", f"role {role_id}"
            if role_id not in roles:
                reader.note(row, f"{what} does not exist: not brought over")
            elif reader.who(row, user_id, what) is not None:
                self.members.setdefault(role_id, []).append(user_id)
        for row_id, role_id, kind, pattern, permission in database.rows(
            "role_permissions", "id, role_id, resource_type, resource_pattern, permission"
        ):
            self.permission(row_id, roles.get(role_id), role_id, kind, pattern, permission)
        for role_id, (name, workspace) in roles.items():
            users, granted = self.members.get(role_id, []), self.granted.get(role_id, [])
            for user in users:
                self.by_user.setdefault(user, []).extend(granted)
            # MLflow keeps a user's own grants in a role of this name.
            own = re.fullmatch(r"__user_(\d+)__", name)
            if own and users == [int(own[1])]:
                continue
            row = f"roles {role_id}"
            what = f"{name!r}, held by " + (", ".join(repr(reader.names[user]) for user in users) or "nobody")
            if workspace != WORKSPACE:
                reader.note(row, f"{what}: it is in the workspace {workspace!r}: not brought over")
            elif users:
                reader.note(row, f"{what}: there are no roles here: what it grants becomes theirs, one by one")
            else:
                reader.note(row, f"{what}: not brought over")

    def permission(self, row_id, role, role_id, kind, pattern, permission):
        reader, row = self.reader, f"role_permissions {row_id}"
        what = f"{permission} on {kind} {pattern!r}"
        if role is None:
            return reader.note(row, f"{what}: there is no role {role_id}: not brought over")
        name, workspace = role
        what += f" of role {name!r}"
        if workspace != WORKSPACE:
            return reader.note(row, f"{what}: it is in the workspace {workspace!r}: not brought over")
        users = self.members.get(role_id, [])
        if not users:
            return reader.note(row, f"{what}: nobody has the role: not brought over")
        if permission != "DENY":
            permission = reader.level(row, permission, what)
        if kind == "workspace" and pattern == "*":
            # In it for the exact rows that it raises.
            reader.note(row, f"{what}: the gate has no workspaces: it counts only where a grant names one resource")
        elif kind not in KINDS:
            return reader.note(row, f"{what}: the gate has no grants on a {kind}: not brought over")
        elif pattern == "*":
            reader.note(row, f"{what}: the gate has no patterns: it counts only where a grant names one resource")
        elif reader.usable(row, KINDS[kind], pattern, what):
            for user in users:
                key = user, KINDS[kind], pattern
                self.exact.setdefault(key, row)
                self.types.setdefault(key, set()).add(kind)
        else:
            return None
        self.granted.setdefault(role_id, []).append((kind, pattern, permission))
        return None
