//! Roles, their permissions and the users who have them; the standing of users in workspaces.
//!
//! A user's own role, which holds what is granted to that user alone, is one of them: it is shown, and its permissions
//! may be changed, but it is neither given to others nor taken away, renamed or deleted.

use serde::Deserialize;

use super::grants::{level_of, type_of};
use super::{Accounts, Database, Statement, USER_ID, User, fault};
use crate::authz::workspace::{Held, Presence, Standing};
use crate::authz::{Caller, Permission, Resource, ResourceType};
use crate::error::{Rejection, Result};

/// The permission of a role that makes managers of its workspace, by the alias of its row.
macro_rules! is_managers {
    ($row:literal) => {
        concat!(
            $row,
            ".resource_type = 'workspace' AND ",
            $row,
            ".resource_pattern = '*' AND ",
            $row,
            ".permission = 'MANAGE'"
        )
    };
}

/// The workspaces that the user manages.
macro_rules! managed_by {
    ($user:literal) => {
        concat!(
            "(SELECT m.workspace FROM user_role_assignments AS b JOIN roles AS m ON m.id = b.role_id
              JOIN role_permissions AS w ON w.role_id = m.id WHERE b.user_id = ",
            $user,
            " AND ",
            is_managers!("w"),
            ")"
        )
    };
}

/// Roles with their permissions: a row for each permission, or one for a role that has none.
macro_rules! roles {
    ($columns:literal, $from:literal, $condition:expr, $order:literal) => {
        concat!(
            "SELECT ",
            $columns,
            "r.id AS role_id, r.name, r.workspace, r.description, r.user_id AS owner,
             p.id AS permission_id, p.resource_type, p.resource_pattern, p.permission
             FROM ",
            $from,
            " LEFT JOIN role_permissions AS p ON p.role_id = r.id WHERE ",
            $condition,
            " ORDER BY ",
            $order,
            "r.id, p.id"
        )
    };
}

const ROLE: &str = roles!("", "roles AS r", "r.id = ?1", "");
const ROLES: &str = roles!("", "roles AS r", "1", "");
const ROLES_IN: &str = roles!("", "roles AS r", "r.workspace IN (SELECT value FROM json_each(?1))", "");
/// All of a user's, or those in workspaces that another manages.
const ROLES_OF_USER: &str = roles!(
    "",
    "users AS u JOIN user_role_assignments AS a ON a.user_id = u.id JOIN roles AS r ON r.id = a.role_id",
    concat!("u.username = ?1 AND (?3 = 1 OR r.workspace IN ", managed_by!("?2"), ")"),
    ""
);
/// Everybody's, or one's own and those in workspaces that one manages.
const ROLES_OF_USERS: &str = roles!(
    "a.user_id, ",
    "user_role_assignments AS a JOIN roles AS r ON r.id = a.role_id",
    concat!("?2 = 1 OR a.user_id = ?1 OR r.workspace IN ", managed_by!("?1")),
    "a.user_id, "
);
const USERS: &str = "SELECT id AS user_id, username, is_admin FROM users ORDER BY id";
/// Asked and done in one statement. `ON CONFLICT DO NOTHING` would use up an id. A description, or a name that may be
/// absent, is JSON: `null` makes none, and changes none.
const CREATE: &str = "
    INSERT INTO roles (name, workspace, description)
    SELECT ?1, ?2, ?3 ->> '$' WHERE NOT EXISTS (SELECT 1 FROM roles WHERE workspace = ?2 AND name = ?1)
    RETURNING id AS role_id, name, workspace, description";
const UPDATE: &str = "
    UPDATE roles SET name = coalesce(?2 ->> '$', name), description = coalesce(?3 ->> '$', description)
    WHERE id = ?1 AND user_id IS NULL AND NOT EXISTS (SELECT 1 FROM roles AS other
      WHERE other.workspace = roles.workspace AND other.name = ?2 ->> '$' AND other.id <> ?1)
    RETURNING id AS role_id";
