//! Reads that are decided by their answer, and answers that tell in passing what was made.

use super::{Answered, Responder};
use crate::accounts::Database;
use crate::authz::{Grants, Permit};
use crate::error::Rejection;
use crate::json::Json;
use crate::owners::authorizer::Asker;
use crate::owners::{experiments_in, read_json};
use crate::request::{Call, RequiredAccess, ResourceRef};
use crate::routes::ChildKind;
use crate::upstream::Origin;
use crate::upstream::proxy::Withheld;

impl<D: Database, O: Origin> Responder<'_, D, O> {
    /// The answer names the experiments: it is read here and goes out only if the caller may read all of them.
    pub(super) async fn by_response(
        &self,
        mut call: Call<O::Stream>,
        asker: Asker<'_>,
        path: &[&str],
    ) -> Answered<O::Stream> {
        let Asker { caller, targets, .. } = asker;
        let signed_in = self.authorizer.signed_in(&call, caller)?;
        let targets = targets?;
        let required = targets.required();
        let mut answer = self.proxy.withhold(caller, &mut call).await?;
        let by_name = required.iter().any(|access| matches!(access.subject, ResourceRef::ExperimentByName(_)));
        match answer.status() {
            200 => {}
            404 if !by_name => return Err(Rejection::denied("it does not exist")),
            404 | 429 | 503 => return Ok(signed_in.release(answer.into_rejection("a read")?)),
            _ if required.is_empty() => return Ok(signed_in.release(answer.into_rejection("a list")?)),
            // it may speak of something hidden, and does not say whose that is
            _ => {
                let permit = self.authorizer.all(&call, &targets, caller, &mut Grants::default()).await?;
                let answer = answer.release(&permit);
                return Ok(permit.release(answer));
            }
        }
        let bytes = answer.read().await?;
        let object = read_json(&bytes)?;
        let permit = self.authorizer.to_read(&call, &experiments_in(&object, path)?, required.first(), caller).await?;
        if let ([RequiredAccess { subject: ResourceRef::Child(part, id), .. }], [at @ .., "experiment_id"]) =
            (required, path)
            && let Some(object) = object.at(at)
        {
            self.owners.learn(*part, id, object);
        }
        let answer = answer.release_with(&permit, bytes);
        Ok(permit.release(answer))
    }

    /// Forwards, and remembers the experiment of the part that the answer says was made.
    pub(super) async fn remember_parent(
        &self,
        permit: Permit,
        mut call: Call<O::Stream>,
        part: ChildKind,
        object: &[&str],
    ) -> Answered<O::Stream> {
        let response = self.proxy.forward(&permit, &mut call).await?;
        if response.status != 200 {
            return Ok(permit.release(response));
        }
        let mut response = Withheld::new(response);
        let bytes = response.read().await?;
        let id = if part == ChildKind::LoggedModel { "model_id" } else { "run_id" };
        if let Ok(answer) = read_json(&bytes)
            && let Some(object) = answer.at(object)
            && let Some(id) = object.field(id).and_then(Json::text)
        {
            self.owners.learn(part, id, object);
        }
        let response = response.release_with(&permit, bytes);
        Ok(permit.release(response))
    }
}
