"""Sources of model versions and artifact locations, by urllib and by the parsers of MLflow's artifact repositories."""

import posixpath
import urllib.parse

ROOTS = ["s3://bucket/1/r1/artifacts", "file:///data/1/r1/artifacts", "/data/1/r1/artifacts", "mlflow-artifacts:/1/r1/artifacts"]
PLACEHOLDERS = ["dummy-source", "prompt-template"]
FETCHED = {"http", "https", "ftp", "sftp", "ftps"}
ANCHOR = "/mlflow-artifacts/artifacts"
OWN = {"runs", "models", "prompts", "mlflow-artifacts"}

PIECES = (
    "runs:/ runs:// runs: RUNS:/ models:/ models:// models: Models:/ prompts:/ prompts:// mlflow-artifacts:/ mlflow-artifacts:// "
    "s3://bucket/ file:/// file:/ file://host/ http://host/ https://host/ HTTP:// ftp://h/ dbfs:/ hdfs:// gs://b /data/1/r1/artifacts "
    "1/r1/artifacts s3://bucket/1/r1/artifacts mlflow-artifacts:/1/r1/artifacts api/2.0/mlflow-artifacts/artifacts/ r1 r2 m-1 name a b victim "
    "1 2 latest Production @ @champion / // /// . .. ... %2e %2E%2e %252e %2f %252f %5c %23 %3f %25 % %0a %09 %00 ? # ; : + & = ~ é ١ ／ 😀"
).split() + [" ", "\t", "\n", "\r", "\x00", "\x01", "\x7f", "\\", "\u00a0", "\u2028"]

SEEDS = [
    {"kind": kind, "text": text, "root": root}
    for kind, root, texts in [
        ("source", ROOTS[0], [
            "runs:/r1/model", "runs://r1/r2/model", "runs:/r1?x/r2", "runs:/r1#x/r2", "runs:/r1//m", "models://mine/victim/1", "models:/a@b/1",
            "models:/a@b@c", "models:/a/1/2", "models:/m-1", "models:/a?b/1", "models:/a#b/1", "prompts:/a@b@c", "Models:/a/1",
            "mlflow-artifacts:/1/r1/100%.txt", "mlflow-artifacts:/%2531/r1", "mlflow-artifacts:/1/.%0a./2", "mlflow-artifacts://h/1/x",
            "s3://bucket/1/r1/artifacts/a%20b#c?d", "s3://bucket/1/r1/artifacts/%2e%2e/x", "s3://bucket/1/r1/artifacts/#/../../x",
            "s3://bucket/1/r1/artifacts2", "dummy-source", "\trun:/a", "ru\nns:/r1/x",
        ]),
        ("source", ROOTS[1], ["/data/1/r1/artifacts/m", "file:/data/1/r1/artifacts", "file://host/data/1/r1/artifacts/m"]),
        ("location", ROOTS[0], [
            "http://127.0.0.1:1/api/2.0/mlflow-artifacts/artifacts//api/2.0/mlflow-artifacts/artifacts/x", "HTTP://h/x", "ht\ttp://h/x",
            "s3://bucket/1/r1/artifacts/x", "s3://b/api/2.0/mlflow%2dartifacts/artifacts/x", "//host/x", "mlflow-artifacts:/team", "s3://b/x;y",
        ]),
    ]
    for text in texts
]  # fmt: skip


def generate(random):
    text = "".join(random.choice(PIECES) for _ in range(random.choice((1, 2, 2, 3, 3, 4, 5, 7))))
    root = random.choice(ROOTS)
    if random.random() < 0.3:
        text = root + random.choice(("/", "/", "", "/m/")) + text
    return {"kind": random.choice(("source", "source", "location")), "text": text, "root": root}


def rounds(text):
    """The text and whatever further decoding makes of it."""
    for _ in range(12):
        yield text
        decoded = urllib.parse.unquote(text)
        if decoded == text:
            return
        text = decoded


def leads_elsewhere(text):
    return any(part in (".", "..") for round in rounds(text) for part in round.replace("\\", "/").replace("?", "/").replace("#", "/").split("/"))


def judge(input, verdict):
    if verdict.get("refused"):
        return None
    try:
        urllib.parse.urlparse(input["text"])
    except ValueError:
        return None  # nor can MLflow read it
    return (judge_source if input["kind"] == "source" else judge_location)(input, *verdict["decided"], verdict.get("inside"))


def is_within(text, root):
    """Whether a place is within a root, in every reading."""

    def split(uri):
        parsed = urllib.parse.urlparse(uri)
        return parsed.scheme if parsed.scheme != "file" else "", parsed.netloc, posixpath.normpath(parsed.path)

    scheme, netloc, path = split(root)
    within = [split(round) for round in rounds(text)]
    return all((s, n) == (scheme, netloc) and (p == path or p.startswith(path + "/")) for s, n, p in within)


def judge_source(input, kind, value, inside):
    from mlflow.store.artifact.runs_artifact_repo import RunsArtifactRepository
    from mlflow.store.artifact.utils.models import _parse_model_uri
    from mlflow.utils.uri import _decode, is_models_uri

    text = input["text"]
    parsed = urllib.parse.urlparse(text)
    if leads_elsewhere(text):
        return "it leads elsewhere"
    if kind == "run":
        reads_run = RunsArtifactRepository.is_runs_uri(text) and not parsed.netloc
        return None if reads_run and RunsArtifactRepository.parse_runs_uri(text)[0] == value else "another run"
    if kind in ("model", "logged_model"):
        if not is_models_uri(text) or parsed.netloc:
            return "not of models:/"
        model = _parse_model_uri(text)
        expected = (None, value) if kind == "model" else (value, None)
        return None if (model.model_id, model.name) == expected else f"another model: {model}"
    if kind == "prompt":
        try:
            prompt = _parse_model_uri(text, scheme="prompts")
        except Exception as error:  # MLflow refuses it, so that nothing is read
            return None if "MlflowException" in type(error).__name__ else f"MLflow fails: {error}"
        return None if prompt.name == value and not parsed.netloc else f"another prompt: {prompt}"
    if kind == "store":
        if parsed.scheme != "mlflow-artifacts" or parsed.netloc:
            return "not of the store"
        served = _decode(parsed.path.lstrip("/"))
        return None if served.rstrip("/") == value else f"MLflow serves {served!r}"
    if kind == "placeholder":
        return None if text in PLACEHOLDERS else "no placeholder"
    if parsed.scheme in OWN or is_models_uri(text):
        return f"a place, but MLflow reads {parsed.scheme}"
    return "not within the root" if inside and not is_within(text, input["root"]) else None


def judge_location(input, kind, value, inside):
    from mlflow.utils.uri import is_http_uri, resolve_uri_if_local, validate_query_string

    text = input["text"]
    for round in rounds(text):
        parsed = urllib.parse.urlparse(round)
        if is_http_uri(round) or parsed.scheme.lower() in FETCHED:
            return "MLflow fetches it"
        if ANCHOR in round:
            return "it holds the anchor of the store"
        if parsed.query or parsed.fragment or parsed.params:
            return "it has a query, a fragment or parameters"
        validate_query_string(parsed.query)
    if leads_elsewhere(text):
        return "it leads elsewhere"
    if urllib.parse.urlparse(text).scheme in {"runs", "models", "prompts"}:
        return "a place of something else"
    resolve_uri_if_local(text) if not text.startswith("file://") else None
    return "not within the prefix" if inside and not is_within(text, input["root"]) else None
