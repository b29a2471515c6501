"""MLflow with its basic-auth, MLflow without, and the Worker in front of the latter."""

import contextlib
import importlib.util
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import people

REPOSITORY = Path(__file__).parents[2]
# The same for both: what one has encrypted the other must read.
PASSPHRASE = "only-for-this-recording"


def load(path):
    """A module of another folder, whatever else is called as it is."""
    spec = importlib.util.spec_from_file_location(f"differential_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


fixtures = load(REPOSITORY / "scripts/fixtures/servers.py")
gates = load(REPOSITORY / "tests/e2e/gate.py")


def mlflow(version, folder, basic_auth=False):
    """The base URL of a server on this folder, as a context; with its own authentication, or with none."""
    port = fixtures.free_port()
    # Beside the interpreter that this runs in.
    command = [str(Path(sys.executable).with_name("mlflow")), "server"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", f"{folder}/artifacts"]
    environment = {
        "HOME": str(folder),  # the assistant keeps its settings there
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # processes of their own, of no use here
        "MLFLOW_CRYPTO_KEK_PASSPHRASE": PASSPHRASE,
    }
    if basic_auth:
        config = Path(folder, "basic_auth.ini")
        config.write_text(
            "[mlflow]\n"
            "default_permission = READ\n"
            f"database_uri = sqlite:///{folder}/basic_auth.db\n"
            f"admin_username = {people.ADMIN}\n"
            f"admin_password = {people.password(people.ADMIN)}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        )
        command += ["--app-name", "basic-auth"]
        if version.startswith("3.3."):
            # 3.3.0 to 3.3.2 answer 500 to everything with basic-auth under their default server, uvicorn.
            command += ["--gunicorn-opts", ""]
        environment |= {"MLFLOW_AUTH_CONFIG_PATH": str(config), "MLFLOW_FLASK_SERVER_SECRET_KEY": PASSPHRASE}
    return fixtures.running(command, environment, folder, f"{folder}/mlflow.log", port)


def copy(folder, to):
    """The data of a running server that is not asked anything at the moment."""
    to.mkdir(parents=True)
    with (
        contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as original,
        contextlib.closing(sqlite3.connect(to / "mlflow.db")) as duplicate,
    ):
        original.backup(duplicate)
    if (folder / "artifacts").exists():
        shutil.copytree(folder / "artifacts", to / "artifacts")


def fill_basic_auth(folder, everybody):
    with contextlib.closing(sqlite3.connect(folder / "basic_auth.db")) as database:
        everybody.into_mlflow(database)


def wrangler_d1(state, *arguments):
    command = ["wrangler", "d1", *arguments, "--local", "--persist-to", str(state)]
    environment = {"WRANGLER_BUILD_DONE": "1", "WRANGLER_SEND_METRICS": "false", "CI": "1"}
    done = subprocess.run(command, cwd=REPOSITORY, env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")


@contextlib.contextmanager
def worker(folder, origin, everybody):
    """The base URL of the Worker on a database that holds everybody, in front of `origin`."""
    folder.mkdir(parents=True)
    script = folder / "everybody.sql"
    script.write_text(everybody.as_sql())
    for action in (["migrations", "apply", "DB"], ["execute", "DB", "--yes", "--file", str(script)]):
        wrangler_d1(folder, *action)
    gate = gates.start(
        folder,
        fixtures.free_port(),
        ORIGIN_URL=origin,
        PASSWORD_HASH=f"pbkdf2:sha256:{people.ITERATIONS}",
        SIGN_IN_TRIES="1000000",  # every route is tried with a wrong password
    )
    try:
        yield gate.url
    finally:
        gate.stop()
