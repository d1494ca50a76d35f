# SPDX-License-Identifier: GPL-2.0-only
"""
Drift: somebody's hands in the maps, the programs and the kernel of a running gateway. Each thing is found, repaired,
counted once, and packets flow again. The ground is that of gateway.py; the audit runs when it is asked to, except where
a story waits for it.

Prints "ok NAME" and "not ok NAME: why".
"""
import json
import os
import re
import struct
import subprocess
import sys

import gateway
from gateway import BUILD, PINS, SOCKET, STATE, flow, frame, hop, run, wait_for, write

INSIDE = {"one": ("169.254.10.0/30", "169.254.10.1"), "two": ("169.254.11.0/30", "169.254.11.1")}
MASS = 1204
G = None


# ---- what is asked of the gateway ----------------------------------------------------------------------------------

def configure(audit="off", routes=gateway.ROUTES):
    text = gateway.YAML % {"xdp": "native", "routes": routes}
    for name, (cidr, address) in INSIDE.items():
        text = text.replace(f"name: {name},", f"name: {name}, mtu: 1400, inside: {cidr}, bgp_address: {address},")
    write(gateway.CONFIG, f"gateway: {{ audit: {audit}, damping: off }}\n{text}")


def audit():
    """An audit now: exit status, and what it found."""
    done = subprocess.run([f"{BUILD}/espalier", "-j", "-s", SOCKET, "audit"], text=True, capture_output=True)
    return done.returncode, json.loads(done.stdout)


def found(result):
    return [(i["kind"], i["found"], i["object"]) for i in result["items"]]


def total(kind):
    return G.cli("show", "drift")["kinds"][kind]["found"]


def repairs(kind, how, pattern="", count=1):
    """An audit finds this and nothing else, and the next one nothing."""
    before = total(kind)
    code, result = audit()
    assert code == 1 and result["unrepaired"] == 0, result
    assert result["found"] == count, result
    for item in found(result):
        assert item[0] == kind and item[1] == how and re.search(pattern, item[2]), result
    assert total(kind) == before + count
    code, result = audit()
    assert code == 0 and result["found"] == 0, result


def passes(port):
    """Both ways: from the VPC into a tunnel, and back."""
    packet = flow(port)
    G.vpc.send(frame(packet))
    G.tun["tun101"].expect(hop(packet))
    back = gateway.IP(bytes(gateway.IP(src="10.50.0.9", dst=gateway.HOST, ttl=9) / gateway.UDP(sport=7, dport=port)))
    G.tun["tun101"].send(back)
    G.vpc.expect(bytes(gateway.Ether(dst="02:00:00:00:01:02", src="02:00:00:00:01:01", type=0x800)) + hop(back))


def log_lines(text):
    return [line for line in open(f"{STATE}/log") if text in line]


# ---- hands in the maps ---------------------------------------------------------------------------------------------

def spell(data):
    return "hex " + " ".join(f"{b:02x}" for b in data)


def bpf_map(verb, name, key, value=None):
    run(f"bpftool map {verb} pinned {PINS}/{name} key {spell(key)}" + (f" value {spell(value)}" if value else ""))


def table_id(name):
    """The dataplane's number of a table, from map `names`."""
    rows = json.loads(run(f"bpftool -j map dump pinned {PINS}/names"))
    for row in rows:
        kind, number = struct.unpack("<II", bytes(int(b, 16) for b in row["key"]))
        text = bytes(int(b, 16) for b in row["value"]).split(b"\0")[0].decode(errors="replace")
        if text == name and kind == 0:
            return number
    raise AssertionError(f"names has no {name}")


def route_key(address, length, table):
    return struct.pack("<II", 32 + length, table) + bytes(int(b) for b in address.split("."))


def u32(number):
    return struct.pack("<I", number)


def ifindex(device):
    return int(open(f"/sys/class/net/{device}/ifindex").read())


# ---- the stories ---------------------------------------------------------------------------------------------------

def nothing_has_drifted_at_first():
    code, result = audit()
    assert code == 0 and result["found"] == 0, result
    assert G.cli("show", "drift")["recent"] == []
    passes(1000)


def a_route_deleted_from_the_map():
    bpf_map("delete", "routes_v4", route_key("10.50.0.0", 16, table_id("table:main")))
    passes(1001)  # the index has it still
    repairs("route", "missing", r"^10\.50\.0\.0/16 of table:main$")
    passes(1002)