const DELETE: &str = "DELETE FROM roles WHERE id = ?1 AND user_id IS NULL RETURNING id AS role_id";
/// A manager of the workspace is made by a named role alone.
const ADD_PERMISSION: &str = "
    INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission)
    SELECT id, ?2, ?3, ?4 FROM roles WHERE id = ?1 AND (?2 <> 'workspace' OR user_id IS NULL)
      AND NOT EXISTS (SELECT 1 FROM role_permissions
        WHERE role_id = ?1 AND resource_type = ?2 AND resource_pattern = ?3)
    RETURNING id AS permission_id, role_id, resource_type, resource_pattern, permission";
const PERMISSION: &str = "
    SELECT p.id AS permission_id, p.role_id, r.workspace, r.user_id AS owner,
      p.resource_type, p.resource_pattern, p.permission
    FROM role_permissions AS p JOIN roles AS r ON r.id = p.role_id WHERE p.id = ?1";
/// ?3 and ?4 are 1 if the level is one for resources, and for workspaces.
const UPDATE_PERMISSION: &str = "
    UPDATE role_permissions SET permission = ?2
    WHERE id = ?1 AND CASE resource_type WHEN 'workspace'
      THEN ?4 = 1 AND (SELECT user_id FROM roles WHERE id = role_id) IS NULL ELSE ?3 = 1 END
    RETURNING id AS permission_id, role_id, resource_type, resource_pattern, permission";
const REMOVE_PERMISSION: &str = "DELETE FROM role_permissions WHERE id = ?1 RETURNING id AS permission_id";
const ASSIGN: &str = "
    INSERT INTO user_role_assignments (user_id, role_id)
    SELECT u.id, r.id FROM users AS u JOIN roles AS r ON r.id = ?2
    WHERE u.username = ?1 AND r.user_id IS NULL
      AND NOT EXISTS (SELECT 1 FROM user_role_assignments AS a WHERE a.user_id = u.id AND a.role_id = r.id)
    RETURNING id, user_id, role_id";
/// That of a user's own role to its user stays. One to somebody else can only have been imported, and may go.
const UNASSIGN: &str = "
    DELETE FROM user_role_assignments
    WHERE role_id = ?2 AND user_id = (SELECT id FROM users WHERE username = ?1)
      AND user_id IS NOT (SELECT user_id FROM roles WHERE id = ?2)
    RETURNING id, user_id, role_id";
const ROLE_OWNER: &str = "SELECT id AS role_id, workspace, user_id AS owner FROM roles WHERE id = ?1";
const ASSIGNMENTS: &str = "SELECT id, user_id, role_id FROM user_role_assignments WHERE role_id = ?1 ORDER BY id";
/// A role of each workspace in which the user has any, and one that makes a manager if there is one.
const PRESENCE: &str = concat!(
    "SELECT r.workspace, min(r.id) AS role_id, min(p.role_id) AS manager
     FROM user_role_assignments AS a JOIN roles AS r ON r.id = a.role_id
     LEFT JOIN role_permissions AS p ON p.role_id = r.id AND ",
    is_managers!("p"),
    " WHERE a.user_id = ?1 GROUP BY r.workspace"
);
const WORKSPACES_OF_USER: &str = "
    SELECT DISTINCT r.workspace FROM users AS u JOIN user_role_assignments AS a ON a.user_id = u.id
    JOIN roles AS r ON r.id = a.role_id WHERE u.username = ?1 ORDER BY r.workspace";

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Row of the roles table.
    pub id: i64,
    /// The name.
    pub name: String,
    /// The workspace.
    pub workspace: String,
    /// A description, for people.
    pub description: Option<String>,
    /// Its permissions, in the order in which they were made.
    pub permissions: Vec<RolePermission>,
}

/// A permission of a role: a level on a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolePermission {
    /// Row of the role_permissions table.
    pub id: i64,
    /// The role.
    pub role_id: i64,
    /// One resource, or every one of a type.
    pub pattern: Resource,
    /// The level.
    pub level: Permission,
}

