"""The file that a recording is kept in: one case a line, and the same whenever it is made again."""

import json
import re

from sample import JSON

# What MLflow invents, and the clock. The digits on either side keep longer numbers, such as hashes, out.
RANDOM = re.compile(
    r"(?<![0-9a-f])(?:[0-9a-f]{32}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})(?![0-9a-f])"
)
TIME = re.compile(r"\b1[789]\d{11}\b")
# In the words of an error.
HASH = re.compile(r"scrypt:[\d:]+\$\w+\$[0-9a-f]+")
# Longer answers are none that the Worker has to read: what follows in a search is asked for in steps of a thousand rows.
KEPT_CHARACTERS = 400_000


class Names:
    """Gives what is random a name by the order in which it is first seen, and leaves this machine's out."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.known = {}

    def settle(self, text):
        text = text.replace(self.folder, "<folder>")
        return HASH.sub("<hash>", TIME.sub("1700000000000", RANDOM.sub(self.name, text)))

    def name(self, match):
        text = match[0]
        if text not in self.known:
            digits = f"{len(self.known) + 1:032x}"
            if "-" in text:
                digits = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
            self.known[text] = digits
        return self.known[text]


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
        """`body` is None where it is not compared; `tape` is what the Worker asked MLflow meanwhile."""
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
        parts = {
            "users": users,
            "grants": sorted(self.people.our_grants(), key=lambda grant: (grant[1], grant[0])),
            "texts": list(self.texts),
            "answers": [list(key) for key in self.answers],
            "cases": self.cases,
        }
        text = ",\n".join(f' "{name}": [\n{lines(rows)}\n ]' for name, rows in parts.items())
        path.write_text(f'{{\n "mlflow": "{self.version}",\n{text}\n}}\n', encoding="utf-8")


def number(table, key):
    """The place of the key in the table; a new one comes last."""
    return table.setdefault(key, len(table))


def readable(answer):
    """What the Worker may have to read of an answer. Pages are for browsers, and an error's words for the client."""
    text = answer.body.decode("utf-8", "replace")
    if answer.status >= 400:
        return ""
    try:
        json.loads(text)
    except ValueError:
        return ""
    return text if len(text) <= KEPT_CHARACTERS else ""
