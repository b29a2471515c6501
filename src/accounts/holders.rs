//! The grants as endpoints show them: all that a user has by every role, all that is held on a resource, and the
//! workspaces that somebody manages.

use serde::Deserialize;

use super::grants::{GrantRow, wanted_json};
use super::{Accounts, Database, Statement, fault};
use crate::authz::{Grant, Grants, Resource};
use crate::error::Result;

/// The workspaces that a user (`?1`) manages.
macro_rules! managed {
    ($user:literal) => {
        concat!(
            "SELECT m.workspace FROM user_role_assignments AS x JOIN roles AS m ON m.id = x.role_id
             JOIN role_permissions AS q ON q.role_id = m.id AND q.resource_type = 'workspace'
               AND q.resource_pattern = '*' AND q.permission = 'MANAGE' WHERE x.user_id = ",
            $user
        )
    };
}
const HAS_ROLE: &str = "
    SELECT r.id FROM user_role_assignments AS a JOIN roles AS r ON r.id = a.role_id
    WHERE a.user_id = ?1 AND r.workspace = 'default' AND r.user_id IS NULL
      AND r.name IN (SELECT value FROM json_each(?2)) LIMIT 1";
/// The row without a grant says that the user exists.
macro_rules! grants_of_account {
    ($condition:expr) => {
        concat!(
            "SELECT u.is_admin, NULL AS role_id, NULL AS role_name, NULL AS workspace, NULL AS id,
               NULL AS resource_type, NULL AS resource_pattern, NULL AS permission
             FROM users AS u WHERE u.username = ?1
             UNION ALL
             SELECT u.is_admin, r.id, r.name, r.workspace, p.id, p.resource_type, p.resource_pattern, p.permission
             FROM users AS u JOIN user_role_assignments AS a ON a.user_id = u.id JOIN roles AS r ON r.id = a.role_id
             JOIN role_permissions AS p ON p.role_id = r.id WHERE u.username = ?1",
            $condition,
            " ORDER BY role_id, id"
        )
    };
}
const GRANTS_OF_ACCOUNT: &str = grants_of_account!("");
const GRANTS_SEEN_BY: &str = grants_of_account!(concat!(" AND r.workspace IN (", managed!("?2"), ")"));
const GRANTS_ON: &str = "
    SELECT p.resource_type, p.resource_pattern, p.permission, p.role_id, p.id, r.name AS role_name,
      r.user_id IS NOT NULL AS is_own, u.id AS user_id, u.username
    FROM json_each(?1) AS w
    CROSS JOIN role_permissions AS p ON p.resource_type = w.value ->> 0 AND p.resource_pattern = w.value ->> 1
    CROSS JOIN roles AS r ON r.id = p.role_id AND r.workspace = 'default'
    LEFT JOIN user_role_assignments AS a ON a.role_id = r.id LEFT JOIN users AS u ON u.id = a.user_id
    ORDER BY p.id, u.id";
const ADMINISTRATORS: &str = "SELECT id AS user_id, username FROM users WHERE is_admin = 1 ORDER BY id";

/// A grant of a role, as a list shows it.
#[derive(Debug)]
pub struct RoleGrant {
    /// Row of the roles table.
    pub role_id: i64,
    /// Name of the role.
    pub role_name: String,
    /// Workspace of the role.
    pub workspace: String,
    /// MLflow's name of the type.
    pub resource_type: String,
    /// An id, or `*`.
    pub resource_pattern: String,
    /// MLflow's name of the level.
    pub permission: String,
}

/// A user with the grants of every role.
#[derive(Debug)]
pub struct AccountGrants {
    /// True if an administrator.
    pub is_admin: bool,
    /// By role, and then in the order in which they were made.
    pub grants: Vec<RoleGrant>,
}

/// A grant on a resource, and one user who has it.
#[derive(Debug)]
pub struct HeldGrant {
    /// The pattern that matches the resource.
    pub pattern: Resource,
    /// The grant.
    pub grant: Grant,
    /// Name of the role.
    pub role_name: String,
    /// True if the role is one user's own.
    pub is_own: bool,
    /// Row and name of the user; none if nobody has the role.
    pub user: Option<(i64, String)>,
}

