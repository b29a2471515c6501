"""`make import` and `make export`, with databases that real MLflow servers wrote and read."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from mlflow import MlflowClient
from mlflow.server import get_app_client
from werkzeug.security import check_password_hash, generate_password_hash

import auth_server
from auth_server import ADMIN, AS_ADMIN, decided
from gate import ROOT, START_ENV, User, local_d1, stored_hash, unique
from refusals import refused

sys.path.insert(0, str(ROOT / "scripts/accounts"))

import database  # noqa: E402  (found through the line above)
import mlflow_rules  # noqa: E402
import mlflow_schema  # noqa: E402
from model import hash_parameters, verifies  # noqa: E402

once = pytest.mark.once
LEVELS = ("NO_PERMISSIONS", "READ", "EDIT", "MANAGE")
FIXTURES = ROOT / "tests/fixtures"
SCRIPT_OF_3_12 = FIXTURES.joinpath("accounts-3.12.sql").read_text()
FROM_3_12 = json.loads(FIXTURES.joinpath("accounts-3.12.json").read_text())
PEOPLE_OF_3_12 = [User(person["name"], person["password"]) for person in FROM_3_12["people"]]


def make(target, database, state, **variables):
    """The lines that `make import` or `make export` printed."""
    env = START_ENV | {"DB": str(database), "STATE": str(state)} | variables
    command = ["make", "--no-print-directory", "--silent", target]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=240)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.splitlines()


def made(path, script):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


def copied(state, to):
    """The same users and grants, to be changed by one test."""
    shutil.copytree(state / "v3", to / "v3")
    return to


# --- MLflow 3.3.2, and 3.12 into the same D1 -------------------------------------------------------------------------

ALICE = User("alice", "the-password-of-alice")
ZOE = User("""Zoë 漢字 'q"; DROP TABLE users; --""", "pass:word:mit Umläuten")
SCRYPT = User("BEGIN TRANSACTION;", "kept-as-mlflow-hashed-it")
PEOPLE = [ALICE, ZOE, SCRYPT]
EXPERIMENTS = ["1", "2", "3", "4", "5"]
MODELS = ["a", "b", "mödel 'x'; --", "d", "e"]


def decisions(url):
    """Everybody signs in with the old password."""
    return [
        # scrypt takes its time
        decided(url, user, EXPERIMENTS[:2] if user is SCRYPT else EXPERIMENTS, [] if user is SCRYPT else MODELS)
        for user in PEOPLE
    ]


def decisions_of_3_12(url):
    return [decided(url, user, FROM_3_12["experiments"], FROM_3_12["models"]) for user in PEOPLE_OF_3_12]


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A server of 3.3.2 with users, grants of every level, and rows that nobody can want."""
    folder = tmp_path_factory.mktemp("old")
    source = folder / "basic_auth.db"
    with auth_server.running(folder) as url:
        auth_server.change(source, auth_server.cheaper(ADMIN))
        client, auth = MlflowClient(tracking_uri=url), get_app_client("basic-auth", tracking_uri=url)
        with ADMIN.signed_in():
            assert [client.create_experiment(f"experiment {n}") for n in EXPERIMENTS] == EXPERIMENTS
            for name in MODELS:
                client.create_registered_model(name)
            auth.create_user("deleted", "a-long-enough-password")
            auth.delete_user("deleted")
            for user in (*PEOPLE, User("line\nbreak", "a-long-enough-password"), User("md5", "a-long-enough-password")):
                auth.create_user(user.name, user.password)
            auth.create_user("second admin", "a-long-enough-password")
            auth.update_user_admin("second admin", True)
            for user, levels in ((ALICE, LEVELS), (ZOE, LEVELS[::-1])):
                for level, experiment, model in zip(levels, EXPERIMENTS, MODELS):
                    auth.create_experiment_permission(experiment, user.name, level)
                    auth.create_registered_model_permission(model, user.name, level)
            auth.create_experiment_permission("no such", ALICE.name, "READ")
            auth.create_experiment_permission("1", SCRYPT.name, "EDIT")
            for name in FROM_3_12["models"]:  # the client looks at one before it changes it
                client.create_registered_model(name)
        auth_server.change(
            source,
            auth_server.cheaper(ALICE),
            auth_server.cheaper(ZOE, "pbkdf2:sha512:1000"),
            auth_server.cheaper(User("md5", "a-long-enough-password"), "pbkdf2:md5:1000"),
            ("INSERT INTO users (id, username, password_hash, is_admin) VALUES (50, NULL, 'x', 0)", ()),
            (
                "INSERT INTO users (id, username, password_hash, is_admin) VALUES (51, CAST(x'ff' AS TEXT), 'x', NULL)",
                (),
            ),
            ("INSERT INTO experiment_permissions (experiment_id, user_id, permission) VALUES ('1', 999, 'READ')", ()),
            ("INSERT INTO registered_model_permissions (name, user_id, permission) VALUES ('e', 6, 'OWNER')", ()),
        )
        yield SimpleNamespace(url=url, database=source, decisions=decisions(url))


@pytest.fixture(scope="module")
def imported(old, tmp_path_factory):
    """Into no D1 at all, with 3.12's database after it; and what was printed."""
    state = tmp_path_factory.mktemp("imported") / "not there yet"
    first = make("import", old.database, state)
    of_3_12 = made(state.with_name("3.12.db"), SCRIPT_OF_3_12)
    return SimpleNamespace(state=state, first=first, second=make("import", of_3_12, state))


