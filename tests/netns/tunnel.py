# SPDX-License-Identifier: GPL-2.0-only
"""
What becomes of a tunnel that falls, returns, or comes and goes, on the ground of gateway.py: its liveness word at once,
its routes after the hold-down, its return when it is no longer damped.
"""
import json
import subprocess
import sys
import threading
import time

import gateway as ground
from gateway import (BUILD, CONFIG, PINS, REPLAY, SOCKET, STATE, Gateway, alarms, one_connection, run, text, tunnel, wait_for,
                     write)

YAML = """
gateway: { hold_down: %(hold_down)s, damping: %(damping)s }
""" + one_connection(vpc="cidrs: [10.1.0.0/24]", routes="10.50.0.0/16")
QUICK = "{ half_life: 4s, suppress: 2000 }"
PATIENT = "{ half_life: 3600s, suppress: 2000, max: 86400s }"
G = None


def configure(path, hold_down="0", damping="off"):
    return write(path, YAML % {"hold_down": hold_down, "damping": damping})


def apply(**changes):
    G.cli("apply", configure(f"{STATE}/other.yaml", **changes))


def word(name):
    """What the programs read."""
    return json.loads(run([f"{BUILD}/tests/reaction", PINS, REPLAY, "word", name]))


def up(number):
    """In Phase 2; used, only if nothing speaks against it."""
    G.sas("up", number)
    wait_for("Phase 2", lambda: tunnel(("one", "two")[number - 1])["state"] == "up")


def flap_until_damped(number):
    name = ("one", "two")[number - 1]
    for _ in range(10):
        G.down(number)
        up(number)
        if tunnel(name)["damping"]["damped"]:
            return
    raise AssertionError(f"ten falls did not damp {name}: {tunnel(name)}")


def used(ports=range(2000, 2032)):
    """The tunnels that flows take now."""
    return {G.path("10.50.0.9", "udp", port, 7)["tunnel"] for port in ports}


