"""Starts MLflow with its basic-auth, MLflow without, and the Worker in front of the latter.

Each has a folder and a port of its own, listens on 127.0.0.1 and is ended, with all that it started, by its context.
"""

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 180  # it takes ten on two idle cores
# The same for all: what one has encrypted another must read.
PASSPHRASE = "only-for-this-recording"


@dataclass(frozen=True)
class Settings:
    """The settings of a server with authentication; one without has no use for any but the prefix."""

    admin: str = "admin"
    admin_password: str = "admin-password-1"
    default_permission: str = "READ"
    static_prefix: str = ""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def is_healthy(url):
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


@contextlib.contextmanager
def running(command, environment, folder, log, port):
    """The base URL of a server that is ready; it is ended, with all that it started, on the way out."""
    url = f"http://127.0.0.1:{port}"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_healthy(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command} did not start; the end of {log}:\n{Path(log).read_text()[-3000:]}")
            time.sleep(0.1)
        yield url
    finally:
        for end in (signal.SIGINT, signal.SIGKILL):
            # The group may be gone already; what ignores the first signal gets the second.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, end)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=15)


def executable(version):
    """The `mlflow` of a version, where `make` installs it."""
    return str(REPOSITORY / os.environ.get("TOOLS", ".tools") / f"mlflow-{version}/bin/mlflow")


def mlflow(version, folder, settings=Settings(), basic_auth=False, database=None):
    """The base URL of a server on this folder, as a context; with its own authentication, or with none.

    `database` is a file of users and grants that is there already.
    """
    port = free_port()
    command = [executable(version), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", f"{folder}/artifacts"]
    if settings.static_prefix:
        command += ["--static-prefix", settings.static_prefix]
    environment = {
        "MLFLOW_TRACKING_URI": "",  # of the clients in this process
        "HOME": str(folder),  # the assistant keeps its settings there
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # processes of their own, of no use here
        "MLFLOW_CRYPTO_KEK_PASSPHRASE": PASSPHRASE,
        # The models of the gateway are at a port of this machine on which nothing listens.
        "MLFLOW_GATEWAY_API_BASE_ALLOWED_SCHEMES": "http",
        "MLFLOW_GATEWAY_API_BASE_ALLOW_PRIVATE_IPS": "true",
    }
    if basic_auth:
        config = Path(folder, "basic_auth.ini")
        config.write_text(
            "[mlflow]\n"
            f"default_permission = {settings.default_permission}\n"
            f"database_uri = sqlite:///{database or Path(folder, 'basic_auth.db')}\n"
            f"admin_username = {settings.admin}\n"
            f"admin_password = {settings.admin_password}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        )
        command += ["--app-name", "basic-auth"]
        if version.startswith("3.3."):
            # 3.3.0 to 3.3.2 answer 500 to everything with basic-auth under their default server, uvicorn.
            command += ["--gunicorn-opts", ""]
        environment |= {"MLFLOW_AUTH_CONFIG_PATH": str(config), "MLFLOW_FLASK_SERVER_SECRET_KEY": PASSPHRASE}
    return running(command, environment, folder, f"{folder}/mlflow.log", port)


def copy(folder, to):
    """Copies the data of a running server that is not asked anything at the moment."""
    to.mkdir(parents=True)
    with (
        contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as original,
        contextlib.closing(sqlite3.connect(to / "mlflow.db")) as duplicate,
    ):
        original.backup(duplicate)
    if (folder / "artifacts").exists():
        shutil.copytree(folder / "artifacts", to / "artifacts")


def wrangler_d1(state, *arguments):
    command = ["wrangler", "d1", *arguments, "--local", "--persist-to", str(state)]
    environment = {"WRANGLER_BUILD_DONE": "1", "WRANGLER_SEND_METRICS": "false", "CI": "1"}
    done = subprocess.run(command, cwd=REPOSITORY, env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")


@contextlib.contextmanager
def worker(folder, origin, script, **variables):
    """The base URL of the Worker in front of `origin`, on a database that this script of SQL has filled."""
    sys.path.insert(0, str(REPOSITORY / "tests/e2e"))
    import gate as gates  # the end-to-end tests start it in the same way

    folder.mkdir(parents=True)
    file = folder / "everybody.sql"
    file.write_text(script)
    for action in (["migrations", "apply", "DB"], ["execute", "DB", "--yes", "--file", str(file)]):
        wrangler_d1(folder, *action)
    gate = gates.start(folder, free_port(), ORIGIN_URL=origin, **variables)
    try:
        yield gate.url
    finally:
        gate.stop()
