//! Answers of the origin that need something before they leave: to be decided on, to lose rows, to be recorded.

pub mod by_response;
pub mod effects;
pub mod filter;
pub mod graphql;
pub mod page_token;
mod rows;
pub mod static_files;
