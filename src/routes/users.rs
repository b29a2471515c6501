//! Users, permissions and the sign-up page: answered here, never forwarded.
//!
//! `2.0/…/permissions` is the classic API (MLflow 2.5 to 3.16); `3.0/mlflow/users/permissions` is what clients of
//! 3.13 and later know. Both are the same rows of the directory.

use super::words::*;
use Endpoint::*;

#[rustfmt::skip]
pub const ROWS: &[Route] = &[
    // a manager of any workspace may add the users to whom its roles are to be given
    get   ("/signup",                                               InWorkspace(Manager, Anywhere),      Local(SignUp)),
    post  ("{api}/2.0/mlflow/users/create",                         InWorkspace(Manager, Anywhere), Json, Local(CreateUser)),
    post  ("{api}/2.0/mlflow/users/create-ui",                      InWorkspace(Manager, Anywhere), Form, Local(CreateUserUi)),
    get   ("{api}/2.0/mlflow/users/get",                            Oneself("username"),                 Local(GetUser)),
    get   ("{api}/2.0/mlflow/users/list",                           Authenticated,                       Local(ListUsers)),
    get   ("{api}/2.0/mlflow/users/current",                        Authenticated,                       Local(CurrentUser)),
    patch ("{api}/2.0/mlflow/users/update-password",                Oneself("username"),        Json,    Local(UpdatePassword)),
    patch ("{api}/2.0/mlflow/users/update-admin",                   Administrator,              Json,    Local(UpdateAdmin)),
    delete("{api}/2.0/mlflow/users/delete",                         Administrator,              Json,    Local(DeleteUser)),

    post  ("{api}/2.0/mlflow/users/tokens/create",                  Authenticated,              Json,    Local(CreateToken)),
    get   ("{api}/2.0/mlflow/users/tokens/list",                    Authenticated,                       Local(ListTokens)),
    delete("{api}/2.0/mlflow/users/tokens/delete",                  Authenticated,              Json,    Local(DeleteToken)),

    post  ("{api}/2.0/mlflow/experiments/permissions/create",       All(&[Manage(EXPERIMENT)]), Json,    Local(CreateExperimentPermission)),
    get   ("{api}/2.0/mlflow/experiments/permissions/get",          All(&[Manage(EXPERIMENT)]),          Local(GetExperimentPermission)),
    patch ("{api}/2.0/mlflow/experiments/permissions/update",       All(&[Manage(EXPERIMENT)]), Json,    Local(UpdateExperimentPermission)),
    delete("{api}/2.0/mlflow/experiments/permissions/delete",       All(&[Manage(EXPERIMENT)]), Json,    Local(DeleteExperimentPermission)),
    post  ("{api}/2.0/mlflow/registered-models/permissions/create", All(&[Manage(MODEL)]),      Json,    Local(CreateModelPermission)),
    get   ("{api}/2.0/mlflow/registered-models/permissions/get",    All(&[Manage(MODEL)]),               Local(GetModelPermission)),
    patch ("{api}/2.0/mlflow/registered-models/permissions/update", All(&[Manage(MODEL)]),      Json,    Local(UpdateModelPermission)),
    delete("{api}/2.0/mlflow/registered-models/permissions/delete", All(&[Manage(MODEL)]),      Json,    Local(DeleteModelPermission)),

    post  ("{api}/3.0/mlflow/users/permissions/grant",              All(&[Manage(GRANTED)]),    Json,    Local(GrantPermission)),
    post  ("{api}/3.0/mlflow/users/permissions/revoke",             All(&[Manage(GRANTED)]),    Json,    Local(RevokePermission)),
    get   ("{api}/3.0/mlflow/users/permissions/get",                Oneself("username"),                 Local(GetPermission)),
    get   ("{api}/3.0/mlflow/users/permissions/list",               Oneself("username"),                 Local(ListPermissions)),
    get   ("{api}/3.0/mlflow/users/current/permissions",            Authenticated,                       Local(CurrentPermissions)),
];
