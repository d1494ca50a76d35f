# SPDX-License-Identifier: GPL-2.0-only
"""
What the kernel's tables say of BGP, on the ground of gateway.py: routes are put there as a routing daemon would put
them, and the question is always where a packet goes then. Real FRR and BIRD: the vm tier.
"""
import os
import signal
import subprocess
import sys
import time

import gateway as ground
from gateway import CONFIG, HOST, Gateway, alarms, frame, flow, hop, inside_tunnels, run, wait_for, write
from routing import RoutingDaemon, end_controller, goes, path, show_bgp, stale, traffic

YAML = """
gateway: { limits: %(limits)s, damping: off, audit: %(audit)s }
transit_router:
  tables:
    main: { learn: [vpc-a, dc-1, dc-2] }
attachments:
  vpc-a: { type: vpc, device: eth1, cidrs: [10.1.0.0/24, "fd00:1::/64"], association: main }
  dc-1:  { type: vpn, connection: dc-1, association: main }
  dc-2:  { type: vpn, connection: dc-2, association: main }
customer_gateways:
  dc-1: { addresses: [203.0.113.10, 203.0.113.11], asn: 65001 }
  dc-2: { addresses: [203.0.113.12] }
connections:
  dc-1:
    customer_gateway: dc-1
    vrf: false
    table: 1001
    bgp: { graceful_restart: %(graceful)s }
""" + inside_tunnels() + """\
  dc-2:
    customer_gateway: dc-2
    vrf: false
    routes: [10.70.0.0/16]
    tunnels:
      - { name: three, if_id: 103, device: tun103, local_address: 198.51.100.1, remote_address: 203.0.113.12 }
"""
MEMORY = "/run/espalier/bgp.json"
G = None
ZEBRA = RoutingDaemon()


def configure(limits="default", graceful="{ restart_time: 120s }", audit="30s"):
    write(CONFIG, YAML % {"limits": limits, "graceful": graceful, "audit": audit})


def apply(**what):
    configure(**what)
    G.cli("apply", CONFIG)


def batch(*lines):
    """By the one routing daemon that there is."""
    ZEBRA.do(*lines)


def bgp(verb, prefix, hops="", metric=20):
    """As a daemon does it: protocol bgp, in the connection's table."""
    batch(f"route {verb} {prefix} table 1001 proto bgp metric {metric} {hops}")


def learned():
    rows = G.cli("show", "routes", "--connection", "dc-1")
    return {r["prefix"]: {h["tunnel"] for h in r["next_hops"]} for r in rows if r["type"] == "bgp"}


def said():
    return " ".join(alarms())


# ---- the stories ---------------------------------------------------------------------------------------------------

def a_route_of_the_daemon_reaches_the_trie_and_the_packet_the_tunnel():
    bgp("add", "10.50.0.0/16", "dev tun101")
    goes("10.50.0.9", "one")
    packet = flow(1000)
    G.vpc.send(frame(packet))
    G.tun["tun101"].expect(hop(packet))
    rows = [r for r in G.cli("show", "routes", "--table", "main") if r["prefix"] == "10.50.0.0/16"]
    assert [(r["type"], r["state"], r["origin"]) for r in rows] == [("bgp", "active", "bgp")], rows


def two_hops_are_two_tunnels_and_a_replaced_route_is_what_it_is_now():
    bgp("replace", "10.50.0.0/16", "nexthop dev tun101 nexthop dev tun102")
    goes("10.50.0.9", "one", "two")
    bgp("replace", "10.50.0.0/16", "dev tun102")
    goes("10.50.0.9", "two")
    bgp("del", "10.50.0.0/16")
    goes("10.50.0.9", "no-route")


def routes_of_others_in_that_table_are_not_learned():
    batch("route add 10.51.0.0/16 dev tun101 table 1001 proto static", "route add 10.52.0.0/16 dev tun101 proto bgp",
          "route add blackhole 10.53.0.0/16 table 1001 proto bgp")
    bgp("add", "10.54.0.0/16", "dev tun101")
    goes("10.54.0.1", "one")
    assert set(learned()) == {"10.54.0.0/16"}, learned()
    batch("route del 10.51.0.0/16 table 1001", "route del 10.52.0.0/16", "route del 10.53.0.0/16 table 1001",
          "route del 10.54.0.0/16 table 1001")