@once
def test_what_is_not_brought_over_is_said(imported):
    *lines, summary = imported.first
    assert [line.removeprefix("import: ").partition(": ")[0] for line in lines] == [
        "users 5",
        "users 6",
        "users 50",
        "users 51",
        "experiment_permissions 14",
        "experiment_permissions 16",
        "registered_model_permissions 19",
    ]
    for line, reason in zip(
        lines,
        (
            r"'line\nbreak' cannot sign in: the name holds a control character",
            "'md5' cannot sign in until he gets a new password: the hash is 'pbkdf2:md5:1000'",
            "the name None is no text",
            "is not UTF-8",
            "is no experiment id in its one spelling",
            "there is no user 999",
            "the level 'OWNER' is unknown",
        ),
    ):
        assert reason in line
    assert "7 users (7 new, 0 unchanged), 33 grants (33 new, 0 unchanged), lines reported: 7" in summary


@once
def test_what_roles_say_beyond_users_and_resources_is_listed(imported):
    *lines, summary = imported.second
    said = "\n".join(lines)
    for row, reason in (
        ("role_permissions 16", "the gate has no patterns"),
        ("role_permissions 17", "the gate has no grants on a gateway_secret"),
        ("role_permissions 18", "in the workspace 'another workspace'"),
        ("roles 1", "held by 'roles of 3.12', 'both of 3.12': there are no roles here"),
        ("roles 4", "held by nobody"),
        ("roles 5", "in the workspace 'another workspace'"),
        ("scorer_permissions 1", "the gate has no grants on a scorer"),
        ("workspace_permissions 'default'", "the gate has no workspaces"),
        ("'admin'", "the password differs: D1's was kept"),
        ("'rows of 3.12'", "the id 2 is taken in D1"),
    ):
        assert any(line.startswith(f"import: {row}: ") and reason in line for line in lines), f"{row}: {reason}\n{said}"
    assert summary.startswith("import: 4 users (3 new, 1 kept as they are in D1, 0 unchanged)")


