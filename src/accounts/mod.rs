//! Every SQL statement of the project, behind one trait.
//!
//! [`Database`] is D1 in the Worker and SQLite in memory in the native tests: the same text runs on both. A statement
//! that writes returns the rows that it touched, so that one round trip both acts and tells what happened.

/// A statement with its values.
macro_rules! sql {
    ($sql:expr $(, $value:expr)*) => { Statement { sql: $sql, values: vec![$($value.into()),*] } };
}

pub mod grants;
pub mod holders;
pub mod login_failures;
pub mod renamed;
pub mod replicas;
pub mod roles;
pub mod tokens;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::authz::{Caller, Grants, Permission, Resource, SignIn};
use crate::error::{Code, Rejection, Result};
use crate::password::PasswordHash;
pub use grants::{Change, GrantKey};
use grants::{grants_of, level_of, type_of, wanted_json};

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

/// The grants of a user on the wanted patterns (`?2`), as `p`: of every role that the user has in the one workspace.
///
/// CROSS: role by role, and in each with looks at the key. The two lists of `?2` are read once. A look may find a
/// pattern of one type that was wanted of another, which says nothing.
macro_rules! held {
    ($user:literal, $pattern:literal) => {
        concat!(
            "user_role_assignments AS a CROSS JOIN roles AS r ON r.id = a.role_id AND r.workspace = 'default' ",
            "CROSS JOIN role_permissions AS p ON p.role_id = a.role_id ",
            "AND p.resource_type IN (SELECT value ->> 0 FROM json_each(?2)) AND ",
            $pattern,
            " IN (SELECT value ->> 1 FROM json_each(?2)) WHERE a.user_id = ",
            $user
        )
    };
}

/// The same of the user `u` as one text of JSON: a row of one text crosses to wasm faster than many columns.
macro_rules! held_as_json {
    () => {
        concat!(
            "(SELECT json_group_array(json_array(p.resource_type, p.resource_pattern, p.permission, p.role_id, p.id)) ",
            "FROM ",
            held!("u.id", "p.resource_pattern"),
            ") AS grants"
        )
    };
}

const IDENTIFY: &str =
    concat!("SELECT u.id, u.password_hash, u.is_admin, ", held_as_json!(), " FROM users AS u WHERE u.username = ?1");
const IDENTIFY_TOKEN: &str = concat!(
    "SELECT t.id AS token_id, t.read_only, t.scope, t.expires_at, t.last_used_at, u.id, u.username, u.is_admin, ",
    held_as_json!(),
    " FROM tokens AS t JOIN users AS u ON u.id = t.user_id WHERE t.hash = ?1"
);
/// Rows, since a page may name more than one row of D1 can hold. The one without a grant says that the user exists.
macro_rules! grants_of_user {
    ($pattern:literal) => {
        concat!(
            "SELECT NULL AS resource_type, NULL AS resource_pattern, NULL AS permission, NULL AS role_id, NULL AS id ",
            "FROM users WHERE id = ?1 UNION ALL ",
            "SELECT p.resource_type, p.resource_pattern, p.permission, p.role_id, p.id FROM ",
            held!("?1", $pattern)
        )
    };
}

const GRANTS: &str = grants_of_user!("p.resource_pattern");
/// The plus keeps SQLite from a look at the key for every pattern of a long list in every role.
const GRANTS_OF_TYPE: &str = grants_of_user!("+p.resource_pattern");
/// So many patterns are looked at one by one.
const MOST_LOOKS: usize = 50;
const RENEW_HASH: &str = "UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2 RETURNING id";
/// The method of most of the hashes, of the last thousand users.
const COMMON_METHOD: &str = "
    SELECT substr(password_hash, 1, max(instr(password_hash, '$') - 1, 0)) AS method
    FROM (SELECT password_hash FROM users ORDER BY id DESC LIMIT 1000)
    GROUP BY method ORDER BY count(*) DESC, method LIMIT 1";
const FIRST_ADMIN: &str = "
    INSERT INTO users (username, password_hash, is_admin)
    SELECT ?1, ?2, 1 WHERE NOT EXISTS (SELECT 1 FROM users) RETURNING id";