def another_kind_of_route_in_its_place_is_none_of_ours():
    for prefix, source in (("10.65.0.0/16", HOST), ("fd00:65::/48", "fd00:1::2")):
        inside = prefix.split("/")[0]
        for line in (f"route replace blackhole {prefix} table 1001 proto bgp metric 20",
                     f"route replace {prefix} dev tun102 table 1001 proto static metric 20"):
            bgp("add", prefix, "dev tun101")
            goes(inside, "one", source=source)
            batch(line)
            goes(inside, "no-route", source=source)
            batch(f"route del {prefix} table 1001 metric 20")


def ipv6_loses_one_hop_of_two():
    first, second = "via fe80::2 dev tun101", "via fe80::2 dev tun102"
    bgp("add", "fd00:50::/48", f"nexthop {first} nexthop {second}")
    goes("fd00:50::1", "one", "two", source="fd00:1::2")
    bgp("del", "fd00:50::/48", first)
    goes("fd00:50::1", "two", source="fd00:1::2")
    bgp("append", "fd00:50::/48", first)
    goes("fd00:50::1", "one", "two", source="fd00:1::2")
    bgp("del", "fd00:50::/48", f"nexthop {first} nexthop {second}")
    goes("fd00:50::1", "no-route", source="fd00:1::2")


def ipv4_next_hops_with_ipv6_addresses():
    bgp("add", "10.55.0.0/16", "via inet6 fe80::2 dev tun101")
    goes("10.55.0.1", "one")
    bgp("del", "10.55.0.0/16")
    goes("10.55.0.1", "no-route")


def of_two_metrics_the_lower_one_goes_first():
    batch("route add 10.56.0.0/16 dev tun101 table 1001 proto bird metric 32")
    goes("10.56.0.1", "one")
    bgp("add", "10.56.0.0/16", "dev tun102")
    goes("10.56.0.1", "two")
    bgp("del", "10.56.0.0/16")
    goes("10.56.0.1", "one")
    batch("route del 10.56.0.0/16 table 1001 metric 32")
    goes("10.56.0.1", "no-route")


def an_appended_route_waits_until_the_first_one_goes():
    bgp("add", "10.57.0.0/16", "dev tun101")
    bgp("append", "10.57.0.0/16", "dev tun102")
    goes("10.57.0.1", "one")
    bgp("del", "10.57.0.0/16", "dev tun101")
    goes("10.57.0.1", "two")
    bgp("del", "10.57.0.0/16")
    goes("10.57.0.1", "no-route")


def nexthop_objects_with_and_without_their_devices_in_the_route():
    for compat in (1, 0):
        run(f"sysctl -qw net.ipv4.nexthop_compat_mode={compat}")
        batch("nexthop add id 21 dev tun101 proto zebra", "nexthop add id 22 dev tun102 proto zebra")
        batch("nexthop add id 20 group 21/22 proto zebra")
        bgp("add", "10.58.0.0/16", "nhid 20")
        goes("10.58.0.1", "one", "two")
        batch("nexthop replace id 20 group 22 proto zebra")
        goes("10.58.0.1", "two")
        batch("nexthop replace id 20 group 21/22 proto zebra")
        goes("10.58.0.1", "one", "two")
        batch("nexthop del id 21")  # takes itself out of the group
        goes("10.58.0.1", "two")
        batch("nexthop del id 22")  # takes the group and the route along
        goes("10.58.0.1", "no-route")
    run("sysctl -qw net.ipv4.nexthop_compat_mode=1")


