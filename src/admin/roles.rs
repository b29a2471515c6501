//! `roles/…` and `users/roles/list` of MLflow 3.12 and later.
//!
//! A user's own role is shown with the others. Its permissions are the grants of that user and may be changed here, too;
//! everything else about it is refused, since MLflow's own way lets a user's grants pass to somebody else, or get lost.

use serde_json::{Value, json};

use super::{Admin, no_user, ok};
use crate::accounts::Database;
use crate::accounts::roles::{Assignment, AssignmentChange, PermissionChange, Role, RoleChange, RolePermission};
use crate::authz::{Caller, Permission, Resource, ResourceType};
use crate::error::{Code, Rejection, Result};
use crate::http::Response;
use crate::json::Json;
use crate::request::Call;
use crate::request::granted;
use crate::request::input::{kind, not_text, text};
use crate::request::role_input::{integer, optional, python_repr, python_str, required};

const LONGEST_NAME: usize = 255;
const LONGEST_DESCRIPTION: usize = 1024;
const LONGEST_PATTERN: usize = 255;
/// The names of users' own roles begin so.
const RESERVED: &str = "__user_";

/// A role as MLflow shows it.
pub fn shown(role: &Role) -> Value {
    json!({
        "id": role.id,
        "name": role.name,
        "workspace": role.workspace,
        "description": role.description,
        "permissions": role.permissions.iter().map(shown_permission).collect::<Vec<_>>(),
    })
}

fn shown_permission(permission: &RolePermission) -> Value {
    json!({
        "id": permission.id,
        "role_id": permission.role_id,
        "resource_type": permission.pattern.kind.as_str(),
        "resource_pattern": permission.pattern.id,
        "permission": permission.level.as_str(),
    })
}

fn shown_assignment(assignment: &Assignment) -> Value {
    json!({ "id": assignment.id, "user_id": assignment.user_id, "role_id": assignment.role_id })
}

/// Makes a role, without permissions and for nobody yet.
pub async fn create<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let (name, workspace) = (required(call, "name")?, required(call, "workspace")?);
    let name = not_blank(&name, "Role name cannot be empty.")?;
    let workspace = not_blank(&workspace, "Workspace cannot be empty.")?;
    let description = description(call, "Role description must be a string or null.")?;
    check_name(name)?;
    check_length("Role name", name, LONGEST_NAME)?;
    check_description(description.as_deref())?;
    match admin.accounts.create_role(name, workspace, description.as_deref()).await? {
        Some(role) => Ok(ok(json!({ "role": shown(&role) }))),
        None => Err(exists(format!("Role (name={name}, workspace={workspace}) already exists."))),
    }
}

/// One role.
pub async fn get<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let id = integer(call, "role_id")?;
    let role = admin.accounts.role(id).await?.ok_or_else(|| no_role(id))?;
    Ok(ok(json!({ "role": shown(&role) })))
}

/// The roles of the workspaces that are named, or of all. Those of users are among them.
pub async fn list<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let workspaces: Vec<String> = call.query.all("workspace").map(str::to_owned).collect();
    if workspaces.iter().any(|workspace| workspace.trim().is_empty()) {
        return Err(Rejection::invalid("Parameter 'workspace' must be a non-empty string when provided."));
    }
    let roles = admin.accounts.roles(Some(&workspaces[..]).filter(|named| !named.is_empty())).await?;
    Ok(ok(json!({ "roles": roles.iter().map(shown).collect::<Vec<_>>() })))
}

/// Changes name, description, or both; `null` is as good as absent.
pub async fn update<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let id = integer(call, "role_id")?;
    let given = |name| Ok::<_, Rejection>(optional(call, name)?.filter(|value| *value != Json::Null));
    let (name, new_description) = (given("name")?, given("description")?);
    if name.is_none() && new_description.is_none() {
        let message = "At least one of 'name' or 'description' must be provided to update a role.";
        return Err(Rejection::invalid(message));
    }
    let name = name.as_ref().map(|name| not_blank(name, "Role name cannot be empty.")).transpose()?;
    let description = description(call, "Role description must be a string.")?;
    name.map_or(Ok(()), |name| check_name(name).and_then(|()| check_length("Role name", name, LONGEST_NAME)))?;
    check_description(description.as_deref())?;
    match admin.accounts.update_role(id, name, description.as_deref()).await? {
        RoleChange::Done(role) => Ok(ok(json!({ "role": shown(&role) }))),
        RoleChange::NameTaken(workspace) => {
            let name = name.unwrap_or_default();
            Err(exists(format!("Role with name={name} already exists in workspace={workspace}")))
        }
        RoleChange::NoRole => Err(no_role(id)),
        RoleChange::UsersOwn => Err(users_own("renamed or described")),
    }
}

