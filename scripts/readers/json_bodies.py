"""Bodies of JSON and queries, for which MLflow has a protobuf message.

An input is {"method", "path", "query", "type", "body"}: a row of the table by its path with every `{x}` filled in as `m-path`.
A verdict is {"refused": status}, or what the gate decided on and what MLflow gets:

    {"decided": [[[parameters], [values]], ...], "query": "...", "type": "...", "body": "..."}

where the parameters, of which each may hold the values, are paths such as `metrics[].model_id`. The judge has MLflow's own `_get_request_message` read what it
gets: the message must hold what was decided on and nothing else of that name. Where MLflow reads the input itself without
fault, it must read the same message from what the gate forwards: nothing is lost.
"""

import contextlib
import json
import os
import random
import re
import string
import sys
from functools import cache
from pathlib import Path

from google.protobuf.json_format import ParseDict, ParseError

ROOT = Path(__file__).parents[2]

JSON = "application/json"


def seed(method, path, body, media_type=JSON, query=""):
    return {"method": method, "path": path, "query": query, "type": media_type, "body": body}


SEEDS = [
    seed("POST", "/api/3.0/mlflow/issues/search", '{"[x]":0,"experiment_id":"1"}'),
    seed("POST", "/api/3.0/mlflow/datasets/search", '{"max_results":" 5","experiment_ids":["1"]}'),
    seed("POST", "/api/3.0/mlflow/datasets/search", '{"order_by":[5],"experiment_ids":["1"]}'),
    seed("POST", "/api/2.0/mlflow/experiments/update", '{"new_name":"pwned","[x]":0,"experiment_id":"1"}'),
    seed("POST", "/api/3.0/mlflow/scorers/register", '{"name":"s","[x]":0,"experiment_id":"1"}'),
    seed("DELETE", "/api/3.0/mlflow/scorers/delete", '{"name":"s","[x]":0,"experiment_id":"1"}'),
    seed("POST", "/api/2.0/mlflow/runs/search", '{"experiment_ids":"10"}'),
    seed("PATCH", "/api/2.0/mlflow/logged-models/m-path", '{"model_id":"m-victims","status":3}', "text/plain"),
    seed("PATCH", "/api/2.0/mlflow/logged-models/m-path", '{"modelId":"m-victims","status":3}', ""),
    seed("POST", "/api/2.0/mlflow/experiments/update", '{"experiment_id":"1","x":' + "1" * 5000 + "}"),
    seed("POST", "/api/2.0/mlflow/experiments/update", '{"new_name":"x","future":[0],"experimentId":1}'),
    seed("POST", "/api/2.0/mlflow/experiments/update", '"{\\"new_name\\":\\"x\\",\\"experiment_id\\":1}"'),
    seed("POST", "/api/2.0/mlflow/runs/log-metric", '{"value":NaN,"key":"k","timestamp":1.7e12,"run_id":"r"}'),
    seed("GET", "/api/2.0/mlflow/traces", "", "", "?experiment_ids=1&max_results=%205"),
    seed("GET", "/api/2.0/mlflow/traces", "", "", "?experiment_ids=1&max_results=1e%2B05"),
    seed("POST", "/api/3.0/mlflow/traces/search", '{"filter":"f","locations":[{"new":1,"mlflow_experiment":{"experiment_id":"1"}}]}'),
]


# --- what is made up ------------------------------------------------------------------------------------------------------


@cache
def table():
    """(routes, messages, enumerations) of src/mlflow/messages.txt, with only the routes that the gate has a row for."""
    routes, messages, enums = [], [], []
    for line in (ROOT / "src/mlflow/messages.txt").read_text(encoding="utf-8").splitlines():
        words = line.split(" ")
        if line.startswith("#"):
            continue
        if "/" in line:
            routes.append((words[0], words[1], int(words[2])))
        elif words[0] == "=":
            enums.append([word.split("=") for word in words[2:]])
        else:
            fields = []
            for word in words[1:]:
                name, kind = word.split(":")
                fields.append((name, *re.fullmatch(r"([*%]?)(.+?)(@\d+)?", kind).groups()))
            messages.append(fields)
    return routes, messages, enums