def a_link_that_goes_down_takes_its_routes_along_without_a_word():
    bgp("add", "10.59.0.0/16", "nexthop dev tun101 nexthop dev tun102")
    goes("10.59.0.1", "one", "two")
    run("ip link set tun102 down")
    goes("10.59.0.1", "one")
    run("ip link set tun101 down")
    goes("10.59.0.1", "no-route")
    wait_for("nothing is learned", lambda: learned() == {})
    run("ip link set tun101 up && ip link set tun102 up")
    bgp("add", "10.59.0.0/16", "nexthop dev tun101 nexthop dev tun102")
    goes("10.59.0.1", "one", "two")
    bgp("del", "10.59.0.0/16")


def a_route_whose_tunnel_left_phase_2_lets_the_shorter_one_show():
    bgp("add", "10.60.0.0/16", "dev tun102")
    bgp("add", "10.60.1.0/24", "dev tun101")
    goes("10.60.1.1", "one")
    G.down(1)
    goes("10.60.1.1", "two")
    states = {r["prefix"]: r["state"] for r in G.cli("show", "routes", "--connection", "dc-1") if r["type"] == "bgp"}
    assert states == {"10.60.0.0/16": "active", "10.60.1.0/24": "withdrawn"}, states
    G.up(1)
    goes("10.60.1.1", "one")
    bgp("del", "10.60.0.0/16")
    bgp("del", "10.60.1.0/24")


def bgp_goes_before_a_destination_based_route_of_another_connection():
    G.up(3)
    goes("10.70.0.1", "three")
    bgp("add", "10.70.0.0/16", "dev tun101")
    goes("10.70.0.1", "one")
    standby = [r for r in G.cli("show", "routes", "--table", "main")
               if r["prefix"] == "10.70.0.0/16" and r["state"] == "standby"]
    assert len(standby) == 1 and "dc-1 (bgp)" in standby[0]["why"], standby
    bgp("del", "10.70.0.0/16")
    goes("10.70.0.1", "three")
    G.down(3)


def the_default_route_may_be_learned():
    bgp("add", "default", "dev tun101")
    goes("192.0.2.77", "one")
    bgp("del", "default")
    goes("192.0.2.77", "no-route")


def numbered(count, first=0):
    return [f"10.{128 + n // 256}.{n % 256}.0/24" for n in range(first, first + count)]


def many(verb, prefixes, device="tun101"):
    batch(*[f"route {verb} {p} dev {device} table 1001 proto bgp metric 20" for p in prefixes])


def counts():
    return [(t["offered"], t["accepted"]) for t in show_bgp()["tunnels"]]


def over_quota_is_refused_said_and_given_room_later():
    many("add", numbered(790))
    wait_for("790 are accepted", lambda: counts()[0] == (790, 790))
    assert "BGP routes" not in said(), said()
    many("add", numbered(20, 790))
    wait_for("headroom is short", lambda: "more than 80 %" in said())
    many("add", numbered(141, 810))
    wait_for("headroom is shorter", lambda: "more than 95 %" in said() and "more than 80 %" not in said())
    many("add", numbered(50, 951))
    wait_for("one is refused", lambda: counts()[0] == (1001, 1000))
    wait_for("that is said", lambda: "over quota are refused" in said() and "all of the 1000" in said())
    refused = show_bgp()["refused"]
    assert len(refused) == 1, refused
    assert path(refused[0]["prefix"].replace(".0/24", ".1")) == {"no-route"}
    many("del", numbered(1))
    wait_for("the refused one got the room", lambda: counts()[0] == (1000, 1000))
    goes(refused[0]["prefix"].replace(".0/24", ".1"), "one")
    many("add", numbered(1000, 1001))
    wait_for("a thousand are refused", lambda: counts()[0] == (2000, 1000))
    many("del", numbered(2000, 1))
    wait_for("all are gone", lambda: counts()[0] == (0, 0))
    wait_for("and nothing is said any more", lambda: "BGP routes" not in said())


def without_limits_all_are_accepted():
    apply(limits="none")
    many("add", numbered(1500))
    wait_for("all are accepted", lambda: counts()[0] == (1500, 1500))
    apply()
    wait_for("a thousand stay", lambda: counts()[0] == (1500, 1000))
    many("del", numbered(1500))
    wait_for("all are gone", lambda: counts()[0] == (0, 0))


