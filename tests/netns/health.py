# SPDX-License-Identifier: GPL-2.0-only
"""
Health checks on the ground of gateway.py: probes come out of the TUN devices, and here it is decided whether anybody
answers. Each probe is looked at byte by byte by scapy; the answers go the way of all that comes out of a tunnel.
"""
import select
import sys
import threading
import time

from scapy.all import (ICMP, ICMPv6EchoReply, ICMPv6EchoRequest, IP, IPv6, Raw)

import gateway as ground
import tunnel as machine
from gateway import CONFIG, STATE, Gateway, alarms, inside_tunnels, one_connection, run, text, tunnel, wait_for, write
from tunnel import Monitor, up, used, word

YAML = """
gateway: { hold_down: 0, damping: off }
""" + one_connection(vpc='cidrs: [10.1.0.0/24, "fd00:1::/64"]', routes='10.50.0.0/16, "fd00:50::/48"',
                     its_tunnels=inside_tunnels("%(one)s", "%(two)s"))
INSIDE = "destination: 169.254.10.2"
HOST = "destination: 10.50.0.9, source: 10.1.0.1"
HOST6 = 'destination: "fd00:50::9", source: "fd00:1::1"'
QUICK = ", interval: 100ms, retries: 3"
G = None


class Peer(threading.Thread):
    """Who is behind a tunnel: sees every probe that comes out of its device, and answers it or does not."""

    def __init__(self, device):
        super().__init__(daemon=True)
        self.wire = G.tun[device]
        self.lock = threading.Lock()
        self.answers = True
        self.only = None  # every how many-th is answered; None: each
        self.probes, self.seen, self.bad = [], 0, []
        self.start()

    def run(self):
        while True:
            select.select([self.wire.fd], [], [], 1)
            data = self.wire.receive(0)
            if data:
                self.take(data)

    def take(self, data):
        packet = IP(data) if data[0] >> 4 == 4 else IPv6(data)
        if ICMP in packet and packet[ICMP].type == 8:
            reply = IP(src=packet.dst, dst=packet.src, ttl=60) / ICMP(type=0, id=packet[ICMP].id, seq=packet[ICMP].seq)
            right = IP(bytes(packet.copy()))
            del right[IP].chksum, right[ICMP].chksum
        elif ICMPv6EchoRequest in packet:
            reply = IPv6(src=packet.dst, dst=packet.src, hlim=60) / ICMPv6EchoReply(
                id=packet[ICMPv6EchoRequest].id, seq=packet[ICMPv6EchoRequest].seq, data=packet[ICMPv6EchoRequest].data)
            right = packet.copy()
            del right[ICMPv6EchoRequest].cksum
        else:
            return
        if bytes(right) != data or b"espalier" not in data:
            self.bad.append(data.hex())
        if IP in packet:
            reply /= Raw(bytes(packet[ICMP].payload))
        self.seen += 1
        self.probes.append((packet.src, packet.dst))
        if self.answers and (not self.only or self.seen % self.only == 0):
            self.wire.send(reply)

    def probed(self, source, destination):
        """It sees probes of this kind from now on, and no others."""
        self.probes.clear()
        wait_for(f"probes to {destination}", lambda: len(self.probes) > 1)
        assert set(self.probes) == {(source, destination)}, set(self.probes)


ONE = TWO = None


def configure(path, one=None, two=None):
    checks = {name: f", health_check: {{ {check} }}" if check else "" for name, check in (("one", one), ("two", two))}
    return write(path, YAML % checks)


def apply(**checks):
    G.cli("apply", configure(f"{STATE}/other.yaml", **checks))


def health(name):
    return tunnel(name)["health"]


def is_state(name, state):
    return lambda: health(name)["state"] == state


def from_the_start():
    """Both tunnels in Phase 2, everybody answers, no check."""
    ONE.answers = TWO.answers = True
    ONE.only = None
    apply()
    wait_for("both are used", lambda: G.live(1) and G.live(2) and G.states() == {"active"})


# ---- probes --------------------------------------------------------------------------------------------------------

