"""The gate's readers beside MLflow's own: one reader, one module of this folder.

A module has

    SEEDS              inputs that were interesting once; they are kept as fixtures, which `make test` replays
    generate(random)   a made-up input, an object that JSON can hold
    judge(input, verdict)
                       runs beside MLflow: says what is wrong with the gate's verdict, or None. Whatever the gate lets
                       through, MLflow has to read as the gate did; what the gate refuses is fine.

    python scripts/readers generate NAME COUNT SEED     inputs, one a line: the seeds, then the made-up ones
    python scripts/readers judge NAME FILE              reads {"input", "verdict"} lines; fails if one is wrong
    python scripts/readers keep NAME FILE               prints the lines of the seeds, which are the fixture
"""

import collections
import importlib
import json
import random
import sys


def generate(reader, count, seed):
    for value in reader.SEEDS:
        print(json.dumps(value))
    source = random.Random(seed)
    for _ in range(count):
        print(json.dumps(reader.generate(source)))


def judge(reader, path):
    outcomes, wrong = collections.Counter(), 0
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            problem = reader.judge(case["input"], case["verdict"])
            outcomes["refused" if case["verdict"].get("refused") else "let through"] += 1
            if problem is not None:
                wrong += 1
                if wrong <= 20:
                    print(f"WRONG {problem}\n  {line.strip()[:2000]}")
    print(", ".join(f"{count} {name}" for name, count in sorted(outcomes.items())), f"{wrong} wrong", sep=", ")
    return wrong == 0


def keep(reader, path):
    with open(path, encoding="utf-8") as lines:
        for line, _ in zip(lines, reader.SEEDS):
            print(line.strip())


def main():
    action, name, *arguments = sys.argv[1:]
    reader = importlib.import_module(name)
    if action == "generate":
        generate(reader, int(arguments[0]), arguments[1])
    elif action == "keep":
        keep(reader, *arguments)
    elif action == "judge":
        sys.exit(0 if judge(reader, *arguments) else 1)
    else:
        sys.exit(__doc__)


main()
