# SPDX-License-Identifier: GPL-2.0-only
"""
A tunnel that falls while the daemon has its hands full, on the ground of gateway.py: the liveness word does not wait.
"""
import errno
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import gateway as ground
from gateway import BUILD, CONFIG, PINS, REPLAY, SOCKET, STATE, Gateway, one_connection, run, wait_for, write
from tunnel import word

ROUTES = 100_000
NLMSG_ERROR = 2
GENEROUS_US = 50_000  # a machine with other things to do; make bench-failover says what it takes
TUNNEL = "one,101,198.51.100.1,203.0.113.10,0x102"

YAML = """
gateway: { limits: none, hold_down: 0, damping: off }
""" + one_connection(vpc="cidrs: [10.1.0.0/24]", routes="%s")
G = None


def configure(path, first, count):
    routes = (f"{first + (n >> 16)}.{n >> 8 & 255}.{n & 255}.0/24" for n in range(count))
    return write(path, YAML % ", ".join(routes))


def reaction(*words):
    done = subprocess.run([f"{BUILD}/tests/reaction", PINS, REPLAY, *map(str, words)], text=True, capture_output=True,
                          timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def up(tunnel):
    G.sas("up", tunnel, "--inside", "4")


def down(tunnel, *more):
    G.sas("down", tunnel, "--inside", "4", *more)


def answers_within(seconds):
    try:
        subprocess.run([f"{BUILD}/espalier", "-s", SOCKET, "status"], stdout=subprocess.DEVNULL, timeout=seconds)
        return True
    except subprocess.TimeoutExpired:
        return False


# ---- the stories ---------------------------------------------------------------------------------------------------

def the_sentry_has_no_more_privileges_than_the_controller():
    pid = str(G.daemon.pid)
    threads = os.listdir(f"/proc/{pid}/task")
    assert len(threads) == 2, threads
    capabilities = {tuple(x for x in open(f"/proc/{pid}/task/{t}/status") if x.startswith("Cap")) for t in threads}
    assert len(capabilities) == 1, capabilities


def during_an_apply_of_100_000_routes_a_fall_does_not_wait():
    other = configure(f"{STATE}/other.yaml", 40, ROUTES)
    apply = subprocess.Popen([f"{BUILD}/espalier", "-s", SOCKET, "apply", other], stdout=subprocess.DEVNULL)
    wait_for("the daemon is busy", lambda: not answers_within(0.1))
    took = reaction("falls", 20, 2000, TUNNEL)["us"]
    assert apply.poll() is None, "the apply ended before the falls: nothing was shown"
    print(f"# microseconds: {sorted(took)}", flush=True)
    assert max(took) < GENEROUS_US, took
    assert apply.wait(300) == 0
    wait_for("the controller has followed", lambda: G.live(1) and word("one") == 1)


def during_a_withdrawal_of_100_000_routes_a_fall_does_not_wait():
    down(1)
    down(2)
    wait_for("the daemon is busy", lambda: not answers_within(0.05))
    up(1)
    took = reaction("falls", 20, 1000, TUNNEL)["us"]
    print(f"# microseconds: {sorted(took)}", flush=True)
    assert max(took) < GENEROUS_US, took
    up(2)
    wait_for("the controller has followed", lambda: G.live(1) and word("one") == 1)


def a_tunnel_that_the_controller_does_not_want_stays_out_of_use():
    run("ip link set tun101 down")
    wait_for("the tunnel without device is not used", lambda: not G.live(1) and word("one") == 0)
    down(1)
    up(1)
    wait_for("its SAs are back", lambda: G.cli("show", "tunnels")[0]["state"] == "up")
    assert word("one") == 0
    run("ip link set tun101 up")
    wait_for("the tunnel is used again", lambda: G.live(1) and word("one") == 1)


def messages_that_were_lost_are_made_good():
    down(1, "--silent")
    assert word("one") == 1
    G.xfrm("overrun")
    wait_for("the fall is seen", lambda: word("one") == 0 and not G.live(1))
    up(1)
    wait_for("the word follows", lambda: word("one") == 1)


def nobody_listens():
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        return s.connect_ex(SOCKET) != 0


def left_after():
    """A tunnel dies while no daemon runs: when its word falls, as a part of the time that the next one takes to be ready."""
    G.stop(signal.SIGKILL)
    wait_for("its child, which looks at the kernel's routes, is gone too", nobody_listens)
    G.sas("down", 1, "--inside", "4", "--offline")
    assert word("one") == 1
    fell = []

    def watch():
        while word("one"):
            pass
        fell.append(time.monotonic())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    G.start()
    ready = time.monotonic()
    watcher.join()
    up(1)
    wait_for("it is back", lambda: G.live(1) and word("one") == 1)
    return (fell[0] - began) / (ready - began)


def a_restart_leaves_a_dead_tunnel_before_it_decides_on_100_000_routes():
    parts = [left_after()]
    while len(parts) < 3 and min(parts) > 0.75:  # 0.5 to 0.7, and 0.85 if it waits: a busy machine gets three tries
        parts.append(left_after())
    print(f"# of the time until ready: {[round(p, 2) for p in parts]}", flush=True)
    assert min(parts) <= 0.75, parts


def a_sentry_that_has_ended_is_an_alarm():
    """Its socket fails, the controller's does not: falls are still followed, by the controller."""
    assert G.cli("status")["alarms"] == []
    error = struct.pack("=IHHII i IHHII", 36, NLMSG_ERROR, 0, 0, 0, -errno.EIO, 16, 0, 0, 0, 0)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.sendto(error, f"{REPLAY}.2")
    wait_for("the alarm", lambda: any("sentry has ended (Input/output error)" in a for a in G.cli("status")["alarms"]))
    down(1)
    wait_for("the fall is followed", lambda: word("one") == 0 and not G.live(1))
    up(1)
    wait_for("the return, too", lambda: word("one") == 1 and G.live(1))


STORIES = [
    the_sentry_has_no_more_privileges_than_the_controller, during_an_apply_of_100_000_routes_a_fall_does_not_wait,
    during_a_withdrawal_of_100_000_routes_a_fall_does_not_wait,
    a_tunnel_that_the_controller_does_not_want_stays_out_of_use, messages_that_were_lost_are_made_good,
    a_restart_leaves_a_dead_tunnel_before_it_decides_on_100_000_routes, a_sentry_that_has_ended_is_an_alarm,
]


def main():
    global G
    G = ground.G = Gateway()
    # A kernel does not wait for who listens; a datagram socket would, after 10 messages.
    run("sysctl -qw net.unix.max_dgram_qlen=100000")
    configure(CONFIG, 20, 1000)
    G.start()
    up(1)
    up(2)
    wait_for("both tunnels are up", lambda: G.live(1) and G.live(2))
    return ground.tell(G, STORIES, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
