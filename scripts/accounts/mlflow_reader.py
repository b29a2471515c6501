"""A database of MLflow's basic-auth app as roles.

    3.11 and earlier   a row for a user and a resource
    3.12               the same, and roles
    3.13 and later     roles alone; what a user holds alone is in a role of the user's own

Roles are taken as they are. A row of before becomes one of the user's own role, as MLflow's own migration has it, save
that NO_PERMISSIONS stays a denial (DENY), and that a name which is literally `*` does not become every name.
"""

import re
from urllib.parse import quote

from mlflow_schema import ROWS
from model import (
    EVERY,
    RANK,
    TYPES,
    WORKSPACE,
    Accounts,
    Failure,
    RoleKey,
    User,
    hash_parameters,
    holds_control_character,
    unusable_experiment,
    unusable_text,
)

ROLES_AND_ROWS = "c3d4e5f6a7b8"  # 3.12
ROLES_WITHOUT_PROMPTS = "e5f6a7b8c9d0"
ROLES_ONLY = {ROLES_WITHOUT_PROMPTS, "f1a2b3c4d5e6"}

# Types of resources about which EDIT on a workspace was, by MLflow's migration.
IN_WORKSPACE = tuple(kind for kind, _ in ROWS.values())
IS_PROMPT = "mlflow.prompt.is_prompt"


def read(database):
    if "users" not in database.tables or "experiment_permissions" not in database.tables:
        raise Failure("this is no database of MLflow's basic-auth app: it lacks users or experiment_permissions")
    return _Reader(database).read()


