//! The first administrator.

use super::Authenticator;
use crate::accounts::Database;
use crate::config::DEFAULT_PASSWORD;
use crate::error::{Code, Rejection, Result};

impl<D: Database> Authenticator<'_, D> {
    /// Closed until there is an administrator: the first one is made here, once, from the configuration.
    pub async fn ensure_bootstrapped(&self) -> Result<()> {
        if self.memory.has_users.get() {
            return Ok(());
        }
        self.accounts.0.switch_to_primary(); // a replica that lags could have nobody
        let stored = self.accounts.common_method().await?;
        self.memory.learn_common_method(stored.as_deref(), self.now);
        if stored.is_none() {
            let closed = |message: &str| Err(Rejection::mlflow(Code::TemporarilyUnavailable, message));
            let Some(password) = &self.config.admin_password else {
                return closed(
                    "There is no user yet. Set the secret ADMIN_PASSWORD (and the variable ADMIN_USERNAME, \
                    if the first administrator is not to be called admin), then send the request again.",
                );
            };
            if password.expose() == DEFAULT_PASSWORD && !self.config.allow_default_password {
                return closed(
                    "ADMIN_PASSWORD is the password that MLflow used to ship with, which everybody knows. \
                    Set another one.",
                );
            }
            let least = self.config.password_min_length;
            if password.expose().chars().count() < least {
                return closed(&format!("ADMIN_PASSWORD must have at least {least} characters."));
            }
            let hash = self.hash(password)?;
            self.accounts.create_first_admin(&self.config.admin_username, &hash).await?;
        }
        self.memory.has_users.set(true);
        Ok(())
    }
}
