//! The AI gateway and the MCP registry (MLflow 3.9 to 3.17). Secrets, model definitions, endpoints and MCP servers have grants
//! of their own. Whoever makes one manages it.
//!
//! READ shows what there is; to call an endpoint, or to build on a secret or a definition, takes USE. Answers lose what they
//! hold of definitions, secrets and scorers that are denied. Guardrails are made by administrators, budgets too.
//!
//! Some things are stricter than in MLflow. An endpoint that is to write into an experiment takes EDIT on that, where MLflow
//! asks only that nobody has denied it, or not even that where the experiment is found by the endpoint's name; and to whom all experiments are denied, nobody lets make or change an endpoint, whether
//! or not it makes an experiment. To put a guardrail on an endpoint takes READ on its scorer. Where versions of MCP servers are
//! denied, the ways to a server are too, whether or not they name one. And the first version of a server that does not exist
//! is no way to make it: it takes EDIT on the server, and whoever has none makes the server first.

use super::words::*;

/// The answer of MLflow itself where no deployments server is configured.
const NO_DEPLOYMENTS: Answer = EmptyUnlessAdmin(r#"{"endpoints":[]}"#);

const ANY_SECRET: &Field = &every(ResourceType::GatewaySecret);
const SECRET: &Field = &field(ValueKind::Id(ResourceType::GatewaySecret), Cardinality::One, &["secret_id"]);
const SECRET_IF_ANY: &Field = &field(ValueKind::Id(ResourceType::GatewaySecret), Cardinality::Optional, &["secret_id"]);
const SECRETS: Answer = FilterRows(list("secrets", "secret_id", ResourceType::GatewaySecret));

const ANY_DEFINITION: &Field = &every(ResourceType::GatewayModelDefinition);
const DEFINITION: &Field = &definition(Cardinality::One, &["model_definition_id"]);
const DEFINITION_IF_ANY: &Field = &definition(Cardinality::Optional, &["model_definition_id"]);
const ATTACHED: &Field = &definition(Cardinality::Optional, &["model_config.model_definition_id"]);
const BUILT_ON: &Field = &definition(Cardinality::EachOptional, &["model_configs[].model_definition_id"]);
const DEFINITIONS: Answer =
    FilterRows(list("model_definitions", "model_definition_id", ResourceType::GatewayModelDefinition));
const OF_DEFINITION: Answer = Redact(&["model_definition"], Embedding::ModelDefinition);

const ANY_ENDPOINT: &Field = &every(ResourceType::GatewayEndpoint);
const ENDPOINT: &Field = &field(ValueKind::Id(ResourceType::GatewayEndpoint), Cardinality::One, &["endpoint_id"]);
const ENDPOINT_IF_ANY: &Field =
    &field(ValueKind::Id(ResourceType::GatewayEndpoint), Cardinality::Optional, &["endpoint_id"]);
const NAMED_IF_ANY: &Field = &field(ValueKind::EndpointName, Cardinality::Optional, &["name"]);
const ENDPOINTS: Answer = FilterRows(list("endpoints", "endpoint_id", ResourceType::GatewayEndpoint));
const OF_ENDPOINT: Answer = Redact(&["endpoint"], Embedding::GatewayEndpoint);
const OF_MAPPING: Answer = Redact(&["mapping"], Embedding::ModelMapping);
/// An endpoint without one makes an experiment of its own, and takes one that has the name of that.
const OWN_EXPERIMENT: &Field = &field(ValueKind::OwnExperiment, Cardinality::Optional, &["name"]);
const ANY_EXPERIMENT: &Field = &every(ResourceType::Experiment);

const GUARDRAIL: &Field = &field(ValueKind::Guardrail, Cardinality::One, &["guardrail_id"]);
const OF_GUARDRAIL: Answer = Redact(&["config"], Embedding::GuardrailConfig);
const GUARDRAILS: Answer = Redact(&["configs", "[]"], Embedding::GuardrailConfig);
const OF_SECRETS: Answer = Redact(&[], Embedding::SecretsConfig);

/// The endpoint that is called: by its path, or as the model of the body.
const CALLED: &Field = &field(ValueKind::EndpointName, Cardinality::One, &["endpoint_name"]);
const MODEL_CALLED: &Field = &field(ValueKind::EndpointName, Cardinality::One, &["model"]);
const GEMINI_CALLED: &Field = &field(ValueKind::GeminiCall, Cardinality::One, &["gemini_call"]);

const SERVER: &Field = &field(ValueKind::McpServer, Cardinality::One, &["mcp_namespace"]);
const VERSIONS: &Field = &field(ValueKind::McpVersions, Cardinality::One, &["mcp_namespace"]);
const NEW_SERVER: &Field = &field(ValueKind::NewMcpServer, Cardinality::One, &["name"]);
/// A way to reach a server can name a version of it, and shows what that is: for nobody to whom versions are denied.
const ANY_VERSION: &Field = &every(ResourceType::McpServerVersion);
const OF_SERVER: Answer = Redact(&[], Embedding::McpServer);
const SERVERS: Answer =
    FilterRows(ListResponse { rows: "mcp_servers", id: "name", of: RowKind::McpServer, is_paged: true });
const WAYS: Answer = FilterRows(ListResponse {
    rows: "mcp_access_endpoints",
    id: "server_name",
    of: RowKind::McpEndpoint,
    is_paged: true,
});

const fn definition(count: Cardinality, parameters: &'static [&'static str]) -> Field {
    field(ValueKind::Id(ResourceType::GatewayModelDefinition), count, parameters)
}

