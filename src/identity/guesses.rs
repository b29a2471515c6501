//! Guessing: a soft lock per account and per address.
//!
//! Ten tries are free (`SIGN_IN_TRIES`); then each failure locks, for one second, two, four and so on up to a minute. Nothing that is
//! tried during a lock is hashed, counted or written, so that a guesser costs one hash a minute, and nobody is locked
//! out for longer than a minute after the last failure. A name is locked whether or not anybody has it. Tokens, and
//! credentials that this isolate has verified, are not affected.

use sha2::{Digest, Sha256};

use super::password::to_hex;
use crate::config::Config;
use crate::directory::guesses::Patience;

/// See above; after a quiet hour all is forgotten.
pub fn patience(config: &Config) -> Patience {
    Patience { free: i64::from(config.sign_in_tries), longest: 60, memory: 3600 }
}

/// What a try counts against: the name, hashed since somebody may type a password there, and the address as the
/// platform tells it, of IPv6 the network (/64) that one customer has.
pub fn subjects(username: &str, address: Option<&str>) -> Vec<String> {
    let name = format!("user:{}", to_hex(&Sha256::digest(username.as_bytes())));
    let address = address.map(|address| format!("address:{}", network(address)));
    [Some(name), address].into_iter().flatten().collect()
}

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
    fn an_address_is_what_one_customer_has() {
        assert_eq!(network("203.0.113.9"), "203.0.113.9");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2::99"), network("2001:db8:1:2:ffff::1"));
        assert_eq!(network("nonsense"), "unknown");
    }

    #[test]
    fn a_name_is_not_kept() {
        let subjects = subjects("hunter2", None);
        assert_eq!(subjects.len(), 1);
        assert!(!subjects[0].contains("hunter2"));
    }
}