/// Everybody who has something on a resource by more than the default.
#[derive(Debug)]
pub struct Holders {
    /// Row and name of each administrator.
    pub administrators: Vec<(i64, String)>,
    /// The grants, once for each user who has it.
    pub grants: Vec<HeldGrant>,
}

impl<D: Database> Accounts<D> {
    /// Returns true if a user has one of these roles of the workspace `default`.
    pub async fn has_role(&self, user_id: i64, names: &[String]) -> Result<bool> {
        Ok(self.id(sql!(HAS_ROLE, user_id, serde_json::json!(names).to_string().as_str())).await?.is_some())
    }

    /// Returns the grants of the user of this name on the wanted patterns, as they decide about a request of that user.
    pub async fn grants_of(&self, username: &str, wanted: &[Resource]) -> Result<Option<Grants>> {
        Ok(self.identify(username, wanted).await?.map(|(_, _, grants)| grants))
    }

    /// Returns all grants of a user: those in workspaces that `manager` manages, or in every one.
    pub async fn all_grants_of(&self, username: &str, manager: Option<i64>) -> Result<Option<AccountGrants>> {
        #[derive(Deserialize)]
        struct Row {
            is_admin: i64,
            role_id: Option<i64>,
            role_name: Option<String>,
            workspace: Option<String>,
            resource_type: Option<String>,
            resource_pattern: Option<String>,
            permission: Option<String>,
        }
        let rows: Vec<Row> = match manager {
            None => self.query(sql!(GRANTS_OF_ACCOUNT, username)).await?,
            Some(manager) => self.query(sql!(GRANTS_SEEN_BY, username, manager)).await?,
        };
        let Some(is_admin) = rows.first().map(|row| row.is_admin != 0) else { return Ok(None) };
        let grants = rows.into_iter().filter_map(|row| {
            let role_id = row.role_id?; // the row that says that the user exists has none
            let names = row.role_name.zip(row.workspace);
            let grant = row.resource_type.zip(row.resource_pattern).zip(row.permission);
            let whole = names.zip(grant).ok_or_else(|| fault("half a grant of a role"));
            Some(whole.map(|((role_name, workspace), ((resource_type, resource_pattern), permission))| RoleGrant {
                role_id,
                role_name,
                workspace,
                resource_type,
                resource_pattern,
                permission,
            }))
        });
        Ok(Some(AccountGrants { is_admin, grants: grants.collect::<Result<_>>()? }))
    }

    /// Returns the grants on any of the patterns, with everybody who has them, and the administrators.
    pub async fn holders(&self, patterns: &[Resource]) -> Result<Holders> {
        #[derive(Deserialize)]
        struct Row {
            resource_type: Option<String>,
            resource_pattern: Option<String>,
            permission: Option<String>,
            role_id: Option<i64>,
            id: Option<i64>,
            role_name: Option<String>,
            is_own: Option<i64>,
            user_id: Option<i64>,
            username: Option<String>,
        }
        let statements = vec![sql!(GRANTS_ON, wanted_json(patterns).as_str()), sql!(ADMINISTRATORS)];
        let results: Vec<Vec<Row>> = self.run(statements).await?;
        let [grants, administrators] =
            <[Vec<Row>; 2]>::try_from(results).map_err(|_| fault("a batch of two gave another number of results"))?;
        let grants = grants.into_iter().map(|row| {
            let Row { resource_type, resource_pattern, permission, role_id, id, role_name, is_own, user_id, username } =
                row;
            let (pattern, grant) = GrantRow { resource_type, resource_pattern, permission, role_id, id }.read()?;
            let role_name = role_name.ok_or_else(|| fault("a role without a name"))?;
            let user = user_id.zip(username);
            Ok(HeldGrant { pattern, grant, role_name, is_own: is_own == Some(1), user })
        });
        let administrators = administrators.into_iter().filter_map(|row| row.user_id.zip(row.username)).collect();
        Ok(Holders { administrators, grants: grants.collect::<Result<_>>()? })
    }
}
