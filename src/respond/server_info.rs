//! MLflow's word on itself, which says in any case that there are no workspaces: the gate serves one, the default one.

use super::Responder;
use crate::accounts::Database;
use crate::authz::Permit;
use crate::error::Result;
use crate::http::Response;
use crate::json::Json;
use crate::owners::read_json;
use crate::request::Call;
use crate::upstream::proxy::Withheld;
use crate::upstream::{Origin, bad_upstream_response};

impl<D: Database, O: Origin> Responder<'_, D, O> {
    /// Forwards, and denies workspaces. A UI or a client that believes there are some asks for them.
    pub(super) async fn server_info(&self, permit: &Permit, call: &mut Call<O::Stream>) -> Result<Response<O::Stream>> {
        call.method = call.method.decided_as();
        let response = self.proxy.forward(permit, call).await?;
        if response.status != 200 {
            return Ok(response);
        }
        let mut response = Withheld::new(response);
        let mut info = read_json(&response.read().await?)?;
        if !matches!(info, Json::Object(_)) {
            return Err(bad_upstream_response("server-info is no object"));
        }
        info.set("workspaces_enabled", Json::Bool(false));
        Ok(response.release_with(permit, info.compact().into_bytes()))
    }
}