/// Deletes a role; whoever had it has it no longer.
pub async fn delete<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let id = integer(call, "role_id")?;
    match admin.accounts.delete_role(id).await? {
        RoleChange::Done(_) => Ok(ok(json!({}))),
        RoleChange::NoRole | RoleChange::NameTaken(_) => Err(no_role(id)),
        RoleChange::UsersOwn => Err(users_own("deleted; delete the user, or revoke the user's grants")),
    }
}

/// Adds a permission. That the resource exists is not checked.
pub async fn add_permission<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let role = integer(call, "role_id")?;
    let resource_type = python_str(&required(call, "resource_type")?);
    let (pattern, level) = (required(call, "resource_pattern")?, python_str(&required(call, "permission")?));
    let level = known_level(&level)?;
    let kind = kind(&resource_type)?;
    if !is_level_for(level, kind) {
        return Err(no_level_for(level.as_str(), kind));
    }
    let pattern = read_pattern(kind, &pattern)?;
    match admin.accounts.add_role_permission(role, &pattern, level).await? {
        PermissionChange::Done(permission) => Ok(ok(json!({ "role_permission": shown_permission(&permission) }))),
        PermissionChange::NotFound => Err(no_role(role)),
        PermissionChange::UsersOwn => Err(manages_alone()),
        PermissionChange::NoLevelFor(kind) => Err(no_level_for(level.as_str(), kind)),
        PermissionChange::Exists => Err(exists(format!(
            "Role permission (role_id={role}, resource_type={resource_type}, resource_pattern={}) already exists.",
            pattern.id
        ))),
    }
}

/// Changes the level of a permission.
pub async fn update_permission<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let id = integer(call, "role_permission_id")?;
    let name = python_str(&required(call, "permission")?);
    let level = known_level(&name);
    let is_for = |kind| level.as_ref().is_ok_and(|level| is_level_for(*level, kind));
    // every type but this one has the same levels
    let (for_resources, for_workspaces) = (is_for(ResourceType::Experiment), is_for(ResourceType::Workspace));
    let changed = admin.accounts.update_role_permission(id, &name, for_resources, for_workspaces).await?;
    match changed {
        PermissionChange::Done(permission) => Ok(ok(json!({ "role_permission": shown_permission(&permission) }))),
        PermissionChange::NotFound => Err(no_permission(id)),
        PermissionChange::UsersOwn => Err(manages_alone()),
        PermissionChange::NoLevelFor(kind) => level.and_then(|_| Err(no_level_for(&name, kind))),
        PermissionChange::Exists => Err(exists(format!("Role permission with id={id} already exists."))),
    }
}

/// Takes a permission from its role.
pub async fn remove_permission<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let id = integer(call, "role_permission_id")?;
    if admin.accounts.remove_role_permission(id).await? { Ok(ok(json!({}))) } else { Err(no_permission(id)) }
}

/// The permissions of a role.
pub async fn list_permissions<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let id = integer(call, "role_id")?;
    let role = admin.accounts.role(id).await?.ok_or_else(|| no_role(id))?;
    let permissions: Vec<Value> = role.permissions.iter().map(shown_permission).collect();
    Ok(ok(json!({ "role_permissions": permissions })))
}

/// Gives a role to a user.
pub async fn assign<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let (username, role) = user_and_role(call)?;
    match admin.accounts.assign_role(&username, role).await? {
        AssignmentChange::Done(assignment) => Ok(ok(json!({ "assignment": shown_assignment(&assignment) }))),
        AssignmentChange::NoUser => Err(no_user(&username)),
        AssignmentChange::NoRole => Err(no_role(role)),
        AssignmentChange::UsersOwn => Err(users_own("given to others")),
        AssignmentChange::NotSo(user) => {
            Err(exists(format!("User role assignment (user_id={user}, role_id={role}) already exists")))
        }
    }
}

/// Takes a role from a user.
pub async fn unassign<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let (username, role) = user_and_role(call)?;
    match admin.accounts.unassign_role(&username, role).await? {
        AssignmentChange::Done(_) => Ok(ok(json!({}))),
        AssignmentChange::NoUser => Err(no_user(&username)),
        AssignmentChange::NoRole => Err(no_role(role)),
        AssignmentChange::UsersOwn => Err(users_own("taken away; revoke the user's grants instead")),
        AssignmentChange::NotSo(user) => {
            Err(not_found(format!("User role assignment (user_id={user}, role_id={role}) not found")))
        }
    }
}

