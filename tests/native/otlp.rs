//! Spans in OTLP: one reading of the body, packed or not, in protobuf and in JSON, and bounds on what it may cost.

#![allow(clippy::disallowed_methods)] // a clock

use std::io::Write;
use std::time::{Duration, Instant};

use crate::support::closed::{NEW_TRACE, closed, forwarded, refused, send_spans, spans};
use crate::support::{ALICE, Answer, World, basic};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use mlflow_edge_auth::http::Headers;
use mlflow_edge_auth::request::otlp;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

// --- writing protobuf -----------------------------------------------------------------------------------------------

fn varint(mut number: u64, width: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while number > 0x7f || out.len() + 1 < width {
        out.push(number as u8 & 0x7f | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

/// A field with a length, which is written with so many bytes at least.
fn padded(width: usize, number: u64, value: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2, 1), varint(value.len() as u64, width), value.to_vec()].concat()
}

fn part(number: u64, value: &[u8]) -> Vec<u8> {
    padded(1, number, value)
}

fn whole(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3, 1), varint(value, 1)].concat()
}

fn request(span: &[u8]) -> Vec<u8> {
    part(1, &part(2, &part(2, span)))
}

/// A span of a trace that nobody has, with these fields more.
fn span(more: &[&[u8]]) -> Vec<u8> {
    [&part(1, &[0xff; 16]), &part(2, &[0xaa; 8]), &more.concat()[..]].concat()
}

fn attribute(key: &str, value: &[u8]) -> Vec<u8> {
    part(9, &[part(1, key.as_bytes()), part(2, value)].concat())
}