/// A role that a user has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Row of the user_role_assignments table.
    pub id: i64,
    /// The user.
    pub user_id: i64,
    /// The role.
    pub role_id: i64,
}

/// The outcome of a change to a role.
#[derive(Debug, PartialEq, Eq)]
pub enum RoleChange {
    /// The role as it is now, or was.
    Done(Role),
    /// There is no such role.
    NoRole,
    /// It is a user's own role.
    UsersOwn,
    /// Another role of this workspace has the name.
    NameTaken(String),
}

/// The outcome of a change to a permission of a role.
#[derive(Debug, PartialEq, Eq)]
pub enum PermissionChange {
    /// The permission as it is now.
    Done(RolePermission),
    /// There is no such role, or no such permission.
    NotFound,
    /// A user's own role makes nobody a manager.
    UsersOwn,
    /// The role has one on this pattern.
    Exists,
    /// The level is none for this type.
    NoLevelFor(ResourceType),
}

/// The outcome of giving a role to a user, or taking it away.
#[derive(Debug, PartialEq, Eq)]
pub enum AssignmentChange {
    /// It was made, or was there.
    Done(Assignment),
    /// There is no such user.
    NoUser,
    /// There is no such role.
    NoRole,
    /// It is a user's own role.
    UsersOwn,
    /// The user of this id has the role already, or does not have it.
    NotSo(i64),
}

/// The ids by which a request names a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleIds {
    /// Row of the roles table.
    pub role: Option<i64>,
    /// Row of the role_permissions table.
    pub permission: Option<i64>,
    /// The workspace of the role, which may be a new one.
    pub workspace: Option<String>,
}

/// The columns of all statements here; each has some of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Row {
    id: Option<i64>,
    user_id: Option<i64>,
    username: Option<String>,
    is_admin: Option<i64>,
    role_id: Option<i64>,
    name: Option<String>,
    workspace: Option<String>,
    description: Option<String>,
    owner: Option<i64>,
    manager: Option<i64>,
    permission_id: Option<i64>,
    resource_type: Option<String>,
    resource_pattern: Option<String>,
    permission: Option<String>,
}

impl Row {
    /// The role without its permissions.
    fn role(&self) -> Result<Role> {
        let (Some(id), Some(name), Some(workspace)) = (self.role_id, self.name.clone(), self.workspace.clone()) else {
            return Err(fault("half a role"));
        };
        Ok(Role { id, name, workspace, description: self.description.clone(), permissions: Vec::new() })
    }

    /// The permission; none where a LEFT JOIN found none.
    fn permission(self) -> Result<Option<RolePermission>> {
        match (self.permission_id, self.role_id, self.resource_type, self.resource_pattern, self.permission) {
            (Some(id), Some(role_id), Some(kind), Some(pattern), Some(level)) => {
                let pattern = Resource { kind: type_of(&kind)?, id: pattern };
                Ok(Some(RolePermission { id, role_id, pattern, level: level_of(&level)? }))
            }
            (None, _, None, None, None) => Ok(None),
            _ => Err(fault("half a permission of a role")),
        }
    }

    fn assignment(&self) -> Result<Assignment> {
        match (self.id, self.user_id, self.role_id) {
            (Some(id), Some(user_id), Some(role_id)) => Ok(Assignment { id, user_id, role_id }),
            _ => Err(fault("half an assignment of a role")),
        }
    }

    fn held(self) -> Result<Held> {
        let (Some(workspace), Some(member)) = (self.workspace, self.role_id) else { return Err(fault("half a role")) };
        Ok(match self.manager {
            Some(role) => Held { standing: Standing::Manager, workspace, role },
            None => Held { standing: Standing::Member, workspace, role: member },
        })
    }
}

/// Joins the rows of each role, which stand beside each other.
fn collect_roles(rows: Vec<Row>) -> Result<Vec<Role>> {
    let mut roles: Vec<Role> = Vec::new();
    for row in rows {
        if roles.last().map(|role| role.id) != row.role_id {
            roles.push(row.role()?);
        }
        let permission = row.permission()?;
        if let Some(role) = roles.last_mut() {
            role.permissions.extend(permission);
        }
    }
    Ok(roles)
}

