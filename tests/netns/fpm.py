# SPDX-License-Identifier: GPL-2.0-only
"""
Routes by FRR's FPM stream, on the ground of gateway.py: a scripted zebra says them as zebra/dplane_fpm_nl.c does. The
real one: tests/netns/frr.py, where there is one.
"""
import json
import os
import socket
import struct
import sys
import time

from scapy.all import Ether, ICMP, IP, IPOption_Router_Alert, Raw, UDP

import gateway as ground
from gateway import CONFIG, HOST, Gateway, alarms, frame, hop, inside_tunnels, run, wait_for, write
from routing import RoutingDaemon, by_tunnel, end_controller, goes, offered, path, show_bgp, stale, traffic

YAML = """
gateway: { limits: none, on_no_route: %(no_route)s, fpm: { port: %(port)s, quiet: %(quiet)s%(user)s } }
transit_router:
  tables:
    main: { learn: [%(learn)s], slow_path: %(slow_path)s }
attachments:
  vpc-a: { type: vpc, device: eth1, cidrs: [10.1.0.0/24, "fd00:1::/64"], association: main }
  dc-1:  { type: vpn, connection: dc-1, association: main }
  dc-2:  { type: vpn, connection: dc-2, association: main }
customer_gateways:
  dc-1: { addresses: [203.0.113.10, 203.0.113.11], asn: 65001 }
  dc-2: { address: 203.0.113.12, asn: 65002 }
connections:
  dc-1:
    customer_gateway: dc-1
    vrf: false
    table: 1001
    bgp: { feed: %(feed)s, graceful_restart: %(graceful)s }
""" + inside_tunnels() + """\
  dc-2:
    customer_gateway: dc-2
    vrf: false
    table: 1002
    bgp: {}
    tunnels:
      - { name: three, if_id: 103, device: tun103, local_address: 198.51.100.1, remote_address: 203.0.113.12,
          inside: 169.254.12.0/30, bgp_address: 169.254.12.1 }
"""
PORT = 2620
G = None
Z = None
KERNEL = RoutingDaemon()

NEWROUTE, DELROUTE, NEWNEXTHOP, DELNEXTHOP = 24, 25, 104, 105
REQUEST, REPLACE, CREATE = 0x1, 0x100, 0x400
BGP, STATIC = 186, 196
IP_LOCAL_PORT_RANGE = 51


