"""What a sample request is made of."""

import json
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

JSON, FORM, TEXT = "application/json", "application/x-www-form-urlencoded", "text/plain"


@dataclass
class Request:
    path: dict = field(default_factory=dict)  # values of the named segments
    query: list = field(default_factory=list)
    body: str | None = None
    content_type: str | None = None
    headers: list = field(default_factory=list)

    def target(self, pattern):
        for name, value in self.path.items():
            pattern = pattern.replace("{*%s}" % name, quote(value)).replace("{%s}" % name, quote(value, safe=""))
        if "{" in pattern:
            raise ValueError(f"the sample has no value for a segment of {pattern}")
        return pattern + ("?" + urlencode(self.query) if self.query else "")


def pairs(fields):
    """A list is a repeated parameter."""
    return [(key, one) for key, value in fields.items() for one in (value if isinstance(value, list) else [value])]


def ask(_path=None, **fields):
    """A request whose parameters are in the query."""
    return Request(path=_path or {}, query=pairs(fields))


def send(_path=None, **fields):
    """A request whose parameters are a JSON body."""
    return Request(path=_path or {}, body=json.dumps(fields), content_type=JSON)


def upload(_path=None, _body="content", _type=TEXT, _headers=(), **fields):
    """A request with another body, and a query maybe."""
    return Request(path=_path or {}, query=pairs(fields), body=_body, content_type=_type, headers=list(_headers))
