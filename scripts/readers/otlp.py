"""Spans in OTLP/HTTP: header fields, packed bodies, protobuf and JSON.

An input is {"headers": [[name, value], ...], "body": base64}, a POST to /v1/traces.
A verdict is {"refused": status}, or what the gate decided on and what MLflow gets:

    {"decided": {"traces", "tags", "experiment", "run"}, "headers": [[name, value], ...], "body": base64}

The judge hands what MLflow gets to MLflow's own route, as its server has it, with a store that only notes what it is told to
do. The traces, tags, experiment and run that MLflow acts on must be among those that were decided on, and whatever was
decided on must be in the message. A release that has no such route judges nothing.
"""

import asyncio
import base64
import gzip
import json
import logging
import os
import sys
import zlib
from functools import cache

PROTOBUF, JSON = "application/x-protobuf", "application/json"
REQUEST_ID, TAG = "mlflow.traceRequestId", "mlflow.traceTag."

# A stream that zlib refuses, whose first distance goes back before the beginning; as a bare stream it is another message.
TWO_MESSAGES = zlib.decompress(base64.b85decode(
    "c-pJD#iaUI%YoqrlltFltPJD=E;S()Atf#WK{O!5p#%k5EU9IgIYw_;7)HS;pci0dVEF%kl?A5@0D#O6*8"
))


# --- writing protobuf -----------------------------------------------------------------------------------------------------


def varint(number, width=1):
    out = bytearray()
    while number > 0x7F or len(out) + 1 < width:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def part(number, value, width=1):
    """A field with a length."""
    return varint(number << 3 | 2) + varint(len(value), width) + value


def whole(number, value):
    return varint(number << 3) + varint(value)


def spans_of(*spans, width=1):
    return part(1, part(2, b"".join(part(2, span, width) for span in spans), width), width)


def pair(key, value):
    return part(1, key.encode()) + part(2, value)


OWN, OTHER = bytes(15) + b"\x02", bytes(15) + b"\x01"
SPAN = part(1, OWN) + part(2, b"12345678")


def seed(media_type, body, encoding=None, more=()):
    fields = [["Content-Type", media_type], ["X-Mlflow-Experiment-Id", "2"], *map(list, more)]
    if encoding is not None:
        fields.append(["Content-Encoding", encoding])
    return {"headers": fields, "body": base64.b64encode(body).decode()}


def json_spans(span):
    return ('{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"aaaaaaaaaaaaaaaa",' + span + "}]}]}]}").encode()


ID = '"traceId":"00000000000000000000000000000002"'

