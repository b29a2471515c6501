"""A large artifact goes up and down through the Worker without being held in its memory.

LARGE_ARTIFACT_MB chooses the size. Only before the newer origin: MLflow 3.3 under uvicorn gathers an upload in memory,
copying all of it for every chunk, and had not taken a gigabyte after seven minutes.
"""

import hashlib
import os
import sys
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

import processes

SIZE_MB = int(os.environ.get("LARGE_ARTIFACT_MB", "1024"))
MAY_GROW = 64 * 1024 * 1024
MB = 1024 * 1024


@pytest.mark.new_origin
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_up_and_down(gate, auth_client, experiment, tmp_path, capsys):
    if gate.process is None:
        pytest.skip("GATE_URL: its processes are not known")
    user = gate.new_user()
    with gate.admin.signed_in():
        auth_client.create_experiment_permission(experiment, user.name, "EDIT")
    source = tmp_path / "large.bin"
    sent = write(source)

    workers = [pid for pid in processes.below(gate.process.pid) if processes.name(pid).startswith("workerd")]
    assert workers, "no workerd below make dev"
    with user.signed_in():
        client = MlflowClient()
        run = client.create_run(experiment).info.run_id
        before = {pid: processes.status_bytes(pid, "VmRSS") for pid in workers}
        for pid in workers:
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # the high-water mark starts anew
        client.log_artifact(run, str(source))
        source.unlink()
        received = mlflow.artifacts.download_artifacts(f"runs:/{run}/large.bin", dst_path=str(tmp_path / "down"))
        grown = {pid: processes.status_bytes(pid, "VmHWM") - before[pid] for pid in workers}

    assert hash_of(received) == sent
    Path(received).unlink()
    with capsys.disabled():
        print(f" [{SIZE_MB} MB up and down; workerd grew by {[f'{g / MB:.1f} MB' for g in grown.values()]}]", end=" ")
    assert max(grown.values()) < MAY_GROW


def write(path):
    """No two megabytes alike, and never more than one in memory."""
    block, digest = os.urandom(MB), hashlib.sha256()
    with path.open("wb") as file:
        for number in range(SIZE_MB):
            part = number.to_bytes(8, "big") + block[8:]
            file.write(part)
            digest.update(part)
    return digest.hexdigest()


def hash_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(MB):
            digest.update(block)
    return digest.hexdigest()
