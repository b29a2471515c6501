//! `permissions/users`, which MLflow does not have: everybody who has something on a resource, and why.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Admin, ok};
use crate::accounts::Database;
use crate::accounts::holders::{HeldGrant, Holders};
use crate::authz::{Capability, Grants, Policy, Required, Resource, ResourceType, Weighed, patterns};
use crate::error::Result;
use crate::http::Response;
use crate::request::Call;

/// Users and roles with the level that decides and the grant that it comes from. Everybody else has the default.
pub async fn list<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let granted = call.granted()?;
    granted.check_has_level()?;
    let required = Required::on(Capability::Read, &granted.resource);
    let patterns = patterns([&required]);
    let holders = admin.accounts.holders(&patterns).await?;
    let rule = Rule { required: &required, patterns: &patterns, policy: admin.config.policy() };
    Ok(ok(json!({
        "resource_type": granted.resource.kind.as_str(),
        "resource_id": granted.resource.id,
        "default_permission": admin.config.default_permission.as_str(),
        "users": rule.users(&holders),
        "roles": rule.roles(&holders),
    })))
}

/// The fold, for one resource.
struct Rule<'a> {
    required: &'a Required,
    patterns: &'a [Resource],
    policy: Policy,
}

impl Rule<'_> {
    /// Administrators first, then each user who has a grant.
    fn users(&self, holders: &Holders) -> Vec<Value> {
        let administrators = holders.administrators.iter().map(|(id, name)| {
            json!({
                "user_id": id, "username": name, "permission": "MANAGE", "reason": "administrator", "grant": null,
            })
        });
        let is_admin = |id: i64| holders.administrators.iter().any(|(admin, _)| *admin == id);
        let mut held: BTreeMap<i64, (&str, Vec<&HeldGrant>)> = BTreeMap::new();
        for grant in &holders.grants {
            if let Some((id, name)) = &grant.user
                && !is_admin(*id)
            {
                held.entry(*id).or_insert((name, Vec::new())).1.push(grant);
            }
        }
        let others = held.into_iter().filter_map(|(id, (name, grants))| {
            let entry = json!({ "user_id": id, "username": name });
            self.decided(entry, &grants)
        });
        administrators.chain(others).collect()
    }

    /// Each role that several users can have, by itself.
    fn roles(&self, holders: &Holders) -> Vec<Value> {
        let mut held: BTreeMap<i64, (&str, Vec<&HeldGrant>)> = BTreeMap::new();
        for grant in holders.grants.iter().filter(|grant| !grant.is_own) {
            held.entry(grant.grant.role).or_insert((&grant.role_name, Vec::new())).1.push(grant);
        }
        let each = held.into_iter().filter_map(|(id, (name, grants))| {
            let entry = json!({ "role_id": id, "role_name": name });
            self.decided(entry, &grants)
        });
        each.collect()
    }

    /// Adds to an entry the level that these grants give, and the one that decides; none if all of them say nothing.
    fn decided(&self, mut entry: Value, held: &[&HeldGrant]) -> Option<Value> {
        let mut grants = Grants::on(self.patterns);
        for grant in held {
            grants.add(&grant.pattern, grant.grant);
        }
        let Weighed { level, by, .. } = self.required.weigh(&grants, self.policy);
        let by = held.iter().find(|grant| Some(grant.grant) == by)?;
        let is_manager = by.pattern.kind == ResourceType::Workspace;
        if let Value::Object(fields) = &mut entry {
            fields.insert("permission".to_owned(), level.as_str().into());
            fields.insert("reason".to_owned(), if is_manager { "workspace_manager" } else { "grant" }.into());
            fields.insert("grant".to_owned(), shown(by));
        }
        Some(entry)
    }
}

fn shown(held: &HeldGrant) -> Value {
    json!({
        "id": held.grant.row,
        "role_id": held.grant.role,
        "role_name": held.role_name,
        "resource_type": held.pattern.kind.as_str(),
        "resource_pattern": held.pattern.id,
        "permission": held.grant.level.as_str(),
    })
}