def camel(name):
    return re.sub("_([a-z0-9])", lambda found: found[1].upper(), name)


HOSTILE = [
    None, True, False, 0, 5, -1, 1.5, 5.0, 1e300, float("nan"), float("inf"), 2**31, 2**63, 10**30, "", " ", "5", " 5", "5 ", "5\n",
    "+5", "0x5", "1_0", "5.0", "1e3", "٣", "NaN", "nan", "Infinity", "inf", "-Infinity", "true", "False", "ACTIVE_ONLY", "ALL", "FINISHED",
    "2025-04-15T08:49:18Z", "2025-02-30T08:49:18Z", "1.5s", "5s", "s", "a_b", "aB", [], {}, [[]], [None], [0], ["1"], "1",
    ["1", 2], {"a": 1}, {"experiment_id": "9"}, {"a": None}, "10",
]  # fmt: skip
KEYS = ["[x]", "[mlflow.x]", "x", "new_field", "newField", "", " ", "a b", "é", "__proto__", "0", "experiment_id ", "Experiment_id", "$ref"]
IDS = ["1", "2", "10", "r1", "m-1", "tr-1", "name"]


def scalar(source, kind, enums):
    if source.random() < 0.06:
        return source.choice(HOSTILE)
    number = source.choice([0, 1, 5, 100, 1700000000000 if kind in "lL" else 7])
    match kind[0]:
        case "s":
            return source.choice(IDS + ["x", "a > 1", "é", "\0", "😀"])
        case "y":
            return source.choice(["aGk=", "aGk", "-_-_", "a", "!"])
        case "b":
            return source.random() < 0.5
        case "i" | "l" | "I" | "L":
            return source.choice([number, number, str(number), float(number), f"{number}.0", -number])
        case "d" | "f":
            return source.choice([number, 0.5, "0.5", "NaN", float("nan"), float("inf"), float("-inf"), "1e5", 1e308])
        case "t":
            return source.choice(["2025-04-15T08:49:18.699Z", "2025-04-15T08:49:18+02:00", "2024-02-29T00:00:00.123456789Z"])
        case "u":
            return source.choice(["1.500s", "0s", "-3.000000001s"])
        case "k":
            return source.choice(["a", "assessmentName,metadata", "a.b", ""])
        case "=":
            name, value = source.choice(enums[int(kind[1:])])
            return source.choice([name, name, name, int(value), value, "FROM_THE_FUTURE"])
        case _:
            return source.choice([{"a": [1, None, {"b": "c"}]}, {}, [1, "x"], "x", 1.5, None, True])


# The fields that rows are decided on, mostly: nearly always there, and the same in every spelling and place.
OFTEN = {"experiment_id": "1", "run_id": "r1", "run_uuid": "r1", "name": "name"}


def made_up(source, number, depth=0):
    """The pairs of an object of a message."""
    _, messages, enums = table()
    fields, pairs, oneofs = messages[number], [], set()
    for name, many, kind, oneof in fields:
        is_id = depth == 0 and kind == "s" and (name in OFTEN or name.endswith("_id"))
        if source.random() < (0.08 if is_id or name.endswith("_ids") else 0.4) or (oneof in oneofs and source.random() < 0.95):
            continue
        oneofs.add(oneof)
        oneofs.discard(None)

        def one(kind=kind):
            if kind[0] == ">" and source.random() < 0.97:
                return Pairs(made_up(source, int(kind[1:]), depth + 1)) if depth < 5 else Pairs([])
            return scalar(source, kind, enums) if kind[0] != ">" else source.choice(HOSTILE)

        dice = source.random()
        if many == "*" and dice < 0.97:
            value = [one() for _ in range(source.choice([0, 1, 1, 2]))]
        elif many == "%" and dice < 0.97:
            value = Pairs([(source.choice(["a", "b", "mlflow.user", "[x]", ""]), one()) for _ in range(source.choice([0, 1]))])
        elif is_id and source.random() < 0.85:
            value = OFTEN.get(name, "m-path")
        else:
            value = one()
        if source.random() < 0.03:
            value = None
        key = camel(name) if source.random() < 0.15 else name
        pairs.append((key, value))
        if source.random() < 0.01:
            pairs.append((source.choice([name, camel(name)]), value))
    if source.random() < 0.1:
        pairs.append((source.choice(KEYS), source.choice(HOSTILE)))
    if source.random() < 0.5:
        source.shuffle(pairs)
    return pairs


