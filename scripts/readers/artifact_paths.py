"""Paths of the proxied artifact store, by MLflow's own `validate_path_is_safe` and what its repositories do after it."""

import posixpath
import urllib.parse

PIECES = (
    "1 1 1 2 11 01 1_0 r1 artifacts a.txt x . .. ... %2e %2E%2e %252e %25252e .%2e %2f %2F %252f %25252f // /./ /../ %5c %255C %25 %2525 %31 %2531 "
    "%252531 %32 %2 %zz ; %3b %253b ? %3f %253f # %23 %2523 %09 %0a %0d %250a %250d %2509 %00 %2500 %01 %2501 %7f %257f %c2%85 %20 + %2B & = %26 "
    ": %3a %253a x: file: file:/// FILE: http: C:/ ~ @ %c3%a9 %C3 %25C3 %ff %25ff %e2%82%ac %c0%ae %D9%A1 %ef%bc%8f 100%25 %25step%25100%25 workspaces models"
).split()

METHODS = ["GET", "HEAD", "PUT", "DELETE", "LIST"]

SEEDS = [
    {"method": method, "path": path}
    for method in METHODS
    for path in [
        "1/r1/artifacts/100%25.txt", "1/r1/artifacts/dog%25step%25100%25timestamp%251700000000000%25ab.png", "1/a%2520b", "%2531/x", "%252531/x",
        "1/%252e%252e/2/x", "1/.%250a./2", "./1/x", "%252e/1", "2/x", "1/r1/a%255cb", "1%252f2", "1/x%2500", "1/%2501", "01/x", "file%253a1/x",
    ]
]  # fmt: skip


def generate(random):
    plain = random.choice(("1", "1", "1", "2", "11"))
    for _ in range(random.randrange(4)):
        plain += "/" + "".join(random.choice(PIECES) for _ in range(random.choice((1, 1, 2, 3))))
    if random.random() < 0.3:
        plain = "".join(random.choice(PIECES + ["/"] * 12) for _ in range(random.randrange(1, 9)))
    return {"method": random.choice(METHODS), "path": plain}


def once(raw):
    """What Flask hands to a handler."""
    return urllib.parse.unquote(raw)


def read(method, path):
    """The first directory below the root of the store that MLflow comes to, or None if it refuses."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils.uri import validate_path_is_safe

    try:
        safe = validate_path_is_safe(path)
        if method in ("GET", "HEAD"):
            safe = validate_path_is_safe(safe)  # again by the repository that downloads
        elif method == "DELETE":
            safe = urllib.parse.unquote(safe)  # by url2pathname
    except (MlflowException, ValueError):
        return None
    return posixpath.normpath(safe)


def path_of(method, target):
    path, _, query = target.partition("?")
    if method == "LIST":
        return dict(urllib.parse.parse_qsl(query, keep_blank_values=True)).get("path", "")
    return once(path.split("/mlflow-artifacts/artifacts/", 1)[1])


def judge(input, verdict):
    method = input["method"]
    if alice := verdict.get("alice"):
        place = read(method, path_of(method, alice))
        if place is not None and place.split("/")[0] != "1":
            return f"MLflow comes to {place!r}"
    if admin := verdict.get("admin"):
        asked = "/mlflow-artifacts/artifacts" + ("?path=" if method == "LIST" else "/") + input["path"].partition("#")[0]
        theirs, ours = read(method, path_of(method, asked)), read(method, path_of(method, admin))
        if theirs is not None and theirs.rstrip("/") != (ours or "").rstrip("/"):
            return f"MLflow was asked for {theirs!r} and gets {ours!r}"
    return None
