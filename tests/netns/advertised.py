# SPDX-License-Identifier: GPL-2.0-only
"""
What data centres are told of the transit router's routes: what stands in the connections' kernel tables for FRR to
redistribute, beside what `show advertised` says. On the ground of gateway.py; real FRR: the vm tier.
"""
import json
import sys

import gateway as ground
from scapy.all import ICMP, IP, Raw
from gateway import CONFIG, Gateway, flow, hop, inside_tunnels, run, wait_for, write
from routing import RoutingDaemon, traffic

YAML = """
transit_router:
  tables:
    main:
      transit: %(transit)s
      learn: [vpc-a, dc-1, dc-2, old]
      routes: [%(routes)s]
    other: { learn: [] , routes: [{ destination: 10.8.0.0/16, attachment: vpc-a }] }
attachments:
  vpc-a: { type: vpc, device: eth1, cidrs: [10.1.0.0/24, 10.1.0.128/25, "fd00:1::/64"], association: main }
  dc-1:  { type: vpn, connection: dc-1, association: %(table)s, synchronize: %(synchronize)s }
  dc-2:  { type: vpn, connection: dc-2, association: main, synchronize: true }
  old:   { type: vpn, connection: old }
customer_gateways:
  dc-1: { addresses: [203.0.113.10, 203.0.113.11], asn: 65001 }
  dc-2: { address: 203.0.113.12, asn: 65002 }
  old:  { address: 203.0.113.13 }
connections:
  dc-1:
    customer_gateway: dc-1
    vrf: false
    table: 1001
    bgp: {}
""" + inside_tunnels() + """\
  dc-2:
    customer_gateway: dc-2
    vrf: false
    table: 1002
    bgp: {}
    tunnels:
      - { name: three, if_id: 103, device: tun103, local_address: 198.51.100.1, remote_address: 203.0.113.12,
          inside: 169.254.12.0/30, bgp_address: 169.254.12.1 }
  old:
    customer_gateway: old
    vrf: false
    table: 1003
    routes: [10.70.0.0/16]
    tunnels:
      - { name: four, if_id: 104, device: tun104, local_address: 198.51.100.1, remote_address: 203.0.113.13 }
"""
TABLES = {"dc-1": 1001, "dc-2": 1002}
EXPORTED = 0xC800004D
VPC = {"10.1.0.0/24": {"eth1"}, "10.1.0.128/25": {"eth1"}, "fd00:1::/64": {"eth1"}}
OLD = {"10.70.0.0/16": {"tun104"}}
G = None
ZEBRA = RoutingDaemon()


def configure(transit="true", routes="", table="main", synchronize="true"):
    write(CONFIG, YAML % {"transit": transit, "routes": routes, "table": table, "synchronize": synchronize})


def apply(**what):
    configure(**what)
    G.cli("apply", CONFIG)


def bgp(verb, prefix, device, connection="dc-1"):
    hops = "".join(f" nexthop dev {d}" for d in device.split()) if " " in device else f"dev {device}"
    ZEBRA.do(f"route {verb} {prefix} table {TABLES[connection]} proto bgp metric 20 {hops}")


def forget_routes():
    """What a story that failed left behind is not the next one's trouble."""
    for family in (4, 6):
        for table in TABLES.values():
            run(f"ip -{family} route flush table {table} proto bgp", check=False)
    apply()


def exported(connection):
    """Prefix → devices, of what FRR is to redistribute."""
    found = {}
    for family in (4, 6):
        for r in json.loads(run(f"ip -{family} -j route show table {TABLES[connection]} proto 77") or "[]"):
            if r.get("metric") == EXPORTED:
                hops = r.get("nexthops", [r])
                prefix = r["dst"] if r["dst"] != "default" else "0.0.0.0/0"
                found[prefix if "/" in prefix else prefix + "/32"] = {h["dev"] for h in hops}
    return found


def advertised(connection):
    return {r["prefix"] for r in G.cli("show", "advertised", connection)}