def a_route_of_the_map_turned_into_a_blackhole():
    bpf_map("update", "routes_v4", route_key("10.50.0.0", 16, table_id("table:main")), struct.pack("<BBHI", 4, 16, 0, 0))
    repairs("route", "different", r"^10\.50\.0\.0/16 of table:main$")
    passes(1003)


def a_foreign_route_in_the_map():
    bpf_map("update", "routes_v4", route_key("10.50.7.0", 24, table_id("table:main")), struct.pack("<BBHI", 4, 24, 0, 0))
    repairs("route", "foreign", r"^10\.50\.7\.0/24 of table:main$")
    packet = flow(1005, destination="10.50.7.7")
    G.vpc.send(frame(packet))
    G.tun["tun101"].expect(hop(packet))


def a_route_of_a_table_that_nobody_knows():
    bpf_map("update", "routes_v4", route_key("10.50.7.0", 24, 4711), struct.pack("<BBHI", 4, 24, 0, 0))
    repairs("route", "foreign", r"of unknown table 4711$")


def an_index_cut_off_at_its_root():
    root = u32(2 * table_id("table:main"))
    bpf_map("update", "index_roots", root, struct.pack("<Q", 7 << 24))  # no route at all
    G.vpc.send(frame(flow(1021)))
    G.tun["tun101"].expect_nothing(0.1)
    before = total("index")
    code, result = audit()
    assert code == 1 and result["found"] > 0 and result["unrepaired"] == 0, result
    assert {(kind, how) for kind, how, _ in found(result)} == {("index", "different")}, result
    assert "10.50.0.0/16 of table:main" in [item[2] for item in found(result)], result
    assert total("index") == before + result["found"]
    assert audit()[0] == 0
    passes(1022)


def an_index_that_shows_more_than_the_routes():
    root = u32(2 * table_id("table:main"))
    bpf_map("update", "index_roots", root, struct.pack("<Q", 4 << 24 | 8 << 16))  # a blackhole: everything, as of a /8
    G.vpc.send(frame(flow(1023)))
    G.tun["tun101"].expect_nothing(0.1)
    code, result = audit()
    assert code == 1 and result["found"] > 0 and result["unrepaired"] == 0, result
    assert {(kind, how) for kind, how, _ in found(result)} == {("index", "different")}, result
    assert audit()[0] == 0
    passes(1024)


def a_group_overwritten():
    group = [g["id"] for g in G.cli("show", "groups")][0]
    bpf_map("update", "groups", u32(group), b"\xff" * 1056)
    G.vpc.send(frame(flow(1006)))
    G.tun["tun101"].expect_nothing(0.1)
    repairs("group", "different", f"^{group}$")
    passes(1007)


def a_liveness_word_pulled_down():
    bpf_map("update", "liveness", u32(tunnel_id("one")), bytes(8))
    G.vpc.send(frame(flow(1008)))
    G.tun["tun101"].expect_nothing(0.1)
    repairs("liveness", "different", "tunnel one")
    passes(1009)


def a_dead_tunnels_liveness_word_raised():
    bpf_map("update", "liveness", u32(tunnel_id("two")), struct.pack("<Q", 1))
    repairs("liveness", "different", "tunnel two")
    bpf_map("update", "liveness", u32(900), struct.pack("<Q", 1))
    repairs("liveness", "foreign", "^900, of no tunnel")


def tunnel_id(name):
    for i, row in enumerate(json.loads(run(f"bpftool -j map dump pinned {PINS}/names"))):
        kind, number = struct.unpack("<II", bytes(int(b, 16) for b in row["key"]))
        text = bytes(int(b, 16) for b in row["value"]).split(b"\0")[0].decode(errors="replace")
        if kind == 2 and text == name:
            return number
    raise AssertionError(f"names has no tunnel {name}")


def a_tunnel_of_the_map_sent_elsewhere():
    bpf_map("update", "tunnels", u32(tunnel_id("one")), struct.pack("<IIII", ifindex("eth0"), 1400, 1, 0))
    repairs("tunnel", "different", "^one$")
    passes(1010)


def an_attachment_of_the_map_emptied():
    number = next(i for i in range(1, 16) if u32(ifindex("eth1")) == device_value(i)[:4] and device_value(i)[8:10] == bytes(2))
    bpf_map("update", "devices", u32(number), bytes(44))
    repairs("device", "different", "^vpc-a$")
    passes(1011)


def device_value(number):
    row = json.loads(run(f"bpftool -j map lookup pinned {PINS}/devices key {spell(u32(number))}"))
    return bytes(int(b, 16) for b in row["value"])


