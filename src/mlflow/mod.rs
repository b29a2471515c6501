//! Knowledge about MLflow, as data.

pub mod messages;
