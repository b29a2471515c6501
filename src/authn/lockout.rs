//! Guessing: locks that stop a guesser and leave others alone.
//!
//! A try counts for the name from its address, for the name from anywhere, and, once for each name, for the address.
//! `SIGN_IN_TRIES` different passwords are free for a name from one address, five times as many for a name, and ten
//! times as many names for an address. Then each further one locks for one second, two, four and so on up to a minute,
//! and a quiet hour forgets all. What is tried during a lock is neither hashed nor counted, but for a password whose
//! first try is under way and was counted before.
//!
//! * A try is claimed before the hash is computed, so that parallel tries count like others. A right password takes
//!   its claim back.
//! * A wrong password that comes again is no new guess and costs no hash: a job with an old password locks nobody.
//! * Locks of the name and of the address do not hold for who has signed in from this address in the last 30 days.
//! * A name counts whether or not anybody has it. Tokens and logins that this isolate has verified are not affected.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::auth_cache::Fingerprint;
use super::basic::Credentials;
use crate::accounts::login_failures::{LockoutPolicy, Try};
use crate::config::Config;
use crate::password::to_hex;
use crate::secret::Secret;

/// The numbers above.
pub fn policy(config: &Config) -> LockoutPolicy {
    let tries = i64::from(config.sign_in_tries);
    LockoutPolicy { per_pair: tries, per_name: tries * 5, per_address: tries * 10 }
}

/// Returns the keys that a try counts against. Nobody can read a name or a password out of it: each is hashed under `SECRET_KEY`, or
/// without one the name by SHA-256 and the password under the random key of this isolate, which alone knows it again.
pub fn attempt(
    credentials: &Credentials,
    login: Option<Fingerprint>,
    address: Option<&str>,
    key: Option<&Secret>,
    claim: String,
) -> Try {
    let network = address.map(network);
    let name = credentials.username.as_str();
    let password = match (key, login) {
        (Some(_), _) => digest(key, &["password", name, credentials.password.expose()]),
        (None, Some(login)) => to_hex(&login),
        (None, None) => claim.clone(), // without any key it is not to be known again
    };
    Try {
        username: name.to_owned(),
        pair: format!("pair:{}", digest(key, &["pair", name, network.as_deref().unwrap_or_default()])),
        name: format!("user:{}", digest(key, &["user", name])),
        address: network.map(|network| format!("address:{network}")),
        password,
        claim,
    }
}

/// No part holds a NUL that could move a border: each stands behind its length.
fn digest(key: Option<&Secret>, parts: &[&str]) -> String {
    let text: String = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
    let mac = key.and_then(|key| Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).ok());
    match mac {
        Some(mac) => to_hex(&mac.chain_update("guess ").chain_update(&text).finalize().into_bytes()),
        None => to_hex(&Sha256::digest(text)),
    }
}

/// An address as the platform tells it; of IPv6 the network (/64) that one customer has.
fn network(address: &str) -> String {
    match address.parse() {
        Ok(std::net::IpAddr::V6(v6)) => match v6.segments() {
            [a, b, c, d, ..] => format!("{a:x}:{b:x}:{c:x}:{d:x}::/64"),
        },
        Ok(v4) => v4.to_string(),
        Err(_) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_five_times_and_an_address_ten_times_the_tries() {
        let config = Config::parse(|name| match name {
            "ORIGIN_URL" => Some("http://localhost".to_owned()),
            "SIGN_IN_TRIES" => Some("7".to_owned()),
            _ => None,
        });
        let LockoutPolicy { per_pair, per_name, per_address } = policy(&config.unwrap());
        assert_eq!((per_pair, per_name, per_address), (7, 35, 70));
    }

    #[test]
    fn an_address_is_what_one_customer_has() {
        assert_eq!(network("203.0.113.9"), "203.0.113.9");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2::99"), network("2001:db8:1:2:ffff::1"));
        assert_eq!(network("nonsense"), "unknown");
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(digest(None, &["a", "bc"]), digest(None, &["ab", "c"]));
        assert_ne!(digest(None, &["a"]), digest(Some(&Secret::new("k")), &["a"]));
    }
}
