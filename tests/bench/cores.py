#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
Packets per second through real ESP (AES-GCM) by one CPU and by two, in one virtual machine with two processors
(vm/scenarios/cores.sh says how). Both processors are emulated, and share the host with whatever else it does: what counts is
the ratio, and that roughly. One CPU makes the packets in both cases, and that is part of its time.

Out: many flows from a VPC, spread by flow. In: two SAs of frames that were encrypted beforehand, spread by SPI. JSON in
build/bench/cores.json, a list with one entry for each direction and size: {direction, bytes, one_pps, two_pps, ratio, goal,
lost, rounds, host}, medians. Goals that are missed are printed, and the exit status is 1.

Environment: BUILD, ROUNDS, PACKETS (of one run), SIZES ("64 1360": bytes of IP).
"""
import glob
import os
import socket
import statistics
import struct
import sys

import in_vm

ROUNDS = os.environ.get("ROUNDS", "5")
PACKETS = os.environ.get("PACKETS", "20000")
SIZES = [int(s) for s in os.environ.get("SIZES", "64 1360").split()]
FLOWS = 256
GOAL = 1.5
WAYS = {"out": "attachment → tunnel, many flows", "in": "tunnel → attachment, two SAs"}


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~((total & 0xffff) + (total >> 16)) & 0xffff


def frame(to, source, destination, port, size):
    """UDP, with no checksum of its own."""
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 0, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(destination))
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    udp = struct.pack("!HHHH", port, 9, size - 20, 0)
    return bytes.fromhex(to) + bytes.fromhex("020000000102") + b"\x08\x00" + ip + udp + bytes(size - 28)


def write(name, frames):
    with open(f"{in_vm.output('cores')}/{name}.pcap", "wb") as f:
        f.write(struct.pack("IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for one in frames:
            f.write(struct.pack("IIII", 0, 0, len(one), len(one)) + one)


def write_frames():
    """The MAC addresses are those that the scenario gives to the gateways."""
    for old in glob.glob(f"{in_vm.output('cores')}/*.pcap"):
        os.unlink(old)
    for size in SIZES:
        write(f"out-{size}", [frame("020000000101", f"10.1.0.{2 + i % 200}", f"10.50.{1 + i % 50}.9", 10000 + i, size)
                              for i in range(FLOWS)])
        write(f"in-{size}", [frame("020000005001", f"10.50.{1 + i % 50}.9", "10.2.0.2", 10000 + i, size)
                             for i in range(FLOWS)])


def row_of(direction, size, runs, host):
    pps = {cpus: [r["pps"] for r in runs[cpus]] for cpus in runs}
    one, two = (statistics.median_low(pps[cpus]) for cpus in (1, 2))
    return {"direction": direction, "bytes": size, "one_pps": one, "two_pps": two, "ratio": round(two / one, 2), "goal": GOAL,
            "lost": [r["lost"] for cpus in (1, 2) for r in runs[cpus]], "rounds": pps, "host": host}


def measured_rows():
    write_frames()
    lines, host = in_vm.measure("cores", ["--cpus", "2", "--timeout", "2400"], ["vm/scenarios/cores.sh", "rates"], ROUNDS=ROUNDS,
                                PACKETS=PACKETS)
    host["load"] = round(os.getloadavg()[1], 1)
    runs = {}
    for r in lines:
        runs.setdefault((r["direction"], r["bytes"]), {1: [], 2: []})[r["cpus"]].append(r)
    return [row_of(direction, size, runs[direction, size], host) for direction, size in sorted(runs, reverse=True)]


def report(rows):
    host = rows[0]["host"]
    print(f"\nThrough ESP (AES-GCM) by one CPU and by two: packets per second, median of {ROUNDS} runs of {PACKETS} packets")
    print(f"two emulated processors; guest kernel {host['kernel']}, {host['cpu']}, libbpf {host['libbpf']}; "
          f"load of the host {host['load']}\n")
    print(f"{'':<34}{'bytes':>7}{'one CPU':>10}{'two CPUs':>10}{'ratio':>7}{'goal':>6}{'lost':>6}")
    for row in rows:
        print(f"{WAYS[row['direction']]:<34}{row['bytes']:>7}{row['one_pps']:>10}{row['two_pps']:>10}{row['ratio']:>7.2f}"
              f"{row['goal']:>6}{max(row['lost']):>6}{'' if row['ratio'] >= row['goal'] else '  missed'}")


if __name__ == "__main__":
    sys.exit(in_vm.main("cores", measured_rows, report, "ratio"))