class Pairs(list):
    """An object, whose keys may stand twice."""


def written(source, value):
    blank = source.choice(["", "", "", " ", "\n  "])
    if isinstance(value, Pairs):
        return "{" + ("," + blank).join(f"{key(source, name)}:{blank}{written(source, item)}" for name, item in value) + "}"
    if isinstance(value, dict):
        return written(source, Pairs(value.items()))
    if isinstance(value, list):
        return "[" + ",".join(written(source, item) for item in value) + "]"
    if isinstance(value, float) and value > 1e299 and source.random() < 0.3:
        return "1e400"
    if isinstance(value, str) and source.random() < 0.01:
        return '"\\ud800"'
    return json.dumps(value, ensure_ascii=source.random() < 0.5)


def key(source, name):
    if name and source.random() < 0.01:
        return '"' + f"\\u{ord(name[0]):04x}" + json.dumps(name)[2:]
    return json.dumps(name)


def spoiled(source, text):
    dice = source.random()
    if dice < 0.95:
        return text
    at = source.randrange(len(text) + 1)
    if dice < 0.97:
        return text[:at] + source.choice(['"', "{", "}", "[", "]", ",", ":", "0", "1" * 5000, "\\", "null", " ", "\0", "\ufeff", "//"]) + text[at:]
    if dice < 0.98:
        return text[:at] + text[at + 1 :]
    if dice < 0.99:
        return json.dumps(text)
    return source.choice(["", "null", "[]", "{}", "0", '""', '"x"', "\ufeff{}", " {} "])


def generate(source):
    routes, messages, enums = table()
    method, path, number = source.choice(routes)
    path = re.sub(r"\{\*?\}", "m-path", path.replace("{api}", source.choice(["/api", "/ajax-api"])))
    if method == "GET":
        pairs = []
        for name, many, kind, _ in messages[number]:
            for _ in range(source.choice([0, 1, 1, 2] if many else [0, 1, 1, 1])):
                value = scalar(source, kind, enums) if kind[0] != ">" else source.choice(HOSTILE)
                if not many and kind == "s" and source.random() < 0.85:
                    value = OFTEN.get(name, "m-path")
                value = value if isinstance(value, str) else json.dumps(value)
                pairs.append((camel(name) if source.random() < 0.03 else name, value))
        source.shuffle(pairs)
        text = "&".join(f"{name}={quoted(value)}" for name, value in pairs)
        return seed(method, path, "", "", "?" + text if text else "")
    body = spoiled(source, written(source, Pairs(made_up(source, number))))
    media_type = source.choice([JSON] * 12 + ["application/json; charset=utf-8", "text/plain", "", "application/x+json", "APPLICATION/JSON"])
    query = source.choice([""] * 12 + ["?experiment_id=1", "?name=x"])
    return seed(method, path, body, media_type, query)


def quoted(text):
    return "".join(c if c in string.ascii_letters + string.digits else "".join(f"%{b:02x}" for b in c.encode()) for c in text)


# --- what MLflow says -----------------------------------------------------------------------------------------------------


