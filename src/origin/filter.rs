//! Search results hold only what the caller may read.
//!
//! A page from which rows were taken is filled up: the origin is asked for exactly as many rows as are missing, so
//! that its own token always points behind the last row that was looked at. No row is lost or repeated, and no token
//! has to be understood. After [`ROUNDS`] questions the page goes out short, with the token, so that a search of which
//! nearly everything is invisible ends too.

use super::{Origin, collect, parents, rewritten, unusable};
use crate::access::{Caller, Capability, Resource};
use crate::directory::Database;
use crate::error::Result;
use crate::gate::Gate;
use crate::http::{Body, Method, Response};
use crate::request::json::Json;
use crate::request::{Call, Payload};
use crate::routes::{Listing, Names};

/// Pages of the origin that make one of ours, at most.
const ROUNDS: usize = 10;

impl<D: Database, O: Origin> Gate<'_, D, O> {
    /// Answers a search with its readable rows.
    pub async fn filter(
        &self,
        mut call: Call<O::Stream>,
        caller: &Caller,
        listing: Listing,
    ) -> Result<Response<O::Stream>> {
        let head = call.method == Method::Head;
        call.method = call.method.decided_as(); // a HEAD would tell the length of what is hidden
        let mut wanted = page_size(&call);
        let mut kept: Vec<Json> = Vec::new();
        let mut removed = false;
        for round in 1.. {
            let mut response = self.forward(&mut call, Some(caller)).await?;
            if response.status != 200 {
                return Ok(response);
            }
            let bytes = collect(std::mem::replace(&mut response.body, Body::Empty)).await?;
            let mut page = parents::read_json(&bytes)?;
            let rows = rows_of(&page, listing)?;
            let (seen, asked) = (rows.len(), *wanted.get_or_insert(rows.len()));
            let readable = self.readable(rows, caller, listing).await?;
            removed |= readable.len() < seen;
            kept.extend(readable);
            let token = page.field("next_page_token").and_then(Json::text).filter(|t| !t.is_empty()).map(str::to_owned);
            if round == 1 && !removed {
                response.body = Body::Bytes(if head { Vec::new() } else { bytes });
                rewritten(&mut response.headers);
                return Ok(response);
            }
            match token {
                Some(token) if kept.len() < asked && round < ROUNDS => turn_page(&mut call, &token, asked - kept.len()),
                _ => {
                    replace_rows(&mut page, listing, kept);
                    rewritten(&mut response.headers);
                    response.body = Body::Bytes(if head { Vec::new() } else { page.pretty().into_bytes() });
                    return Ok(response);
                }
            }
        }
        Err(unusable("a search without end"))
    }

    async fn readable(&self, rows: Vec<(Resource, Json)>, caller: &Caller, listing: Listing) -> Result<Vec<Json>> {
        if caller.is_admin || rows.is_empty() {
            return Ok(rows.into_iter().map(|(_, row)| row).collect());
        }
        let mut wanted: Vec<Resource> = rows.iter().map(|(resource, _)| resource.clone()).collect();
        if listing.names == Names::RegisteredModel {
            wanted.dedup(); // versions of one model follow each other
        }
        let grants = self.directory.grants(caller.id, &wanted).await?;
        let default = self.config.default_permission;
        let may_read = |resource: &Resource| grants.level(resource, default).allows(Capability::Read);
        Ok(rows.into_iter().filter(|(resource, _)| may_read(resource)).map(|(_, row)| row).collect())
    }
}

/// The rows with what each is about. A row that does not say it is an error: it could be anything.
fn rows_of(page: &Json, listing: Listing) -> Result<Vec<(Resource, Json)>> {
    let Json::Object(_) = page else { return Err(unusable("a search answered with no object")) };
    let Some(rows) = page.field(listing.rows) else { return Ok(Vec::new()) };
    let rows = rows.list().ok_or_else(|| unusable(format!("{} is no list", listing.rows)))?;
    rows.iter()
        .map(|row| {
            let resource = match listing.names {
                Names::RegisteredModel => row.field(listing.id).and_then(Json::text).map(Resource::registered_model),
                // scorers/list has the id as a number, unlike every other answer
                _ => match row.field(listing.id) {
                    Some(Json::Text(id) | Json::Number(id)) => {
                        Some(Resource::experiment(id).map_err(|_| unusable("an experiment id that is none"))?)
                    }
                    _ => None,
                },
            };
            let resource =
                resource.ok_or_else(|| unusable(format!("a row of {} without {}", listing.rows, listing.id)))?;
            Ok((resource, row.clone()))
        })
        .collect()
}

/// MLflow leaves an empty list out.
fn replace_rows(page: &mut Json, listing: Listing, kept: Vec<Json>) {
    if !kept.is_empty() {
        page.set(listing.rows, Json::List(kept));
    } else {
        page.remove(listing.rows);
    }
}

fn page_size<S>(call: &Call<S>) -> Option<usize> {
    let text = match &call.payload {
        Payload::Json(_, Ok(json)) => match json.field("max_results")? {
            Json::Number(text) | Json::Text(text) => text.as_str(),
            _ => return None,
        },
        _ => call.query.get("max_results")?,
    };
    text.parse().ok().filter(|n| *n > 0)
}

fn turn_page<S>(call: &mut Call<S>, token: &str, missing: usize) {
    match &mut call.payload {
        Payload::Json(bytes, Ok(json)) => {
            json.set("page_token", Json::Text(token.to_owned()));
            json.set("max_results", Json::Number(missing.to_string()));
            *bytes = json.compact().into_bytes();
        }
        _ => {
            call.query.set("page_token", token);
            call.query.set("max_results", &missing.to_string());
        }
    }
}