/// An id that ends with its experiment, where the origin of the tests finds it.
fn id_in(experiment: u8) -> [u8; 16] {
    let mut id = [0; 16];
    id[15] = experiment;
    id
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bare(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn post(world: &World, encoding: Option<&str>, body: &[u8]) -> Answer {
    send_spans(world, "2", None, PROTOBUF, encoding, body)
}

/// Reads a body, without a gate around it.
fn read(media_type: &str, encoding: &str, body: &[u8], limit: usize) -> Result<otlp::Spans, String> {
    let headers: Headers = [("Content-Type", media_type), ("Content-Encoding", encoding)].into_iter().collect();
    otlp::read(body.to_vec(), &headers, limit).map_err(|rejection| rejection.reason().to_owned())
}

#[track_caller]
fn not_read(body: &[u8]) {
    let world = closed();
    refused(&world, &post(&world, None, body), 400);
}

// --- packed bodies --------------------------------------------------------------------------------------------------

/// A stream of zlib that zlib refuses, since a distance goes back before the beginning. MLflow then unpacks the same bytes as
/// a bare stream, which holds a span of trace `tr-1111…`.
fn two_messages() -> Vec<u8> {
    let front = [0x78, 0xda, 0x02, 0x25, 0xfd, 0x2a, 0x40, 0x00, 0xd8, 0x02, 0x27, 0xfd, 0xd6, 0x05];
    let evil = request(&[part(1, &[0x11; 16]), part(2, &[0x22; 8]), part(5, b"evil")].concat());
    let behind = [0x32, 0xed, 0x04]; // a field that nobody knows, as long as the zeros
    let end = [0x01, 0x00, 0x00, 0xff, 0xff, 0xaa, 0x38, 0x09, 0x44];
    [&front[..], &[0; 57], &evil, &behind, &[0; 621], &end].concat()
}

#[test]
fn a_stream_that_zlib_refuses_is_refused_whatever_it_is_as_a_bare_stream() {
    let world = closed();
    let body = two_messages();
    assert_eq!(body.len(), 744);
    refused(&world, &post(&world, Some("deflate"), &body), 400);
}

#[test]
fn packed_spans_are_forwarded_unpacked() {
    let world = closed();
    let body = request(&span(&[]));
    for (encoding, packed) in
        [("gzip", gzip(&body)), ("GZIP", gzip(&body)), ("deflate", zlib(&body)), ("deflate", bare(&body))]
    {
        let authorization = basic(ALICE);
        let length = packed.len().to_string();
        let fields = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", PROTOBUF),
            ("Content-Encoding", encoding),
            ("Content-Length", &length),
            ("X-Mlflow-Experiment-Id", "2"),
            // a proxy that obeys would take these out, and leave the other way of reading
            ("Connection", "content-encoding, content-type"),
        ];
        assert_eq!(world.send("POST", "/v1/traces", &fields, Some(&packed)).status, 200, "{encoding}");
        let seen = world.last_seen();
        assert_eq!(seen.body, String::from_utf8_lossy(&body));
        assert_eq!((seen.header("Content-Encoding"), seen.header("Content-Length")), (None, None));
        assert_eq!(seen.header("Content-Type"), Some(PROTOBUF));
    }
}

#[test]
fn a_stream_with_any_fault_is_refused() {
    let body = request(&span(&[]));
    let (gzip, zlib) = (gzip(&body), zlib(&body));
    let changed = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        let at = if at > 99 { bytes.len() - (1000 - at) } else { at };
        bytes[at] ^= 1;
        bytes
    };
    let with_flags = |flags: u8, behind: &[u8]| [&gzip[..3], &[flags], &gzip[4..10], behind, &gzip[10..]].concat();
    for (encoding, packed) in [
        ("gzip", [&gzip[..], &gzip].concat()),     // two members
        ("gzip", [&gzip[..], b"\0"].concat()),     // something behind
        ("gzip", [&gzip[..], b"x"].concat()),      //
        ("gzip", gzip[..gzip.len() - 1].to_vec()), // cut off
        ("gzip", gzip[..gzip.len() - 8].to_vec()), // no checksum
        ("gzip", gzip[..20].to_vec()),             //
        ("gzip", changed(&gzip, 1000 - 8)),        // a wrong checksum
        ("gzip", changed(&gzip, 1000 - 4)),        // a wrong length
        ("gzip", changed(&gzip, 2)),               // an unknown method
        ("gzip", with_flags(0xe0, b"")),           // reserved flags
        ("gzip", with_flags(2, b"\0\0")),          // a checksum of the header
        ("gzip", with_flags(8, &[b'x'; 9])),       // a name without end, up to the stream
        ("gzip", zlib.clone()),                    //
        ("gzip", Vec::new()),                      //
        ("deflate", [&zlib[..], b"\0"].concat()),  //
        ("deflate", zlib[..zlib.len() - 1].to_vec()),
        ("deflate", changed(&zlib, 1000 - 1)),
        ("deflate", [&[0x78, 0x9c][..], &bare(&body)].concat()), // no checksum
        ("deflate", [&[0x78, 0xbb][..], &zlib[2..]].concat()),   // a dictionary
        ("deflate", [&bare(&body)[..], b"\0"].concat()),
        ("deflate", gzip.clone()),
        ("deflate", Vec::new()),
        ("br", body.clone()),
        ("x-gzip", gzip.clone()),
        ("gzip, gzip", gzip.clone()),
        ("gzip, deflate", zlib.clone()),
        ("identity, gzip", gzip.clone()),
    ] {
        let answer = read(PROTOBUF, encoding, &packed, 100_000);
        assert!(answer.is_err(), "{encoding} {packed:02x?}");
        let world = closed();
        refused(&world, &post(&world, Some(encoding), &packed), 400);
    }
    for flags in
        [(8, &b"spans\0"[..]), (16, b"a comment\0"), (4, b"\x02\x00ab"), (28, b"\x01\0xname\0comment\0"), (1, b"")]
    {
        assert_eq!(read(PROTOBUF, "gzip", &with_flags(flags.0, flags.1), 100_000).unwrap().body, body, "{flags:?}");
    }
}

#[test]
fn a_short_body_does_not_unpack_to_a_long_one() {
    // a field that nobody knows, full of zeros
    let long = |length: usize| [request(&span(&[])), part(100, &vec![0; length])].concat();
    let packed = gzip(&long(10_000_000));
    assert!(packed.len() < 11_000);
    let started = Instant::now();
    let told = read(PROTOBUF, "gzip", &packed, 20_000_000).unwrap_err();
    assert_eq!(told, "The unpacked body is more than 250 times as long as the packed one.");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(read(PROTOBUF, "gzip", &gzip(&long(1_000_000)), 20_000_000).unwrap().body.len(), 1_000_039);
    let told = read(PROTOBUF, "deflate", &zlib(&long(900_000)), 500_000).unwrap_err();
    assert_eq!(told, "The unpacked body is longer than 500000 bytes.");
}

// --- protobuf -------------------------------------------------------------------------------------------------------

