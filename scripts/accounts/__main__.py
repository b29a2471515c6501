"""`make import` and `make export`: users and roles out of, and into, a database of MLflow's basic-auth app.

What to do is told through the environment, as `make` passes it on: DB, STATE, REMOTE, FORCE, MLFLOW.
Exit status 0: everything was brought over or reported.
"""

import os
import sys

import d1
import database
import mlflow_reader
import mlflow_schema
import mlflow_writer
from model import Accounts, Failure, hash_parameters, verifies

MLFLOWS_PASSWORD = "password1234"


def main(command):
    sys.stdout.reconfigure(errors="backslashreplace")
    name = os.environ.get("DB")
    if not name:
        raise Failure(f"say which database: make {command} DB=path/to/basic_auth.db")
    gate = d1.D1(os.environ.get("STATE") or ".state", is_set("REMOTE"))
    {"import": import_accounts, "export": export_accounts}[command](name, gate)


def is_set(name):
    return os.environ.get(name, "") not in ("", "0")


def import_accounts(name, gate):
    with database.opened(name) as source:
        wanted = mlflow_reader.read(source)
    found = gate.read()
    if found is None:
        gate.migrate()
        found = gate.read() or Accounts()
    plan = Plan(found, wanted, is_set("FORCE"))
    if plan.is_needed():
        gate.write(plan.changes())
        # Only a deployment can have been in use.
        if gate.remote and Plan(gate.read(), wanted, is_set("FORCE")).is_needed():
            raise Failure(f"{gate.where} was changed by somebody else meanwhile: import once more")
    for note in wanted.notes + plan.notes:
        print(f"import: {note}")
    print(f"import: {plan.summary(len(wanted.notes))}, in {gate.where}")


class Part:
    """What an import does to the rows of one table."""

    def __init__(self, what, total, ids):
        self.what, self.total = what, total
        self.ids = set(ids)
        self.new, self.changed, self.kept = [], [], 0

    def add(self, wanted_id, columns):
        """With the id that it had, if that is free; returns whether it is."""
        is_free = wanted_id not in self.ids
        self.new.append([wanted_id if is_free else None, *columns])
        return is_free

    def differs(self, columns, force):
        if force:
            self.changed.append([None, *columns])
        else:
            self.kept += 1

    def statements(self, new, changed=None):
        """D1 gives the id after the highest one, so those that are known come first."""
        yield new, [row for row in self.new if row[0] is not None]
        yield new, [row for row in self.new if row[0] is None]
        if changed:
            yield changed, self.changed

    def __str__(self):
        parts = [f"{len(self.new)} new"]
        parts += [f"{len(self.changed)} changed"] * bool(self.changed)
        parts += [f"{self.kept} kept as they are in D1"] * bool(self.kept)
        unchanged = self.total - len(self.new) - len(self.changed) - self.kept
        return f"{self.total} {self.what} ({', '.join(parts)}, {unchanged} unchanged)"