def an_association_deleted():
    bpf_map("delete", "associations", struct.pack("<IHH", ifindex("eth1"), 0, 0))
    repairs("association", "missing", "eth1, VLANs 0 and 0")
    steered = G.count("to-tunnel")
    passes(1013)
    assert G.count("to-tunnel") == steered + 1  # by the program, not by the slow path


def an_association_of_a_device_that_is_not_ours():
    value = struct.pack("<IIIIBB6s", 0, 1, 0xffffffff, 0xffffffff, 0, 14, bytes(6))
    bpf_map("update", "associations", struct.pack("<IHH", ifindex("eth0"), 0, 0), value)
    repairs("association", "foreign", "eth0")


def device_association(device):
    row = json.loads(run(f"bpftool -j map lookup pinned {PINS}/device_associations key {spell(u32(ifindex(device)))}"))
    return bytes(int(b, 16) for b in row["value"])


def an_association_of_untagged_frames_changed():
    right = device_association("eth1")
    nowhere = struct.pack("<H", 4095) + right[2:]  # a table without routes
    bpf_map("update", "device_associations", u32(ifindex("eth1")), nowhere)
    dropped = G.count("no-route")
    G.vpc.send(frame(flow(1015)))
    wait_for("the wrong table has no route", lambda: G.count("no-route") == dropped + 1)
    repairs("association", "different", "eth1, VLANs 0 and 0")
    passes(1015)


def an_association_of_untagged_frames_torn():
    right = device_association("eth1")
    bpf_map("update", "device_associations", u32(ifindex("eth1")), right[:6] + b"\xff\xff" + right[8:])
    passes(1016)  # the other map has it still
    repairs("association", "different", "eth1, VLANs 0 and 0")
    assert device_association("eth1")[:6] == right[:6]
    assert device_association("eth1")[6:8] not in (b"\xff\xff", bytes(2))
    passes(1017)


def an_association_of_untagged_frames_of_a_device_that_is_not_ours():
    bpf_map("update", "device_associations", u32(ifindex("eth0")), device_association("eth1"))
    repairs("association", "foreign", "eth0, VLANs 0 and 0")
    assert device_association("eth0")[:8] == bytes(8)


def a_name_forgotten():
    bpf_map("delete", "names", struct.pack("<II", 0, table_id("table:main")))
    repairs("name", "missing", "^table:main$")


def a_map_no_longer_pinned():
    os.unlink(f"{PINS}/routes_v4")
    repairs("pin", "missing", "^routes_v4$")
    before = G.path("10.50.0.9", "udp", 1014, 7)
    G.stop()
    G.start()  # finds its maps again
    assert G.path("10.50.0.9", "udp", 1014, 7) == before
    passes(1014)


# ---- hands on the programs -----------------------------------------------------------------------------------------

def xdp_runs():
    return "xdp" in run("ip link show eth1")


def xdp_detached_by_its_link():
    run(f"bpftool link detach pinned {PINS}/xdp_{ifindex('eth1')}")
    assert not xdp_runs()
    repairs("program", "missing", "^XDP on eth1$")
    assert xdp_runs()
    passes(1100)


def xdp_unpinned():
    os.unlink(f"{PINS}/xdp_{ifindex('eth1')}")
    wait_for("the program is gone", lambda: not xdp_runs())
    repairs("program", "missing", "^XDP on eth1$")
    assert xdp_runs()
    passes(1101)


def tc_detached_by_its_link():
    run(f"bpftool link detach pinned {PINS}/tc_{ifindex('tun101')}")
    repairs("program", "missing", "^tc on tun101$")
    passes(1102)


def tc_unpinned():
    os.unlink(f"{PINS}/tc_{ifindex('eth1')}")
    repairs("program", "missing", "^tc on eth1$")
    passes(1103)


# ---- hands in the kernel -------------------------------------------------------------------------------------------

def settled(kind, count=1):
    """By an event, without an audit; once."""
    before = total(kind)
    return lambda: total(kind) == before + count


def an_address_deleted_comes_back_at_once():
    done = settled("address")
    run("ip address delete 169.254.10.1/30 dev tun101")
    wait_for("the address is back", lambda: "169.254.10.1/30" in run("ip address show dev tun101"), 2)
    wait_for("it is counted", done)
    assert log_lines("drift: address 169.254.10.1/30 on tun101 was missing: made again")
    assert audit()[0] == 0
    passes(1200)


