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
import mlflow_reader  # noqa: E402
import mlflow_schema  # noqa: E402
import mlflow_writer  # noqa: E402
from model import Accounts, RoleKey, User as Account, hash_parameters, unusable_experiment, verifies  # noqa: E402

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


def in_roles():
    """What 3.12 decided, with what its rows mean in roles: by MLflow's own migration, and a denial stays one."""
    rows, roles, both, workspace = (dict(person["decided"]) for person in FROM_3_12["people"])
    model_0, _, _, _, model_4, *_ = (f"registered_model {name}" for name in FROM_3_12["models"])
    both |= {"experiment 1": "", model_0: ""}  # the rows say NO_PERMISSIONS, and roles more
    roles[model_4] = ""  # a role's NO_PERMISSIONS alone
    workspace |= dict.fromkeys(workspace, "read update")  # EDIT on the workspace
    return [rows, roles, both, workspace]


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
            for id in FROM_3_12["experiments"][len(EXPERIMENTS) :]:  # and 3.12 at the workspace of an experiment
                assert client.create_experiment(f"experiment {id} of 3.12") == id
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
        "experiment_permissions 18",
        "registered_model_permissions 21",
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
    roles = "5 roles (5 new, 0 unchanged), 37 grants (37 new, 0 unchanged), 5 assignments (5 new, 0 unchanged)"
    assert f"7 users (7 new, 0 unchanged), {roles}, lines reported: 7" in summary


@once
def test_what_rows_and_roles_mean_otherwise_is_listed(imported):
    *lines, summary = imported.second
    said = "\n".join(lines)
    for row, reason in (
        ("role_permissions 13", "NO_PERMISSIONS on experiment '5' for role 'some': nothing in MLflow 3.12"),
        ("role_permissions 14", "nothing in MLflow 3.12; from 3.17 on, and here, it refuses"),
        ("workspace_permissions 'default'", "EDIT on the workspace for 'workspace of 3.12': EDIT on everything"),
        ("experiment_permissions 9", "for 'both of 3.12': in MLflow 3.12 a role says more; here the denial stands"),
        ("registered_model_permissions 9", "here the denial stands"),
        ("roles", "role 'elsewhere' in the workspace 'another workspace': kept, but only roles of"),
        ("'admin'", "the password differs: D1's was kept"),
        ("'rows of 3.12'", "the id 2 is taken in D1"),
        ("role 'some'", "the id 1 is taken in D1"),
    ):
        assert any(line.startswith(f"import: {row}: ") and reason in line for line in lines), f"{row}: {reason}\n{said}"
    assert summary.startswith("import: 5 users (4 new, 1 kept as they are in D1, 0 unchanged), 9 roles (8 new, 1 unch")


@once
def test_roles_are_rows_in_d1_as_mlflow_has_them(imported):
    with contextlib.closing(sqlite3.connect(f"{local_d1(imported.state).as_uri()}?mode=ro", uri=True)) as d1:
        own = "SELECT r.name = '__user_' || u.id || '__' FROM roles AS r JOIN users AS u ON u.id = r.user_id"
        assert set(d1.execute(own)) == {(1,)}
        named = "SELECT name, workspace FROM roles WHERE user_id IS NULL ORDER BY name"
        assert d1.execute(named).fetchall() == [
            ("elsewhere", "another workspace"),
            ("nobody's", "default"),
            ("others", "default"),
            ("pattern", "default"),
            ("some", "default"),
        ]
        rows = """SELECT p.resource_type, p.resource_pattern, p.permission FROM role_permissions AS p
            JOIN roles AS r ON r.id = p.role_id LEFT JOIN users AS u ON u.id = r.user_id
            WHERE r.name = 'pattern' OR u.username IN ('rows of 3.12', 'workspace of 3.12') AND p.resource_type
            NOT IN ('experiment', 'registered_model') ORDER BY 1, 2"""
        assert d1.execute(rows).fetchall() == [
            ("gateway_endpoint", "*", "EDIT"),
            ("gateway_model_definition", "*", "EDIT"),
            ("gateway_secret", "*", "EDIT"),
            ("gateway_secret", "a-secret", "USE"),
            ("registered_model", "*", "EDIT"),
            ("scorer", "*", "EDIT"),
            ("scorer", "1/a%20scorer%2F100%25", "READ"),
            ("workspace", "*", "USE"),
        ]


