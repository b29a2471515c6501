//! What concerns the whole server: GraphQL, webhooks, jobs, the assistant, workspaces, demo data, telemetry.

use super::words::*;

const NO_CONFIG: Then = Conceal(r#"{"providers":{},"projects":{},"remote_access_allowed":false}"#);
const NO_PROVIDERS: Then = Conceal(r#"{"providers":[],"resolved":null,"gateway_vendor_options":{}}"#);
const NO_WORKSPACES: Then = Conceal(r#"{"workspaces":[]}"#);

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    // each root field of the document is decided; GET is not how GraphQL works here (MLflow answers 400 or 500)
    post  ("/graphql",                                            super::Need::GraphQl, Then::GraphQl),
    get   ("/graphql",                                            Admin,  Stream),

    // a webhook sends what happens in the registry, all of it, to wherever it says
    get   ("{api}/2.0/mlflow/webhooks",                           Admin,  Stream),
    post  ("{api}/2.0/mlflow/webhooks",                           Admin,  Stream),
    get   ("{api}/2.0/mlflow/webhooks/{webhook_id}",              Admin,  Stream),
    patch ("{api}/2.0/mlflow/webhooks/{webhook_id}",              Admin,  Stream),
    delete("{api}/2.0/mlflow/webhooks/{webhook_id}",              Admin,  Stream),
    post  ("{api}/2.0/mlflow/webhooks/{webhook_id}/test",         Admin,  Stream),

    // nobody records whose a job is
    post  ("{api}/3.0/jobs/",                                     Admin,  Stream),
    post  ("{api}/3.0/jobs/search",                               Admin,  Stream),
    get   ("{api}/3.0/jobs/{job_id}",                             Admin,  Stream),
    patch ("{api}/3.0/jobs/cancel/{job_id}",                      Admin,  Stream),
    get   ("{api}/3.0/mlflow/jobs/{job_id}",                      Admin,  Stream),
    patch ("{api}/3.0/mlflow/jobs/cancel/{job_id}",               Admin,  Stream),

    // the assistant runs tools on the origin's host; every page of the UI asks whether it is set up
    get   ("{api}/3.0/mlflow/assistant/config",                   Login,  NO_CONFIG),
    put   ("{api}/3.0/mlflow/assistant/config",                   Admin,  Stream),
    get   ("{api}/3.0/mlflow/assistant/providers",                Login,  NO_PROVIDERS),
    get   ("{api}/3.0/mlflow/assistant/{*rest}",                  Admin,  Stream),
    post  ("{api}/3.0/mlflow/assistant/{*rest}",                  Admin,  Stream),
    put   ("{api}/3.0/mlflow/assistant/{*rest}",                  Admin,  Stream),
    patch ("{api}/3.0/mlflow/assistant/{*rest}",                  Admin,  Stream),
    post  ("{api}/3.0/mlflow/demo/generate",                      Admin,  Stream),
    post  ("{api}/3.0/mlflow/demo/delete",                        Admin,  Stream),

    // one workspace is served, the default one; roles are not (docs/design.md)
    get   ("{api}/3.0/mlflow/workspaces",                         Login,  NO_WORKSPACES),
    post  ("{api}/3.0/mlflow/workspaces",                         Admin,  Stream),
    get   ("{api}/3.0/mlflow/workspaces/{*rest}",                 Admin,  Stream),
    post  ("{api}/3.0/mlflow/workspaces/{*rest}",                 Admin,  Stream),
    patch ("{api}/3.0/mlflow/workspaces/{*rest}",                 Admin,  Stream),
    delete("{api}/3.0/mlflow/workspaces/{*rest}",                 Admin,  Stream),
    get   ("{api}/3.0/mlflow/workspace-permissions",              Admin,  Stream),
    get   ("{api}/3.0/mlflow/roles/{*rest}",                      Admin,  Stream),
    post  ("{api}/3.0/mlflow/roles/{*rest}",                      Admin,  Stream),
    patch ("{api}/3.0/mlflow/roles/{*rest}",                      Admin,  Stream),
    delete("{api}/3.0/mlflow/roles/{*rest}",                      Admin,  Stream),
    post  ("{api}/3.0/mlflow/scorers/permissions/create",         Admin,  Stream),
    get   ("{api}/3.0/mlflow/scorers/permissions/get",            Admin,  Stream),
    patch ("{api}/3.0/mlflow/scorers/permissions/update",         Admin,  Stream),
    delete("{api}/3.0/mlflow/scorers/permissions/delete",         Admin,  Stream),

    get   ("{api}/3.0/mlflow/server-info",                        Nobody, Stream),
    get   ("/server-info",                                        Login,  Stream), // MLflow 3.9
    get   ("{api}/3.0/mlflow/ui-telemetry",                       Login,  Stream),
    post  ("{api}/3.0/mlflow/ui-telemetry",                       Login,  Stream),
    // a typing error in MLflow's registration of search-datasets: no handler behind it
    post  ("{api}/2.0mlflow/experiments/search-datasets",         Admin,  Stream),
];
