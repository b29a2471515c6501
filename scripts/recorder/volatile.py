"""Names for what differs on every server: ids that MLflow invents, times, hashes of passwords, folders.

A recording is written with settled names (`Names.settle`), so that it is the same whenever it is made again. An answer
is compared with a recorded one up to them (`same_text`).
"""

import re

NAME = r"(?<![0-9a-f])(?:[0-9a-f]{32}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})(?![0-9a-f])"
# The digits on either side keep longer numbers out.
TIME = r"\b1[789]\d{11}\b"
# In the words of an error.
HASH = r"scrypt:[\d:]+\$\w+\$[0-9a-f]+"
SETTLED_TIME = "1700000000000"


class Names:
    """Gives each invented id a name by the order in which it is first seen, and leaves this machine's folder out."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.known = {}

    def settle(self, text):
        text = text.replace(self.folder, "<folder>")
        return re.sub(HASH, "<hash>", re.sub(TIME, SETTLED_TIME, re.sub(NAME, self.name, text)))

    def name(self, match):
        text = match[0]
        if text not in self.known:
            digits = f"{len(self.known) + 1:032x}"
            if "-" in text:
                digits = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
            self.known[text] = digits
        return self.known[text]


# How a recording writes it, and what a live answer has to look like there. The hash comes first because parts of it
# look like a name.
VOLATILE = {
    "hash": (r"scrypt:[\d:]+\$\w+\$[0-9a-f]{128}", r"(?:scrypt|pbkdf2):[\w:]+\$\w+\$[0-9a-f]+"),
    "name": (r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}", r"[0-9a-f-]{32,36}"),
    "time": (r"\b\d{13}\b", r"\d{13}"),
    "run_name": (r"\b[a-z]+-[a-z]+-\d{1,3}\b", r"[a-z]+-[a-z]+-\d{1,3}"),
    "address": (r"127\.0\.0\.1:\d+", r"127\.0\.0\.1:\d+"),
    "folder": (r"<artifact root>", r"\S+?"),
}
ANY_VOLATILE = re.compile("|".join(f"(?P<{kind}>{recorded})" for kind, (recorded, _) in VOLATILE.items()))


def same_text(learn, recorded, live, cut=False):
    """Returns true if the live text is the recorded one, up to what is volatile; a cut recording is a beginning.

    `learn` is told each recorded id with the live one, and says if it knows no other.
    """
    if cut:
        recorded = re.sub(r"\w+$", "", recorded)  # the last word may be half of a volatile one
    pattern, found, end = "", [], 0
    for match in ANY_VOLATILE.finditer(recorded):
        pattern += re.escape(recorded[end : match.start()]) + f"({VOLATILE[match.lastgroup][1]})"
        found.append((match.lastgroup, match[0]))
        end = match.end()
    pattern += re.escape(recorded[end:]) + ("" if cut else r"\Z")
    live_match = re.match(pattern, live)
    if not live_match:
        return False
    return all(kind != "name" or learn(token, ours) for (kind, token), ours in zip(found, live_match.groups()))