SEEDS = [
    # the second of two values of a header field, and one that is surrounded by more than blanks
    seed(PROTOBUF, spans_of(SPAN), None, [["X-Mlflow-Run-Id", ""], ["X-Mlflow-Run-Id", "r2"]]),
    seed(PROTOBUF, spans_of(SPAN), None, [["X-Mlflow-Run-Id", "\xa0r2"]]),
    seed(PROTOBUF, TWO_MESSAGES, "deflate"),
    seed(PROTOBUF, spans_of(SPAN)),
    seed(PROTOBUF, spans_of(SPAN, width=4)),
    seed(PROTOBUF, spans_of(SPAN, width=6)),
    seed(PROTOBUF, spans_of(SPAN + part(1, OTHER))),
    seed(PROTOBUF, spans_of(part(2, b"12345678"))),
    seed(PROTOBUF, spans_of(SPAN + part(9, pair(REQUEST_ID, part(1, b"tr-1"))))),
    seed(PROTOBUF, spans_of(SPAN + part(9, pair(REQUEST_ID, part(1, b"tr-1") + whole(3, 7))))),
    seed(PROTOBUF, spans_of(SPAN + part(9, pair("a", b"") + pair(REQUEST_ID, part(1, b"tr-1"))))),
    seed(PROTOBUF, spans_of(SPAN + part(9, pair(TAG + "mlflow.artifactLocation", part(1, b"x"))))),
    seed(PROTOBUF, part(1, part(1, part(1, pair("service.name", part(1, b"x")))) + part(2, part(2, SPAN)))),
    seed(PROTOBUF, b"\x02\x00" + spans_of(SPAN)),
    seed(PROTOBUF, b"\x0b\x0c" + spans_of(SPAN)),
    seed(PROTOBUF, whole(1, 7) + spans_of(SPAN)),
    seed(PROTOBUF, whole(100, 7) + spans_of(SPAN)),
    seed(PROTOBUF, gzip.compress(spans_of(SPAN), mtime=0), "gzip"),
    seed(PROTOBUF, gzip.compress(spans_of(SPAN), mtime=0) + gzip.compress(spans_of(SPAN), mtime=0), "gzip"),
    seed(PROTOBUF, gzip.compress(spans_of(SPAN), mtime=0) + b"\0", "gzip"),
    seed(PROTOBUF, zlib.compress(spans_of(SPAN)), "deflate"),
    seed(PROTOBUF, zlib.compress(spans_of(SPAN))[2:-4], "deflate"),
    seed(PROTOBUF, zlib.compress(spans_of(SPAN))[:-1] + b"x", "deflate"),
    seed(PROTOBUF, gzip.compress(gzip.compress(spans_of(SPAN), mtime=0), mtime=0), "gzip, gzip"),
    seed(PROTOBUF, gzip.compress(spans_of(SPAN), mtime=0), "GZIP", [["Connection", "content-encoding"]]),
    seed(JSON, json_spans(ID)),
    seed(JSON, json_spans(ID + ',"traceId":"00000000000000000000000000000001"')),
    seed(JSON, json_spans(ID + ',"trace_id":"AAAAAAAAAAAAAAAAAAAAAQ=="')),
    seed(JSON, json_spans('"traceId":"00 00000000000000000000000000000001"')),
    seed(JSON, json_spans(ID + ',"attributes":[{"key":"mlflow.traceRequestId","value":{"string_value":"tr-1"}}]')),
    seed(JSON, json_spans(ID + ',"attributes":[{"value":{"stringValue":"tr-1","intValue":null},"key":"mlflow.traceRequestId"}]')),
    seed(JSON, json_spans(ID + ',"attributes":[{"key":"a","keyStrindex":1,"value":{"stringValue":"tr-1"}}]')),
    seed(JSON, json_spans(ID + ',"name":"\\ud800"')),
    seed(JSON, json_spans(ID).decode().encode("utf-16"), None),
    seed(PROTOBUF, spans_of(SPAN), None, [["X-Mlflow-Experiment-Id", "1"]]),
    seed(PROTOBUF, spans_of(SPAN), None, [["Content-Type", JSON]]),
]


# --- what is made up ------------------------------------------------------------------------------------------------------


KEYS = ["a", "é", "", REQUEST_ID, TAG + "a", TAG, TAG + "mlflow.artifactLocation", "session.id", "service.name", "mlflow.traceTag"]
TEXTS = ["x", "tr-1", '"tr-1"', "", "é😀", "[1]", "null", "1"]


def trace_id(source):
    dice = source.random()
    if dice < 0.9:
        return source.choice([OWN, OTHER, bytes(16), b"\xff" * 16, source.randbytes(16)])
    return source.randbytes(source.choice([0, 1, 8, 15, 17, 24]))


def spoil(source, rate=0.01):
    return source.random() < rate / 2


def width(source):
    return 4 if spoil(source, 0.02) else source.choice([1] * 40 + [2, 5, 6])


def field(source, number, value, repeat=0.004):
    """A field with a length, sometimes with a wrong type, or twice."""
    if spoil(source, 0.004):
        return source.choice([whole(number, 1), varint(number << 3 | 1) + bytes(8), varint(number << 3 | 5) + bytes(4), varint(number << 3 | 3)])
    if spoil(source, 0.003):
        return varint(number << 3 | 2, 2) + varint(len(value)) + value
    return part(number, value, width(source)) * (2 if spoil(source, repeat) else 1)


