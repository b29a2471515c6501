//! What was decided on is what is sent.

use super::{Origin, OriginRequest, headers};
use crate::accounts::Database;
use crate::authz::Caller;
use crate::error::Result;
use crate::gate::Gate;
use crate::http::{Body, Response};
use crate::request::path::encode;
use crate::request::{Call, Payload, origin_of};
use crate::routes::Row;

/// Fields by which a client asks for a part of an answer, or for none (RFC 9110, 13.1 and 14.2). Of an answer that is
/// decided on, the gate needs the whole.
const CONDITIONAL: &[&str] =
    &["range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];

impl<D: Database, O: Origin> Gate<'_, D, O> {
    /// Sends what was decided on to the origin, unless it is on its way already. A stream is given away; a body that was
    /// read can be sent again.
    pub async fn forward(&self, call: &mut Call<O::Stream>, caller: Option<&Caller>) -> Result<Response<O::Stream>> {
        if !caller.is_some_and(|caller| caller.is_admin) {
            call.check_read()?;
        }
        let username = caller.map(|caller| caller.username.as_str());
        let answer = match call.early.take().filter(|early| Some(early.username.as_str()) == username) {
            Some(early) => early.answer,
            None => self.origin.send(self.outgoing(call, username)),
        };
        let mut response = answer.await?;
        response.headers = headers::to_client(&response.headers, self.config, origin_of(&call.url));
        Ok(response)
    }

    /// The request as the origin gets it.
    pub fn outgoing(&self, call: &mut Call<O::Stream>, username: Option<&str>) -> OriginRequest<O::Stream> {
        let target = format!("{}{}", encode(&call.path), call.forwarded_query());
        let body = match std::mem::replace(&mut call.payload, Payload::None) {
            Payload::None => Body::Empty,
            Payload::Stream(stream) => Body::Stream(stream),
            Payload::Held(bytes) => Body::Bytes(bytes),
            Payload::Json(bytes, json) => {
                call.payload = Payload::Json(bytes.clone(), json);
                Body::Bytes(bytes)
            }
        };
        let mut headers = headers::to_origin(&call.headers, self.config, username);
        if matches!(body, Body::Bytes(_)) {
            headers.remove("Content-Length");
        }
        if call.has_json() {
            headers.set("Content-Type", "application/json");
            headers.remove("Content-Encoding");
        }
        if call.has_spans() {
            headers.set("Content-Type", call.content_type.as_deref().unwrap_or_default());
            headers.remove("Content-Encoding");
        }
        if call.row.is_some_and(Row::reads_answer) {
            CONDITIONAL.iter().for_each(|name| headers.remove(name));
        }
        OriginRequest { method: call.method, target, headers, body }
    }
}
