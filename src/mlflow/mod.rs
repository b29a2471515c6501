//! Knowledge about MLflow, as data and as grammars.

pub mod artifact_path;
pub mod messages;
pub mod prompt;
pub mod uri;
