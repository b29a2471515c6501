//! Failed sign-ins.

use serde::Deserialize;

use super::grants::wanted_json;
use super::{Accounts, COMMON_METHOD, Database, IDENTIFY, Id, Identified, Statement, UserRow, fault};
use crate::authz::Resource;
use crate::error::Result;

/// After so many quiet seconds the failures are forgotten.
const MEMORY: i64 = 3600;
/// A wrong password is known for a day, a sign-in from an address for 30.
const WRONG_KNOWN: i64 = 24 * 3600;
const SUCCESS_KNOWN: i64 = 30 * 24 * 3600;
/// A claim that nobody has settled after so many seconds has died with its request.
const PENDING: i64 = 30;
/// One password may be tried so often before its first outcome is there, say by the workers of a cluster that starts.
pub const MOST_AT_ONCE: i64 = 64;
/// More rows than this are not kept; the oldest go. Looked at with one wrong password of 64.
const MOST_ROWS: i64 = 20_000;

/// Until when it is locked, and whether this password is known to be wrong for the hash that is stored now.
const STANDING: &str = "
    SELECT coalesce(max(g.locked_until), 0) AS locked_until,
      EXISTS (SELECT 1 FROM attempts WHERE password = ?4 AND wrong = 1 AND last_at >= ?6 - 86400 AND stored =
        coalesce((SELECT substr(password_hash, 1, 40) FROM users WHERE username = ?5), '')) AS wrong
    FROM guesses AS g
    WHERE g.subject = ?1 OR (g.subject IN (?2, ?3)
      AND NOT EXISTS (SELECT 1 FROM signed_in_from WHERE subject = ?1 AND last_at >= ?6 - 2592000))";
/// Claims the try unless it is locked. A try of the same password that is under way, or was wrong, stays as it is. Where
/// one is under way it was counted, and the lock that came with it does not hold for the others.
const CLAIM: &str = "
    INSERT INTO attempts (password, stored, claim, wrong, tries, last_at)
    SELECT ?4, coalesce((SELECT substr(password_hash, 1, 40) FROM users WHERE username = ?5), ''), ?7, 0, 1, ?6
    WHERE NOT EXISTS (
      SELECT 1 FROM guesses AS g WHERE g.locked_until > ?6 AND (g.subject = ?1 OR (g.subject IN (?2, ?3)
        AND NOT EXISTS (SELECT 1 FROM signed_in_from WHERE subject = ?1 AND last_at >= ?6 - 2592000))))
      OR EXISTS (SELECT 1 FROM attempts WHERE password = ?4 AND wrong = 0 AND last_at >= ?6 - ?8 AND stored =
        coalesce((SELECT substr(password_hash, 1, 40) FROM users WHERE username = ?5), ''))
    ON CONFLICT (password) DO UPDATE SET
      claim = CASE WHEN stored = excluded.stored AND last_at >= excluded.last_at - ?8 THEN claim ELSE excluded.claim END,
      tries = CASE WHEN stored = excluded.stored AND last_at >= excluded.last_at - ?8 THEN tries + 1 ELSE 1 END,
      last_at = CASE WHEN stored = excluded.stored AND last_at >= excluded.last_at - ?8 THEN last_at ELSE excluded.last_at END,
      stored = excluded.stored, wrong = 0
    WHERE wrong = 0 OR stored <> excluded.stored OR last_at < excluded.last_at - 86400
    RETURNING tries";
/// Counts a try that was claimed anew: free at first, then a lock that doubles up to a minute. The address counts a
/// name once.
const COUNT: &str = "
    INSERT INTO guesses (subject, failures, last_at, locked_until)
    SELECT c.value ->> 0, 1, ?2, CASE WHEN c.value ->> 1 <= 1 THEN ?2 + 1 ELSE 0 END FROM json_each(?1) AS c
    WHERE EXISTS (SELECT 1 FROM attempts WHERE password = ?3 AND claim = ?4 AND wrong = 0)
      AND (c.value ->> 2 = 0 OR (
        NOT EXISTS (SELECT 1 FROM guesses WHERE subject = ?5 AND last_at >= ?2 - 3600)
        AND NOT EXISTS (SELECT 1 FROM signed_in_from WHERE subject = ?5 AND last_at >= ?2 - 2592000)))
    ON CONFLICT (subject) DO UPDATE SET
      failures = CASE WHEN last_at < ?2 - 3600 THEN 1 ELSE failures + 1 END,
      locked_until = CASE
        WHEN (CASE WHEN last_at < ?2 - 3600 THEN 1 ELSE failures + 1 END) < CASE substr(subject, 1, 5)
          WHEN 'pair:' THEN ?6 WHEN 'user:' THEN ?7 ELSE ?8 END THEN 0
        ELSE ?2 + min(60, 1 << min(20, (CASE WHEN last_at < ?2 - 3600 THEN 1 ELSE failures + 1 END)
          - CASE substr(subject, 1, 5) WHEN 'pair:' THEN ?6 WHEN 'user:' THEN ?7 ELSE ?8 END)) END,
      last_at = ?2
    RETURNING failures";