@once
def test_everybody_signs_in_as_before_and_every_grant_decides_as_it_did(old, imported, own_gate, tmp_path):
    gate = own_gate(copied(imported.state, tmp_path), ORIGIN_URL=old.url, ORIGIN_AUTHORIZATION=AS_ADMIN)
    assert decisions(gate.url) == old.decisions
    assert decisions_of_3_12(gate.url) == in_roles()

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
@pytest.mark.parametrize("version", ["3.3.2", "3.12.0"])
def test_mlflow_starts_with_what_was_exported(old, imported, tmp_path, version):
    exported = tmp_path / "exported.db"
    lines = make("export", exported, imported.state, MLFLOW=version)
    said = "\n".join(lines)
    assert "9 NO_PERMISSIONS: MLflow 3.13 and later forgets them" in said
    assert exported.stat().st_mode & 0o077 == 0
    with pytest.raises(RuntimeError, match="exists already, and nothing is overwritten"):
        make("export", exported, imported.state, MLFLOW=version)
    if version == "3.3.2":
        for line in (
            "'rows of 3.12': USE on experiment '3': MLflow 3.3 does not know USE: READ",
            "'rows of 3.12': READ on scorer '1/a%20scorer%2F100%25': left out, MLflow 3.3 knows nothing but",
            "'workspace of 3.12': EDIT on experiment '*': left out",
            "role 'pattern': EDIT on registered_model '*': left out, MLflow 3.3 knows no roles",
            "role 'some', held by 'roles of 3.12', 'both of 3.12': left out, MLflow 3.3 knows no roles",
        ):
            assert f"export: {line}" in said, said
        assert "11 users, 0 roles, 57 grants" in lines[-1]
    else:
        for line in (
            "'workspace of 3.12': USE on workspace '*': left out, it would be about every resource there",
            "'workspace of 3.12': EDIT on registered_model '*': prompts are registered models in MLflow 3.12",
            "role 'others': NO_PERMISSIONS on registered_model 'model of 3.12, 4': it decides nothing",
            "'both of 3.12': the denial on experiment '1' loses to a role in MLflow 3.12",
        ):
            assert f"export: {line}" in said, said
        assert "does not know USE" not in said
        assert "11 users, 6 roles, 82 grants" in lines[-1]

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
    if version != "3.3.2":
        auth_server.upgrade_store(folder, version)
    rows, roles, both, workspace = (person["decided"] for person in FROM_3_12["people"])
    if version == "3.3.2":
        roles, both, workspace = dict.fromkeys(roles, "read"), rows, dict.fromkeys(workspace, "read")
    else:
        workspace = in_roles()[3]
    with auth_server.running(folder, version, exported) as url:
        assert decisions(url) == old.decisions
        assert decisions_of_3_12(url) == [rows, roles, both, workspace]
        auth = get_app_client("basic-auth", tracking_uri=url)
        with ADMIN.signed_in():
            assert auth.get_user("second admin").is_admin
            assert auth.create_user(unique("new"), "a-long-enough-password").id > 11
    assert migrated.wait(timeout=120) == 0


# --- MLflow 3.17.2 ---------------------------------------------------------------------------------------------------

NEW_LEVELS = ("DENY", "READ", "USE", "EDIT", "MANAGE")
OWN, MEMBER, DENIED = (User(f"{name} of 3.17", f"the-password-of-{name}") for name in ("own", "member", "denied"))
MANAGER, BY_RUNS = (User(f"{name} of 3.17", f"the-password-of-{name}") for name in ("manager", "runs"))
ROLES = ("roles", "role_permissions", "user_role_assignments")
RAISED = " READ, USE or EDIT: MLflow 3.17 raises every grant to its default_permission"