@once
def test_everybody_signs_in_as_before_and_every_grant_decides_as_it_did(old, imported, own_gate, tmp_path):
    gate = own_gate(copied(imported.state, tmp_path), ORIGIN_URL=old.url, ORIGIN_AUTHORIZATION=AS_ADMIN)
    assert decisions(gate.url) == old.decisions
    assert decisions_of_3_12(gate.url) == [person["decided"] for person in FROM_3_12["people"]]

    auth = get_app_client("basic-auth", tracking_uri=gate.url)
    with ADMIN.signed_in():
        before = get_app_client("basic-auth", tracking_uri=old.url).get_user(ALICE.name)
        after = auth.get_user(ALICE.name)
        assert (after.id, after.is_admin) == (before.id, False)
        assert auth.get_user("second admin").is_admin
        with refused("RESOURCE_DOES_NOT_EXIST"):
            auth.get_user("deleted")
    with User(ALICE.name, "a-wrong-password").signed_in(), refused("UNAUTHENTICATED"):
        auth.get_user(ALICE.name)

    with pytest.raises(RuntimeError, match="in use by a running 'make dev'"):
        make("import", old.database, gate.state)


@once
@pytest.mark.parametrize("flags", ["", "no_nodejs_compat no_nodejs_compat_v2"], ids=["native scrypt", "scrypt in wasm"])
def test_scrypt_of_the_gate_and_of_mlflow_is_the_same(imported, own_gate, tmp_path, flags):
    state = copied(imported.state, tmp_path)
    # the runtime refuses so high a cost, and the gate then computes it itself
    costly = User("costly", "scrypt-in-64-MiB-four-times")
    auth_server.change(
        local_d1(state),
        (
            "INSERT INTO users (username, password_hash) VALUES (?, ?)",
            (costly.name, generate_password_hash(costly.password, "scrypt:65536:8:4")),
        ),
    )
    gate = own_gate(state, COMPATIBILITY_FLAGS=flags)

    def status(user):
        return gate.request("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0", user).status_code

    imported_as = stored_hash(gate, SCRYPT.name)
    assert imported_as.startswith("scrypt:32768:8:1$")
    assert (status(SCRYPT), status(User(SCRYPT.name, "kept-as-mlflow-hashed-i"))) == (200, 401)
    assert stored_hash(gate, SCRYPT.name) == imported_as
    log = (gate.state / "wrangler.log").read_text()
    assert ("scrypt of node:crypto is not used" in log) == bool(flags)

    gate.admin = ADMIN
    new = gate.new_user("scrypt")
    assert stored_hash(gate, new.name).startswith("scrypt:32768:8:1$")
    assert check_password_hash(stored_hash(gate, new.name), new.password)
    assert stored_hash(gate, ALICE.name).startswith("pbkdf2:sha256:1000$")
    assert (status(new), status(ALICE)) == (200, 200)
    assert stored_hash(gate, ALICE.name).startswith("scrypt:32768:8:1$")
    assert check_password_hash(stored_hash(gate, ALICE.name), ALICE.password)
    assert (status(costly), status(User(costly.name, "wrong"))) == (200, 401)
    assert ("scrypt of node:crypto has failed" in (gate.state / "wrangler.log").read_text()) != bool(flags)


@once
def test_what_d1_says_stays_unless_it_is_forced(old, imported, tmp_path):
    state = copied(imported.state, tmp_path)
    assert make("import", old.database, state)[-1].startswith("import: nothing to change: ")

    changed = tmp_path / "changed.db"
    shutil.copy(old.database, changed)
    auth_server.change(
        changed,
        auth_server.cheaper(User(ALICE.name, "a-new-password")),
        ("UPDATE users SET is_admin = 0 WHERE username = 'second admin'", ()),
        ("UPDATE experiment_permissions SET permission = 'EDIT' WHERE experiment_id = '2' AND user_id = 2", ()),
    )
    kept = make("import", changed, state)
    assert [line for line in kept if "FORCE=1" in line] == [
        "import: 'alice': the password differs: D1's was kept (FORCE=1 takes the imported one)",
        "import: 'second admin': being an administrator differs: D1's was kept (FORCE=1 takes the imported one)",
        "import: 'alice' on experiment '2': READ in D1, EDIT there: D1's was kept (FORCE=1 takes the imported one)",
    ]
    assert kept[-1].startswith("import: nothing to change: ")

    forced = make("import", changed, state, FORCE="1")
    assert "2 changed" in forced[-1] and "1 changed" in forced[-1]
    again = make("import", changed, state)
    assert again[-1].startswith("import: nothing to change: ")
    assert not any("FORCE=1" in line for line in again)