const WRONG: &str = "UPDATE attempts SET wrong = 1, last_at = ?2 WHERE password = ?1 RETURNING wrong AS id";
const OLD_GUESSES: &str = "DELETE FROM guesses WHERE last_at < ?1 RETURNING failures AS id";
const OLD_ATTEMPTS: &str = "DELETE FROM attempts WHERE last_at < ?1 RETURNING wrong AS id";
const OLD_SUCCESSES: &str = "DELETE FROM signed_in_from WHERE last_at < ?1 RETURNING last_at AS id";
const TRIM_GUESSES: &str = "
    DELETE FROM guesses WHERE subject IN (SELECT subject FROM guesses ORDER BY last_at DESC LIMIT -1 OFFSET ?1)
    RETURNING failures AS id";
const TRIM_ATTEMPTS: &str = "
    DELETE FROM attempts WHERE password IN (SELECT password FROM attempts ORDER BY last_at DESC LIMIT -1 OFFSET ?1)
    RETURNING wrong AS id";
const TRIM_SUCCESSES: &str = "
    DELETE FROM signed_in_from WHERE subject IN (SELECT subject FROM signed_in_from ORDER BY last_at DESC LIMIT -1 OFFSET ?1)
    RETURNING last_at AS id";
/// The name no longer counts for the address.
const UNCOUNT: &str = "
    UPDATE guesses SET failures = failures - 1, locked_until = CASE WHEN failures <= ?3 THEN 0 ELSE locked_until END
    WHERE subject = ?2 AND failures > 0 AND EXISTS (SELECT 1 FROM guesses WHERE subject = ?1 AND last_at >= ?4 - 3600)
      AND NOT EXISTS (SELECT 1 FROM signed_in_from WHERE subject = ?1 AND last_at >= ?4 - 2592000)
    RETURNING failures AS id";
const CLEAR: &str = "
    DELETE FROM guesses WHERE subject IN (?1, ?2) OR (subject = ?3 AND failures <= 0) RETURNING failures AS id";
const UNCLAIM: &str = "DELETE FROM attempts WHERE password = ?1 RETURNING wrong AS id";
const KNOWN: &str = "
    INSERT INTO signed_in_from (subject, last_at) VALUES (?1, ?2)
    ON CONFLICT (subject) DO UPDATE SET last_at = excluded.last_at RETURNING last_at AS id";

/// Number of tries are free. The first lock comes with the last of them.
pub struct LockoutPolicy {
    /// Passwords for a name from one address.
    pub per_pair: i64,
    /// Passwords for a name from anywhere.
    pub per_name: i64,
    /// ValueKind from an address.
    pub per_address: i64,
}

/// A password that is tried, and what it counts against.
pub struct Try {
    /// The name as it was given.
    pub username: String,
    /// The name at its address, hashed.
    pub pair: String,
    /// The name, hashed.
    pub name: String,
    /// The network, if the platform tells it.
    pub address: Option<String>,
    /// Name and password, hashed.
    pub password: String,
    /// Random: tells this try from others of the same password.
    pub claim: String,
}

/// The answer to a claim.
pub struct Claimed {
    /// The user of that name, with the stored hash and the wanted grants.
    pub user: Option<Identified>,
    /// The outcome.
    pub verdict: Verdict,
    /// The method of most password hashes, if it was asked for.
    pub common_method: Option<String>,
}

/// Tells if a password may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be hashed, and is counted.
    Claimed,
    /// It was tried before, and was wrong.
    KnownWrong,
    /// Not before this time, in seconds since 1970.
    LockedUntil(i64),
}

