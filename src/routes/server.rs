//! Routes of the whole server: GraphQL, webhooks, jobs, the assistant, workspaces, demo data, telemetry.

use super::words::*;

const NO_CONFIG: Answer = EmptyUnlessAdmin(r#"{"providers":{},"projects":{},"remote_access_allowed":false}"#);
const NO_PROVIDERS: Answer = EmptyUnlessAdmin(r#"{"providers":[],"resolved":null,"gateway_vendor_options":{}}"#);
const NO_WORKSPACES: Answer = EmptyUnlessAdmin(r#"{"workspaces":[]}"#);

#[rustfmt::skip]
pub const ROWS: &[Route] = &[
    // each root field of the document is decided; GET is not how GraphQL works here (MLflow answers 400 or 500)
    post  ("/graphql",                                    Requires::GraphQl,        GraphQl, Answer::GraphQl),
    get   ("/graphql",                                    Administrator,                     AsIs),

    // a webhook sends what happens in the registry, all of it, to wherever it says
    get   ("{api}/2.0/mlflow/webhooks",                   Administrator,                     AsIs),
    post  ("{api}/2.0/mlflow/webhooks",                   Administrator,            Stream,  AsIs),
    get   ("{api}/2.0/mlflow/webhooks/{webhook_id}",      Administrator,                     AsIs),
    patch ("{api}/2.0/mlflow/webhooks/{webhook_id}",      Administrator,            Stream,  AsIs),
    delete("{api}/2.0/mlflow/webhooks/{webhook_id}",      Administrator,            Stream,  AsIs),
    post  ("{api}/2.0/mlflow/webhooks/{webhook_id}/test", Administrator,            Stream,  AsIs),

    // nobody records whose a job is
    post  ("{api}/3.0/jobs/",                             Administrator,            Stream,  AsIs),
    post  ("{api}/3.0/jobs/search",                       Administrator,            Stream,  AsIs),
    get   ("{api}/3.0/jobs/{job_id}",                     Administrator,                     AsIs),
    patch ("{api}/3.0/jobs/cancel/{job_id}",              Administrator,            Stream,  AsIs),
    get   ("{api}/3.0/mlflow/jobs/{job_id}",              Administrator,                     AsIs),
    patch ("{api}/3.0/mlflow/jobs/cancel/{job_id}",       Administrator,            Stream,  AsIs),

    // the assistant runs tools on the origin's host; every page of the UI asks whether it is set up
    get   ("{api}/3.0/mlflow/assistant/config",           Authenticated,                     NO_CONFIG),
    put   ("{api}/3.0/mlflow/assistant/config",           Administrator,            Stream,  AsIs),
    get   ("{api}/3.0/mlflow/assistant/providers",        Authenticated,                     NO_PROVIDERS),
    get   ("{api}/3.0/mlflow/assistant/{*rest}",          Administrator,                     AsIs),
    post  ("{api}/3.0/mlflow/assistant/{*rest}",          Administrator,            Stream,  AsIs),
    put   ("{api}/3.0/mlflow/assistant/{*rest}",          Administrator,            Stream,  AsIs),
    patch ("{api}/3.0/mlflow/assistant/{*rest}",          Administrator,            Stream,  AsIs),
    post  ("{api}/3.0/mlflow/demo/generate",              Administrator,            Stream,  AsIs),
    post  ("{api}/3.0/mlflow/demo/delete",                Administrator,            Stream,  AsIs),

    // one workspace is served, the default one (docs/design.md)
    get   ("{api}/3.0/mlflow/workspaces",                 Authenticated,                     NO_WORKSPACES),
    post  ("{api}/3.0/mlflow/workspaces",                 Administrator,            Stream,  AsIs),
    get   ("{api}/3.0/mlflow/workspaces/{workspace_name}", Administrator,                    AsIs),
    patch ("{api}/3.0/mlflow/workspaces/{workspace_name}", Administrator,           Stream,  AsIs),
    delete("{api}/3.0/mlflow/workspaces/{workspace_name}", Administrator,           Stream,  AsIs),

    get   ("{api}/3.0/mlflow/server-info",                Public,                            ServerInfo),
    get   ("/server-info",                                Authenticated,                     ServerInfo), // MLflow 3.9
    get   ("{api}/3.0/mlflow/ui-telemetry",               Authenticated,                     AsIs),
    post  ("{api}/3.0/mlflow/ui-telemetry",               Authenticated,            Stream,  AsIs),
    // a typing error in MLflow's registration of search-datasets: no handler behind it
    post  ("{api}/2.0mlflow/experiments/search-datasets", Administrator,            Stream,  AsIs),
];