def kernel_routes(table):
    lines = run(f"ip route show table {table} proto 77").splitlines()
    return [re.sub(r"proto 77 |linkdown|  *$", "", line) for line in lines]


def a_route_deleted_from_each_table_of_the_kernel():
    tables = sorted(set(re.findall(r"table (\d+)", run("ip route show table all proto 77"))))
    assert {"999", "1000", "1001"} <= set(tables) and any(int(t) >= 2000 for t in tables), tables
    for table in tables:
        before = kernel_routes(table)
        run(f"ip route delete table {table} {before[0]}")
        assert len(kernel_routes(table)) == len(before) - 1
        repairs("slow-path", "missing", f"in table {table}$")
        assert kernel_routes(table) == before


def a_route_changed_in_the_kernel():
    line = next(x for x in kernel_routes("1001") if x.startswith("10.50.0.0/16"))
    metric = re.search(r"metric (\d+)", line).group(1)
    run(f"ip route replace blackhole 10.50.0.0/16 table 1001 metric {metric} proto 77")
    repairs("slow-path", "different", r"^10\.50\.0\.0/16 .* in table 1001$")
    assert line in kernel_routes("1001")


def a_foreign_route_in_a_table_of_ours():
    run("ip route add blackhole 10.50.9.0/24 table 1001 metric 5 proto 77")
    repairs("slow-path", "foreign", r"^10\.50\.9\.0/24 metric 5 in table 1001$")


def a_rule_deleted_and_one_too_many():
    rule = next(x for x in run("ip rule show").splitlines() if x.startswith("220:") and "eth1" in x)
    run("ip rule delete preference 220 iif eth1")
    repairs("rule", "missing", "^IPv4 preference 220 for eth1$")
    assert rule in run("ip rule show").splitlines()
    run("ip rule add preference 215 iif eth1 lookup main protocol 77")
    repairs("rule", "foreign", "^IPv4 preference 215 for eth1$")


def a_sysctl_changed():
    run("sysctl -qw net.ipv4.conf.eth1.forwarding=0")
    repairs("sysctl", "different", "^net/ipv4/conf/eth1/forwarding$")
    passes(1201)


def an_mtu_changed_comes_back_at_once():
    done = settled("link")
    run("ip link set tun101 mtu 1300")
    wait_for("the MTU is back", lambda: "mtu 1400" in run("ip link show tun101"), 2)
    wait_for("it is counted", done)
    assert audit()[0] == 0
    passes(1202)


def an_adopted_device_that_is_gone_is_an_alarm_until_it_is_back():
    before = total("link")
    G.tun["tun101"].drain()
    os.close(G.tun["tun101"].fd)
    wait_for("there is an alarm", lambda: any("tun101" in a for a in G.cli("status")["alarms"]))
    for _ in range(2):  # news the first time alone, and never well
        code, result = audit()
        assert code == 2 and result["unrepaired"] == 1, result
        assert found(result) == [("link", "missing", "tun101")], result
    assert total("link") == before + 1
    G.open_tun("tun101")
    wait_for("the tunnel is used again", lambda: G.live(1))
    wait_for("the alarm is taken back", lambda: not any("tun101" in a for a in G.cli("status")["alarms"]))
    assert "169.254.10.1/30" in run("ip address show dev tun101")
    wait_for("all is well", lambda: audit()[0] == 0)
    passes(1203)


# ---- SAs -----------------------------------------------------------------------------------------------------------

def sas_that_no_message_told_of():
    G.sas("up", 2, "--silent")
    assert not G.live(2)
    code, result = audit()
    assert code == 1 and {i[0] for i in found(result)} == {"sa"}, result
    wait_for("tunnel 2 is up", lambda: G.live(2))
    G.sas("down", 2, "--silent")
    code, result = audit()
    assert code == 1 and {(i[0], i[1]) for i in found(result)} == {("sa", "missing")}, result
    assert not G.live(2) and audit()[0] == 0


def messages_that_were_lost_are_read_anew():
    lost = len(log_lines("XFRM messages were lost"))
    G.sas("up", 2, "--silent")
    G.xfrm("overrun")
    wait_for("tunnel 2 is up", lambda: G.live(2))
    assert len(log_lines("XFRM messages were lost")) > lost
    G.sas("down", 2, "--silent")
    G.xfrm("migrate")
    wait_for("tunnel 2 is down", lambda: not G.live(2))
    assert audit()[0] == 0


