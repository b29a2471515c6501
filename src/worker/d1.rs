//! Cloudflare D1.

use js_sys::Array;
use serde::de::DeserializeOwned;
use wasm_bindgen_futures::JsFuture;
use worker::Env;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::worker_sys::types::{D1Database, D1PreparedStatement, D1Result};

use super::js::{self, told};
use crate::accounts::{Database, DatabaseError, Statement, Value};

/// The binding `DB`, taken only by those requests that need it.
pub struct D1<'a> {
    /// Where the binding is.
    pub env: &'a Env,
    /// True if the nearest replica may answer; the primary otherwise.
    pub at_replica: bool,
}

impl D1<'_> {
    fn database(&self) -> Result<D1Database, JsValue> {
        let database: D1Database = JsValue::from(self.env.d1("DB").map_err(JsValue::from)?).unchecked_into();
        if !self.at_replica {
            return Ok(database);
        }
        // a session prepares and runs as the database does; only within one is a replica asked
        Ok(database.with_session(Some("first-unconstrained"))?.unchecked_into())
    }

    async fn results(&self, statements: Vec<Statement>) -> Result<Vec<JsValue>, JsValue> {
        let database = self.database()?;
        let mut prepared = statements.iter().map(|s| prepare(&database, s)).collect::<Result<Vec<_>, _>>()?;
        if prepared.len() == 1
            && let Some(only) = prepared.pop()
        {
            return Ok(vec![JsFuture::from(only.all()?).await?]);
        }
        let results = JsFuture::from(database.batch(prepared.into_iter().collect())?).await?;
        Ok(Array::from(&results).to_vec())
    }
}

fn prepare(database: &D1Database, statement: &Statement) -> Result<D1PreparedStatement, JsValue> {
    let values = statement.values.iter().map(|value| match value {
        Value::Text(text) => JsValue::from(text),
        Value::Integer(number) => JsValue::from(*number as f64),
    });
    database.prepare(statement.sql)?.bind(values.collect())
}

fn rows<T: DeserializeOwned>(result: JsValue) -> Result<Vec<T>, JsValue> {
    let result: D1Result = result.unchecked_into();
    match (result.error()?, result.results()?) {
        (Some(error), _) => Err(error.into()),
        (None, Some(rows)) => js::read(&rows),
        (None, None) => Ok(Vec::new()),
    }
}

impl Database for D1<'_> {
    async fn run<T: DeserializeOwned>(&self, statements: Vec<Statement>) -> Result<Vec<Vec<T>>, DatabaseError> {
        let results = self.results(statements).await;
        let rows = results.and_then(|results| results.into_iter().map(rows).collect());
        rows.map_err(|error| DatabaseError(told(&error)))
    }
}