@once
def test_mlflow_starts_with_what_was_exported(old, imported, tmp_path):
    exported = tmp_path / "exported.db"
    lines = make("export", exported, imported.state)
    assert "does not know USE: READ" in "\n".join(lines)
    assert "10 users, 66 grants" in lines[-1]
    assert exported.stat().st_mode & 0o077 == 0
    with pytest.raises(RuntimeError, match="exists already, and nothing is overwritten"):
        make("export", exported, imported.state)

    newest = tmp_path / "newest.db"
    shutil.copy(exported, newest)
    python = ROOT / os.environ.get("TOOLS", ".tools") / "mlflow-3.17.2/bin/python"
    migrated = subprocess.Popen([python, "-m", "mlflow.server.auth", "db", "upgrade", "--url", f"sqlite:///{newest}"])
    folder = tmp_path / "server"
    folder.mkdir()
    # The experiments and models are the source's.
    with (
        sqlite3.connect(old.database.with_name("mlflow.db")) as source,
        sqlite3.connect(folder / "mlflow.db") as target,
    ):
        source.backup(target)
    with auth_server.running(folder, "3.3.2", exported) as url:
        assert decisions(url) == old.decisions
        assert decisions_of_3_12(url) == [person["decided"] for person in FROM_3_12["people"]]
        auth = get_app_client("basic-auth", tracking_uri=url)
        with ADMIN.signed_in():
            assert auth.get_user("second admin").is_admin
            assert auth.create_user(unique("new"), "a-long-enough-password").id > 10
    assert migrated.wait(timeout=120) == 0


# --- MLflow 3.17.2 ---------------------------------------------------------------------------------------------------

NEW_LEVELS = ("DENY", "READ", "USE", "EDIT", "MANAGE")
OWN, MEMBER, DENIED = (User(f"{name} of 3.17", f"the-password-of-{name}") for name in ("own", "member", "denied"))


@pytest.mark.new_client
def test_the_roles_of_the_newest_mlflow_decide_as_they_did(own_gate, tmp_path):
    source, state = tmp_path / "new/basic_auth.db", tmp_path / "state"
    with auth_server.running(tmp_path / "new") as url:
        auth_server.change(source, auth_server.cheaper(ADMIN))
        client, auth = MlflowClient(tracking_uri=url), get_app_client("basic-auth", tracking_uri=url)
        with ADMIN.signed_in():
            experiments = [client.create_experiment(f"experiment {n}") for n in range(6)]
            models = [client.create_registered_model(f"model {n}").name for n in range(6)]
            prompt = client.create_prompt("a prompt").name
            for user in (OWN, MEMBER, DENIED):
                auth.create_user(user.name, user.password)
            role, pattern = auth.create_role("default", "some").id, auth.create_role("default", "patterns").id
            for level, experiment, model in zip(NEW_LEVELS, experiments, models):
                auth.grant_user_permission(OWN.name, "experiment", experiment, level)
                auth.grant_user_permission(OWN.name, "registered_model", model, level)
                auth.grant_user_permission(DENIED.name, "experiment", experiment, level)
            for level, experiment, model in zip(NEW_LEVELS[::-1], experiments, models):
                auth.add_role_permission(role, "experiment", experiment, level)
                auth.add_role_permission(role, "registered_model", model, level)
            auth.grant_user_permission(OWN.name, "prompt", prompt, "EDIT")
            auth.add_role_permission(pattern, "experiment", "*", "DENY")
            auth.add_role_permission(pattern, "trace", "*", "READ")
            auth.assign_role(MEMBER.name, role)
            auth.assign_role(DENIED.name, pattern)
        auth_server.change(source, *map(auth_server.cheaper, (MEMBER, DENIED)))

        lines = make("import", source, state)
        said = "\n".join(lines)
        assert "DENY on experiment '*' of role 'patterns': the gate has no patterns" in said
        assert "READ on trace '*' of role 'patterns': the gate has no grants on a trace" in said
        assert "'some', held by 'member of 3.17': there are no roles here" in said
        gate = own_gate(state, ORIGIN_URL=url, ORIGIN_AUTHORIZATION=AS_ADMIN)
        for user in (OWN, MEMBER):
            assert decided(gate.url, user, experiments, models) == decided(url, user, experiments, models)
        # A pattern counts where another row names the experiment, and only there.
        assert decided(gate.url, DENIED, experiments[:5], []) == decided(url, DENIED, experiments[:5], [])
        for at in (url, gate.url):
            with OWN.signed_in():
                MlflowClient(tracking_uri=at).set_prompt_tag(prompt, "key", "value")
            with MEMBER.signed_in(), refused():
                MlflowClient(tracking_uri=at).set_prompt_tag(prompt, "key", "value")