def a_probe_goes_through_its_tunnel_and_is_answered():
    apply(one=INSIDE + QUICK)
    wait_for("it is good", is_state("one", "good"))
    ONE.probed("169.254.10.1", "169.254.10.2")
    told = health("one")
    assert told["answered"] > 0 and told["lost"] == 0 and 0 < told["rtt"]["min_s"] <= told["rtt"]["last_s"] + 1, told
    assert told["running"] and told["refused"] is None and told["destination"] == "169.254.10.2", told
    assert health("two") is None and not ONE.bad, ONE.bad
    assert "health check good for" in text("show", "tunnels", "-d")


def a_host_behind_the_tunnel_answers_an_address_of_the_gateway():
    apply(one=HOST + QUICK, two=HOST6 + QUICK)
    wait_for("both are good", lambda: is_state("one", "good")() and is_state("two", "good")())
    ONE.probed("10.1.0.1", "10.50.0.9")
    TWO.probed("fd00:1::1", "fd00:50::9")
    assert not ONE.bad and not TWO.bad, (ONE.bad, TWO.bad)


def the_daemon_probes_with_what_privileges_are_left():
    status = open(f"/proc/{G.daemon.pid}/status").read()
    assert f"CapEff:\t{(1 << 12) | (1 << 39):016x}" in status, status  # NET_ADMIN, BPF


def without_phase_2_nothing_is_probed():
    apply(one=INSIDE + QUICK)
    ONE.probed("169.254.10.1", "169.254.10.2")
    G.down(1)
    ONE.probes.clear()
    assert health("one")["state"] == "unknown" and not health("one")["running"], health("one")
    time.sleep(0.5)  # five intervals
    assert not ONE.probes, ONE.probes
    G.up(1)
    wait_for("it is good again", is_state("one", "good"))


# ---- what follows --------------------------------------------------------------------------------------------------

def a_tunnel_whose_check_fails_carries_nothing():
    apply(one=INSIDE + QUICK)
    wait_for("it is good", is_state("one", "good"))
    with Monitor() as monitor:
        ONE.answers = False
        wait_for("it is bad", is_state("one", "bad"))
        told = tunnel("one")
        assert not told["up"] and told["state"] == "up" and told["why"] == "health check failed", told
        assert told["health"]["lost"] >= 3 and word("one") == 0 and used() == {"two"} and G.states() == {"active"}
        wait_for("an alarm", lambda: alarms() == [
            "tunnel one: 169.254.10.2 behind it does not answer; it carries nothing (on_failure: revoke_route)"])
        assert "health check failed" in text("show", "tunnels")
        wait_for("subscribers hear of it", lambda: any(e["state"] == "bad" for e in monitor.of("health", "one")))
        wait_for("and that it is not used", lambda: any(not e["live"] for e in monitor.of("liveness", "one")))
    ONE.probed("169.254.10.1", "169.254.10.2")  # goes on


def one_answer_is_not_enough_to_return():
    assert health("one")["state"] == "bad"
    ONE.only = 3  # never three in a row
    ONE.answers = True
    answered = health("one")["answered"]
    wait_for("some answers", lambda: health("one")["answered"] >= answered + 3)
    assert health("one")["state"] == "bad" and word("one") == 0, health("one")
    ONE.only = None
    wait_for("it is good", is_state("one", "good"))
    wait_for("it is used, and the alarm is gone", lambda: G.live(1) and not alarms())
    assert word("one") == 1 and used() == {"one", "two"}


def a_connection_whose_checks_fail_is_withdrawn_and_comes_back():
    """The answers have no route back meanwhile."""
    apply(one=HOST + QUICK, two=HOST + QUICK)
    wait_for("both are good", lambda: is_state("one", "good")() and is_state("two", "good")())
    ONE.answers = TWO.answers = False
    wait_for("the routes are withdrawn", lambda: G.states() == {"withdrawn"})
    assert G.path("10.50.0.9", "udp", 1, 2)["verdict"] == "drop"
    ONE.answers = True
    wait_for("the routes are back", lambda: G.states() == {"active"})
    assert G.live(1) and not G.live(2) and used() == {"one"}
    TWO.answers = True
    wait_for("both are used", lambda: G.live(2))


