# SPDX-License-Identifier: GPL-2.0-only
"""What the benchmarks wrote, for those that draw it."""
import json
import os


def of(directory, name):
    """The rows of NAME.json there; none, said so, if it was not measured."""
    path = f"{directory}/{name}.json"
    if not os.path.exists(path):
        print(f"no {path}: make bench-{name} measures it")
        return []
    with open(path, encoding="ascii") as f:
        return json.load(f)