def any_value(source, depth=0):
    dice = source.randrange(12)
    if dice < 6:
        value = field(source, 1, source.choice(TEXTS).encode() if not spoil(source) else b"\xed\xa0\x80")
    elif dice == 6:
        value = whole(2, source.choice([0, 1, 2]))
    elif dice == 7:
        value = whole(3, source.choice([0, 7, 2**64 - 1, 2**63]))
    elif dice == 8:
        value = varint(4 << 3 | 1) + source.randbytes(8)
    elif dice == 9 and depth < 3:
        value = field(source, 5, b"".join(field(source, 1, any_value(source, depth + 1)) for _ in range(source.randrange(3))))
    elif dice == 10 and depth < 3:
        value = field(source, 6, b"".join(field(source, 1, key_value(source, depth + 1)) for _ in range(source.randrange(3))))
    else:
        value = source.choice([b"", field(source, 7, source.randbytes(3)), whole(8, 1)])
    if spoil(source, 0.02):
        value += any_value(source, 3)
    return value


def key_value(source, depth=0):
    parts = [field(source, 1, source.choice(KEYS).encode()), field(source, 2, any_value(source, depth))]
    if spoil(source, 0.02):
        parts.append(source.choice([whole(3, 1), field(source, 2, any_value(source, 3)), field(source, 1, source.choice(KEYS).encode()), b""]))
    if spoil(source, 0.05):
        parts.reverse()
    if spoil(source, 0.02):
        parts.pop()
    return b"".join(parts)


def unknown(source):
    number = source.choice([4, 17, 100, 1000, 2**29 - 1] + ([0, 2**29, 2**32] if spoil(source, 0.1) else []))
    return source.choice(
        [
            whole(number, 5),
            part(number, source.choice([b"", SPAN, b"\xff"])),
            varint(number << 3 | 1) + bytes(8),
            varint(number << 3 | 5) + bytes(4),
        ]
        + ([varint(number << 3 | 3) + varint(number << 3 | 4), varint(number << 3 | 6), varint(number << 3) + b"\x80" * source.choice([5, 9, 10]) + b"\x00"] if spoil(source, 0.3) else [])
    )


def protobuf_span(source):
    parts = []
    if not spoil(source):
        parts.append(field(source, 1, trace_id(source)))
    if not spoil(source):
        parts.append(field(source, 2, source.randbytes(8)))
    if source.random() < 0.3:
        parts.append(field(source, 4, source.randbytes(8)))
    if source.random() < 0.5:
        parts.append(field(source, 5, b"name"))
        parts.append(varint(7 << 3 | 1) + bytes(8))
    parts += [field(source, 9, key_value(source), 0.05) for _ in range(source.choice([0, 1, 1, 2, 3]))]
    if source.random() < 0.1:
        parts.append(field(source, 11, field(source, 2, b"event") + field(source, 3, key_value(source))))
    if source.random() < 0.1:
        parts.append(field(source, 13, field(source, 1, trace_id(source)) + field(source, 2, b"12345678")))
    if source.random() < 0.1:
        parts.append(field(source, 15, field(source, 2, b"message") + whole(3, source.randrange(4))))
    if spoil(source, 0.05):
        parts.append(unknown(source))
    if spoil(source, 0.02):
        parts.append(source.choice([part(1, trace_id(source)), whole(1, 1), part(9, pair(REQUEST_ID, part(1, b"tr-1") + part(1, b"tr-2")))]))
    if spoil(source, 0.2):
        source.shuffle(parts)
    return b"".join(parts)


def protobuf(source):
    out = b""
    for _ in range(source.choice([1] * 9 + [0, 2])):
        resource_spans = b""
        if source.random() < 0.3:
            resource_spans += field(source, 1, b"".join(field(source, 1, key_value(source), 0.05) for _ in range(source.randrange(3))))
        for _ in range(source.choice([1, 1, 1, 2])):
            scope = field(source, 1, field(source, 1, b"scope")) if source.random() < 0.3 else b""
            spans = b"".join(field(source, 2, protobuf_span(source)) for _ in range(source.choice([1, 1, 2, 3])))
            resource_spans += field(source, 2, scope + spans)
        if spoil(source, 0.03):
            resource_spans += unknown(source)
        out += field(source, 1, resource_spans)
    if spoil(source, 0.03):
        out = source.choice([out + unknown(source), unknown(source) + out])
    return mutated(source, out)