def a_killed_daemon_finds_the_routes_again_and_loses_no_packet():
    bgp("add", "10.61.0.0/16", "nexthop dev tun101 nexthop dev tun102")
    goes("10.61.0.1", "one", "two")
    end_controller()
    bgp("add", "10.62.0.0/16", "dev tun102")
    G.start()
    assert path("10.61.0.1") == {"one", "two"} and path("10.62.0.1") == {"two"}
    bgp("del", "10.61.0.0/16")
    bgp("del", "10.62.0.0/16")


def another_configuration_keeps_what_was_learned():
    bgp("add", "10.63.0.0/16", "dev tun101")
    goes("10.63.0.1", "one")
    with open(CONFIG) as f:
        text = f.read()
    write(CONFIG, text.replace("routes: [10.70.0.0/16]", "routes: [10.70.0.0/16, 10.71.0.0/16]"))
    G.cli("apply", CONFIG)
    assert path("10.63.0.1") == {"one"}
    bgp("del", "10.63.0.0/16")
    goes("10.63.0.1", "no-route")


def a_daemon_that_was_killed_keeps_its_routes_and_so_does_the_next_one_that_sweeps_them():
    prefixes = [f"10.66.{n}.0/24" for n in range(50)]
    bgp("add", "10.67.0.0/16", "nexthop dev tun101 nexthop dev tun102")
    many("add", prefixes)
    goes("10.66.49.1", "one")
    sent = traffic(lambda: sweep_and_return(prefixes), "10.66.49.1")
    assert sent > 20, sent
    many("del", prefixes)  # by whom brought them again: they go at once
    bgp("del", "10.67.0.0/16")
    goes("10.66.49.1", "no-route")
    goes("10.67.0.1", "no-route")


def sweep_and_return(prefixes):
    ZEBRA.restart()
    many("del", prefixes)
    bgp("del", "10.67.0.0/16")
    wait_for("all are stale", lambda: stale() == [51, 1])
    assert 0 < show_bgp()["stale_for_s"] <= 120
    wait_for("that is said", lambda: "stale" in said())
    assert path("10.66.49.1") == {"one"} and path("10.67.0.1") == {"one", "two"}
    G.cli("audit")  # the kernel is read anew
    assert stale() == [51, 1] and path("10.66.0.1") == {"one"}
    many("add", prefixes)
    bgp("add", "10.67.0.0/16", "nexthop dev tun101 nexthop dev tun102")
    wait_for("all are fresh", lambda: stale() == [0, 0] and show_bgp()["stale_for_s"] is None)
    wait_for("nothing is said any more", lambda: "stale" not in said())


def what_an_administrator_removes_goes_at_once():
    """Another hand than the daemon's, which is alive: nobody is going to bring the route again."""
    bgp("add", "10.66.0.0/16", "dev tun101")
    goes("10.66.0.1", "one")
    run("ip route del 10.66.0.0/16 table 1001 proto bgp")
    goes("10.66.0.1", "no-route")
    assert stale() == [0, 0] and counts() == [(0, 0), (0, 0)]
    # Of what the gateway has read and not heard, too.
    bgp("add", "10.66.0.0/16", "dev tun101")
    end_controller()
    G.start()
    bgp("add", "10.67.0.0/16", "dev tun101")
    goes("10.67.0.1", "one")
    goes("10.66.0.1", "one")
    run("ip route del 10.66.0.0/16 table 1001 proto bgp")
    goes("10.66.0.1", "no-route")
    assert stale() == [0, 0]
    # The daemon's own are still told from a restart's.
    bgp("del", "10.67.0.0/16")
    goes("10.67.0.1", "no-route")
    assert stale() == [0, 0]


