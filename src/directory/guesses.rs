//! Failed sign-ins.

use super::{Database, Directory, Id, Statement};
use crate::error::Result;

/// A try more: free at first, then a lock that doubles up to its longest. After a quiet hour it begins anew. What is
/// tried during a lock is not counted, so that a lock is never made longer than it was said to be.
const FAILED: &str = "
    INSERT INTO guesses (subject, failures, last_at, locked_until)
    SELECT value, 1, ?2, 0 FROM json_each(?1) WHERE true
    ON CONFLICT (subject) DO UPDATE SET
      failures = CASE WHEN last_at < ?2 - ?5 THEN 1 ELSE failures + 1 END,
      locked_until = CASE WHEN last_at < ?2 - ?5 OR failures + 1 < ?3 THEN 0
                          ELSE ?2 + min(?4, 1 << min(failures + 1 - ?3, 20)) END,
      last_at = ?2
    RETURNING locked_until AS id";
const OLD: &str = "DELETE FROM guesses WHERE last_at < ?1 RETURNING failures AS id";
const CLEAR: &str = "DELETE FROM guesses WHERE subject IN (SELECT value FROM json_each(?1)) RETURNING failures AS id";

/// How many tries are free, and the longest lock in seconds.
pub struct Patience {
    /// The first lock comes with this failure.
    pub free: i64,
    /// Seconds.
    pub longest: i64,
    /// After so many quiet seconds all is forgotten.
    pub memory: i64,
}

impl<D: Database> Directory<D> {
    /// Counts a failure against each subject, and forgets what is a day old: one batch.
    pub async fn failed(&self, subjects: &[String], now: i64, patience: &Patience) -> Result<()> {
        let subjects = serde_json::json!(subjects).to_string();
        let count = sql!(FAILED, subjects.as_str(), now, patience.free, patience.longest, patience.memory);
        self.run::<Id>(vec![count, sql!(OLD, now - 24 * patience.memory)]).await.map(drop)
    }

    /// Forgets the failures of these subjects.
    pub async fn clear(&self, subjects: &[String]) -> Result<()> {
        self.id(sql!(CLEAR, serde_json::json!(subjects).to_string().as_str())).await.map(drop)
    }
}
