//! Every SQL statement of the project, behind one trait.
//!
//! [`Database`] is D1 in the Worker and SQLite in memory in the native tests: the same text runs on both. A statement
//! that writes returns the rows that it touched, so that one round trip both acts and tells what happened.

/// A statement with its values.
macro_rules! sql {
    ($sql:expr $(, $value:expr)*) => { Statement { sql: $sql, values: vec![$($value.into()),*] } };
}

pub mod login_failures;
pub mod replicas;
pub mod tokens;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::authz::{Caller, Grants, Kind, Permission, Resource, SignIn};
use crate::error::{Code, Rejection, Result};
use crate::password::PasswordHash;

/// A statement and the values of `?1`, `?2`, …
pub struct Statement {
    /// SQLite's dialect.
    pub sql: &'static str,
    /// In order.
    pub values: Vec<Value>,
}

/// A bound value.
pub enum Value {
    /// TEXT
    Text(String),
    /// INTEGER; D1 binds numbers as doubles, ids stay far below 2^53.
    Integer(i64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

/// A failure of the database, for the log.
#[derive(Debug, thiserror::Error)]
#[error("the directory failed: {0}")]
pub struct DatabaseError(pub String);

/// An SQLite that runs statements.
#[allow(async_fn_in_trait)] // one thread: no Send bound is wanted
pub trait Database {
    /// Runs the statements as one transaction and gives the rows of each. A row that does not fit `T` is an error.
    async fn run<T: DeserializeOwned>(
        &self,
        statements: Vec<Statement>,
    ) -> std::result::Result<Vec<Vec<T>>, DatabaseError>;
    /// Routes all further queries to the primary.
    fn switch_to_primary(&self) {}
    /// Returns true if an answer since the last switch came from a replica, and may be out of date.
    fn answered_by_replica(&self) -> bool {
        false
    }
}

/// The resources wanted (`?2`) with the grants of a user on them.
///
/// CROSS: each with one look at the key. SQLite would rather go through all of the user's grants and read the JSON
/// again for each of them.
macro_rules! wanted {
    ($user:literal) => {
        concat!(
            "json_each(?2) AS wanted CROSS JOIN grants AS g ON g.user_id = ",
            $user,
            " AND g.resource_type = wanted.value ->> 0 AND g.resource_id = wanted.value ->> 1"
        )
    };
}

/// The same of the user `u` as one text of JSON: a row of one text crosses to wasm faster than many columns.
macro_rules! wanted_grants {
    () => {
        concat!(
            "(SELECT json_group_array(json_array(g.resource_type, g.resource_id, g.permission)) FROM ",
            wanted!("u.id"),
            ") AS grants"
        )
    };
}

const IDENTIFY: &str =
    concat!("SELECT u.id, u.password_hash, u.is_admin, ", wanted_grants!(), " FROM users AS u WHERE u.username = ?1");
const IDENTIFY_TOKEN: &str = concat!(
    "SELECT t.id AS token_id, t.read_only, t.scope, t.expires_at, t.last_used_at, u.id, u.username, u.is_admin, ",
    wanted_grants!(),
    " FROM tokens AS t JOIN users AS u ON u.id = t.user_id WHERE t.hash = ?1"
);
/// Rows, since a page may name more than one row of D1 can hold. The one without a grant says that the user exists.
const GRANTS: &str = concat!(
    "SELECT NULL AS resource_type, NULL AS resource_id, NULL AS permission FROM users WHERE id = ?1 UNION ALL ",
    "SELECT g.resource_type, g.resource_id, g.permission FROM ",
    wanted!("?1")
);
const RENEW_HASH: &str = "UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2 RETURNING id";
/// The method of most of the hashes, of the last thousand users.
const COMMON_METHOD: &str = "
    SELECT substr(password_hash, 1, max(instr(password_hash, '$') - 1, 0)) AS method
    FROM (SELECT password_hash FROM users ORDER BY id DESC LIMIT 1000)
    GROUP BY method ORDER BY count(*) DESC, method LIMIT 1";
const FIRST_ADMIN: &str = "
    INSERT INTO users (username, password_hash, is_admin)
    SELECT ?1, ?2, 1 WHERE NOT EXISTS (SELECT 1 FROM users) RETURNING id";
const USER_AND_GRANTS: &str = "
    SELECT u.id, u.username, u.is_admin, g.resource_type, g.resource_id, g.permission
    FROM users AS u LEFT JOIN grants AS g ON g.user_id = u.id
    WHERE u.username = ?1 ORDER BY g.resource_type, g.resource_id";
const USERS: &str = "SELECT id, username, is_admin FROM users ORDER BY id";
const CREATE_USER: &str = "
    INSERT INTO users (username, password_hash) VALUES (?1, ?2) ON CONFLICT DO NOTHING RETURNING id";
const USER_ID: &str = "SELECT id FROM users WHERE username = ?1";
const SET_PASSWORD: &str = "UPDATE users SET password_hash = ?2 WHERE username = ?1 RETURNING id";
const END_TOKENS: &str = "
    DELETE FROM tokens WHERE user_id = (SELECT id FROM users WHERE username = ?1) RETURNING id";
// The last administrator stays: asked and done in one statement, so that two of them cannot remove each other.
const SET_ADMIN: &str = "
    UPDATE users SET is_admin = ?2
    WHERE username = ?1 AND (?2 = 1 OR is_admin = 0 OR (SELECT count(*) FROM users WHERE is_admin = 1) > 1)
    RETURNING id";
const DELETE_USER: &str = "
    DELETE FROM users
    WHERE username = ?1 AND (is_admin = 0 OR (SELECT count(*) FROM users WHERE is_admin = 1) > 1)
    RETURNING id";
const CREATE_GRANT: &str = "
    INSERT INTO grants (user_id, resource_type, resource_id, permission)
    SELECT id, ?2, ?3, ?4 FROM users WHERE username = ?1
    ON CONFLICT DO NOTHING RETURNING user_id AS id, permission";
const GET_GRANT: &str = "
    SELECT user_id AS id, permission FROM grants
    WHERE user_id = (SELECT id FROM users WHERE username = ?1) AND resource_type = ?2 AND resource_id = ?3";
const UPDATE_GRANT: &str = "
    UPDATE grants SET permission = ?4
    WHERE user_id = (SELECT id FROM users WHERE username = ?1) AND resource_type = ?2 AND resource_id = ?3
    RETURNING user_id AS id, permission";
const DELETE_GRANT: &str = "
    DELETE FROM grants
    WHERE user_id = (SELECT id FROM users WHERE username = ?1) AND resource_type = ?2 AND resource_id = ?3
    RETURNING user_id AS id, permission";
const OWN: &str = "
    INSERT INTO grants (user_id, resource_type, resource_id, permission) VALUES (?1, ?2, ?3, 'MANAGE')
    ON CONFLICT DO UPDATE SET permission = 'MANAGE' RETURNING user_id AS id";
// What stands on the id or name of a new thing is of one that is no more.
const FORGET_OTHERS: &str = "
    DELETE FROM grants WHERE resource_type = ?1 AND resource_id = ?2 AND user_id <> ?3 RETURNING user_id AS id";
const FORGET: &str = "DELETE FROM grants WHERE resource_type = ?1 AND resource_id = ?2 RETURNING user_id AS id";
/// Grants that an earlier try may have moved to the new name stays there: nothing is left under the old one then.
const FORGET_AGAIN: &str = "
    DELETE FROM grants WHERE resource_type = ?1 AND resource_id = ?2
      AND EXISTS (SELECT 1 FROM grants WHERE resource_type = ?1 AND resource_id = ?3)
    RETURNING user_id AS id";
const MOVE: &str = "
    UPDATE grants SET resource_id = ?3 WHERE resource_type = ?1 AND resource_id = ?2 RETURNING user_id AS id";

/// A user as the endpoints show it.
#[derive(Clone, Debug)]
pub struct User {
    /// Row id.
    pub id: i64,
    /// Name.
    pub username: String,
    /// True if an administrator.
    pub is_admin: bool,
    /// All grants, by type and then by id.
    pub grants: Vec<(Resource, Permission)>,
}

/// The outcome of taking an administrator away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is done.
    Done,
    /// There is no such user.
    NoUser,
    /// It would have been the last administrator.
    LastAdmin,
}

/// The outcome of a change to a grant.
pub enum Change {
    /// It was there (or was made), for the user of this id, with this level.
    Done(i64, Permission),
    /// There is no such user.
    NoUser,
    /// The user has no such grant, or, when one was to be made, has one already.
    NotSo,
}

/// A grant of the classic API: whose and on what.
pub struct GrantKey<'a> {
    /// The user's name.
    pub username: &'a str,
    /// The resource.
    pub resource: &'a Resource,
}