class Monitor:
    """What subscribers are told."""

    def __init__(self):
        self.process = subprocess.Popen([f"{BUILD}/espalier", "-j", "-s", SOCKET, "monitor"], text=True, stdout=subprocess.PIPE)
        self.events = []
        threading.Thread(target=self.listen, daemon=True).start()
        # It listens when it hears of something.
        run([f"{BUILD}/espalier", "-s", SOCKET, "audit"])
        wait_for("the monitor listens", self.listens)

    def listens(self):
        G.cli("route", "add", "dc-1", "10.99.0.0/16")
        G.cli("route", "delete", "dc-1", "10.99.0.0/16")
        return any(e.get("prefix") == "10.99.0.0/16" for e in self.events)

    def listen(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def of(self, kind, name):
        return [e for e in self.events if e["event"] == kind and e.get("tunnel") == name]

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.process.kill()
        self.process.wait()


# ---- hold-down -----------------------------------------------------------------------------------------------------

def a_lost_connection_keeps_its_routes_for_the_hold_down():
    apply(hold_down="60s")
    G.down(1)
    G.down(2)
    assert (word("one"), word("two")) == (0, 0)
    told = tunnel("two")
    assert G.states() == {"active"} and told["present"] and 50 < told["held_s"] <= 60, told
    assert "its routes are kept for another" in text("show", "tunnels", "-d")
    G.up(1)
    told = tunnel("one")
    assert G.states() == {"active"} and told["held_s"] is None and told["flaps"] == 1, told


def hops():
    """Devices of the kernel's own route to the data centre."""
    shown = run("ip route show table all 10.50.0.0/16")
    return {d for d in ("tun101", "tun102") if d in shown}


def the_kernels_own_hops_do_not_wait_for_the_hold_down():
    up(2)
    wait_for("the kernel uses both", lambda: hops() == {"tun101", "tun102"})
    G.down(2)
    wait_for("the kernel's own leave the lost one", lambda: hops() == {"tun101"})
    assert tunnel("two")["held_s"] > 0, tunnel("two")


def a_shorter_hold_down_counts_at_once():
    G.down(1)
    assert G.states() == {"active"}
    apply(hold_down="0")
    wait_for("the routes are withdrawn", lambda: G.states() == {"withdrawn"})
    assert tunnel("one")["held_s"] is None and not tunnel("one")["present"]
    G.up(1)
    G.up(2)


def a_hold_down_ends_by_itself():
    apply(hold_down="1s")
    G.down(1)
    G.down(2)
    wait_for("the routes are withdrawn", lambda: G.states() == {"withdrawn"})
    G.up(1)
    G.up(2)
    wait_for("the routes are back", lambda: G.states() == {"active"})


def without_its_device_a_tunnel_carries_nothing():
    apply(hold_down="0")
    run("ip link set tun101 down")
    wait_for("it is not used", lambda: not G.live(1))
    assert tunnel("one")["why"] == "no device" and tunnel("one")["state"] == "up", tunnel("one")
    assert word("one") == 0 and used() == {"two"} and "no device" in text("show", "tunnels")
    run("ip link set tun102 down")
    wait_for("the routes are withdrawn", lambda: G.states() == {"withdrawn"})
    run("ip link set tun101 up && ip link set tun102 up")
    wait_for("both are used again", lambda: G.live(1) and G.live(2) and G.states() == {"active"})


# ---- damping -------------------------------------------------------------------------------------------------------

def a_tunnel_that_comes_and_goes_is_left_alone():
    apply(damping=PATIENT)
    with Monitor() as monitor:
        flap_until_damped(1)
        told = tunnel("one")
        assert told["state"] == "up" and not told["up"] and told["why"].startswith("damped for another "), told
        assert told["damping"]["penalty"] > 1990 and told["damping"]["release_s"] > 3000, told
        assert word("one") == 0 and used() == {"two"} and G.states() == {"active"}
        assert "damped for another" in text("show", "tunnels") and "damped until 1000 is left" in text("show", "tunnels", "-d")
        wait_for("subscribers hear why", lambda: any(
            not e["live"] and e["why"].startswith("damped") for e in monitor.of("liveness", "one")))


def the_last_resort_carries_although_it_is_damped():
    assert tunnel("one")["damping"]["damped"]
    said = G.cli("ecmp", "preview", "--down", "two")
    assert said["buckets"]["moved"] == said["buckets"]["total"] > 0 and not said["buckets"]["lost"], said
    assert said["groups"][0]["to"] == [{"tunnel": "one", "buckets": 256}], said
    assert said["routes"] == [] and said["connections"] == [], said
    G.down(2)
    wait_for("the damped one takes over", lambda: G.live(1))
    told = tunnel("one")
    assert told["damping"]["last_resort"] and told["damping"]["damped"] and told["why"] is None, told
    assert word("one") == 1 and used() == {"one"} and G.states() == {"active"}
    assert "damped, but the last resort" in text("show", "tunnels")
    up(2)
    wait_for("it gives way", lambda: G.live(2) and not G.live(1))
    assert word("one") == 0 and used() == {"two"} and not tunnel("one")["damping"]["last_resort"]


def damping_that_is_switched_off_lets_go():
    assert tunnel("one")["damping"]["damped"]
    apply(damping="off")
    wait_for("it is used", lambda: G.live(1))
    assert tunnel("one")["damping"] is None and used() == {"one", "two"}


def a_damped_tunnel_returns_by_itself():
    apply(damping=QUICK)
    flap_until_damped(1)
    assert word("one") == 0
    wait_for("it is let go", lambda: G.live(1))
    told = tunnel("one")
    assert word("one") == 1 and not told["damping"]["damped"] and told["damping"]["penalty"] <= 1000, told
    assert used() == {"one", "two"}


# ---- forecasts -----------------------------------------------------------------------------------------------------

LOOKS = 40  # seconds, in which the kernel's SAs are looked at three times
LAST = 2 ** 32 - 1


def warnings(name):
    """Of the inbound and the outbound SA; empty before the first look."""
    return [f["warning"] for f in tunnel(name)["forecasts"]]


def sequence_numbers_that_run_out_are_told_of():
    wait_for("a look", lambda: warnings("one") == [False, False], LOOKS)
    assert alarms() == []
    began = time.monotonic()

    def used_up():
        left = 1_000_000 - int(20_000 * (time.monotonic() - began))
        G.sas("figures", 1, "--sequence", str(LAST - left), "--age", "100")
        return warnings("one") == [True, True]
    with Monitor() as monitor:
        wait_for("a warning", used_up, LOOKS)
        told = tunnel("one")["forecasts"][1]
        assert told["limit"] == "sequence" and told["spi"] == "0x00000102" and told["in_s"] < 600, told
        said = ["tunnel one: inbound SA 0x00000101: its sequence numbers run out within 10 minutes, and no rekey is under way",
                "tunnel one: outbound SA 0x00000102: its sequence numbers run out within 10 minutes, and no rekey is under way"]
        wait_for("alarms", lambda: alarms() == said)
        wait_for("subscribers hear of it", lambda: [e for e in monitor.events if e["event"] == "alarm" and e["text"] == said[1]])
    assert "its outbound SA 0x00000102 ends in" in text("show", "tunnels", "-d")
    assert "ends soon, and no rekey is under way" in text("show", "tunnels") and G.live(1)


def a_rekey_ends_the_warning():
    G.sas("rekey", 1, "--new-in", "0x121", "--new-out", "0x122")
    wait_for("no warning", lambda: warnings("one") == [False, False] and alarms() == [], LOOKS)
    assert {f["spi"] for f in tunnel("one")["forecasts"]} == {"0x00000121", "0x00000122"}
    G.sas("rekey", 1, "--spi-in", "0x121", "--spi-out", "0x122", "--new-in", "0x101", "--new-out", "0x102")


def a_rekey_that_does_not_come_is_told_of():
    G.sas("figures", 2, "--age", "3700")
    wait_for("a warning", lambda: warnings("two") == [True, True], LOOKS)
    told = tunnel("two")["forecasts"][0]
    assert told["limit"] == "time" and 200 < told["in_s"] < 261, told
    assert any("its lifetime ends within 10 minutes" in a for a in alarms()), alarms()
    G.sas("figures", 2, "--age", "10")
    wait_for("no warning", lambda: alarms() == [], LOOKS)


# ---- a restart -----------------------------------------------------------------------------------------------------

def a_restart_takes_no_carrying_tunnel_out():
    seen, watched = [], threading.Event()

    def watch():
        while not watched.is_set():
            seen.append((word("one"), word("two")))
    watcher = threading.Thread(target=watch)
    assert (word("one"), word("two")) == (1, 1)
    watcher.start()
    G.stop(ground.signal.SIGKILL)
    G.start()
    wait_for("both are used", lambda: G.live(1) and G.live(2))
    watched.set()
    watcher.join()
    assert len(seen) > 2 and set(seen) == {(1, 1)}, seen
    assert G.states() == {"active"} and tunnel("one")["flaps"] == 0


STORIES = [
    a_lost_connection_keeps_its_routes_for_the_hold_down, the_kernels_own_hops_do_not_wait_for_the_hold_down,
    a_shorter_hold_down_counts_at_once, a_hold_down_ends_by_itself,
    without_its_device_a_tunnel_carries_nothing, a_tunnel_that_comes_and_goes_is_left_alone,
    the_last_resort_carries_although_it_is_damped, damping_that_is_switched_off_lets_go, a_damped_tunnel_returns_by_itself,
    sequence_numbers_that_run_out_are_told_of, a_rekey_ends_the_warning, a_rekey_that_does_not_come_is_told_of,
    a_restart_takes_no_carrying_tunnel_out,
]


def main():
    global G
    G = ground.G = Gateway()
    configure(CONFIG)
    G.start()
    G.up(1)
    G.up(2)
    return ground.tell(G, STORIES, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
