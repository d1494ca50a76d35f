# SPDX-License-Identifier: GPL-2.0-only
"""
A routing daemon as the kernel sees it: one process whose netlink socket adds and removes routes for as long as it lives.
Its like is what espalierd tells by who wrote a route. And what becomes of such routes, on the ground of gateway.py.
"""
import signal
import subprocess
import tempfile
import threading
import time

import gateway as ground
from gateway import DEADLINE, HOST, flow, frame, hop, wait_for


class RoutingDaemon:
    """ip -batch that goes on reading."""

    def __init__(self):
        self.start()

    def start(self):
        self.complaints = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(["ip", "-force", "-batch", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.complaints, text=True)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def restart(self):
        """As after kill -9: what it wrote stays in the kernel, the next one is somebody else."""
        self.kill()
        self.start()

    def do(self, *lines):
        """All of them are done when this returns."""
        at = self.complaints.tell()
        self.process.stdin.write("\n".join(lines) + "\nlink show dev lo\n")
        self.process.stdin.flush()
        while "lo:" not in self.process.stdout.readline():
            assert self.process.poll() is None, "ip ended"
        self.process.stdout.readline()
        self.complaints.seek(at)
        said = self.complaints.read().strip()
        assert not said, said


def end_controller(sig=signal.SIGKILL):
    """When it has written down what the next one is to know of BGP."""
    time.sleep(0.5)
    ground.G.stop(sig)


def path(destination, source=HOST):
    """The tunnels that sixteen flows to there take, or why they take none."""
    answers = [ground.G.path(destination, "udp", port, 7, source=source) for port in range(1, 17)]
    return {a.get("tunnel") or a["reason"] for a in answers}


def goes(destination, *where, source=HOST, limit=DEADLINE):
    wait_for(f"{destination} goes to {where}", lambda: path(destination, source) == set(where), limit)


def show_bgp():
    return ground.G.cli("show", "bgp")[0]


def by_tunnel(what):
    return [t[what] for t in show_bgp()["tunnels"]]


def stale():
    return by_tunnel("stale")


def offered():
    return by_tunnel("offered")


def traffic(meanwhile, destination="10.50.0.9"):
    """Packets one by one to tunnel one while something happens; all must come. How many they were."""
    wire = ground.G.tun["tun101"]
    done, counts = threading.Event(), [0, 0]

    def send():
        while not done.is_set() and counts[0] < 20000:
            packet = flow(1000 + counts[0], destination=destination)
            ground.G.vpc.send(frame(packet))
            got = wire.receive(1)
            while got is not None and ground.is_chatter(got, True):
                got = wire.receive(1)
            counts[0] += 1
            counts[1] += got != hop(packet)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        meanwhile()
    finally:
        done.set()
        sender.join()
    assert counts[0] > 2 and not counts[1], f"{counts[1]} of {counts[0]} packets lost"
    return counts[0]
