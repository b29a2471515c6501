//! A team of Cloudflare Access with a key of its own, and a forger with another.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::sha2::Sha256;
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, PrivateKey, PublicKey};

pub const TEAM: &str = "team.cloudflareaccess.com";
pub const AUDIENCE: &str = "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2";
pub const NOW: u64 = 1_800_000_000;
pub const HEADER_JSON: &str = r#"{"alg":"RS256","kid":"k1","typ":"JWT"}"#;

// The primes of two keys of 2048 bits that were made for these tests and open nothing.
pub const TEAMS: [&str; 2] = [
    "f47a8dcadc9438638385183e4b846fba7f70b8174ef957b85ac3466b5cae5acdca4af99f3bf80772ffb3260acb8990d3\
     d9fc69fadf7bbb2a0541ed138196dd4b01749b458a4c8bb7a653a46422d63a61a8b4efe0ccb25a7c4ed4462e4418eef5\
     8763d26775738bd01152e6064e0020e44338b6e0371ca6822abb515f2c179b4f",
    "d04edd2a55462e1d2e7d325bef83afe3e039999400bfcc4c72e447810ab245dc505c64736b88a02e1cad38bc47c21c98\
     2afb75e90a9abb6836d410313113976c8f38a7745addd3b9aaa51af239546dfe52c7ddef2c692a0b5b33db0e9bb0b8b9\
     245debc57c6f2c8b938106417c983be2fb3d2efd449e8e804eba97b4ca6789a9",
];
pub const FORGERS: [&str; 2] = [
    "d373c0c73161afdea0729a9153df9fcbd8b78224a5e1c31ec244e121ccbbfe8363a0d02ee80b96f377fb24e7f4d60e65\
     9b4b9dc4fc027a41106431a57ec34e0ed4282b22156e2432612140c230b9a0eefe211219c2440bd629e3e4908a122a5d\
     64817d6afa20f7fe80eed055ad6b0442f48316e2e02898e467fb55712f0647eb",
    "bd8637294404c95e06b3947aaadaf519f4694a53a90944e49f34778970ccd47b6357c57742a0a09847ec11bd1952646d\
     6598168d666cc2398cbb7fd9d533faf6186ff4e7b0ff6afb0afbf33f6ed324529fbad7536b6460582fd0e2f532be4bbe\
     385c2a7e3f4f3f76a2c192f5a6b448fde650bbbe661de68b2c61f5a2618a8e01",
];

pub fn private(primes: [&str; 2]) -> PrivateKey {
    let [p, q] = primes.map(|prime| BoxedUint::from_str_radix_vartime(prime, 16).unwrap());
    PrivateKey::from_p_q(p, q, BoxedUint::from(65_537u64)).unwrap()
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The team's document, in the shape that Cloudflare gives it.
pub fn document() -> String {
    let jwk = |kid: &str, primes| {
        let n = encode(private(primes).n_bytes());
        format!(r#"{{"kid":"{kid}","kty":"RSA","alg":"RS256","use":"sig","e":"AQAB","n":"{n}"}}"#)
    };
    let certificate = r#""public_cert":{"kid":"k1","cert":"-----"},"public_certs":[]"#;
    format!(r#"{{"keys":[{}],{certificate}}}"#, jwk("k1", TEAMS))
}

pub fn sign(primes: [&str; 2], header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = private(primes).pkcs1v15_sign::<Sha256>(signed.as_bytes()).unwrap();
    format!("{signed}.{}", encode(signature))
}

/// Good claims, with one of them replaced, or left out if it is to be nothing.
pub fn claims_with(name: &str, value: &str) -> String {
    let list = format!(r#"["another","{AUDIENCE}"]"#);
    let good = [
        ("aud", list.as_str()),
        ("email", r#""alice@example.com""#),
        ("exp", "1800000060"),
        ("iat", "1799999900"),
        ("nbf", "1799999900"),
        ("iss", r#""https://team.cloudflareaccess.com""#),
        ("type", r#""app""#),
        ("sub", r#""7335d417""#),
    ];
    let entries: Vec<String> = good
        .iter()
        .map(|(other, old)| (other, if *other == name { value } else { old }))
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", entries.join(","))
}

pub fn good_claims() -> String {
    claims_with("", "")
}

/// Verifies as the platform does, from the bytes of the modulus and the exponent.
pub fn verifies(n: &[u8], e: &[u8], signed: &[u8], signature: &[u8]) -> bool {
    let key = PublicKey::new(BoxedUint::from_be_slice_vartime(n), BoxedUint::from_be_slice_vartime(e));
    key.is_ok_and(|key| key.pkcs1v15_verify::<Sha256>(signed, signature).is_ok())
}
