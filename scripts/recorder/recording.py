"""The file that a recording is kept in: one case a line, and the same whenever it is made again."""

import json

from sample import JSON
from volatile import Names

# The Worker has to read no longer answers: what follows in a search is asked for in steps of a thousand rows.
KEPT_CHARACTERS = 400_000
# Of a longer body of MLflow's, such as the list of all grants, the status alone is compared.
COMPARED_CHARACTERS = 20_000


class Recording:
    """The cases; texts and answers that are equal are kept once and named by their number."""

    def __init__(self, version, people, folder):
        self.version = version
        self.people = people
        self.names = Names(folder)
        self.texts = {}
        self.answers = {}
        self.cases = []

    def add(self, case, status, body, tape):
        """Adds a case. `body` is None where it is not compared; `tape` is what the Worker asked MLflow meanwhile."""
        settle = self.names.settle
        line = {"route": case.route, "who": case.who, "target": settle(case.target)}
        if case.request.body is not None:
            line["body"] = settle(case.request.body)
            if case.request.content_type != JSON:
                line["type"] = case.request.content_type
        if case.request.headers:
            line["headers"] = [[name, settle(value)] for name, value in case.request.headers]
        line["theirs"] = [status]
        if body is not None:
            line["theirs"].append(number(self.texts, settle(body)))
        if tape:
            line["tape"] = [self.exchange(case.method, line, exchange) for exchange in tape]
        self.cases.append(line)

    def exchange(self, method, line, exchange):
        """The number of the answer alone, if what was asked is the case itself."""
        settle = self.names.settle
        asked = [exchange.method, settle(exchange.target), settle(exchange.body.decode("utf-8", "replace"))]
        answer = number(self.answers, (exchange.answer.status, settle(readable(exchange.answer))))
        return [answer] if asked == [method, line["target"], line.get("body", "")] else [answer, *asked]

    def write(self, path):
        def lines(rows):
            return ",\n".join("  " + json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)

        users = [[name, hashed, is_admin] for _, name, hashed, is_admin in self.people.hashes()]
        settle = self.names.settle
        rows = [(user, kind, settle(pattern), level) for user, kind, pattern, level in self.people.worker_rows()]
        parts = {
            "users": users,
            "grants": sorted(rows, key=lambda row: (row[1], row[0])),
            "texts": list(self.texts),
            "answers": [list(key) for key in self.answers],
            "cases": self.cases,
        }
        text = ",\n".join(f' "{name}": [\n{lines(rows)}\n ]' for name, rows in parts.items())
        heading = f' "mlflow": "{self.version}",\n'
        if self.people.world.default_permission != "READ":
            heading += f' "default_permission": "{self.people.world.default_permission}",\n'
        path.write_text(f"{{\n{heading}{text}\n}}\n", encoding="utf-8")


def number(table, key):
    """The place of the key in the table; a new one comes last."""
    return table.setdefault(key, len(table))


def readable(answer):
    """The text that the Worker may have to read. Pages are for browsers, and an error's words for the client."""
    text = answer.text
    if answer.status >= 400:
        return ""
    try:
        json.loads(text)
    except ValueError:
        return ""
    return text if len(text) <= KEPT_CHARACTERS else ""
