"""Sample requests: experiments, runs, logged models, artifacts, registry, UI. Keyed by route; `o` is `Objects`."""

from objects import ARTIFACT, TIME, WEBHOOK
from sample import Request, ask, send, upload

TAG = {"key": "k", "value": "v"}
V2 = "{api}/2.0/mlflow"
STORE = "{api}/2.0/mlflow-artifacts"


def folder(o):
    """Where the shared run's artifacts are, in the proxied store."""
    return o.a("run_artifact").removesuffix(f"/{ARTIFACT}")


def model_path(o):
    return {"model_id": o.a("logged_model")}


def dataset_input():
    return {"tags": [], "dataset": {"name": "d", "digest": "1", "source_type": "local", "source": "x"}}


def promptlab(o):
    return send(
        experiment_id=o.a("experiment"),
        run_name=o.name(),
        prompt_template="{{x}}",
        prompt_parameters=[{"key": "x", "value": "1"}],
        model_route="r",
        model_parameters=[{"key": "t", "value": "0"}],
        model_input="in",
        model_output="out",
        mlflow_version="3",
        user_id="u",
        start_time=TIME,
    )


def log_params(o):
    number = o.own("logged_model")
    return send({"model_id": number}, model_id=number, params=[{"key": "p", "value": "1"}])


def new_version(o):
    return send(name=o.a("registered_model"), source=f"mlflow-artifacts:/{folder(o)}", run_id=o.a("run"))


EXPERIMENTS = {
    f"POST {V2}/experiments/create": lambda o: send(name=o.name()),
    f"GET {V2}/experiments/search": lambda o: ask(max_results=2),
    f"POST {V2}/experiments/search": lambda o: send(max_results=2),
    f"GET {V2}/experiments/get": lambda o: ask(experiment_id=o.a("experiment")),
    f"GET {V2}/experiments/get-by-name": lambda o: ask(experiment_name=o.a("named_experiment")[1]),
    f"POST {V2}/experiments/update": lambda o: send(experiment_id=o.own("experiment"), new_name=o.name()),
    f"POST {V2}/experiments/set-experiment-tag": lambda o: send(experiment_id=o.a("experiment"), **TAG),
    f"POST {V2}/experiments/delete-experiment-tag": lambda o: send(experiment_id=o.own("experiment"), key="k"),
    f"POST {V2}/experiments/delete": lambda o: send(experiment_id=o.own("experiment")),
    f"POST {V2}/experiments/restore": lambda o: send(experiment_id=o.own("deleted_experiment")),
    f"POST {V2}/experiments/search-datasets": lambda o: send(experiment_ids=[o.a("experiment")]),
    "POST {api}/2.0mlflow/experiments/search-datasets": lambda o: send(experiment_ids=[o.a("experiment")]),
}

RUNS = {
    f"POST {V2}/runs/create": lambda o: send(experiment_id=o.a("experiment"), run_name=o.name(), start_time=TIME),
    f"POST {V2}/runs/create-promptlab-run": promptlab,
    f"POST {V2}/runs/search": lambda o: send(experiment_ids=[o.a("experiment")], max_results=2),
    f"GET {V2}/runs/get": lambda o: ask(run_id=o.a("run")),
    f"POST {V2}/runs/update": lambda o: send(run_id=o.a("run"), status="RUNNING"),
    f"POST {V2}/runs/delete": lambda o: send(run_id=o.own("run")),
    f"POST {V2}/runs/restore": lambda o: send(run_id=o.own("deleted_run")),
    f"POST {V2}/runs/log-metric": lambda o: send(run_id=o.a("run"), key="m", value=1.5, timestamp=TIME),
    f"POST {V2}/runs/log-parameter": lambda o: send(run_id=o.a("run"), key="p", value="1"),
    f"POST {V2}/runs/log-batch": lambda o: send(run_id=o.a("run"), tags=[TAG]),
    f"POST {V2}/runs/log-model": lambda o: send(
        run_id=o.a("run"), model_json='{"artifact_path":"m","flavors":{},"utc_time_created":"t","run_id":"r"}'
    ),
    f"POST {V2}/runs/log-inputs": lambda o: send(run_id=o.a("run"), datasets=[dataset_input()]),
    f"POST {V2}/runs/outputs": lambda o: send(
        run_id=o.a("run"), models=[{"model_id": o.own("logged_model"), "step": 0}]
    ),
    f"POST {V2}/runs/set-tag": lambda o: send(run_id=o.a("run"), **TAG),
    f"POST {V2}/runs/delete-tag": lambda o: send(run_id=o.own("run"), key="k"),
    f"GET {V2}/metrics/get-history": lambda o: ask(run_id=o.a("run"), metric_key="m"),
    f"GET {V2}/metrics/get-history-bulk": lambda o: ask(run_id=[o.a("run")], metric_key="m"),
    f"GET {V2}/metrics/get-history-bulk-interval": lambda o: ask(run_ids=[o.a("run")], metric_key="m", max_results=5),
}