def mutated(source, data):
    if not data or source.random() < 0.93:
        return data
    data, at = bytearray(data), source.randrange(len(data))
    match source.randrange(5):
        case 0:
            data[at] ^= 1 << source.randrange(8)
        case 1:
            data[at] = source.randrange(256)
        case 2:
            del data[at:]
        case 3:
            data[at:at] = source.randbytes(1)
        case 4:
            del data[at]
    return bytes(data)


class Pairs(list):
    """An object, whose keys may stand twice."""


HOSTILE = [None, True, 0, 1.5, "", "x", "tr-1", [], {}, [None], [{}], {"a": 1}, "AAAAAAAAAAAAAAAAAAAAAQ==", float("nan"), 10**30]


def camel(source, name):
    first, *rest = name.split("_")
    return name if spoil(source, 0.03) else first + "".join(word.title() for word in rest)


def json_value(source, depth=0):
    kinds = ["string_value"] * 6 + ["bool_value", "int_value", "double_value", "bytes_value", "array_value", "kvlist_value", "string_value_strindex"]
    values = []
    for _ in range(source.choice([1] * 30 + [0, 2])):
        kind = source.choice(kinds)
        match kind:
            case "string_value":
                value = source.choice(TEXTS)
            case "bool_value":
                value = True
            case "int_value":
                value = source.choice([7, "7", "x"])
            case "double_value":
                value = 1.5
            case "bytes_value":
                value = "AA=="
            case "array_value":
                value = Pairs([("values", [json_value(source, depth + 1) for _ in range(source.randrange(2))])]) if depth < 3 else {}
            case "kvlist_value":
                value = Pairs([("values", [json_attribute(source, depth + 1) for _ in range(source.randrange(2))])]) if depth < 3 else {}
            case _:
                if not spoil(source, 0.1):
                    continue
                value = 1
        values.append((camel(source, kind), source.choice(HOSTILE) if spoil(source, 0.02) else value))
    return Pairs(values)


def json_attribute(source, depth=0):
    pairs = [("key", source.choice(KEYS)), ("value", json_value(source, depth))]
    return noisy(source, Pairs(pairs))


def noisy(source, pairs):
    """An object with something wrong in it, now and then."""
    if spoil(source, 0.01) and pairs:
        at = source.randrange(len(pairs))
        pairs[at] = (pairs[at][0], source.choice(HOSTILE))
    if spoil(source, 0.006) and pairs:
        pairs.append((source.choice(pairs)[0], source.choice(HOSTILE + pairs)) if spoil(source, 0.5) else source.choice(pairs))
    if spoil(source, 0.006) and pairs:
        pairs.pop(source.randrange(len(pairs)))
    if spoil(source, 0.03):
        key = source.choice(["new", "[x]", "", "keyStrindex", "traceId", "trace_id", "resource_spans", "scope_spans", "spans", "attributes", "value", "TraceId"])
        pairs.insert(source.randrange(len(pairs) + 1), (key, source.choice(HOSTILE)))
    if spoil(source, 0.1):
        source.shuffle(pairs)
    return pairs