def attribute(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def u32(kind, value):
    return attribute(kind, struct.pack("=I", value))


def message(kind, flags, body):
    return struct.pack("=IHHII", 16 + len(body), kind, flags | REQUEST, 0, 4711) + body


def route(kind, prefix, *more, table=1001, protocol=BGP, type=1):
    address, length = prefix.split("/")
    family = socket.AF_INET6 if ":" in prefix else socket.AF_INET
    head = struct.pack("=BBBBBBBBI", family, int(length), 0, 0, 0, protocol, 0, type if kind == NEWROUTE else 0, 0)
    flags = CREATE | (REPLACE if kind == NEWROUTE else 0)
    return message(kind, flags, head + attribute(1, socket.inet_pton(family, address)) + u32(6, 20) + u32(15, table) +
                   b"".join(more))


def via(*devices):
    """Without next hop groups: the devices themselves."""
    index = [socket.if_nametoindex(d) for d in devices]
    if len(index) == 1:
        return u32(4, index[0])
    return attribute(9, b"".join(struct.pack("=HBBi", 8, 0, 0, i) for i in index))


def named(group):
    return u32(30, group)


def nexthop(number, device):
    return message(NEWNEXTHOP, CREATE | REPLACE, struct.pack("=BBBBI", socket.AF_INET, 0, 0, 0, 0) + u32(1, number) +
                   u32(5, socket.if_nametoindex(device)))


def group(number, *members):
    return message(NEWNEXTHOP, CREATE | REPLACE, bytes(8) + u32(1, number) +
                   attribute(2, b"".join(struct.pack("=IBBH", m, 0, 0, 0) for m in members)))


def packed(*messages):
    """Each update is a frame of its own, as zebra sends them."""
    return b"".join(struct.pack("!BBH", 1, 1, 4 + len(m)) + m for m in messages)


class Zebra:
    def __init__(self):
        self.socket = None

    def dial(self, source=None, port=PORT, from_port=None):
        self.hang_up()
        self.socket = socket.socket()
        if source:
            self.socket.bind((source, 0))
        if from_port:  # also one that another connection, to elsewhere, has
            self.socket.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE,
                                   struct.pack("=I", from_port | from_port << 16))
        self.socket.connect(("127.0.0.1", port))

    def hang_up(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def say(self, *messages):
        self.socket.sendall(packed(*messages))

    def is_closed(self):
        self.socket.settimeout(0.2)
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def objects(self):
        """A group before its members, as a hash gives them."""
        self.say(group(20, 21, 22), nexthop(21, "tun101"), nexthop(22, "tun102"), nexthop(23, "eth1"))


def dial_as(user, zebra, **how):
    """socket() gives a socket its owner."""
    os.setresuid(user, user, 0)
    try:
        zebra.dial(**how)
    finally:
        os.setresuid(0, 0, 0)


def configure(feed="fpm", graceful="{ restart_time: 120s }", port=PORT, slow_path="full", learn="vpc-a, dc-1, dc-2",
              no_route="drop", user=None, quiet="2s"):
    write(CONFIG, YAML % {"feed": feed, "graceful": graceful, "port": port, "slow_path": slow_path, "learn": learn,
                          "no_route": no_route, "quiet": quiet, "user": f", user: {user}" if user else ""})


def apply(**what):
    configure(**what)
    G.cli("apply", CONFIG)


def connected():
    wait_for("the stream is there", lambda: show_bgp()["feed_connected"])


def nothing_left():
    """The next story begins with an empty table."""
    Z.dial()
    Z.objects()
    Z.say(route(NEWROUTE, "10.255.0.0/16", named(20)), route(DELROUTE, "10.255.0.0/16"))
    wait_for("nothing is left", lambda: offered() == [0, 0])


# ---- the stories ---------------------------------------------------------------------------------------------------

def without_a_stream_it_is_said():
    wait_for("an alarm", lambda: any("FPM stream is not there" in a for a in alarms()))
    assert show_bgp()["feed"] == "fpm" and show_bgp()["feed_connected"] is False
    Z.dial()
    connected()
    wait_for("no alarm", lambda: not any("FPM" in a for a in alarms()))


def routes_by_objects_and_without_them():
    Z.objects()
    Z.say(route(NEWROUTE, "10.50.0.0/16", named(20)), route(NEWROUTE, "fd00:50::/48", named(22)),
          route(NEWROUTE, "10.51.0.0/16", via("tun101", "tun102")), route(NEWROUTE, "10.52.0.0/16", via("tun102")),
          route(NEWROUTE, "10.53.0.0/16", named(23)), route(NEWROUTE, "10.54.0.0/16", named(99)))
    goes("10.50.0.9", "one", "two")
    goes("fd00:50::1", "two", source="fd00:1::2")
    goes("10.51.0.9", "one", "two")
    goes("10.52.0.9", "two")
    assert path("10.53.0.9") == path("10.54.0.9") == {"no-route"}  # not over a tunnel; an object that is not there
    Z.say(group(20, 21))
    goes("10.50.0.9", "one")
    Z.say(nexthop(99, "tun102"))
    goes("10.54.0.9", "two")
    Z.say(*[route(DELROUTE, p) for p in ("10.50.0.0/16", "fd00:50::/48", "10.51.0.0/16", "10.52.0.0/16", "10.53.0.0/16",
                                         "10.54.0.0/16")])
    goes("10.50.0.9", "no-route")
    wait_for("nothing is left", lambda: offered() == [0, 0])


def a_route_of_another_kind_takes_the_place():
    for other in (route(NEWROUTE, "10.50.0.0/16", named(21), protocol=STATIC), route(NEWROUTE, "10.50.0.0/16", type=6)):
        Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)))
        goes("10.50.0.9", "one")
        Z.say(other)
        goes("10.50.0.9", "no-route")
    Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)), route(DELROUTE, "10.50.0.0/16", protocol=STATIC))
    goes("10.50.0.9", "one")
    Z.say(route(DELROUTE, "10.50.0.0/16"))
    goes("10.50.0.9", "no-route")