/// The grants that the user holds alone.
const USER_AND_GRANTS: &str = "
    SELECT u.id, u.username, u.is_admin, p.resource_type, p.resource_pattern, p.permission
    FROM users AS u LEFT JOIN roles AS r ON r.user_id = u.id AND r.workspace = 'default'
      LEFT JOIN role_permissions AS p ON p.role_id = r.id
    WHERE u.username = ?1 ORDER BY p.resource_type, p.resource_pattern";
const CREATE_USER: &str = "
    INSERT INTO users (username, password_hash) VALUES (?1, ?2) ON CONFLICT DO NOTHING RETURNING id";
/// The names in a list (`?1` or `?3`) of which there is no role.
macro_rules! missing_roles {
    ($names:literal) => {
        concat!(
            "SELECT w.value AS name FROM json_each(",
            $names,
            ") AS w WHERE NOT EXISTS (SELECT 1 FROM roles AS r
               WHERE r.workspace = 'default' AND r.name = w.value AND r.user_id IS NULL)"
        )
    };
}
const MISSING_ROLES: &str = missing_roles!("?1");
const CREATE_USER_WITH_ROLES: &str = concat!(
    "INSERT INTO users (username, password_hash) SELECT ?1, ?2 WHERE NOT EXISTS (",
    missing_roles!("?3"),
    ") ON CONFLICT DO NOTHING RETURNING id"
);
/// The hash, whose salt is random, is that of the user who was made in the same batch.
const ASSIGN_ROLES: &str = "
    INSERT INTO user_role_assignments (user_id, role_id)
    SELECT u.id, r.id FROM users AS u JOIN roles AS r ON r.workspace = 'default' AND r.user_id IS NULL
      AND r.name IN (SELECT value FROM json_each(?3))
    WHERE u.username = ?1 AND u.password_hash = ?2 ORDER BY r.id RETURNING id";
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

/// A user as the endpoints show it.
#[derive(Clone, Debug)]
pub struct User {
    /// Row id.
    pub id: i64,
    /// Name.
    pub username: String,
    /// True if an administrator.
    pub is_admin: bool,
    /// The grants that the user holds alone, by type and then by pattern.
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
            resource_type: Option<String>,
            resource_pattern: Option<String>,
            permission: Option<String>,
        }
        let rows: Vec<Row> = self.query(sql!(USER_AND_GRANTS, username)).await?;
        let mut user: Option<User> = None;
        for row in rows {
            let grant = match (row.resource_type, row.resource_pattern, row.permission) {
                (Some(kind), Some(id), Some(level)) => {
                    Some((Resource { kind: type_of(&kind)?, id }, level_of(&level)?))
                }
                (None, None, None) => None, // the user without a grant, of a LEFT JOIN
                _ => return Err(fault("a grant without type, pattern or permission")),
            };
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

    /// The new user's id; `None` if the name is taken. The roles of these names are the user's from the start: if one is
    /// not there, neither is the user.
    pub async fn create_user(&self, username: &str, hash: &PasswordHash, roles: &[String]) -> Result<Option<i64>> {
        #[derive(Deserialize)]
        struct Row {
            id: Option<i64>,
            name: Option<String>,
        }
        if roles.is_empty() {
            return self.id(sql!(CREATE_USER, username, hash.expose())).await;
        }
        let names = serde_json::json!(roles).to_string();
        let names = names.as_str();
        let statements = vec![
            sql!(MISSING_ROLES, names),
            sql!(CREATE_USER_WITH_ROLES, username, hash.expose(), names),
            sql!(ASSIGN_ROLES, username, hash.expose(), names),
        ];
        let results: Vec<Vec<Row>> = self.run(statements).await?;
        let [missing, created, _] = results.as_slice() else {
            return Err(fault("a batch of three gave another number of results"));
        };
        if !missing.is_empty() {
            let missing: Vec<&str> = missing.iter().filter_map(|row| row.name.as_deref()).collect();
            return Err(Rejection::fault(
                Code::TemporarilyUnavailable,
                "No user was created: a role that new users are given (DEFAULT_ROLES) does not exist.",
                format!("DEFAULT_ROLES: there is no role {missing:?} in the workspace default"),
            ));
        }
        Ok(created.first().and_then(|row| row.id))
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

fn fault(reason: impl std::fmt::Display + 'static) -> Rejection {
    Rejection::fault(Code::TemporarilyUnavailable, "The user directory cannot be read at the moment.", reason)
}
