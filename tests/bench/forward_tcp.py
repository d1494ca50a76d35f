# SPDX-License-Identifier: GPL-2.0-only
"""
TCP streams through the forwarding benchmark's cases (forward.py): iperf3 between two namespaces, kernel routing beside
Espalier in a third one between them. All devices are veth pairs, with the offloads that veths have.

  near 10.1.0.2 ══ eth1 [forwarding] tun101, tun102 ══ far 10.50.0.2     a: near sends, b: far sends
  near 10.1.0.2 ══ eth1 [forwarding] eth2 ══ far 10.50.0.2               c: near sends

Espalier as it is without a word about XDP in its configuration: on a veth by tc alone. Bits per second with sender and receiver on the same few cores: a check that nothing slows a stream down, no measure of the
dataplane. Kernel and Espalier take turns; the median of the turns counts.
"""
import json
import os
import statistics
import subprocess
import time

from forward_ground import GENERATOR_MAC, Host, IN_MAC, OUT_MAC, ROUTER, fail, run, tunnels_yaml, vpcs_yaml

SECONDS = int(os.environ.get("TCP_SECONDS", 3))
TURNS = 3
STREAMS = 4
TRIES = 50  # until the server listens
METHODS = ("kernel", "steer")
FAR = "10.50.0.2"


class Pair(Host):
    """near and far, and the gateway between them."""

    def __init__(self, case, method):
        super().__init__(f"tcp-{case}-{method}")
        self.case, self.method = case, method
        self.underlay = case != "c"
        self.bits = []
        self.ways = ["eth2"] if case == "c" else ["tun101", "tun102"]
        self.near, self.far = f"{self.name}-near", f"{self.name}-far"

    def build(self):
        self.make()
        for namespace in (self.near, self.far):
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        self.sh("ip link set lo up; sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0")
        self.join("eth1", self.near, "10.1.0.1/24", "10.1.0.2/24")
        self.route(self.near, "default via 10.1.0.1")
        for number, way in enumerate(self.ways, 1):
            self.join(way, self.far, f"10.2.{number}.1/24", f"10.2.{number}.2/24")
        hops = " ".join(f"nexthop via 10.2.{n}.1" for n in range(1, len(self.ways) + 1))
        self.route(self.far, f"default {hops}")
        run("ip", "-n", self.far, "address", "add", f"{FAR}/32", "dev", "lo")
        if self.method == "kernel":
            self.sh("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.fib_multipath_hash_policy=1")
            hops = " ".join(f"nexthop via 10.2.{n}.2" for n in range(1, len(self.ways) + 1))
            self.route(self.name, f"10.50.0.0/16 {hops}")
        else:
            self.steer(["10.50.0.0/16"])

    def join(self, device, namespace, ours, theirs):
        peer = f"{device}p"
        ours_mac, theirs_mac = self.macs(device)
        run("ip", "-n", self.name, "link", "add", device, "address", ours_mac, "type", "veth", "peer", "name", peer,
            "address", theirs_mac, "netns", namespace)
        for where, what, address in ((self.name, device, ours), (namespace, peer, theirs)):
            run("ip", "-n", where, "address", "add", address, "dev", what)
            run("ip", "-n", where, "link", "set", what, "up")
            run("ip", "netns", "exec", where, "sysctl", "-qw", f"net.ipv4.conf.{what}.rp_filter=0")
        run("ip", "netns", "exec", namespace, "ethtool", "-K", peer, "gro", "on")

    def macs(self, device):
        """A frame goes into a tunnel with the header that it came with: the far end must take it for its own."""
        return (IN_MAC, GENERATOR_MAC) if device == "eth1" else (OUT_MAC, IN_MAC)

    @staticmethod
    def route(namespace, words):
        run("ip", "-n", namespace, "route", "add", *words.split())

    def xdp(self):
        return "auto"

    def configuration(self, routes):
        if self.case == "c":
            return vpcs_yaml(self.xdp(), routes).replace(ROUTER, "10.2.1.2")
        return tunnels_yaml(self.xdp(), routes)

    def stream(self):
        """Bits per second at the receiver."""
        server = subprocess.Popen(["ip", "netns", "exec", self.far, "iperf3", "-s"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        words = ["ip", "netns", "exec", self.near, "iperf3", "-c", FAR, "-B", "10.1.0.2", "-P", str(STREAMS), "-t", str(SECONDS),
                 "--connect-timeout", "5000", "-J", *(["-R"] if self.case == "b" else [])]
        try:
            self.bits.append(self.first_success(words))
        finally:
            server.terminate()
            server.wait(30)

    def first_success(self, words):
        """With -J iperf3 ends with status 0 even when it got no connection."""
        for _ in range(TRIES):
            told = subprocess.run(words, text=True, capture_output=True).stdout
            received = json.loads(told or "{}").get("end", {}).get("sum_received")
            if received:
                return received["bits_per_second"]
            time.sleep(0.1)
        return fail(f"{self.name}: no TCP stream: {told}")

    def stop(self):
        self.end_daemon()


def measure(host):
    if not SECONDS:
        return []
    pairs = [Pair(case, method) for case in "abc" for method in METHODS]
    try:
        for p in pairs:
            p.build()
        for _ in range(TURNS):
            for p in pairs:
                p.stream()
    finally:
        for p in pairs:
            p.stop()
    return [row(case, [p for p in pairs if p.case == case], host) for case in "abc"]


def row(case, pairs, host):
    return {"case": case, "size": "tcp", "host": host,
            **{f"{p.method}_bits_per_s": round(statistics.median(p.bits)) for p in pairs}}


def report(rows):
    for r in rows:
        print(f"{r['case']}  TCP, {STREAMS} streams: " +
              ", ".join(f"{m} {r[f'{m}_bits_per_s'] / 1e9:.2f} Gbit/s" for m in METHODS))
