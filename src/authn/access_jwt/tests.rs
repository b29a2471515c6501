use futures_util::FutureExt;
use hmac::{Hmac, KeyInit, Mac};
use rsa::sha2::Sha256;
use rsa::traits::PublicKeyParts;

use super::*;

#[path = "../../../tests/native/support/access_team.rs"]
mod team;
use team::{
    AUDIENCE, FORGERS, HEADER_JSON, NOW, TEAM, TEAMS, claims_with, document, encode, good_claims, private, sign,
};

/// The native stand-in for the platform's WebCrypto.
struct Native;

impl Rs256 for Native {
    async fn verifies(&self, key: &RsaKey, signed: &[u8], signature: &[u8]) -> bool {
        team::verifies(&key.n, &key.e, signed, signature)
    }
}

/// The whole way of a token.
fn email_at(token: &str, now: u64) -> Result<String, JwtError> {
    let keys = keys(document().as_bytes()).unwrap();
    let claims = Assertion::parse(token)?.claims(&keys, &Native).now_or_never().unwrap()?;
    claims.check(TEAM, AUDIENCE, now)
}

fn email(token: &str) -> Result<String, JwtError> {
    email_at(token, NOW)
}

/// A token of the team with this header.
fn with_header(header: &str) -> Result<String, JwtError> {
    email(&sign(TEAMS, header, &good_claims()))
}

/// A token of the team with this claim.
fn with_claim(name: &str, value: &str) -> Result<String, JwtError> {
    email(&sign(TEAMS, HEADER_JSON, &claims_with(name, value)))
}

