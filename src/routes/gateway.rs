//! The AI gateway and the MCP registry (MLflow 3.9 to 3.17). Their grants are kinds of their own, which the classic
//! permissions cannot express: administrators only. Lists that the UI asks for are empty to everybody else.

use super::words::*;

const NO_ROWS: Then = Conceal("{}");
/// What MLflow itself answers where no deployments server is configured.
const NO_DEPLOYMENTS: Then = Conceal(r#"{"endpoints":[]}"#);
const NO_SERVERS: Then = Conceal(r#"{"mcp_servers":[],"next_page_token":null}"#);

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    get   ("{api}/3.0/mlflow/gateway/endpoints/list",         Login, NO_ROWS),
    get   ("{api}/3.0/mlflow/gateway/secrets/list",           Login, NO_ROWS),
    get   ("{api}/3.0/mlflow/gateway/model-definitions/list", Login, NO_ROWS),
    get   ("{api}/3.0/mlflow/gateway/supported-models",       Login, Forward),
    get   ("{api}/3.0/mlflow/gateway/supported-providers",    Login, Forward),
    get   ("{api}/3.0/mlflow/gateway/provider-config",        Login, Forward),
    get   ("{api}/3.0/mlflow/gateway/{*rest}",                Admin, Stream),
    post  ("{api}/3.0/mlflow/gateway/{*rest}",                Admin, Stream),
    patch ("{api}/3.0/mlflow/gateway/{*rest}",                Admin, Stream),
    delete("{api}/3.0/mlflow/gateway/{*rest}",                Admin, Stream),

    // invocation of models: spends the operator's money with the operator's keys; the UI's list of runs asks the proxy
    // for what there is to be invoked
    get   ("/gateway/{*rest}",                                Admin, Stream),
    post  ("/gateway/{*rest}",                                Admin, Stream),
    get   ("{api}/2.0/mlflow/gateway-proxy",                  Login, NO_DEPLOYMENTS),
    post  ("{api}/2.0/mlflow/gateway-proxy",                  Admin, Stream),

    get   ("{api}/3.0/mlflow/mcp-servers",                    Login, NO_SERVERS),
    post  ("{api}/3.0/mlflow/mcp-servers",                    Admin, Stream),
    get   ("{api}/3.0/mlflow/mcp-servers/{*rest}",            Admin, Stream),
    post  ("{api}/3.0/mlflow/mcp-servers/{*rest}",            Admin, Stream),
    patch ("{api}/3.0/mlflow/mcp-servers/{*rest}",            Admin, Stream),
    delete("{api}/3.0/mlflow/mcp-servers/{*rest}",            Admin, Stream),
];
