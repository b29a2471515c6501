"""Records what real MLflow servers with basic-auth answer, for the tests.

    VENV/bin/python scripts/recorder matrix 3.17.2                  every route for every caller (matrix.py)
    VENV/bin/python scripts/recorder matrix 3.17.2 --world roles    the same for other holders (people.py)
    VENV/bin/python scripts/recorder conversations                  the conversations again (conversations.py)
    VENV/bin/python scripts/recorder replay --part B --against URL  one against any server; prints what differs

VENV is the environment of a MLflow that `make` installed; the Worker has to be built for `matrix`. `servers.py` starts
what is recorded, `wire.py` sends, `volatile.py` names what every server invents, `recording.py` writes, and
`differences.py` reads the list of what is answered differently on purpose, tests/differences.toml.
"""

import argparse
import sys

import conversations
import matrix
from people import WORLDS


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    routes = commands.add_parser("matrix")
    routes.add_argument("version")
    routes.add_argument("--world", choices=WORLDS, default="classic")
    routes.add_argument("-v", dest="verbose", action="store_true", help="print each route with an unlisted status")
    commands.add_parser("conversations")
    replay = commands.add_parser("replay")
    replay.add_argument("--part", required=True, choices=conversations.PARTS)
    replay.add_argument("--against", required=True, metavar="URL")
    arguments = parser.parse_args()
    if arguments.command == "matrix":
        unlisted = matrix.record(arguments.version, arguments.world)
        if arguments.verbose:
            for (route, theirs, ours), count in sorted(unlisted.items()):
                print(f"{theirs} {ours} {count} {route}")
    elif arguments.command == "conversations":
        sys.exit(bool(conversations.record()))
    else:
        sys.exit(bool(conversations.report(arguments.part, arguments.against)))


if __name__ == "__main__":
    main()
