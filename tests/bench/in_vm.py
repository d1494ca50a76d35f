# SPDX-License-Identifier: GPL-2.0-only
"""
What the benchmarks have in common that measure in a virtual machine: the run there, whose scenario leaves a line of JSON for
each figure in NAME.jsonl and what the guest says of itself in host.json; and the end, with JSON in build/bench/NAME.json.
"""
import json
import os
import subprocess
import sys

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))


def output(name):
    """The guest reads and writes this directory."""
    path = f"{BUILD}/bench/{name}-vm"
    os.makedirs(path, exist_ok=True)
    return path


def measure(name, options, scenario, **environment):
    """The lines, and what the guest says of itself."""
    given = [word for key, value in environment.items() for word in ("--env", f"ESPALIER_{key}={value}")]
    for command in (["vm/build", f"bench-{name}-tools"],
                    ["vm/run", *options, "--output", output(name), *given, "--", *scenario]):
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
            sys.exit(f"bench-{name}: {' '.join(command)} failed")
    with open(f"{output(name)}/{name}.jsonl", encoding="ascii") as f:
        lines = [json.loads(line) for line in f]
    with open(f"{output(name)}/host.json", encoding="ascii") as f:
        return lines, json.load(f)


def main(name, measured_rows, report, ratio):
    """The exit status: 0, if in every row `ratio` has reached its goal."""
    if os.geteuid():
        sys.exit(f"bench-{name}: needs root (to build and boot the virtual machine)")
    rows = measured_rows()
    report(rows)
    with open(f"{BUILD}/bench/{name}.json", "w", encoding="ascii") as f:
        json.dump(rows, f, indent=1)
        f.write("\n")
    print(f"\nwritten: {os.path.relpath(BUILD)}/bench/{name}.json")
    return 0 if all(row[ratio] >= row["goal"] for row in rows) else 1
