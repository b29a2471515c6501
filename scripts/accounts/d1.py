"""The gate's database, through wrangler: the local one of a STATE, or that of the deployment."""

import json
import os
import pathlib
import subprocess
import tempfile

from model import Accounts, Failure, RoleKey, User

ROOT = pathlib.Path(__file__).resolve().parents[2]
# D1 takes statements of 100 kB; hexadecimal doubles what is in one.
MOST_JSON = 40_000
PAGE = 20_000
NEW_USERS = """
    INSERT INTO users (id, username, password_hash, is_admin)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each({rows}) WHERE TRUE
    ON CONFLICT DO NOTHING"""
CHANGED_USERS = """
    UPDATE users SET password_hash = new.value ->> 2, is_admin = new.value ->> 3
    FROM json_each({rows}) AS new WHERE username = new.value ->> 1"""
# Users and roles by name: whoever was made meanwhile may have taken an id. A user's own role is named after the new id.
NEW_ROLES = """
    INSERT INTO roles (id, workspace, name, user_id, description)
    SELECT value ->> 0, value ->> 1, coalesce('__user_' || u.id || '__', value ->> 2), u.id, value ->> 4
    FROM json_each({rows}) LEFT JOIN users AS u ON u.username = value ->> 3
    WHERE coalesce(u.id, value ->> 2) IS NOT NULL ON CONFLICT DO NOTHING"""
CHANGED_ROLES = """
    UPDATE roles SET description = new.value ->> 4 FROM json_each({rows}) AS new
    WHERE workspace = new.value ->> 1 AND name = new.value ->> 2 AND user_id IS NULL"""
ROLE = """
    FROM json_each({rows}) LEFT JOIN users AS o ON o.username = value ->> 3
    CROSS JOIN roles AS r ON r.workspace = value ->> 1 AND r.name = coalesce('__user_' || o.id || '__', value ->> 2)"""
GRANTS = f"""
    INSERT INTO role_permissions (id, role_id, resource_type, resource_pattern, permission)
    SELECT value ->> 0, r.id, value ->> 4, value ->> 5, value ->> 6 {ROLE} WHERE TRUE ON CONFLICT """
NEW_GRANTS = GRANTS + "DO NOTHING"
CHANGED_GRANTS = (
    GRANTS + "(role_id, resource_type, resource_pattern) DO UPDATE SET permission = excluded.permission"
)
NEW_ASSIGNMENTS = f"""
    INSERT INTO user_role_assignments (id, user_id, role_id)
    SELECT value ->> 0, u.id, r.id {ROLE} CROSS JOIN users AS u ON u.username = value ->> 4
    WHERE TRUE ON CONFLICT DO NOTHING"""

TABLES = {
    "users": "username, password_hash, is_admin",
    "roles": "workspace, name, user_id, description",
    "role_permissions": "role_id, resource_type, resource_pattern, permission",
    "user_role_assignments": "user_id, role_id",
}


class NoTable(Failure):
    pass