LOGGED_MODELS = {
    f"POST {V2}/logged-models": lambda o: send(experiment_id=o.a("experiment"), name=o.name()),
    f"POST {V2}/logged-models/search": lambda o: send(experiment_ids=[o.a("experiment")], max_results=2),
    f"GET {V2}/logged-models/{{model_id}}": lambda o: ask(model_path(o)),
    f"PATCH {V2}/logged-models/{{model_id}}": lambda o: send(
        model_path(o), model_id=o.a("logged_model"), status="LOGGED_MODEL_READY"
    ),
    f"DELETE {V2}/logged-models/{{model_id}}": lambda o: ask({"model_id": o.own("logged_model")}),
    f"POST {V2}/logged-models/{{model_id}}/params": log_params,
    f"PATCH {V2}/logged-models/{{model_id}}/tags": lambda o: send(model_path(o), tags=[TAG]),
    f"DELETE {V2}/logged-models/{{model_id}}/tags/{{tag_key}}": lambda o: ask(
        {"model_id": o.own("logged_model"), "tag_key": "k"}
    ),
    f"GET {V2}/logged-models/{{model_id}}/artifacts/directories": lambda o: ask(model_path(o)),
    f"GET {V2}/logged-models/{{model_id}}/artifacts/files": lambda o: ask(model_path(o), artifact_file_path=ARTIFACT),
}

ARTIFACTS = {
    f"GET {V2}/artifacts/list": lambda o: ask(run_id=o.a("run")),
    f"POST {V2}/artifacts/presigned-download-url": lambda o: send(run_id=o.a("run"), path=ARTIFACT),
    f"POST {V2}/artifacts/presigned-upload-url": lambda o: send(run_id=o.a("run"), path="b.txt"),
    "GET /get-artifact": lambda o: (o.a("run_artifact"), ask(run_id=o.a("run"), path=ARTIFACT))[1],
    f"POST {V2}/upload-artifact": lambda o: upload(run_uuid=o.a("run"), path="up.txt"),
    f"GET {STORE}/artifacts": lambda o: ask(path=folder(o)),
    f"GET {STORE}/artifacts/{{*artifact_path}}": lambda o: ask({"artifact_path": o.a("run_artifact")}),
    f"PUT {STORE}/artifacts/{{*artifact_path}}": lambda o: upload({"artifact_path": f"{folder(o)}/put.txt"}),
    f"DELETE {STORE}/artifacts/{{*artifact_path}}": lambda o: ask({"artifact_path": o.own("artifact")}),
    f"GET {STORE}/presigned/{{*artifact_path}}": lambda o: ask({"artifact_path": o.a("run_artifact")}),
    f"POST {STORE}/mpu/create/{{*artifact_path}}": lambda o: send(
        {"artifact_path": f"{folder(o)}/m"}, path="m.txt", num_parts=1
    ),
    f"POST {STORE}/mpu/complete/{{*artifact_path}}": lambda o: send(
        {"artifact_path": f"{folder(o)}/m"}, path="m.txt", upload_id="1", parts=[]
    ),
    f"POST {STORE}/mpu/abort/{{*artifact_path}}": lambda o: send(
        {"artifact_path": f"{folder(o)}/m"}, path="m.txt", upload_id="1"
    ),
}