def each_connection_listens_to_its_own_feed():
    G.up(3)
    Z.say(nexthop(24, "tun103"), route(NEWROUTE, "10.60.0.0/16", named(24), table=1002),
          route(NEWROUTE, "10.61.0.0/16", named(21), table=1003), route(NEWROUTE, "10.50.0.0/16", named(21)))
    KERNEL.do("route add 10.62.0.0/16 dev tun103 table 1002 proto bgp metric 20",
              "route add 10.63.0.0/16 dev tun101 table 1001 proto bgp metric 20")
    goes("10.62.0.1", "three")
    goes("10.50.0.1", "one")
    for other in ("10.60.0.1", "10.61.0.1", "10.63.0.1"):
        assert path(other) == {"no-route"}, other
    KERNEL.do("route del 10.62.0.0/16 table 1002 metric 20", "route del 10.63.0.0/16 table 1001 metric 20")
    Z.say(route(DELROUTE, "10.50.0.0/16"))
    goes("10.50.0.1", "no-route")


def a_replay_is_marked_and_swept_without_a_gap():
    def replay():
        Z.hang_up()
        wait_for("all are stale", lambda: stale() == [3, 1])
        assert show_bgp()["feed_connected"] is False and show_bgp()["stale_for_s"] > 60
        Z.dial()
        Z.objects()
        Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)))
        wait_for("one is fresh", lambda: stale() == [2, 1])
        assert path("10.51.0.1") == {"one"}  # may still come
        time.sleep(1)
        Z.say(route(NEWROUTE, "10.52.0.0/16", named(20)))
        wait_for("what did not come goes", lambda: offered() == [2, 1] and stale() == [0, 0])
        assert path("10.51.0.1") == {"no-route"} and path("10.52.0.1") == {"one", "two"}
    apply(quiet="8s")  # a machine may stand still for a while
    Z.objects()
    Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)), route(NEWROUTE, "10.51.0.0/16", named(21)),
          route(NEWROUTE, "10.52.0.0/16", named(20)))
    goes("10.52.0.1", "one", "two")
    traffic(replay)
    apply()
    nothing_left()


def a_second_zebra_takes_over_without_a_word_of_the_first():
    Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)), route(NEWROUTE, "10.51.0.0/16", named(21)))
    goes("10.51.0.1", "one")
    former, Z.socket = Z.socket, None

    def take_over():
        Z.dial()
        Z.objects()
        Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)))
        wait_for("only what it has is left", lambda: offered() == [1, 0])
    traffic(take_over)
    former.settimeout(2)
    assert former.recv(1) == b""
    former.close()
    nothing_left()


def a_zebra_that_has_nothing_yet_sweeps_nothing():
    Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)))
    goes("10.50.0.9", "one")

    def begin():
        Z.hang_up()
        Z.dial()
        Z.objects()
        Z.say(route(NEWROUTE, "169.254.10.0/30", named(21), protocol=2))  # connected: not BGP's
        time.sleep(3)  # longer than quiet
        assert stale() == [1, 0]
        Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)))
        wait_for("it is fresh", lambda: stale() == [0, 0])
    traffic(begin)
    nothing_left()


def a_session_that_is_back_says_nothing_of_the_other_ones_routes():
    Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)), route(NEWROUTE, "10.51.0.0/16", named(21)),
          route(NEWROUTE, "10.52.0.0/16", named(22)))
    goes("10.52.0.9", "two")

    def first_one_only():
        Z.dial()
        Z.objects()
        Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)))
        wait_for("what its session did not bring goes", lambda: stale() == [0, 1] and offered() == [1, 1])
        time.sleep(3)  # longer than quiet
        assert stale() == [0, 1] and path("10.52.0.9") == {"two"}
        Z.say(route(NEWROUTE, "10.52.0.0/16", named(22)))
        wait_for("all is fresh", lambda: stale() == [0, 0])
    traffic(first_one_only)
    nothing_left()