def role_tables(path):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return {table: connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall() for table in ROLES}


@pytest.mark.new_client
def test_roles_are_copied_from_the_newest_mlflow_and_to_it(own_gate, tmp_path):
    source, state = tmp_path / "new/basic_auth.db", tmp_path / "state"
    with auth_server.running(tmp_path / "new") as url:
        auth_server.change(source, auth_server.cheaper(ADMIN))
        client, auth = MlflowClient(tracking_uri=url), get_app_client("basic-auth", tracking_uri=url)
        people = OWN, MEMBER, DENIED, MANAGER, BY_RUNS
        with ADMIN.signed_in():
            experiments = [client.create_experiment(f"experiment {n}") for n in range(6)]
            models = [client.create_registered_model(f"model {n}").name for n in range(6)]
            prompt = client.create_prompt("a prompt").name
            run = client.create_run(experiments[5]).info.run_id
            for user in people:
                auth.create_user(user.name, user.password)
            some, all_of, manage, runs = (
                auth.create_role("default", name, "of a test").id for name in ("some", "all", "manage", "runs")
            )
            elsewhere = auth.create_role("another workspace", "elsewhere").id
            for level, experiment, model in zip(NEW_LEVELS, experiments, models):
                auth.grant_user_permission(OWN.name, "experiment", experiment, level)
                auth.grant_user_permission(OWN.name, "registered_model", model, level)
                auth.grant_user_permission(DENIED.name, "experiment", experiment, level)
            for level, experiment, model in zip(NEW_LEVELS[::-1], experiments, models):
                auth.add_role_permission(some, "experiment", experiment, level)
                auth.add_role_permission(some, "registered_model", model, level)
            auth.grant_user_permission(OWN.name, "prompt", prompt, "EDIT")
            auth.grant_user_permission(MANAGER.name, "experiment", experiments[0], "DENY")
            auth.add_role_permission(all_of, "experiment", "*", "DENY")
            auth.add_role_permission(all_of, "registered_model", "*", "EDIT")
            auth.add_role_permission(manage, "workspace", "*", "MANAGE")
            auth.add_role_permission(runs, "experiment", "*", "EDIT")
            auth.add_role_permission(runs, "run", "*", "READ")
            auth.add_role_permission(elsewhere, "experiment", "*", "MANAGE")
            for user, role in ((MEMBER, some), (DENIED, all_of), (MANAGER, manage), (BY_RUNS, runs), (OWN, elsewhere)):
                auth.assign_role(user.name, role)
        auth_server.change(
            source,
            *map(auth_server.cheaper, people),
            # No endpoint writes one any more.
            (
                "INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission)"
                " VALUES (?, 'experiment', ?, 'NO_PERMISSIONS')",
                (some, experiments[5]),
            ),
        )

        def all_decided(at):
            found = [decided(at, user, experiments, models) for user in people]
            client, auth = MlflowClient(tracking_uri=at), get_app_client("basic-auth", tracking_uri=at)
            with OWN.signed_in():
                found.append([auth.get_user_permission(OWN.name, "experiment", id).permission for id in experiments])
            for user in people:
                with user.signed_in():
                    found.append(auth_server.allowed(client.set_tag, run, "key", "value"))
                    found.append(auth_server.allowed(client.set_prompt_tag, prompt, "key", "value"))
            return found

        lines = make("import", source, state)
        assert [line for line in lines[:-1] if "elsewhere" not in line] == []
        assert len(lines) == 2 and "kept, but only roles of the workspace 'default' decide here" in lines[0]
        assert "6 users (6 new, 0 unchanged), 9 roles (9 new, 0 unchanged)" in lines[1]
        before = all_decided(url)
        assert [decided["experiment 1"] for decided in before[:5]] == [
            "",
            "read update manage",
            "",
            "read update manage",
            "read update",
        ]
        assert before[5] == [*NEW_LEVELS, "READ"] and before[6:] == [
            *(False, True),  # a tag of a run, and of a prompt
            *(False, False),
            *(False, False),
            *(True, True),
            *(False, False),
        ]
        gate = own_gate(state, ORIGIN_URL=url, ORIGIN_AUTHORIZATION=AS_ADMIN)
        assert all_decided(gate.url) == before
        gate.stop()

        exported = tmp_path / "exported.db"
        (raised,) = make("export", exported, state, MLFLOW="3.17.2")[:-1]
        assert raised.endswith(RAISED)
        assert role_tables(exported) == role_tables(source)
    with auth_server.running(tmp_path / "new", database=exported) as url:
        assert all_decided(url) == before


