"""The things that requests are about: made on a plain MLflow whose folder is then copied for the other server."""

import json

from sample import JSON, TEXT
from wire import Client

TIME = 1_700_000_000_000
ARTIFACT = "a.txt"


class Objects:
    """Things to ask about, for one case. A maker is a method of `Makers`.

    `a("run")` is the run that everybody shares; `own("run")` is one that only this case knows, for requests after
    which it is not as it was. Who cannot log in changes nothing and has no use for one.
    """

    def __init__(self, makers, identity):
        self.makers = makers
        self.identity = identity
        self.has_own = identity in makers.people.world.known

    def a(self, kind):
        if kind not in self.makers.shared:
            self.makers.shared[kind] = getattr(self.makers, kind)()
        return self.makers.shared[kind]

    def own(self, kind):
        return getattr(self.makers, kind)() if self.has_own else self.a(kind)

    def name(self, prefix="new"):
        """A name that nothing has yet."""
        return self.makers.name(prefix)

    @property
    def people(self):
        return self.makers.people

    def user(self, **grants):
        """A user of this case's own, with these grants (kind: level) on the shared things."""
        if not self.has_own:
            return "no-grant"
        name = self.people.new_user()
        for kind, level in grants.items():
            self.people.grant(name, kind, self.a(kind), level)
        return name


