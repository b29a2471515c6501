//! Password hashes as Werkzeug writes them: `method$salt$hex`.
//!
//! `scrypt:N:r:p` and `pbkdf2:sha256:iterations` (also sha512) are verified; new ones are written by the configured
//! [`Method`]. The salt is text and is used as its own UTF-8 bytes (werkzeug/security.py, 2.0 to 3.1).

use std::fmt;

use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::secret::Secret;

/// Werkzeug's salt: 16 characters of this alphabet.
const SALT_LENGTH: usize = 16;
const SALT_ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

// A row may come from an import: parameters that would cost more than this are refused, not computed.
const MOST_ITERATIONS: u32 = 2_000_000;
const MOST_SCRYPT_BYTES: u64 = 64 * 1024 * 1024;
const MOST_SCRYPT_LANES: u32 = 4;

/// A stored hash. `Debug` shows its method only.
#[derive(Clone, PartialEq)]
pub struct PasswordHash(Secret);

impl PasswordHash {
    /// The stored string, for the directory.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Whether this is the hash of `password`. An unreadable hash, an unknown method or absurd parameters: no.
    pub fn verifies(&self, password: &Secret) -> bool {
        let mut parts = self.expose().splitn(3, '$');
        let (Some(method), Some(salt), Some(hex)) = (parts.next(), parts.next(), parts.next()) else {
            return false;
        };
        Method::parse(method)
            .and_then(|method| method.derive(password, salt))
            .is_some_and(|derived| to_hex(&derived).as_bytes().ct_eq(hex.as_bytes()).into())
    }
}

impl PasswordHash {
    /// Whether the configured method would make a stronger one: the same method with higher parameters. Methods of
    /// different kinds are not compared.
    pub fn is_weaker_than(&self, configured: Method) -> bool {
        let stored = self.expose().split('$').next().and_then(Method::parse);
        match (stored, configured) {
            (Some(Method::Pbkdf2Sha256(stored)), Method::Pbkdf2Sha256(wanted))
            | (Some(Method::Pbkdf2Sha512(stored)), Method::Pbkdf2Sha512(wanted)) => stored < wanted,
            (Some(Method::Scrypt(n, r, p)), Method::Scrypt(wanted_n, wanted_r, wanted_p)) => {
                (n, r, p) != (wanted_n, wanted_r, wanted_p) && n <= wanted_n && r <= wanted_r && p <= wanted_p
            }
            _ => false,
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.expose().split('$').next().unwrap_or_default();
        write!(f, "{}$[redacted]", if Method::parse(method).is_some() { method } else { "?" })
    }
}

impl<'de> serde::Deserialize<'de> for PasswordHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Secret::deserialize(deserializer).map(Self)
    }
}

/// How a password is turned into a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// PBKDF2 with HMAC-SHA256.
    Pbkdf2Sha256(u32),
    /// PBKDF2 with HMAC-SHA512; verified for imported databases.
    Pbkdf2Sha512(u32),
    /// scrypt with log2(N), r, p.
    Scrypt(u8, u32, u32),
}

impl Default for Method {
    /// OWASP's figure for PBKDF2 with SHA-256; under a Worker's CPU limit where scrypt's 32 MiB are not at home.
    fn default() -> Self {
        Self::Pbkdf2Sha256(600_000)
    }
}