def json_span(source):
    hexadecimal = trace_id(source).hex()
    if spoil(source, 0.1):
        hexadecimal = source.choice([hexadecimal.upper(), hexadecimal[1:], " " + hexadecimal, hexadecimal[:2] + " " + hexadecimal[2:], hexadecimal + "\n", "0x" + hexadecimal, "٠" * 32])
    pairs = [("traceId", hexadecimal), ("spanId", source.randbytes(8).hex())]
    if source.random() < 0.3:
        pairs.append((camel(source, "parent_span_id"), source.randbytes(8).hex()))
    if source.random() < 0.5:
        pairs += [("name", "name"), (camel(source, "start_time_unix_nano"), "1700000000000000000"), ("kind", source.choice([1, "SPAN_KIND_SERVER", "x"]))]
    if source.random() < 0.7:
        pairs.append(("attributes", [json_attribute(source) for _ in range(source.choice([0, 1, 1, 2]))]))
    if source.random() < 0.1:
        pairs.append(("links", [Pairs([("traceId", "AAAAAAAAAAAAAAAAAAAAAQ=="), ("spanId", "AAAAAAAAAAE=")])]))
    if source.random() < 0.1:
        pairs.append(("events", [Pairs([("name", "e"), ("attributes", [json_attribute(source)])])]))
    if spoil(source, 0.04):
        pairs.append(source.choice([("traceId", OTHER.hex()), ("trace_id", base64.b64encode(OTHER).decode()), ("trace_id", OTHER.hex())]))
    return noisy(source, Pairs(pairs))


def json_body(source):
    resource_spans = []
    for _ in range(source.choice([1] * 9 + [0, 2])):
        pairs = [("scopeSpans", [noisy(source, Pairs([("spans", [json_span(source) for _ in range(source.choice([1, 1, 2]))])])) for _ in range(source.choice([1, 1, 2]))])]
        if source.random() < 0.3:
            pairs.append(("resource", noisy(source, Pairs([("attributes", [json_attribute(source) for _ in range(source.randrange(3))])]))))
        resource_spans.append(noisy(source, Pairs(pairs)))
    text = written(source, noisy(source, Pairs([("resourceSpans", resource_spans)])))
    encoding = source.choice(["utf-8"] * 200 + ["utf-8-sig", "utf-16", "utf-16-le", "utf-32-be"])
    return mutated(source, text.encode(encoding, "surrogatepass")) if spoil(source, 0.2) else text.encode(encoding, "surrogatepass")


def written(source, value):
    blank = source.choice(["", "", "", " "])
    if isinstance(value, Pairs):
        return "{" + ("," + blank).join(f"{written(source, name)}:{blank}{written(source, item)}" for name, item in value) + "}"
    if isinstance(value, dict):
        return written(source, Pairs(value.items()))
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(written(source, item) for item in value) + "]"
    if isinstance(value, str) and value and spoil(source):
        return '"' + f"\\u{min(ord(value[0]), 0xFFFF):04x}" + json.dumps(value)[2 if value[0].isascii() and value[0] != '"' else 1 :]
    return json.dumps(value, ensure_ascii=source.random() < 0.5)