# ---- many, and by itself -------------------------------------------------------------------------------------------

def every_route_deleted_is_one_line_of_the_log():
    more = ", ".join(f"10.{100 + i // 256}.{i % 256}.0/24" for i in range(MASS))
    G.stop()
    configure(routes=f"{gateway.ROUTES}, {more}")
    G.start()
    table = table_id("table:main")
    with open(f"{STATE}/batch", "w") as f:
        for i in range(MASS):
            key = spell(route_key(f"10.{100 + i // 256}.{i % 256}.0", 24, table))
            f.write(f"map delete pinned {PINS}/routes_v4 key {key}\n")
    run(f"bpftool batch file {STATE}/batch")
    lines = len(log_lines("drift: "))
    repairs_many("route", MASS)
    assert len(log_lines("drift: ")) == lines + 1
    assert log_lines(f"drift: {MASS} routes of the maps were missing, different or foreign, {MASS} repaired; first 10.100.")
    packet = flow(1300, destination="10.104.100.1")
    G.vpc.send(frame(packet))
    G.tun["tun101"].expect(hop(packet))


def repairs_many(kind, count):
    before = total(kind)
    code, result = audit()
    assert code == 1 and result["found"] == count and len(result["items"]) == 8, result
    assert total(kind) == before + count and audit()[0] == 0


def monitor_tells_what_drifted():
    watch = subprocess.Popen([f"{BUILD}/espalier", "-j", "-s", SOCKET, "monitor"], text=True, stdout=subprocess.PIPE)
    wait_for("somebody listens", lambda: b"espalier" in open(f"/proc/{watch.pid}/cmdline", "rb").read())
    told = []
    while not told:  # until the subscription stands
        bpf_map("delete", "routes_v4", route_key("10.50.0.0", 16, table_id("table:main")))
        audit()
        ready, _, _ = gateway.select.select([watch.stdout], [], [], 0.2)
        told = [json.loads(watch.stdout.readline())] if ready else []
    watch.kill()
    watch.wait()
    event = told[0]
    assert event["event"] == "drift" and event["kind"] == "route" and event["repaired"], event
    assert event["object"] == "10.50.0.0/16 of table:main" and event["found"] == "missing", event


def the_audit_comes_by_itself():
    configure(audit="5s")
    run([f"{BUILD}/espalier", "-s", SOCKET, "apply", gateway.CONFIG])
    before = total("route")
    bpf_map("delete", "routes_v4", route_key("10.50.0.0", 16, table_id("table:main")))
    wait_for("the audit finds it", lambda: total("route") == before + 1)
    status = G.cli("status")["drift"]
    assert status["audits"] > 0 and status["found"] > 0, status
    passes(1400)


STORIES = [
    nothing_has_drifted_at_first, a_route_deleted_from_the_map, a_route_of_the_map_turned_into_a_blackhole,
    a_foreign_route_in_the_map, a_route_of_a_table_that_nobody_knows,
    an_index_cut_off_at_its_root, an_index_that_shows_more_than_the_routes, a_group_overwritten, a_liveness_word_pulled_down,
    a_dead_tunnels_liveness_word_raised, a_tunnel_of_the_map_sent_elsewhere, an_attachment_of_the_map_emptied,
    an_association_deleted, an_association_of_a_device_that_is_not_ours, an_association_of_untagged_frames_changed,
    an_association_of_untagged_frames_torn, an_association_of_untagged_frames_of_a_device_that_is_not_ours, a_name_forgotten,
    a_map_no_longer_pinned,
    xdp_detached_by_its_link, xdp_unpinned, tc_detached_by_its_link, tc_unpinned,
    an_address_deleted_comes_back_at_once, a_route_deleted_from_each_table_of_the_kernel, a_route_changed_in_the_kernel,
    a_foreign_route_in_a_table_of_ours, a_rule_deleted_and_one_too_many, a_sysctl_changed,
    an_mtu_changed_comes_back_at_once, an_adopted_device_that_is_gone_is_an_alarm_until_it_is_back,
    sas_that_no_message_told_of, messages_that_were_lost_are_read_anew, every_route_deleted_is_one_line_of_the_log,
    monitor_tells_what_drifted, the_audit_comes_by_itself,
]


def main():
    global G
    G = gateway.G = gateway.Gateway()
    configure()
    G.start()
    G.up(1)
    wait_for("routes are active", lambda: G.states() == {"active"})
    return gateway.tell(G, STORIES)


if __name__ == "__main__":
    sys.exit(main())
