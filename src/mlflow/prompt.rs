//! Prompts, which MLflow keeps as registered models with a tag.

use crate::json::Json;

/// The tag that makes a prompt of a registered model.
pub const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";

/// Returns true if the tags of a model, or version, say that it is a prompt.
pub fn is_prompt(object: &Json) -> bool {
    let text = |tag: &Json, name: &str| tag.field(name).and_then(Json::text).map(str::to_owned);
    let says_so = |tag: &Json| {
        text(tag, "key").as_deref() == Some(PROMPT_TAG)
            && text(tag, "value").is_some_and(|value| value.eq_ignore_ascii_case("true"))
    };
    object.field("tags").and_then(Json::list).unwrap_or_default().iter().any(says_so)
}
