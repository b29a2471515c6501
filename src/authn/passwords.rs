//! New passwords.

use super::Authenticator;
use crate::config::DEFAULT_PASSWORD;
use crate::error::{Code, Rejection, Result};
use crate::password::PasswordHash;
use crate::secret::Secret;

impl<D> Authenticator<'_, D> {
    /// Hashes a new password by the configured method.
    pub fn hash(&self, password: &Secret) -> Result<PasswordHash> {
        let failed =
            |reason: &'static str| Rejection::fault(Code::InternalError, "The password cannot be hashed.", reason);
        let mut salt = [0; 16];
        if !(self.random)(&mut salt) {
            return Err(failed("no randomness"));
        }
        let method = self.config.password_hash;
        self.count_hash(method);
        method.hash(password, salt, self.platform.scrypt()).ok_or_else(|| failed("the method refused"))
    }

    /// Hashes a new password that keeps MLflow's rule of 2.22: 12 characters, or what is configured (CVE-2025-1474),
    /// and not the one that everybody knows (CVE-2026-2635).
    pub fn hash_new(&self, password: &str) -> Result<PasswordHash> {
        let least = self.config.password_min_length;
        if password.chars().count() < least {
            return Err(Rejection::invalid(format!("Password must be a string longer than {least} characters.")));
        }
        if password == DEFAULT_PASSWORD && !self.config.allow_default_password {
            return Err(Rejection::invalid(
                "Password must not be the default password of MLflow, which everybody knows.",
            ));
        }
        self.hash(&Secret::new(password))
    }
}
