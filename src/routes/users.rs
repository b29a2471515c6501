//! Users, permissions and the sign-up page: answered here, never forwarded.
//!
//! `2.0/…/permissions` is the classic API (MLflow 2.5 to 3.12), `3.0/mlflow/{scorers,gateway}/…/permissions` what
//! MLflow 3.6 to 3.12 had beside it, under `/api` alone; `3.0/mlflow/users/permissions` is what clients of 3.13 and
//! later know. All are the same rows of the directory. `3.0/mlflow/permissions/users` is ours.

use super::words::*;
use Endpoint::*;

const GRANTED_EXPERIMENT: &Field = &granted(GrantedBy::Experiment);
const GRANTED_MODEL: &Field = &granted(GrantedBy::Model);
const SCORER: &Field = &granted(GrantedBy::Scorer);
const SECRET: &Field = &granted(GrantedBy::GatewaySecret);
const ENDPOINT: &Field = &granted(GrantedBy::GatewayEndpoint);
const DEFINITION: &Field = &granted(GrantedBy::GatewayModelDefinition);

#[rustfmt::skip]
pub const ROWS: &[Route] = &[
    // a manager of any workspace may add the users to whom its roles are to be given
    get   ("/signup",                                               InWorkspace(Manager, Anywhere),      Local(SignUp)),
    post  ("{api}/2.0/mlflow/users/create",                         InWorkspace(Manager, Anywhere), Json, Local(CreateUser)),
    post  ("{api}/2.0/mlflow/users/create-ui",                      InWorkspace(Manager, Anywhere), Form, Local(CreateUserUi)),
    get   ("{api}/2.0/mlflow/users/get",                            Oneself,                             Local(GetUser)),
    get   ("{api}/2.0/mlflow/users/list",                           Authenticated,                       Local(ListUsers)),
    get   ("{api}/2.0/mlflow/users/current",                        Authenticated,                       Local(CurrentUser)),
    patch ("{api}/2.0/mlflow/users/update-password",                Oneself,                    Json,    Local(UpdatePassword)),
    patch ("{api}/2.0/mlflow/users/update-admin",                   Administrator,              Json,    Local(UpdateAdmin)),
    delete("{api}/2.0/mlflow/users/delete",                         Administrator,              Json,    Local(DeleteUser)),

    post  ("{api}/2.0/mlflow/users/tokens/create",                  Authenticated,              Json,    Local(CreateToken)),
    get   ("{api}/2.0/mlflow/users/tokens/list",                    Authenticated,                       Local(ListTokens)),
    delete("{api}/2.0/mlflow/users/tokens/delete",                  Authenticated,              Json,    Local(DeleteToken)),

    post  ("{api}/2.0/mlflow/experiments/permissions/create",       All(&[Manage(GRANTED_EXPERIMENT)]), Json, Local(CreateResourcePermission)),
    get   ("{api}/2.0/mlflow/experiments/permissions/get",          All(&[Manage(GRANTED_EXPERIMENT)]),       Local(GetResourcePermission)),
    patch ("{api}/2.0/mlflow/experiments/permissions/update",       All(&[Manage(GRANTED_EXPERIMENT)]), Json, Local(UpdateResourcePermission)),
    delete("{api}/2.0/mlflow/experiments/permissions/delete",       All(&[Manage(GRANTED_EXPERIMENT)]), Json, Local(DeleteResourcePermission)),
    post  ("{api}/2.0/mlflow/registered-models/permissions/create", All(&[Manage(GRANTED_MODEL)]),      Json, Local(CreateResourcePermission)),
    get   ("{api}/2.0/mlflow/registered-models/permissions/get",    All(&[Manage(GRANTED_MODEL)]),            Local(GetResourcePermission)),
    patch ("{api}/2.0/mlflow/registered-models/permissions/update", All(&[Manage(GRANTED_MODEL)]),      Json, Local(UpdateResourcePermission)),
    delete("{api}/2.0/mlflow/registered-models/permissions/delete", All(&[Manage(GRANTED_MODEL)]),      Json, Local(DeleteResourcePermission)),

    post  ("{api}/3.0/mlflow/users/permissions/grant",              All(&[Manage(GRANTED)]),    Json,    Local(GrantPermission)),
    post  ("{api}/3.0/mlflow/users/permissions/revoke",             All(&[Manage(GRANTED)]),    Json,    Local(RevokePermission)),
    get   ("{api}/3.0/mlflow/users/permissions/get",                OneselfOrManager,                    Local(GetPermission)),
    get   ("{api}/3.0/mlflow/users/permissions/list",               InWorkspace(Manager, OfUser),        Local(ListPermissions)),
    get   ("{api}/3.0/mlflow/users/current/permissions",            Authenticated,                       Local(CurrentPermissions)),

    post  ("/api/3.0/mlflow/scorers/permissions/create",                  All(&[Manage(SCORER)]),     Json,    Local(CreateResourcePermission)),
    get   ("/api/3.0/mlflow/scorers/permissions/get",                     All(&[Manage(SCORER)]),              Local(GetResourcePermission)),
    patch ("/api/3.0/mlflow/scorers/permissions/update",                  All(&[Manage(SCORER)]),     Json,    Local(UpdateResourcePermission)),
    delete("/api/3.0/mlflow/scorers/permissions/delete",                  All(&[Manage(SCORER)]),     Json,    Local(DeleteResourcePermission)),

    post  ("/api/3.0/mlflow/gateway/secrets/permissions/create",          All(&[Manage(SECRET)]),     Json,    Local(CreateResourcePermission)),
    get   ("/api/3.0/mlflow/gateway/secrets/permissions/get",             All(&[Manage(SECRET)]),              Local(GetResourcePermission)),
    patch ("/api/3.0/mlflow/gateway/secrets/permissions/update",          All(&[Manage(SECRET)]),     Json,    Local(UpdateResourcePermission)),
    delete("/api/3.0/mlflow/gateway/secrets/permissions/delete",          All(&[Manage(SECRET)]),     Json,    Local(DeleteResourcePermission)),

    post  ("/api/3.0/mlflow/gateway/endpoints/permissions/create",        All(&[Manage(ENDPOINT)]),   Json,    Local(CreateResourcePermission)),
    get   ("/api/3.0/mlflow/gateway/endpoints/permissions/get",           All(&[Manage(ENDPOINT)]),            Local(GetResourcePermission)),
    patch ("/api/3.0/mlflow/gateway/endpoints/permissions/update",        All(&[Manage(ENDPOINT)]),   Json,    Local(UpdateResourcePermission)),
    delete("/api/3.0/mlflow/gateway/endpoints/permissions/delete",        All(&[Manage(ENDPOINT)]),   Json,    Local(DeleteResourcePermission)),

    post  ("/api/3.0/mlflow/gateway/model-definitions/permissions/create",All(&[Manage(DEFINITION)]), Json,    Local(CreateResourcePermission)),
    get   ("/api/3.0/mlflow/gateway/model-definitions/permissions/get",   All(&[Manage(DEFINITION)]),          Local(GetResourcePermission)),
    patch ("/api/3.0/mlflow/gateway/model-definitions/permissions/update",All(&[Manage(DEFINITION)]), Json,    Local(UpdateResourcePermission)),
    delete("/api/3.0/mlflow/gateway/model-definitions/permissions/delete",All(&[Manage(DEFINITION)]), Json,    Local(DeleteResourcePermission)),

    get   ("{api}/3.0/mlflow/permissions/users",                    All(&[Manage(GRANTED)]),             Local(ListResourceUsers)),

    get   ("/api/3.0/mlflow/workspace-permissions",                 Administrator,                       Local(NoWorkspaces)),
    get   ("/api/3.0/mlflow/workspaces/{workspace_name}/permissions", Administrator,                     Local(NoWorkspaces)),
    post  ("/api/3.0/mlflow/workspaces/{workspace_name}/permissions", Administrator,            Stream,  Local(NoWorkspaces)),
    delete("/api/3.0/mlflow/workspaces/{workspace_name}/permissions", Administrator,            Stream,  Local(NoWorkspaces)),
];