def a_zebra_that_sweeps_nexthop_objects_alone():
    """Their routes go with them, and the kernel tells of no route."""
    def objects(first):
        batch(f"nexthop add id {first + 1} dev tun101 proto zebra", f"nexthop add id {first + 2} dev tun102 proto zebra",
              f"nexthop add id {first} group {first + 1}/{first + 2} proto zebra")
    objects(30)
    bgp("add", "10.68.0.0/16", "nhid 30")
    goes("10.68.0.1", "one", "two")
    ZEBRA.restart()
    batch("nexthop del id 31", "nexthop del id 32")
    wait_for("it is stale", lambda: stale() == [1, 1])
    assert path("10.68.0.1") == {"one", "two"} and "10.68" not in run("ip route show table 1001")
    objects(40)
    bgp("add", "10.68.0.0/16", "nhid 40")
    wait_for("it is fresh", lambda: stale() == [0, 0])
    batch("nexthop del id 41", "nexthop del id 42")  # its own
    goes("10.68.0.1", "no-route")


def what_is_stale_goes_when_its_time_is_over():
    apply(graceful="{ restart_time: 5s }")
    bgp("add", "10.66.0.0/16", "dev tun101")
    goes("10.66.0.1", "one")
    ZEBRA.restart()
    bgp("del", "10.66.0.0/16")
    wait_for("it is stale", lambda: stale() == [1, 0])
    goes("10.66.0.1", "no-route")
    assert stale() == [0, 0] and counts() == [(0, 0), (0, 0)]


def what_is_stale_goes_with_its_tunnel():
    apply()
    bgp("add", "10.66.0.0/16", "nexthop dev tun101 nexthop dev tun102")
    goes("10.66.0.1", "one", "two")
    ZEBRA.restart()
    bgp("del", "10.66.0.0/16")
    wait_for("it is stale", lambda: stale() == [1, 1])
    G.down(1)
    wait_for("one is gone", lambda: stale() == [0, 1])
    G.up(1)
    goes("10.66.0.1", "two")
    G.down(2)
    wait_for("both are gone", lambda: stale() == [0, 0])
    G.up(2)
    goes("10.66.0.1", "no-route")


def what_is_stale_never_moves_to_another_tunnel():
    """Tunnels are known by position: in another order the same position is another tunnel."""
    bgp("add", "10.66.0.0/16", "dev tun101")
    bgp("add", "10.67.0.0/16", "dev tun101")
    goes("10.67.0.1", "one")
    ZEBRA.restart()
    bgp("del", "10.66.0.0/16")
    wait_for("it is stale", lambda: stale() == [1, 0])
    with open(CONFIG, encoding="ascii") as f:
        text = f.read()
    one, two = [line for line in text.splitlines(keepends=True) if "name: one" in line or "name: two" in line]
    write(CONFIG, text.replace(one, "").replace(two, two + one))
    G.cli("apply", CONFIG)
    wait_for("it is gone", lambda: path("10.66.0.1") == {"no-route"} and stale() == [0, 0])
    assert path("10.67.0.1") == {"one"}
    apply()
    bgp("replace", "10.67.0.0/16", "dev tun102")  # by the one that removes it
    goes("10.67.0.1", "two")
    bgp("del", "10.67.0.0/16")
    goes("10.67.0.1", "no-route")


def restart_controller(sig=signal.SIGKILL, meanwhile=lambda: None):
    end_controller(sig)
    meanwhile()
    G.start()


def make_stale(*prefixes):
    for prefix in prefixes:
        bgp("add", prefix, "dev tun101")
    wait_for("they are there", lambda: counts()[0][0] == len(prefixes))
    ZEBRA.restart()
    for prefix in prefixes:
        bgp("del", prefix)
    wait_for("they are stale", lambda: stale() == [len(prefixes), 0])


def a_controller_that_restarts_knows_whose_routes_they_are():
    """The routing daemon writes nothing between its restart and ours."""
    apply(graceful="{ restart_time: 6s }")
    bgp("add", "10.66.0.0/16", "dev tun101")
    goes("10.66.0.1", "one")
    restart_controller()
    goes("10.66.0.1", "one")
    ZEBRA.restart()
    bgp("del", "10.66.0.0/16")
    wait_for("it is stale", lambda: stale() == [1, 0])
    assert path("10.66.0.1") == {"one"}
    bgp("add", "10.66.0.0/16", "dev tun101")
    wait_for("it is fresh", lambda: stale() == [0, 0])
    restart_controller(meanwhile=lambda: time.sleep(6))
    bgp("del", "10.66.0.0/16")  # by the hand that brought it, as nobody else can have
    goes("10.66.0.1", "no-route")
    assert stale() == [0, 0]
    apply()


