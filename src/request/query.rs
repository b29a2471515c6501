//! The query: decoded pairs, no parameter twice unless MLflow declares it repeated.

use std::collections::BTreeMap;

use super::path::{percent_decode, percent_encode};
use crate::error::{Code, Rejection, Result};

/// The longest query, in bytes: no URL of Cloudflare's is longer than 16 KiB, nor is one that Gunicorn or uvicorn takes
/// longer than this.
const LONGEST: usize = 64 * 1024;
/// More parameters than this no request has: a thousand ids and what goes with them.
const MOST_PARAMETERS: usize = 1100;

/// The `repeated` fields of the protobuf messages behind MLflow's GET routes, and what other views read as a list: the
/// `run_id` of the bulk metric history, `scorer_ids` of the online scoring, `workspace` of the roles.
/// `tests/fixtures/repeated-query-fields.txt` is the list made from MLflow.
const REPEATED: &[&str] =
    &["experiment_ids", "order_by", "run_id", "run_ids", "scorer_ids", "stages", "trace_ids", "workspace"];

/// Decoded parameters in the order of arrival.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what stands behind the `?`. A parameter that stands twice, in one spelling or two, is a 400; more text than
    /// 64 KiB is a 414, more than 1,100 parameters are a 400.
    pub fn parse(raw: &str) -> Result<Self> {
        if raw.len() > LONGEST {
            let message = format!("The query string is longer than {LONGEST} bytes.");
            return Err(Rejection::mlflow(Code::UriTooLong, message));
        }
        let written = || raw.split('&').filter(|pair| !pair.is_empty());
        if written().nth(MOST_PARAMETERS).is_some() {
            return Err(Rejection::invalid(format!("The query string has more than {MOST_PARAMETERS} parameters.")));
        }
        let pairs: Option<Vec<(String, String)>> = written()
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Some((percent_decode(name, true)?, percent_decode(value, true)?))
            })
            .collect();
        let pairs = pairs.ok_or_else(|| Rejection::invalid("The query string is not percent-encoded UTF-8."))?;
        let mut known: BTreeMap<String, &str> = BTreeMap::new();
        for (name, _) in &pairs {
            if let Some(first) = known.insert(fold(name), name)
                && !(first == name && REPEATED.contains(&first))
            {
                return Err(Rejection::invalid(format!("Query parameter '{first}' is given more than once.")));
            }
        }
        Ok(Self(pairs))
    }

    /// Reads a form of the type application/x-www-form-urlencoded.
    pub fn parse_form(body: &[u8]) -> Result<Self> {
        std::str::from_utf8(body).map_err(|_| Rejection::invalid("The form is not UTF-8.")).and_then(Self::parse)
    }

    /// The first value of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Every value of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Takes a parameter out.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| n != name);
    }

    /// Replaces or adds a value.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(n, _)| n != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// Takes a value out, in either spelling of protobuf (`page_token` or `pageToken`).
    pub fn take(&mut self, name: &str) -> Option<String> {
        let folded = fold(name);
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(|(n, _)| fold(n) == folded);
        self.0 = left;
        let taken: Vec<(String, String)> = taken;
        let is_read = |n: &str| n == name || (!n.contains('_') && n.starts_with(|c: char| c.is_ascii_lowercase()));
        taken.into_iter().find(|(n, _)| is_read(n)).map(|(_, value)| value)
    }

    /// The same pairs, sorted by name.
    pub fn sorted(&self) -> Self {
        let mut pairs = self.0.clone();
        pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self(pairs)
    }

    /// The one spelling of it on the wire, with its `?`; empty if there is nothing to say.
    pub fn encode(&self) -> String {
        let mut out = String::new();
        for (name, value) in &self.0 {
            out.push(if out.is_empty() { '?' } else { '&' });
            out.push_str(&format!("{}={}", percent_encode(name, ""), percent_encode(value, "/:")));
        }
        out
    }
}

/// `experimentId` and `experiment_id` are one field to protobuf.
fn fold(name: &str) -> String {
    name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoded_once_and_written_in_one_spelling() {
        let query = Query::parse("experiment_id=1&filter=a%20%3D+%27b%27&x").unwrap();
        assert_eq!(query.get("filter"), Some("a = 'b'"));
        assert_eq!(query.encode(), "?experiment_id=1&filter=a%20%3D%20%27b%27&x=");
        assert_eq!(Query::parse("").unwrap().encode(), "");
    }

    #[test]
    fn a_parameter_stands_once_unless_it_is_a_list() {
        for bad in ["a=1&a=1", "experiment_id=1&experimentId=1", "run_ids=1&runIds=2", "a=%ff", "a=%"] {
            assert!(Query::parse(bad).is_err(), "{bad}");
        }
        let bulk = Query::parse("run_id=a&run_id=b&metric_key=m").unwrap();
        assert_eq!(bulk.all("run_id").collect::<Vec<_>>(), ["a", "b"]);
    }
}