impl<D: Database> Accounts<D> {
    /// Identifies the user and claims a try, in one batch: however many come in parallel, no more than the free ones
    /// are claimed. `asks_method`: the method of most password hashes is asked for as well.
    pub async fn claim(
        &self,
        it: &Try,
        wanted: &[Resource],
        policy: &LockoutPolicy,
        now: i64,
        asks_method: bool,
    ) -> Result<Claimed> {
        #[derive(Deserialize)]
        struct Row {
            #[serde(flatten)]
            user: UserRow,
            locked_until: Option<i64>,
            wrong: Option<i64>,
            tries: Option<i64>,
            method: Option<String>,
        }
        let (pair, name, user) = (it.pair.as_str(), it.name.as_str(), it.username.as_str());
        let (address, password, claim) =
            (it.address.as_deref().unwrap_or_default(), it.password.as_str(), it.claim.as_str());
        let mut subjects = vec![(pair, policy.per_pair, 0), (name, policy.per_name, 0)];
        subjects.extend(it.address.as_deref().map(|address| (address, policy.per_address, 1)));
        let subjects = serde_json::json!(subjects).to_string();
        let mut statements = vec![
            sql!(IDENTIFY, user, wanted_json(wanted).as_str()),
            sql!(STANDING, pair, name, address, password, user, now),
            sql!(CLAIM, pair, name, address, password, user, now, claim, PENDING),
            sql!(
                COUNT,
                subjects.as_str(),
                now,
                password,
                claim,
                pair,
                policy.per_pair,
                policy.per_name,
                policy.per_address
            ),
        ];
        if asks_method {
            statements.push(sql!(COMMON_METHOD));
        }
        let results: Vec<Vec<Row>> = self.run(statements).await?;
        let mut results = results.into_iter().map(|rows| rows.into_iter().next());
        let (Some(user), Some(Some(standing)), Some(claimed)) = (results.next(), results.next(), results.next()) else {
            return Err(fault("the claim gave too few results"));
        };
        let user = user.map(|row| row.user.read(&it.username, wanted)).transpose()?;
        let verdict = match (standing.wrong, claimed.and_then(|row| row.tries)) {
            (Some(0), Some(tries)) if tries <= MOST_AT_ONCE => Verdict::Claimed,
            (Some(0), Some(_)) => Verdict::LockedUntil(now + 1),
            (Some(1), None) => Verdict::KnownWrong,
            (Some(0), None) => Verdict::LockedUntil(standing.locked_until.unwrap_or_default().max(now + 1)),
            _ => return Err(fault("a claim on a password that is known to be wrong")),
        };
        let common_method = results.next_back().flatten().and_then(|row| row.method);
        Ok(Claimed { user, verdict, common_method })
    }

    /// Leaves the claim as a failure, and forgets what is old; with `trim` also what is too much.
    pub async fn record_failure(&self, it: &Try, now: i64, trim: bool) -> Result<()> {
        let mut statements = vec![
            sql!(WRONG, it.password.as_str(), now),
            sql!(OLD_GUESSES, now - MEMORY),
            sql!(OLD_ATTEMPTS, now - WRONG_KNOWN),
        ];
        if trim {
            statements.extend([sql!(TRIM_GUESSES, MOST_ROWS), sql!(TRIM_ATTEMPTS, MOST_ROWS)]);
        }
        self.run::<Id>(statements).await.map(drop)
    }

    /// Takes the claim back and forgets the failures of the name, which is known at this address from now on.
    pub async fn record_success(&self, it: &Try, policy: &LockoutPolicy, now: i64, trim: bool) -> Result<()> {
        let (pair, address) = (it.pair.as_str(), it.address.as_deref().unwrap_or_default());
        let mut statements = vec![
            sql!(UNCOUNT, pair, address, policy.per_address, now),
            sql!(CLEAR, pair, it.name.as_str(), address),
            sql!(UNCLAIM, it.password.as_str()),
            sql!(KNOWN, pair, now),
        ];
        if trim {
            statements.extend([sql!(OLD_SUCCESSES, now - SUCCESS_KNOWN), sql!(TRIM_SUCCESSES, MOST_ROWS)]);
        }
        self.run::<Id>(statements).await.map(drop)
    }
}