class Plan:
    """What an import changes. What is in D1 stays as it is, unless FORCE says otherwise."""

    def __init__(self, found, wanted, force):
        self.found, self.wanted, self.force = found, wanted, force
        self.notes = []
        self.users = Part("users", len(wanted.users), (user.id for user in found.users.values()))
        self.roles = Part("roles", len(wanted.roles), (role[0] for role in found.roles.values()))
        self.grants = Part("grants", len(wanted.grants), (grant[0] for grant in found.grants.values()))
        self.assignments = Part("assignments", len(wanted.assignments), found.assignments.values())
        brought = self.plan_users()
        self.plan_roles()
        self.plan_grants()
        self.plan_assignments()
        self.administrators(found.users | brought, brought)

    def differ(self, what):
        taken = "the imported one was taken" if self.force else "D1's was kept (FORCE=1 takes the imported one)"
        self.notes.append(f"{what}: {taken}")

    def plan_users(self):
        """Those that are brought over, by name."""
        brought = {}
        for name, user in self.wanted.users.items():
            here = self.found.users.get(name)
            if here is None:
                if not self.users.add(user.id, columns(user)):
                    self.notes.append(f"{name!r}: the id {user.id} is taken in D1, which gives another one")
                brought[name] = user
            elif columns(here) != columns(user):
                what = ["the password"] * (here.password_hash != user.password_hash)
                what += ["being an administrator"] * (here.is_admin != user.is_admin)
                self.differ(f"{name!r}: {' and '.join(what)} differs")
                self.users.differs(columns(user), self.force)
                if self.force:
                    brought[name] = user
        return brought

    def plan_roles(self):
        for key, (role_id, description) in self.wanted.roles.items():
            row = [key.workspace, key.name, key.owner, description]
            if key not in self.found.roles:
                if not self.roles.add(role_id, row) and key.name is not None:
                    self.notes.append(f"{key}: the id {role_id} is taken in D1, which gives another one")
            elif key.name is not None and self.found.roles[key][1] != description:
                self.differ(f"{key}: the description differs")
                self.roles.differs(row, self.force)

    def plan_grants(self):
        widened = {}
        for (role, kind, pattern), (grant_id, level) in self.wanted.grants.items():
            here = self.found.grants.get((role, kind, pattern))
            row = [role.workspace, role.name, role.owner, kind, pattern, level]
            if here is None:
                self.grants.add(grant_id, row)
                if role.name is not None and role in self.found.roles:
                    widened[role] = widened.get(role, 0) + 1
            elif here[1] != level:
                self.differ(f"{role} on {kind} {pattern!r}: {here[1]} in D1, {level} there")
                self.grants.differs(row, self.force)
        for role, count in widened.items():
            self.notes.append(f"{role}: it is in D1 already, and whoever has it there gets {count} more grants with it")

    def plan_assignments(self):
        for (user, role), assignment_id in self.wanted.assignments.items():
            if (user, role) not in self.found.assignments:
                self.assignments.add(assignment_id, [role.workspace, role.name, role.owner, user])
                if role.name is not None and role in self.found.roles:
                    self.notes.append(f"{role}: it is in D1 already, and {user!r} gets what it grants there")

    def administrators(self, after, brought):
        if after and not any(user.is_admin and hash_parameters(user.password_hash) for user in after.values()):
            self.notes.append(
                "nobody is an administrator who can sign in, and ADMIN_PASSWORD makes one only while there is no user"
            )
        for user in brought.values():
            if user.is_admin and verifies(user.password_hash, MLFLOWS_PASSWORD):
                self.notes.append(
                    f"{user.name!r} is an administrator with MLflow's own password, which everybody knows: change it"
                )

    def parts(self):
        return self.users, self.roles, self.grants, self.assignments

    def changes(self):
        yield from self.users.statements(d1.NEW_USERS, d1.CHANGED_USERS)
        yield from self.roles.statements(d1.NEW_ROLES, d1.CHANGED_ROLES)
        yield from self.grants.statements(d1.NEW_GRANTS, d1.CHANGED_GRANTS)
        yield from self.assignments.statements(d1.NEW_ASSIGNMENTS)

    def is_needed(self):
        return any(part.new or part.changed for part in self.parts())

    def summary(self, reported):
        nothing = "" if self.is_needed() else "nothing to change: "
        return f"{nothing}{', '.join(map(str, self.parts()))}, lines reported: {reported + len(self.notes)}"


def columns(user):
    return [user.name, user.password_hash, int(user.is_admin)]


def export_accounts(name, gate):
    release = mlflow_writer.release(os.environ.get("MLFLOW"))
    accounts = gate.read()
    if not accounts or not accounts.users:
        raise Failure(f"there are no users in {gate.where}, or no roles yet: apply the migrations")
    tables = mlflow_writer.TABLES[release](accounts)
    database.create(name, mlflow_schema.SCRIPTS[release], tables.inserts())
    for note in tables.notes:
        print(f"export: {note}")
    counted = f"{len(tables.users)} users, {len(tables.roles)} roles, {tables.counted_grants()} grants"
    print(f"export: {counted} out of {gate.where} into {name}, for MLflow {release}")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Failure as failure:
        sys.exit(f"make {sys.argv[1]}: {failure}")
