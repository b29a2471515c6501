"""The recorded conversations with MLflow's basic-auth server: put to a server again, and compared.

The exchanges of a part build on one another, so the server must be fresh, and they are sent in order. What
the recording did between two exchanges without noting it (users, grants, runs) is in `set_up` below.

Values that differ from server to server (run ids, user ids, CSRF tokens, the session cookie) are learnt from the
answers: where the recording has one, ours is remembered and put into the requests that follow. Times and
invented run names are only required to be there.
"""

import json
import tempfile

import servers
from compare import HEADERS_THAT_MATTER, disagreements
from servers import REPOSITORY, Settings
from wire import Client, basic

VERSION = "3.3.2"
FIXTURE = REPOSITORY / f"tests/fixtures/recorded-{VERSION}.json"
HEADERS_KEPT = [*HEADERS_THAT_MATTER, "Set-Cookie", "Cache-Control", "Location"]


# --- What each part of the recording ran against -------------------------------------------------------------


USUAL = Settings("admin", "password1234")
# Each part is one fresh server, named by the letters of the exchanges that were made on it. Part B comes last because
# the walks through pages that follow the exchanges belong to it.
PARTS = {
    "A": USUAL,
    "C": Settings("root", "rootrootroot1", "NO_PERMISSIONS", "/mlf"),
    "DEF": USUAL,
    "B": USUAL,
}

PASSWORDS = {
    "admin": "password1234",
    "root": "rootrootroot1",
    "adm2": "admin2password",
    "alice": "alicepassword1",
    "bob": "bobspassword12",
    "carol": "carolpassword1",
    "dave": "davespassword1",
    "evd": "evesafepassword",
    "vid": "vicsafepassword",
    "evf": "evesafepassword",
}

RUN = "ca3989c7ff8b4ffb8f8876288ff89043"  # part B: alice's run in experiment 1
VICTIMS_LOGGED_MODEL = "m-9eb9e3a2f785408e8c94abd04f0816e3"  # part E
EVES_LOGGED_MODEL = "m-82c409bc19a043f386290af4bd3ba33b"
VICTIMS_RUN = "658b2a4056e948849fe297a59b140e86"  # part F

SET_UP = {}


def set_up(before):
    """Marks the steps that the recording took, unrecorded, before this exchange."""

    def register(steps):
        SET_UP[before] = steps
        return steps

    return register


@set_up(before="A115")
def no_grant_for_x3(server):
    # A108 makes one where the level USE exists.
    body = {"experiment_id": "1", "username": "x3"}
    server.do("admin", "DELETE", "/api/2.0/mlflow/experiments/permissions/delete", body, may_fail=True)


@set_up(before="A165")
def alice_is_there_again(server):
    # A163 deletes her for good where grants are deleted with their user.
    server.create_user("admin", "alice", "newalicepass1", may_fail=True)


@set_up(before="A166")
def a_second_admin(server):
    server.create_user("admin", "adm2")
    server.do("admin", "PATCH", "/api/2.0/mlflow/users/update-admin", {"username": "adm2", "is_admin": True})


@set_up(before="B1")
def the_actors(server):
    for user in ("alice", "bob", "carol", "dave"):
        server.create_user("admin", user)


@set_up(before="B4")
def grants_on_what_alice_made(server):
    for user, level in (("carol", "NO_PERMISSIONS"), ("dave", "EDIT")):
        server.grant_experiment("admin", "1", user, level)
        server.grant_model("admin", "m1", user, level)


@set_up(before="B5")
def an_experiment_of_nobody(server):
    server.create_experiment("admin", "between")


@set_up(before="B7")
def a_run_of_alice(server):
    server.create_run("alice", "1", RUN, run_name="r1")
    server.do(
        "alice",
        "POST",
        "/api/2.0/mlflow/runs/log-metric",
        {"run_id": RUN, "key": "m", "value": 1.5, "timestamp": 1},
    )


@set_up(before="B8")
def a_version_of_m1(server):
    server.do(
        "alice",
        "POST",
        "/api/2.0/mlflow/model-versions/create",
        {"name": "m1", "source": f"mlflow-artifacts:/1/{RUN}/artifacts", "run_id": RUN},
    )