def why_not(connection, prefix):
    rows = [r for r in G.cli("show", "advertised", "--all", connection) if r["prefix"] == prefix]
    assert len(rows) == 1 and not rows[0]["advertised"], rows
    return rows[0]["why"]


def learned(prefix):
    return {r["attachment"] for r in G.cli("show", "routes", "--table", "main", "exact", prefix)}


def settled():
    """Nothing is left to write into the kernel's tables."""
    return G.cli("status")["slow_path"] == {"behind": 0, "sweeping": False}


def gets(connection, *parts):
    want = {k: v for part in parts for k, v in part.items()}
    wait_for(f"{connection} gets {want}, has {exported(connection)}", lambda: exported(connection) == want)
    assert advertised(connection) == set(want), advertised(connection)


# ---- the stories ---------------------------------------------------------------------------------------------------

def each_route_of_the_table_also_what_a_shorter_one_makes_superfluous():
    gets("dc-1", VPC, OLD)
    rows = {r["prefix"]: r["from"] for r in G.cli("show", "advertised", "dc-1")}
    assert rows["10.1.0.128/25"] == [{"attachment": "vpc-a", "type": "system"}], rows
    assert rows["10.70.0.0/16"] == [{"attachment": "old", "type": "destination"}], rows


def what_one_data_centre_announces_goes_to_the_other_alone():
    bgp("add", "10.50.0.0/16", "tun101 tun102")
    gets("dc-2", VPC, OLD, {"10.50.0.0/16": {"tun101", "tun102"}})
    gets("dc-1", VPC, OLD)
    assert "D10" in why_not("dc-1", "10.50.0.0/16")
    bgp("add", "fd00:60::/48", "tun103", "dc-2")
    gets("dc-1", VPC, OLD, {"fd00:60::/48": {"tun103"}})
    bgp("del", "fd00:60::/48", "tun103", "dc-2")
    gets("dc-1", VPC, OLD)
    bgp("del", "10.50.0.0/16", "tun101 tun102")
    gets("dc-2", VPC, OLD)


def a_prefix_of_both_goes_to_neither_and_nothing_moves():
    bgp("add", "10.50.0.0/16", "tun101")
    bgp("add", "10.50.0.0/16", "tun103", "dc-2")
    wait_for("both are learned, and in the kernel's tables", lambda: learned("10.50.0.0/16") == {"dc-1", "dc-2"} and settled())
    gets("dc-1", VPC, OLD)
    gets("dc-2", VPC, OLD)
    watch = ground.subprocess.Popen(["ip", "monitor", "route"], text=True, stdout=ground.subprocess.PIPE)
    ground.time.sleep(0.2)
    run("ip route add 10.99.0.0/16 dev eth1")  # proof that the watch watches
    ground.time.sleep(2)  # some hundred times what it takes to follow a change
    run("ip route del 10.99.0.0/16")
    ground.time.sleep(0.2)
    watch.kill()
    changes = watch.stdout.read()
    assert "10.99." in changes and "10.50." not in changes, changes
    bgp("del", "10.50.0.0/16", "tun101")
    gets("dc-1", VPC, OLD, {"10.50.0.0/16": {"tun103"}})
    bgp("add", "10.50.0.0/16", "tun101")
    gets("dc-1", VPC, OLD)
    bgp("del", "10.50.0.0/16", "tun101")
    bgp("del", "10.50.0.0/16", "tun103", "dc-2")
    gets("dc-1", VPC, OLD)


def what_a_lost_tunnel_brought_is_withdrawn():
    bgp("add", "10.50.0.0/16", "tun103", "dc-2")
    gets("dc-1", VPC, OLD, {"10.50.0.0/16": {"tun103"}})
    G.down(3)
    gets("dc-1", VPC, OLD)
    G.up(3)
    gets("dc-1", VPC, OLD, {"10.50.0.0/16": {"tun103"}})
    bgp("del", "10.50.0.0/16", "tun103", "dc-2")
    gets("dc-1", VPC, OLD)


