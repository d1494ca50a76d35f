# SPDX-License-Identifier: GPL-2.0-only
"""
Several cores, on the ground of gateway.py: flows of the VPC's device and ESP of the underlay are handed to two CPUs.
The kernel here has no ESP, so what arrives on a CPU is what `espalier show cpus` says of it.
"""
import os
import signal
import struct
import subprocess
import sys
import time

from scapy.all import IP, IPv6, Ether, Raw, UDP, Dot1Q

import gateway as ground
from gateway import BUILD, CONFIG, PINS, SOCKET, Gateway, alarms, flow, frame, hop, one_connection, run, wait_for, write

YAML = """
gateway: { audit: 5s, hold_down: 100ms, damping: off%(underlays)s }
""" + one_connection(vpc='cidrs: [10.1.0.0/24, "fd00:1::/64"], xdp: native%(cpus)s', routes="10.50.0.0/16")
G = None


def configure(cpus="[0, 1]", underlay="0-1"):
    write(CONFIG, YAML % {"cpus": f", cpus: {cpus}" if cpus else "",
                          "underlays": f", underlays: {{ eth0: {{ cpus: {underlay} }} }}" if underlay else ""})


def apply(**how):
    configure(**how)
    G.cli("apply", CONFIG)


def shown(device):
    return next((d for d in G.cli("show", "cpus") if d["device"] == device), None)


def handled(device):
    """Packets by CPU."""
    return {c["cpu"]: c["handled"]["packets"] for c in shown(device)["cpus"]}


def xdp_on(device):
    return "prog/xdp" in run(f"ip link show {device}")


def esp(spi, v6=False, tag=None, natt=False, marker=None, more=False):
    address = dict(src="2001:db8::9", dst="2001:db8::1") if v6 else dict(src="203.0.113.10", dst="198.51.100.1")
    head = Ether(dst=run("cat /sys/class/net/eth0/address").strip(), src="02:00:00:00:0f:01")
    if tag:
        head /= Dot1Q(vlan=tag)
    packet = (IPv6 if v6 else IP)(**address)
    if more:
        packet.flags = "MF"
    body = struct.pack("!II", spi if marker is None else marker, 7) + bytes(48)
    if natt:
        packet /= UDP(sport=4500, dport=4500) / Raw(body)
    elif v6:
        packet.nh = 50
        packet /= Raw(body)
    else:
        packet.proto = 50
        packet /= Raw(body)
    return bytes(head / packet)


def arrive(packets):
    """Sends them in by the underlay; by CPU, how many of them were handled there."""
    before = handled("eth0")
    for packet in packets:
        G.far.send(packet)
    time.sleep(0.2)
    return {cpu: n - before[cpu] for cpu, n in handled("eth0").items()}


def cpu_of(spi, **how):
    """The one CPU that handles this SA, or None."""
    by = arrive([esp(spi, **how)] * 6)
    found = [cpu for cpu, n in by.items() if n]
    assert len(found) <= 1 and sum(by.values()) in (0, 6), by
    return found[0] if found else None


def numbered(port, number):
    return flow(port, payload=struct.pack("!I", number) + b"espalier")


def numbers(wire, count):
    """Of the next packets out of the tunnel, by source port."""
    got = {}
    while count:
        packet = wire.receive()
        assert packet is not None, f"{count} are missing"
        if packet[0] >> 4 == 4:  # not the kernel's own
            got.setdefault(struct.unpack("!H", packet[20:22])[0], []).append(struct.unpack("!I", packet[28:32])[0])
            count -= 1
    return got


# ---- the stories ---------------------------------------------------------------------------------------------------

def both_devices_are_spread():
    assert not alarms(), alarms()
    for device, kind in (("eth1", "flows"), ("eth0", "esp")):
        d = shown(device)
        assert d["spread"] == kind and d["why"] is None and d["wanted"] == [0, 1], d
        assert [c["cpu"] for c in d["cpus"]] == [0, 1], d
    assert next(a for a in G.cli("show", "attachments") if a["name"] == "vpc-a")["cpus"] == [0, 1]
    assert xdp_on("eth0") and xdp_on("eth1")