class Makers:
    """Makes one of everything. What has a permission of its own is shared with the identities by their grants."""

    def __init__(self, url, people):
        self.client = Client(url)
        self.people = people
        self.shared = {}
        self.names = 0

    def number(self):
        self.names += 1
        return self.names

    def name(self, prefix):
        return f"{prefix}-{self.number()}"

    def call(self, method, path, **fields):
        answer = self.client.send(method, path, [("Content-Type", JSON)], json.dumps(fields).encode())
        if answer.status != 200:
            raise RuntimeError(f"{method} {path} {fields}: {answer.status} {answer.body[:500]}")
        return json.loads(answer.body or b"{}")

    def post(self, path, **fields):
        return self.call("POST", f"/api/2.0/mlflow/{path}", **fields)

    def post3(self, path, **fields):
        return self.call("POST", f"/api/3.0/mlflow/{path}", **fields)

    def put_artifact(self, path, content=b"content"):
        target = f"/api/2.0/mlflow-artifacts/artifacts/{path}"
        answer = self.client.send("PUT", target, [("Content-Type", TEXT)], content)
        if answer.status != 200:
            raise RuntimeError(f"PUT {target}: {answer.status} {answer.body[:500]}")

    # --- experiments, runs, logged models ------------------------------------------------------------------

    def experiment(self):
        return self.named_experiment()[0]

    def named_experiment(self):
        """(id, name)"""
        name = self.name("experiment")
        number = self.post("experiments/create", name=name, tags=[{"key": "k", "value": "v"}])["experiment_id"]
        self.people.grant_all("experiment", number)
        return number, name

    def deleted_experiment(self):
        number = self.experiment()
        self.post("experiments/delete", experiment_id=number)
        return number

    def of_shared(self, kind):
        if kind not in self.shared:
            self.shared[kind] = getattr(self, kind)()
        return self.shared[kind]

    def run(self):
        info = self.post(
            "runs/create",
            experiment_id=self.of_shared("experiment"),
            run_name=self.name("run"),
            start_time=TIME,
            tags=[{"key": "k", "value": "v"}],
        )["run"]["info"]
        return info["run_id"]

    def deleted_run(self):
        run = self.run()
        self.post("runs/delete", run_id=run)
        return run

    def run_artifact(self):
        """The path of a file of the shared run's, in the proxied store."""
        folder = f"{self.of_shared('experiment')}/{self.of_shared('run')}/artifacts"
        self.put_artifact(f"{folder}/{ARTIFACT}")
        return f"{folder}/{ARTIFACT}"

    def artifact(self):
        """The path of a file of its own."""
        path = f"{self.of_shared('experiment')}/{self.of_shared('run')}/artifacts/{self.name('file')}.txt"
        self.put_artifact(path)
        return path

    def logged_model(self):
        experiment = self.of_shared("experiment")
        answer = self.post(
            "logged-models",
            experiment_id=experiment,
            name=self.name("logged"),
            source_run_id=self.of_shared("run"),
            tags=[{"key": "k", "value": "v"}],
        )
        model = answer["model"]["info"]["model_id"]
        self.put_artifact(f"{experiment}/models/{model}/artifacts/{ARTIFACT}")
        return model

    # --- registry -------------------------------------------------------------------------------------------

    def registered_model(self):
        """A model with version 1, of which the alias `a` and the tag `k` are set, as on the model itself."""
        name = self.name("model")
        run = self.of_shared("run")
        self.of_shared("run_artifact")
        source = f"mlflow-artifacts:/{self.of_shared('experiment')}/{run}/artifacts"
        tags = [{"key": "k", "value": "v"}]
        self.post("registered-models/create", name=name, tags=tags)
        self.post("model-versions/create", name=name, source=source, run_id=run, tags=tags)
        self.post("registered-models/alias", name=name, alias="a", version="1")
        self.people.grant_all("registered_model", name)
        return name

    def webhook(self):
        return self.post("webhooks", name=self.name("webhook"), **WEBHOOK)["webhook"]["webhook_id"]

    # --- traces ---------------------------------------------------------------------------------------------

    def trace(self):
        trace, experiment = f"tr-{self.name('trace')}", self.of_shared("experiment")
        self.post3("traces", trace={"trace_info": trace_info(trace, experiment)})
        self.put_artifact(f"{experiment}/traces/{trace}/artifacts/traces.json", b'{"spans": []}')
        return trace

    def trace_with_spans(self):
        """A trace whose spans are in the database, as OpenTelemetry sends them."""
        number = f"{self.number():032x}"
        headers = [("Content-Type", JSON), ("X-Mlflow-Experiment-Id", self.of_shared("experiment"))]
        answer = self.client.send("POST", "/v1/traces", headers, otlp(number).encode())
        if answer.status != 200:
            raise RuntimeError(f"POST /v1/traces: {answer.status} {answer.body[:500]}")
        return f"tr-{number}"

    def old_trace(self):
        """A trace of the 2.x API that has not ended."""
        answer = self.post("traces", experiment_id=self.of_shared("experiment"), timestamp_ms=TIME)
        return answer["trace_info"]["request_id"]

    def assessment(self):
        """(trace, assessment)"""
        trace = self.trace()
        answer = self.post3(f"traces/{trace}/assessments", assessment=assessment(trace))
        return trace, answer["assessment"]["assessment_id"]

    # --- what came after 3.12 -------------------------------------------------------------------------------

    def mcp_server(self):
        """A server with the draft 1.0.0, of which the alias `a` and the tag `k` are set, as on the server itself."""
        name = f"space/{self.name('server')}"
        path = "/api/3.0/mlflow/mcp-servers"
        self.call("POST", path, name=name)
        self.call("POST", f"{path}/{name}/versions", server_json={"name": name, "version": "1.0.0"})
        self.call("POST", f"{path}/{name}/aliases", alias="a", version="1.0.0")
        for tagged in (f"{path}/{name}", f"{path}/{name}/versions/1.0.0"):
            self.call("POST", f"{tagged}/tags", key="k", value="v")
        self.people.grant_all("mcp_server", name)
        return name

    def mcp_endpoint(self):
        """(server, the id of its endpoint)"""
        name = self.mcp_server()
        path = f"/api/3.0/mlflow/mcp-servers/{name}"
        self.call("PATCH", f"{path}/versions/1.0.0", status="active")
        return name, self.call("POST", f"{path}/endpoints", url="https://1.1.1.1/mcp", server_alias="a")["id"]

    def label_schema(self):
        """(id, name)"""
        name, experiment = self.name("schema"), self.of_shared("experiment")
        made = self.post3("label-schemas/create", experiment_id=experiment, name=name, **LABEL)
        return made["label_schema"]["schema_id"], name

    def review_queue(self):
        """(id, name)"""
        name, experiment = self.name("queue"), self.of_shared("experiment")
        made = self.post3("review-queues/create", experiment_id=experiment, name=name, queue_type="CUSTOM")
        return made["review_queue"]["queue_id"], name

    def review_item(self, users=()):
        """(queue, the trace that is to be reviewed)"""
        trace, experiment = self.of_shared("trace"), self.of_shared("experiment")
        fields = {"name": self.name("queue"), "queue_type": "CUSTOM", "users": list(users)}
        made = self.post3("review-queues/create", experiment_id=experiment, **fields)
        queue = made["review_queue"]["queue_id"]
        self.post3("review-queues/items/add", queue_id=queue, item_ids=[trace])
        return queue, trace

    def assigned_item(self):
        """The same, in a queue to which the holders are assigned; MLflow takes ten."""
        return self.review_item(list(self.people.world.holders)[:10])

    # --- what came after 3.3 --------------------------------------------------------------------------------

    def dataset(self):
        """(dataset, a record of it)"""
        experiments = [self.of_shared("experiment")]
        made = self.post3("datasets/create", name=self.name("dataset"), experiment_ids=experiments, tags='{"k":"v"}')
        dataset = made["dataset"]["dataset_id"]
        self.post3(f"datasets/{dataset}/records", records=RECORDS)
        records = self.call("GET", f"/api/3.0/mlflow/datasets/{dataset}/records")["records"]
        records = json.loads(records) if isinstance(records, str) else records
        return dataset, records[0]["dataset_record_id"]

    def scorer(self, experiment=None):
        """(name, id)"""
        name = self.name("scorer")
        experiment = experiment or self.of_shared("experiment")
        made = self.post3("scorers/register", experiment_id=experiment, name=name, serialized_scorer=SCORER)
        self.people.grant_all("scorer", (experiment, name))
        return name, made["scorer_id"]

    def scorer_elsewhere(self):
        """(experiment, name): in an experiment whose scorers nobody lists, for there are many of them."""
        experiment = self.of_shared("named_experiment")[0]
        return experiment, self.scorer(experiment)[0]

    def issue(self):
        experiment = self.of_shared("experiment")
        return self.post3("issues", experiment_id=experiment, name="i", description="d")["issue"]["issue_id"]

    def secret(self):
        """(id, name)"""
        name = self.name("secret")
        made = self.post3("gateway/secrets/create", secret_name=name, secret_value=SECRET, **PROVIDER)
        secret = made["secret"]["secret_id"]
        self.people.grant_all("gateway_secret", secret)
        return secret, name

    def model_definition(self):
        made = self.post3(
            "gateway/model-definitions/create",
            name=self.name("definition"),
            secret_id=self.of_shared("secret")[0],
            provider="openai",
            model_name="gpt",
        )
        definition = made["model_definition"]["model_definition_id"]
        self.people.grant_all("gateway_model_definition", definition)
        return definition

    def endpoint(self):
        """(id, name)"""
        name = self.name("endpoint")
        config = model_config(self.of_shared("model_definition"))
        experiment = self.of_shared("experiment")
        made = self.post3("gateway/endpoints/create", name=name, model_configs=[config], experiment_id=experiment)
        endpoint = made["endpoint"]["endpoint_id"]
        self.post3("gateway/endpoints/set-tag", endpoint_id=endpoint, key="k", value="v")
        self.people.grant_all("gateway_endpoint", endpoint)
        return endpoint, name

    def two_model_endpoint(self):
        """(endpoint, the model definition that may be detached from it)"""
        endpoint, definition = self.endpoint()[0], self.model_definition()
        self.post3("gateway/endpoints/models/attach", endpoint_id=endpoint, model_config=model_config(definition))
        return endpoint, definition

    def bound_endpoint(self):
        endpoint = self.endpoint()[0]
        self.post3("gateway/endpoints/bindings/create", endpoint_id=endpoint, **BOUND)
        return endpoint

    def budget(self):
        return self.post3("gateway/budgets/create", **BUDGET)["budget_policy"]["budget_policy_id"]

    def guardrail(self):
        scorer = self.of_shared("scorer")[1]
        made = self.post3("gateway/guardrails/create", name=self.name("guardrail"), **guardrail_of(scorer))
        return made["guardrail"]["guardrail_id"]

    def guarded_endpoint(self):
        """(endpoint, guardrail)"""
        endpoint, guardrail = self.endpoint()[0], self.guardrail()
        self.post3("gateway/guardrails/add-to-endpoint", endpoint_id=endpoint, guardrail_id=guardrail)
        return endpoint, guardrail


