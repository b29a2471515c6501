//! The grants of users: what decides a request, what the endpoints show, and what follows from an answer of the origin.
//!
//! The grants that a user holds alone are in the user's own role, which is made with the first of them.

use serde::Deserialize;

use super::{Accounts, Database, GRANTS, GRANTS_OF_TYPE, Id, MOST_LOOKS, Statement, USER_ID, fault};
use crate::authz::{Grant, Grants, Permission, Resource, ResourceType};
use crate::error::{Rejection, Result};

/// Makes the own role of a user, unless it is there.
macro_rules! own_role {
    ($user:literal) => {
        concat!(
            "INSERT INTO roles (name, workspace, user_id)
             SELECT '__user_' || u.id || '__', 'default', u.id FROM users AS u WHERE ",
            $user,
            " ON CONFLICT DO NOTHING RETURNING id"
        )
    };
}
/// Gives it to the user.
macro_rules! own_assignment {
    ($user:literal) => {
        concat!(
            "INSERT INTO user_role_assignments (user_id, role_id)
             SELECT r.user_id, r.id FROM roles AS r JOIN users AS u ON u.id = r.user_id
             WHERE r.workspace = 'default' AND ",
            $user,
            " ON CONFLICT DO NOTHING RETURNING id"
        )
    };
}
const OWN_ROLE: &str = own_role!("u.username = ?1");
const OWN_ASSIGNMENT: &str = own_assignment!("u.username = ?1");
const CREATORS_ROLE: &str = own_role!("u.id = ?1");
const CREATORS_ASSIGNMENT: &str = own_assignment!("u.id = ?1");
const CREATE_GRANT: &str = "
    INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission)
    SELECT r.id, ?2, ?3, ?4 FROM roles AS r JOIN users AS u ON u.id = r.user_id
    WHERE u.username = ?1 AND r.workspace = 'default' AND NOT EXISTS (SELECT 1 FROM role_permissions AS p
      WHERE p.role_id = r.id AND p.resource_pattern = ?3 AND p.resource_type IN (SELECT value FROM json_each(?5)))
    RETURNING (SELECT id FROM users WHERE username = ?1) AS id, permission";
/// The row of a grant that a user holds alone.
macro_rules! own_grant {
    () => {
        "role_id = (SELECT r.id FROM roles AS r JOIN users AS u ON u.id = r.user_id
           WHERE u.username = ?1 AND r.workspace = 'default')
         AND resource_type IN (SELECT value FROM json_each(?5)) AND resource_pattern = ?3"
    };
}
const GET_GRANT: &str = concat!(
    "SELECT (SELECT id FROM users WHERE username = ?1) AS id, permission FROM role_permissions WHERE ",
    own_grant!()
);
const UPDATE_GRANT: &str = concat!(
    "UPDATE role_permissions SET permission = ?4 WHERE ",
    own_grant!(),
    " RETURNING (SELECT id FROM users WHERE username = ?1) AS id, permission"
);
const DELETE_GRANT: &str = concat!(
    "DELETE FROM role_permissions WHERE ",
    own_grant!(),
    " RETURNING (SELECT id FROM users WHERE username = ?1) AS id, permission"
);
const OWN: &str = "
    INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission)
    SELECT id, ?2, ?3, 'MANAGE' FROM roles WHERE user_id = ?1 AND workspace = 'default'
    ON CONFLICT DO UPDATE SET permission = 'MANAGE' RETURNING id";
/// Nobody manages the resource (`?2`, `?3`) alone, or is shut out of it: it is not known as a thing that is there.
macro_rules! is_unclaimed {
    () => {
        "NOT EXISTS (SELECT 1 FROM role_permissions AS p JOIN roles AS r ON r.id = p.role_id AND r.user_id IS NOT NULL
           WHERE p.resource_type = ?2 AND p.resource_pattern = ?3 AND p.permission IN ('MANAGE', 'DENY'))"
    };
}
const FORGET_UNCLAIMED: &str = concat!(
    "DELETE FROM role_permissions WHERE resource_type = ?2 AND resource_pattern = ?3 AND ?1 > 0
       AND role_id IN (SELECT id FROM roles WHERE user_id IS NOT NULL) AND ",
    is_unclaimed!(),
    " RETURNING id"
);
const OWN_UNCLAIMED: &str = concat!(
    "INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission)
     SELECT id, ?2, ?3, 'MANAGE' FROM roles WHERE user_id = ?1 AND workspace = 'default' AND ",
    is_unclaimed!(),
    " RETURNING id"
);
/// The grants that users hold alone on the resource (`?1`, `?2`), under whichever of the two types of a name.
macro_rules! own_grants_on {
    () => {
        "resource_pattern = ?2 AND resource_type IN (SELECT value FROM json_each(?1))
         AND role_id IN (SELECT id FROM roles WHERE user_id IS NOT NULL)"
    };
}
const FORGET: &str = concat!("DELETE FROM role_permissions WHERE ", own_grants_on!(), " RETURNING id");
/// The outcome of a change to a grant.
pub enum Change {
    /// It was there (or was made), for the user of this id, with this level.
    Done(i64, Permission),
    /// There is no such user.
    NoUser,
    /// The user has no such grant, or, when one was to be made, has one already.
    NotSo,
}

