"""Searches of MLflow's clients, page by page, by somebody who may not read most of what is found."""

import pytest
from mlflow import MlflowClient

from gate import unique

pytestmark = pytest.mark.any_client

EXPERIMENTS = "/api/2.0/mlflow/experiments/search"
MODELS = "/api/2.0/mlflow/registered-models/search"


def hide(gate, user, **resource):
    kind = "registered-models" if "name" in resource else "experiments"
    grant = {**resource, "username": user.name, "permission": "NO_PERMISSIONS"}
    answer = gate.request("POST", f"/api/2.0/mlflow/{kind}/permissions/create", gate.admin, json=grant)
    assert answer.status_code == 200, answer.text


def all_pages(search, size, most):
    found, token = [], None
    for _ in range(most):
        page = search(size, token)
        assert len(page) <= size
        found += page
        token = page.token
        if not token:
            return found
    raise AssertionError("the search does not end")


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_experiments_come_page_by_page_once_each(gate, size):
    user, prefix, client = gate.new_user(), unique("paged"), MlflowClient()
    with gate.admin.signed_in():
        ids = [client.create_experiment(f"{prefix}-{n:02}") for n in range(14)]
    visible = [id for n, id in enumerate(ids) if n in (0, 1, 6, 12)]
    for id in set(ids) - set(visible):
        hide(gate, user, experiment_id=id)

    def search(size, token):
        return client.search_experiments(
            filter_string=f"name LIKE '{prefix}%'", max_results=size, page_token=token, order_by=["name ASC"]
        )

    with user.signed_in():
        assert [e.experiment_id for e in all_pages(search, size, len(ids))] == visible


def test_models_and_their_versions_come_page_by_page(gate):
    user, prefix, client = gate.new_user(), unique("paged"), MlflowClient()
    names = [f"{prefix}-{n}" for n in range(6)]
    with gate.admin.signed_in():
        run = client.create_run(client.create_experiment(prefix)).info
        for name in names:
            client.create_registered_model(name)
            for _ in range(2):
                client.create_model_version(name, source=f"{run.artifact_uri}/model", run_id=run.run_id)
    for name in names[1:4]:
        hide(gate, user, name=name)

    def models(size, token):
        return client.search_registered_models(
            filter_string=f"name LIKE '{prefix}%'", max_results=size, page_token=token
        )

    def versions(size, token):
        return client.search_model_versions(
            filter_string=f"name LIKE '{prefix}%'", max_results=size, page_token=token, order_by=["name ASC"]
        )

    visible = [names[0], *names[4:]]
    with user.signed_in():
        assert [m.name for m in all_pages(models, 1, 10)] == visible
        assert [v.name for v in all_pages(versions, 3, 10)] == [name for name in visible for _ in range(2)]


def test_a_filter_that_matches_only_what_is_hidden_finds_what_an_absurd_one_finds(gate):
    user, prefix = gate.new_user(), unique("secret")
    client = MlflowClient()
    with gate.admin.signed_in():
        for n in range(25):
            hide(gate, user, experiment_id=client.create_experiment(f"{prefix}-{n}"))

    def seen(text, size):
        parameters = {"filter": f"name LIKE '{text}%'", "max_results": size}
        answer = gate.request("GET", EXPERIMENTS, user, params=parameters)
        return answer.status_code, answer.content

    for size in (1, 2, 1000):
        assert seen(prefix, size) == seen(f"{prefix}-1", size) == seen("no such name", size)


def test_a_page_token_is_for_its_owner_and_search_alone(gate):
    user, other, prefix = gate.new_user(), gate.new_user(), unique("token")
    client = MlflowClient()
    with gate.admin.signed_in():
        for n in range(3):
            client.create_experiment(f"{prefix}-{n}")

    def search(who, text=prefix, **more):
        parameters = {"filter": f"name LIKE '{text}%'", "max_results": 1, **more}
        return gate.request("GET", EXPERIMENTS, who, params=parameters)

    token = search(user).json()["next_page_token"]
    assert search(user, page_token=token).status_code == 200
    for answer in (
        search(other, page_token=token),
        search(user, text="x", page_token=token),
        search(user, page_token="eyJvZmZzZXQiOiAxfQ=="),
        gate.request("GET", MODELS, user, params={"page_token": token}),
    ):
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), answer.text
