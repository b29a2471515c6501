//! API tokens: `mlea_`, 48 hexadecimal digits, and 8 more of their CRC-32.
//!
//! 192 random bits, so that the SHA-256 that is stored needs neither salt nor a slow hash. Prefix and checksum let a
//! secret scanner find a leaked one, and let us refuse a mistyped one without asking the directory.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::password::to_hex;
use crate::secret::Secret;

/// The beginning of every token.
pub const PREFIX: &str = "mlea_";
/// Random bytes.
pub const BYTES: usize = 24;

/// A well-formed token. It cannot be printed.
#[derive(Clone)]
pub struct Token(Secret);

impl Token {
    /// A new one from random bytes.
    pub fn new(random: [u8; BYTES]) -> Self {
        let body = to_hex(&random);
        Self(Secret::new(format!("{PREFIX}{body}{}", checksum(&body))))
    }

    /// Reads one: prefix, length, alphabet and checksum must be right.
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(PREFIX)?;
        let (body, sum) = body.split_at_checked(2 * BYTES)?;
        let is_hex = body.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (is_hex && checksum(body) == sum).then(|| Self(Secret::new(text)))
    }

    /// The text, to be shown to its owner once.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Returns its SHA-256 in hexadecimal, which is all that is stored of it.
    pub fn hash(&self) -> String {
        to_hex(&Sha256::digest(self.expose().as_bytes()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}[redacted]")
    }
}

/// IEEE's CRC-32, bit by bit: it is for typing errors and scanners, not for secrecy.
fn checksum(text: &str) -> String {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    let crc = text.bytes().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(byte), step));
    format!("{:08x}", !crc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_read_again() {
        let token = Token::new([0xab; BYTES]);
        assert_eq!(token.expose().len(), 5 + 48 + 8);
        assert_eq!(Token::parse(token.expose()).unwrap().hash(), token.hash());
        assert_ne!(Token::new([1; BYTES]).hash(), token.hash());
        assert_eq!(checksum("123456789"), "cbf43926", "the check value of CRC-32");
    }

    #[test]
    fn a_mistyped_one_is_none() {
        let good = Token::new([7; BYTES]).expose().to_owned();
        let swapped = good.replacen("07", "70", 1);
        for bad in ["", "mlea_", &good[1..], &good[..60], &format!("{good}0"), &good.to_uppercase(), &swapped, "mlea_é"]
        {
            assert!(Token::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_token_cannot_be_printed() {
        assert_eq!(format!("{:?}", Token::new([7; BYTES])), "mlea_[redacted]");
    }
}
