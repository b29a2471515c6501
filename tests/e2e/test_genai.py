"""Traces, assessments and prompts, with old and new clients and origins."""

import base64
import gzip
import json
import zlib

import mlflow
import pytest
from mlflow import MlflowClient

from conftest import ORIGIN_VERSION
from gate import unique
from refusals import refused

pytestmark = pytest.mark.any_client


def make_trace(experiment):
    mlflow.set_experiment(experiment_id=experiment)

    @mlflow.trace(name="answer")
    def answer(question):
        with mlflow.start_span("look up") as span:
            span.set_inputs({"question": question})
        return f"{question}? Yes."

    answer("Is it behind the gate")
    trace_id = mlflow.get_last_active_trace_id()
    mlflow.flush_trace_async_logging()
    return trace_id


@pytest.fixture
def trace(people, experiment):
    with people["EDIT"].signed_in():
        return make_trace(experiment)


def test_a_trace_is_written_with_edit_and_read_with_read(people, experiment, trace):
    for level in ("EDIT", "READ"):
        with people[level].signed_in():
            found = MlflowClient().search_traces([experiment])
            assert [t.info.trace_id for t in found] == [trace], level
            spans = mlflow.get_trace(trace).data.spans
            assert [span.name for span in spans] == ["answer", "look up"], level
            assert spans[1].inputs == {"question": "Is it behind the gate"}


def test_a_trace_is_changed_with_edit_alone(people, experiment, trace):
    with people["EDIT"].signed_in():
        MlflowClient().set_trace_tag(trace, "checked", "yes")
        feedback = mlflow.log_feedback(trace_id=trace, name="good", value=True)
        assert mlflow.get_trace(trace).info.tags["checked"] == "yes"
    with people["READ"].signed_in():
        with refused():
            MlflowClient().set_trace_tag(trace, "checked", "no")
        with refused():
            mlflow.log_feedback(trace_id=trace, name="bad", value=False)
        with refused():
            mlflow.delete_assessment(trace_id=trace, assessment_id=feedback.assessment_id)
        with refused():
            MlflowClient().delete_traces(experiment, trace_ids=[trace])
    with people["EDIT"].signed_in():
        assert [a.name for a in mlflow.get_trace(trace).info.assessments] == ["good"]
        with refused():  # deleting takes MANAGE
            MlflowClient().delete_traces(experiment, trace_ids=[trace])


def test_a_trace_is_nobodys_without_permission(gate, people, experiment, trace):
    outsider = people["NO_PERMISSIONS"]
    with outsider.signed_in():
        with refused():
            MlflowClient().search_traces([experiment])
        assert mlflow.get_trace(trace) is None
    for path in (
        f"/api/3.0/mlflow/traces/{trace}",
        f"/ajax-api/3.0/mlflow/traces/{trace}",
        f"/ajax-api/3.0/mlflow/get-trace-artifact?request_id={trace}",
        f"/ajax-api/2.0/mlflow/get-trace-artifact?request_id={trace}",
        f"/api/2.0/mlflow/traces?experiment_ids={experiment}",
        f"/api/2.0/mlflow/traces/{trace}/info",
    ):
        assert gate.request("GET", path, outsider).status_code == 403, path


def test_traces_are_linked_to_a_run_only_by_who_may_read_them(gate, people, experiment, trace):
    editor, outsider = people["EDIT"], people["NO_PERMISSIONS"]
    with outsider.signed_in():
        own = MlflowClient().create_experiment(unique("own"))
        run = MlflowClient().create_run(own).info.run_id
    link = {"run_id": run, "trace_ids": [trace]}
    assert gate.request("POST", "/api/2.0/mlflow/traces/link-to-run", outsider, json=link).status_code == 403
    with editor.signed_in():
        link["run_id"] = MlflowClient().create_run(experiment).info.run_id
    assert gate.request("POST", "/api/2.0/mlflow/traces/link-to-run", editor, json=link).status_code == 200


