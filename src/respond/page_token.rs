//! Page tokens of ours, for searches from whose answers rows are removed.
//!
//! MLflow's own token is an offset that counts every row. With a filter, it would tell a caller how many hidden rows match.
//! The client gets a token that only the gate can read and make: XChaCha20-Poly1305 under a key derived from
//! `SECRET_KEY`, with a random nonce. It is bound to the caller, the route and every other parameter of the
//! search, and is padded, so that not even its length tells how far the search has got.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::error::Rejection;
use crate::secret::Secret;

const NONCE: usize = 24;
/// Length of the sealed text, in steps.
const STEP: usize = 128;
/// A token of MLflow is a few dozen characters. Ours must fit into a query with room to spare (2 KiB).
const LONGEST: usize = 1024;
/// The longest text that can be a token of ours.
const LONGEST_SEALED: usize = 2048;

/// A row of an answer, known again by a hash of its id.
pub type RowKey = [u8; 16];

/// The place of a row in the origin's answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// MLflow's token of a page; none for the first.
    pub token: Option<String>,
    /// The number of rows of that page before the place.
    pub skip: usize,
}

/// The place where the next page begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The number of rows that the earlier pages showed.
    pub shown: u64,
    /// The number of rows on a page where the client does not say; 0 if that is not known.
    pub size: u64,
    /// The next row to be shown, if it was found.
    pub next: Option<RowKey>,
    /// Its place.
    pub cursor: Cursor,
}

/// The search that a token is bound to.
pub struct Binding<'a> {
    /// The operator's secret.
    pub key: &'a Secret,
    /// Caller, route and the other parameters.
    pub context: String,
}

impl Binding<'_> {
    /// Makes a token. `None` if the platform has no randomness or MLflow's own token is too long.
    pub fn seal(&self, position: &Position, random: fn(&mut [u8]) -> bool) -> Option<String> {
        let mut nonce = [0; NONCE];
        if !random(&mut nonce) {
            return None;
        }
        let payload = Payload { msg: &write(position)?, aad: self.context.as_bytes() };
        let sealed = self.cipher()?.encrypt(&XNonce::from(nonce), payload).ok()?;
        Some(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// Reads a token. One that was made for another caller, route or search, or not by this gate, is a 400.
    pub fn open(&self, token: &str) -> Result<Position, Rejection> {
        self.read(token).ok_or_else(|| Rejection::invalid("Invalid page token, could not base64-decode"))
    }

    fn read(&self, token: &str) -> Option<Position> {
        if token.len() > LONGEST_SEALED {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg: sealed, aad: self.context.as_bytes() };
        read(&self.cipher()?.decrypt(&XNonce::from(*nonce), payload).ok()?)
    }

    fn cipher(&self) -> Option<XChaCha20Poly1305> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose().as_bytes()).ok()?;
        mac.update(b"page token 1");
        XChaCha20Poly1305::new_from_slice(&mac.finalize().into_bytes()).ok()
    }
}

/// Numbers first, MLflow's token behind them, and zeros up to a full step. `None` if the token is too long.
fn write(position: &Position) -> Option<Vec<u8>> {
    let token = position.cursor.token.as_deref().unwrap_or_default().as_bytes();
    if token.len() > LONGEST {
        return None;
    }
    let mut bytes = position.shown.to_be_bytes().to_vec();
    bytes.extend(position.size.to_be_bytes());
    bytes.extend(u64::try_from(position.cursor.skip).ok()?.to_be_bytes());
    bytes.push(u8::from(position.next.is_some()));
    bytes.extend(position.next.unwrap_or_default());
    bytes.extend(u16::try_from(token.len()).ok()?.to_be_bytes());
    bytes.extend(token);
    bytes.resize(bytes.len().next_multiple_of(STEP), 0);
    Some(bytes)
}

fn read(bytes: &[u8]) -> Option<Position> {
    let (shown, rest) = bytes.split_first_chunk()?;
    let (size, rest) = rest.split_first_chunk()?;
    let (skip, rest) = rest.split_first_chunk()?;
    let ([has_next], rest) = rest.split_first_chunk()?;
    let (next, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let token = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    let token = (!token.is_empty()).then(|| String::from_utf8(token.to_vec())).transpose().ok()?;
    Some(Position {
        shown: u64::from_be_bytes(*shown),
        size: u64::from_be_bytes(*size),
        next: (*has_next == 1).then_some(*next),
        cursor: Cursor { token, skip: usize::try_from(u64::from_be_bytes(*skip)).ok()? },
    })
}

/// The key of a row with this id.
pub fn row_key(id: &[&str]) -> RowKey {
    let mut hash = Sha256::new();
    for part in id {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().first_chunk().copied().unwrap_or_default()
}

/// The offset in a token of MLflow: `{"offset": 5}` in Base64. `None` for a token of another form.
pub fn offset_in(token: &str) -> Option<u64> {
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let offset = text.strip_prefix("{\"offset\": ")?.strip_suffix('}')?.parse().ok()?;
    (offset_token(offset) == token).then_some(offset)
}

/// MLflow's token of an offset.
pub fn offset_token(offset: u64) -> String {
    STANDARD.encode(format!("{{\"offset\": {offset}}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(token: Option<&str>) -> Position {
        let cursor = Cursor { token: token.map(str::to_owned), skip: 7 };
        Position { shown: 3, size: 5, next: Some(row_key(&["a"])), cursor }
    }

    fn seal(key: &Secret, context: &str, position: &Position) -> Option<String> {
        let binding = Binding { key, context: context.to_owned() };
        binding.seal(position, |buffer| getrandom::fill(buffer).is_ok())
    }

    #[test]
    fn a_token_is_read_only_where_it_was_made() {
        let key = Secret::new("a key");
        let token = seal(&key, "alice", &position(Some("abc"))).unwrap();
        let open = |key: &Secret, context: &str, token: &str| Binding { key, context: context.to_owned() }.read(token);
        assert_eq!(open(&key, "alice", &token), Some(position(Some("abc"))));
        assert_eq!(open(&key, "bob", &token), None);
        assert_eq!(open(&Secret::new("another key"), "alice", &token), None);
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(open(&key, "alice", &String::from_utf8(bytes).unwrap()), None, "byte {at}");
            assert_eq!(open(&key, "alice", &token[..at]), None, "{at} bytes");
        }
    }

    #[test]
    fn the_length_of_a_token_does_not_tell_how_far_the_search_has_got() {
        let key = Secret::new("a key");
        let length = |token: Option<&str>| seal(&key, "alice", &position(token)).map(|token| token.len());
        assert_eq!(length(None), length(Some(&offset_token(u64::MAX))));
        assert!(length(Some(&"x".repeat(LONGEST))).is_some_and(|length| length < LONGEST_SEALED));
        assert_eq!(length(Some(&"x".repeat(LONGEST + 1))), None);
    }

    #[test]
    fn no_token_is_made_without_randomness() {
        let key = Secret::new("a key");
        let binding = Binding { key: &key, context: String::new() };
        assert_eq!(binding.seal(&position(None), |_| false), None);
    }

    #[test]
    fn the_offset_of_a_token_is_known_only_in_the_form_of_mlflow() {
        assert_eq!(offset_token(3), "eyJvZmZzZXQiOiAzfQ==");
        assert_eq!(offset_in("eyJvZmZzZXQiOiAzfQ=="), Some(3));
        for other in ["", "3", "eyJvZmZzZXQiOiAzfQ", "eyJvZmZzZXQiOiAwM30=", "eyJvZmZzZXQiOjN9"] {
            assert_eq!(offset_in(other), None, "{other}");
        }
    }
}
