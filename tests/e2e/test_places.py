"""Files, models and experiments in places of their own: what real clients name, and what nobody may."""

import mlflow
import numpy
import pytest
from mlflow import MlflowClient

from gate import unique

pytestmark = pytest.mark.any_client


@pytest.fixture
def owner(gate):
    """A user with an experiment of their own, and its id."""
    user = gate.new_user("owner")
    with user.signed_in():
        return user, MlflowClient().create_experiment(unique("own"))


def test_a_file_may_have_a_percent_sign_in_its_name(owner, tmp_path):
    user, experiment = owner
    with user.signed_in():
        client = MlflowClient()
        run = client.create_run(experiment).info.run_id
        client.log_text(run, "all of it", "100%.txt")
        client.log_text(run, "deeper", "a b/50%25.txt")
        assert [file.path for file in client.list_artifacts(run)] == ["100%.txt", "a b"]
        path = mlflow.artifacts.download_artifacts(run_id=run, artifact_path="100%.txt", dst_path=str(tmp_path))
        assert open(path).read() == "all of it"


def test_an_image_of_a_step_is_logged(owner):
    """Clients before 3.11 write percent signs into the name of its file."""
    user, experiment = owner
    with user.signed_in():
        client = MlflowClient()
        run = client.create_run(experiment).info.run_id
        client.log_image(run, numpy.zeros((2, 2, 3), dtype="uint8"), key="dog", step=100, synchronous=True)
        names = [file.path for file in client.list_artifacts(run, "images")]
        assert any(name.endswith(".png") and "dog" in name for name in names), names


def test_a_version_is_copied_by_whoever_may_read_the_model_alone(gate, owner):
    user, experiment = owner
    source, copy = unique("source"), unique("copy")
    with user.signed_in():
        client = MlflowClient()
        run = client.create_run(experiment).info.run_id
        client.log_text(run, "weights", "model/weights.txt")
        client.create_registered_model(source)
        version = client.create_model_version(source, f"runs:/{run}/model", run)
    reader = gate.new_user("copier")
    make_unreadable(gate, reader, experiment)
    with reader.signed_in():
        client = MlflowClient()
        copied = client.copy_model_version(f"models:/{source}/{version.version}", copy)
        assert copied.name == copy
        with pytest.raises(mlflow.exceptions.MlflowException, match="PERMISSION_DENIED|Permission denied"):
            client.get_run(run)


def test_nobody_chooses_from_where_the_server_reads(gate, owner):
    user, _ = owner
    hole = "http://127.0.0.1:1/api/2.0/mlflow-artifacts/artifacts//api/2.0/mlflow-artifacts/artifacts/x"
    create = "/api/2.0/mlflow/experiments/create"
    for location, status in [(hole, 400), ("http://169.254.169.254/x", 400), ("/etc", 403), ("s3://bucket/x", 403)]:
        answer = gate.request("POST", create, user, json={"name": unique("x"), "artifact_location": location})
        assert answer.status_code == status, (location, answer.text)
    answer = gate.request("POST", create, gate.admin, json={"name": unique("x"), "artifact_location": hole})
    assert answer.status_code == 400


def test_a_place_that_the_operator_names_is_everybodys(own_gate, tmp_path):
    allowed = own_gate(ARTIFACT_LOCATIONS=f"{tmp_path}/team")
    user = allowed.new_user("team")
    create = "/api/2.0/mlflow/experiments/create"
    made = allowed.request("POST", create, user, json={"name": unique("x"), "artifact_location": f"{tmp_path}/team/a"})
    assert made.status_code == 200, made.text
    other = allowed.request("POST", create, user, json={"name": unique("x"), "artifact_location": f"{tmp_path}/other"})
    assert other.status_code == 403


def make_unreadable(gate, user, experiment):
    grant = {"experiment_id": experiment, "username": user.name, "permission": "NO_PERMISSIONS"}
    made = gate.request("POST", "/api/2.0/mlflow/experiments/permissions/create", gate.admin, json=grant)
    assert made.status_code == 200, made.text
