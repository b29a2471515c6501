//! What is known about MLflow, as data.

pub mod messages;