@cache
def mlflow():
    """(flask application, {(method, normal path): message class}, `_get_request_message`, `parse_dict`)."""
    sys.path.insert(0, str(ROOT / "scripts/fixtures"))
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    import flask
    from mlflow.server import handlers

    import messages
    import routes

    requests = {}
    for (method, path), request in routes.protobuf_requests(handlers).items():
        requests[method, re.sub("<[^>]*>", "m-path", path)] = request
    import mlflow.server

    for rule in mlflow.server.app.url_map.iter_rules():
        for method in rule.methods - routes.IMPLIED_METHODS:
            name = (method, re.sub("<[^>]*>", "m-path", rule.rule))
            if name not in requests and (found := messages.read_by(mlflow.server.app.view_functions[rule.endpoint], handlers)):
                requests[name] = found
    return flask.Flask("judge"), requests, handlers


def read(request_class, method, query, media_type, body):
    """(message, whether all of it was parsed), or (None, False) if MLflow refuses the request."""
    app, _, handlers = mlflow()
    headers = {"Content-Type": media_type} if media_type else {}
    stopped = []
    parse_dict = handlers.parse_dict

    def watched(js_dict, message):
        try:
            return parse_dict(js_dict, message)
        except Exception as error:
            stopped.append(error)
            raise

    handlers.parse_dict = watched
    try:
        with app.test_request_context("/" + query, method=method, data=body.encode("utf-8", "surrogatepass"), headers=headers):
            from flask import request

            return handlers._get_request_message(request_class(), flask_request=request), not stopped
    except Exception:
        return None, False
    finally:
        handlers.parse_dict = parse_dict


def of_path(message, path):
    """The values at a path such as `metrics[].model_id`, without empty ones. None if the message has no such field."""
    step, _, rest = path.partition(".")
    name = step.rstrip("[]{}")
    field = message.DESCRIPTOR.fields_by_name.get(name)
    if field is None:
        return None
    if step.endswith("{}"):
        return list(getattr(message, name))
    value = getattr(message, name)
    many = list(value) if step.endswith("[]") or not rest and not isinstance(value, str) else [value]
    if not rest:
        return [item for item in many if item != ""]
    found = [of_path(item, rest) for item in many]
    return None if None in found else [value for values in found for value in values]


def judge(input, verdict):
    _, requests, _ = mlflow()
    request_class = requests.get((input["method"], input["path"]))
    if request_class is None or "refused" in verdict:
        return None  # this release has no such route
    sent = (input["method"], verdict["query"], verdict["type"], verdict["body"])
    message, is_whole = read(request_class, *sent)
    if message is None:
        return None  # MLflow refuses it
    if not is_whole:
        return f"MLflow's parser stopped, with {str(message)[:300]!r}"
    if found := differs(message, verdict["decided"], False):
        return found
    original, was_whole = read(request_class, input["method"], input["query"], input["type"], input["body"])
    if was_whole and original != message and str(original) != str(message):
        return f"it was {str(original)[:300]!r}, it is {str(message)[:300]!r}"
    # A release of the future knows a field that none knows today, and stops at it.
    if input["method"] != "GET" and is_newest() and (body := json.loads(verdict["body"] or "{}")) is not None:
        message = request_class()
        with contextlib.suppress(ParseError):
            ParseDict(body, message)
        if found := differs(message, verdict["decided"], True):
            return f"where a parser stops at what is unknown, {found}"
    return None


def differs(message, decided, may_stop):
    """Says which field is not as it was decided on. A parser that stops may leave out the end of a list of objects."""
    for paths, values in decided:
        each = [found for path in paths if (found := of_path(message, path)) is not None]
        for found in each:
            is_begun = may_stop and any("[]" in path for path in paths) and found == values[: len(found)]
            if found and found != values and not is_begun:
                return f"{paths} is {found} to MLflow, not {values}"
        is_lost = values and values != ["m-path"] and not any(each) and not (may_stop and any("[]" in path for path in paths))
        if each and is_lost:
            return f"{paths} is nothing to MLflow, not {values}"
    return None


@cache
def is_newest():
    import mlflow

    return tuple(map(int, mlflow.__version__.split("."))) >= (3, 17)