@pytest.mark.new_client
def test_the_newest_mlflow_starts_with_rows_of_before_as_roles(tmp_path):
    """Out of 3.12 into D1, and from there into 3.17: what D1 decides, that does."""
    state, exported = tmp_path / "state", tmp_path / "exported.db"
    make("import", made(tmp_path / "3.12.db", SCRIPT_OF_3_12), state)
    lines = make("export", exported, state)
    assert len(lines) == 2 and lines[0].endswith(RAISED)
    assert "5 users, 9 roles" in lines[-1] and lines[-1].endswith("for MLflow 3.17")
    auth_server.change(exported, auth_server.cheaper(ADMIN))
    levels = {"": "DENY", "read": "READ", "read update": "EDIT", "read update manage": "MANAGE"}
    with auth_server.running(tmp_path / "server", database=exported) as url:
        auth = get_app_client("basic-auth", tracking_uri=url)
        with ADMIN.signed_in():
            for user, expected in zip(PEOPLE_OF_3_12, in_roles()):
                for resource, may in expected.items():
                    kind, _, name = resource.partition(" ")
                    level = auth.get_user_permission(user.name, kind, name).permission
                    level = {"USE": "READ", "NO_PERMISSIONS": "DENY"}.get(level, level)
                    assert level == levels[may], (user.name, resource)


# --- without any server ----------------------------------------------------------------------------------------------


def read(script, before=mlflow_schema.SCRIPTS["3.3"]):
    """What is made of rows that no release writes by itself."""
    with tempfile.TemporaryDirectory() as folder:
        path = made(Path(folder, "made.db"), before + script)
        with database.opened(str(path)) as source:
            return mlflow_reader.read(source)


def levels(accounts):
    return {(str(role), kind, pattern): level for (role, kind, pattern), (_, level) in accounts.grants.items()}


ALICES = """
    INSERT INTO users VALUES (1, 'alice', '', 0);
    INSERT INTO roles VALUES (1, '__user_1__', 'default', NULL);
    INSERT INTO user_role_assignments VALUES (1, 1, 1);
"""


@once
def test_a_row_that_the_migration_forgot_is_said():
    found = read(
        ALICES
        + "INSERT INTO experiment_permissions VALUES (7, '1', 1, 'NO_PERMISSIONS'), (8, '2', 1, 'READ');"
        + "INSERT INTO experiment_permissions VALUES (9, '3', 1, 'NO_PERMISSIONS');"
        + "INSERT INTO role_permissions VALUES (1, 1, 'experiment', '3', 'DENY')",
        mlflow_schema.SCRIPTS["3.17"],
    )
    assert levels(found) == {("'alice'", "experiment", "3"): "DENY"}
    assert [note for note in found.notes if "experiment" in note] == [
        "experiment_permissions 7: NO_PERMISSIONS on experiment '1' for 'alice': MLflow reads roles instead, which say "
        "nothing: not brought over"
    ]