/// A user with the stored hash and the wanted grants.
pub type Identified = (Caller, PasswordHash, Grants);

/// The users and grants.
pub struct Accounts<D>(pub D);

impl<D: Database> Accounts<D> {
    /// Returns the user of this name, with the stored hash and the grants on the wanted resources: one statement.
    pub async fn identify(&self, username: &str, wanted: &[Resource]) -> Result<Option<Identified>> {
        let rows: Vec<UserRow> = self.query(sql!(IDENTIFY, username, wanted_json(wanted).as_str())).await?;
        rows.into_iter().next().map(|row| row.read(username, wanted)).transpose()
    }

    /// Replaces a hash by a better one of the same password, unless it was changed meanwhile.
    pub async fn renew_hash(&self, id: i64, old: &PasswordHash, new: &PasswordHash) -> Result<()> {
        self.id(sql!(RENEW_HASH, id, old.expose(), new.expose())).await.map(drop)
    }

    /// Returns a user's grants on these resources. Of a user who was deleted since the sign-in none is left, which must
    /// not count as the default: that is a rejection.
    pub async fn grants(&self, user_id: i64, wanted: &[Resource]) -> Result<Grants> {
        let mut rows: Vec<GrantRow> = self.query(sql!(GRANTS, user_id, wanted_json(wanted).as_str())).await?;
        let found = rows.len();
        rows.retain(|row| !row.is_empty());
        if rows.len() == found {
            return Err(Rejection::unauthenticated(format!("user {user_id} was deleted meanwhile")));
        }
        collect_grants(wanted, rows)
    }