@set_up(before="B22")
def experiment_1_is_back(server):
    server.do("alice", "POST", "/api/2.0/mlflow/experiments/restore", {"experiment_id": "1"})
    server.do(
        "alice", "POST", "/api/2.0/mlflow/experiments/update", {"experiment_id": "1", "new_name": "alice-exp"}
    )


@set_up(before="B103")
def m1_has_its_name_back_and_m2_is_shared(server):
    server.do("alice", "POST", "/api/2.0/mlflow/registered-models/rename", {"name": "m1r", "new_name": "m1"})
    server.create_model("alice", "m2")
    server.grant_model("alice", "m2", "bob", "MANAGE")


@set_up(before="B108")
def m3_of_alice(server):
    server.create_model("alice", "m3")


@set_up(before="B112")
def ten_experiments_every_second_hidden_from_carol(server):
    # B107 deletes m2 where the stale grant still counts; from here on nothing depends on that.
    server.do("admin", "DELETE", "/api/2.0/mlflow/registered-models/delete", {"name": "m2"}, may_fail=True)
    for number in range(7):
        server.create_experiment("admin", f"s{number}")
    for experiment in ("0", "2", "4", "6", "8", "10"):
        server.grant_experiment("admin", experiment, "carol", "NO_PERMISSIONS")


@set_up(before="B119")
def an_experiment_of_carol(server):
    server.create_experiment("carol", "carol-exp")


@set_up(before="C2")
def two_users(server):
    server.create_user("root", "alice")
    server.create_user("root", "bob")


@set_up(before="C10")
def a_model_of_bob(server):
    server.create_model("bob", "mm")


@set_up(before="D1")
def attacker_and_victim_with_a_model_each(server):
    server.create_user("admin", "evd")
    server.create_user("admin", "vid")
    server.create_model("evd", "eve-m")
    server.create_model("vid", "vic-m")


@set_up(before="E1")
def a_logged_model_each(server):
    server.create_experiment("vid", "victims")
    server.grant_experiment("vid", "1", "evd", "NO_PERMISSIONS")
    server.create_experiment("evd", "eves")
    server.create_logged_model("vid", "1", VICTIMS_LOGGED_MODEL)
    server.create_logged_model("evd", "2", EVES_LOGGED_MODEL)


@set_up(before="F1")
def a_file_of_the_victim_and_a_model_of_the_attacker(server):
    server.create_user("admin", "evf")
    server.grant_experiment("vid", "1", "evf", "NO_PERMISSIONS")
    server.create_run("vid", "1", VICTIMS_RUN, run_name="victims")
    path = f"/api/2.0/mlflow-artifacts/artifacts/1/{VICTIMS_RUN}/artifacts/s.txt"
    server.do("vid", "PUT", path, "vic-secret")
    server.create_model("evf", "eve-mf")


# --- Sending -------------------------------------------------------------------------------------------------