impl Method {
    /// Reads `pbkdf2:sha256:600000` or `scrypt:32768:8:1`. Unknown, incomplete or absurd: `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            ["pbkdf2", hash, iterations] => {
                let iterations = decimal(iterations).filter(|n| (1..=MOST_ITERATIONS).contains(n))?;
                match *hash {
                    "sha256" => Some(Self::Pbkdf2Sha256(iterations)),
                    "sha512" => Some(Self::Pbkdf2Sha512(iterations)),
                    _ => None,
                }
            }
            ["scrypt"] => Some(Self::Scrypt(15, 8, 1)),
            ["scrypt", n, r, p] => {
                let (n, r, p) = (decimal(n)?, decimal(r)?, decimal(p)?);
                let fits = n.is_power_of_two()
                    && n > 1
                    && r > 0
                    && 128 * u64::from(n) * u64::from(r) <= MOST_SCRYPT_BYTES
                    && (1..=MOST_SCRYPT_LANES).contains(&p);
                fits.then(|| Self::Scrypt(n.trailing_zeros() as u8, r, p))
            }
            _ => None,
        }
    }

    /// A new hash; `random` are 16 random bytes for the salt.
    pub fn hash(self, password: &Secret, random: [u8; SALT_LENGTH]) -> Option<PasswordHash> {
        // 62 does not divide 256: the bias costs less than a tenth of a bit of the salt's 95.
        let salt: String = random
            .iter()
            .filter_map(|byte| SALT_ALPHABET.get(usize::from(*byte) % SALT_ALPHABET.len()))
            .map(|byte| char::from(*byte))
            .collect();
        let derived = self.derive(password, &salt)?;
        Some(PasswordHash(Secret::new(format!("{self}${salt}${}", to_hex(&derived)))))
    }

    /// Does the work of [`PasswordHash::verifies`] for nobody, so that an unknown user costs what a known one does.
    pub fn hash_dummy(self, password: &Secret) {
        std::hint::black_box(self.derive(password, "0123456789abcdef"));
    }

    fn derive(self, password: &Secret, salt: &str) -> Option<Vec<u8>> {
        let (password, salt) = (password.expose().as_bytes(), salt.as_bytes());
        match self {
            Self::Pbkdf2Sha256(n) => Some(pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt, n).to_vec()),
            Self::Pbkdf2Sha512(n) => Some(pbkdf2::pbkdf2_hmac_array::<Sha512, 64>(password, salt, n).to_vec()),
            Self::Scrypt(log_n, r, p) => {
                let mut derived = vec![0; 64];
                let params = scrypt::Params::new(log_n, r, p).ok()?;
                scrypt::scrypt(password, salt, &params, &mut derived).ok()?;
                Some(derived)
            }
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pbkdf2Sha256(n) => write!(f, "pbkdf2:sha256:{n}"),
            Self::Pbkdf2Sha512(n) => write!(f, "pbkdf2:sha512:{n}"),
            Self::Scrypt(log_n, r, p) => write!(f, "scrypt:{}:{r}:{p}", 1u64 << log_n),
        }
    }
}

fn decimal(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Lower-case hexadecimal, as Python's `hexdigest` writes it.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with werkzeug 3.1: password "correct horse battery", salt "aaaaaaaaaaaaaaaa".
    const WERKZEUG: [&str; 4] = [
        "scrypt:32768:8:1$aaaaaaaaaaaaaaaa$df0edc7aef59f53da3a7a8e04ef6b577a138ca3dc35e883247826b790a236e52\
         76e9c41ed65f6c107de261e896473dda2d8044bf138c7b3484cdb54526035728",
        "pbkdf2:sha256:260000$aaaaaaaaaaaaaaaa$5648835e2b20fe2dac2fb916bca2aefc6d9038a3d7b3fe53872860922bffa08a",
        "pbkdf2:sha256:600000$aaaaaaaaaaaaaaaa$eb2ee4a0874a3ee99df23159f13f7b33f768c18048980e3767d3550708eb767b",
        "pbkdf2:sha512:1000$aaaaaaaaaaaaaaaa$e2f50750b13cafed23927c55ee50d896c90911302c771a996e58c202a8d60167\
         0948fdb5a130eb5798ebe45680d9eac42115331db6d1c6cbf03673b615845988",
    ];

    fn stored(text: &str) -> PasswordHash {
        PasswordHash(Secret::new(text))
    }

    #[test]
    fn werkzeugs_hashes_verify() {
        for hash in WERKZEUG {
            assert!(stored(hash).verifies(&Secret::new("correct horse battery")), "{hash}");
            assert!(!stored(hash).verifies(&Secret::new("correct horse batter")), "{hash}");
        }
    }

    #[test]
    fn a_new_hash_verifies_and_is_written_as_configured() {
        let method = Method::parse("pbkdf2:sha256:1000").unwrap();
        let hash = method.hash(&Secret::new("päss"), [7; 16]).unwrap();
        assert!(hash.expose().starts_with("pbkdf2:sha256:1000$hhhhhhhhhhhhhhhh$"));
        assert!(hash.verifies(&Secret::new("päss")) && !hash.verifies(&Secret::new("pass")));
    }

    #[test]
    fn what_cannot_be_read_is_no_ones_hash() {
        let absurd = [
            "",
            "x",
            "a$b",
            "pbkdf2:sha256$a$b",
            "pbkdf2:md5:1$a$b",
            "pbkdf2:sha256:4000000000$a$b",
            "scrypt:1048576:8:1$a$b",
            "scrypt:32768:8:100$a$b",
            "scrypt:3:8:1$a$b",
            "scrypt:0:8:1$a$b",
            "plain$$x",
        ];
        for hash in absurd {
            assert!(!stored(hash).verifies(&Secret::new("x")), "{hash}");
        }
    }

    #[test]
    fn a_hash_cannot_be_printed() {
        assert_eq!(format!("{:?}", stored("scrypt:32768:8:1$salt$abcd")), "scrypt:32768:8:1$[redacted]");
        assert_eq!(format!("{:?}", stored("my secret")), "?$[redacted]");
    }
}
