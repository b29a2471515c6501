//! A database with read replicas, which may lag (`D1_READ_REPLICAS`).
//!
//! A replica can only let somebody through. Whatever it would refuse is asked again at the primary, before it counts and
//! before anybody is told; and what is written, or needs more than one question, is asked there alone.

use std::cell::Cell;

use serde::de::DeserializeOwned;

use super::{Database, DatabaseError, Statement};

/// The database of one request: at a replica until it goes over to the primary, where it then stays.
pub struct Replicated<P, R> {
    primary: P,
    replica: Option<R>,
    at_replica: Cell<bool>,
    /// The replica has answered since the last switch.
    has_answered: Cell<bool>,
}

impl<P: Database, R: Database> Replicated<P, R> {
    /// Without a replica, the primary alone.
    pub fn new(primary: P, replica: Option<R>) -> Self {
        let at_replica = Cell::new(replica.is_some());
        Self { primary, replica, at_replica, has_answered: Cell::new(false) }
    }
}

impl<P: Database, R: Database> Database for Replicated<P, R> {
    async fn run<T: DeserializeOwned>(&self, statements: Vec<Statement>) -> Result<Vec<Vec<T>>, DatabaseError> {
        if !statements.iter().all(reads) {
            self.at_replica.set(false); // what was told before stays a replica's word
        }
        match &self.replica {
            Some(replica) if self.at_replica.get() => {
                self.has_answered.set(true);
                replica.run(statements).await
            }
            _ => self.primary.run(statements).await,
        }
    }

    fn switch_to_primary(&self) {
        self.at_replica.set(false);
        self.has_answered.set(false);
    }

    fn answered_by_replica(&self) -> bool {
        self.has_answered.get()
    }
}

fn reads(statement: &Statement) -> bool {
    statement.sql.trim_start().starts_with("SELECT")
}
