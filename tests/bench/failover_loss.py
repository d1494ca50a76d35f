#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
The loss part of bench-failover: what a deleted CHILD_SA costs with real IPsec in a VM, beside the kernel's own multipath
routes under an updown script and under FRR with BFD (vm/scenarios/bench-loss.sh says how). All three in one boot.

By itself (`tests/bench/failover_loss.py`) it prints its table and puts the result into build/bench/failover.json, whose
other parts stay as they are.

Environment: BUILD, ROUNDS (CHILD_SAs deleted under each method).
"""
import json
import os
import subprocess
import sys

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
ROUNDS = os.environ.get("ROUNDS", "3")
SCENARIO = "vm/scenarios/bench-loss.sh"
METHODS = {"espalier", "updown", "frr-bfd"}


def measure():
    """[{method, rate, rounds, sent, lost, lost_at_peer, gap_ms, lost_all, gap_ms_all, overload_all}], medians of the rounds."""
    output = f"{BUILD}/bench/failover-vm"
    # BFD gives a peer up after 900 ms. On a busy host an emulated processor waits longer than that, so it goes before others.
    for command in (["vm/build"], ["nice", "-n", "-15", "vm/run", "--timeout", "2400", "--output", output, "--env", f"ESPALIER_ROUNDS={ROUNDS}",
                                   "--", SCENARIO]):
        if subprocess.run(command, stdout=sys.stderr).returncode:
            sys.exit(f"bench-failover: {' '.join(command)} failed")
    with open(f"{output}/loss.json") as f:
        rows = json.load(f)
    if {r["method"] for r in rows} != METHODS:
        sys.exit(f"bench-failover: {output}/loss.json lacks methods")
    return rows


def report(rows):
    if not rows:
        return
    print(f"\nA CHILD_SA deleted under {rows[0]['rate']} packets/s, real IPsec in a VM; medians of {rows[0]['rounds']} deletions")
    print(f"{'method':>10}{'sent':>10}{'lost':>10}{'at the peer':>13}{'silent, ms':>12}   lost, each time")
    for r in rows:
        print(f"{r['method']:>10}{r['sent']:>10}{r['lost']:>10}{r['lost_at_peer']:>13}{r['gap_ms']:>12.0f}   {' '.join(map(str, r['lost_all']))}")


def main():
    path = f"{BUILD}/bench/failover.json"
    rows = measure()
    report(rows)
    result = {}
    if os.path.exists(path):
        with open(path) as f:
            result = json.load(f)
    result["loss"] = rows
    os.makedirs(f"{BUILD}/bench", exist_ok=True)
    with open(path, "w") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
    print(f"written: {os.path.relpath(path)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