def a_check_that_is_only_said_takes_nothing_out():
    apply(one=INSIDE + QUICK + ", on_failure: reserve_route")
    wait_for("it is good", is_state("one", "good"))
    ONE.answers = False
    wait_for("an alarm", lambda: alarms() == [
        "tunnel one: 169.254.10.2 behind it does not answer; it goes on carrying (on_failure: reserve_route)"])
    assert G.live(1) and word("one") == 1 and used() == {"one", "two"} and tunnel("one")["flaps"] == flaps("one")
    assert "health check failed, which is only said" in text("show", "tunnels")
    ONE.answers = True
    wait_for("no alarm", lambda: not alarms())


def flaps(name):
    return tunnel(name)["flaps"]


def a_source_that_is_not_ours_is_an_alarm_and_takes_nothing_out():
    for source, destination in (("10.1.0.77", "10.50.0.9"), ("fd00:1::77", "fd00:50::9")):
        before = flaps("one")
        apply(one=f'destination: "{destination}", source: "{source}"' + QUICK)
        wait_for("an alarm", lambda: [a for a in alarms() if "'source' must be an address of this gateway" in a])
        told = tunnel("one")
        assert told["up"] and told["health"]["state"] == "unknown" and told["health"]["refused"], told
        assert flaps("one") == before and "cannot be sent" in text("show", "tunnels", "-d")
        run(f"ip address add {source}/{64 if ':' in source else 24} dev eth1")
        wait_for("it is good", is_state("one", "good"))
        wait_for("no alarm", lambda: not alarms())
        run(f"ip address delete {source}/{64 if ':' in source else 24} dev eth1")
        wait_for("it has no result", is_state("one", "unknown"))
        assert G.live(1)


def another_destination_begins_anew_and_another_interval_does_not():
    apply(one=INSIDE + ", interval: 3600s")
    wait_for("it is good", is_state("one", "good"))
    sent = health("one")["sent"]
    apply(one=INSIDE + QUICK)  # not an hour later
    wait_for("it goes on", lambda: health("one")["sent"] > sent + 3)
    assert health("one")["state"] == "good"
    ONE.answers = False
    apply(one=HOST + QUICK)
    assert health("one")["answered"] == 0, health("one")
    wait_for("it is bad", is_state("one", "bad"))
    ONE.answers = True


# ---- a restart -----------------------------------------------------------------------------------------------------

def a_restart_over_a_check_that_fails_waits_for_its_result():
    configure(CONFIG, one=INSIDE + QUICK)
    apply(one=INSIDE + QUICK)
    wait_for("it is good", is_state("one", "good"))
    ONE.answers = False
    G.stop(ground.signal.SIGKILL)
    words = []
    G.start()
    while not is_state("one", "bad")():
        words.append(word("one"))
    assert word("one") == 0, health("one")
    ONE.answers = True
    wait_for("it is used", lambda: G.live(1))


def after_a_renegotiation_a_bad_tunnel_waits_for_an_answer():
    apply(one=INSIDE + QUICK)
    wait_for("it is good", is_state("one", "good"))
    ONE.answers = False
    wait_for("it is bad", is_state("one", "bad"))
    G.sas("down", 1)
    wait_for("it is down", lambda: tunnel("one")["state"] == "down")
    up(1)
    assert not tunnel("one")["up"] and health("one")["state"] == "bad" and word("one") == 0, tunnel("one")
    ONE.answers = True
    wait_for("one answer is enough", lambda: G.live(1))


STORIES = [
    a_probe_goes_through_its_tunnel_and_is_answered, a_host_behind_the_tunnel_answers_an_address_of_the_gateway,
    the_daemon_probes_with_what_privileges_are_left, without_phase_2_nothing_is_probed,
    a_tunnel_whose_check_fails_carries_nothing, one_answer_is_not_enough_to_return,
    a_connection_whose_checks_fail_is_withdrawn_and_comes_back, a_check_that_is_only_said_takes_nothing_out,
    a_source_that_is_not_ours_is_an_alarm_and_takes_nothing_out,
    another_destination_begins_anew_and_another_interval_does_not,
    a_restart_over_a_check_that_fails_waits_for_its_result, after_a_renegotiation_a_bad_tunnel_waits_for_an_answer,
]


def main():
    global G, ONE, TWO
    G = ground.G = machine.G = Gateway()
    ONE, TWO = Peer("tun101"), Peer("tun102")
    configure(CONFIG)
    G.start()
    G.up(1)
    G.up(2)
    return ground.tell(G, STORIES, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
