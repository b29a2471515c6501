"""What is moved: users, their grants, and what is to be said about it."""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass, field

LEVELS = ("NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE")  # in rising order
RANK = {level: rank for rank, level in enumerate(LEVELS)}

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


@dataclass
class Accounts:
    """Users by name, levels by (user name, resource type, resource id), and a line for each thing worth telling."""

    users: dict = field(default_factory=dict)
    grants: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)


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
    """The gate reads an experiment's id in one spelling only: src/authz/mod.rs."""
    one_spelling = isinstance(value, str) and re.fullmatch(r"0|[1-9][0-9]*|[A-Za-z][A-Za-z0-9_-]*", value)
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