/// A grant that a user holds alone: whose and on what.
pub struct GrantKey<'a> {
    /// The user's name.
    pub username: &'a str,
    /// The resource, or every one of a type.
    pub resource: &'a Resource,
    /// True if a grant on the name counts whichever of the two types of a name it is under: the classic API has one
    /// type for models and prompts.
    pub under_any_type: bool,
}

impl<D: Database> Accounts<D> {
    /// Returns a user's grants on these patterns. Of a user who was deleted since the sign-in none is left, which must
    /// not count as the default: that is a rejection.
    pub async fn grants(&self, user_id: i64, wanted: &[Resource]) -> Result<Grants> {
        if wanted.is_empty() {
            return Ok(Grants::default());
        }
        let sql = if wanted.len() > MOST_LOOKS { GRANTS_OF_TYPE } else { GRANTS };
        let mut rows: Vec<GrantRow> = self.query(sql!(sql, user_id, wanted_json(wanted).as_str())).await?;
        let found = rows.len();
        rows.retain(|row| !row.is_empty());
        if rows.len() == found {
            return Err(Rejection::unauthenticated(format!("user {user_id} was deleted meanwhile")));
        }
        collect_grants(wanted, rows)
    }

    /// Makes a grant; one that is there already stays as it is.
    pub async fn create_grant(&self, key: &GrantKey<'_>, level: Permission) -> Result<Change> {
        let own_role = vec![sql!(OWN_ROLE, key.username), sql!(OWN_ASSIGNMENT, key.username)];
        self.change(key, own_role, CREATE_GRANT, Some(level)).await
    }

    /// Reads a grant.
    pub async fn get_grant(&self, key: &GrantKey<'_>) -> Result<Change> {
        self.change(key, Vec::new(), GET_GRANT, None).await
    }

    /// Changes the level of a grant.
    pub async fn update_grant(&self, key: &GrantKey<'_>, level: Permission) -> Result<Change> {
        self.change(key, Vec::new(), UPDATE_GRANT, Some(level)).await
    }

    /// Takes a grant back.
    pub async fn delete_grant(&self, key: &GrantKey<'_>) -> Result<Change> {
        self.change(key, Vec::new(), DELETE_GRANT, None).await
    }

    /// Gives MANAGE to the creator of a new thing, and nobody else anything: whatever users held alone on its id or name
    /// before is gone. What roles say of it is an administrator's word about the name, and stays.
    pub async fn grant_manage(&self, user_id: i64, resource: &Resource) -> Result<()> {
        let statements = vec![
            sql!(FORGET, types(resource.kind).as_str(), resource.id.as_str()),
            sql!(CREATORS_ROLE, user_id),
            sql!(CREATORS_ASSIGNMENT, user_id),
            sql!(OWN, user_id, resource.kind.as_str(), resource.id.as_str()),
        ];
        let results: Vec<Vec<Id>> = self.run(statements).await?;
        match results.last() {
            Some(rows) if !rows.is_empty() => Ok(()),
            _ => Err(fault("the creator was deleted meanwhile")),
        }
    }

    /// The same for a thing that may have been there before: where somebody manages it alone, or is shut out of it, all
    /// stays as it is.
    pub async fn grant_manage_if_unclaimed(&self, user_id: i64, resource: &Resource) -> Result<()> {
        let about = |text: &'static str| sql!(text, user_id, resource.kind.as_str(), resource.id.as_str());
        let statements = vec![
            about(FORGET_UNCLAIMED),
            sql!(CREATORS_ROLE, user_id),
            sql!(CREATORS_ASSIGNMENT, user_id),
            about(OWN_UNCLAIMED),
        ];
        self.run::<Id>(statements).await.map(drop)
    }