# Disabled: nothing is ever sent there, but MLflow insists on a public address.
WEBHOOK = {
    "url": "https://1.1.1.1/",
    "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}],
    "status": "DISABLED",
}
# No request of ours leaves this machine.
PROVIDER = {"provider": "openai", "auth_config": {"api_base": "http://127.0.0.1:9/v1"}}
SECRET = {"api_key": "no-real-key"}
BOUND = {"resource_type": "scorer", "resource_id": "bound"}
BUDGET = {
    "budget_unit": "USD",
    "budget_amount": 1,
    "duration": {"unit": "DAYS", "value": 1},
    "target_scope": "GLOBAL",
    "budget_action": "ALERT",
}
LABEL = {"type": "FEEDBACK", "input": {"pass_fail": {"positive_label": "p", "negative_label": "n"}}}
RECORDS = json.dumps([{"inputs": {"q": "1"}, "expectations": {"a": "1"}}])
JUDGE = {"model": "openai:/gpt", "instructions": "{{ inputs }}"}
SCORER = json.dumps({"name": "s", "instructions_judge_pydantic_data": JUDGE})


def model_config(definition):
    return {"model_definition_id": definition, "linkage_type": "PRIMARY", "weight": 1}


def guardrail_of(scorer):
    return {"scorer_id": scorer, "scorer_version": 1, "stage": "BEFORE", "action": "VALIDATION"}


def trace_info(trace, experiment):
    return {
        "trace_id": trace,
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}},
        "request_time": "2026-01-01T00:00:00Z",
        "state": "OK",
        "tags": {"k": "v"},
    }


def assessment(trace, value="v"):
    return {
        "assessment_name": "n",
        "trace_id": trace,
        "source": {"source_type": "HUMAN", "source_id": "s"},
        "create_time": "2026-01-01T00:00:00Z",
        "last_update_time": "2026-01-01T00:00:00Z",
        "feedback": {"value": value},
    }


def otlp(trace_hex):
    """One span in OTLP's JSON."""
    span = {
        "traceId": trace_hex,
        "spanId": "0102030405060708",
        "name": "s",
        "startTimeUnixNano": "1700000000000000000",
        "endTimeUnixNano": "1700000000000000001",
        "attributes": [{"key": "mlflow.traceRequestId", "value": {"stringValue": "tr-" + trace_hex}}],
    }
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