class D1:
    def __init__(self, state, remote):
        self.remote = remote
        self.state = pathlib.Path(state).resolve()
        self.where = "the deployed D1" if remote else f"the local D1 in {self.state}"

    def read(self):
        """Everything, in pages; None if there is no database yet, or one from before roles."""
        self._must_be_free()
        if not self.remote and not self.state.is_dir():
            return None
        rows = {table: [] for table in TABLES}
        unfinished = set(TABLES)
        while unfinished:
            pages = self._select(
                *(
                    f"SELECT id, {columns} FROM {table} WHERE id > {rows[table][-1]['id'] if rows[table] else 0} "
                    f"ORDER BY id LIMIT {PAGE if table in unfinished else 0}"
                    for table, columns in TABLES.items()
                )
            )
            if pages is None:
                return None
            for (table, found), page in zip(rows.items(), pages):
                found += page
                if len(page) < PAGE:
                    unfinished.discard(table)
        return _accounts(rows)

    def migrate(self):
        """Before the first `make dev` there may be no database."""
        if not self.remote:
            self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._run("migrations", "apply", "DB")

    def write(self, changes):
        """(statement, rows) each; all of it or nothing, which wrangler sees to for a file."""
        script = "".join(
            statement.format(rows=rows) + ";\n" for statement, all_rows in changes for rows in _chunks(all_rows)
        )
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "import.sql")
            file.write_text(script, encoding="utf-8")
            self._execute("--file", str(file))

    def _select(self, *statements):
        """The rows of each; None if a table is missing."""
        try:
            answer = self._execute("--command=" + "; ".join(statements))
        except NoTable:
            return None
        try:
            return [part["results"] for part in json.loads(answer)]
        except (ValueError, KeyError, TypeError):
            raise Failure(f"wrangler's answer could not be read:\n{answer[:2000]}") from None

    def _execute(self, *arguments):
        return self._run("execute", "DB", "--yes", "--json", *arguments)

    def _run(self, *arguments):
        place = ["--remote", "--env", "production"] if self.remote else ["--local", "--persist-to", str(self.state)]
        # wrangler's log holds what it read, hashes too, so it goes where it is deleted.
        with tempfile.TemporaryDirectory() as logs:
            environment = os.environ | {
                "WRANGLER_LOG_PATH": logs,
                "WRANGLER_SEND_METRICS": "false",
                "WRANGLER_HIDE_BANNER": "true",
                "CI": "1",  # it does not ask
            }
            done = subprocess.run(
                ["wrangler", "d1", *arguments, *place],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
            )
        if done.returncode:
            said = (done.stdout + done.stderr).strip()
            raise (NoTable if "no such table" in said else Failure)(f"wrangler could not reach {self.where}:\n{said}")
        return done.stdout

    def _must_be_free(self):
        """Two programs on one local database end in a locked file, as scripts/dev.mjs knows."""
        pid_file = self.state / "dev.pid"
        if self.remote or not pid_file.exists():
            return
        try:
            pid = int(pid_file.read_text())
            os.kill(pid, 0)
        except (ValueError, ProcessLookupError):
            return
        except PermissionError:
            pass  # somebody else's, but running
        raise Failure(f"{self.state} is in use by a running 'make dev' (process {pid}): end it first")


def _accounts(rows):
    """What was made between two pages, and is of what a page before lacks, is for the next run."""
    accounts, names, keys = Accounts(), {None: None}, {}
    for row in rows["users"]:
        names[row["id"]] = row["username"]
        accounts.users[row["username"]] = User(row["id"], row["username"], row["password_hash"], bool(row["is_admin"]))
    for row in rows["roles"]:
        if row["user_id"] not in names:
            continue
        owner = names[row["user_id"]]
        key = keys[row["id"]] = RoleKey(row["workspace"], row["name"] if owner is None else None, owner)
        accounts.roles[key] = row["id"], row["description"]
    for row in rows["role_permissions"]:
        if role := keys.get(row["role_id"]):
            key = role, row["resource_type"], row["resource_pattern"]
            accounts.grants[key] = row["id"], row["permission"]
    for row in rows["user_role_assignments"]:
        if row["user_id"] in names and (role := keys.get(row["role_id"])):
            accounts.assignments[names[row["user_id"]], role] = row["id"]
    return accounts


def _chunks(rows):
    """SQL for JSON arrays of the rows. Hexadecimal: wrangler takes files apart, and no name is to look like a statement."""
    chunk, length = [], 0
    for row in rows:
        text = json.dumps(row)
        if chunk and length + len(text) > MOST_JSON:
            yield _json(chunk)
            chunk, length = [], 0
        chunk.append(text)
        length += len(text) + 1
    if chunk:
        yield _json(chunk)


def _json(chunk):
    return _literal(f"[{','.join(chunk)}]")


def _literal(value):
    return str(value) if isinstance(value, int) else f"CAST(X'{value.encode().hex()}' AS TEXT)"