def test_a_trace_of_others_cannot_be_taken_over(gate, people, trace):
    """MLflow moves a trace that is started again into the experiment that the request names."""
    thief = people["READ"]
    with thief.signed_in():
        own = MlflowClient().create_experiment(unique("own"))
    location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": own}}
    info = {"trace_id": trace, "trace_location": location, "request_time": "2026-01-01T00:00:00Z", "state": "OK"}
    body = {"trace": {"trace_info": info}}
    assert gate.request("POST", "/api/3.0/mlflow/traces", thief, json=body).status_code == 403
    if ORIGIN_VERSION.startswith("3.3."):
        return  # no OTLP yet
    hexadecimal = trace.removeprefix("tr-")
    span = {"traceId": hexadecimal, "spanId": "00000000000000aa", "name": "forged", "startTimeUnixNano": "1"}
    spans = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    headers = {"X-Mlflow-Experiment-Id": own}
    answer = gate.request("POST", "/v1/traces", thief, json=spans, headers=headers)
    assert answer.status_code == 403, answer.text
    span["traceId"] = "f" * 32
    answer = gate.request("POST", "/v1/traces", thief, json=spans, headers=headers)
    assert answer.status_code == 200, answer.text


# As a stream of zlib it has a fault, as a bare stream of deflate it is a span of trace tr-1111…
TWO_MESSAGES = zlib.decompress(
    base64.b85decode("c-pJD#iaUI%YoqrlltFltPJD=E;S()Atf#WK{O!5p#%k5EU9IgIYw_;7)HS;pci0dVEF%kl?A5@0D#O6*8")
)


def test_packed_spans_arrive_as_they_were_decided_on(gate, people, experiment):
    if ORIGIN_VERSION.startswith("3.3."):
        return  # no OTLP yet
    writer = people["EDIT"]

    def post(body, encoding, content_type="application/json"):
        headers = {"X-Mlflow-Experiment-Id": experiment, "Content-Type": content_type, "Content-Encoding": encoding}
        return gate.request("POST", "/v1/traces", writer, data=body, headers=headers)

    for number, (encoding, packed) in enumerate([("gzip", gzip.compress), ("deflate", zlib.compress)]):
        trace = unique("").encode().hex()[-30:].rjust(30, "0") + f"0{number}"
        span = {"traceId": trace, "spanId": "00000000000000aa", "name": "packed", "startTimeUnixNano": "1"}
        spans = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
        answer = post(packed(json.dumps(spans).encode()), encoding)
        assert answer.status_code == 200, answer.text
        assert gate.request("GET", f"/api/3.0/mlflow/traces/tr-{trace}", writer).status_code == 200
    answer = post(TWO_MESSAGES, "deflate", "application/x-protobuf")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), answer.text
    assert gate.request("GET", "/api/3.0/mlflow/traces/tr-" + "1" * 32, writer).status_code != 200


def test_prompts_belong_to_who_registers_them(gate, people):
    writer, outsider = people["EDIT"], people["READ"]
    name = unique("prompt")
    with writer.signed_in():
        mlflow.genai.register_prompt(name=name, template="Say {{word}}.")
        assert mlflow.genai.load_prompt(f"prompts:/{name}/1").format(word="yes") == "Say yes."
    with outsider.signed_in():  # READ by default
        assert mlflow.genai.load_prompt(f"prompts:/{name}/1").template == "Say {{word}}."
        with refused():
            mlflow.genai.register_prompt(name=name, template="Say no.")
    grant = {"name": name, "username": outsider.name, "permission": "NO_PERMISSIONS"}
    path = "/api/2.0/mlflow/registered-models/permissions/create"
    assert gate.request("POST", path, writer, json=grant).status_code == 200
    # the client keeps versions of prompts that it has loaded, so that it is asked without it
    version = f"/api/2.0/mlflow/model-versions/get?name={name}&version=1"
    assert gate.request("GET", version, outsider).status_code == 403
    with outsider.signed_in():
        assert name not in [prompt.name for prompt in mlflow.genai.search_prompts()]
