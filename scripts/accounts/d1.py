"""The gate's database, through wrangler: the local one of a STATE, or that of the deployment."""

import json
import os
import pathlib
import subprocess
import tempfile

from model import Accounts, Failure, User

ROOT = pathlib.Path(__file__).resolve().parents[2]
# D1 takes statements of 100 kB; hexadecimal doubles what is in one.
MOST_JSON = 40_000
PAGE = 20_000
GRANT_KEY = ("user_id", "resource_type", "resource_id")

NEW_USERS = """
    INSERT INTO users (id, username, password_hash, is_admin)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each({rows}) WHERE TRUE
    ON CONFLICT DO NOTHING"""
CHANGED_USERS = """
    UPDATE users SET password_hash = new.value ->> 1, is_admin = new.value ->> 2
    FROM json_each({rows}) AS new WHERE username = new.value ->> 0"""
# By name: whoever was made meanwhile may have taken an id.
GRANTS = """
    INSERT INTO grants (user_id, resource_type, resource_id, permission)
    SELECT u.id, value ->> 1, value ->> 2, value ->> 3 FROM json_each({rows}) JOIN users AS u ON u.username = value ->> 0
    WHERE TRUE ON CONFLICT DO """
NEW_GRANTS = GRANTS + "NOTHING"
CHANGED_GRANTS = GRANTS + "UPDATE SET permission = excluded.permission"


class NoTable(Failure):
    pass


class D1:
    def __init__(self, state, remote):
        self.remote = remote
        self.state = pathlib.Path(state).resolve()
        self.where = "the deployed D1" if remote else f"the local D1 in {self.state}"

    def read(self):
        """Everything, in pages; None if there is no database yet."""
        self._must_be_free()
        if not self.remote and not self.state.is_dir():
            return None
        users, grants = [], []
        more_users = more_grants = True
        while more_users or more_grants:
            last_user = users[-1]["id"] if users else 0
            last_grant = [_literal(grants[-1][column]) for column in GRANT_KEY] if grants else ["0", "''", "''"]
            pages = self._select(
                f"SELECT id, username, password_hash, is_admin FROM users WHERE id > {last_user} "
                f"ORDER BY id LIMIT {PAGE if more_users else 0}",
                f"SELECT {', '.join(GRANT_KEY)}, permission FROM grants "
                f"WHERE ({', '.join(GRANT_KEY)}) > ({', '.join(last_grant)}) "
                f"ORDER BY {', '.join(GRANT_KEY)} LIMIT {PAGE if more_grants else 0}",
            )
            if pages is None:
                return None
            new_users, new_grants = pages
            users += new_users
            grants += new_grants
            more_users, more_grants = len(new_users) == PAGE, len(new_grants) == PAGE
        accounts, names = Accounts(), {}
        for row in users:
            names[row["id"]] = row["username"]
            accounts.users[row["username"]] = User(
                row["id"], row["username"], row["password_hash"], bool(row["is_admin"])
            )
        for row in grants:
            # A user who was made between two pages: his grants are of the next run.
            if row["user_id"] in names:
                accounts.grants[names[row["user_id"]], row["resource_type"], row["resource_id"]] = row["permission"]
        return accounts

    def write(self, *changes):
        """(statement, rows) each; all of it or nothing, which wrangler sees to for a file.

        Before the first `make dev` there may be no database.
        """
        if not self.remote:
            self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._run("migrations", "apply", "DB")
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