def both_daemons_restart_and_the_next_zebra_sweeps():
    bgp("add", "10.66.0.0/16", "dev tun101")
    goes("10.66.0.1", "one")
    restart_controller(meanwhile=ZEBRA.restart)
    goes("10.66.0.1", "one")
    bgp("del", "10.66.0.0/16")
    wait_for("it is stale", lambda: stale() == [1, 0])
    assert path("10.66.0.1") == {"one"}
    bgp("add", "10.66.0.0/16", "dev tun101")
    wait_for("it is fresh", lambda: stale() == [0, 0])
    bgp("del", "10.66.0.0/16")
    goes("10.66.0.1", "no-route")


def what_is_stale_outlives_the_controller():
    for sig in (signal.SIGTERM, signal.SIGKILL):
        make_stale("10.66.0.0/16", "fd00:66::/48")
        until = show_bgp()["stale_for_s"]
        assert traffic(lambda sig=sig: restart_controller(sig), "10.66.0.1") > 20
        assert stale() == [2, 0] and path("10.66.0.1") == path("fd00:66::1", source="fd00:1::2") == {"one"}
        assert 0 < show_bgp()["stale_for_s"] <= until
        assert "stale" in said()
        bgp("add", "10.66.0.0/16", "dev tun101")
        bgp("add", "fd00:66::/48", "dev tun101")
        wait_for("all are fresh", lambda: stale() == [0, 0])
        bgp("del", "10.66.0.0/16")
        bgp("del", "fd00:66::/48")
        goes("10.66.0.1", "no-route")
        restart_controller()
        assert stale() == [0, 0] and path("10.66.0.1") == {"no-route"}


def what_became_of_stale_routes_while_the_controller_was_away():
    make_stale("10.66.0.0/16", "10.67.0.0/16", "10.68.0.0/16")
    restart_controller(meanwhile=lambda: bgp("add", "10.67.0.0/16", "dev tun102"))
    assert stale() == [2, 0] and path("10.66.0.1") == {"one"} and path("10.67.0.1") == {"two"}
    restart_controller(meanwhile=lambda: G.offline_down(1))
    goes("10.66.0.1", "no-route")
    assert stale() == [0, 0] and path("10.67.0.1") == {"two"}
    G.up(1)
    bgp("replace", "10.67.0.0/16", "dev tun101")  # by the one that removes it
    bgp("del", "10.67.0.0/16")
    goes("10.67.0.1", "no-route")
    apply(graceful="{ restart_time: 6s }")
    make_stale("10.66.0.0/16")
    restart_controller(meanwhile=lambda: time.sleep(6))
    assert stale() == [0, 0] and path("10.66.0.1") == {"no-route"}
    make_stale("10.66.0.0/16")
    restart_controller()
    wait_for("its time is over", lambda: stale() == [0, 0])
    goes("10.66.0.1", "no-route")
    apply()


def what_is_stale_follows_the_configuration():
    make_stale("10.66.0.0/16")
    apply(graceful="{ restart_time: 5s }")
    assert show_bgp()["stale_for_s"] <= 5
    wait_for("its time is over", lambda: stale() == [0, 0])
    apply()
    make_stale("10.66.0.0/16")
    apply(graceful="off")
    goes("10.66.0.1", "no-route")
    assert stale() == [0, 0]
    apply()


def what_a_controller_dropped_does_not_come_back_with_the_next_one():
    make_stale("10.66.0.0/16")
    restart_controller(meanwhile=lambda: configure(graceful="off"))
    assert stale() == [0, 0] and path("10.66.0.1") == {"no-route"}
    apply()
    restart_controller()
    assert stale() == [0, 0] and path("10.66.0.1") == {"no-route"}