fn one_permission(row: Row) -> Result<RolePermission> {
    row.permission()?.ok_or_else(|| fault("no permission where there must be one"))
}

fn presence(rows: Vec<Row>) -> Result<Presence> {
    let mut presence = Presence::default();
    rows.into_iter().try_for_each(|row| row.held().map(|held| presence.add(held)))?;
    Ok(presence)
}

/// A text as JSON, and `null` for none.
fn json(text: Option<&str>) -> String {
    serde_json::json!(text).to_string()
}

impl<D: Database> Accounts<D> {
    /// Makes a role; `None` if the workspace has one of that name.
    pub async fn create_role(&self, name: &str, workspace: &str, description: Option<&str>) -> Result<Option<Role>> {
        let description = json(description);
        let rows: Vec<Row> = self.query(sql!(CREATE, name, workspace, description.as_str())).await?;
        rows.first().map(Row::role).transpose()
    }

    /// A role with its permissions.
    pub async fn role(&self, id: i64) -> Result<Option<Role>> {
        Ok(collect_roles(self.query(sql!(ROLE, id)).await?)?.pop())
    }

    /// The roles of these workspaces, or all of them.
    pub async fn roles(&self, workspaces: Option<&[String]>) -> Result<Vec<Role>> {
        let statement = match workspaces {
            Some(workspaces) => sql!(ROLES_IN, serde_json::json!(workspaces).to_string().as_str()),
            None => sql!(ROLES),
        };
        collect_roles(self.query(statement).await?)
    }

    /// Changes the name of a role, or its description, or both.
    pub async fn update_role(&self, id: i64, name: Option<&str>, description: Option<&str>) -> Result<RoleChange> {
        let (name, description) = (json(name), json(description));
        let update = sql!(UPDATE, id, name.as_str(), description.as_str());
        let mut results = self.run::<Row>(vec![update, sql!(ROLE, id)]).await?.into_iter();
        let (Some(changed), Some(rows)) = (results.next(), results.next()) else { return Err(too_few()) };
        let is_own = rows.first().is_some_and(|row| row.owner.is_some());
        Ok(match collect_roles(rows)?.pop() {
            None => RoleChange::NoRole,
            Some(_) if is_own => RoleChange::UsersOwn,
            Some(role) if changed.is_empty() => RoleChange::NameTaken(role.workspace),
            Some(role) => RoleChange::Done(role),
        })
    }

    /// Deletes a role with its permissions and its assignments.
    pub async fn delete_role(&self, id: i64) -> Result<RoleChange> {
        let mut results = self.run::<Row>(vec![sql!(ROLE, id), sql!(DELETE, id)]).await?.into_iter();
        let (Some(rows), Some(deleted)) = (results.next(), results.next()) else { return Err(too_few()) };
        Ok(match collect_roles(rows)?.pop() {
            None => RoleChange::NoRole,
            Some(_) if deleted.is_empty() => RoleChange::UsersOwn,
            Some(role) => RoleChange::Done(role),
        })
    }

    /// Adds a permission to a role; one on the same pattern stays as it is.
    pub async fn add_role_permission(
        &self,
        role: i64,
        pattern: &Resource,
        level: Permission,
    ) -> Result<PermissionChange> {
        let add = sql!(ADD_PERMISSION, role, pattern.kind.as_str(), pattern.id.as_str(), level.as_str());
        let mut results = self.run::<Row>(vec![sql!(ROLE_OWNER, role), add]).await?.into_iter();
        let (Some(roles), Some(added)) = (results.next(), results.next()) else { return Err(too_few()) };
        let Some(role) = roles.first() else { return Ok(PermissionChange::NotFound) };
        match added.into_iter().next() {
            Some(row) => Ok(PermissionChange::Done(one_permission(row)?)),
            None if role.owner.is_some() && pattern.kind == ResourceType::Workspace => Ok(PermissionChange::UsersOwn),
            None => Ok(PermissionChange::Exists),
        }
    }