def a_flow_reaches_the_tunnel_by_one_cpu():
    G.up(1)
    wait_for("routes are active", lambda: G.states() == {"active"})
    before = handled("eth1")
    for n in range(8):
        packet = flow(1000)
        G.vpc.send(frame(packet))
        G.tun["tun101"].expect(hop(packet))
    after = handled("eth1")
    assert sorted(after[cpu] - before[cpu] for cpu in after) == [0, 8], (before, after)


def many_flows_use_both_and_none_is_reordered():
    before = handled("eth1")
    for number in range(25):
        for port in range(2000, 2040):
            G.vpc.send(frame(numbered(port, number)))
        if number % 5 == 4:
            got = numbers(G.tun["tun101"], 200)
            for port in range(2000, 2040):
                assert got[port] == list(range(number - 4, number + 1)), (port, got[port])
    by = {cpu: n - before[cpu] for cpu, n in handled("eth1").items()}
    assert sum(by.values()) == 1000 and min(by.values()) > 200, by


def two_tunnels_have_a_cpu_each():
    G.up(2)
    cpus = [cpu_of(0x101), cpu_of(0x201)]
    assert sorted(cpus) == [0, 1], cpus
    assert [c["sas"] for c in shown("eth0")["cpus"]] == [1, 1], shown("eth0")


def every_form_of_esp_takes_its_cpu():
    for spi in (0x101, 0x201):
        want = cpu_of(spi)
        for how in ({"natt": True}, {"v6": True}, {"v6": True, "natt": True}, {"tag": 5}):
            assert cpu_of(spi, **how) == want, how


def what_is_not_esp_stays():
    assert cpu_of(0x101, natt=True, marker=0) is None, "IKE"
    assert cpu_of(0x101, more=True) is None, "a fragment"
    keepalive = IP(src="203.0.113.10", dst="198.51.100.1") / UDP(sport=4500, dport=4500) / Raw(b"\xff")
    keepalive = Ether(esp(1)[:14]) / keepalive
    assert sum(arrive([bytes(keepalive)] * 3).values()) == 0


def an_unknown_spi_is_hashed():
    by = [cpu_of(spi) for spi in range(0xc0de0000, 0xc0de0018)]
    assert set(by) == {0, 1}, by


def a_rekey_stays_on_its_cpu():
    was = cpu_of(0x101)
    G.sas("rekey", 1, "--new-in", "0x1111", "--new-out", "0x1112", "--delay", "300")
    assert cpu_of(0x1111) == was
    wait_for("the old SA is gone", lambda: [c["sas"] for c in shown("eth0")["cpus"]] == [1, 1])


def a_per_cpu_sa_is_on_its_cpu():
    for cpu in (0, 1):
        spi = 0x3000 + cpu
        G.xfrm("inbound", "--if-id", "102", "--local", "198.51.100.2", "--remote", "203.0.113.11", "--spi-in", hex(spi),
               "--cpu", str(cpu))
        sas = [s for t in G.cli("show", "tunnels") for s in t["sas"]]
        assert any(s["spi"] == f"0x{spi:08x}" and s["cpu"] == cpu for s in sas), sas
        assert cpu_of(spi) == cpu
    for cpu in (0, 1):
        G.xfrm("delete-in", "--if-id", "102", "--local", "198.51.100.2", "--remote", "203.0.113.11",
               "--spi-in", hex(0x3000 + cpu))
    wait_for("they are gone", lambda: sum(c["sas"] for c in shown("eth0")["cpus"]) == 2)


def a_killed_daemon_goes_on_handing_over():
    one, two, before = cpu_of(0x1111), cpu_of(0x201), handled("eth1")
    G.stop(signal.SIGKILL)
    packet = flow(1000)
    G.vpc.send(frame(packet))
    out = [w.receive(1) for w in G.tun.values()]
    assert hop(packet) in out
    G.start()
    assert sum(handled("eth1").values()) == sum(before.values()) + 1, "counters begin anew"
    assert (cpu_of(0x1111), cpu_of(0x201)) == (one, two), "SAs have moved"