@once
def test_a_model_that_is_named_like_the_pattern_of_all_does_not_become_all():
    found = read(
        """INSERT INTO users VALUES (1, 'alice', '', 0);
        INSERT INTO registered_model_permissions VALUES (1, '*', 1, 'MANAGE'), (2, 'm', 1, 'MANAGE');"""
    )
    assert levels(found) == {("'alice'", "registered_model", "m"): "MANAGE"}
    assert "MANAGE on registered_model '*' for 'alice': '*' would be every registered_model" in found.notes[-1]
    found = read(
        ALICES + "INSERT INTO role_permissions VALUES (1, 1, 'registered_model', '*', 'MANAGE')",
        mlflow_schema.SCRIPTS["3.17"],
    )
    assert levels(found) == {("'alice'", "registered_model", "*"): "MANAGE"}
    assert "gives it to who makes one named '*': check it" in found.notes[-1]


@once
@pytest.mark.parametrize(
    "level, granted",
    [
        ("NO_PERMISSIONS", {}),
        ("OWNER", {}),
        ("READ", {"workspace": "USE"}),
        ("USE", {"workspace": "USE"}),
        ("MANAGE", {"workspace": "MANAGE"}),
        ("EDIT", {"workspace": "USE"} | dict.fromkeys(mlflow_reader.IN_WORKSPACE, "EDIT")),
    ],
)
def test_a_row_about_a_workspace_becomes_what_mlflow_migrates_it_to(level, granted, tmp_path):
    script = f"""INSERT INTO users VALUES (1, 'alice', '', 0);
        INSERT INTO workspace_permissions VALUES ('default', 1, '{level}');"""
    found = read(script, mlflow_schema.SCRIPTS["3.12"])
    assert levels(found) == {("'alice'", kind, "*"): level for kind, level in granted.items()}
    assert any(note.startswith(f"workspace_permissions 'default': {level} on the workspace") for note in found.notes)


@once
@pytest.mark.parametrize(
    "on_workspace, losing",
    [("EDIT", ("READ", "USE")), ("MANAGE", ("NO_PERMISSIONS", "READ", "USE", "EDIT")), ("USE", ())],
)
def test_a_row_that_loses_to_one_about_the_workspace_is_said(on_workspace, losing):
    all_levels = ("NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE")
    rows = ", ".join(f"({n}, '{n}', 1, '{level}')" for n, level in enumerate(all_levels, 1))
    script = f"""INSERT INTO users VALUES (1, 'alice', '', 0), (2, 'bob', '', 0);
        INSERT INTO workspace_permissions VALUES ('default', 1, '{on_workspace}'), ('elsewhere', 2, 'MANAGE');
        INSERT INTO experiment_permissions VALUES {rows}, (9, '1', 2, 'READ');"""
    found = read(script, mlflow_schema.SCRIPTS["3.12"])
    assert [note for note in found.notes if note.startswith("experiment_permissions")] == [
        f"experiment_permissions {n}: {level} on experiment '{n}' for 'alice': this row decided up to MLflow 3.12; "
        f"here {on_workspace} on the workspace does"
        for n, level in enumerate(all_levels, 1)
        if level in losing
    ]


@once
def test_mlflows_own_migration_makes_the_same_of_rows_but_for_denials(tmp_path):
    """`mlflow.server.auth db upgrade` of 3.17 on the database of 3.12."""
    path = made(tmp_path / "3.12.db", SCRIPT_OF_3_12)
    with database.opened(str(path)) as source:
        ours = levels(mlflow_reader.read(source))
    python = ROOT / os.environ.get("TOOLS", ".tools") / "mlflow-3.17.2/bin/python"
    subprocess.run([python, "-m", "mlflow.server.auth", "db", "upgrade", "--url", f"sqlite:///{path}"], check=True)
    with database.opened(str(path)) as source:
        theirs = levels(mlflow_reader.read(source))
    denials = {key: level for key, level in ours.items() if level == "DENY"}
    assert len(denials) == 4 and not denials.keys() & theirs.keys()
    assert ours == theirs | denials


