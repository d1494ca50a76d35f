# SPDX-License-Identifier: GPL-2.0-only
"""
Forwarding without encryption: what a packet costs through Espalier, beside the kernel's own routing in the same run.

  a  attachment → tunnel:      gen0 ══veth══ eth1 [forwarding] tun101, tun102
  b  tunnel → attachment:      gen0 ══veth══ tun101 [forwarding] eth1
  c  attachment → attachment:  gen0 ══veth══ eth1 [forwarding] eth2 ══veth══ sink0
  d  dropped:                  gen0 ══veth══ eth1 [no route, or a blackhole]

The generator (forward.bpf.c) redirects live frames into gen0. In a the tunnels are TUN devices: no link header, like an
xfrm interface. In b the tunnel is a veth, which shows a link header to tc and is served by NAPI, like an xfrm interface;
the attachment is a TAP device. In c an XDP program at the far end of a veth takes the frames, whoever sent them. The
packets end at that program, or at the filter of the TUN or TAP device, the same in every method, which looks at each of
them: length, TTL one less, next hop's MAC address. If one packet does not get there, the benchmark fails; in d, if one
does, or if espalierd's counter of that reason does not know of each. Each method has a network namespace of its own; all
take turns.

  generator    an XDP program on the first device drops: making packets, and carrying them to the gateway (d: drop-only)
  skb          a tc program there drops: the same, and the kernel's skb
  kernel       routing with multipath over both tunnels, hash over the 5-tuple as Espalier's, no BPF program attached,
               rp_filter=0; d: blackhole routes
  kernel_l3    like kernel, hash over addresses only (the kernel's default; cheaper)
  kernel_rpf   like kernel, rp_filter=1: it asks whether the source belongs to that tunnel, as Espalier does
  xdp_forward  a program of the design of xdp-tools' xdp-forward (Debian 12 does not package it): bpf_fib_lookup with the
               kernel's routes and neighbours, rewrite, redirect by a device map
  steer        espalierd with the same routes; a: native XDP and tc; b: tc, as on an xfrm interface; c: XDP alone;
               d: no route matches
  steer_tc     the same with `xdp: off`
  steer_blackhole  d: TR static routes of type blackhole match

A run's figure is the CPU time of the sending thread per packet: the whole way runs in its softirqs. What else runs on
the machine is left out, but not its traces in caches and on a shared core. Those only add: the fastest run of all rounds is
the result, for each method of equally many. `spread`: how far the rounds' fastest runs lie apart.

The methods are not alike in two points: the kernel's early demux is on, as it is by default, and in b Espalier asks whether
the source belongs to the connection, which `kernel` does not and `kernel_rpf` does.

Then a TCP stream (iperf3) through each case, kernel beside steer (forward_tcp.py).

Environment: BUILD, ROUTES=FILE (one prefix per line), ROUNDS, PACKETS (of one run), RUNS (in a round), TCP_SECONDS (0: none).
"""
import json
import os
import platform
import re
import statistics
import sys

import forward_tcp
from forward_ground import (BUILD, CPU, FLOWS, METHODS, PACKETS, WORK, fail, ground, made_up_routes, read_routes, run,
                            write_flows)

ROUTES = os.environ.get("ROUTES")
ROUNDS = int(os.environ.get("ROUNDS", 5))
RUNS = int(os.environ.get("RUNS", 6))
SIZES = (64, 512, 1400)  # bytes of the IP packet
CASES = {"a": "attachment → tunnel", "b": "tunnel → attachment", "c": "between attachments", "d": "dropped"}
COLUMNS = ("generator", "skb", "kernel", "kernel_l3", "kernel_rpf", "xdp_forward", "steer", "steer_tc", "steer_blackhole")
# Net of the generator: how many times Espalier's cost the other one must be. In d nothing is net, and it is drop-only.
GOALS = {"a": ("kernel", 1.6), "b": ("kernel", 1.3), "c": ("kernel", 4), "d": ("drop", 0.9)}
XDP_FORWARD_GOAL = 1.3


# ---- the report ----------------------------------------------------------------------------------------------------

def cpu_model():
    with open("/proc/cpuinfo") as f:
        found = re.search(r"model name\s*:\s*(.*)", f.read())
    return found.group(1) if found else platform.machine()


def net_ratio(row, other, method="steer", floor="generator"):
    """What `other` costs as a multiple of `method`."""
    base = row[f"{floor}_ns"]
    return (row[f"{other}_ns"] - base) / (row[f"{method}_ns"] - base)


def row_of(case, size, grounds, host):
    of = {g.method: g for g in grounds if g.case == case}
    row = {"case": case, "size": size}
    for method, g in of.items():
        row[f"{method}_ns"] = round(min(g.figures(size)), 1)
    if case == "d":
        row["drop_ns"] = row["generator_ns"]
        row["drop_ratio"] = round(row["drop_ns"] / row["steer_ns"], 3)
        row["drop_ratio_blackhole"] = round(row["drop_ns"] / row["steer_blackhole_ns"], 3)
    else:
        row["net_ratio"] = round(net_ratio(row, "kernel"), 3)
        row["net_ratio_skb"] = round(net_ratio(row, "kernel", floor="skb"), 3) if row["steer_ns"] > row["skb_ns"] else None
    if case == "c":
        row["net_ratio_xdp_forward"] = round(net_ratio(row, "xdp_forward"), 3)
    row["rounds"] = {m: [round(v, 1) for v in g.figures(size)] for m, g in of.items()}
    row["wall_ns"] = {m: round(statistics.median(g.figures(size, 1)), 1) for m, g in of.items()}
    row["host"] = host
    return row