def a_runtime_directory_that_cannot_be_written_is_tried_again():
    os.chmod(os.path.dirname(MEMORY), 0o500)  # which stops a root without CAP_DAC_OVERRIDE
    try:
        make_stale(*(f"10.66.{n}.0/24" for n in range(20)))
        time.sleep(0.5)
    finally:
        os.chmod(os.path.dirname(MEMORY), 0o755)
    with open(f"{ground.STATE}/log", encoding="utf-8") as f:
        assert f.read().count(f"cannot write {MEMORY}") == 1
    wait_for("it is written", lambda: "10.66.19.0/24" in open(MEMORY).read(), 2 * ground.DEADLINE)
    for n in range(20):
        bgp("add", f"10.66.{n}.0/24", "dev tun101")
        bgp("del", f"10.66.{n}.0/24")
    wait_for("all are gone", lambda: counts() == [(0, 0), (0, 0)])


def what_the_former_controller_wrote_makes_no_sense():
    for nonsense in ("", "{", '{"version": 2, "connections": {}}', '{"version": 1, "connections": []}',
                     '{"version": 1, "connections": {"dc-1": {"writer": "x", "until_ns": 99999999999999999, "stale": '
                     '[{"metric": 20, "devices": ["tun101"], "prefixes": "10.66.0.0/16 10.66.0.0/99"}, 7]}}}'):
        bgp("add", "10.69.0.0/16", "dev tun101")
        goes("10.69.0.1", "one")
        restart_controller(meanwhile=lambda text=nonsense: write(MEMORY, text))
        goes("10.69.0.1", "one")
        with open(f"{ground.STATE}/log", encoding="utf-8") as f:
            assert f.read().count(f"{MEMORY} cannot be used") >= 1
        bgp("replace", "10.69.0.0/16", "dev tun101")
        bgp("del", "10.69.0.0/16")
        goes("10.69.0.1", "no-route")
    G.cli("apply", CONFIG)


def without_graceful_restart_nothing_is_kept():
    apply(graceful="off")
    bgp("add", "10.66.0.0/16", "dev tun101")
    goes("10.66.0.1", "one")
    ZEBRA.restart()
    bgp("del", "10.66.0.0/16")
    goes("10.66.0.1", "no-route")
    apply()


def a_session_that_goes_down_takes_its_routes_along_though_phase_2_stands():
    bgp("add", "10.66.0.0/16", "dev tun101")
    goes("10.66.0.1", "one")
    bgp("del", "10.66.0.0/16")
    goes("10.66.0.1", "no-route")
    assert G.live(1) and stale() == [0, 0]


def messages_that_were_lost_are_made_up_for_by_reading_anew():
    """More than the socket holds, while the daemon does not run: some routes stay, most come and go, one leads elsewhere. And
    more while it drains: the kernel says nothing of those until its queue is empty. The audit, which would read anew, is off."""
    apply(limits="none", audit="off")
    hosts = [f"10.{192 + (n >> 16)}.{n >> 8 & 255}.{n & 255}/32" for n in range(100000)]
    bgp("add", "10.69.0.0/16", "dev tun101")
    many("add", hosts[:10])
    wait_for("ten and one", lambda: counts()[0] == (11, 11))
    G.daemon.send_signal(signal.SIGSTOP)
    many("add", hosts[10:])
    many("del", hosts[20:])
    bgp("replace", "10.69.0.0/16", "dev tun102")
    bgp("del", hosts[0])
    late = [f"10.96.{n >> 8}.{n & 255}/32" for n in range(4000)]
    G.daemon.send_signal(signal.SIGCONT)
    for n in range(0, len(late), 20):
        many("add", late[n:n + 20])
    wait_for("what is there is learned", lambda: counts() == [(4019, 4019), (1, 1)], 20)
    many("del", late)
    assert "messages about routes were lost" in open(f"{ground.STATE}/log").read()
    assert path("10.69.0.1") == {"two"} and path("10.192.0.0") == {"no-route"} and path("10.192.0.19") == {"one"}
    many("del", hosts[1:20])
    bgp("del", "10.69.0.0/16")
    apply()
    wait_for("all are gone", lambda: counts() == [(0, 0), (0, 0)])