@once
def test_a_tag_of_a_prompt_makes_its_grants_those_of_a_prompt():
    found = read(
        """INSERT INTO users VALUES (1, 'alice', '', 0);
        INSERT INTO registered_model_permissions VALUES (1, 'a prompt', 1, 'EDIT'), (2, 'm', 1, 'READ');
        CREATE TABLE registered_model_tags (name, key, value);
        INSERT INTO registered_model_tags VALUES ('a prompt', 'mlflow.prompt.is_prompt', 'True'), ('m', 'else', 'true');"""
    )
    assert levels(found) == {("'alice'", "prompt", "a prompt"): "EDIT", ("'alice'", "registered_model", "m"): "READ"}


@once
def test_a_shared_role_with_the_name_of_an_own_one_is_nobodys_own():
    found = read(
        ALICES
        + """INSERT INTO users VALUES (2, 'bob', '', 0);
        INSERT INTO user_role_assignments VALUES (2, 2, 1);
        INSERT INTO role_permissions VALUES (1, 1, 'experiment', '1', 'EDIT');""",
        mlflow_schema.SCRIPTS["3.17"],
    )
    role = RoleKey("default", "was __user_1__", None)
    assert list(found.roles) == [role] and found.holders(role) == ["alice", "bob"]
    assert levels(found) == {("role 'was __user_1__'", "experiment", "1"): "EDIT"}
    assert any("'alice', 'bob' has it: it is 'was __user_1__' here" in note for note in found.notes)


@once
def test_an_own_role_has_the_id_in_its_one_spelling():
    found = read(
        ALICES.replace("__user_1__", "__user_01__")
        + "INSERT INTO role_permissions VALUES (1, 1, 'experiment', '1', 'EDIT')",
        mlflow_schema.SCRIPTS["3.17"],
    )
    assert list(found.roles) == [RoleKey("default", "__user_01__", None)]


@once
def test_rows_of_nobody_and_of_an_unknown_release_are_said():
    found = read(
        ALICES
        + """UPDATE alembic_version_auth SET version_num = 'zzz';
        INSERT INTO roles VALUES (3, '__user_8__', 'default', NULL);
        INSERT INTO user_role_assignments VALUES (2, 9, 1), (3, 1, 9), (4, 8, 3);
        DELETE FROM user_role_assignments WHERE id = 2;
        INSERT INTO role_permissions VALUES (1, 9, 'experiment', '1', 'READ'), (2, 1, 'experiment', '01', 'READ'),
            (3, 1, 'registered_model', 'm', 'OWNER'), (4, 1, 'skill', '*', 'READ'), (5, 3, 'experiment', '1', 'READ'),
            (6, 1, 'run', '*', 'NO_PERMISSIONS');""",
        mlflow_schema.SCRIPTS["3.17"],
    )
    assert levels(found) == {
        ("'alice'", "registered_model", "m"): "DENY",
        ("'alice'", "run", "*"): "NO_PERMISSIONS",
    }
    for expected in (
        "user_role_assignments 3: role 9 does not exist",
        "roles 3: '__user_8__', with what it grants: there is no user 8",
        "role_permissions 1: READ on experiment '1': there is no role 9",
        "'01' is no experiment id in its one spelling",
        "the level 'OWNER' is unknown",
        "READ on skill '*' for 'alice': the gate does not know this type",
        "revision zzz is not known here",
    ):
        assert any(expected in note for note in found.notes), (expected, found.notes)


