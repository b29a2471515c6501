"""One gate for the whole run. The origin's version is MLFLOW_VERSION, the client's is the one that pytest runs in.

GATE_URL=http://... runs the tests against a server that is running already, for instance MLflow itself:
    mlflow server --app-name basic-auth --gunicorn-opts ""
(3.3.0 to 3.3.2 with basic-auth answer 500 to everything without the empty --gunicorn-opts. MLflow 3.17 refuses the
default password of its administrator: give it another in MLFLOW_AUTH_ADMIN_PASSWORD, and here in GATE_PASSWORD.)
"""

import os
import shutil
import socket
from pathlib import Path

import mlflow
import pytest
from mlflow.server import get_app_client

import gate as gates

ORIGIN_VERSION = os.environ.get("MLFLOW_VERSION", "3.3.2")
HAS_GRANT_API = tuple(int(n) for n in mlflow.__version__.split(".")[:2]) >= (3, 13)
SAME_AS_ORIGIN = mlflow.__version__ == ORIGIN_VERSION

# A refused connection is an answer here, not a reason to try again for minutes.
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"
os.environ["GIT_PYTHON_REFRESH"] = "quiet"


def pytest_report_header():
    return f"MLflow client {mlflow.__version__}, origin {os.environ.get('GATE_URL') or ORIGIN_VERSION}"


def pytest_collection_modifyitems(config, items):
    def wanted(item):
        if HAS_GRANT_API != bool(item.get_closest_marker("new_client")) and not item.get_closest_marker("any_client"):
            return False
        if item.get_closest_marker("new_origin"):
            return not SAME_AS_ORIGIN
        return SAME_AS_ORIGIN or not item.get_closest_marker("once")

    deselected = [item for item in items if not wanted(item)]
    items[:] = [item for item in items if wanted(item)]
    config.hook.pytest_deselected(items=deselected)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="session")
def gate(tmp_path_factory):
    if url := os.environ.get("GATE_URL"):
        yield gates.Gate(url.rstrip("/"))
        return
    # A cheap hash: tests sign in often. test_tls.py runs with the default one.
    running = gates.start(
        tmp_path_factory.mktemp("gate"),
        free_port(),
        MLFLOW_VERSION=ORIGIN_VERSION,
        PASSWORD_HASH="pbkdf2:sha256:1000",
        SIGN_IN_TRIES="100000",  # tests get it wrong often, all from one address
    )
    yield running
    running.stop()


@pytest.fixture
def own_gate(gate, tmp_path_factory):
    """Starts further gates with variables of their own, on the origin of the session's gate."""
    if gate.process is None:
        pytest.skip("GATE_URL: not ours to start")
    started = []

    def start(state=None, **options):
        options.setdefault("ORIGIN_URL", gate.origin)
        running = gates.start(state or tmp_path_factory.mktemp("own-gate"), free_port(), **options)
        started.append(running)
        return running

    yield start
    for running in started:
        running.stop()


@pytest.fixture(autouse=True)
def tracking(gate, monkeypatch, tmp_path):
    """Each test is a fresh machine that knows the address and nobody's credentials."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", gate.url)
    mlflow.set_tracking_uri(gate.url)


@pytest.fixture
def auth_client(gate):
    """The client of MLflow's authentication guide."""
    return get_app_client("basic-auth", tracking_uri=gate.url)


@pytest.fixture
def experiment(gate):
    """An experiment of the administrator's; nobody else holds a grant on it."""
    with gate.admin.signed_in():
        return mlflow.MlflowClient().create_experiment(gates.unique("experiment"))


@pytest.fixture
def people(gate, experiment):
    """A user for each level on the experiment."""
    users = {}
    for level in ("EDIT", "READ", "NO_PERMISSIONS"):
        user = users[level] = gate.new_user(level.lower())
        grant = {"experiment_id": experiment, "username": user.name, "permission": level}
        made = gate.request("POST", "/api/2.0/mlflow/experiments/permissions/create", gate.admin, json=grant)
        assert made.status_code == 200, made.text
    return users


@pytest.fixture(scope="session")
def artifacts_dir():
    """What a build keeps, such as screenshots."""
    directory = Path(gates.ROOT / "test-artifacts")
    directory.mkdir(exist_ok=True)
    return directory


# Without a sandbox because tests run as root in containers; the rest keeps Chromium from calling home.
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    installed = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=installed, args=CHROMIUM_OPTIONS)
        yield running
        running.close()
