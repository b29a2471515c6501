"""`make import` and `make export`: users and grants out of, and into, a database of MLflow's basic-auth app.

What to do is told through the environment, as `make` passes it on: DB, STATE, REMOTE, FORCE, DEFAULT_PERMISSION.
Exit status 0: everything was brought over or reported.
"""

import os
import sys

import d1
import database
import mlflow_rules
import mlflow_schema
from model import RANK, Accounts, Failure, hash_parameters, verifies

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
    default = os.environ.get("DEFAULT_PERMISSION") or "READ"
    if default not in RANK:
        raise Failure(f"DEFAULT_PERMISSION must be one of {', '.join(RANK)}, not {default!r}")
    with database.opened(name) as source:
        wanted = mlflow_rules.read(source, default)
    plan = Plan(gate.read() or Accounts(), wanted, is_set("FORCE"))
    if plan.changes():
        gate.write(
            (d1.NEW_USERS, plan.new_users),
            (d1.CHANGED_USERS, plan.changed_users),
            (d1.NEW_GRANTS, plan.new_grants),
            (d1.CHANGED_GRANTS, plan.changed_grants),
        )
        # Only a deployment can have been in use.
        if gate.remote and Plan(gate.read(), wanted, is_set("FORCE")).changes():
            raise Failure(f"{gate.where} was changed by somebody else meanwhile: import once more")
    for note in wanted.notes + plan.notes:
        print(f"import: {note}")
    print(f"import: {plan.summary(len(wanted.notes))}, in {gate.where}")


class Plan:
    """What an import changes. What is in D1 stays as it is, unless FORCE says otherwise."""

    def __init__(self, found, wanted, force):
        self.notes = []
        self.new_users, self.changed_users, self.new_grants, self.changed_grants = [], [], [], []
        self.kept_users = self.kept_grants = 0
        self.total = len(wanted.users), len(wanted.grants)
        self.taken_side = "the imported one was taken" if force else "D1's was kept (FORCE=1 takes the imported one)"
        brought = self.users(found.users, wanted.users, force)
        self.grants(found.grants, wanted.grants, force)
        self.administrators(found.users | brought, brought)

    def users(self, found, wanted, force):
        """Those that are brought over, by name."""
        brought = {}
        ids = {user.id for user in found.values()}
        for name, user in wanted.items():
            here = found.get(name)
            if here is None:
                if user.id in ids:
                    self.notes.append(f"{name!r}: the id {user.id} is taken in D1, which gives another one")
                self.new_users.append([None if user.id in ids else user.id, *columns(user)])
                brought[name] = user
            elif columns(here) != columns(user):
                what = ["the password"] * (here.password_hash != user.password_hash)
                what += ["being an administrator"] * (here.is_admin != user.is_admin)
                self.notes.append(f"{name!r}: {' and '.join(what)} differs: {self.taken_side}")
                if force:
                    self.changed_users.append(columns(user))
                    brought[name] = user
                else:
                    self.kept_users += 1
        # D1 gives the id after the highest one, so those that are known come first.
        self.new_users.sort(key=lambda row: row[0] is None)
        return brought

    def grants(self, found, wanted, force):
        for key, level in wanted.items():
            here = found.get(key)
            if here is None:
                self.new_grants.append([*key, level])
            elif here != level:
                name, kind, resource = key
                self.notes.append(f"{name!r} on {kind} {resource!r}: {here} in D1, {level} there: {self.taken_side}")
                if force:
                    self.changed_grants.append([*key, level])
                else:
                    self.kept_grants += 1

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

    def changes(self):
        return len(self.new_users) + len(self.changed_users) + len(self.new_grants) + len(self.changed_grants)

    def summary(self, reported):
        def counted(total, what, new, changed, kept):
            parts = [f"{new} new"] + [
                f"{n} {how}" for n, how in ((changed, "changed"), (kept, "kept as they are in D1")) if n
            ]
            return f"{total} {what} ({', '.join(parts)}, {total - new - changed - kept} unchanged)"

        users = counted(self.total[0], "users", len(self.new_users), len(self.changed_users), self.kept_users)
        grants = counted(self.total[1], "grants", len(self.new_grants), len(self.changed_grants), self.kept_grants)
        nothing = "" if self.changes() else "nothing to change: "
        return f"{nothing}{users}, {grants}, lines reported: {reported + len(self.notes)}"


def columns(user):
    return [user.name, user.password_hash, int(user.is_admin)]


def export_accounts(name, gate):
    accounts = gate.read()
    if not accounts or not accounts.users:
        raise Failure(f"there are no users in {gate.where}")
    grants = {"experiment": [], "registered_model": []}
    notes, refusals = [], 0
    for (user, kind, resource), level in accounts.grants.items():
        if level == "USE":
            notes.append(
                f"{user!r} on {kind} {resource!r}: MLflow 3.3 does not know USE: READ, which allows the same there"
            )
            level = "READ"
        if resource == "*":
            notes.append(f"{user!r} on {kind} '*': left out, MLflow 3.13 and later would read it as every {kind}")
            continue
        refusals += level == "NO_PERMISSIONS"
        grants[kind].append((resource, accounts.users[user].id, level))
    users = [(user.id, user.name, user.password_hash, user.is_admin) for user in accounts.users.values()]
    database.create(
        name,
        mlflow_schema.SCRIPT,
        [
            (mlflow_schema.USER, users),
            (mlflow_schema.EXPERIMENT_PERMISSION, grants["experiment"]),
            (mlflow_schema.REGISTERED_MODEL_PERMISSION, grants["registered_model"]),
        ],
    )
    if refusals:
        notes.append(f"{refusals} NO_PERMISSIONS: MLflow 3.13 and later forgets them when it migrates this database")
    for note in notes:
        print(f"export: {note}")
    print(f"export: {len(users)} users, {sum(map(len, grants.values()))} grants out of {gate.where} into {name}")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Failure as failure:
        sys.exit(f"make {sys.argv[1]}: {failure}")
