//! API tokens.

use serde::Deserialize;

use super::grants::{grants_of, wanted_json};
use super::{Accounts, Database, IDENTIFY_TOKEN, Id, Statement, fault};
use crate::authz::{Caller, Grants, Reach, Resource, SignIn, Token};
use crate::error::Result;

const CREATE: &str = "
    INSERT INTO tokens (user_id, name, hash, read_only, created_at, expires_at, scope)
    SELECT ?1, ?2, ?3, ?4, ?5, CASE WHEN ?6 < 0 THEN NULL ELSE ?6 END, nullif(?8, '')
    WHERE (SELECT count(*) FROM tokens WHERE user_id = ?1) < ?7
    ON CONFLICT DO NOTHING RETURNING id";
const COUNT: &str = "SELECT count(*) AS id FROM tokens WHERE user_id = ?1";
const LIST: &str = "
    SELECT t.id, t.name, t.read_only, t.created_at, t.expires_at, t.last_used_at, t.scope
    FROM tokens AS t JOIN users AS u ON u.id = t.user_id WHERE u.username = ?1 ORDER BY t.id";
const DELETE: &str = "DELETE FROM tokens WHERE id = ?1 AND (user_id = ?2 OR ?3 = 1) RETURNING id";
const USED: &str = "UPDATE tokens SET last_used_at = ?2 WHERE id = ?1 RETURNING id";

/// More tokens than this nobody needs.
pub const MOST_TOKENS: i64 = 100;

/// The more that a token may than others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Change users, the grants of others, and credentials, as its owner may who is an administrator.
    Admin,
}

impl Scope {
    /// The word in D1 and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
        }
    }
}

/// A token as its owner sees it: all but the token itself.
#[derive(Clone, Debug, Deserialize)]
pub struct TokenInfo {
    /// Row id.
    pub id: i64,
    /// The owner's name for it.
    pub name: String,
    /// 1 if it may only read.
    pub read_only: i64,
    /// The more that it may.
    pub scope: Option<Scope>,
    /// Seconds since 1970.
    pub created_at: i64,
    /// Seconds since 1970; never, if absent.
    pub expires_at: Option<i64>,
    /// Seconds since 1970, to the hour.
    pub last_used_at: Option<i64>,
}

/// The owner of a token, with the wanted grants.
pub struct TokenOwner {
    /// The user.
    pub caller: Caller,
    /// The user's grants.
    pub grants: Grants,
    /// The token.
    pub token: Token,
    /// Seconds since 1970; never, if absent.
    pub expires_at: Option<i64>,
    /// Seconds since 1970.
    pub last_used_at: Option<i64>,
}

/// The outcome of making a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is there, under this id.
    Done(i64),
    /// The user has one of that name.
    NameTaken,
    /// The user has [`MOST_TOKENS`].
    TooMany,
}

impl<D: Database> Accounts<D> {
    /// The owner of the token with this hash, with the grants on the wanted resources: one statement.
    pub async fn identify_token(&self, hash: &str, wanted: &[Resource]) -> Result<Option<TokenOwner>> {
        #[derive(Deserialize)]
        struct Row {
            token_id: i64,
            read_only: i64,
            scope: Option<Scope>,
            expires_at: Option<i64>,
            last_used_at: Option<i64>,
            id: i64,
            username: String,
            is_admin: i64,
            grants: String,
        }
        let rows: Vec<Row> = self.query(sql!(IDENTIFY_TOKEN, hash, wanted_json(wanted).as_str())).await?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        let reach = match (row.read_only, row.scope) {
            (0, Some(Scope::Admin)) if row.is_admin != 0 => Reach::Administration,
            (0, _) => Reach::Work,
            _ => Reach::Reads,
        };
        let token = Token { id: row.token_id, reach };
        let sign_in = SignIn::Token(token);
        Ok(Some(TokenOwner {
            caller: Caller { id: row.id, username: row.username, is_admin: row.is_admin != 0, sign_in },
            grants: grants_of(wanted, &row.grants)?,
            token,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
        }))
    }

    /// Adds a token, of which only the hash is given.
    pub async fn create_token(&self, user_id: i64, hash: &str, info: &TokenInfo) -> Result<Created> {
        let expires_at = info.expires_at.unwrap_or(-1);
        let scope = info.scope.map(Scope::as_str).unwrap_or_default();
        let create = sql!(
            CREATE,
            user_id,
            info.name.as_str(),
            hash,
            info.read_only,
            info.created_at,
            expires_at,
            MOST_TOKENS,
            scope
        );
        let results: Vec<Vec<Id>> = self.run(vec![sql!(COUNT, user_id), create]).await?;
        match results.as_slice() {
            [_, created] if !created.is_empty() => {
                Ok(created.first().map_or(Created::NameTaken, |row| Created::Done(row.id)))
            }
            [count, _] if count.first().is_some_and(|row| row.id >= MOST_TOKENS) => Ok(Created::TooMany),
            [_, _] => Ok(Created::NameTaken),
            _ => Err(fault("a batch of two gave another number of results")),
        }
    }

    /// A user's tokens.
    pub async fn tokens(&self, username: &str) -> Result<Vec<TokenInfo>> {
        self.query(sql!(LIST, username)).await
    }

    /// Returns true if there was such a token of this user's, or of anybody's for who administers. It is gone then.
    pub async fn delete_token(&self, id: i64, caller: &Caller) -> Result<bool> {
        let anybodys = caller.is_admin && caller.sign_in.may_administer();
        Ok(self.id(sql!(DELETE, id, caller.id, i64::from(anybodys))).await?.is_some())
    }

    /// Notes when a token was used.
    pub async fn token_used(&self, id: i64, now: i64) -> Result<()> {
        self.id(sql!(USED, id, now)).await.map(drop)
    }
}
