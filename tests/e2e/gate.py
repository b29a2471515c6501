"""The gate as a user meets it: an address, started by `make dev`, and people who sign in."""

import os
import re
import signal
import sqlite3
import subprocess
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[2]
ADMIN_PASSWORD = os.environ.get("GATE_PASSWORD", "password1234")
READY_WITHIN_SECONDS = 240

# What the surrounding make told its children is not for a make of our own; nor are the tester's credentials. Taken
# before any test changes HOME, without which rustup finds no toolchain.
MAKES = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"}
START_ENV = {k: v for k, v in os.environ.items() if k not in MAKES and not k.startswith("MLFLOW_TRACKING_")}


def unique(prefix):
    """A name that no earlier run on the same database took."""
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


@dataclass
class User:
    name: str
    password: str

    @property
    def auth(self):
        return (self.name.encode(), self.password.encode())

    @contextmanager
    def signed_in(self):
        """MLflow's clients read the credentials from the environment at each request."""
        mine = {"MLFLOW_TRACKING_USERNAME": self.name, "MLFLOW_TRACKING_PASSWORD": self.password}
        before = {name: os.environ.get(name) for name in mine}
        os.environ.update(mine)
        try:
            yield self
        finally:
            for name, value in before.items():
                os.environ.pop(name, None) if value is None else os.environ.update({name: value})


class Gate:
    """A running gate. `process` is None when it was already running (GATE_URL)."""

    def __init__(self, url, process=None, state=None, origin=None):
        self.url = url
        self.process = process
        self.state = state
        self.origin = origin
        self.admin = User("admin", ADMIN_PASSWORD)

    def request(self, method, path, user=None, **options):
        return requests.request(method, self.url + path, auth=user and user.auth, timeout=60, **options)

    def new_user(self, prefix="user"):
        user = User(unique(prefix), "a-long-enough-password")
        answer = self.request(
            "POST",
            "/api/2.0/mlflow/users/create",
            self.admin,
            json={"username": user.name, "password": user.password},
        )
        assert answer.status_code == 200, answer.text
        return user

    def stop(self):
        if self.process and self.process.poll() is None:
            # As a Ctrl-C does: everybody in the foreground gets the signal.
            os.killpg(self.process.pid, signal.SIGINT)
            self.process.wait(timeout=30)


def start(state, port, verify=True, **variables):
    """`make dev` with these variables; returns when /health answers 200."""
    state = Path(state)
    state.mkdir(parents=True, exist_ok=True)
    env = START_ENV | {"PORT": str(port), "STATE": str(state)} | variables
    output = state / "make-dev.log"
    with output.open("w") as log:
        process = subprocess.Popen(
            ["make", "--no-print-directory", "dev"],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    scheme = "https" if "TLS_CERT" in variables else "http"
    gate = Gate(f"{scheme}://127.0.0.1:{port}", process, state)
    wait_until_ready(gate, output, verify)
    gate.origin = re.search(r"origin: +(\S+)", output.read_text())[1]
    return gate


def wait_until_ready(gate, output, verify):
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if gate.process.poll() is not None:
            raise RuntimeError(f"make dev ended with {gate.process.returncode}:\n{output.read_text()}")
        try:
            healthy = requests.get(gate.url + "/health", timeout=5, verify=verify).status_code == 200
        except (requests.ConnectionError, requests.Timeout):
            healthy = False
        # The address is printed right after that, up to this line; whoever reads it there would be early otherwise.
        if healthy and "Ctrl-C ends it all" in output.read_text():
            return
        time.sleep(0.1)
    gate.stop()
    raise RuntimeError(f"no 200 from {gate.url}/health:\n{output.read_text()}")


def local_d1(state):
    """The file that wrangler keeps the users in."""
    for file in Path(state).glob("v3/d1/**/*.sqlite"):
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
            if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'users'").fetchone():
                return file
    raise AssertionError(f"no users table under {state}")


def stored_hash(gate, name):
    with sqlite3.connect(f"file:{local_d1(gate.state)}?mode=ro", uri=True) as database:
        return database.execute("SELECT password_hash FROM users WHERE username = ?", [name]).fetchone()[0]
