"""Sample requests: the AI gateway, MCP servers and workspaces (MLflow 3.9 and later). Keyed by route."""

from objects import BOUND, BUDGET, PROVIDER, SECRET, guardrail_of, model_config
from sample import Request, ask, send

V3 = "{api}/3.0/mlflow"
GATEWAY = f"{V3}/gateway"
TAG = {"key": "k", "value": "v"}


def endpoint(o):
    return {"endpoint_id": o.a("endpoint")[0]}


def own_endpoint(o):
    return {"endpoint_id": o.own("endpoint")[0]}


def definition(o):
    return {"model_definition_id": o.a("model_definition")}


def attach(o):
    return send(**own_endpoint(o), model_config=model_config(o.own("model_definition")))


def detach(o):
    number, attached = o.own("two_model_endpoint")
    return send(endpoint_id=number, model_definition_id=attached)


def guarded(o, make, own=False, **fields):
    number, guardrail = o.own("guarded_endpoint") if own else o.a("guarded_endpoint")
    return make(endpoint_id=number, guardrail_id=guardrail, **fields)


MANAGEMENT = {
    f"POST {GATEWAY}/secrets/create": lambda o: send(secret_name=o.name(), secret_value=SECRET, **PROVIDER),
    f"GET {GATEWAY}/secrets/get": lambda o: ask(secret_id=o.a("secret")[0]),
    f"GET {GATEWAY}/secrets/list": lambda o: Request(),
    f"POST {GATEWAY}/secrets/update": lambda o: send(secret_id=o.a("secret")[0], secret_value=SECRET),
    f"DELETE {GATEWAY}/secrets/delete": lambda o: send(secret_id=o.own("secret")[0]),
    f"GET {GATEWAY}/secrets/config": lambda o: Request(),
    f"POST {GATEWAY}/model-definitions/create": lambda o: send(
        name=o.name(), secret_id=o.a("secret")[0], provider="openai", model_name="gpt"
    ),
    f"GET {GATEWAY}/model-definitions/get": lambda o: ask(**definition(o)),
    f"GET {GATEWAY}/model-definitions/list": lambda o: Request(),
    f"POST {GATEWAY}/model-definitions/update": lambda o: send(**definition(o), model_name="gpt"),
    f"DELETE {GATEWAY}/model-definitions/delete": lambda o: send(model_definition_id=o.own("model_definition")),
    f"POST {GATEWAY}/endpoints/create": lambda o: send(
        name=o.name(), model_configs=[model_config(o.a("model_definition"))], experiment_id=o.a("experiment")
    ),
    f"GET {GATEWAY}/endpoints/get": lambda o: ask(**endpoint(o)),
    f"GET {GATEWAY}/endpoints/list": lambda o: Request(),
    f"POST {GATEWAY}/endpoints/update": lambda o: send(**own_endpoint(o), name=o.name()),
    f"DELETE {GATEWAY}/endpoints/delete": lambda o: send(**own_endpoint(o)),
    f"POST {GATEWAY}/endpoints/set-tag": lambda o: send(**endpoint(o), **TAG),
    f"DELETE {GATEWAY}/endpoints/delete-tag": lambda o: send(**own_endpoint(o), key="k"),
    f"POST {GATEWAY}/endpoints/models/attach": attach,
    f"POST {GATEWAY}/endpoints/models/detach": detach,
    f"POST {GATEWAY}/endpoints/bindings/create": lambda o: send(**own_endpoint(o), **BOUND),
    f"DELETE {GATEWAY}/endpoints/bindings/delete": lambda o: send(endpoint_id=o.own("bound_endpoint"), **BOUND),
    f"GET {GATEWAY}/endpoints/bindings/list": lambda o: ask(**endpoint(o)),
    f"POST {GATEWAY}/budgets/create": lambda o: send(**BUDGET),
    f"GET {GATEWAY}/budgets/get": lambda o: ask(budget_policy_id=o.a("budget")),
    f"GET {GATEWAY}/budgets/list": lambda o: ask(max_results=2),
    f"POST {GATEWAY}/budgets/update": lambda o: send(budget_policy_id=o.a("budget"), **BUDGET),
    f"DELETE {GATEWAY}/budgets/delete": lambda o: send(budget_policy_id=o.own("budget")),
    f"GET {GATEWAY}/budgets/windows": lambda o: Request(),
    f"POST {GATEWAY}/guardrails/create": lambda o: send(name=o.name(), **guardrail_of(o.a("scorer")[1])),
    f"GET {GATEWAY}/guardrails/get": lambda o: ask(guardrail_id=o.a("guardrail")),
    f"GET {GATEWAY}/guardrails/list": lambda o: ask(max_results=2),
    f"GET {GATEWAY}/guardrails/list-for-endpoint": lambda o: ask(**endpoint(o)),
    f"DELETE {GATEWAY}/guardrails/delete": lambda o: send(guardrail_id=o.own("guardrail")),
    f"POST {GATEWAY}/guardrails/add-to-endpoint": lambda o: send(**own_endpoint(o), guardrail_id=o.a("guardrail")),
    f"DELETE {GATEWAY}/guardrails/remove-from-endpoint": lambda o: guarded(o, send, own=True),
    f"PATCH {GATEWAY}/guardrails/update-config": lambda o: guarded(o, send, execution_order=1),
    f"GET {GATEWAY}/provider-config": lambda o: ask(provider="openai"),
    f"GET {GATEWAY}/supported-models": lambda o: ask(provider="openai"),
    f"GET {GATEWAY}/supported-providers": lambda o: Request(),
}