const fn list(rows: &'static str, id: &'static str, kind: ResourceType) -> ListResponse {
    ListResponse { rows, id, of: RowKind::Id(kind), is_paged: false }
}

const fn created(kind: ResourceType) -> Answer {
    Effect(GrantEffect::Created(kind))
}

const fn deleted(kind: ResourceType) -> Answer {
    Effect(GrantEffect::Deleted(kind))
}

#[rustfmt::skip]
pub const ROWS: &[Route] = &[
    get   ("{api}/3.0/mlflow/gateway/secrets/list",                  Authenticated,                                         SECRETS),
    get   ("{api}/3.0/mlflow/gateway/secrets/config",                Authenticated,                                         OF_SECRETS),
    get   ("{api}/3.0/mlflow/gateway/secrets/get",                   All(&[Read(SECRET)]),                                  AsIs),
    post  ("{api}/3.0/mlflow/gateway/secrets/create",                All(&[NotDenied(ANY_SECRET)]),                 Json,   created(ResourceType::GatewaySecret)),
    post  ("{api}/3.0/mlflow/gateway/secrets/update",                All(&[Update(SECRET)]),                        Json,   AsIs),
    delete("{api}/3.0/mlflow/gateway/secrets/delete",                All(&[Delete(SECRET)]),                        Json,   deleted(ResourceType::GatewaySecret)),

    get   ("{api}/3.0/mlflow/gateway/model-definitions/list",        All(&[NotDenied(SECRET_IF_ANY)]),                      DEFINITIONS),
    get   ("{api}/3.0/mlflow/gateway/model-definitions/get",         All(&[Read(DEFINITION)]),                              OF_DEFINITION),
    post  ("{api}/3.0/mlflow/gateway/model-definitions/create",      All(&[NotDenied(ANY_DEFINITION), Use(SECRET_IF_ANY)]), Json, created(ResourceType::GatewayModelDefinition)),
    post  ("{api}/3.0/mlflow/gateway/model-definitions/update",      All(&[Update(DEFINITION), Use(SECRET_IF_ANY)]), Json,  OF_DEFINITION),
    delete("{api}/3.0/mlflow/gateway/model-definitions/delete",      All(&[Delete(DEFINITION)]),                    Json,   deleted(ResourceType::GatewayModelDefinition)),

    get   ("{api}/3.0/mlflow/gateway/endpoints/list",                All(&[NotDenied(SECRET_IF_ANY)]),                      ENDPOINTS),
    get   ("{api}/3.0/mlflow/gateway/endpoints/get",                 All(&[Read(ENDPOINT_IF_ANY), Read(NAMED_IF_ANY)]),     OF_ENDPOINT),
    post  ("{api}/3.0/mlflow/gateway/endpoints/create",              All(&[NotDenied(ANY_ENDPOINT), NotDenied(ANY_EXPERIMENT), Use(BUILT_ON), Update(EXPERIMENT_IF_ANY), Update(OWN_EXPERIMENT)]), Json, created(ResourceType::GatewayEndpoint)),
    post  ("{api}/3.0/mlflow/gateway/endpoints/update",              All(&[Update(ENDPOINT), NotDenied(ANY_EXPERIMENT), Use(BUILT_ON), Update(EXPERIMENT_IF_ANY), Update(OWN_EXPERIMENT)]), Json, OF_ENDPOINT),
    delete("{api}/3.0/mlflow/gateway/endpoints/delete",              All(&[Delete(ENDPOINT)]),                      Json,   deleted(ResourceType::GatewayEndpoint)),
    post  ("{api}/3.0/mlflow/gateway/endpoints/set-tag",             All(&[Update(ENDPOINT)]),                      Json,   AsIs),
    delete("{api}/3.0/mlflow/gateway/endpoints/delete-tag",          All(&[Update(ENDPOINT)]),                      Json,   AsIs),
    post  ("{api}/3.0/mlflow/gateway/endpoints/models/attach",       All(&[Update(ENDPOINT), Use(ATTACHED)]),       Json,   OF_MAPPING),
    post  ("{api}/3.0/mlflow/gateway/endpoints/models/detach",       All(&[Update(ENDPOINT), NotDenied(DEFINITION_IF_ANY)]), Json, AsIs),
    get   ("{api}/3.0/mlflow/gateway/endpoints/bindings/list",       All(&[Read(ENDPOINT)]),                                AsIs),
    post  ("{api}/3.0/mlflow/gateway/endpoints/bindings/create",     All(&[Update(ENDPOINT)]),                      Json,   AsIs),
    delete("{api}/3.0/mlflow/gateway/endpoints/bindings/delete",     All(&[Update(ENDPOINT)]),                      Json,   AsIs),

    // a guardrail shows its scorer through every endpoint that it is put on
    get   ("{api}/3.0/mlflow/gateway/guardrails/list-for-endpoint",  All(&[Read(ENDPOINT)]),                                GUARDRAILS),
    post  ("{api}/3.0/mlflow/gateway/guardrails/add-to-endpoint",    All(&[Update(ENDPOINT), NotDenied(GUARDRAIL)]), Json,  OF_GUARDRAIL),
    patch ("{api}/3.0/mlflow/gateway/guardrails/update-config",      All(&[Update(ENDPOINT), NotDenied(GUARDRAIL)]), Json,  OF_GUARDRAIL),
    delete("{api}/3.0/mlflow/gateway/guardrails/remove-from-endpoint", All(&[Update(ENDPOINT)]),                    Json,   AsIs),

    get   ("{api}/3.0/mlflow/gateway/budgets/get",                   Authenticated,                                         AsIs),
    get   ("{api}/3.0/mlflow/gateway/budgets/list",                  Authenticated,                                         AsIs),
    get   ("{api}/3.0/mlflow/gateway/budgets/windows",               Authenticated,                                         AsIs),
    get   ("{api}/3.0/mlflow/gateway/supported-models",              Authenticated,                                         AsIs),
    get   ("{api}/3.0/mlflow/gateway/supported-providers",           Authenticated,                                         AsIs),
    get   ("{api}/3.0/mlflow/gateway/provider-config",               Authenticated,                                         AsIs),
    get   ("{api}/3.0/mlflow/gateway/{*rest}",                       Administrator,                                         AsIs),
    post  ("{api}/3.0/mlflow/gateway/{*rest}",                       Administrator,                                 Stream, AsIs),
    patch ("{api}/3.0/mlflow/gateway/{*rest}",                       Administrator,                                 Stream, AsIs),
    delete("{api}/3.0/mlflow/gateway/{*rest}",                       Administrator,                                 Stream, AsIs),

    // calls of models, with the operator's money and keys; what is called is the endpoint of that name
    get   ("/gateway/mlflow/v1/models",                              Authenticated,                                         UsableModels),
    post  ("/gateway/mlflow/v1/chat/completions",                    All(&[Use(MODEL_CALLED)]),                     Json,   AsIs),
    post  ("/gateway/openai/v1/chat/completions",                    All(&[Use(MODEL_CALLED)]),                     Json,   AsIs),
    post  ("/gateway/openai/v1/embeddings",                          All(&[Use(MODEL_CALLED)]),                     Json,   AsIs),
    post  ("/gateway/openai/v1/responses",                           All(&[Use(MODEL_CALLED)]),                     Json,   AsIs),
    post  ("/gateway/openai/v1/responses/compact",                   All(&[Use(MODEL_CALLED)]),                     Json,   AsIs),
    post  ("/gateway/anthropic/v1/messages",                         All(&[Use(MODEL_CALLED)]),                     Json,   AsIs),
    post  ("/gateway/typesafe/v1/systemone",                         All(&[Use(MODEL_CALLED)]),                     Json,   AsIs),
    post  ("/gateway/gemini/v1beta/models/{gemini_call}",            All(&[Use(GEMINI_CALLED)]),                    Stream, AsIs),
    post  ("/gateway/proxy/{endpoint_name}/{*rest}",                 All(&[Use(CALLED)]),                           Stream, AsIs),
    post  ("/gateway/{endpoint_name}/mlflow/invocations",            All(&[Use(CALLED)]),                           Stream, AsIs),
    // to MLflow the endpoint `proxy`; the row above the last would take it for one that is named `mlflow`
    post  ("/gateway/proxy/mlflow/invocations",                      Administrator,                                 Stream, AsIs),

    // a deployments server beside MLflow, in which nobody is known; the UI's list of runs asks what there is to be called
    get   ("{api}/2.0/mlflow/gateway-proxy",                         Authenticated,                                         NO_DEPLOYMENTS),
    post  ("{api}/2.0/mlflow/gateway-proxy",                         Administrator,                                 Stream, AsIs),

    get   ("{api}/3.0/mlflow/mcp-servers",                           Authenticated,                                         SERVERS),
    post  ("{api}/3.0/mlflow/mcp-servers",                           All(&[NotDenied(NEW_SERVER)]),                 Json,   created(ResourceType::McpServer)),
    get   ("{api}/3.0/mlflow/mcp-servers/endpoints",                 All(&[NotDenied(ANY_VERSION)]),                        WAYS),
    get   ("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}", All(&[Read(SERVER)]),                                 OF_SERVER),
    patch ("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}", All(&[Update(SERVER)]),                       Stream, OF_SERVER),
    delete("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}", All(&[Delete(SERVER), Delete(VERSIONS)]),     Stream, deleted(ResourceType::McpServer)),
    post  ("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}/tags",                   All(&[Update(SERVER)]), Stream, AsIs),
    delete("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}/tags/{*key}",            All(&[Delete(SERVER), Delete(VERSIONS)]), Stream, AsIs),
    post  ("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}/aliases",                All(&[Update(SERVER), Read(VERSIONS)]), Stream, AsIs),
    get   ("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}/aliases/{*alias}",       All(&[Read(SERVER), Read(VERSIONS)]), AsIs),
    delete("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}/aliases/{*alias}",       All(&[Delete(SERVER), Read(VERSIONS)]), Stream, AsIs),
    get   ("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}/endpoints",              All(&[Read(SERVER), NotDenied(ANY_VERSION)]), AsIs),
    post  ("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}/endpoints",              All(&[Update(SERVER), NotDenied(ANY_VERSION)]), Stream, AsIs),
    get   ("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}/endpoints/{*way}",       All(&[Read(SERVER), NotDenied(ANY_VERSION)]), AsIs),
    patch ("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}/endpoints/{*way}",       All(&[Update(SERVER), NotDenied(ANY_VERSION)]), Stream, AsIs),
    delete("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}/endpoints/{*way}",       All(&[Delete(SERVER), Delete(VERSIONS)]), Stream, AsIs),
    get   ("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}/versions",               All(&[Read(VERSIONS)]), AsIs),
    post  ("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}/versions",               All(&[Update(SERVER), NotDenied(ANY_VERSION)]), Stream, AsIs),
    get   ("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}/versions/{*version}",    All(&[Read(VERSIONS)]), AsIs),
    post  ("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}/versions/{*version}",    All(&[Update(VERSIONS)]), Stream, AsIs),
    patch ("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}/versions/{*version}",    All(&[Update(VERSIONS)]), Stream, AsIs),
    delete("{api}/3.0/mlflow/mcp-servers/{mcp_namespace}/{mcp_slug}/versions/{*version}",    All(&[Delete(VERSIONS)]), Stream, AsIs),
];