class Server:
    """The server under test, and the names that it gave to what the recording knows under other names."""

    def __init__(self, base_url):
        self.url = base_url
        self.names = {}

    def send(self, method, target, headers=(), body=None):
        """One request on a connection of its own."""
        return Client(self.url).send(method, target, headers, None if body is None else body.encode())

    def replay(self, exchange):
        if exchange["id"] in SET_UP:
            SET_UP[exchange["id"]](self)
        request = exchange["request"]
        headers = [(name, self.in_its_names(value)) for name, value in request["headers"]]
        auth = request["auth"]
        if "authorization" in auth:
            headers.append(("Authorization", auth["authorization"]))
        elif "user" in auth:
            headers.append(("Authorization", basic(auth["user"], auth["password"])))
        body = request["body"]
        return self.send(
            request["method"],
            self.in_its_names(request["target"]),
            headers,
            None if body is None else self.in_its_names(body),
        )

    def in_its_names(self, text):
        for recorded, live in self.names.items():
            if isinstance(recorded, str):
                text = text.replace(recorded, live)
        return text

    def learn(self, recorded, live):
        """Remembers a name; False if the recorded thing has another name already, or the name another owner."""
        if recorded in self.names:
            return self.names[recorded] == live
        if live in self.names.values():
            return False
        self.names[recorded] = live
        return True

    def written(self, answer):
        """The answer as the recording keeps it, under the names that it knows."""

        def in_recorded_names(text):
            for recorded, live in self.names.items():
                if isinstance(recorded, str):
                    text = text.replace(live, recorded)
            return text

        headers = [[name, in_recorded_names(value)] for name, value in answer.headers if name in HEADERS_KEPT]
        body = in_recorded_names(answer.text.rstrip("\n"))
        return {"status": answer.status, "headers": headers, "body": body, "cut": False}

    # Steps of a set-up. They must work, or what follows means nothing.

    def do(self, user, method, path, body, may_fail=False):
        text = body if isinstance(body, str) else json.dumps(body)
        kind = "text/plain" if isinstance(body, str) else "application/json"
        headers = [("Authorization", basic(user, PASSWORDS[user])), ("Content-Type", kind)]
        answer = self.send(method, self.in_its_names(path), headers, self.in_its_names(text))
        if answer.status != 200 and not may_fail:
            raise RuntimeError(f"set-up failed: {user} {method} {path} {text}: {answer}")
        return json.loads(answer.text) if answer.status == 200 else None

    def create_user(self, admin, user, password=None, may_fail=False):
        body = {"username": user, "password": password or PASSWORDS[user]}
        self.do(admin, "POST", "/api/2.0/mlflow/users/create", body, may_fail)

    def create_experiment(self, user, name):
        self.do(user, "POST", "/api/2.0/mlflow/experiments/create", {"name": name})

    def create_model(self, user, name):
        self.do(user, "POST", "/api/2.0/mlflow/registered-models/create", {"name": name})

    def create_run(self, user, experiment, recorded_id, run_name):
        # Older than the run of B24, so that a search has one order only.
        body = {"experiment_id": experiment, "run_name": run_name, "start_time": 0}
        run = self.do(user, "POST", "/api/2.0/mlflow/runs/create", body)
        self.learn(recorded_id, run["run"]["info"]["run_id"])

    def create_logged_model(self, user, experiment, recorded_id):
        body = {"experiment_id": experiment, "name": "lm1"}
        model = self.do(user, "POST", "/api/2.0/mlflow/logged-models", body)
        self.learn(recorded_id, model["model"]["info"]["model_id"])

    def grant_experiment(self, manager, experiment, user, level):
        body = {"experiment_id": experiment, "username": user, "permission": level}
        self.do(manager, "POST", "/api/2.0/mlflow/experiments/permissions/create", body)

    def grant_model(self, manager, name, user, level):
        body = {"name": name, "username": user, "permission": level}
        self.do(manager, "POST", "/api/2.0/mlflow/registered-models/permissions/create", body)


# --- The recording -------------------------------------------------------------------------------------------


def load():
    return json.loads(FIXTURE.read_text())


def exchanges_of(part):
    return [exchange for exchange in load() if exchange["id"][0] in part]


def report(part, base_url):
    """Replays a part and prints what is answered differently; returns {id: the new answer} of those exchanges."""
    server, exchanges, changed = Server(base_url), exchanges_of(part), {}
    for exchange in exchanges:
        answer = server.replay(exchange)
        if lines := disagreements(server, exchange, answer):
            changed[exchange["id"]] = server.written(answer)
            print(f"{exchange['id']} {exchange['title']}", *lines, sep="\n    ")
    print(f"part {part}: {len(exchanges)} exchanges, {len(changed)} answered differently", flush=True)
    return changed


def record():
    """Puts the conversations to MLflow's own server again, and writes down each answer that is another one now.

    An answer that is the same up to what every server invents stays as it is, so that a recording made again is the
    same file. It takes about two minutes.
    """
    changed = {}
    for part, settings in PARTS.items():
        with tempfile.TemporaryDirectory() as folder:
            with servers.mlflow(VERSION, folder, settings, basic_auth=True) as url:
                changed |= report(part, url)
    exchanges = load()
    for exchange in exchanges:
        exchange["response"] = changed.get(exchange["id"], exchange["response"])
    FIXTURE.write_text(json.dumps(exchanges, indent=1, ensure_ascii=False) + "\n")
    return len(changed)