def a_stream_that_returns_late_has_its_time_all_the_same():
    apply(graceful="{ restart_time: 10s }")
    Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)))
    goes("10.50.0.9", "one")

    def late():
        Z.hang_up()
        wait_for("it is about to go", lambda: stale() == [1, 0] and show_bgp()["stale_for_s"] < 5)
        Z.dial()
        connected()
        time.sleep(6)
        assert stale() == [1, 0]
        Z.objects()
        Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)))
        wait_for("it is fresh", lambda: stale() == [0, 0])
    traffic(late)
    apply()
    nothing_left()


def stale_routes_of_a_stream_that_does_not_return_go_in_time():
    apply(graceful="{ restart_time: 5s }")
    Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)))
    goes("10.50.0.9", "one")
    Z.hang_up()
    wait_for("it is stale", lambda: stale() == [1, 0])
    goes("10.50.0.9", "no-route")
    wait_for("nothing is left", lambda: offered() == [0, 0])
    apply()
    nothing_left()


def without_graceful_restart_a_stream_that_ends_takes_all_along_but_a_replay_nothing():
    apply(graceful="off")
    Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)))
    goes("10.50.0.9", "one")

    def again():
        former, Z.socket = Z.socket, None
        Z.dial()
        Z.objects()
        Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)))
        wait_for("it is fresh", lambda: show_bgp()["feed_connected"] and stale() == [0, 0])
        former.close()

    def blunder():
        Z.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
        wait_for("the connection is closed", Z.is_closed)
        assert stale() == [1, 0]
        again()
    traffic(again)
    traffic(blunder)
    Z.hang_up()
    goes("10.50.0.9", "no-route")
    assert stale() == [0, 0]
    apply()
    nothing_left()


def what_cannot_be_read_ends_the_connection_and_nothing_else():
    whole = route(NEWROUTE, "10.51.0.0/16", named(21))
    before = G.cli("status")["fpm"]["unreadable"]
    for wrong in (b"\x02\x01\x00\x10" + bytes(12), b"\x01\x01\x00\x02", b"GET / HTTP/1.1\r\n\r\n", packed(whole[:-4]),
                  packed(whole + b"rest"), packed(b"")):
        Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)))
        goes("10.50.0.9", "one")

        def blunder():
            Z.socket.sendall(wrong)
            wait_for("the connection is closed", Z.is_closed)
            Z.dial()
            Z.objects()
            connected()
            assert path("10.51.0.9") == {"no-route"}
        traffic(blunder)
    assert "cannot be read" in open(f"{ground.STATE}/log").read()
    assert G.cli("status")["fpm"]["unreadable"] == before + 6
    nothing_left()


def taken_from(user):
    """A connection of this user's, which is taken."""
    before = G.cli("status")["fpm"]["connections"]
    caller = Zebra()
    dial_as(user, caller)
    wait_for(f"user id {user}'s is taken", lambda: G.cli("status")["fpm"]["connections"] == before + 1)
    assert not caller.is_closed()
    return caller


def refused_from(user):
    before = G.cli("status")["fpm"]
    caller = Zebra()
    dial_as(user, caller)
    wait_for(f"user id {user}'s is refused", caller.is_closed)
    after = G.cli("status")["fpm"]
    assert after["refused"] == before["refused"] + 1 and after["connections"] == before["connections"]