@once
def test_what_older_releases_cannot_express_is_said():
    alice, team = RoleKey.own("alice"), RoleKey("default", "team", None)
    accounts = Accounts(
        {"alice": Account(1, "alice", "", False)},
        {alice: (1, None), team: (2, None)},
        {},
        {("alice", alice): 1, ("alice", team): 2},
    )
    for n, (role, kind, pattern, level) in enumerate(
        (
            (alice, "experiment", "1", "DENY"),
            (alice, "registered_model", "x", "MANAGE"),
            (alice, "prompt", "x", "USE"),
            (alice, "experiment", "*", "DENY"),
            (alice, "trace", "*", "READ"),
            (team, "experiment", "*", "EDIT"),
            (team, "prompt", "*", "EDIT"),
            (team, "prompt", "y", "EDIT"),
            (team, "experiment", "2", "DENY"),
        )
    ):
        accounts.grants[role, kind, pattern] = n, level
    classic, roles = mlflow_writer.TABLES["3.3"](accounts), mlflow_writer.TABLES["3.12"](accounts)
    assert classic.notes == [
        "'alice': USE on prompt 'x': MLflow 3.3 does not know USE: READ, which allows the same there",
        "'alice': USE on prompt 'x': MANAGE as a registered_model, and MLflow 3.3 has one grant for both: READ",
        "'alice': DENY on experiment '*': left out, MLflow 3.3 knows nothing but grants on one experiment or model",
        "'alice': READ on trace '*': left out, MLflow 3.3 knows nothing but grants on one experiment or model",
        "role 'team': EDIT on experiment '*': left out, MLflow 3.3 knows no roles",
        "role 'team': EDIT on prompt '*': left out, MLflow 3.3 knows no roles",
        "role 'team': EDIT on prompt 'y': left out, MLflow 3.3 knows no roles",
        "role 'team': DENY on experiment '2': left out, MLflow 3.3 knows no roles",
        "'alice': NO_PERMISSIONS on experiment '2', since role 'team' has DENY on it",
        "role 'team', held by 'alice': left out, MLflow 3.3 knows no roles",
        "2 NO_PERMISSIONS: MLflow 3.13 and later forgets them when it migrates this database",
    ]
    assert roles.notes == [
        "'alice': USE on prompt 'x': MANAGE as a registered_model, and MLflow 3.12 has one grant for both: USE",
        "'alice': DENY on experiment '*': left out, a role of MLflow 3.12 cannot deny",
        "'alice': READ on trace '*': left out, MLflow 3.12 does not know this type",
        "role 'team': EDIT on prompt '*': left out, it would be about every registered model there",
        "role 'team': DENY on experiment '2': left out, a role of MLflow 3.12 cannot deny",
        "'alice': NO_PERMISSIONS on experiment '2', since role 'team' has DENY on it",
        "'alice': the denial on experiment '1' loses to a role in MLflow 3.12",
        "'alice': the denial on experiment '2' loses to a role in MLflow 3.12",
        "2 NO_PERMISSIONS: MLflow 3.13 and later forgets them when it migrates this database",
    ]
    assert roles.grants == {(2, "experiment", "*"): (5, "EDIT"), (2, "registered_model", "y"): (7, "EDIT")}
    assert mlflow_writer.TABLES["3.17"](accounts).notes == [
        "5 READ, USE or EDIT: MLflow 3.17 raises every grant to its default_permission"
    ]


ALICE_HAS, BOB_HAS = RoleKey.own("alice"), RoleKey.own("bob")
TEAM, MANAGERS = RoleKey("default", "team", None), RoleKey("default", "managers", None)
ELSEWHERE = RoleKey("another workspace", "elsewhere", None)
DENIED_ROW = {"alice": "NO_PERMISSIONS"}


