"""What is moved: users, their roles with the grants in them, and what is to be said about it."""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass, field
from typing import NamedTuple

# A grant of DENY beats every other one on the same thing; of the others the highest stands.
LEVELS = ("DENY", "NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE")
RANK = {level: rank for rank, level in enumerate(LEVELS)}
# Of resources (src/authz/resource.rs).
TYPES = frozenset(
    "assessment experiment gateway_endpoint gateway_model_definition gateway_secret logged_model mcp_server "
    "mcp_server_version prompt prompt_version registered_model registered_model_version review_queue run scorer "
    "scorer_version trace workspace".split()
)
EVERY = "*"  # the pattern of all resources of a type
WORKSPACE = "default"  # the only one whose roles decide

# As src/password.rs has them: what costs more is refused there, so nobody could sign in with it.
MOST_ITERATIONS = 2_000_000
MOST_SCRYPT_BYTES = 64 * 1024 * 1024
MOST_SCRYPT_LANES = 4


class Failure(Exception):
    """What ends the command; the text is for whoever typed it."""


@dataclass
class User:
    id: int
    name: str
    password_hash: str
    is_admin: bool


class RoleKey(NamedTuple):
    """A role as a user knows it: by its name or, where it is a user's own, by whose it is."""

    workspace: str
    name: str | None
    owner: str | None

    @classmethod
    def own(cls, owner, workspace=WORKSPACE):
        return cls(workspace, None, owner)

    def __str__(self):
        who = repr(self.owner) if self.name is None else f"role {self.name!r}"
        return who if self.workspace == WORKSPACE else f"{who} in the workspace {self.workspace!r}"


@dataclass
class Accounts:
    """Users, roles, grants and assignments, with the ids that they have, and a line for each thing worth telling."""

    users: dict = field(default_factory=dict)  # by name
    roles: dict = field(default_factory=dict)  # (id, description) by RoleKey
    grants: dict = field(default_factory=dict)  # (id, level) by (RoleKey, type, pattern)
    assignments: dict = field(default_factory=dict)  # id by (user name, RoleKey)
    notes: list = field(default_factory=list)

    def holders(self, role):
        return [user for user, held in self.assignments if held == role]


def unusable_text(value):
    """Why the gate cannot hold this name or id; None if it can."""
    if not isinstance(value, str):
        return "is no text"
    if any(0xD800 <= ord(c) <= 0xDFFF for c in value):
        return "is not UTF-8"
    if "\0" in value:
        return "holds a NUL"
    return None


def unusable_experiment(value):
    """The gate reads an experiment's id in one spelling only: src/authz/resource.rs."""
    spelling = r"0|[1-9][0-9]*|(?=[0-9_]*[A-Za-z-])[A-Za-z0-9][A-Za-z0-9_-]*"
    one_spelling = isinstance(value, str) and re.fullmatch(spelling, value)
    return None if one_spelling else "is no experiment id in its one spelling"


def holds_control_character(name):
    """Such a name is refused at sign-in: src/authn/basic.rs."""
    return any(unicodedata.category(c) == "Cc" for c in name)


def hash_parameters(password_hash):
    """How hashlib computes a Werkzeug hash that the gate verifies; None for every other one."""
    parts = password_hash.split("$", 2)
    method = parts[0].split(":")
    if len(parts) != 3 or not all(re.fullmatch(r"[0-9]{1,10}", n) for n in method[2 if method[0] == "pbkdf2" else 1 :]):
        return None
    if method == ["scrypt"]:
        method = ["scrypt", "32768", "8", "1"]
    if method[0] == "pbkdf2" and len(method) == 3 and method[1] in ("sha256", "sha512"):
        iterations, length = int(method[2]), 2 * hashlib.new(method[1]).digest_size
        if not 1 <= iterations <= MOST_ITERATIONS:
            return None
        found = method[1], iterations
    elif method[0] == "scrypt" and len(method) == 4:
        (n, r, p), length = map(int, method[1:]), 128
        fits = n > 1 and n & (n - 1) == 0 and r > 0 and 128 * n * r <= MOST_SCRYPT_BYTES and 1 <= p <= MOST_SCRYPT_LANES
        if not fits:
            return None
        found = n, r, p
    else:
        return None
    return (found, *parts[1:]) if re.fullmatch(rf"[0-9a-f]{{{length}}}", parts[2]) else None


def verifies(password_hash, password):
    parameters = hash_parameters(password_hash)
    if parameters is None:
        return False
    cost, salt, expected = parameters
    password, salt = password.encode(), salt.encode()
    if len(cost) == 2:
        derived = hashlib.pbkdf2_hmac(cost[0], password, salt, cost[1])
    else:
        n, r, p = cost
        derived = hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=2 * MOST_SCRYPT_BYTES)
    return hmac.compare_digest(derived.hex(), expected)