def the_default_route_is_exchanged_both_ways():
    bgp("add", "0.0.0.0/0", "tun103", "dc-2")
    gets("dc-1", VPC, OLD, {"0.0.0.0/0": {"tun103"}})
    packet = flow(77, destination="192.0.2.77")
    G.vpc.send(ground.frame(packet))
    G.tun["tun103"].expect(hop(packet))
    bgp("del", "0.0.0.0/0", "tun103", "dc-2")
    gets("dc-1", VPC, OLD)


def a_learned_packet_passes_where_the_other_data_centres_route_is_longer():
    """The kernel's copy of another connection's route is in the table that packets into this tunnel are looked up in."""
    bgp("add", "10.50.0.0/16", "tun101")
    bgp("add", "10.50.9.0/24", "tun103", "dc-2")
    gets("dc-1", VPC, OLD, {"10.50.9.0/24": {"tun103"}})
    gets("dc-2", VPC, OLD, {"10.50.0.0/16": {"tun101"}})
    for destination, device in (("10.50.1.1", "tun101"), ("10.50.9.1", "tun103")):
        packet = flow(11, destination=destination)
        G.vpc.send(ground.frame(packet))
        G.tun[device].expect(hop(packet))
    bgp("del", "10.50.9.0/24", "tun103", "dc-2")
    bgp("del", "10.50.0.0/16", "tun101")
    gets("dc-2", VPC, OLD)


def a_packet_too_large_on_its_way_between_data_centres_is_answered():
    bgp("add", "10.50.0.0/16", "tun101")
    bgp("add", "10.60.0.0/16", "tun103", "dc-2")
    gets("dc-1", VPC, OLD, {"10.60.0.0/16": {"tun103"}})
    gets("dc-2", VPC, OLD, {"10.50.0.0/16": {"tun101"}})
    run("ip link set tun101 mtu 1300")
    wait_for("the smaller MTU is known", lambda: "10.50.0.0/16" in exported("dc-2"))
    G.drain()
    large = IP(bytes(IP(src="10.60.0.9", dst="10.50.0.9", flags="DF", ttl=9) / ICMP() / Raw(bytes(1320))))

    def answered():
        G.tun["tun103"].send(large)
        got = G.tun["tun103"].receive(0.5)
        return got is not None and got[0] >> 4 == 4 and IP(got).haslayer(ICMP) and IP(got)[ICMP].type == 3 and \
            IP(got)[ICMP].code == 4 and IP(got)[ICMP].nexthopmtu == 1300 and IP(got).dst == "10.60.0.9"
    wait_for("fragmentation needed comes back", answered)
    run("ip link set tun101 mtu 1400")
    bgp("del", "10.50.0.0/16", "tun101")
    bgp("del", "10.60.0.0/16", "tun103", "dc-2")
    gets("dc-2", VPC, OLD)


def static_routes_go_out_but_no_blackhole():
    apply(routes="{ destination: 10.9.0.0/16, blackhole: true }, { destination: 10.2.0.0/16, attachment: vpc-a }, "
          "{ destination: 10.20.0.0/16, attachment: old }, { destination: 10.21.0.0/16, attachment: dc-1 }")
    gets("dc-1", VPC, OLD, {"10.2.0.0/16": {"eth1"}, "10.20.0.0/16": {"tun104"}})
    gets("dc-2", VPC, OLD, {"10.2.0.0/16": {"eth1"}, "10.20.0.0/16": {"tun104"}, "10.21.0.0/16": {"tun101", "tun102"}})
    assert why_not("dc-1", "10.9.0.0/16") == "what it attracts would be dropped"
    assert "10.9.0.0" not in run("ip route show table 1001")
    G.cli("route", "add", "--table", "main", "10.22.0.0/16", "via", "vpc-a")
    gets("dc-1", VPC, OLD, {"10.2.0.0/16": {"eth1"}, "10.20.0.0/16": {"tun104"}, "10.22.0.0/16": {"eth1"}})
    G.cli("route", "delete", "--table", "main", "10.22.0.0/16", "via", "vpc-a")
    apply()
    gets("dc-1", VPC, OLD)


