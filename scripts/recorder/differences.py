"""Reads the list of what the gate answers differently from MLflow on purpose, tests/differences.toml.

The end-to-end replay of the conversations and the recording of the matrix ask it; tests/native/differences.rs reads the
same fields for the native replay of the matrix. The list says itself what they mean.
"""

from dataclasses import dataclass
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

LIST = Path(__file__).parents[2] / "tests/differences.toml"


def without_space(text):
    return "".join(text.split())


@dataclass(frozen=True)
class Difference:
    """One entry."""

    reason: str
    mlflow: list
    theirs: list
    ours: list
    routes: list = ()
    who: list = ()
    exchanges: list = ()
    body: str | None = None
    contains: str | None = None
    lacks: str | None = None

    def names_exchange(self, version, exchange):
        return version in self.mlflow and exchange in self.exchanges

    def names_case(self, version, route, who):
        is_meant = who in self.who or ("*" in self.who and who != "admin")
        return version in self.mlflow and is_meant and any(is_route(pattern, route) for pattern in self.routes)

    def means(self, theirs, ours, text):
        """Returns true if an answer of ours beside that status of theirs is the one that is meant."""
        text = without_space(text)
        return (
            theirs in self.theirs
            and ours in self.ours
            and (self.body is None or without_space(self.body) == text)
            and (self.contains is None or without_space(self.contains) in text)
            and (self.lacks is None or without_space(self.lacks) not in text)
        )


def is_route(pattern, route):
    """`{api}` is /api or /ajax-api; a `*` at the end is anything."""
    for api in ("/api", "/ajax-api"):
        meant = pattern.replace("{api}", api)
        if route.startswith(meant[:-1]) if meant.endswith("*") else route == meant:
            return True
    return False


def load():
    return [Difference(**entry) for entry in tomllib.loads(LIST.read_text())["difference"]]
