"""Every route for every caller: puts the same requests to MLflow's basic-auth and to the Worker.

Both servers hold the same users, grants and data: everything is made on one MLflow without authentication, whose folder
is then copied. Every route of tests/fixtures/routes-VERSION.tsv is asked for by every caller of a world. What comes out
is, for each case, what MLflow answered, and what the Worker asked its own MLflow meanwhile, so that
tests/native/differential.rs can put the case to the gate again.
"""

import contextlib
import re
import sqlite3
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import differences
import samples_gateway
import samples_genai
import samples_tracking
import samples_users
import servers
from objects import Makers, Objects
from people import ADMIN, ITERATIONS, WORLDS, People, credentials, password
from recording import COMPARED_CHARACTERS, Recording
from sample import Request
from wire import Client, Tape, basic

FIXTURES = servers.REPOSITORY / "tests/fixtures"
SAMPLES = samples_tracking.SAMPLES | samples_genai.SAMPLES | samples_gateway.SAMPLES | samples_users.SAMPLES
# Answered by the Worker itself, so that the body is compared too.
OURS = re.compile(r"/mlflow/users/|/permissions/|/mlflow/roles/|/workspace-permissions|/permissions$|^/signup$")
TOKEN = re.compile(r'name="csrf_token"\s+value="([^"]+)"')


@dataclass
class Case:
    route: str  # method and path as in the list of routes
    who: str
    request: Request

    @property
    def method(self):
        return self.route.split(" ")[0]

    @property
    def target(self):
        return self.request.target(self.route.split(" ")[1])

    @property
    def is_ours(self):
        return bool(OURS.search(self.route.split(" ")[1]))


def routes_of(version, with_twins=True):
    """(method, path) of every route; FastAPI's list wins over Flask's where both have one."""
    name = FIXTURES / f"routes-{version}.tsv"
    if not name.exists():
        name = FIXTURES / f"routes-{version.rpartition('.')[0]}.tsv"
    rows = [tuple(line.split("\t")[:2]) for line in name.read_text().splitlines()[1:]]
    if not with_twins:
        served = set(rows)
        rows = [(method, path) for method, path in rows if (method, twin(path)) not in served or twin(path) == path]
    # Who signs up a user gives everybody who comes later another id: last.
    return sorted(rows, key=lambda row: row[1].endswith("/create-ui"))


def twin(path):
    """The path under /api that one under /ajax-api doubles; else the path itself."""
    return path.replace("/ajax-api/", "/api/", 1)


def sample_of(method, path):
    prefix = re.sub(r"^/(ajax-)?api/", "{api}/", re.sub(r"^/(ajax-)?api/2\.0mlflow", "{api}/2.0mlflow", path))
    sample = SAMPLES.get(f"{method} {prefix}") or SAMPLES.get(f"{method} {path}")
    if sample is None:
        sys.exit(f"no sample request for {method} {path}: add one to scripts/recorder/samples_*.py")
    return sample if isinstance(sample, list) else [sample]


def cases_of(version, makers, world):
    """Every case; what they are about is made on the way."""
    for method, path in routes_of(version, world.with_twins):
        for sample in sample_of(method, path):
            for who in world.callers:
                yield Case(f"{method} {path}", who, sample(Objects(makers, who)))


def with_form(client, request):
    """The request with the token and the cookie of a sign-up form, where it asks for them."""
    if samples_users.CSRF_TOKEN not in (request.body or ""):
        return request
    page = client.send("GET", "/signup", [("Authorization", basic(*credentials(ADMIN)))])
    token = TOKEN.search(page.text)[1]
    cookie = page.header("Set-Cookie").split(";")[0]
    body = request.body.replace(samples_users.CSRF_TOKEN, token)
    return replace(request, body=body, headers=[*request.headers, ("Cookie", cookie)])


def put(client, case):
    request = with_form(client, case.request)
    headers = [("Authorization", basic(*credentials(case.who))), *request.headers]
    if request.content_type:
        headers.append(("Content-Type", request.content_type))
    body = None if request.body is None else request.body.encode()
    return client.send(case.method, case.target, headers, body)


def put_all(url, cases, tape=None):
    """Every answer, and what the tape took down meanwhile."""
    client = Client(url)
    answers = []
    for case in cases:
        answer = put(client, case)
        answers.append((answer, tape.cut() if tape else []))
    return answers


def record(version, world_name):
    """Writes the recording; counts the statuses that differ and are not listed, by (route, MLflow's, the Worker's)."""
    world = WORLDS[world_name]
    suffix = "" if world_name == "classic" else f"-{world_name}"
    path = FIXTURES / f"differential-{version}{suffix}.json"
    with tempfile.TemporaryDirectory() as folder:
        recording, unlisted = recorded(version, suffix, world, Path(folder))
    recording.write(path)
    total = len(recording.cases)
    print(f"{path.name}: {total} cases; the Worker answered {unlisted.total()} with a status that is not listed")
    return unlisted


def recorded(version, suffix, world, folder):
    everybody = People(world)
    recording = Recording(version, everybody, folder)
    settings = servers.Settings(ADMIN, password(ADMIN), world.default_permission)
    with contextlib.ExitStack() as running:
        origin_folder, theirs_folder = folder / "origin", folder / "theirs"
        origin_folder.mkdir()
        origin = running.enter_context(servers.mlflow(version, origin_folder))
        print(f"MLflow {version} without authentication: {origin}; making what is asked for", flush=True)
        cases = list(cases_of(version, Makers(origin, everybody), world))
        servers.copy(origin_folder, theirs_folder)
        theirs_url = running.enter_context(servers.mlflow(version, theirs_folder, settings, basic_auth=True))
        with contextlib.closing(sqlite3.connect(theirs_folder / "basic_auth.db")) as database:
            everybody.into_mlflow(version, database)
        tape = running.enter_context(Tape(origin))
        ours_url = running.enter_context(worker(folder / "worker", tape.url, everybody))
        print(f"with basic-auth: {theirs_url}; the Worker: {ours_url}; {len(cases)} cases", flush=True)
        with ThreadPoolExecutor(1) as beside:
            theirs = beside.submit(put_all, theirs_url, cases)
            tape.cut()  # what starting the Worker asked for
            ours = put_all(ours_url, cases, tape)
        listed, unlisted = differences.load(), Counter()
        for case, (their_answer, _), (our_answer, asked) in zip(cases, theirs.result(), ours):
            is_compared = case.is_ours and len(their_answer.text) <= COMPARED_CHARACTERS
            recording.add(case, their_answer.status, their_answer.text if is_compared else None, asked)
            statuses = their_answer.status, our_answer.status
            named = (entry for entry in listed if entry.names_case(version + suffix, case.route, case.who))
            is_listed = any(entry.means(*statuses, our_answer.text) for entry in named)
            if their_answer.status != our_answer.status and not is_listed:
                unlisted[case.route, *statuses] += 1
    return recording, unlisted


def worker(folder, origin, everybody):
    return servers.worker(
        folder,
        origin,
        everybody.as_sql(),
        PASSWORD_HASH=f"pbkdf2:sha256:{ITERATIONS}",
        SIGN_IN_TRIES="1000000",  # every route is tried with a wrong password
        DEFAULT_PERMISSION=everybody.world.default_permission,
    )