class _Reader:
    def __init__(self, database):
        self.database = database
        self.accounts = Accounts()
        self.names = {}  # of users, by id
        self.keys = {}  # of roles, by id; None if the role is not brought over
        self.workspace_levels = {}  # of rows about the workspace whose roles decide, by user name

    def note(self, row, text):
        self.accounts.notes.append(f"{row}: {text}")

    def read(self):
        self.users()
        revisions = {row[0] for row in self.database.rows("alembic_version_auth", "version_num")}
        has_roles = "role_permissions" in self.database.tables
        decide_both = revisions == {ROLES_AND_ROWS}
        if has_roles:
            self.roles()
            self.grants(decide_both)
            if not decide_both:
                for revision in sorted(revisions - ROLES_ONLY) if revisions else ["none"]:
                    self.note("alembic_version_auth", f"revision {revision} is not known here: read as MLflow 3.17's")
        if decide_both or not has_roles:
            self.workspaces()
            self.rows()
        else:
            self.forgotten()
        if decide_both or not has_roles or ROLES_WITHOUT_PROMPTS in revisions:
            self.prompts()
        for key in self.accounts.roles:
            if key.workspace != WORKSPACE:
                self.note("roles", f"{key}: kept, but only roles of the workspace {WORKSPACE!r} decide here")
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
        """One that the gate has; what MLflow cannot read makes it refuse the user."""
        if text in RANK:
            return text
        self.note(row, f"{what}: the level {text!r} is unknown, and MLflow refuses such a user: DENY")
        return "DENY"

    def usable(self, row, kind, pattern, what):
        """Whether the gate can ask about it."""
        of_experiment = kind == "experiment" and pattern != EVERY
        problem = unusable_experiment(pattern) if of_experiment else unusable_text(pattern)
        if problem:
            self.note(row, f"{what}: {pattern!r} {problem}: not brought over")
        return not problem

    # --- roles, as they are ---------------------------------------------------------------------------------------

    def roles(self):
        holders = {}
        assignments = self.database.rows("user_role_assignments", "id, user_id, role_id")
        for _, user_id, role_id in assignments:
            holders.setdefault(role_id, set()).add(user_id)
        roles = self.database.rows("roles", "id, name, workspace, description")
        taken = {(workspace, name) for _, name, workspace, _ in roles}
        for role_id, name, workspace, description in roles:
            key = self.key(role_id, name, workspace, holders.get(role_id, set()), taken)
            self.keys[role_id] = key
            if key is not None:
                self.accounts.roles[key] = role_id, None if unusable_text(description) else description
        for row_id, user_id, role_id in assignments:
            row, what = f"user_role_assignments {row_id}", f"role {role_id}"
            if role_id not in self.keys:
                self.note(row, f"{what} does not exist: not brought over")
            elif (name := self.who(row, user_id, what)) is not None and self.keys[role_id] is not None:
                self.accounts.assignments[name, self.keys[role_id]] = row_id

    def key(self, role_id, name, workspace, holders, taken):
        """None if the role is not brought over, which is said."""
        row = f"roles {role_id}"
        if problem := unusable_text(name) or unusable_text(workspace):
            self.note(row, f"{name!r} in {workspace!r} {problem}: not brought over, nor what it grants")
            return None
        own = re.fullmatch(r"__user_(0|[1-9][0-9]*)__", name)
        if not own:
            return RoleKey(workspace, name, None)
        if holders == {int(own[1])}:
            if (owner := self.who(row, int(own[1]), f"{name!r}, with what it grants")) is None:
                return None
            return RoleKey.own(owner, workspace)
        # As an own role it would hand on what its owner gets from now on, or get a new owner.
        new = f"was {name}"
        while (workspace, new) in taken:
            new = f"was {new}"
        taken.add((workspace, new))
        held = ", ".join(repr(self.names.get(user, user)) for user in sorted(holders)) or "nobody"
        self.note(row, f"{name!r} has the name of a user's own role, and {held} has it: it is {new!r} here")
        return RoleKey(workspace, new, None)

    def grants(self, decide_both):
        """`decide_both`: MLflow 3.12, to which some levels in a role meant something else."""
        columns = "id, role_id, resource_type, resource_pattern, permission"
        for row_id, role_id, kind, pattern, permission in self.database.rows("role_permissions", columns):
            row, what = f"role_permissions {row_id}", f"{permission} on {kind} {pattern!r}"
            if role_id not in self.keys:
                self.note(row, f"{what}: there is no role {role_id}: not brought over")
                continue
            if (role := self.keys[role_id]) is None:
                continue
            what += f" for {role}"
            if kind not in TYPES:
                self.note(row, f"{what}: the gate does not know this type: not brought over")
            elif kind == "workspace" and permission not in RANK:
                self.note(row, f"{what}: the level is unknown: not brought over")
            elif self.usable(row, kind, pattern, what):
                level = self.level(row, permission, what)
                self.accounts.grants[role, kind, pattern] = row_id, level
                self.is_told(row, what, role, kind, pattern, level, decide_both)

    def is_told(self, row, what, role, kind, pattern, level, decide_both):
        if decide_both and kind == "workspace" and level != "MANAGE":
            self.note(row, f"{what}: on every resource in MLflow 3.12, on none from 3.13 on, nor here")
        elif decide_both and level == "NO_PERMISSIONS":
            self.note(row, f"{what}: nothing in MLflow 3.12; from 3.17 on, and here, it refuses unless more is granted")
        elif role.owner is not None and (kind, pattern, level) in (
            ("registered_model", EVERY, "MANAGE"),
            ("prompt", EVERY, "MANAGE"),
        ):
            self.note(row, f"{what}: every one; MLflow up to 3.17 gives it to who makes one named '*': check it")

    # --- rows from before roles, by MLflow's own migration --------------------------------------------------------

    def own(self, user_name, workspace=WORKSPACE):
        """A user's own role; D1 gives the ids of a new one."""
        key = RoleKey.own(user_name, workspace)
        self.accounts.roles.setdefault(key, (None, None))
        self.accounts.assignments.setdefault((user_name, key), None)
        return key

    def grant(self, role, kind, pattern, level):
        """What is in the role already stays, but for a denial."""
        if level == "DENY" or (role, kind, pattern) not in self.accounts.grants:
            self.accounts.grants[role, kind, pattern] = None, level

    def workspaces(self):
        columns = "workspace, user_id, permission"
        for workspace, user_id, permission in self.database.rows("workspace_permissions", columns):
            row, what = f"workspace_permissions {workspace!r}", f"{permission} on the workspace"
            if (name := self.who(row, user_id, what)) is None:
                continue
            what += f" for {name!r}"
            if unusable_text(workspace) or permission not in ("READ", "USE", "EDIT", "MANAGE"):
                self.note(row, f"{what}: MLflow's migration drops it: not brought over")
                continue
            if workspace == WORKSPACE:
                self.workspace_levels[name] = permission
            role = self.own(name, workspace)
            self.grant(role, "workspace", EVERY, "MANAGE" if permission == "MANAGE" else "USE")
            if permission == "EDIT":
                for kind in IN_WORKSPACE:
                    self.grant(role, kind, EVERY, "EDIT")
            about = {"MANAGE": "MANAGE on everything", "EDIT": "EDIT on everything"}.get(permission, "no resource")
            self.note(row, f"{what}: {about}, as MLflow's migration has it, also if workspaces were not enabled")

    def each_row(self, told):
        """(row, what, user name, role's workspace, type, pattern, level) of the tables of before."""
        for table, (kind, columns) in ROWS.items():
            has_workspace = kind == "registered_model" and "workspace_permissions" in self.database.tables
            selected = "id, user_id, permission, " + ", ".join(columns) + (", workspace" if has_workspace else "")
            for row_id, user_id, permission, *on in self.database.rows(table, selected):
                workspace = on.pop() if has_workspace else WORKSPACE
                row, what = f"{table} {row_id}", f"{permission} on {kind} {'/'.join(map(str, on))!r}"
                if not told:
                    name = self.names.get(user_id)
                elif (name := self.who(row, user_id, what)) is not None:
                    what += f" for {name!r}"
                if name is not None and (pattern := self.pattern(row if told else None, what, kind, on)) is not None:
                    yield row, what, name, workspace, kind, pattern, permission

    def pattern(self, row, what, kind, on):
        """None if the gate cannot ask about it, which is said if there is a row to name."""
        if kind == "scorer":
            experiment, scorer = on
            problem = unusable_experiment(experiment) or unusable_text(scorer)
            pattern = None if problem else f"{experiment}/{quote(scorer, safe='')}"
        else:
            (pattern,) = on
            problem = unusable_text(pattern)
            if pattern == EVERY:
                problem = f"would be every {kind} in a role"
            elif kind == "experiment":
                problem = unusable_experiment(pattern)
        if problem and row:
            self.note(row, f"{what}: {'/'.join(map(str, on))!r} {problem}: not brought over")
        return None if problem else pattern

    def rows(self):
        shared = {}  # roles by user
        for user, role in self.accounts.assignments:
            if role.name is not None:
                shared.setdefault(user, []).append(role)
        for row, what, name, workspace, kind, pattern, permission in self.each_row(told=True):
            if unusable_text(workspace):
                self.note(row, f"{what}: the workspace {workspace!r} cannot be kept: not brought over")
                continue
            level = "DENY" if permission == "NO_PERMISSIONS" else self.level(row, permission, what)
            self.grant(self.own(name, workspace), kind, pattern, level)
            if workspace == WORKSPACE and (about := self.outweighing(name, level)):
                self.note(row, f"{what}: this row decided up to MLflow 3.12; here {about} on the workspace does")
            elif level == "DENY" and self.is_raised(shared.get(name, ()), workspace, kind, pattern):
                self.note(row, f"{what}: in MLflow 3.12 a role says more; here the denial stands")

    def outweighing(self, name, level):
        """The level of the user's row about the workspace if it decides instead; None if there is no such row."""
        about = self.workspace_levels.get(name)
        loses = {"EDIT": ("READ", "USE"), "MANAGE": ("DENY", "NO_PERMISSIONS", "READ", "USE", "EDIT")}
        return about if level in loses.get(about, ()) else None

    def is_raised(self, held, workspace, kind, pattern):
        """By a role that several may have; whoever manages the workspace is not denied anything here either."""
        for role in held:
            if role.workspace != workspace:
                continue
            for about in ((kind, pattern), (kind, EVERY), ("workspace", EVERY)):
                _, level = self.accounts.grants.get((role, *about), (None, "DENY"))
                if RANK[level] > RANK["NO_PERMISSIONS"] and (*about, level) != ("workspace", EVERY, "MANAGE"):
                    return True
        return False

    def forgotten(self):
        """Denials that MLflow's migration to roles has left behind."""
        for row, what, name, workspace, kind, pattern, permission in self.each_row(told=False):
            kinds = ("registered_model", "prompt") if kind == "registered_model" else (kind,)
            key = RoleKey.own(name, workspace)
            if permission == "NO_PERMISSIONS" and not any((key, k, pattern) in self.accounts.grants for k in kinds):
                self.note(row, f"{what} for {name!r}: MLflow reads roles instead, which say nothing: not brought over")

    def prompts(self):
        """A prompt is a registered model with a tag, which is here only if all of MLflow is in one database."""
        tags = self.database.rows("registered_model_tags", "name, key, value")
        prompts = {name for name, key, value in tags if key == IS_PROMPT and str(value).lower() == "true"}
        for role, kind, pattern in list(self.accounts.grants):
            if kind == "registered_model" and pattern in prompts:
                found = self.accounts.grants.pop((role, kind, pattern))
                self.accounts.grants.setdefault((role, "prompt", pattern), found)
