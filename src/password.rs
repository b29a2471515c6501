//! Password hashes as Werkzeug writes them: `method$salt$hex`.
//!
//! `scrypt:N:r:p` and `pbkdf2:sha256:iterations` (also sha512) are verified; new ones are written by the configured
//! [`Method`]. PBKDF2 is always computed here: that of the platform stops at 100,000 iterations. The salt is text and is used as its own UTF-8 bytes (werkzeug/security.py, 2.0 to 3.1).

use std::fmt;

use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use crate::secret::Secret;

/// Werkzeug's salt: 16 characters of this alphabet.
const SALT_LENGTH: usize = 16;
const SALT_ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

// A row may come from an import: parameters that would cost more than this are refused, not computed.
const MOST_ITERATIONS: u32 = 2_000_000;
const MOST_SCRYPT_LANES: u32 = 4;

/// A stored hash. `Debug` shows its method only.
#[derive(Clone, PartialEq)]
pub struct PasswordHash(Secret);

impl PasswordHash {
    /// The stored string, for the directory.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Returns what the hash is computed by; `None` if it is unreadable, or would cost too much.
    pub fn method(&self) -> Option<Method> {
        self.parts().map(|(method, _, _)| method)
    }

    /// Returns true if this is the hash of `password`. An unreadable hash, an unknown method or absurd parameters: no.
    pub fn verifies(&self, password: &Secret, scrypt: ScryptFn) -> bool {
        let Some((method, salt, hex)) = self.parts() else { return false };
        let derived = method.derive(password, salt, scrypt);
        derived.is_some_and(|derived| to_hex(&derived).as_bytes().ct_eq(hex.as_bytes()).into())
    }

    /// Returns true if the configured method would make a stronger one.
    ///
    /// * Of two that are of one kind it is the one with higher parameters; one higher and another lower: neither.
    /// * scrypt of 32 MiB or more is stronger than PBKDF2 with all the iterations that are accepted, since guessing
    ///   hardware has many cores and little memory for each.
    /// * Anything else is not compared. PBKDF2 never takes the place of scrypt, nor less memory that of more.
    pub fn is_weaker_than(&self, configured: Method) -> bool {
        use Method::{Pbkdf2Sha256, Pbkdf2Sha512, Scrypt};
        match (self.method(), configured) {
            (Some(Pbkdf2Sha256(stored)), Pbkdf2Sha256(wanted)) | (Some(Pbkdf2Sha512(stored)), Pbkdf2Sha512(wanted)) => {
                stored < wanted
            }
            (Some(Scrypt(stored)), Scrypt(wanted)) => {
                stored != wanted && stored.log_n <= wanted.log_n && stored.r <= wanted.r && stored.p <= wanted.p
            }
            (Some(Pbkdf2Sha256(_) | Pbkdf2Sha512(_)), Scrypt(wanted)) => wanted.bytes() >= ScryptCost::USUAL.bytes(),
            _ => false,
        }
    }

    /// Method, salt and hexadecimal digits.
    fn parts(&self) -> Option<(Method, &str, &str)> {
        let mut parts = self.expose().splitn(3, '$');
        let method = Method::parse(parts.next()?)?;
        Some((method, parts.next()?, parts.next()?))
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

/// A method of hashing passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// PBKDF2 with HMAC-SHA256.
    Pbkdf2Sha256(u32),
    /// PBKDF2 with HMAC-SHA512; verified for imported databases.
    Pbkdf2Sha512(u32),
    /// scrypt.
    Scrypt(ScryptCost),
}

/// The cost of scrypt (RFC 7914).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScryptCost {
    /// The binary logarithm of N.
    pub log_n: u8,
    /// The size of a block.
    pub r: u32,
    /// Parallelization: the number of times that all of it is done.
    pub p: u32,
}

impl ScryptCost {
    /// That of Werkzeug, and so of MLflow.
    const USUAL: Self = Self { log_n: 15, r: 8, p: 1 };
    /// The most memory that a cost takes which [`Method::parse`] accepts.
    pub const MOST_BYTES: u64 = 64 * 1024 * 1024;

    /// N.
    pub fn n(self) -> u64 {
        1 << self.log_n.min(63)
    }

    fn bytes(self) -> u64 {
        (128 * u64::from(self.r)).saturating_mul(self.n())
    }
}

/// The 64 bytes that scrypt makes of a password and a salt; `None` if it cannot.
pub type ScryptFn = fn(password: &[u8], salt: &[u8], cost: ScryptCost) -> Option<[u8; 64]>;

/// The scrypt that runs everywhere.
pub fn portable_scrypt(password: &[u8], salt: &[u8], cost: ScryptCost) -> Option<[u8; 64]> {
    let mut derived = [0; 64];
    let params = scrypt::Params::new(cost.log_n, cost.r, cost.p).ok()?;
    scrypt::scrypt(password, salt, &params, &mut derived).ok()?;
    Some(derived)
}