# --- without any server ----------------------------------------------------------------------------------------------


def rules(script, default="READ"):
    """What is made of rows that no release writes by itself."""
    with tempfile.TemporaryDirectory() as folder:
        path = made(Path(folder, "made.db"), mlflow_schema.SCRIPT + script)
        with database.opened(str(path)) as source:
            return mlflow_rules.read(source, default)


ROLES = """
    CREATE TABLE alembic_version_auth (version_num);
    INSERT INTO alembic_version_auth VALUES ('f1a2b3c4d5e6');
    CREATE TABLE roles (id, name, workspace, description);
    CREATE TABLE role_permissions (id, role_id, resource_type, resource_pattern, permission);
    CREATE TABLE user_role_assignments (id, user_id, role_id);
    INSERT INTO users VALUES (1, 'alice', '', 0);
    INSERT INTO roles VALUES (1, '__user_1__', 'default', NULL);
    INSERT INTO user_role_assignments VALUES (1, 1, 1);
"""


@once
def test_a_positive_grant_is_raised_to_the_default_of_the_newest_mlflow():
    read = rules(ROLES + "INSERT INTO role_permissions VALUES (1, 1, 'experiment', '1', 'READ')", default="EDIT")
    assert read.grants == {("alice", "experiment", "1"): "EDIT"}
    assert "READ is below the default" in read.notes[-1]
    denied = rules(ROLES + "INSERT INTO role_permissions VALUES (1, 1, 'experiment', '1', 'DENY')", default="EDIT")
    assert denied.grants == {("alice", "experiment", "1"): "NO_PERMISSIONS"}


@once
def test_a_model_and_a_prompt_of_one_name_get_the_lower_level():
    read = rules(
        ROLES
        + "INSERT INTO role_permissions VALUES (1, 1, 'prompt', 'x', 'MANAGE'), (2, 1, 'registered_model', 'x', 'READ')"
    )
    assert read.grants == {("alice", "registered_model", "x"): "READ"}
    assert "READ as a registered_model" in read.notes[-1]


@once
def test_a_workspace_administrator_precedes_a_denial():
    read = rules(
        ROLES
        + "INSERT INTO role_permissions VALUES (1, 1, 'experiment', '1', 'DENY'), (2, 1, 'workspace', '*', 'MANAGE')"
    )
    assert read.grants == {("alice", "experiment", "1"): "MANAGE"}
    assert any("the gate has no workspaces" in note for note in read.notes)


@once
def test_a_row_that_the_migration_forgot_is_said():
    read = rules(ROLES + "INSERT INTO experiment_permissions VALUES (7, '1', 1, 'NO_PERMISSIONS')")
    assert read.grants == {}
    assert (
        "experiment_permissions 7: NO_PERMISSIONS on experiment '1' for 'alice': MLflow reads roles" in read.notes[-1]
    )