    /// Changes the level of a permission. `for_resources` and `for_workspaces` say what it is a level for.
    pub async fn update_role_permission(
        &self,
        id: i64,
        level: &str,
        for_resources: bool,
        for_workspaces: bool,
    ) -> Result<PermissionChange> {
        let update = sql!(UPDATE_PERMISSION, id, level, i64::from(for_resources), i64::from(for_workspaces));
        let mut results = self.run::<Row>(vec![sql!(PERMISSION, id), update]).await?.into_iter();
        let (Some(before), Some(after)) = (results.next(), results.next()) else { return Err(too_few()) };
        if let Some(row) = after.into_iter().next() {
            return Ok(PermissionChange::Done(one_permission(row)?));
        }
        let Some(row) = before.into_iter().next() else { return Ok(PermissionChange::NotFound) };
        let is_own = row.owner.is_some();
        let kind = one_permission(row)?.pattern.kind;
        let is_level = if kind == ResourceType::Workspace { for_workspaces } else { for_resources };
        Ok(if is_own && is_level { PermissionChange::UsersOwn } else { PermissionChange::NoLevelFor(kind) })
    }

    /// Takes a permission from its role. Returns true if there was such a one.
    pub async fn remove_role_permission(&self, id: i64) -> Result<bool> {
        Ok(!self.query::<Row>(sql!(REMOVE_PERMISSION, id)).await?.is_empty())
    }

    /// Gives a role to a user.
    pub async fn assign_role(&self, username: &str, role: i64) -> Result<AssignmentChange> {
        let (user, owner, made) = self.assignment(username, role, ASSIGN).await?;
        Ok(match (user, owner, made) {
            (None, ..) => AssignmentChange::NoUser,
            (_, None, _) => AssignmentChange::NoRole,
            (.., Some(assignment)) => AssignmentChange::Done(assignment),
            (_, Some(Some(_)), None) => AssignmentChange::UsersOwn,
            (Some(user), Some(None), None) => AssignmentChange::NotSo(user),
        })
    }

    /// Takes a role from a user. A role that does not exist is one that the user does not have.
    pub async fn unassign_role(&self, username: &str, role: i64) -> Result<AssignmentChange> {
        let (user, owner, gone) = self.assignment(username, role, UNASSIGN).await?;
        Ok(match (user, gone) {
            (None, _) => AssignmentChange::NoUser,
            (_, Some(assignment)) => AssignmentChange::Done(assignment),
            (Some(_), None) if owner == Some(user) => AssignmentChange::UsersOwn,
            (Some(user), None) => AssignmentChange::NotSo(user),
        })
    }

    /// The user, the one whose own the role is (nobody's, of a named role), and the assignment that was changed.
    async fn assignment(
        &self,
        username: &str,
        role: i64,
        sql: &'static str,
    ) -> Result<(Option<i64>, Option<Option<i64>>, Option<Assignment>)> {
        let statements = vec![sql!(USER_ID, username), sql!(ROLE_OWNER, role), sql!(sql, username, role)];
        let results: Vec<Vec<Row>> = self.run(statements).await?;
        let [users, roles, changed] = results.as_slice() else { return Err(too_few()) };
        let user = users.first().map(|row| row.id.ok_or_else(|| fault("a user without an id"))).transpose()?;
        let changed = changed.first().map(Row::assignment).transpose()?;
        Ok((user, roles.first().map(|row| row.owner), changed))
    }

    /// The users who have a role; `None` if there is no such role.
    pub async fn role_assignments(&self, role: i64) -> Result<Option<Vec<Assignment>>> {
        let results: Vec<Vec<Row>> = self.run(vec![sql!(ROLE_OWNER, role), sql!(ASSIGNMENTS, role)]).await?;
        let [roles, rows] = results.as_slice() else { return Err(too_few()) };
        let assignments = rows.iter().map(Row::assignment).collect::<Result<_>>()?;
        Ok((!roles.is_empty()).then_some(assignments))
    }

