"""Real MLflow servers with their own basic-auth app, and what they decide about a user.

Also used with MLflow 3.12 by scripts/fixtures/accounts.py, so nothing here needs a gate.
"""

import base64
import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.server import get_app_client
from werkzeug.security import generate_password_hash

from gate import ROOT, User

sys.path.insert(0, str(ROOT / "scripts/recorder"))

import servers  # noqa: E402  (found through the line above)

ADMIN = User("admin", "the-old-admin-password")
# What the Worker sends when such a server is its origin.
AS_ADMIN = "Basic " + base64.b64encode(f"{ADMIN.name}:{ADMIN.password}".encode()).decode()
CHEAP = "pbkdf2:sha256:1000"  # scrypt takes MLflow 0.2 seconds per request


def running(folder, version=mlflow.__version__, database=None):
    """The address of a server with its databases in `folder`, or with that auth database, as a context."""
    Path(folder).mkdir(exist_ok=True)
    settings = servers.Settings(ADMIN.name, ADMIN.password)
    return servers.mlflow(version, folder, settings, basic_auth=True, database=database)


def upgrade_store(folder, version):
    """Brings the tracking database in `folder` up to a later release."""
    mlflow_of = ROOT / os.environ.get("TOOLS", ".tools") / f"mlflow-{version}/bin/mlflow"
    subprocess.run([mlflow_of, "db", "upgrade", f"sqlite:///{folder}/mlflow.db"], check=True, capture_output=True)


def change(database, *statements):
    """What no endpoint does: (SQL, values) each."""
    with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        for statement in statements:
            connection.execute(*statement)


def cheaper(user, method=CHEAP):
    return (
        "UPDATE users SET password_hash = ? WHERE username = ?",
        (generate_password_hash(user.password, method), user.name),
    )


def decided(url, user, experiments, models):
    """What the user may do to each, found out with MLflow's own clients."""
    client, auth = MlflowClient(tracking_uri=url), get_app_client("basic-auth", tracking_uri=url)
    found = {}
    with user.signed_in():
        for kind, resources, probes in (
            ("experiment", experiments, (client.get_experiment, client.set_experiment_tag)),
            ("registered_model", models, (client.get_registered_model, client.set_registered_model_tag)),
        ):
            read, update = probes
            for resource in resources:
                may = ["read"] * allowed(read, resource) + ["update"] * allowed(update, resource, "key", "value")
                if hasattr(auth, "grant_user_permission"):
                    manages = allowed(auth.grant_user_permission, "nobody at all", kind, resource, "READ")
                else:
                    manages = allowed(getattr(auth, f"get_{kind}_permission"), resource, user.name)
                may += ["manage"] * manages
                found[f"{kind} {resource}"] = " ".join(may)
    return found


def allowed(call, *arguments):
    """A server that does not have the thing answered, so the request was not refused."""
    try:
        call(*arguments)
    except MlflowException as error:
        if error.error_code not in ("PERMISSION_DENIED", "RESOURCE_DOES_NOT_EXIST"):
            raise
        return error.error_code != "PERMISSION_DENIED"
    return True