def what_stands_outlives_a_reading_that_others_write_into():
    """
    The kernel begins an IPv6 dump anew when a route came meanwhile, and leaves out as many as it has told: with some of those
    gone that is too many. The audit, which would read once more, is off.
    """
    def lines(verb, prefixes):
        return [f"route {verb} {p} table 1001 proto bgp metric 20 dev tun101" for p in prefixes]
    apply(limits="none", audit="off")
    standing = [f"fd77:{n:x}::/32" for n in range(20000)]
    early = [[f"fd0{k}:{n:x}::/32" for n in range(50)] for k in (6, 7)]
    batch(*lines("add", standing + early[0]))
    wait_for("all are there", lambda: counts()[0] == (20050, 20050))
    for n in range(20):
        batch(f"link set dev tun102 txqueuelen {600 + n}")  # what happens to a tunnel's device is a reason to read
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            batch(*lines("del", early[0]), *lines("add", early[1]))
            early.reverse()
        wait_for("all are there, as ever", lambda: counts()[0] == (20050, 20050), 3)
    batch(*lines("del", standing + early[0]))
    apply()
    wait_for("all are gone", lambda: counts() == [(0, 0), (0, 0)])


def a_cleanup_forgets_who_wrote():
    assert os.path.exists(MEMORY)
    G.stop()
    subprocess.run(G.command("--cleanup"), check=True, stdout=G.log, stderr=G.log)
    assert not os.path.exists(MEMORY)


STORIES = [
    a_route_of_the_daemon_reaches_the_trie_and_the_packet_the_tunnel,
    two_hops_are_two_tunnels_and_a_replaced_route_is_what_it_is_now,
    another_kind_of_route_in_its_place_is_none_of_ours, routes_of_others_in_that_table_are_not_learned,
    ipv6_loses_one_hop_of_two, ipv4_next_hops_with_ipv6_addresses, of_two_metrics_the_lower_one_goes_first,
    an_appended_route_waits_until_the_first_one_goes, nexthop_objects_with_and_without_their_devices_in_the_route,
    a_link_that_goes_down_takes_its_routes_along_without_a_word,
    a_route_whose_tunnel_left_phase_2_lets_the_shorter_one_show,
    bgp_goes_before_a_destination_based_route_of_another_connection, the_default_route_may_be_learned,
    over_quota_is_refused_said_and_given_room_later, without_limits_all_are_accepted,
    messages_that_were_lost_are_made_up_for_by_reading_anew, what_stands_outlives_a_reading_that_others_write_into,
    a_session_that_goes_down_takes_its_routes_along_though_phase_2_stands,
    a_daemon_that_was_killed_keeps_its_routes_and_so_does_the_next_one_that_sweeps_them,
    what_an_administrator_removes_goes_at_once, a_zebra_that_sweeps_nexthop_objects_alone,
    what_is_stale_goes_when_its_time_is_over, what_is_stale_goes_with_its_tunnel,
    what_is_stale_never_moves_to_another_tunnel,
    a_controller_that_restarts_knows_whose_routes_they_are, both_daemons_restart_and_the_next_zebra_sweeps,
    what_is_stale_outlives_the_controller, what_became_of_stale_routes_while_the_controller_was_away,
    what_is_stale_follows_the_configuration, what_a_controller_dropped_does_not_come_back_with_the_next_one,
    a_runtime_directory_that_cannot_be_written_is_tried_again, what_the_former_controller_wrote_makes_no_sense,
    without_graceful_restart_nothing_is_kept,
    a_killed_daemon_finds_the_routes_again_and_loses_no_packet, another_configuration_keeps_what_was_learned,
    a_cleanup_forgets_who_wrote,
]


def main():
    global G
    G = ground.G = Gateway("tun103")
    configure()
    G.start()
    G.up(1)
    G.up(2)
    return ground.tell(G, STORIES, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
