//! Models and prompts share their names. A grant on every model says nothing about prompts, and the reverse: where that
//! makes a difference, the origin is asked which of the two a name is.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::{AT_ONCE, Owners, encoded};
use crate::authz::{EVERY, Grants, Policy, Required, Resource, ResourceType, may_read};
use crate::error::{Rejection, Result};
use crate::mlflow::prompt::is_prompt;
use crate::request::RequiredAccess;
use crate::upstream::Origin;

/// The requirements of an access, as far as it is known what a name is the name of.
pub struct Alternatives {
    /// The name.
    pub name: String,
    /// The requirements if it is a registered model, or what the resource is anyway.
    pub as_model: Vec<Required>,
    /// The requirements if it is a prompt; nothing if it cannot be one.
    pub as_prompt: Option<Vec<Required>>,
}

impl Alternatives {
    /// Returns the alternatives of an access to a resource.
    pub fn of(access: &RequiredAccess, resource: &Resource) -> Self {
        let may_be_prompt = resource.kind == ResourceType::RegisteredModel && resource.id != EVERY;
        let prompt = || Resource { kind: ResourceType::Prompt, id: resource.id.clone() };
        Self {
            name: resource.id.clone(),
            as_model: access.requirements(resource),
            as_prompt: may_be_prompt.then(|| access.requirements(&prompt())),
        }
    }

    /// Every requirement of both.
    pub fn all(&self) -> impl Iterator<Item = &Required> {
        self.as_model.iter().chain(self.as_prompt.iter().flatten())
    }

    fn differ(&self, grants: &Grants, policy: Policy) -> bool {
        let of_prompt = |all: &Vec<Required>| may_read(all, grants, policy) != may_read(&self.as_model, grants, policy);
        self.as_prompt.as_ref().is_some_and(of_prompt)
    }
}

impl<O: Origin> Owners<'_, O> {
    /// Chooses one alternative of each. Where both come to the same nobody is asked.
    pub async fn choose(&self, all: Vec<Alternatives>, grants: &Grants, policy: Policy) -> Result<Vec<Required>> {
        let unclear: BTreeSet<&str> =
            all.iter().filter(|it| it.differ(grants, policy)).map(|it| it.name.as_str()).collect();
        let most = self.most_look_ups();
        if unclear.len() > most {
            return Err(Rejection::invalid(format!(
                "The request names {} models or prompts that have to be looked up; at most {most} can be looked up for \
                 one request (SUBREQUEST_LIMIT).",
                unclear.len()
            )));
        }
        let look_up = async |name: &str| Ok::<_, Rejection>((name.to_owned(), self.is_prompt(name).await?));
        let found: BTreeMap<String, bool> = stream::iter(unclear).map(look_up).buffered(AT_ONCE).try_collect().await?;
        let chosen = all.into_iter().flat_map(|it| match it.as_prompt {
            Some(as_prompt) if found.get(&it.name) == Some(&true) => as_prompt,
            _ => it.as_model,
        });
        Ok(chosen.collect())
    }

    /// Returns true if the name is that of a prompt. One that does not exist is refused like one that is forbidden.
    async fn is_prompt(&self, name: &str) -> Result<bool> {
        let target = format!("/api/2.0/mlflow/registered-models/get?name={}", encoded(name));
        let answer = self.ask(target).await?;
        let answer = answer.ok_or_else(|| Rejection::denied(format!("no model or prompt '{name}'")))?;
        Ok(answer.at(&["registered_model"]).is_some_and(is_prompt))
    }
}