@once
def test_rows_of_nobody_and_of_an_unknown_release_are_said():
    read = rules(
        ROLES
        + """UPDATE alembic_version_auth SET version_num = 'zzz';
        INSERT INTO user_role_assignments VALUES (2, 9, 1), (3, 1, 9);
        INSERT INTO role_permissions VALUES (1, 9, 'experiment', '1', 'READ'), (2, 1, 'experiment', '01', 'READ'),
            (3, 1, 'registered_model', 'm', 'OWNER');"""
    )
    assert read.grants == {("alice", "registered_model", "m"): "NO_PERMISSIONS"}
    for expected in (
        "user_role_assignments 2: role 1: there is no user 9",
        "user_role_assignments 3: role 9 does not exist",
        "role_permissions 1: READ on experiment '1': there is no role 9",
        "'01' is no experiment id in its one spelling",
        "the level 'OWNER' is unknown",
        "revision zzz is not known here",
    ):
        assert any(expected in note for note in read.notes), (expected, read.notes)


@once
def test_sqlalchemy_reads_the_same(tmp_path):
    path = made(tmp_path / "source.db", SCRIPT_OF_3_12)
    with database.opened(f"sqlite+pysqlite:///{path}") as one, database.opened(str(path)) as other:
        assert mlflow_rules.read(one, "READ") == mlflow_rules.read(other, "READ")


@once
def test_what_is_no_auth_database_is_refused(tmp_path):
    for name, content in (("empty.db", b""), ("text.db", b"no database " * 100)):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(RuntimeError, match="make import: .*(no database of MLflow's|could not be read)"):
            make("import", path, tmp_path / "state")
    with pytest.raises(RuntimeError, match="there is no file"):
        make("import", tmp_path / "absent.db", tmp_path / "state")
    assert not (tmp_path / "state").exists()


@once
@pytest.mark.parametrize(
    "stored, is_verified",
    [
        # tests of src/password.rs
        ("scrypt:32768:8:1$salt$" + "0" * 128, True),
        ("scrypt$salt$" + "0" * 128, True),
        ("pbkdf2:sha256:600000$salt$" + "0" * 64, True),
        ("pbkdf2:sha512:1000$salt$" + "0" * 128, True),
        ("", False),
        ("x", False),
        ("pbkdf2:sha256$salt$" + "0" * 64, False),
        ("pbkdf2:md5:1$salt$" + "0" * 32, False),
        ("pbkdf2:sha256:4000000000$salt$" + "0" * 64, False),
        ("scrypt:1048576:8:1$salt$" + "0" * 128, False),
        ("scrypt:32768:8:100$salt$" + "0" * 128, False),
        ("scrypt:3:8:1$salt$" + "0" * 128, False),
        ("plain$$x", False),
        ("pbkdf2:sha256:600000$salt$" + "0" * 63, False),
    ],
)
def test_hashes_that_the_gate_verifies(stored, is_verified):
    assert bool(hash_parameters(stored)) == is_verified


@once
def test_a_password_that_everybody_knows_is_recognized():
    for method in ("scrypt", "pbkdf2:sha256:1000", "pbkdf2:sha512:1000"):
        stored = generate_password_hash("password1234", method)
        assert verifies(stored, "password1234") and not verifies(stored, "password12345")


@once
def test_a_deployment_is_asked_in_the_same_way(tmp_path):
    """A wrangler whose deployed D1 is a local one."""
    real = ROOT / "node_modules/.bin/wrangler"
    (tmp_path / "wrangler").write_text(
        f"""#!{sys.executable}
import os, sys
arguments = sys.argv[1:]
at = arguments.index("--remote")
assert arguments[at + 1:at + 3] == ["--env", "production"]
arguments[at:at + 3] = ["--local", "--persist-to", {str(tmp_path / "deployed")!r}]
os.execv({str(real)!r}, ["wrangler", *arguments])
"""
    )
    (tmp_path / "wrangler").chmod(0o755)
    source = made(tmp_path / "source.db", SCRIPT_OF_3_12)
    env = START_ENV | {"DB": str(source), "REMOTE": "1", "STATE": str(tmp_path / "unused")}
    env["PATH"] = f"{tmp_path}:{ROOT}/node_modules/.bin:{env['PATH']}"
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/accounts", "import"], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith("in the deployed D1")
    assert not (tmp_path / "unused").exists()