class Accounts:
    """Accounts that this host has not, for the programs of this test alone."""

    def __init__(self, **accounts):
        self.path = f"{ground.STATE}/passwd"
        with open("/etc/passwd") as f:
            write(self.path, f.read() + "".join(
                f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n" for name, number in accounts.items()))
        os.chmod(self.path, 0o644)

    def __enter__(self):
        run(["mount", "--bind", self.path, "/etc/passwd"])

    def __exit__(self, *why):
        run(["umount", "/etc/passwd"])


def no_other_account_than_zebras():
    for system_account in (1, 33, 998):
        refused_from(system_account)
    assert "it is user id 1's, and only root's and frr's are taken" in open(f"{ground.STATE}/log").read()
    with Accounts(frr=4242):
        G.cli("audit")  # FRR was installed meanwhile
        dialled = taken_from(4242)
        refused_from(33)
        dialled.hang_up()
    nothing_left()


def the_account_that_is_configured_instead():
    with Accounts(frr=4242, routing=4243):
        for user, number in (("www-data", 33), ("33", 33), ("4244", 4244), ("routing", 4243)):
            apply(user=user)
            dialled = taken_from(number)
            dialled.objects()
            dialled.say(route(NEWROUTE, "10.50.0.0/16", named(21)))
            goes("10.50.0.9", "one")
            refused_from(4242)
            taken_from(0).hang_up()
            dialled = taken_from(number)
            apply()
            wait_for("its connection ends with its permission", dialled.is_closed)
            refused_from(number)
            taken_from(4242).hang_up()
    nothing_left()


def an_account_that_is_not_there_is_said_and_looked_for_again():
    def said():
        return any("user 'routing' is not an account of this host" in a for a in alarms())
    apply(user="routing")
    wait_for("an alarm", said)
    refused_from(4243)
    taken_from(0).hang_up()
    with Accounts(routing=4243):
        G.cli("audit")
        wait_for("no alarm", lambda: not said())
        dialled = taken_from(4243)
    G.cli("audit")  # what was found stays
    assert not dialled.is_closed() and not said()
    apply()
    nothing_left()


def nobody_from_elsewhere_and_nobody_else_from_here():
    before = G.cli("status")["fpm"]
    intruder = Zebra()
    intruder.dial(source="198.51.100.1")
    wait_for("it is refused", intruder.is_closed)
    dial_as(65534, intruder)
    wait_for("so is nobody", intruder.is_closed)
    after = G.cli("status")["fpm"]
    assert after["refused"] == before["refused"] + 2 and after["connections"] == before["connections"]
    assert after["connected"]
    Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)))
    goes("10.50.0.9", "one")
    nothing_left()


def nobody_from_a_port_that_root_has_a_connection_from():
    before = G.cli("status")["fpm"]
    intruder = Zebra()
    for _ in range(16):  # the kernel lists either of the two first, by where they lead
        with (socket.create_server(("127.0.0.1", 0)) as elsewhere,
              socket.create_connection(elsewhere.getsockname()) as roots):
            dial_as(65534, intruder, from_port=roots.getsockname()[1])
            wait_for("it is refused", intruder.is_closed)
    after = G.cli("status")["fpm"]
    assert after["refused"] == before["refused"] + 16 and after["connections"] == before["connections"]
    assert open(f"{ground.STATE}/log").read().count("to the FPM port was refused") == 1  # a minute, whoever tries
    nothing_left()


def a_full_burst_in_pieces():
    count = 20000
    prefixes = [f"10.{64 + n // 256}.{n % 256}.0/24" for n in range(count)]
    stream = packed(*[route(NEWROUTE, p, named(20)) for p in prefixes])
    step = 0
    while stream:
        step = step % 4093 + 17  # frames are cut anywhere
        Z.socket.sendall(stream[:step])
        stream = stream[step:]
    wait_for("all are accepted", lambda: by_tunnel("accepted") == [count, count], 60)
    assert path("10.141.31.1") == {"one", "two"}
    Z.say(group(20, 22))
    goes("10.64.0.1", "two")
    Z.say(*[route(DELROUTE, p) for p in prefixes])
    wait_for("none is left", lambda: offered() == [0, 0], 60)
    nothing_left()


def a_link_that_goes_and_returns_is_found_again():
    Z.say(route(NEWROUTE, "10.50.0.0/16", named(20)))
    goes("10.50.0.9", "one", "two")
    run("ip link set tun102 down")
    goes("10.50.0.9", "one")
    run("ip link set tun102 up")
    goes("10.50.0.9", "one", "two")
    Z.say(route(NEWROUTE, "10.51.0.0/16", via("tun102")))
    goes("10.51.0.9", "two")
    run("ip link set tun102 down")
    wait_for("a replay is asked for", Z.is_closed)
    run("ip link set tun102 up")
    nothing_left()