def name_of(row):
    return f"{row['case']}  {CASES[row['case']]:<20}{row['size']:>6}"


def ns(row, method):
    text = f"{row[f'{method}_ns']:.0f}" if f"{method}_ns" in row else "-"
    return f"{text:>{len(method) + 2}}"


def spread(row):
    """Of the rounds' figures, relative to their median, where it is widest."""
    return max((max(v) - min(v)) / statistics.median(v) for v in row["rounds"].values())


def report(rows, host, routes):
    print(f"\nForwarding without encryption: ns of CPU time per packet, generator included; the best of {ROUNDS} x {RUNS} runs of "
          f"{PACKETS} packets")
    print(f"kernel {host['kernel']}, {host['cpu']}, CPU {CPU} of {os.cpu_count()}, libbpf {host['libbpf']}, "
          f"{routes} routes, {FLOWS} flows, load {host['load']}\n")
    print(f"{'case':<23}{'bytes':>6}" + "".join(f"  {m}" for m in COLUMNS) + f"{'spread':>8}")
    for row in rows:
        print(name_of(row) + "".join(ns(row, m) for m in COLUMNS) + f"{spread(row):>8.0%}")
    print("\nWhat it costs as a multiple of steer, net of the generator (above 1: Espalier is cheaper); d: drop-only, gross")
    for row in rows:
        print(name_of(row) + "  " + "  ".join(judgement(row)))


def judged(row):
    """(whom, ratio, goal)"""
    other, goal = GOALS[row["case"]]
    yield other, row["drop_ratio"] if other == "drop" else row["net_ratio"], goal
    if row["case"] == "c":
        yield "xdp_forward", row["net_ratio_xdp_forward"], XDP_FORWARD_GOAL


def judgement(row):
    for other, ratio, goal in judged(row):
        yield f"{other} {ratio:5.2f} (goal {goal}{'' if ratio >= goal else ', missed'})"
    if "steer_tc_ns" in row:
        yield f"kernel by steer_tc {net_ratio(row, 'kernel', 'steer_tc'):5.2f}"
    if row.get("net_ratio_skb"):
        yield f"kernel net of the skb {row['net_ratio_skb']:5.2f}"
    if row["case"] == "d":
        yield f"by a blackhole {row['drop_ratio_blackhole']:5.2f}"


def wall_over_cpu(rows):
    return max(row["wall_ns"][m] / row[f"{m}_ns"] for row in rows for m in row["wall_ns"])


def measure(routes):
    grounds = [ground(case, method) for case, methods in METHODS.items() for method in methods]
    try:
        for g in grounds:
            g.build(routes)
        for g in grounds:  # caches, pages
            g.send(SIZES[0])
        for number in range(ROUNDS):
            for size in SIZES:
                runs = {g: [] for g in grounds}
                for turn in range(number, number + RUNS):
                    start = turn % len(grounds)
                    for g in grounds[start:] + grounds[:start]:
                        runs[g].append(g.send(size))
                for g in grounds:
                    g.close_round(size, runs[g])
            print(f"round {number + 1} of {ROUNDS}", file=sys.stderr, flush=True)
        for g in grounds:
            g.prove()
    finally:
        for g in grounds:
            g.stop()
    return grounds


def main():
    if os.geteuid():
        fail("needs root (BPF, network namespaces)")
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    os.makedirs(f"{WORK}/bpf")
    run("mount", "-t", "bpf", "bpf", f"{WORK}/bpf")
    routes = read_routes(ROUTES) if ROUTES else made_up_routes()
    for case in METHODS:
        write_flows(routes[1::2] if case == "d" else routes, f"{WORK}/flows-{case}", back=case == "b")
    grounds = measure(routes)
    host = {"kernel": platform.release(), "cpu": cpu_model(), "libbpf": grounds[0].libbpf, "routes": len(routes),
            "load": round(os.getloadavg()[0], 1)}
    rows = [row_of(case, size, grounds, host) for case in METHODS for size in SIZES]
    report(rows, host, len(routes))
    streams = forward_tcp.measure(host)
    forward_tcp.report(streams)
    print(f"\nThe usual run took up to {wall_over_cpu(rows):.2f} times as long as the CPU time of the fastest; "
          "on a quiet machine about 1.")
    os.makedirs(f"{BUILD}/bench", exist_ok=True)
    with open(f"{BUILD}/bench/forward.json", "w") as f:
        json.dump(rows + streams, f, indent=1)
        f.write("\n")
    print(f"written: {os.path.relpath(BUILD)}/bench/forward.json")


if __name__ == "__main__":
    main()