    /// The roles of a user that `caller` may see; `None` if there is no such user. Others than an administrator see
    /// their own, and those in workspaces that they manage.
    pub async fn roles_of_user(&self, username: &str, caller: &Caller) -> Result<Option<Vec<Role>>> {
        let sees_all = i64::from(caller.is_admin || username == caller.username);
        let roles = sql!(ROLES_OF_USER, username, caller.id, sees_all);
        let mut results = self.run::<Row>(vec![sql!(USER_ID, username), roles]).await?.into_iter();
        let (Some(users), Some(rows)) = (results.next(), results.next()) else { return Err(too_few()) };
        if users.is_empty() { Ok(None) } else { collect_roles(rows).map(Some) }
    }

    /// Every user, without grants, with the roles that `caller` may see.
    pub async fn users(&self, caller: &Caller) -> Result<Vec<(User, Vec<Role>)>> {
        let roles = sql!(ROLES_OF_USERS, caller.id, i64::from(caller.is_admin));
        let mut results = self.run::<Row>(vec![sql!(USERS), roles]).await?.into_iter();
        let (Some(users), Some(rows)) = (results.next(), results.next()) else { return Err(too_few()) };
        let mut rows = rows.into_iter().peekable();
        users
            .into_iter()
            .map(|row| {
                let (Some(id), Some(username), Some(is_admin)) = (row.user_id, row.username, row.is_admin) else {
                    return Err(fault("half a user"));
                };
                let mut own = Vec::new();
                while let Some(row) = rows.next_if(|row| row.user_id == Some(id)) {
                    own.push(row);
                }
                let user = User { id, username, is_admin: is_admin != 0, grants: Vec::new() };
                Ok((user, collect_roles(own)?))
            })
            .collect()
    }

    /// The workspaces in which a user has a role.
    pub async fn presence(&self, user_id: i64) -> Result<Presence> {
        presence(self.query(sql!(PRESENCE, user_id)).await?)
    }

    /// The same, and the workspaces in which the user of this name has a role.
    pub async fn presence_beside(&self, user_id: i64, username: &str) -> Result<(Presence, Vec<String>)> {
        let statements = vec![sql!(PRESENCE, user_id), sql!(WORKSPACES_OF_USER, username)];
        let mut results = self.run::<Row>(statements).await?.into_iter();
        let (Some(own), Some(others)) = (results.next(), results.next()) else { return Err(too_few()) };
        Ok((presence(own)?, others.into_iter().filter_map(|row| row.workspace).collect()))
    }

    /// The same, and the workspace of the role that these ids name. There is none if one of them leads nowhere, or if
    /// they do not all lead to the same.
    pub async fn presence_and_workspace(&self, user_id: i64, ids: &RoleIds) -> Result<(Presence, Option<String>)> {
        let mut statements = vec![sql!(PRESENCE, user_id)];
        statements.extend(ids.role.map(|id| sql!(ROLE_OWNER, id)));
        statements.extend(ids.permission.map(|id| sql!(PERMISSION, id)));
        let mut results = self.run::<Row>(statements).await?.into_iter();
        let own = results.next().ok_or_else(too_few)?;
        let named: Vec<Option<Row>> = results.map(|rows| rows.into_iter().next()).collect();
        Ok((presence(own)?, agreed(named, ids.workspace.as_deref())))
    }
}

/// The workspace to which everything that was asked for leads.
fn agreed(named: Vec<Option<Row>>, workspace: Option<&str>) -> Option<String> {
    let found: Vec<(i64, String)> =
        named.into_iter().map(|row| row.and_then(|r| r.role_id.zip(r.workspace))).collect::<Option<_>>()?;
    let first = match found.first() {
        Some((_, first)) => first.as_str(),
        None => workspace?,
    };
    let agree = found.windows(2).all(|pair| matches!(pair, [one, other] if one == other));
    (agree && workspace.is_none_or(|workspace| workspace == first)).then(|| first.to_owned())
}

fn too_few() -> Rejection {
    fault("a batch gave too few results")
}
