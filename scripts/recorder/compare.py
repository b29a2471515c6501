"""Compares an answer with the recorded one, up to what is volatile.

`learn` is told each recorded name with the live one, and says if it knows no other (`Server.learn`).
"""

import json
import re

from volatile import same_text

HEADERS_THAT_MATTER = [
    "Content-Type",
    "WWW-Authenticate",
    "Allow",
    "Vary",
    "Content-Disposition",
    "X-Content-Type-Options",
]


def json_difference(learn, recorded, live, where="body"):
    """Where two JSON values differ, in words; None if they do not."""
    if isinstance(recorded, dict) and isinstance(live, dict):
        if recorded.keys() != live.keys():
            return f"{where} has the keys {sorted(live)}, recorded {sorted(recorded)}"
        pairs = [(f"{where}.{key}", key, recorded[key], live[key]) for key in recorded]
    elif isinstance(recorded, list) and isinstance(live, list):
        if len(recorded) != len(live):
            return f"{where} has {len(live)} elements, recorded {len(recorded)}"
        pairs = [(f"{where}[{n}]", None, *both) for n, both in enumerate(zip(recorded, live))]
    else:
        pairs = None
        same = type(recorded) is type(live) and recorded == live
        if isinstance(recorded, str) and isinstance(live, str):
            same = same_text(learn, recorded, live)
        elif isinstance(recorded, int) and isinstance(live, int):
            same = same_text(learn, str(recorded), str(live))
        if not same:
            return f"{where} is {live!r}, recorded {recorded!r}"
    for path, key, one, other in pairs or []:
        if key in ("id", "user_id") and type(one) is type(other) is int:
            difference = None if learn(("user", one), ("user", other)) else f"{path} is of another user"
        elif key == "next_page_token":
            # Opaque; that following it loses and repeats no row has a test of its own.
            difference = None if bool(one) == bool(other) else f"{path} is {other!r}, recorded {one!r}"
        else:
            difference = json_difference(learn, one, other, path)
        if difference:
            return difference
    return None


def body_difference(learn, recorded, live_text):
    text, cut = recorded["body"], recorded["cut"]
    kind = dict(recorded["headers"]).get("Content-Type", "")
    live_text = live_text.rstrip("\n")
    if kind == "application/json" and text and not cut:
        try:
            live = json.loads(live_text)
        except ValueError:
            return f"body is not JSON: {live_text[:300]!r}"
        return json_difference(learn, json.loads(text), live)
    one, other = text, live_text
    if kind == "application/json" or ("html" in kind and recorded["status"] < 400):
        # How a cut JSON or a page that a browser shows is laid out says nothing.
        one, other = re.sub(r"\s+", "", one), re.sub(r"\s+", "", other)
    if same_text(learn, one, other, cut):
        return None
    return f"body is {other[: len(one) + 200]!r}, recorded {one!r}"


def header_difference(name, recorded, live):
    if live is None:
        return f"no {name}, recorded {recorded!r}"
    if name in ("Allow", "Vary"):
        one, other = ({part.strip().lower() for part in value.split(",")} for value in (recorded, live))
        same = one == other if name == "Allow" else one <= other  # a longer Vary only costs a cache something
    else:
        same = recorded.lower() == live.lower()
    return None if same else f"{name} is {live!r}, recorded {recorded!r}"


TOKEN_FIELD = re.compile(r'<input type="hidden" name="csrf_token" value="([^"]+)"')
FORM = re.compile(r'<form action="([^"]+)" method="([^"]+)"')


def sign_up_page_differences(learn, recorded, answer):
    """Of the form only what a client sees in it, and its cookie; the looks of the page are not MLflow's API."""
    if FORM.findall(recorded["body"]) != FORM.findall(answer.text) and not recorded["cut"]:
        yield f"form is {FORM.findall(answer.text)}, recorded {FORM.findall(recorded['body'])}"
    old_cookie = dict(recorded["headers"])["Set-Cookie"]
    new_cookie = answer.header("Set-Cookie")
    if new_cookie is None:
        yield f"no Set-Cookie, recorded {old_cookie!r}"
        return
    (old_pair, *old_attributes), (new_pair, *new_attributes) = old_cookie.split("; "), new_cookie.split("; ")
    # More attributes (Secure, SameSite) make a cookie stricter; none of the recorded may be missing.
    missing = {a.lower() for a in old_attributes} - {a.lower() for a in new_attributes}
    if missing:
        yield f"Set-Cookie lacks {sorted(missing)}: {new_cookie!r}"
    learn(old_pair, new_pair)
    old_token, new_token = TOKEN_FIELD.search(recorded["body"]), TOKEN_FIELD.search(answer.text)
    if new_token is None:
        yield "the form has no csrf_token"
    elif old_token:
        learn(old_token[1], new_token[1])


def disagreements(server, exchange, answer):
    """Everything in which the answer is not the recorded one, as readable lines."""
    learn = server.learn
    recorded = exchange["response"]
    found = []
    if answer.status != recorded["status"]:
        found.append(f"status is {answer.status}, recorded {recorded['status']}")
    recorded_headers = dict(recorded["headers"])
    for name in HEADERS_THAT_MATTER:
        if name in recorded_headers:
            found.append(header_difference(name, recorded_headers[name], answer.header(name)))
    if exchange["request"]["target"] == "/signup" and recorded["status"] == 200:
        found += sign_up_page_differences(learn, recorded, answer)
    elif exchange["request"]["method"] != "HEAD":
        found.append(body_difference(learn, recorded, answer.text))
    return [line for line in found if line]