@once
@pytest.mark.parametrize("release", ["3.3", "3.12"])
@pytest.mark.parametrize(
    "grants, held, rows, reason",
    [
        (
            [(ALICE_HAS, "experiment", "1", "MANAGE"), (ALICE_HAS, "experiment", "*", "DENY")],
            {},
            DENIED_ROW,
            "'alice': MANAGE on experiment '1': NO_PERMISSIONS, since 'alice' has DENY on experiment '*'",
        ),
        (
            [(ALICE_HAS, "registered_model", "m", "EDIT"), (TEAM, "registered_model", "m", "DENY")],
            {"alice": [TEAM]},
            DENIED_ROW,
            "'alice': EDIT on registered_model 'm': NO_PERMISSIONS, since role 'team' has DENY on registered_model 'm'",
        ),
        (
            [(ALICE_HAS, "registered_model", "m", "EDIT"), (TEAM, "prompt", "*", "DENY")],
            {"alice": [TEAM]},
            DENIED_ROW,
            "'alice': EDIT on registered_model 'm': NO_PERMISSIONS, since role 'team' has DENY on prompt '*'",
        ),
        (
            [(ALICE_HAS, "experiment", "1", "EDIT"), (TEAM, "experiment", "1", "DENY")],
            {"bob": [TEAM]},
            {"alice": "EDIT", "bob": "NO_PERMISSIONS"},
            "'bob': NO_PERMISSIONS on experiment '1', since role 'team' has DENY on it",
        ),
        (
            [
                (ALICE_HAS, "experiment", "1", "MANAGE"),
                (TEAM, "experiment", "1", "DENY"),
                (TEAM, "experiment", "2", "DENY"),
                (MANAGERS, "workspace", "*", "MANAGE"),
            ],
            {"alice": [TEAM, MANAGERS]},
            {"alice": "MANAGE"},
            None,
        ),
        (
            [(ALICE_HAS, "experiment", "1", "MANAGE"), (ELSEWHERE, "experiment", "1", "DENY")],
            {"alice": [ELSEWHERE]},
            {"alice": "MANAGE"},
            None,
        ),
    ],
    ids=["own", "role", "name of a prompt", "without an own row", "manager", "another workspace"],
)
def test_an_older_release_is_not_told_to_open_what_a_denial_closes(release, grants, held, rows, reason):
    tables = mlflow_writer.TABLES[release](accounts_of(grants, held))
    assert {user: level for (_, user, _), (level, *_) in tables.before_roles.items()} == rows
    said = [note for note in tables.notes if "since" in note]
    assert said == ([] if reason is None else [reason])


@once
def test_a_role_of_3_12_does_not_grant_what_its_holder_is_denied():
    grants = [
        (ALICE_HAS, "experiment", "*", "EDIT"),
        (BOB_HAS, "experiment", "*", "READ"),
        (TEAM, "experiment", "*", "DENY"),
        (TEAM, "experiment", "1", "MANAGE"),
    ]
    tables = mlflow_writer.TABLES["3.12"](accounts_of(grants, {"alice": [TEAM]}))
    assert [level for _, level in tables.grants.values()] == ["READ"]
    for what in ("'alice': EDIT on experiment '*'", "role 'team': MANAGE on experiment '1'"):
        assert f"{what}: left out, since role 'team' has DENY on experiment '*'" in tables.notes


def accounts_of(grants, held):
    """Alice and Bob, each with a role of the own, and with these besides."""
    accounts = Accounts({name: Account(n, name, "", False) for n, name in enumerate(("alice", "bob"), 1)})
    for n, role in enumerate((ALICE_HAS, BOB_HAS, TEAM, MANAGERS, ELSEWHERE), 1):
        accounts.roles[role] = n, None
    for n, (role, kind, pattern, level) in enumerate(grants, 1):
        accounts.grants[role, kind, pattern] = n, level
    for name in ("alice", "bob"):
        for role in (RoleKey.own(name), *held.get(name, ())):
            accounts.assignments[name, role] = len(accounts.assignments) + 1
    return accounts


@once
def test_an_experiment_is_spelled_as_the_gate_spells_it():
    """The same lists as in src/authz/resource.rs."""
    for good in ("0", "1", "10", "748392016574839201", "exp-a_1", "7b26f6b84fa2", "0a", "1e5", "0x10"):
        assert unusable_experiment(good) is None, good
    for bad in ("", "01", "00", "1_0", " 1", "1 ", "+1", "-1", "1.0", "0_1", "٣", "1\n", "1/2", "a b", "*"):
        assert unusable_experiment(bad), bad


@once
def test_sqlalchemy_reads_the_same(tmp_path):
    path = made(tmp_path / "source.db", SCRIPT_OF_3_12)
    with database.opened(f"sqlite+pysqlite:///{path}") as one, database.opened(str(path)) as other:
        assert mlflow_reader.read(one) == mlflow_reader.read(other)


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
