"""Evaluation datasets, which came after the old client."""

import pytest
from mlflow import MlflowClient
from mlflow.genai import datasets

from gate import unique
from refusals import refused

pytestmark = pytest.mark.new_client


def test_an_evaluation_dataset_needs_all_of_its_experiments(gate, people, experiment):
    writer, reader, outsider = people.values()
    with writer.signed_in():
        second = MlflowClient().create_experiment(unique("second"))
        dataset = datasets.create_dataset(name=unique("questions"), experiment_id=[experiment])
        dataset.merge_records([{"inputs": {"question": "Who?"}, "expectations": {"answer": "Nobody."}}])
    with reader.signed_in():
        assert len(datasets.get_dataset(dataset_id=dataset.dataset_id).to_df()) == 1
        assert [d.dataset_id for d in datasets.search_datasets(experiment_ids=[experiment])] == [dataset.dataset_id]
        with refused():
            datasets.get_dataset(dataset_id=dataset.dataset_id).merge_records([{"inputs": {"question": "What?"}}])
    with outsider.signed_in(), refused():
        datasets.get_dataset(dataset_id=dataset.dataset_id)

    # in a second experiment, to which the reader has no access, it is no longer the reader's
    grant = {"experiment_id": second, "username": reader.name, "permission": "NO_PERMISSIONS"}
    assert gate.request("POST", "/api/2.0/mlflow/experiments/permissions/create", writer, json=grant).status_code == 200
    add = f"/api/3.0/mlflow/datasets/{dataset.dataset_id}/add-experiments"
    assert gate.request("POST", add, writer, json={"experiment_ids": [second]}).status_code == 200
    with reader.signed_in(), refused():
        datasets.get_dataset(dataset_id=dataset.dataset_id)


def test_a_dataset_is_found_by_its_name_without_its_experiments(gate, people, experiment):
    writer, reader, outsider = people.values()
    name = unique("questions")
    with writer.signed_in():
        dataset = datasets.create_dataset(name=name, experiment_id=[experiment])
    for user in (writer, reader, gate.admin):
        with user.signed_in():
            assert datasets.get_dataset(name=name).dataset_id == dataset.dataset_id
            found = datasets.search_datasets(filter_string=f"name LIKE '{name[:-3]}%'", max_results=10)
            assert [d.dataset_id for d in found] == [dataset.dataset_id]
    with outsider.signed_in():
        with refused("RESOURCE_DOES_NOT_EXIST"):
            datasets.get_dataset(name=name)
        assert datasets.search_datasets(filter_string=f"name = '{name}'", max_results=10) == []
