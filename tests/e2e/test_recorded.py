"""MLflow 3.3.2's recorded exchanges, replayed against the gate: one test for each, named after it.

Each part of the recording is one long conversation with one server, so the exchanges of a part are sent in
order to one fresh gate with a fresh origin; a test that is run alone sends those before it, too. What we answer
differently on purpose is in tests/differences.toml.
"""

import contextlib
import json
import os
import sys
from urllib.parse import urlencode

import gate as gates
import pytest

sys.path.insert(0, str(gates.ROOT / "scripts/recorder"))

import conversations  # noqa: E402  (found through the line above)
import differences  # noqa: E402
import servers  # noqa: E402
from compare import disagreements  # noqa: E402
from wire import basic  # noqa: E402

pytestmark = pytest.mark.once

LISTED = differences.load()


class Conversation:
    """The exchanges of one part, sent in order and each once."""

    def __init__(self, part, base_url):
        self.server = conversations.Server(base_url)
        self.waiting = conversations.exchanges_of(part)
        self.done = {}

    def up_to(self, wanted):
        """(exchange, answer, differences from the recording); what comes before the exchange is sent first."""
        while wanted not in self.done:
            exchange = self.waiting.pop(0)
            answer = self.server.replay(exchange)
            self.done[exchange["id"]] = exchange, answer, disagreements(self.server, exchange, answer)
        return self.done[wanted]


@pytest.fixture(autouse=True)
def tracking():
    """In place of the suite's own: no MLflow client is used here, so the gate that it talks to is not needed."""


@contextlib.contextmanager
def fresh_gate(settings, folder):
    with servers.mlflow(conversations.VERSION, folder, settings) as origin:
        gate = gates.start(
            folder / "state",
            servers.free_port(),
            ORIGIN_URL=origin,
            ADMIN_USERNAME=settings.admin,
            ADMIN_PASSWORD=settings.admin_password,
            DEFAULT_PERMISSION=settings.default_permission,
            STATIC_PREFIX=settings.static_prefix,
            PASSWORD_HASH="pbkdf2:sha256:1000",  # hundreds of log-ins; its strength is not what is tested
        )
        try:
            yield gate.url
        finally:
            gate.stop()


@pytest.fixture(scope="module")
def conversation(tmp_path_factory):
    """The conversation of a part. Only one gate runs at a time: asking for another part ends the one before."""
    if os.environ.get("GATE_URL"):
        pytest.skip("GATE_URL: the recording needs a fresh gate for each part")
    with contextlib.ExitStack() as running:
        current = {}

        def of(part):
            if part not in current:
                running.close()
                current.clear()
                current[part] = None  # stays, if the gate does not start: then every test of the part fails at once
                folder = tmp_path_factory.mktemp(f"recorded-{part}")
                url = running.enter_context(fresh_gate(conversations.PARTS[part], folder))
                current[part] = Conversation(part, url)
            assert current[part], f"the gate for part {part} did not start"
            return current[part]

        yield of


EVERY_EXCHANGE = [
    pytest.param(part, exchange["id"], id=exchange["id"])
    for part in conversations.PARTS
    for exchange in conversations.exchanges_of(part)
]


@pytest.mark.parametrize("part, wanted", EVERY_EXCHANGE)
def test_exchange(conversation, part, wanted):
    exchange, answer, found = conversation(part).up_to(wanted)
    listed = [entry for entry in LISTED if entry.names_exchange(conversations.VERSION, wanted)]
    if not listed:
        assert not found, "\n".join([f"{wanted} is answered {answer}", *found])
        return
    (entry,) = listed
    assert entry.means(exchange["response"]["status"], answer.status, answer.text), f"{wanted} is answered {answer}"
    assert found, f"{wanted} is answered as recorded: strike it off the list"


# These walks through the pages of experiments/search are no exchanges of the recording. How the rows are cut into
# pages is not MLflow's promise; that no row is lost, repeated or shown to the wrong user is.
CAROLS = ["9", "7", "5", "3"]
EVERYBODYS = ["10", "9", "8", "7", "6", "5", "4", "3", "2", "1", "0"]
MADE_LATER = "11"  # by carol, before B119


@pytest.mark.parametrize(
    "user, page_size, rows",
    [
        ("carol", 2, CAROLS),
        ("carol", 3, CAROLS),
        ("carol", 100, CAROLS),
        ("admin", 3, EVERYBODYS),
        ("bob", 3, EVERYBODYS),
    ],
)
def test_walk_through_the_pages(conversation, user, page_size, rows):
    talk = conversation("B")
    talk.up_to("B118")
    headers = [("Authorization", basic(user, conversations.PASSWORDS[user]))]
    seen, token = [], ""
    for _ in range(len(EVERYBODYS) + 2):  # every page has a row, but for the last
        query = urlencode({"max_results": page_size} | ({"page_token": token} if token else {}))
        answer = talk.server.send("GET", f"/api/2.0/mlflow/experiments/search?{query}", headers)
        assert answer.status == 200, str(answer)
        page = json.loads(answer.text)
        seen += [experiment["experiment_id"] for experiment in page.get("experiments", [])]
        token = page.get("next_page_token", "")
        if not token:
            break
    assert not token, "the pages do not end"
    assert [row for row in seen if row != MADE_LATER] == rows
