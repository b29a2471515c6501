//! What was decided on is what is sent.

use super::{Origin, OriginRequest, headers};
use crate::access::Caller;
use crate::directory::Database;
use crate::error::Result;
use crate::gate::Gate;
use crate::http::{Body, Response};
use crate::request::path::encode;
use crate::request::{Call, Payload, origin_of};

impl<D: Database, O: Origin> Gate<'_, D, O> {
    /// Sends what was decided on to the origin. A stream is given away; a body that was read can be sent again.
    pub async fn forward(&self, call: &mut Call<O::Stream>, caller: Option<&Caller>) -> Result<Response<O::Stream>> {
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
        let mut headers = headers::to_origin(&call.headers, self.config, caller.map(|caller| caller.username.as_str()));
        if matches!(body, Body::Bytes(_)) {
            headers.remove("Content-Length");
        }
        let mut response = self.origin.send(OriginRequest { method: call.method, target, headers, body }).await?;
        response.headers = headers::to_client(&response.headers, self.config, origin_of(&call.url));
        Ok(response)
    }
}