#[test]
fn what_protobuf_merges_skips_or_reads_twice_is_refused() {
    let theirs = part(1, &id_in(1));
    let new = part(1, &[0xff; 16]);
    let id = |value: &[u8]| span(&[&attribute("mlflow.traceRequestId", value)]);
    let cases: &[(&str, Vec<u8>)] = &[
        ("the id twice", request(&[&new[..], &theirs].concat())),
        ("the id twice, the same", request(&[&new[..], &new].concat())),
        ("no id", request(&part(5, b"name"))),
        ("an empty id", request(&part(1, b""))),
        ("an id that is too long", request(&part(1, &[0xff; 17]))),
        ("field 0", [varint(2, 1), vec![0], request(&span(&[]))].concat()),
        ("a group", [vec![0x0b, 0x0c], request(&span(&[]))].concat()),
        ("the end of a group", [vec![0x0c], request(&span(&[]))].concat()),
        ("wire type 6", [vec![0x0e], request(&span(&[]))].concat()),
        ("a number for spans", [whole(1, 7), request(&span(&[]))].concat()),
        ("a number for an id", request(&[whole(1, 7), span(&[])].concat())),
        ("a number for an attribute", request(&span(&[&whole(9, 7)]))),
        ("a text for a time", request(&span(&[&part(7, b"12345678")]))),
        ("a tag with bytes that it does not need", [vec![0x8a, 0x00], request(&span(&[]))[1..].to_vec()].concat()),
        ("a field number of 2^29", [varint(1 << 32, 1), vec![0], request(&span(&[]))].concat()),
        ("a length of six bytes", padded(6, 1, &request(&span(&[]))[2..])),
        ("a length past the end", request(&span(&[]))[..10].to_vec()),
        ("a number of 11 bytes", [vec![0x18], vec![0x80; 10], vec![0], request(&span(&[]))].concat()),
        ("a number of 70 bits", [vec![0x18], vec![0xff; 9], vec![0x7f], request(&span(&[]))].concat()),
        ("a number with bytes that it does not need", request(&span(&[&[0x30, 0x82, 0x00]]))),
        ("a name that is no UTF-8", request(&span(&[&part(5, b"\xff")]))),
        ("a key that is no UTF-8", request(&span(&[&part(9, &part(1, b"\xed\xa0\x80"))]))),
        ("a key twice", request(&span(&[&part(9, &[part(1, b"a"), part(1, b"mlflow.traceRequestId")].concat())]))),
        ("a value twice", request(&span(&[&part(9, &[part(1, b"a"), part(2, b""), part(2, b"")].concat())]))),
        ("two strings", request(&id(&[part(1, b"tr-new"), part(1, b"tr-1")].concat()))),
        ("a string and a number", request(&id(&[part(1, b"tr-new"), whole(3, 1)].concat()))),
        ("an index for a key", request(&span(&[&part(9, &[part(1, b"a"), whole(3, 1)].concat())]))),
        ("an index for a value", request(&id(&whole(8, 1)))),
        ("a resource twice", part(1, &[part(1, b""), part(1, b""), part(2, &part(2, &span(&[])))].concat())),
        ("a status twice", request(&span(&[&part(15, b""), &part(15, b"")]))),
        ("a link with a fault", request(&span(&[&part(13, &whole(1, 7))]))),
        ("a text in an event that is no UTF-8", request(&span(&[&part(11, &part(2, b"\xff"))]))),
    ];
    for (what, body) in cases {
        assert_eq!(read(PROTOBUF, "", body, 100_000).unwrap_err(), "Invalid OpenTelemetry format", "{what}");
        not_read(body);
    }
    // the value of an attribute stands at depth 6, each list around it takes two more, and 100 are the most
    let nested = |lists: usize| {
        let value = (0..lists).fold(part(1, b"x"), |value, _| part(5, &part(1, &value)));
        request(&span(&[&attribute("a", &value)]))
    };
    assert!(read(PROTOBUF, "", &nested(47), 100_000).is_ok());
    not_read(&nested(48));
    not_read(&nested(200));
}

