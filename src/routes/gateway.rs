//! The AI gateway and the MCP registry (MLflow 3.9 to 3.17). Their grants are kinds of their own, which the classic
//! permissions cannot express: administrators only. Lists that the UI asks for are empty to everybody else.

use super::words::*;

const NO_ROWS: Answer = EmptyUnlessAdmin("{}");
/// The answer of MLflow itself where no deployments server is configured.
const NO_DEPLOYMENTS: Answer = EmptyUnlessAdmin(r#"{"endpoints":[]}"#);
const NO_SERVERS: Answer = EmptyUnlessAdmin(r#"{"mcp_servers":[],"next_page_token":null}"#);

#[rustfmt::skip]
pub const ROWS: &[Route] = &[
    get   ("{api}/3.0/mlflow/gateway/endpoints/list",         Authenticated,          NO_ROWS),
    get   ("{api}/3.0/mlflow/gateway/secrets/list",           Authenticated,          NO_ROWS),
    get   ("{api}/3.0/mlflow/gateway/model-definitions/list", Authenticated,          NO_ROWS),
    get   ("{api}/3.0/mlflow/gateway/supported-models",       Authenticated,          AsIs),
    get   ("{api}/3.0/mlflow/gateway/supported-providers",    Authenticated,          AsIs),
    get   ("{api}/3.0/mlflow/gateway/provider-config",        Authenticated,          AsIs),
    get   ("{api}/3.0/mlflow/gateway/{*rest}",                Administrator,          AsIs),
    post  ("{api}/3.0/mlflow/gateway/{*rest}",                Administrator, Stream,  AsIs),
    patch ("{api}/3.0/mlflow/gateway/{*rest}",                Administrator, Stream,  AsIs),
    delete("{api}/3.0/mlflow/gateway/{*rest}",                Administrator, Stream,  AsIs),

    // invocation of models: spends the operator's money with the operator's keys; the UI's list of runs asks the proxy
    // for what there is to be invoked
    get   ("/gateway/{*rest}",                                Administrator,          AsIs),
    post  ("/gateway/{*rest}",                                Administrator, Stream,  AsIs),
    get   ("{api}/2.0/mlflow/gateway-proxy",                  Authenticated,          NO_DEPLOYMENTS),
    post  ("{api}/2.0/mlflow/gateway-proxy",                  Administrator, Stream,  AsIs),

    get   ("{api}/3.0/mlflow/mcp-servers",                    Authenticated,          NO_SERVERS),
    post  ("{api}/3.0/mlflow/mcp-servers",                    Administrator, Stream,  AsIs),
    get   ("{api}/3.0/mlflow/mcp-servers/{*rest}",            Administrator,          AsIs),
    post  ("{api}/3.0/mlflow/mcp-servers/{*rest}",            Administrator, Stream,  AsIs),
    patch ("{api}/3.0/mlflow/mcp-servers/{*rest}",            Administrator, Stream,  AsIs),
    delete("{api}/3.0/mlflow/mcp-servers/{*rest}",            Administrator, Stream,  AsIs),
];