def another_list_is_used_at_once():
    apply(cpus="1", underlay="[1]")
    for device in ("eth0", "eth1"):
        assert [c["cpu"] for c in shown(device)["cpus"]] == [1], shown(device)
    assert handled("eth1") == {1: 0}, "positions mean other CPUs, and are counted anew"
    assert cpu_of(0x1111) == 1 and cpu_of(0x201) == 1
    apply(cpus="off", underlay=None)
    assert G.cli("show", "cpus") == [] and not xdp_on("eth0") and xdp_on("eth1")
    packet = flow(1000)
    G.vpc.send(frame(packet))
    assert hop(packet) in [w.receive(1) for w in G.tun.values()]
    apply()
    assert sorted([cpu_of(0x1111), cpu_of(0x201)]) == [0, 1]


def what_cannot_be_is_said():
    apply(cpus="auto", underlay="auto")
    for device in ("eth0", "eth1"):
        assert "veth" in shown(device)["why"] and shown(device)["cpus"] == [], shown(device)
    assert not alarms() and not xdp_on("eth0"), alarms()
    apply(cpus="[0, 900]", underlay="[901]")
    assert "cpus of eth1: CPU 900 is not online" in alarms(), alarms()
    assert any("none of these CPUs is online" in a and "eth0" in a for a in alarms()), alarms()
    assert [c["cpu"] for c in shown("eth1")["cpus"]] == [0]
    configure(underlay="0-1")
    text = open(CONFIG).read()
    write(CONFIG, text.replace("eth0:", "eth7:"))
    done = subprocess.run([f"{BUILD}/espalier", "-s", SOCKET, "apply", CONFIG], text=True, capture_output=True)
    assert done.returncode != 0 and ":2:68: error: device eth7 does not exist" in done.stderr, done.stderr
    write(CONFIG, text.replace("xdp: native", "xdp: auto"))
    G.cli("apply", CONFIG)
    assert "native XDP is not in use" in shown("eth1")["why"], shown("eth1")
    assert any(a.startswith("cpus of eth1: flows stay on the CPU that receives them: native XDP")
               for a in alarms()), alarms()
    apply()
    assert not alarms(), alarms()


def a_guard_that_was_taken_away_is_brought_back():
    pin = f"{PINS}/xdp_{run('cat /sys/class/net/eth0/ifindex').strip()}"
    os.unlink(pin)
    wait_for("the guard is back", lambda: os.path.exists(pin) and xdp_on("eth0"))
    assert cpu_of(0x1111) is not None


def a_device_made_anew_is_spread():
    run("""ip link del eth0
        ip link add eth0 type veth peer name far0
        sysctl -qw net.ipv6.conf.far0.disable_ipv6=1
        ip address add 198.51.100.1/24 dev eth0
        ip address add 198.51.100.2/24 dev eth0
        ip link set eth0 up && ip link set far0 up""")
    wait_for("the guard is on it", lambda: xdp_on("eth0"))
    G.far = ground.Wire(ground.open_packet("far0"), False)
    wait_for("an SA has its CPU", lambda: cpu_of(0x1111) is not None)


def it_is_exported():
    text = G.cli("export")["text"]
    assert "underlays:" in text and text.count("cpus: [0, 1]") == 2, text


STORIES = [
    both_devices_are_spread, a_flow_reaches_the_tunnel_by_one_cpu, many_flows_use_both_and_none_is_reordered,
    two_tunnels_have_a_cpu_each, every_form_of_esp_takes_its_cpu, what_is_not_esp_stays, an_unknown_spi_is_hashed,
    a_rekey_stays_on_its_cpu, a_per_cpu_sa_is_on_its_cpu, a_killed_daemon_goes_on_handing_over,
    another_list_is_used_at_once, what_cannot_be_is_said, a_guard_that_was_taken_away_is_brought_back,
    a_device_made_anew_is_spread, it_is_exported,
]


def main():
    global G
    if os.cpu_count() < 2:
        print("not ok: this needs two CPUs")
        return 1
    G = ground.G = Gateway()
    run("ip link set far0 up && ip neigh add 203.0.113.10 lladdr 02:00:00:00:0f:01 dev eth0 || true")
    configure()
    G.start()
    return ground.tell(G, STORIES, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
