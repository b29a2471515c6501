//! Cloudflare D1.

use serde::de::DeserializeOwned;
use worker::wasm_bindgen::JsValue;
use worker::{D1Database, D1PreparedStatement};

use super::{Database, DatabaseError, Statement, Value};

/// The binding `DB`.
pub struct D1(pub D1Database);

impl D1 {
    fn prepare(&self, statement: Statement) -> worker::Result<D1PreparedStatement> {
        let values: Vec<JsValue> = statement
            .values
            .into_iter()
            .map(|value| match value {
                Value::Text(text) => JsValue::from(text),
                Value::Integer(number) => JsValue::from(number as f64),
            })
            .collect();
        self.0.prepare(statement.sql).bind(&values)
    }
}

impl Database for D1 {
    async fn run<T: DeserializeOwned>(&self, statements: Vec<Statement>) -> Result<Vec<Vec<T>>, DatabaseError> {
        let failed = |error: worker::Error| DatabaseError(error.to_string());
        let mut prepared =
            statements.into_iter().map(|s| self.prepare(s)).collect::<worker::Result<Vec<_>>>().map_err(failed)?;
        let results = if prepared.len() == 1
            && let Some(only) = prepared.pop()
        {
            vec![only.all().await.map_err(failed)?]
        } else {
            self.0.batch(prepared).await.map_err(failed)?
        };
        results
            .iter()
            .map(|result| match result.error() {
                Some(error) => Err(DatabaseError(error)),
                None => result.results().map_err(failed),
            })
            .collect()
    }
}