    /// Takes back the grants that users hold alone on a resource that is gone.
    pub async fn delete_grants(&self, resource: &Resource) -> Result<()> {
        self.id(sql!(FORGET, types(resource.kind).as_str(), resource.id.as_str())).await.map(drop)
    }

    /// The user's id comes first of the answers and the change last.
    async fn change(
        &self,
        key: &GrantKey<'_>,
        before: Vec<Statement>,
        sql: &'static str,
        level: Option<Permission>,
    ) -> Result<Change> {
        #[derive(Deserialize)]
        struct Row {
            id: i64,
            #[serde(default)]
            permission: Option<String>,
        }
        let mut change = sql!(sql, key.username, key.resource.kind.as_str(), key.resource.id.as_str());
        let types = if key.under_any_type { types(key.resource.kind) } else { one_type(key.resource.kind) };
        change.values.push(level.map_or("", Permission::as_str).into());
        change.values.push(types.as_str().into());
        let mut statements = vec![sql!(USER_ID, key.username)];
        statements.extend(before);
        statements.push(change);
        let results: Vec<Vec<Row>> = self.run(statements).await?;
        match results.as_slice() {
            [user, ..] if user.is_empty() => Ok(Change::NoUser),
            [_, .., rows] => match rows.first() {
                None => Ok(Change::NotSo),
                Some(row) => Ok(Change::Done(row.id, level_of(row.permission.as_deref().unwrap_or_default())?)),
            },
            _ => Err(fault("a batch gave too few results")),
        }
    }
}

/// The types under which a grant on the name may stand.
pub(super) fn types(kind: ResourceType) -> String {
    match kind {
        ResourceType::RegisteredModel | ResourceType::Prompt => r#"["registered_model","prompt"]"#.to_owned(),
        other => one_type(other),
    }
}

fn one_type(kind: ResourceType) -> String {
    serde_json::json!([kind.as_str()]).to_string()
}

/// A grant, as columns or as a list; all are null where a LEFT JOIN found none.
#[derive(Deserialize)]
pub(super) struct GrantRow {
    pub(super) resource_type: Option<String>,
    pub(super) resource_pattern: Option<String>,
    pub(super) permission: Option<String>,
    pub(super) role_id: Option<i64>,
    pub(super) id: Option<i64>,
}

impl GrantRow {
    fn is_empty(&self) -> bool {
        self.resource_type.is_none() && self.resource_pattern.is_none() && self.permission.is_none()
    }

    pub(super) fn read(self) -> Result<(Resource, Grant)> {
        let (Some(kind), Some(id), Some(level), Some(role), Some(row)) =
            (self.resource_type, self.resource_pattern, self.permission, self.role_id, self.id)
        else {
            // half a grant must not count as none: the default could be higher
            return Err(fault("a grant without type, pattern, permission or role"));
        };
        Ok((Resource { kind: type_of(&kind)?, id }, Grant { level: level_of(&level)?, role, row }))
    }
}

/// The wanted grants, out of the JSON of a statement.
pub(super) fn grants_of(wanted: &[Resource], json: &str) -> Result<Grants> {
    let rows: Vec<GrantRow> = serde_json::from_str(json).map_err(|error| fault(format!("grants: {error}")))?;
    collect_grants(wanted, rows)
}

fn collect_grants(wanted: &[Resource], rows: Vec<GrantRow>) -> Result<Grants> {
    let mut grants = Grants::on(wanted);
    for row in rows {
        let (pattern, grant) = row.read()?;
        grants.add(&pattern, grant);
    }
    Ok(grants)
}

/// A type that we do not know must not count as none.
pub(super) fn type_of(name: &str) -> Result<ResourceType> {
    ResourceType::parse(name).ok_or_else(|| fault(format!("unknown resource type '{name}'")))
}

/// A level that we do not know must not count as none: the default could be higher.
pub(super) fn level_of(name: &str) -> Result<Permission> {
    Permission::parse(name).ok_or_else(|| fault(format!("unknown permission '{name}'")))
}

/// The patterns as `[["experiment","1"],…]`: one bound value however many there are.
pub(super) fn wanted_json(wanted: &[Resource]) -> String {
    let pairs: Vec<_> = wanted.iter().map(|r| (r.kind.as_str(), r.id.as_str())).collect();
    serde_json::json!(pairs).to_string()
}