def call(o):
    """A body that names the endpoint and that no provider gets to see: it has no messages."""
    return send(model=o.a("endpoint")[1])


def call_path(o):
    return send({"endpoint_name": o.a("endpoint")[1]})


INVOCATION = {
    "POST /gateway/{endpoint_name}/mlflow/invocations": call_path,
    "POST /gateway/mlflow/v1/chat/completions": call,
    "POST /gateway/openai/v1/chat/completions": call,
    "POST /gateway/openai/v1/embeddings": call,
    "POST /gateway/openai/v1/responses": call,
    "POST /gateway/openai/v1/responses/compact": call,
    "POST /gateway/typesafe/v1/systemone": call,
    "POST /gateway/proxy/{endpoint_name}/{*path}": lambda o: send({"endpoint_name": o.a("endpoint")[1], "path": "p"}),
    "GET /gateway/mlflow/v1/models": lambda o: Request(),
    "POST /gateway/anthropic/v1/messages": call,
    "POST /gateway/gemini/v1beta/models/{endpoint_name}:generateContent": call_path,
    "POST /gateway/gemini/v1beta/models/{endpoint_name}:streamGenerateContent": call_path,
}

MCP = f"{V3}/mcp-servers"
SERVER = f"{MCP}/{{*name}}"
VERSION = f"{SERVER}/versions/{{*version}}"
ONE = "1.0.0"


def server(o, own=False, **path):
    return {"name": o.own("mcp_server") if own else o.a("mcp_server"), **path}


def mcp_endpoint(o, own=False):
    name, number = o.own("mcp_endpoint") if own else o.a("mcp_endpoint")
    return {"name": name, "endpoint_id": number}


def new_version(o):
    name = o.own("mcp_server")
    return send({"name": name}, server_json={"name": name, "version": "2.0.0"})


MCP_SERVERS = {
    f"GET {MCP}": lambda o: ask(max_results=2),
    f"POST {MCP}": lambda o: send(name=f"space/{o.name()}"),
    f"GET {MCP}/endpoints": lambda o: ask(max_results=2),
    f"GET {SERVER}": lambda o: ask(server(o)),
    f"PATCH {SERVER}": lambda o: send(server(o), description="d"),
    f"DELETE {SERVER}": lambda o: ask(server(o, own=True)),
    f"POST {SERVER}/tags": lambda o: send(server(o), **TAG),
    f"DELETE {SERVER}/tags/{{*key}}": lambda o: ask(server(o, own=True, key="k")),
    f"POST {SERVER}/aliases": lambda o: send(server(o), alias="b", version=ONE),
    f"GET {SERVER}/aliases/{{*alias}}": lambda o: ask(server(o, alias="a")),
    f"DELETE {SERVER}/aliases/{{*alias}}": lambda o: ask(server(o, own=True, alias="a")),
    f"GET {SERVER}/endpoints": lambda o: ask(server(o)),
    f"POST {SERVER}/endpoints": lambda o: send(
        {"name": o.own("mcp_endpoint")[0]}, url="https://1.1.1.1/mcp", server_alias="a"
    ),
    f"GET {SERVER}/endpoints/{{endpoint_id}}": lambda o: ask(mcp_endpoint(o)),
    f"PATCH {SERVER}/endpoints/{{endpoint_id}}": lambda o: send(mcp_endpoint(o, own=True), url="https://1.1.1.1/other"),
    f"DELETE {SERVER}/endpoints/{{endpoint_id}}": lambda o: ask(mcp_endpoint(o, own=True)),
    f"GET {SERVER}/versions": lambda o: ask(server(o)),
    f"POST {SERVER}/versions": new_version,
    f"GET {VERSION}": lambda o: ask(server(o, version=ONE)),
    f"PATCH {VERSION}": lambda o: send(server(o, own=True, version=ONE), status="active"),
    f"DELETE {VERSION}": lambda o: ask(server(o, own=True, version=ONE)),
    f"POST {VERSION}/tags": lambda o: send(server(o, version=ONE), **TAG),
    f"DELETE {VERSION}/tags/{{*key}}": lambda o: ask(server(o, own=True, version=ONE, key="k")),
}

WORKSPACE = {"workspace_name": "other"}

# Workspaces are off, as by default.
WORKSPACES = {
    f"GET {V3}/workspaces": lambda o: Request(),
    f"POST {V3}/workspaces": lambda o: send(name=o.name()),
    f"GET {V3}/workspaces/{{workspace_name}}": lambda o: ask(WORKSPACE),
    f"PATCH {V3}/workspaces/{{workspace_name}}": lambda o: send(WORKSPACE, description="d"),
    f"DELETE {V3}/workspaces/{{workspace_name}}": lambda o: ask(WORKSPACE),
}

SAMPLES = MANAGEMENT | INVOCATION | MCP_SERVERS | WORKSPACES