#[test]
fn all_that_clients_write_is_read() {
    let list = part(5, &[part(1, &part(1, b"x")), part(1, &whole(3, 7))].concat());
    let pairs = part(6, &part(1, &[part(1, b"k"), part(2, &whole(2, 1))].concat()));
    let double = [vec![0x21], vec![0; 8]].concat();
    let time = [vec![0x39], vec![0; 8], vec![0x41], vec![0; 8]].concat();
    let flags = [vec![0x85, 0x01], vec![0; 4]].concat();
    let link = part(13, &[part(1, &id_in(1)), part(2, &[1; 8])].concat());
    let event = part(11, &[part(2, b"event"), part(3, &[part(1, b"k"), part(2, &part(7, b"\xff"))].concat())].concat());
    let status = part(15, &[part(2, b"no"), whole(3, 2)].concat());
    let more = [
        attribute("list", &list),
        attribute("pairs", &pairs),
        attribute("double", &double),
        attribute("negative", &whole(3, u64::MAX)),
        attribute("nothing", b""),
        time,
        flags,
        link,
        event,
        status,
        whole(6, 3),
        whole(17, 1), // from the future
        part(18, b"\xff"),
    ]
    .concat();
    let resource = part(1, &part(1, &[part(1, b"service.name"), part(2, &part(1, b"x"))].concat()));
    let scope = part(1, &[part(1, b"scope"), part(2, b"1.0")].concat());
    let spans = part(2, &[scope, part(2, &span(&[&more])), part(3, b"https://schema")].concat());
    let body = part(1, &[resource, spans].concat());
    let read = read(PROTOBUF, "", &body, 100_000).unwrap();
    assert_eq!(read.body, body);
    let trace = "tr-ffffffffffffffffffffffffffffffff";
    let outline = format!(r#"{{"spans":[{{"trace_id":"{trace}"}}],"tags":[{{"key":"service.name"}}]}}"#);
    assert_eq!(read.outline.compact(), outline);
    assert_eq!(post(&closed(), None, &body).status, 200);
    // OpenTelemetry for .NET leaves room for four bytes before it knows a length
    let dotnet = padded(4, 1, &padded(4, 2, &padded(4, 2, &span(&[]))));
    assert_eq!(post(&closed(), None, &dotnet).status, 200);
    assert_eq!(post(&closed(), None, &padded(4, 1, &padded(4, 2, &padded(4, 2, &part(1, &id_in(1)))))).status, 403);
}

#[test]
fn the_id_that_mlflow_believes_is_asked_for_wherever_it_stands() {
    let world = closed();
    for value in [part(1, b"tr-1"), part(1, b""), whole(3, 1), whole(2, 1), part(7, b"tr-1"), Vec::new()] {
        for more in [
            attribute("mlflow.traceRequestId", &value),
            [attribute("mlflow.traceRequestId", &part(1, b"tr-2")), attribute("mlflow.traceRequestId", &value)]
                .concat(),
            // the value before the key
            part(9, &[part(2, &value), part(1, b"mlflow.traceRequestId")].concat()),
        ] {
            refused(&world, &post(&world, None, &request(&span(&[&more]))), 403);
        }
    }
    let resource = part(1, &part(1, &[part(1, b"mlflow.artifactLocation"), part(2, &part(1, b"x"))].concat()));
    let body = part(1, &[resource, part(2, &part(2, &span(&[])))].concat());
    refused(&world, &post(&world, None, &body), 403);
    let body = request(&span(&[&attribute("mlflow.traceRequestId", &part(1, b"tr-2"))]));
    assert_eq!(post(&world, None, &body).status, 200, "her own");
}

// --- JSON -----------------------------------------------------------------------------------------------------------

#[test]
fn json_that_can_be_read_in_two_ways_is_refused() {
    let world = closed();
    let foreign = r#""traceId":"00000000000000000000000000000001""#;
    let attribute = |pair: &str| format!(r#"{NEW_TRACE},"attributes":[{{{pair}}}]"#);
    for span in [
        &format!("{NEW_TRACE},{foreign}"),
        &format!("{NEW_TRACE},\"trace\\u0049d\":\"00000000000000000000000000000001\""),
        &format!("{NEW_TRACE},\"trace_id\":\"AAAAAAAAAAAAAAAAAAAAAQ==\""),
        r#""traceId":"00 000000000000000000000000000001""#, // Python skips blanks
        r#""traceId":" 0000000000000000000000000000001""#,
        r#""traceId":"""#,
        r#""traceId":null"#,
        r#""traceId":["00000000000000000000000000000001"]"#,
        r#""traceId":"0x000000000000000000000000000001""#,
        r#""traceId":"000000000000000000000000000000000001""#,
        r#""spanId":"00000000000000aa""#,
        &format!("{NEW_TRACE},\"attributes\":{{}}"),
        &format!("{NEW_TRACE},\"attributes\":\"x\""),
        &format!("{NEW_TRACE},\"attributes\":[null]"),
        &attribute(r#""key":7"#),
        &attribute(r#""key":"a","key":"mlflow.traceRequestId""#),
        &attribute(r#""key":"a","keyStrindex":1"#),
        &attribute(r#""key":"a","key_strindex":1"#),
        &attribute(r#""key":"a","value":"stringValue""#),
        &attribute(r#""key":"a","value":["stringValue"]"#),
        &attribute(r#""key":"a","value":{"stringValue":7}"#),
        &attribute(r#""key":"a","value":{"stringValue":"x","intValue":7}"#),
        &attribute(r#""key":"a","value":{"stringValue":"x","string_value":"y"}"#),
        &attribute(r#""key":"a","value":{"stringValueStrindex":7}"#),
        &attribute(r#""key":"a","value":{"stringValue":"\ud800"}"#),
    ] {
        refused(&world, &spans(&world, "2", None, span), 400);
    }
    let body = |text: &str| send_spans(&world, "2", None, JSON, None, text.as_bytes());
    for text in [
        "",
        "null",
        "[]",
        r#"{"resourceSpans":null}"#,
        r#"{"resourceSpans":[null]}"#,
        r#"{"resourceSpans":{}}"#,
        r#"{"resourceSpans":[{"scopeSpans":null}]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":null}]}]}"#,
        r#"{"resourceSpans":[],"resource_spans":[]}"#,
        r#"{"resource_spans":[]}"#,
        r#"{"resourceSpans":[{"scope_spans":[]}]}"#,
        r#"{"resourceSpans":[{"resource":[]}]}"#,
        r#"{"resourceSpans":[]}{}"#,
        "\u{feff}{\"resourceSpans\":[]}",
    ] {
        refused(&world, &body(text), 400);
    }
    let wide: Vec<u8> = r#"{"resourceSpans":[]}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    refused(&world, &send_spans(&world, "2", None, JSON, None, &wide), 400);
}

#[test]
fn json_is_read_in_any_order_and_with_all_that_it_may_hold() {
    let world = closed();
    for span in [
        r#"KEY,"attributes":[{"value":{"string_value":"tr-2"},"key":"mlflow.traceRequestId"}]"#,
        r#""kind":"SPAN_KIND_SERVER","attributes":[],KEY,"startTimeUnixNano":"1","new":{"a":[1,NaN]}"#,
        r#"KEY,"attributes":null"#,
        r#"KEY,"attributes":[{"key":"a","value":null},{"key":"b","value":{"arrayValue":{"values":[{"stringValue":"x"}]}}}]"#,
        r#"KEY,"attributes":[{"key":"a","value":{"stringValue":"x\ny","intValue":null}}]"#,
        r#"KEY,"links":[{"traceId":"AAAAAAAAAAAAAAAAAAAAAQ=="}],"events":[{"name":"e","attributes":[]}]"#,
        r#"KEY,"status":{"code":"STATUS_CODE_OK"},"parent_span_id":"AAAAAAAAAAE=""#,
    ] {
        let answer = spans(&world, "2", None, &span.replace("KEY", NEW_TRACE));
        assert_eq!(answer.status, 200, "{span}: {}", answer.body);
        assert_eq!(world.last_seen().header("Content-Type"), Some(JSON));
    }
    for resource in ["null", r#"{"attributes":null}"#, r#"{"attributes":[],"droppedAttributesCount":1}"#] {
        let spans = format!(r#"[{{"spans":[{{{NEW_TRACE}}}]}}]"#);
        let body = format!(r#"{{"resourceSpans":[{{"resource":{resource},"scopeSpans":{spans}}}]}}"#);
        assert!(read(JSON, "", body.as_bytes(), 100_000).is_ok(), "{resource}");
    }
    let theirs = r#"KEY,"attributes":[{"value":{"string_value":"tr-1"},"key":"mlflow.traceRequestId"}]"#;
    let answer = spans(&world, "2", None, &theirs.replace("KEY", NEW_TRACE));
    assert_eq!(answer.status, 403, "{}", answer.body);
}

// --- header fields --------------------------------------------------------------------------------------------------

#[test]
fn header_fields_that_say_how_and_where_stand_once() {
    let world = closed();
    let body = request(&span(&[]));
    let authorization = basic(ALICE);
    let send = |more: &[(&str, &str)]| {
        let usual =
            [("Authorization", authorization.as_str()), ("Content-Type", PROTOBUF), ("X-Mlflow-Experiment-Id", "2")];
        let fields: Vec<_> = usual.into_iter().chain(more.iter().copied()).collect();
        world.send("POST", "/v1/traces", &fields, Some(&body))
    };
    for more in [
        &[("Content-Type", JSON)][..],
        &[("content-type", PROTOBUF)],
        &[("Content-Encoding", "identity"), ("Content-Encoding", "gzip")],
        &[("Content-Encoding", ""), ("Content-Encoding", "gzip")],
        &[("x-mlflow-experiment-id", "1")],
        &[("X-Mlflow-Experiment-Id", "")],
        &[("X-Mlflow-Run-Id", ""), ("X-Mlflow-Run-Id", "r2")],
        &[("X-Mlflow-Run-Id", "r2"), ("X-Mlflow-Run-Id", "r2")],
    ] {
        refused(&world, &send(more), 400);
    }
    for value in ["", "2,1", "2 1", "02", "2\u{a0}", "\u{85}2"] {
        let answer = send_spans(&world, value, None, PROTOBUF, None, &body);
        refused(&world, &answer, 400);
    }
    for run in ["\u{a0}r2", "r2, r1", "r2\u{3000}"] {
        let answer = send_spans(&world, "2", Some(run), PROTOBUF, None, &body);
        assert!(answer.status >= 400, "{run:?}: {}", answer.status);
        assert_eq!(forwarded(&world), Vec::<String>::new());
    }
    for media_type in ["Application/JSON", "application/json, application/x-protobuf", "text/plain", ""] {
        refused(&world, &send_spans(&world, "2", None, media_type, None, &body), 400);
    }
    assert_eq!(send(&[("Content-Encoding", "identity")]).status, 200);
    assert_eq!(send(&[("X_Mlflow_Experiment_Id", "1"), ("Content_Encoding", "gzip")]).status, 200);
    assert_eq!(world.last_seen().header("X_Mlflow_Experiment_Id"), None);
}

// --- bounds ---------------------------------------------------------------------------------------------------------

fn spans_of(ids: impl Iterator<Item = u64>) -> Vec<u8> {
    let spans = ids.flat_map(|id| part(2, &part(1, &[[0xff; 8], id.to_be_bytes()].concat())));
    part(1, &part(2, &spans.collect::<Vec<u8>>()))
}

#[test]
fn a_request_may_name_a_thousand_traces_and_a_thousand_tags() {
    assert!(read(PROTOBUF, "", &spans_of(0..1000), 10_000_000).is_ok());
    let told = |body: &[u8]| read(PROTOBUF, "", body, 10_000_000).unwrap_err();
    assert_eq!(told(&spans_of(0..1001)), "More than 1000 traces in one request.");
    let tags = |count: usize| {
        let tags: Vec<u8> = (0..count).flat_map(|n| attribute(&format!("mlflow.traceTag.{n}"), b"")).collect();
        request(&span(&[&tags]))
    };
    assert!(read(PROTOBUF, "", &tags(1000), 10_000_000).is_ok());
    assert_eq!(told(&tags(1001)), "More than 1000 tags in one request.");
    let long = format!("mlflow.traceTag.{}", "x".repeat(1001));
    assert_eq!(told(&request(&span(&[&attribute(&long, b"")]))), "One of the tags has a name of more than 1000 bytes.");
    // any number of spans, and of other attributes
    let many = spans_of((0..100_000).map(|n| n % 1000));
    assert!(read(PROTOBUF, "", &many, 10_000_000).is_ok());
}

#[test]
fn a_long_body_takes_time_by_its_length() {
    let json: Vec<String> = (0..1000)
        .map(|n| {
            format!(
                r#"{{"traceId":"{n:032x}","attributes":[{{"key":"a","value":{{"stringValue":"{}"}}}}]}}"#,
                "x\\n".repeat(1000)
            )
        })
        .collect();
    let json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, json.join(","));
    let ids: Vec<u8> = (0..60_000_u16).flat_map(|id| part(2, &part(1, &id.to_be_bytes()))).collect();
    let ids = part(1, &part(2, &ids));
    let short = attribute("a", &part(5, &[0x0a, 0x00].repeat(1000)));
    let lists = request(&span(&vec![&short[..]; 4000]));
    for (media_type, body) in [(PROTOBUF, &ids[..]), (JSON, json.as_bytes()), (PROTOBUF, &lists)] {
        let started = Instant::now();
        let _ = read(media_type, "", body, 10_000_000);
        let taken = started.elapsed();
        assert!(taken < Duration::from_secs(2), "{} bytes: {taken:?}", body.len());
    }
}