/// The users who have a role.
pub async fn list_users<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let id = integer(call, "role_id")?;
    let assignments = admin.accounts.role_assignments(id).await?.ok_or_else(|| no_role(id))?;
    Ok(ok(json!({ "assignments": assignments.iter().map(shown_assignment).collect::<Vec<_>>() })))
}

/// The roles of a user, as far as the caller may see them.
pub async fn list_of_user<D: Database, S>(
    admin: &Admin<'_, D>,
    call: &Call<S>,
    caller: &Caller,
) -> Result<Response<S>> {
    let username = text(call, "username")?;
    let roles = admin.accounts.roles_of_user(&username, caller).await?.ok_or_else(|| no_user(&username))?;
    Ok(ok(json!({ "roles": roles.iter().map(shown).collect::<Vec<_>>() })))
}

fn user_and_role<S>(call: &Call<S>) -> Result<(String, i64)> {
    let username = required(call, "username")?;
    let role = integer(call, "role_id")?;
    match username {
        Json::Text(username) => Ok((username, role)),
        _ => Err(not_text("username")),
    }
}

fn not_blank<'a>(value: &'a Json, message: &'static str) -> Result<&'a str> {
    value.text().filter(|text| !text.trim().is_empty()).ok_or_else(|| Rejection::invalid(message))
}

fn description<S>(call: &Call<S>, message: &'static str) -> Result<Option<String>> {
    match optional(call, "description")? {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text)),
        Some(_) => Err(Rejection::invalid(message)),
    }
}

fn check_description(description: Option<&str>) -> Result<()> {
    description.map_or(Ok(()), |text| check_length("Role description", text, LONGEST_DESCRIPTION))
}

fn check_name(name: &str) -> Result<()> {
    if name.starts_with(RESERVED) {
        return Err(Rejection::invalid(format!(
            "Role name {} uses the reserved '{RESERVED}' prefix, which is held for the per-user permission \
             representation. Choose a different name.",
            python_repr(&Json::Text(name.to_owned()))
        )));
    }
    Ok(())
}

fn check_length(what: &str, text: &str, most: usize) -> Result<()> {
    if text.chars().nth(most).is_some() {
        return Err(Rejection::invalid(format!("'{what}' exceeds the maximum length of {most} characters")));
    }
    Ok(())
}

/// A pattern is text; MLflow takes a number for the text of it.
fn read_pattern(kind: ResourceType, pattern: &Json) -> Result<Resource> {
    let text = match pattern {
        Json::Text(text) => text,
        Json::Number(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text,
        _ => return Err(not_text("resource_pattern")),
    };
    if text.is_empty() {
        return Err(Rejection::invalid("Parameter 'resource_pattern' must be a non-empty string."));
    }
    check_length("Resource pattern", text, LONGEST_PATTERN)?;
    granted::pattern(kind, text)
}

pub(super) fn known_level(name: &str) -> Result<Permission> {
    Permission::parse(name).ok_or_else(|| {
        Rejection::invalid(format!(
            "Invalid permission '{name}'. Valid permissions are: \
             ('READ', 'USE', 'EDIT', 'MANAGE', 'NO_PERMISSIONS', 'DENY')"
        ))
    })
}

/// Returns true if the level can be granted on resources of the type.
pub(super) fn is_level_for(level: Permission, kind: ResourceType) -> bool {
    match kind {
        ResourceType::Workspace => matches!(level, Permission::Use | Permission::Manage),
        _ => level != Permission::NoPermissions,
    }
}

pub(super) fn no_level_for(level: &str, kind: ResourceType) -> Rejection {
    let (grants, levels) = match kind {
        ResourceType::Workspace => ("Workspace-wide", "('MANAGE', 'USE')"),
        _ => ("Resource-level", "('DENY', 'EDIT', 'MANAGE', 'READ', 'USE')"),
    };
    Rejection::invalid(format!(
        "Invalid permission '{level}' for resource_type='{}'. {grants} grants accept only: {levels}.",
        kind.as_str()
    ))
}

fn exists(message: String) -> Rejection {
    Rejection::mlflow(Code::ResourceAlreadyExists, message)
}

fn not_found(message: String) -> Rejection {
    Rejection::mlflow(Code::ResourceDoesNotExist, message)
}

fn no_role(id: i64) -> Rejection {
    not_found(format!("Role with id={id} not found"))
}

fn no_permission(id: i64) -> Rejection {
    not_found(format!("Role permission with id={id} not found"))
}

fn users_own(done: &str) -> Rejection {
    Rejection::invalid(format!("This role holds the grants of one user: it is not {done}."))
}

fn manages_alone() -> Rejection {
    Rejection::invalid("This role holds the grants of one user: a grant on the workspace goes to a named role instead.")
}