def a_killed_gateway_goes_on_with_what_the_kernel_has_until_zebra_is_back():
    Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)), route(NEWROUTE, "10.51.0.0/16", named(21)))
    KERNEL.do("route add 10.50.0.0/16 dev tun101 table 1001 proto bgp metric 20")  # as zebra does
    goes("10.51.0.9", "one")
    end_controller()

    def restart():
        G.start()
        assert stale() == [1, 0] and path("10.50.0.9") == {"one"}
        Z.dial()
        Z.objects()
        Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)))
        wait_for("it is fresh", lambda: stale() == [0, 0])
    traffic(restart)
    KERNEL.do("route del 10.50.0.0/16 table 1001 metric 20")
    nothing_left()


def kernel_copy():
    """The TR table in the kernel: where each prefix leads."""
    return {r["dst"]: {h["dev"] for h in r.get("nexthops", [r]) if "dev" in h} or r["type"]
            for r in json.loads(run("ip -j -4 route show table 2000"))}


def with_options(destination, counted="ip-options"):
    """Where a packet comes out that the programs hand up for its IP options, or drop: all places that there are."""
    before = G.count(counted)
    G.drain()
    packet = IP(bytes(IP(src=HOST, dst=destination, ttl=64, options=[IPOption_Router_Alert()]) / UDP() / Raw(b"o")))
    G.vpc.send(frame(packet))
    wait_for(f"{destination} is counted as {counted}", lambda: G.count(counted) == before + 1)
    places = {**{name: (wire, hop(packet)) for name, wire in G.tun.items()}, "underlay": (G.far, None)}
    found = set()
    for name, (wire, want) in places.items():
        while (got := wire.receive(0.3)) is not None:
            if not ground.is_chatter(got, wire.is_tun):
                assert got == want, f"{name}: {got.hex()}"
                found.add(name)
    return found


def answered(packet):
    """The kernel's ICMP error to the VPC."""
    G.drain()
    G.vpc.send(frame(packet))
    answer = Ether(G.vpc.receive())
    assert answer[IP].src == "10.1.0.1" and answer[IP].dst == HOST, answer.summary()
    return answer[ICMP]


def with_a_summary_the_kernel_has_one_default_for_all_that_came():
    prefixes = [f"10.{64 + n // 256}.{n % 256}.0/24" for n in range(1000)]
    Z.objects()
    Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)), route(NEWROUTE, "10.51.0.0/16", named(22)),
          *[route(NEWROUTE, p, named(20)) for p in prefixes])
    goes("10.51.0.9", "two")
    wait_for("the kernel has all of them", lambda: {"10.50.0.0/16", "10.51.0.0/16", *prefixes} <= set(kernel_copy()))
    traffic(lambda: apply(slow_path="summary", learn="vpc-a, dc-1"))
    wait_for("the kernel has a summary", lambda: kernel_copy() == {
        "default": {"tun101", "tun102"}, "10.1.0.0/24": {"eth1"}})
    assert path("10.50.0.9") == {"one"} and path("10.51.0.9") == {"two"} and path("10.64.3.1") == {"one", "two"}
    G.cli("audit")

    for destination in ("10.50.0.9", "10.51.0.9", "10.64.3.1"):
        came = with_options(destination)
        assert len(came) == 1 and came < {"tun101", "tun102"}, (destination, came)
    assert with_options("10.99.0.9", "no-route") == set()  # though the kernel's default would take it
    apply(slow_path="summary", learn="vpc-a, dc-1", no_route="pass")
    came = with_options("10.99.0.9", "no-route-pass")
    assert len(came) == 1 and came < {"tun101", "tun102"}, came  # here it does
    apply(slow_path="summary", learn="vpc-a, dc-1")
    spent = answered(IP(bytes(IP(src=HOST, dst="10.51.0.9", ttl=1) / UDP(sport=1, dport=2) / Raw(b"x"))))
    assert spent.type == 11
    large = answered(IP(bytes(IP(src=HOST, dst="10.51.0.9", flags="DF") / UDP(sport=1, dport=2) / Raw(bytes(1450)))))
    assert large.type == 3 and large.code == 4 and large.nexthopmtu == 1400

    Z.say(route(DELROUTE, "10.51.0.0/16"), route(NEWROUTE, "10.52.0.0/16", named(22)))
    goes("10.52.0.9", "two")
    goes("10.51.0.9", "no-route")
    assert kernel_copy() == {"default": {"tun101", "tun102"}, "10.1.0.0/24": {"eth1"}}
    G.down(1)
    wait_for("the default follows", lambda: kernel_copy()["default"] == {"tun102"})
    assert with_options("10.52.0.9") == {"tun102"}
    G.down(2)
    goes("10.52.0.9", "no-route")
    assert with_options("10.52.0.9", "no-route") == set()
    assert kernel_copy()["default"] == {"tun101", "tun102"}  # where it ends, and not in the underlay
    G.up(1)
    G.up(2)
    goes("10.52.0.9", "two")
    apply()
    wait_for("the kernel has every route again", lambda: "10.52.0.0/16" in kernel_copy())
    nothing_left()