def without_transit_only_vpcs():
    apply(transit="false")
    gets("dc-1", VPC)
    assert "transit is off" in why_not("dc-1", "10.70.0.0/16")
    apply()
    gets("dc-1", VPC, OLD)


def the_kernel_alone_lets_no_data_centre_through_to_another():
    """The slow path, which goes on when the programs are detached: what the connections' tables have of each other's routes
    is for ICMP errors and for FRR, and no packet that was received is looked up there."""
    def forwards(source, device, destination):
        return run(f"ip route get {destination} from {source} iif {device}", check=False)

    apply(transit="false")
    bgp("add", "10.50.0.0/16", "tun101 tun102")
    bgp("add", "10.60.0.0/16", "tun103", "dc-2")
    gets("dc-1", VPC)
    wait_for("the kernel reaches the VPC", lambda: "dev eth1" in forwards("10.50.0.9", "tun101", "10.1.0.9"))
    for destination in ("10.60.0.9", "10.70.0.9", "10.50.0.9", "192.0.2.99"):
        for device in ("tun101", "tun102"):
            said = forwards("10.50.0.9", device, destination)
            assert "unreachable" in said.lower(), (device, destination, said)
    assert "dev eth1" in forwards("10.60.0.9", "tun103", "10.1.0.9")
    apply()
    gets("dc-1", VPC, OLD, {"10.60.0.0/16": {"tun103"}})
    wait_for("with transit it does", lambda: "dev tun103" in forwards("10.50.0.9", "tun101", "10.60.0.9"))
    assert "unreachable" in forwards("10.50.0.9", "tun101", "192.0.2.99").lower()
    bgp("del", "10.50.0.0/16", "tun101 tun102")
    bgp("del", "10.60.0.0/16", "tun103", "dc-2")
    gets("dc-1", VPC, OLD)


def another_association_is_another_table():
    apply(table="other")
    gets("dc-1", {"10.8.0.0/16": {"eth1"}})
    gets("dc-2", VPC, OLD)
    apply()
    gets("dc-1", VPC, OLD)


def switched_off_and_on_at_run_time_without_losing_a_packet():
    bgp("add", "10.50.0.0/16", "tun101")
    gets("dc-2", VPC, OLD, {"10.50.0.0/16": {"tun101"}})

    def switch():
        for _ in range(3):
            apply(synchronize="false")
            gets("dc-1")
            assert why_not("dc-1", "10.1.0.0/24") == "synchronize is off [S15 S42]"
            assert "10.1.0.0/24 dev eth1" in run("ip route show table 1001")  # the way back for ICMP stays
            apply()
            gets("dc-1", VPC, OLD)
    traffic(switch)
    bgp("del", "10.50.0.0/16", "tun101")
    gets("dc-2", VPC, OLD)


def a_question_for_nothing_is_refused():
    for name in ("old", "dc-7"):
        assert G.cli("show", "advertised", name, check=False) is None


STORIES = [
    each_route_of_the_table_also_what_a_shorter_one_makes_superfluous,
    what_one_data_centre_announces_goes_to_the_other_alone, a_prefix_of_both_goes_to_neither_and_nothing_moves,
    what_a_lost_tunnel_brought_is_withdrawn, the_default_route_is_exchanged_both_ways,
    a_learned_packet_passes_where_the_other_data_centres_route_is_longer,
    a_packet_too_large_on_its_way_between_data_centres_is_answered, static_routes_go_out_but_no_blackhole,
    without_transit_only_vpcs, the_kernel_alone_lets_no_data_centre_through_to_another,
    another_association_is_another_table, switched_off_and_on_at_run_time_without_losing_a_packet, a_question_for_nothing_is_refused,
]


def main():
    global G
    G = ground.G = Gateway("tun103", "tun104")
    configure()
    G.start()
    for number in (1, 2, 3, 4):
        G.up(number)
    return ground.tell(G, STORIES, sys.argv[1:], after_failure=forget_routes)


if __name__ == "__main__":
    sys.exit(main())