    /// Returns the method of most password hashes; `None` if there is no user at all.
    pub async fn common_method(&self) -> Result<Option<String>> {
        #[derive(Deserialize)]
        struct Row {
            method: String,
        }
        let rows: Vec<Row> = self.query(sql!(COMMON_METHOD)).await?;
        Ok(rows.into_iter().next().map(|row| row.method))
    }

    /// Makes the first administrator, unless somebody else was faster.
    pub async fn create_first_admin(&self, username: &str, hash: &PasswordHash) -> Result<()> {
        let _rows: Vec<Id> = self.query(sql!(FIRST_ADMIN, username, hash.expose())).await?;
        Ok(())
    }

    /// One user with all grants.
    pub async fn user(&self, username: &str) -> Result<Option<User>> {
        #[derive(Deserialize)]
        struct Row {
            id: i64,
            username: String,
            is_admin: i64,
            #[serde(flatten)]
            grant: GrantRow,
        }
        let rows: Vec<Row> = self.query(sql!(USER_AND_GRANTS, username)).await?;
        let mut user: Option<User> = None;
        for row in rows {
            let grant = row.grant.read()?;
            user.get_or_insert_with(|| User {
                id: row.id,
                username: row.username,
                is_admin: row.is_admin != 0,
                grants: Vec::new(),
            })
            .grants
            .extend(grant);
        }
        Ok(user)
    }

    /// Every user, without grants.
    pub async fn users(&self) -> Result<Vec<User>> {
        #[derive(Deserialize)]
        struct Row {
            id: i64,
            username: String,
            is_admin: i64,
        }
        let rows: Vec<Row> = self.query(sql!(USERS)).await?;
        Ok(rows
            .into_iter()
            .map(|row| User { id: row.id, username: row.username, is_admin: row.is_admin != 0, grants: Vec::new() })
            .collect())
    }

    /// The new user's id; `None` if the name is taken.
    pub async fn create_user(&self, username: &str, hash: &PasswordHash) -> Result<Option<i64>> {
        self.id(sql!(CREATE_USER, username, hash.expose())).await
    }

    /// Returns true if there is a user of that name.
    pub async fn has_user(&self, username: &str) -> Result<bool> {
        Ok(self.id(sql!(USER_ID, username)).await?.is_some())
    }