def bare(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def packed(source, data):
    """(value of Content-Encoding or None, body)"""
    if source.random() < 0.5:
        return source.choice([None] * 30 + ["", "identity", "gzip", "deflate", "br", "x-gzip", "gzip, deflate"]), data
    encoding = source.choice(["gzip", "deflate"])
    if source.random() < 0.4:
        return encoding, gzip.compress(data, mtime=0) if encoding == "gzip" else zlib.compress(data)
    match encoding, source.randrange(12):
        case "gzip", 0:
            out = gzip.compress(data, mtime=0) + gzip.compress(source.choice([b"", data, spans_of(SPAN)]), mtime=0)
        case "gzip", 1:
            out = gzip.compress(data, mtime=0) + source.choice([b"\0", b"\0" * 8, b"x", b"\x1f\x8b"])
        case "gzip", 2:
            header = source.choice([b"\x04" + bytes(6) + b"\x02\x00ab", b"\x08" + bytes(6) + b"name\0", b"\x10" + bytes(6) + b"comment\0", b"\x02" + bytes(6) + b"\x00\x00", b"\x01" + bytes(6), b"\xe0" + bytes(6), b"\x08" + bytes(6) + b"endless"])
            out = b"\x1f\x8b\x08" + header + gzip.compress(data, mtime=0)[10:]
        case "gzip", 3:
            out = gzip.compress(data, mtime=0)
            out = out[:-8] + source.choice([bytes(8), out[-8:-4] + bytes(4), out[-8:-1], b"", out[-8:]])
        case "gzip", 4:
            out = source.choice([zlib.compress(data), bare(data), data, gzip.compress(gzip.compress(data))])
        case "deflate", 0:
            out = zlib.compress(data)[:-4] + source.choice([bytes(4), b"", b"xxxxx"])
        case "deflate", 1:
            out = zlib.compress(data) + source.choice([b"\0", b"x", zlib.compress(data)])
        case "deflate", 2 | 3:
            out = bare(data)
        case "deflate", 4:
            out = source.choice([gzip.compress(data, mtime=0), data, zlib.compress(zlib.compress(data))])
        case "deflate", 5:
            # a header of zlib before a bare stream, in front of another
            out = source.choice([b"\x78\x9c", b"\x78\xbb", b"\x08\x1d", b"\x88\x1c", b"\x58\x85"]) + bare(data) + source.choice([b"", zlib.adler32(data).to_bytes(4, "big")])
        case "deflate", 6:
            out = mutated(source, TWO_MESSAGES)
        case "gzip", _:
            out = mutated(source, gzip.compress(data, mtime=0))
        case _:
            out = mutated(source, zlib.compress(data, source.choice([0, 1, 9])))
    name = source.choice([encoding] * 20 + [encoding.upper(), f" {encoding} ", f"{encoding}, {encoding}", f"{encoding},", f"identity, {encoding}"])
    return name, out


def generate(source):
    is_json = source.random() < 0.4
    encoding, body = packed(source, json_body(source) if is_json else protobuf(source))
    media_type = JSON if is_json else PROTOBUF
    if spoil(source, 0.05):
        media_type = source.choice([media_type + "; charset=utf-8", media_type.upper(), " " + media_type, JSON, PROTOBUF, "text/plain", f"{JSON}, {PROTOBUF}", ""])
    fields = [["Content-Type", media_type], ["X-Mlflow-Experiment-Id", source.choice(["2"] * 120 + ["1", " 2", "02", "1, 2", "2,", "", "2\xa0"])]]
    if encoding is not None:
        fields.append([source.choice(["Content-Encoding"] * 20 + ["content-encoding", "Content_Encoding"]), encoding])
    if source.random() < 0.2:
        fields.append(["X-Mlflow-Run-Id", source.choice(["r2"] * 9 + ["", "r1, r2", " r2", "\xa0r2", "r2\x85"])])
    if spoil(source, 0.03):
        fields.append(source.choice([["Content-Encoding", "gzip"], ["Content-Type", JSON], ["Content-Type", PROTOBUF], ["X-Mlflow-Experiment-Id", "1"], ["X-Mlflow-Run-Id", "r1"], ["X_Mlflow_Experiment_Id", "1"]]))
    if spoil(source, 0.03):
        fields.append(["Connection", source.choice(["content-encoding", "content-type", "x-mlflow-experiment-id", "x-mlflow-run-id", "close"])])
    if spoil(source, 0.1):
        source.shuffle(fields)
    return {"headers": fields, "body": base64.b64encode(body).decode()}


# --- what MLflow says -----------------------------------------------------------------------------------------------------


class Store:
    """Notes what the route would do."""

    def __init__(self):
        self.experiment, self.spans, self.linked, self.run = [], [], [], []

    def log_spans(self, location, spans, tracking_uri=None):
        self.experiment.append(location)
        self.spans += spans
        return spans

    async def log_spans_async(self, location, spans):
        return self.log_spans(location, spans)

    def link_traces_to_run(self, traces, run):
        self.linked += traces
        self.run.append(run)


@cache
def mlflow():
    """MLflow's module and its application, or None."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    try:
        from mlflow.server import otel_api
    except ImportError:
        print("this release takes no OTLP: nothing to judge", file=sys.stderr)
        return None
    logging.disable()
    from fastapi import FastAPI

    app = FastAPI()
    app.include_router(otel_api.otel_router)
    otel_api._record_event = lambda *arguments, **more: None
    return otel_api, app


LOOP = asyncio.new_event_loop()


def post(app, fields, body):
    """Sends a request to the application as a server does. Returns the status."""
    headers = [(name.lower().encode("latin-1"), value.strip(" \t").encode("latin-1")) for name, value in fields]
    headers.append((b"content-length", str(len(body)).encode()))
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http"}
    scope |= {"path": "/v1/traces", "raw_path": b"/v1/traces", "root_path": "", "query_string": b"", "headers": headers}
    status = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        if message["type"] == "http.response.start":
            status.append(message["status"])

    try:
        LOOP.run_until_complete(app(scope, receive, send))
    except Exception:
        return 500
    return status[0]


def names_of(message):
    """Traces and tags that any release finds in a message."""
    traces, tags = set(), set()
    for resource_spans in message.resource_spans:
        tags |= {attribute.key for attribute in resource_spans.resource.attributes}
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                traces.add(f"tr-{int.from_bytes(span.trace_id, 'big'):032x}")
                for attribute in span.attributes:
                    if attribute.key == REQUEST_ID:
                        traces.add(attribute.value.string_value)
                    if attribute.key.startswith(TAG):
                        tags.add(attribute.key.removeprefix(TAG))
    return traces, tags


def parsed(otel_api, media_type, body):
    message = otel_api.ExportTraceServiceRequest()
    if media_type == JSON:
        body = otel_api._convert_otlp_json_ids_to_base64(body)
        otel_api.ParseJsonProto(body, message, ignore_unknown_fields=True)
    else:
        message.ParseFromString(body)
    return message


def judge(input, verdict):
    if mlflow() is None or "refused" in verdict:
        return None
    otel_api, app = mlflow()
    body, fields = base64.b64decode(verdict["body"]), verdict["headers"]
    names = [name.lower() for name, _ in fields]
    for name in ("content-encoding", "content-length", "transfer-encoding"):
        if name in names:
            return f"{name} is forwarded"
    store = Store()
    otel_api._get_tracking_store = lambda: store
    if post(app, fields, body) != 200:
        return None  # MLflow refuses it, and all of it
    decided = verdict["decided"]
    traces, tags = acted_on(store)
    for what, done, allowed in [
        ("experiments", set(store.experiment), {decided["experiment"]}),
        ("runs", set(store.run), {decided["run"]}),
        ("traces", traces | set(store.linked), set(decided["traces"])),
        ("tags", tags, set(decided["tags"])),
    ]:
        if not done <= allowed:
            return f"MLflow acts on the {what} {done}, decided were {allowed}"
    media_type = next(value for name, value in fields if name.lower() == "content-type")
    named = names_of(parsed(otel_api, media_type, body))
    if named != (set(decided["traces"]), set(decided["tags"])):
        return f"in the message are {named}"
    return of_the_original(otel_api, app, input, verdict)


def acted_on(store):
    """The traces that the spans belong to, and the tags that the store of 3.17 sets for them."""
    traces = {span.trace_id for span in store.spans}
    tags = set()
    for span in store.spans:
        resource = getattr(span._span, "resource", None)
        tags |= {key for key in resource.attributes} if resource is not None else set()
        if span.parent_id is None:
            tags |= {key.removeprefix(TAG) for key in span._span.attributes if key.startswith(TAG)}
    return traces, tags


def shown(span):
    ids = (span.context.trace_id, span.context.span_id, span.parent and span.parent.span_id)
    return repr((ids, span.name, dict(span.attributes), dict(span.resource.attributes), span.start_time))


def of_the_original(otel_api, app, input, verdict):
    """Where MLflow takes the request as it came, it must have done the same."""
    fields = input["headers"]
    names = [name.lower() for name, _ in fields]
    if len(set(names)) < len(names) or any("_" in name for name in names):
        return None  # a server and a proxy take one or the other
    came, store = Store(), Store()
    otel_api._get_tracking_store = lambda: came
    if post(app, fields, base64.b64decode(input["body"])) != 200:
        return None
    otel_api._get_tracking_store = lambda: store
    post(app, verdict["headers"], base64.b64decode(verdict["body"]))
    one, other = ([shown(span._span) for span in each.spans] for each in (came, store))
    if one != other:
        return f"MLflow would have logged {str(one)[:500]}, and logs {str(other)[:500]}"
    return None
