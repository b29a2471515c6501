//! Grants on a model, or prompt, that MLflow renames or deletes.
//!
//! MLflow and D1 have no transaction in common: between the two somebody may make a new model under the name that was
//! given up. So the grants are looked at before MLflow acts. Rows are numbered in the order in which they are made, and
//! whoever makes a model takes what stood on its name away; what follows touches the grants of before and no later ones.

use serde::Deserialize;

use super::grants::{type_of, types};
use super::{Accounts, Database, Id, Statement, fault};
use crate::authz::{Resource, ResourceType};
use crate::error::Result;

/// The grants that users hold alone, as `p`, on the name `?2` under one of the types `?1`.
macro_rules! own_on_old {
    () => {
        "p.resource_pattern = ?2 AND p.resource_type IN (SELECT value FROM json_each(?1))
         AND p.role_id IN (SELECT id FROM roles WHERE user_id IS NOT NULL)"
    };
}

const STANDING: &str = concat!(
    "SELECT (SELECT coalesce(max(id), 0) FROM role_permissions) AS newest,
       (SELECT json_group_array(json_array(p.id, p.role_id, p.resource_type, p.permission)) FROM role_permissions AS p WHERE ",
    own_on_old!(),
    ") AS held,
       (SELECT json_array(r.name, p.permission, p.resource_type, p.resource_pattern)
        FROM role_permissions AS p JOIN roles AS r ON r.id = p.role_id AND r.user_id IS NULL
        WHERE p.resource_pattern IN (?2, ?3) AND p.resource_type IN (SELECT value FROM json_each(?1)) LIMIT 1) AS role"
);
/// Nothing was made under the old name meanwhile, as far as the grants tell: one of those of before still stands on it.
macro_rules! stands_on_old {
    () => {
        concat!("EXISTS (SELECT 1 FROM role_permissions AS p WHERE p.id <= ?4 AND ", own_on_old!(), ")")
    };
}
/// Takes away what stood on the new name, which was a model that is no more. In a further try the new name may hold what
/// the first one moved there.
const CLEAR: &str = concat!(
    "DELETE FROM role_permissions
     WHERE resource_pattern = ?3 AND resource_type IN (SELECT value FROM json_each(?1))
       AND role_id IN (SELECT id FROM roles WHERE user_id IS NOT NULL)
       AND (?6 = 0 OR ",
    stands_on_old!(),
    ") AND ?5 <> '' RETURNING id"
);
/// Somebody has made a model under the old name, and so taken the grants of before away, all of them: they are written
/// to the new name. One that is still somewhere was moved there by another rename.
const WRITE: &str = concat!(
    "INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission)
     SELECT h.value ->> 1, h.value ->> 2, ?3, h.value ->> 3 FROM json_each(?5) AS h
     WHERE h.value ->> 1 IN (SELECT id FROM roles)
       AND NOT EXISTS (SELECT 1 FROM role_permissions WHERE id IN (SELECT value ->> 0 FROM json_each(?5)))
       AND EXISTS (SELECT 1 FROM role_permissions AS p WHERE p.id > ?4 AND p.permission = 'MANAGE' AND ",
    own_on_old!(),
    ") AND ?6 >= 0 ON CONFLICT DO NOTHING RETURNING id"
);
const MOVE: &str = concat!(
    "UPDATE role_permissions SET resource_pattern = ?3
     WHERE resource_pattern = ?2 AND resource_type IN (SELECT value FROM json_each(?1))
       AND role_id IN (SELECT id FROM roles WHERE user_id IS NOT NULL)
       AND ",
    stands_on_old!(),
    " AND ?5 <> '' AND ?6 >= 0 RETURNING id"
);
const FORGET: &str = "
    DELETE FROM role_permissions
    WHERE resource_pattern = ?2 AND resource_type IN (SELECT value FROM json_each(?1)) AND id <= ?3
      AND role_id IN (SELECT id FROM roles WHERE user_id IS NOT NULL)
    RETURNING id";

/// The grants on a name before MLflow acts.
#[derive(Debug, Deserialize)]
pub struct Standing {
    /// The newest row of any grant.
    newest: i64,
    /// Row, role, type and level of those that users hold alone on the old name, as JSON.
    held: String,
    /// Name, level, type and pattern of a grant of a role that names the old name or the new one, as JSON.
    role: Option<String>,
}

/// A grant of a role that names a model.
#[derive(Debug)]
pub struct OfRole {
    /// The role.
    pub role: String,
    /// The level, as MLflow names it.
    pub level: String,
    /// The model or prompt.
    pub resource: Resource,
}

impl Standing {
    /// Returns a grant of a role, not of a user alone, that names the old name or the new one.
    pub fn of_role(&self) -> Result<Option<OfRole>> {
        let Some(json) = &self.role else { return Ok(None) };
        let read = serde_json::from_str(json).map_err(|error| fault(format!("a grant of a role: {error}")))?;
        let (role, level, kind, id): (String, String, String, String) = read;
        Ok(Some(OfRole { role, level, resource: Resource { kind: type_of(&kind)?, id } }))
    }
}

impl<D: Database> Accounts<D> {
    /// Looks at the grants on a model that is about to be renamed, or deleted (`new` is the same then).
    pub async fn standing(&self, old: &str, new: &str) -> Result<Standing> {
        let types = types(ResourceType::RegisteredModel);
        let rows: Vec<Standing> = self.query(sql!(STANDING, types.as_str(), old, new)).await?;
        rows.into_iter().next().ok_or_else(|| fault("nothing was said about the grants on a model"))
    }

    /// Moves everybody's grants to the new name. `again` says that it was tried before, and may have been done although
    /// the answer was lost.
    pub async fn rename(&self, before: &Standing, old: &str, new: &str, again: bool) -> Result<()> {
        if old == new {
            return Ok(()); // nothing moves, and what would be cleared for it is what is there
        }
        let types = types(ResourceType::RegisteredModel);
        let statement = |text: &'static str| {
            sql!(text, types.as_str(), old, new, before.newest, before.held.as_str(), i64::from(again))
        };
        self.run::<Id>(vec![statement(CLEAR), statement(WRITE), statement(MOVE)]).await.map(drop)
    }

    /// Takes back everybody's grants on a model that is gone.
    pub async fn forget(&self, before: &Standing, name: &str) -> Result<()> {
        let types = types(ResourceType::RegisteredModel);
        self.id(sql!(FORGET, types.as_str(), name, before.newest)).await.map(drop)
    }
}