    /// Returns true if there was a user whose password could be changed. With `end_tokens` all tokens of that user are gone with
    /// the old one.
    pub async fn set_password(&self, username: &str, hash: &PasswordHash, end_tokens: bool) -> Result<bool> {
        let mut statements = vec![sql!(SET_PASSWORD, username, hash.expose())];
        statements.extend(end_tokens.then(|| sql!(END_TOKENS, username)));
        let results: Vec<Vec<Id>> = self.run(statements).await?;
        Ok(results.first().is_some_and(|changed| !changed.is_empty()))
    }

    /// Makes a user an administrator, or no longer one; never takes the last one away.
    pub async fn set_admin(&self, username: &str, is_admin: bool) -> Result<Removal> {
        self.remove(username, sql!(SET_ADMIN, username, i64::from(is_admin))).await
    }

    /// Deletes a user with all grants and tokens; never the last administrator.
    pub async fn delete_user(&self, username: &str) -> Result<Removal> {
        self.remove(username, sql!(DELETE_USER, username)).await
    }

    async fn remove(&self, username: &str, statement: Statement) -> Result<Removal> {
        let results: Vec<Vec<Id>> = self.run(vec![sql!(USER_ID, username), statement]).await?;
        match results.as_slice() {
            [user, _] if user.is_empty() => Ok(Removal::NoUser),
            [_, done] if done.is_empty() => Ok(Removal::LastAdmin),
            [_, _] => Ok(Removal::Done),
            _ => Err(fault("a batch of two gave another number of results")),
        }
    }

    /// Makes a grant; one that is there already stays as it is.
    pub async fn create_grant(&self, key: &GrantKey<'_>, level: Permission) -> Result<Change> {
        self.change(key, CREATE_GRANT, Some(level)).await
    }

    /// Reads a grant.
    pub async fn get_grant(&self, key: &GrantKey<'_>) -> Result<Change> {
        self.change(key, GET_GRANT, None).await
    }

    /// Changes the level of a grant.
    pub async fn update_grant(&self, key: &GrantKey<'_>, level: Permission) -> Result<Change> {
        self.change(key, UPDATE_GRANT, Some(level)).await
    }

    /// Takes a grant back.
    pub async fn delete_grant(&self, key: &GrantKey<'_>) -> Result<Change> {
        self.change(key, DELETE_GRANT, None).await
    }

    /// Gives MANAGE to the creator of a new thing, and nobody else anything: whatever stood on its id or name before is gone.
    pub async fn grant_manage(&self, user_id: i64, resource: &Resource) -> Result<()> {
        let (kind, id) = (resource.kind.as_str(), resource.id.as_str());
        let statements = vec![sql!(FORGET_OTHERS, kind, id, user_id), sql!(OWN, user_id, kind, id)];
        self.run::<Id>(statements).await.map(drop)
    }

    /// Takes back everybody's grants on a resource that is gone.
    pub async fn delete_grants(&self, resource: &Resource) -> Result<()> {
        self.id(sql!(FORGET, resource.kind.as_str(), resource.id.as_str())).await.map(drop)
    }

    /// Moves everybody's grants to the new name. Grants that the new name had belong to a model that is no more.
    /// `again` says that it was tried before, and may have been done although the answer was lost.
    pub async fn rename(&self, kind: Kind, old: &str, new: &str, again: bool) -> Result<()> {
        if old == new {
            return Ok(()); // nothing moves, and what would be cleared for it is what is there
        }
        let forget = if again { sql!(FORGET_AGAIN, kind.as_str(), new, old) } else { sql!(FORGET, kind.as_str(), new) };
        let statements = vec![forget, sql!(MOVE, kind.as_str(), old, new)];
        self.run::<Id>(statements).await.map(drop)
    }

    async fn change(&self, key: &GrantKey<'_>, sql: &'static str, level: Option<Permission>) -> Result<Change> {
        #[derive(Deserialize)]
        struct Row {
            id: i64,
            #[serde(default)]
            permission: Option<String>,
        }
        let mut change = sql!(sql, key.username, key.resource.kind.as_str(), key.resource.id.as_str());
        change.values.extend(level.map(|level| Value::from(level.as_str())));
        let results: Vec<Vec<Row>> = self.run(vec![sql!(USER_ID, key.username), change]).await?;
        match results.as_slice() {
            [user, _] if user.is_empty() => Ok(Change::NoUser),
            [_, rows] => match rows.first() {
                None => Ok(Change::NotSo),
                Some(row) => Ok(Change::Done(row.id, level_of(row.permission.as_deref().unwrap_or_default())?)),
            },
            _ => Err(fault("a batch of two gave another number of results")),
        }
    }