def the_feed_is_switched_under_traffic():
    Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)))
    KERNEL.do("route add 10.50.0.0/16 dev tun101 table 1001 proto bgp metric 20")
    goes("10.50.0.9", "one")

    def switch():
        apply(feed="kernel")
        wait_for("the kernel vouches for it", lambda: show_bgp()["feed"] == "kernel" and stale() == [0, 0])
        wait_for("the stream is closed", Z.is_closed)
        assert G.cli("status")["fpm"] is None
        apply()
        wait_for("FPM does not yet", lambda: show_bgp()["feed"] == "fpm" and stale() == [1, 0])
        Z.dial()
        Z.objects()
        Z.say(route(NEWROUTE, "10.50.0.0/16", named(21)))
        wait_for("now it does", lambda: stale() == [0, 0])
    traffic(switch)
    KERNEL.do("route del 10.50.0.0/16 table 1001 metric 20")
    nothing_left()


def a_port_that_is_taken_is_said_and_tried_again():
    other = socket.socket()
    other.bind(("127.0.0.1", 2621))
    other.listen()
    apply(port=2621)
    wait_for("that is said", lambda: any("cannot listen" in a for a in alarms()))
    other.close()
    G.cli("audit")
    Z.dial(port=2621)
    connected()
    apply()
    nothing_left()


STORIES = [
    without_a_stream_it_is_said, routes_by_objects_and_without_them, a_route_of_another_kind_takes_the_place,
    each_connection_listens_to_its_own_feed, a_replay_is_marked_and_swept_without_a_gap,
    a_second_zebra_takes_over_without_a_word_of_the_first, a_zebra_that_has_nothing_yet_sweeps_nothing,
    a_session_that_is_back_says_nothing_of_the_other_ones_routes, a_stream_that_returns_late_has_its_time_all_the_same,
    stale_routes_of_a_stream_that_does_not_return_go_in_time,
    without_graceful_restart_a_stream_that_ends_takes_all_along_but_a_replay_nothing, what_cannot_be_read_ends_the_connection_and_nothing_else,
    no_other_account_than_zebras, the_account_that_is_configured_instead,
    an_account_that_is_not_there_is_said_and_looked_for_again,
    nobody_from_elsewhere_and_nobody_else_from_here, nobody_from_a_port_that_root_has_a_connection_from,
    a_full_burst_in_pieces, a_link_that_goes_and_returns_is_found_again,
    a_killed_gateway_goes_on_with_what_the_kernel_has_until_zebra_is_back,
    with_a_summary_the_kernel_has_one_default_for_all_that_came, the_feed_is_switched_under_traffic,
    a_port_that_is_taken_is_said_and_tried_again,
]


def main():
    global G, Z
    G = ground.G = Gateway("tun103")
    Z = Zebra()
    configure()
    G.start()
    G.up(1)
    G.up(2)
    if sys.argv[1:]:
        Z.dial()
        Z.objects()
    return ground.tell(G, STORIES, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
