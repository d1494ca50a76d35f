#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
What a packet costs through real ESP, in guest instructions: kernel multipath routing beside Espalier, in one virtual machine
whose clock counts instructions (vm/scenarios/bench-esp.sh says what each method is). It is no speed: caches, branches and the
width of a processor do not exist there. JSON in build/bench/esp.json, a list with one entry for each cipher and direction.

Every run counts packets where they end, and a run that misses one ends the benchmark. A figure is the median of the rounds.
Goals that are missed are printed, and the exit status is 1.

Environment: BUILD, ROUTES=FILE, ROUNDS, PACKETS (of one run), CIPHERS ("null aes-gcm").
"""
import ipaddress
import os
import statistics
import sys

import in_vm
import table

ROUTES = 2000
ROUNDS = os.environ.get("ROUNDS", "5")
PACKETS = os.environ.get("PACKETS", "8000")
CIPHERS = os.environ.get("CIPHERS", "null aes-gcm")
GOALS = {"out": 1.5, "in": 1.3}
DIRECTIONS = {"out": "attachment → tunnel", "in": "tunnel → attachment"}
# Beside the required ones, and what they are called in the table.
COLUMNS = ("floor", "kernel", "steer", "native")
OWN = [ipaddress.ip_network(n) for n in ("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.0.2.0/24",
                                         "100.64.0.0/10", "224.0.0.0/3")]


def routes():
    """Disjoint from the ground's addresses and from each other's, so that every packet has one way."""
    chosen, end = [], -1
    networks = sorted(map(ipaddress.ip_network, table.prefixes("4", 2 * ROUTES)))
    for n in networks:
        if int(n.network_address) > end and not any(n.overlaps(o) for o in OWN):
            chosen.append(n)
            end = int(n.broadcast_address)
    return [chosen[i * len(chosen) // ROUTES] for i in range(ROUTES)] if len(chosen) > ROUTES else chosen


def ratio(row, method):
    return (row["kernel_insns"] - row["floor_insns"]) / (row[f"{method}_insns"] - row["floor_insns"])


def row_of(cipher, direction, methods, host):
    row = {"cipher": cipher, "direction": direction}
    row.update({f"{m.replace(' ', '_')}_insns": statistics.median_low(rounds) for m, rounds in methods.items()})
    row["net_ratio"] = round(ratio(row, "steer"), 3)
    row["goal"] = GOALS[direction]
    row["rounds"] = methods
    row["host"] = host
    return row


def measured_rows():
    with open(f"{in_vm.output('esp')}/prefixes", "w", encoding="ascii") as f:
        f.writelines(f"{r}\n" for r in routes())
    lines, host = in_vm.measure("esp", ["--icount", "--timeout", "5400"], ["vm/scenarios/bench-esp.sh"], ROUNDS=ROUNDS,
                                PACKETS=PACKETS, CIPHERS=CIPHERS)
    figures = {}
    for r in lines:
        if not r["method"].endswith(("-with-statistics", "program drop")):  # statistics cost, too; drop is the benchmark's own
            figures.setdefault((r["cipher"], r["direction"]), {}).setdefault(r["method"], []).append(r["insns"])
    return [row_of(cipher, direction, methods, host) for (cipher, direction), methods in figures.items()]


def spread(row):
    return max((max(v) - min(v)) / statistics.median(v) for v in row["rounds"].values())


def name_of(row):
    return f"{row['cipher']:<9}{DIRECTIONS[row['direction']]:<22}"


def report(rows):
    host = rows[0]["host"]
    print(f"\nThrough ESP: guest instructions a packet of {host['bytes']} bytes, median of {ROUNDS} runs of {PACKETS} packets")
    print(f"guest kernel {host['kernel']}, {host['cpu']}, libbpf {host['libbpf']}, {host['routes']} routes, two tunnels\n")
    print(f"{'cipher':<9}{'':<22}" + "".join(f"{m:>10}" for m in COLUMNS) + f"{'spread':>9}{'net ratio':>11}{'goal':>6}")
    for row in rows:
        print(name_of(row) + "".join(f"{row[f'{m}_insns']:>10}" if f"{m}_insns" in row else f"{'-':>10}" for m in COLUMNS)
              + f"{spread(row):>9.1%}{row['net_ratio']:>11.2f}{row['goal']:>6}{'' if row['net_ratio'] >= row['goal'] else '  missed'}")
    print("\nBy stage\n")
    for row in rows:
        for what, insns in stages(row):
            print(f"{name_of(row)}{insns:>10}  {what}")


# What a part costs: a sum of figures, or, with a minus in front, what remains without them.
STAGES = {
    "out": (("packet made, across a veth, dropped there by tc", "arrive"),
            ("packet made, into a tunnel without routing, ESP, underlay (floor)", "floor"),
            ("of espalierd's VRF and rules, in the kernel's routing after the redirect", "into -floor"),
            ("steer: its program (tc_attachment)", "steer_program_tc_attachment"),
            ("native: its program (xdp_steer)", "native_program_xdp_steer"),
            ("native: its program (tc_decided)", "native_program_tc_decided"),
            ("native instead of steer: a frame of each packet and back", "native -steer")),
    "in": (("frame made, across a veth, ESP, dropped at the tunnel's interface (floor)", "floor"),
           ("steer: its program (tc_tunnel)", "steer_program_tc_tunnel"),
           ("steer: neighbour, device", "steer -floor -steer_program_tc_tunnel"),
           ("kernel: routing, policy, neighbour, device", "kernel -floor")),
}


def stages(row):
    for what, terms in STAGES[row["direction"]]:
        names = [(-1 if t[0] == "-" else 1, f"{t.lstrip('-')}_insns") for t in terms.split()]
        if all(name in row for _, name in names):
            yield what, sum(sign * row[name] for sign, name in names)


if __name__ == "__main__":
    sys.exit(in_vm.main("esp", measured_rows, report, "net_ratio"))