    async fn id(&self, statement: Statement) -> Result<Option<i64>> {
        let rows: Vec<Id> = self.query(statement).await?;
        Ok(rows.first().map(|row| row.id))
    }

    async fn query<T: DeserializeOwned>(&self, statement: Statement) -> Result<Vec<T>> {
        Ok(self.run(vec![statement]).await?.pop().unwrap_or_default())
    }

    async fn run<T: DeserializeOwned>(&self, statements: Vec<Statement>) -> Result<Vec<Vec<T>>> {
        self.0.run(statements).await.map_err(|error| fault(error.to_string()))
    }
}

/// A row of [`IDENTIFY`]; all optional, since a batch has rows of other statements too.
#[derive(Deserialize)]
struct UserRow {
    id: Option<i64>,
    password_hash: Option<PasswordHash>,
    is_admin: Option<i64>,
    grants: Option<String>,
}

impl UserRow {
    fn read(self, username: &str, wanted: &[Resource]) -> Result<Identified> {
        let (Some(id), Some(hash), Some(is_admin), Some(grants)) =
            (self.id, self.password_hash, self.is_admin, self.grants)
        else {
            return Err(fault("half a user"));
        };
        let username = username.to_owned();
        let caller = Caller { id, username, is_admin: is_admin != 0, sign_in: SignIn::Password };
        Ok((caller, hash, grants_of(wanted, &grants)?))
    }
}

#[derive(Deserialize)]
struct Id {
    id: i64,
}

/// A grant, as columns or as a list of three; all are null where a LEFT JOIN found none.
#[derive(Deserialize)]
struct GrantRow {
    resource_type: Option<String>,
    resource_id: Option<String>,
    permission: Option<String>,
}

impl GrantRow {
    fn is_empty(&self) -> bool {
        self.resource_type.is_none() && self.resource_id.is_none() && self.permission.is_none()
    }

    fn read(self) -> Result<Option<(Resource, Permission)>> {
        let (kind, id, level) = match (self.resource_type, self.resource_id, self.permission) {
            (Some(kind), Some(id), Some(level)) => (kind, id, level),
            (None, None, None) => return Ok(None), // the user without a grant, of a LEFT JOIN
            // half a grant must not count as none: the default could be higher
            _ => return Err(fault("a grant without type, id or permission")),
        };
        let kind = Kind::parse(&kind).ok_or_else(|| fault(format!("unknown resource type '{kind}'")))?;
        Ok(Some((Resource { kind, id }, level_of(&level)?)))
    }
}

/// The wanted grants, out of the JSON of [`wanted_grants`].
fn grants_of(wanted: &[Resource], json: &str) -> Result<Grants> {
    let rows: Vec<GrantRow> = serde_json::from_str(json).map_err(|error| fault(format!("grants: {error}")))?;
    collect_grants(wanted, rows)
}

fn collect_grants(wanted: &[Resource], rows: Vec<GrantRow>) -> Result<Grants> {
    let mut grants = Grants::on(wanted);
    for row in rows {
        let (resource, level) = row.read()?.ok_or_else(|| fault("a grant of nothing"))?;
        grants.add(resource, level);
    }
    Ok(grants)
}

/// A level that we do not know must not count as none: the default could be higher.
fn level_of(name: &str) -> Result<Permission> {
    Permission::parse(name).ok_or_else(|| fault(format!("unknown permission '{name}'")))
}

/// The resources as `[["experiment","1"],…]`: one bound value however many there are.
fn wanted_json(wanted: &[Resource]) -> String {
    let pairs: Vec<_> = wanted.iter().map(|r| (r.kind.as_str(), r.id.as_str())).collect();
    serde_json::json!(pairs).to_string()
}

fn fault(reason: impl std::fmt::Display + 'static) -> Rejection {
    Rejection::fault(Code::TemporarilyUnavailable, "The user directory cannot be read at the moment.", reason)
}
