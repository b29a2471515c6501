"""Sample requests: traces, GraphQL, datasets, scorers, issues, jobs, reviews, assistant, demo. Keyed by route."""

import json

from objects import LABEL, RECORDS, SCORER, TIME, assessment, otlp, trace_info
from sample import JSON, Request, ask, send, upload

V2 = "{api}/2.0/mlflow"
V3 = "{api}/3.0/mlflow"
TAG = {"key": "k", "value": "v"}
NOTHING = "nothing"  # an id of nothing, where there is none without a job that runs


def experiment(o):
    return {"experiment_id": o.a("experiment")}


def location(o):
    return {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": experiment(o)}


def of_trace(o, **fields):
    return send({"trace_id": o.a("trace")}, **fields)


def new_trace(o):
    trace = f"tr-{o.name('trace')}"
    return send(trace={"trace_info": trace_info(trace, o.a("experiment"))})


def of_assessment(o, make, **fields):
    trace, number = o.own("assessment")
    return make({"trace_id": trace, "assessment_id": number}, **fields)


def changed_assessment(o):
    trace, number = o.a("assessment")
    changed = assessment(trace, "w") | {"assessment_id": number}
    return send(
        {"trace_id": trace, "assessment_id": number}, assessment=changed, update_mask="feedback"
    )


TRACES = {
    f"POST {V2}/traces": lambda o: send(**experiment(o), timestamp_ms=TIME),
    f"GET {V2}/traces": lambda o: ask(experiment_ids=[o.a("experiment")], max_results=2),
    f"PATCH {V2}/traces/{{request_id}}": lambda o: send(
        {"request_id": o.own("old_trace")}, timestamp_ms=TIME + 1, status="OK"
    ),
    f"GET {V2}/traces/{{request_id}}/info": lambda o: ask({"request_id": o.a("trace")}),
    f"PATCH {V2}/traces/{{request_id}}/tags": lambda o: send({"request_id": o.a("trace")}, **TAG),
    f"DELETE {V2}/traces/{{request_id}}/tags": lambda o: send({"request_id": o.own("trace")}, key="k"),
    f"POST {V2}/traces/delete-traces": lambda o: send(**experiment(o), request_ids=[o.own("trace")]),
    f"POST {V2}/traces/link-to-run": lambda o: send(trace_ids=[o.own("trace")], run_id=o.a("run")),
    f"POST {V2}/traces/link-prompts": lambda o: send(
        trace_id=o.a("trace"), prompt_versions=[{"name": o.a("registered_model"), "version": "1"}]
    ),
    f"GET {V2}/get-trace-artifact": lambda o: ask(request_id=o.a("trace")),
    f"GET {V3}/get-trace-artifact": lambda o: ask(request_id=o.a("trace")),
    # Both are for a warehouse of Databricks, which is not there.
    f"GET {V2}/get-online-trace-details": lambda o: ask(
        trace_id=o.a("trace"), sql_warehouse_id="w", source_inference_table="t", source_databricks_request_id="r"
    ),
    f"GET {V2}/unified-traces": lambda o: ask(sql_warehouse_id="w", experiment_ids=[o.a("experiment")]),
    f"POST {V3}/traces": new_trace,
    f"POST {V3}/traces/search": lambda o: send(locations=[location(o)], max_results=2),
    f"GET {V3}/traces/{{trace_id}}": lambda o: ask({"trace_id": o.a("trace")}),
    f"GET {V3}/traces/get": lambda o: ask(trace_id=o.a("trace_with_spans")),
    f"GET {V3}/traces/batchGet": lambda o: ask(trace_ids=[o.a("trace_with_spans")]),
    f"POST {V3}/traces/batchGetInfos": lambda o: send(trace_ids=[o.a("trace")]),
    f"POST {V3}/traces/metrics": lambda o: send(
        experiment_ids=[o.a("experiment")],
        view_type="TRACES",
        metric_name="trace_count",
        aggregations=[{"aggregation_type": "COUNT"}],
    ),
    f"POST {V3}/traces/calculate-filter-correlation": lambda o: send(
        experiment_ids=[o.a("experiment")], filter_string1="status = 'OK'", filter_string2="status = 'ERROR'"
    ),
    f"POST {V3}/traces/delete-traces": lambda o: send(**experiment(o), request_ids=[o.own("trace")]),
    f"PATCH {V3}/traces/{{trace_id}}/tags": lambda o: of_trace(o, **TAG),
    f"DELETE {V3}/traces/{{trace_id}}/tags": lambda o: send({"trace_id": o.own("trace")}, key="k"),
    f"POST {V3}/traces/{{trace_id}}/assessments": lambda o: of_trace(o, assessment=assessment(o.a("trace"))),
    f"GET {V3}/traces/{{trace_id}}/assessments/{{assessment_id}}": lambda o: ask(
        dict(zip(("trace_id", "assessment_id"), o.a("assessment")))
    ),
    f"PATCH {V3}/traces/{{trace_id}}/assessments/{{assessment_id}}": changed_assessment,
    f"DELETE {V3}/traces/{{trace_id}}/assessments/{{assessment_id}}": lambda o: of_assessment(o, ask),
    "POST /v1/traces": lambda o: upload(
        _body=otlp(f"{o.makers.number():032x}"), _type=JSON, _headers=[("X-Mlflow-Experiment-Id", o.a("experiment"))]
    ),
}

GRAPHQL = "query Q($id: String!) { mlflowGetExperiment(input: {experimentId: $id}) { experiment { name } } }"
RUN_QUERY = "query { mlflowGetRun(input: {runId: %s}) { run { info { runId } } } }"

OPEN = {
    # Without a gateway behind it this answers with an empty list.
    f"GET {V2}/gateway-proxy": lambda o: ask(gateway_path="api/2.0/endpoints/"),
    f"POST {V2}/gateway-proxy": lambda o: send(gateway_path="api/2.0/endpoints/"),
    "POST /graphql": [
        lambda o: send(query=GRAPHQL, operationName="Q", variables={"id": o.a("experiment")}),
        lambda o: send(query=RUN_QUERY % json.dumps(o.a("run"))),
    ],
    "GET /graphql": lambda o: ask(query="{ test(inputString: \"x\") { output } }"),
    f"GET {V3}/server-info": lambda o: Request(),
    f"GET {V3}/ui-telemetry": lambda o: Request(),
    f"POST {V3}/ui-telemetry": lambda o: send(records=[]),
}


def dataset(o):
    return {"dataset_id": o.a("dataset")[0]}


def own_dataset(o):
    return {"dataset_id": o.own("dataset")[0]}


def delete_record(o):
    number, record = o.own("dataset")
    return send({"dataset_id": number}, dataset_record_ids=[record])


DATASETS = {
    f"POST {V3}/datasets/create": lambda o: send(name=o.name(), experiment_ids=[o.a("experiment")]),
    f"POST {V3}/datasets/search": lambda o: send(experiment_ids=[o.a("experiment")], max_results=2),
    f"GET {V3}/datasets/search": lambda o: ask(experiment_ids=[o.a("experiment")], max_results=2),
    f"GET {V3}/datasets/{{dataset_id}}": lambda o: ask(dataset(o)),
    f"DELETE {V3}/datasets/{{dataset_id}}": lambda o: ask(own_dataset(o)),
    f"POST {V3}/datasets/{{dataset_id}}/add-experiments": lambda o: send(
        own_dataset(o), experiment_ids=[o.a("named_experiment")[0]]
    ),
    f"POST {V3}/datasets/{{dataset_id}}/remove-experiments": lambda o: send(
        own_dataset(o), experiment_ids=[o.a("experiment")]
    ),
    f"GET {V3}/datasets/{{dataset_id}}/experiment-ids": lambda o: ask(dataset(o)),
    f"GET {V3}/datasets/{{dataset_id}}/records": lambda o: ask(dataset(o)),
    f"POST {V3}/datasets/{{dataset_id}}/records": lambda o: send(dataset(o), records=RECORDS),
    f"DELETE {V3}/datasets/{{dataset_id}}/records": delete_record,
    f"PATCH {V3}/datasets/{{dataset_id}}/tags": lambda o: send(dataset(o), tags='{"t":"v"}'),
    f"DELETE {V3}/datasets/{{dataset_id}}/tags/{{key}}": lambda o: ask(own_dataset(o) | {"key": "k"}),
}

SCORERS = {
    f"POST {V3}/scorers/register": lambda o: send(**experiment(o), name=o.name(), serialized_scorer=SCORER),
    f"GET {V3}/scorers/list": lambda o: ask(**experiment(o)),
    f"GET {V3}/scorers/get": lambda o: ask(**experiment(o), name=o.a("scorer")[0]),
    f"GET {V3}/scorers/versions": lambda o: ask(**experiment(o), name=o.a("scorer")[0]),
    f"DELETE {V3}/scorers/delete": lambda o: send(**experiment(o), name=o.own("scorer")[0]),
    f"PUT {V3}/scorers/online-config": lambda o: send(**experiment(o), name=o.a("scorer")[0], sample_rate=0),
    f"GET {V3}/scorers/online-configs": lambda o: ask(scorer_ids=[o.a("scorer")[1]]),
    # Jobs are switched off: nothing is started.
    f"POST {V3}/scorer/invoke": lambda o: send(**experiment(o), serialized_scorer=SCORER, trace_ids=[o.a("trace")]),
}


def issue(o):
    return {"issue_id": o.a("issue")}


ISSUES = {
    f"POST {V3}/issues": lambda o: send(**experiment(o), name=o.name(), description="d"),
    f"POST {V3}/issues/search": lambda o: send(**experiment(o), max_results=2),
    f"GET {V3}/issues/{{issue_id}}": lambda o: ask(issue(o)),
    f"PATCH {V3}/issues/{{issue_id}}": lambda o: send(issue(o), **issue(o), name="n"),
    # Of no judge: nothing is started.
    f"POST {V3}/genai/evaluate/invoke": lambda o: send(
        **experiment(o), trace_ids=[o.a("trace")], serialized_scorers=[]
    ),
    f"POST {V3}/issues/invoke": lambda o: send(
        **experiment(o), trace_ids=[o.a("trace")], categories=["c"], provider="openai", model="gpt"
    ),
}


def job(o):
    return {"job_id": NOTHING}


JOBS = {
    f"POST {V3}/prompt-optimization/jobs": lambda o: send(
        **experiment(o), source_prompt_uri="prompts:/none/1", config={"optimizer_type": "OPTIMIZER_TYPE_GEPA"}
    ),
    f"POST {V3}/prompt-optimization/jobs/search": lambda o: send(**experiment(o)),
    f"GET {V3}/prompt-optimization/jobs/search": lambda o: ask(**experiment(o)),
    f"GET {V3}/prompt-optimization/jobs/{{job_id}}": lambda o: ask(job(o)),
    f"DELETE {V3}/prompt-optimization/jobs/{{job_id}}": lambda o: ask(job(o)),
    f"POST {V3}/prompt-optimization/jobs/{{job_id}}/cancel": lambda o: send(job(o)),
    f"GET {V3}/jobs/{{job_id}}": lambda o: ask(job(o)),
    f"PATCH {V3}/jobs/cancel/{{job_id}}": lambda o: send(job(o)),
    "GET {api}/3.0/jobs/{job_id}": lambda o: ask(job(o)),
    "POST {api}/3.0/jobs/": lambda o: send(job_name="none", params={}),
    "POST {api}/3.0/jobs": lambda o: send(job_name="none", params={}),
    "PATCH {api}/3.0/jobs/cancel/{job_id}": lambda o: send(job(o)),
    "POST {api}/3.0/jobs/search": lambda o: send(job_name="none"),
    # Of no feature: the data that a demo consists of would take its time.
    f"POST {V3}/demo/generate": lambda o: send(features=[]),
    f"POST {V3}/demo/delete": lambda o: send(),
}


def review(o, kind):
    """A review that the caller says to have made. MLflow with authentication takes the name of the caller."""
    queue, trace = o.own(kind)
    return send(queue_id=queue, item_id=trace, status="COMPLETE", completed_by="somebody")


def remove_item(o):
    queue, trace = o.own("review_item")
    return send(queue_id=queue, item_ids=[trace])


LABEL_SCHEMAS = {
    f"POST {V3}/label-schemas/create": lambda o: send(**experiment(o), name=o.name(), **LABEL),
    f"GET {V3}/label-schemas/list": lambda o: ask(**experiment(o), max_results=2),
    f"GET {V3}/label-schemas/get": lambda o: ask(schema_id=o.a("label_schema")[0]),
    f"GET {V3}/label-schemas/get-by-name": lambda o: ask(**experiment(o), name=o.a("label_schema")[1]),
    f"PATCH {V3}/label-schemas/update": lambda o: send(schema_id=o.a("label_schema")[0], instruction="i"),
    f"DELETE {V3}/label-schemas/delete": lambda o: send(schema_id=o.own("label_schema")[0]),
}

# Nobody made a queue. Who is assigned to one may see it, and set the status of its items.
REVIEW_QUEUES = {
    f"POST {V3}/review-queues/create": lambda o: send(**experiment(o), name=o.name(), queue_type="CUSTOM"),
    f"POST {V3}/review-queues/get-or-create-user": lambda o: send(**experiment(o), user=o.user()),
    f"GET {V3}/review-queues/list": lambda o: ask(**experiment(o), max_results=2),
    f"GET {V3}/review-queues/get": [
        lambda o: ask(queue_id=o.a("review_queue")[0]),
        lambda o: ask(queue_id=o.a("assigned_item")[0]),
    ],
    f"GET {V3}/review-queues/get-by-name": lambda o: ask(**experiment(o), name=o.a("review_queue")[1]),
    f"POST {V3}/review-queues/update": lambda o: send(queue_id=o.own("review_queue")[0], name=o.name()),
    f"POST {V3}/review-queues/delete": lambda o: send(queue_id=o.own("review_queue")[0]),
    f"GET {V3}/review-queues/items/list": [
        lambda o: ask(queue_id=o.a("review_queue")[0]),
        lambda o: ask(queue_id=o.a("assigned_item")[0]),
    ],
    f"POST {V3}/review-queues/items/add": lambda o: send(queue_id=o.own("review_queue")[0], item_ids=[o.a("trace")]),
    f"POST {V3}/review-queues/items/set-status": [
        lambda o: review(o, "review_item"),
        lambda o: review(o, "assigned_item"),
    ],
    f"POST {V3}/review-queues/items/remove": remove_item,
}

# Bodies that the assistant refuses: it would start programs of the server's machine.
ASSISTANT = {
    f"POST {V3}/assistant/message": lambda o: send(),
    f"GET {V3}/assistant/sessions/{{session_id}}/stream": lambda o: ask({"session_id": NOTHING}),
    f"PATCH {V3}/assistant/sessions/{{session_id}}": lambda o: send({"session_id": NOTHING}),
    f"POST {V3}/assistant/sessions/{{session_id}}/permission": lambda o: send({"session_id": NOTHING}),
    f"POST {V3}/assistant/sessions/{{session_id}}/tool-result": lambda o: send({"session_id": NOTHING}),
    f"GET {V3}/assistant/providers": lambda o: Request(),
    f"GET {V3}/assistant/providers/{{provider}}/models": lambda o: ask({"provider": NOTHING}),
    f"GET {V3}/assistant/providers/{{provider}}/health": lambda o: ask({"provider": NOTHING}),
    f"GET {V3}/assistant/config": lambda o: Request(),
    f"PUT {V3}/assistant/config": lambda o: send(providers=1),
    f"POST {V3}/assistant/skills/install": lambda o: send(),
}

SAMPLES = TRACES | OPEN | DATASETS | SCORERS | ISSUES | JOBS | LABEL_SCHEMAS | REVIEW_QUEUES | ASSISTANT
