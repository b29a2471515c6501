//! The Authorization header: any bytes, and what is accepted is what was sent.
//!
//! Input: header values, one a line. A line that begins with `=` is encoded here, so that the fuzzer need not learn
//! base64.

#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use mlflow_edge_auth::authn::basic::credentials;
use mlflow_edge_auth::http::Headers;

fuzz_target!(|data: &[u8]| {
    let mut headers = Headers::default();
    let mut values = Vec::new();
    for (i, line) in data.split(|byte| *byte == b'\n').enumerate() {
        let value = match line {
            [b'=', plain @ ..] => format!("Basic {}", STANDARD.encode(plain)),
            raw => raw.iter().copied().map(char::from).collect(), // a header value is Latin-1 to a runtime
        };
        headers.append(if i % 2 == 0 { "Authorization" } else { "authorization" }, value.clone());
        values.push(value);
    }
    let Ok(read) = credentials(&headers) else { return };
    let [value] = &values[..] else { panic!("accepted {} header fields", values.len()) };

    let (name, password) = (&read.username, read.password.expose());
    assert!(!name.contains(|c: char| c == ':' || c.is_control()), "{name:?}");
    let (scheme, encoded) = value.split_once(' ').unwrap();
    assert!(scheme.eq_ignore_ascii_case("basic"));
    let sent = STANDARD.decode(encoded.trim()).unwrap();
    let with_colon = [name.as_bytes(), b":", password.as_bytes()].concat();
    assert!(sent == with_colon || (sent == name.as_bytes() && password.is_empty()), "{sent:?} was read as {name:?}");

    let mut again = Headers::default();
    again.append("Authorization", format!("Basic {}", STANDARD.encode(with_colon)));
    let again = credentials(&again).unwrap();
    assert!((&again.username, again.password.expose()) == (name, password));
});