def model(o):
    return {"name": o.a("registered_model")}


def own_model(o):
    return {"name": o.own("registered_model")}


VERSION = {"version": "1"}

REGISTRY = {
    f"POST {V2}/registered-models/create": lambda o: send(name=o.name()),
    f"GET {V2}/registered-models/search": lambda o: ask(max_results=2),
    f"GET {V2}/registered-models/get": lambda o: ask(**model(o)),
    f"GET {V2}/registered-models/get-latest-versions": lambda o: ask(**model(o)),
    f"POST {V2}/registered-models/get-latest-versions": lambda o: send(**model(o)),
    f"PATCH {V2}/registered-models/update": lambda o: send(**model(o), description="d"),
    f"POST {V2}/registered-models/rename": lambda o: send(**own_model(o), new_name=o.name()),
    f"DELETE {V2}/registered-models/delete": lambda o: send(**own_model(o)),
    f"POST {V2}/registered-models/set-tag": lambda o: send(**model(o), **TAG),
    f"DELETE {V2}/registered-models/delete-tag": lambda o: send(**own_model(o), key="k"),
    f"GET {V2}/registered-models/alias": lambda o: ask(**model(o), alias="a"),
    f"POST {V2}/registered-models/alias": lambda o: send(**model(o), **VERSION, alias="b"),
    f"DELETE {V2}/registered-models/alias": lambda o: send(**own_model(o), alias="a"),
    f"POST {V2}/model-versions/create": new_version,
    f"GET {V2}/model-versions/search": lambda o: ask(max_results=2),
    f"GET {V2}/model-versions/get": lambda o: ask(**model(o), **VERSION),
    f"GET {V2}/model-versions/get-download-uri": lambda o: ask(**model(o), **VERSION),
    f"PATCH {V2}/model-versions/update": lambda o: send(**model(o), **VERSION, description="d"),
    f"POST {V2}/model-versions/transition-stage": lambda o: send(
        **model(o), **VERSION, stage="Staging", archive_existing_versions=False
    ),
    f"POST {V2}/model-versions/set-tag": lambda o: send(**model(o), **VERSION, **TAG),
    f"DELETE {V2}/model-versions/delete-tag": lambda o: send(**own_model(o), **VERSION, key="k"),
    f"DELETE {V2}/model-versions/delete": lambda o: send(**own_model(o), **VERSION),
    "GET /model-versions/get-artifact": lambda o: ask(**model(o), **VERSION, path=ARTIFACT),
    f"GET {V2}/webhooks": lambda o: ask(max_results=2),
    f"POST {V2}/webhooks": lambda o: send(name=o.name(), **WEBHOOK),
    f"GET {V2}/webhooks/{{webhook_id}}": lambda o: ask({"webhook_id": o.a("webhook")}),
    f"PATCH {V2}/webhooks/{{webhook_id}}": lambda o: send({"webhook_id": o.a("webhook")}, description="d"),
    f"DELETE {V2}/webhooks/{{webhook_id}}": lambda o: ask({"webhook_id": o.own("webhook")}),
    # Of one that is not there: sending takes its time, and says nothing about who may.
    f"POST {V2}/webhooks/{{webhook_id}}/test": lambda o: send({"webhook_id": "none"}, event=WEBHOOK["events"][0]),
}

UI = {
    "GET /": lambda o: Request(),
    "GET /health": lambda o: Request(),
    "GET /version": lambda o: Request(),
    "GET /static-files/{*path}": lambda o: Request(path={"path": "index.html"}),
    "GET /build/{*filename}": lambda o: Request(path={"filename": "index.html"}),
}

SAMPLES = EXPERIMENTS | RUNS | LOGGED_MODELS | ARTIFACTS | REGISTRY | UI