#[test]
fn an_assertion_of_the_team_gives_the_address() {
    let token = sign(TEAMS, HEADER_JSON, &good_claims());
    assert_eq!(Assertion::parse(&token).unwrap().key_id(), "k1");
    assert_eq!(email(&token).as_deref(), Ok("alice@example.com"));
    assert_eq!(with_claim("aud", &format!("\"{AUDIENCE}\"")).as_deref(), Ok("alice@example.com"));
    assert_eq!(with_claim("nbf", "").as_deref(), Ok("alice@example.com"));
    assert_eq!(with_claim("iat", "").as_deref(), Ok("alice@example.com"));
    assert_eq!(with_header(r#"{"alg":"RS256","kid":"k1"}"#).as_deref(), Ok("alice@example.com"));
}

#[test]
fn a_signature_is_of_the_named_key_and_of_these_bytes() {
    assert_eq!(email(&sign(FORGERS, HEADER_JSON, &good_claims())), Err(JwtError::Signature));
    let token = sign(TEAMS, HEADER_JSON, &good_claims());
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let admin = encode(good_claims().replace("alice@", "admin@"));
    assert_eq!(email(&format!("{header}.{admin}.{signature}")), Err(JwtError::Signature));
    let other_header = encode(HEADER_JSON.replace("JWT", "jwt"));
    assert_eq!(email(&format!("{other_header}.{claims}.{signature}")), Err(JwtError::Signature));
    let mut bytes = decode(signature).unwrap();
    for spoilt in ["", &encode(&bytes[1..]), &encode([&[0], &bytes[..]].concat())] {
        assert_eq!(email(&format!("{header}.{claims}.{spoilt}")), Err(JwtError::Signature), "{spoilt}");
    }
    bytes[255] ^= 1;
    assert_eq!(email(&format!("{header}.{claims}.{}", encode(bytes))), Err(JwtError::Signature));
    assert_eq!(with_header(r#"{"alg":"RS256","kid":"k2"}"#), Err(JwtError::UnknownKey));
}

#[test]
fn a_token_does_not_choose_its_algorithm() {
    let unsigned = |header: &str| format!("{}.{}.", encode(header), encode(good_claims()));
    assert_eq!(email(&unsigned(r#"{"alg":"none","kid":"k1"}"#)), Err(JwtError::Algorithm));
    // HS256, with what everybody knows of the key as its secret
    let signed = format!("{}.{}", encode(r#"{"alg":"HS256","kid":"k1"}"#), encode(good_claims()));
    for secret in [private(TEAMS).n_bytes().to_vec(), document().into_bytes()] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
        mac.update(signed.as_bytes());
        let token = format!("{signed}.{}", encode(mac.finalize().into_bytes()));
        assert_eq!(email(&token), Err(JwtError::Algorithm));
    }
    for algorithm in
        [r#""rs256""#, r#""RS256 ""#, r#""RS512""#, r#""PS256""#, r#""ES256""#, r#""""#, "null", r#"["RS256"]"#]
    {
        let header = format!(r#"{{"alg":{algorithm},"kid":"k1"}}"#);
        assert_eq!(with_header(&header), Err(JwtError::Algorithm), "{algorithm}");
    }
    assert_eq!(with_header(r#"{"kid":"k1"}"#), Err(JwtError::Algorithm));
}

#[test]
fn a_header_has_one_reading() {
    for header in [r#"{"alg":"RS256"}"#, r#"{"alg":"RS256","kid":""}"#, r#"{"alg":"RS256","kid":1}"#] {
        assert_eq!(with_header(header), Err(JwtError::NoKeyId), "{header}");
    }
    for crit in [r#"["b64"]"#, "[]", "null"] {
        let header = format!(r#"{{"alg":"RS256","kid":"k1","b64":false,"crit":{crit}}}"#);
        assert_eq!(with_header(&header), Err(JwtError::Critical), "{crit}");
    }
    let twice = r#"{"alg":"none","alg":"RS256","kid":"k1"}"#;
    for header in [twice, "", "{", "[]", "\"RS256\"", r#"{"alg":"RS256","kid":"k1"} x"#] {
        assert_eq!(with_header(header), Err(JwtError::Malformed("header")), "{header}");
    }
}

#[test]
fn the_compact_form_is_read_strictly() {
    let token = sign(TEAMS, HEADER_JSON, &good_claims());
    for (bad, part) in [
        (String::new(), "form"),
        ("a.b".into(), "form"),
        (format!("{token}."), "form"),
        (format!("{token}.{token}"), "form"),
        (format!("{token}="), "signature"),
        (format!("{token}\n"), "signature"),
        (format!(" {token}"), "header"),
        (token.replacen('.', ".*", 1), "claims"),
        (token.replacen('.', "=.", 1), "header"),
    ] {
        assert_eq!(email(&bad), Err(JwtError::Malformed(part)), "{bad}");
    }
    // the last character of 256 bytes has four bits that do not count
    let last = token.chars().last().unwrap();
    let same = char::from(last as u8 + 1);
    assert_eq!(email(&format!("{}{same}", &token[..token.len() - 1])), Err(JwtError::Malformed("signature")));
    assert_eq!(with_claim("sub", &format!("\"{}\"", "x".repeat(LONGEST))), Err(JwtError::TooLong));
    assert_eq!(email(&"x".repeat(LONGEST + 1)), Err(JwtError::TooLong));
}

#[test]
fn an_assertion_has_eight_kibibytes_at_most() {
    // three bytes of a claim are four characters; blanks behind the header make up the rest
    let of_length = |length: usize| {
        let parts = |(filler, blanks): (usize, usize)| {
            let header = format!("{HEADER_JSON}{}", " ".repeat(blanks));
            (header, claims_with("sub", &format!("\"{}\"", "x".repeat(filler))))
        };
        let mut fillers = (5000..6000).flat_map(|filler| (0..3).map(move |blanks| (filler, blanks))).map(parts);
        let size = |(header, claims): &(String, String)| encode(header).len() + encode(claims).len() + 2 + 342;
        let (header, claims) = fillers.find(|parts| size(parts) == length).unwrap();
        let token = sign(TEAMS, &header, &claims);
        assert_eq!(token.len(), length);
        token
    };
    assert_eq!(email(&of_length(8192)).as_deref(), Ok("alice@example.com"));
    assert_eq!(email(&of_length(8193)), Err(JwtError::TooLong));
}

#[test]
fn claims_are_of_this_team_and_application() {
    for issuer in ["https://other.cloudflareaccess.com", "http://team.cloudflareaccess.com", TEAM, ""] {
        assert_eq!(with_claim("iss", &format!("\"{issuer}\"")), Err(JwtError::Issuer), "{issuer}");
    }
    let slash = format!("\"https://{TEAM}/\"");
    assert_eq!(with_claim("iss", &slash), Err(JwtError::Issuer));
    let longer = format!("\"{AUDIENCE}0\"");
    for audience in [r#""another""#, "[]", r#"["another","more"]"#, r#""""#, longer.as_str()] {
        assert_eq!(with_claim("aud", audience), Err(JwtError::Audience), "{audience}");
    }
}

#[test]
fn claims_have_their_time() {
    let token = sign(TEAMS, HEADER_JSON, &good_claims());
    assert!(email_at(&token, 1_800_000_059).is_ok());
    assert_eq!(email_at(&token, 1_800_000_060), Err(JwtError::Expired));
    assert_eq!(email_at(&token, u64::MAX), Err(JwtError::Expired));
    assert!(email_at(&token, 1_799_999_840).is_ok());
    assert_eq!(email_at(&token, 1_799_999_839), Err(JwtError::NotYetValid));
    assert_eq!(email_at(&token, 0), Err(JwtError::NotYetValid));
    for name in ["nbf", "iat"] {
        assert!(with_claim(name, "1800000060").is_ok());
        assert_eq!(with_claim(name, "1800000061"), Err(JwtError::NotYetValid), "{name}");
    }
}

#[test]
fn claims_have_their_types() {
    for name in ["exp", "nbf", "iat"] {
        for bad in ["\"1800000060\"", "1800000060.5", "1e99", "-1", "NaN", "Infinity", "null", "99999999999999999999"] {
            assert_eq!(with_claim(name, bad), Err(JwtError::Malformed(name)), "{name} {bad}");
        }
    }
    for name in ["iss", "aud", "exp"] {
        assert_eq!(with_claim(name, ""), Err(JwtError::Malformed(name)), "without {name}");
    }
    for bad in ["1", "null", "[1]", r#"["another",1]"#, "{}"] {
        assert_eq!(with_claim("aud", bad), Err(JwtError::Malformed("aud")), "{bad}");
    }
    for bad in ["1", "null", r#"["alice@example.com"]"#, "true"] {
        assert_eq!(with_claim("email", bad), Err(JwtError::Malformed("email")), "{bad}");
    }
    assert_eq!(with_claim("email", ""), Err(JwtError::NoEmail));
    assert_eq!(with_claim("email", r#""""#), Err(JwtError::NoEmail));
    let twice = good_claims().replace(r#""sub""#, r#""email":"admin@example.com","sub""#);
    for claims in [twice.as_str(), "", "[]", "null", "{"] {
        let token = sign(TEAMS, HEADER_JSON, claims);
        assert_eq!(email(&token), Err(JwtError::Malformed("claims")), "{claims}");
    }
}

#[test]
fn a_key_document_gives_the_keys_that_may_sign() {
    let read = |document: &str| keys(document.as_bytes());
    let good = read(&document()).unwrap();
    assert_eq!((good.len(), good[0].kid.as_str(), good[0].n.len(), &good[0].e[..]), (1, "k1", 256, &EXPONENT[..]));
    let of = |bits: usize| {
        let mut n = vec![0xff; bits.div_ceil(8)];
        n[0] = 0xff >> (n.len() * 8 - bits);
        format!(r#"{{"kid":"k","kty":"RSA","e":"AQAB","n":"{}"}}"#, encode(n))
    };
    let set = |keys: &[&str]| format!(r#"{{"keys":[{}]}}"#, keys.join(","));
    for bits in [2048, 3072, 4096] {
        assert_eq!(read(&set(&[&of(bits)])).map(|keys| keys.len()), Ok(1), "{bits}");
    }
    for bits in [1024, 2047, 4097, 16_384] {
        assert_eq!(read(&set(&[&of(bits)])), Err(KeysError::None), "{bits}");
    }
    let key = of(2048);
    for (from, to) in [
        ("\"RSA\"", "\"EC\""),
        ("\"RSA\"", "null"),
        ("\"kid\":\"k\",", ""),
        ("\"k\"", "\"\""),
        ("\"k\"", "7"),
        ("AQAB", "Aw"),
        ("AQAB", "AAEAAQ"),
        ("AQAB", ""),
        ("\"n\":\"", "\"n\":\"AAAA"),
        ("\"n\":\"", "\"n\":\"="),
        ("\"n\"", "\"m\""),
        ("{", "{\"use\":\"enc\","),
        ("{", "{\"alg\":\"RS512\","),
        ("{", "{\"alg\":null,"),
    ] {
        let spoilt = key.replacen(from, to, 1);
        assert_ne!(spoilt, key);
        assert_eq!(read(&set(&[&spoilt])), Err(KeysError::None), "{from} -> {to}");
        assert_eq!(read(&set(&[&spoilt, &key])).map(|keys| keys.len()), Ok(1), "{from} -> {to}");
    }
    assert_eq!(read(&set(&[&key, &key])), Err(KeysError::Repeated));
    assert_eq!(read(&set(&[])), Err(KeysError::None));
    let twice = key.replacen('{', "{\"kid\":\"other\",", 1);
    for bad in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":null}"#, r#"{"keys":[1]}"#, &set(&[&twice])] {
        assert_eq!(read(bad), Err(KeysError::Malformed), "{bad}");
    }
    let document = set(&[&key]);
    let padded = |length: usize| format!("{document}{}", " ".repeat(length - document.len()));
    assert_eq!(read(&padded(64 * 1024)).map(|keys| keys.len()), Ok(1));
    assert_eq!(read(&padded(64 * 1024 + 1)), Err(KeysError::TooLong));
}
