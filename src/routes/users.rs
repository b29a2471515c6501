//! Users, permissions and the sign-up page: answered here, never forwarded.
//!
//! `2.0/…/permissions` is the classic API (MLflow 2.5 to 3.16); `3.0/mlflow/users/permissions` is what clients of
//! 3.13 and later know. Both are the same rows of the directory.

use super::words::*;
use Endpoint::*;

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    get   ("/signup",                                                   Admin,                            Serve(SignUp)),
    post  ("{api}/2.0/mlflow/users/create",                             Admin,                            Serve(CreateUser)),
    post  ("{api}/2.0/mlflow/users/create-ui",                          Admin,                            Serve(CreateUserUi)),
    get   ("{api}/2.0/mlflow/users/get",                                Oneself("username"),              Serve(GetUser)),
    get   ("{api}/2.0/mlflow/users/list",                               Admin,                            Serve(ListUsers)),
    get   ("{api}/2.0/mlflow/users/current",                            Login,                            Serve(CurrentUser)),
    patch ("{api}/2.0/mlflow/users/update-password",                    Oneself("username"),              Serve(UpdatePassword)),
    patch ("{api}/2.0/mlflow/users/update-admin",                       Admin,                            Serve(UpdateAdmin)),
    delete("{api}/2.0/mlflow/users/delete",                             Admin,                            Serve(DeleteUser)),

    post  ("{api}/2.0/mlflow/users/tokens/create",                      Login,                            Serve(CreateToken)),
    get   ("{api}/2.0/mlflow/users/tokens/list",                        Login,                            Serve(ListTokens)),
    delete("{api}/2.0/mlflow/users/tokens/delete",                      Login,                            Serve(DeleteToken)),

    post  ("{api}/2.0/mlflow/experiments/permissions/create",           All(&[Manage(EXPERIMENT)]),  Serve(CreateExperimentPermission)),
    get   ("{api}/2.0/mlflow/experiments/permissions/get",              All(&[Manage(EXPERIMENT)]),  Serve(GetExperimentPermission)),
    patch ("{api}/2.0/mlflow/experiments/permissions/update",           All(&[Manage(EXPERIMENT)]),  Serve(UpdateExperimentPermission)),
    delete("{api}/2.0/mlflow/experiments/permissions/delete",           All(&[Manage(EXPERIMENT)]),  Serve(DeleteExperimentPermission)),
    post  ("{api}/2.0/mlflow/registered-models/permissions/create",     All(&[Manage(MODEL)]),       Serve(CreateModelPermission)),
    get   ("{api}/2.0/mlflow/registered-models/permissions/get",        All(&[Manage(MODEL)]),       Serve(GetModelPermission)),
    patch ("{api}/2.0/mlflow/registered-models/permissions/update",     All(&[Manage(MODEL)]),       Serve(UpdateModelPermission)),
    delete("{api}/2.0/mlflow/registered-models/permissions/delete",     All(&[Manage(MODEL)]),       Serve(DeleteModelPermission)),

    post  ("{api}/3.0/mlflow/users/permissions/grant",                  All(&[Manage(GRANTED)]),     Serve(GrantPermission)),
    post  ("{api}/3.0/mlflow/users/permissions/revoke",                 All(&[Manage(GRANTED)]),     Serve(RevokePermission)),
    get   ("{api}/3.0/mlflow/users/permissions/get",                    Oneself("username"),              Serve(GetPermission)),
    get   ("{api}/3.0/mlflow/users/permissions/list",                   Oneself("username"),              Serve(ListPermissions)),
    get   ("{api}/3.0/mlflow/users/current/permissions",                Login,                            Serve(CurrentPermissions)),
    get   ("{api}/3.0/mlflow/users/roles/list",                         Oneself("username"),              Serve(ListUserRoles)),
];