impl Default for Method {
    /// The method of Werkzeug, and so of MLflow, so that users who were imported cost what others do.
    fn default() -> Self {
        Self::Scrypt(ScryptCost::USUAL)
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
            ["scrypt"] => Some(Self::Scrypt(ScryptCost::USUAL)),
            ["scrypt", n, r, p] => {
                let (n, r, p) = (decimal(n)?, decimal(r)?, decimal(p)?);
                let cost = ScryptCost { log_n: n.trailing_zeros() as u8, r, p };
                let fits = n.is_power_of_two()
                    && n > 1
                    && r > 0
                    && cost.bytes() <= ScryptCost::MOST_BYTES
                    && (1..=MOST_SCRYPT_LANES).contains(&p);
                fits.then_some(Self::Scrypt(cost))
            }
            _ => None,
        }
    }

    /// A new hash; `random` are 16 random bytes for the salt.
    pub fn hash(self, password: &Secret, random: [u8; SALT_LENGTH], scrypt: ScryptFn) -> Option<PasswordHash> {
        // 62 does not divide 256: the bias costs less than a tenth of a bit of the salt's 95.
        let salt: String = random
            .iter()
            .filter_map(|byte| SALT_ALPHABET.get(usize::from(*byte) % SALT_ALPHABET.len()))
            .map(|byte| char::from(*byte))
            .collect();
        let derived = self.derive(password, &salt, scrypt)?;
        Some(PasswordHash(Secret::new(format!("{self}${salt}${}", to_hex(&derived)))))
    }

    /// Does the work of [`PasswordHash::verifies`] for nobody, so that an unknown user costs what a known one does.
    pub fn hash_dummy(self, password: &Secret, scrypt: ScryptFn) {
        std::hint::black_box(self.derive(password, "0123456789abcdef", scrypt));
    }

    fn derive(self, password: &Secret, salt: &str, scrypt: ScryptFn) -> Option<Vec<u8>> {
        let (password, salt) = (password.expose().as_bytes(), salt.as_bytes());
        match self {
            Self::Pbkdf2Sha256(n) => Some(pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt, n).to_vec()),
            Self::Pbkdf2Sha512(n) => Some(pbkdf2::pbkdf2_hmac_array::<Sha512, 64>(password, salt, n).to_vec()),
            Self::Scrypt(cost) => scrypt(password, salt, cost).map(|derived| derived.to_vec()),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pbkdf2Sha256(n) => write!(f, "pbkdf2:sha256:{n}"),
            Self::Pbkdf2Sha512(n) => write!(f, "pbkdf2:sha512:{n}"),
            Self::Scrypt(cost) => write!(f, "scrypt:{}:{}:{}", cost.n(), cost.r, cost.p),
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

    fn verifies(hash: &str, password: &str) -> bool {
        stored(hash).verifies(&Secret::new(password), portable_scrypt)
    }

    #[test]
    fn werkzeugs_hashes_verify() {
        for hash in WERKZEUG {
            assert!(verifies(hash, "correct horse battery"), "{hash}");
            assert!(!verifies(hash, "correct horse batter"), "{hash}");
        }
    }

    #[test]
    fn a_new_hash_verifies_and_is_written_as_configured() {
        let method = Method::parse("pbkdf2:sha256:1000").unwrap();
        let hash = method.hash(&Secret::new("päss"), [7; 16], portable_scrypt).unwrap();
        assert!(hash.expose().starts_with("pbkdf2:sha256:1000$hhhhhhhhhhhhhhhh$"));
        assert!(verifies(hash.expose(), "päss") && !verifies(hash.expose(), "pass"));
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
            assert!(!verifies(hash, "x"), "{hash}");
        }
    }

    #[test]
    fn scrypt_is_the_platforms_where_there_is_one() {
        let platform: ScryptFn = |_, _, cost| (cost == ScryptCost::USUAL).then_some([0xab; 64]);
        let hash = Method::default().hash(&Secret::new("x"), [7; 16], platform).unwrap();
        assert_eq!(hash.expose(), format!("scrypt:32768:8:1$hhhhhhhhhhhhhhhh${}", "ab".repeat(64)));
        assert!(hash.verifies(&Secret::new("x"), platform) && !hash.verifies(&Secret::new("x"), |_, _, _| None));
    }

    #[test]
    fn a_hash_gives_way_to_a_stronger_one_and_never_to_a_weaker_one() {
        let weaker = |hash: &str, configured: &str| {
            stored(&format!("{hash}$salt$00")).is_weaker_than(Method::parse(configured).unwrap())
        };
        for (hash, configured) in [
            ("pbkdf2:sha256:1000", "pbkdf2:sha256:1001"),
            ("pbkdf2:sha512:1000", "pbkdf2:sha512:1001"),
            ("pbkdf2:sha256:600000", "scrypt:32768:8:1"), // what was the default
            ("pbkdf2:sha256:2000000", "scrypt:32768:8:1"),
            ("pbkdf2:sha512:1000", "scrypt:65536:8:1"),
            ("scrypt:16384:8:1", "scrypt:32768:8:1"),
            ("scrypt:32768:8:1", "scrypt:32768:8:3"),
        ] {
            assert!(weaker(hash, configured), "{hash} -> {configured}");
            assert!(!weaker(configured, hash), "{configured} -> {hash}");
        }
        for (hash, configured) in [
            ("scrypt:32768:8:1", "scrypt:32768:8:1"),
            ("scrypt", "scrypt:32768:8:1"),
            ("scrypt:32768:8:3", "scrypt:65536:8:1"), // less of one, more of another
            ("scrypt:2:1:1", "pbkdf2:sha256:2000000"),
            ("pbkdf2:sha256:1", "scrypt:16384:8:1"), // less than 32 MiB
            ("pbkdf2:sha256:1000", "pbkdf2:sha512:2000"),
            ("pbkdf2:md5:1", "scrypt:32768:8:1"), // unreadable: nobody signs in with it
        ] {
            assert!(!weaker(hash, configured), "{hash} -> {configured}");
        }
    }

    #[test]
    fn a_hash_cannot_be_printed() {
        assert_eq!(format!("{:?}", stored("scrypt:32768:8:1$salt$abcd")), "scrypt:32768:8:1$[redacted]");
        assert_eq!(format!("{:?}", stored("my secret")), "?$[redacted]");
    }
}
