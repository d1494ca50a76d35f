# SPDX-License-Identifier: GPL-2.0-only
"""
The real daemon, its real BPF object and a real kernel without ESP: TUN devices stand in for xfrm interfaces, XFRM
messages are replayed. Frames go in at the far end of a veth pair; what comes out is compared byte by byte.

    vpc0 ── eth1 [espalierd] tun101, tun102      eth0: the underlay

Runs in network and mount namespaces of its own (test_gateway.sh). Prints "ok NAME" and "not ok NAME: why".
"""
import fcntl
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback

from scapy.all import (Dot1AD, Dot1Q, Ether, ICMP, IP, IPOption_Router_Alert, IPv6, Raw, TCP, UDP)  # noqa: E501

BUILD = os.environ["BUILD"]
STATE = "/run/espalier-test"
SOCKET = f"{STATE}/control.sock"
REPLAY = f"{STATE}/xfrm.sock"
CONFIG = f"{STATE}/espalier.yaml"
NOTIFY = f"{STATE}/notify.sock"
PINS = "/sys/fs/bpf/espalier"
HOST = "10.1.0.2"
HOST6 = "fd00:1::2"
DEADLINE = 30.0  # for what takes some milliseconds: a machine may stand still for a while


def tunnels(one="", two=""):
    """The tunnels of dc-1 for a configuration, each with these attributes beside."""
    return f"""\
    tunnels:
      - {{ name: one, if_id: 101, device: tun101, local_address: 198.51.100.1, remote_address: 203.0.113.10{one} }}
      - {{ name: two, if_id: 102, device: tun102, local_address: 198.51.100.2, remote_address: 203.0.113.11{two} }}
"""


def inside_tunnels(one="", two=""):
    """With addresses inside, as BGP and health checks want them."""
    return tunnels(f", inside: 169.254.10.0/30, bgp_address: 169.254.10.1{one}",
                   f", inside: 169.254.11.0/30, bgp_address: 169.254.11.1{two}")


def one_connection(vpc, routes, its_tunnels=tunnels()):
    """What follows `gateway:` in a configuration of a VPC and dc-1, which has destination-based routes."""
    return f"""\
transit_router:
  tables:
    main: {{ learn: [vpc-a, dc-1] }}
attachments:
  vpc-a: {{ type: vpc, device: eth1, {vpc}, association: main }}
  dc-1:  {{ type: vpn, connection: dc-1, association: main }}
customer_gateways:
  dc-1: {{ addresses: [203.0.113.10, 203.0.113.11] }}
connections:
  dc-1:
    customer_gateway: dc-1
    vrf: false
    routes: [{routes}]
{its_tunnels}"""


YAML = """
transit_router:
  tables:
    main:
      learn: [vpc-a, vpc-t, vpc-q, dc-1]
      routes:
        - { destination: 10.50.66.0/24, blackhole: true }
attachments:
  vpc-a: { type: vpc, device: eth1, cidrs: [10.1.0.0/24, "fd00:1::/64"], association: main, xdp: %(xdp)s }
  vpc-t: { type: vpc, device: eth1, vlan: 100, cidrs: [10.2.0.0/24], association: main }
  vpc-q: { type: vpc, device: eth1, vlan: [200, 300], cidrs: [10.3.0.0/24], association: main }
  dc-1:  { type: vpn, connection: dc-1, association: main }
customer_gateways:
  dc-1: { addresses: [203.0.113.10, 203.0.113.11] }
connections:
  dc-1:
    customer_gateway: dc-1
    vrf: false
    routes: [%(routes)s]
""" + tunnels()
ROUTES = '10.50.0.0/16, "fd00:50::/48"'


def run(command, check=True):
    return subprocess.run(command, shell=isinstance(command, str), check=check, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


def write(path, text):
    with open(path, "w") as f:
        f.write(text)
    return path


def wait_for(what, condition, limit=DEADLINE):
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"did not happen within {limit} s: {what}")
        time.sleep(0.02)


class Wire:
    """One end at which frames are sent and seen."""

    def __init__(self, fd, is_tun):
        self.fd = fd
        self.is_tun = is_tun

    def send(self, packet):
        os.write(self.fd, bytes(packet)) if self.is_tun else self.fd.send(bytes(packet))

    def drain(self):
        while self.receive(0) is not None:
            pass

    def receive(self, limit=2.0):
        ready, _, _ = select.select([self.fd], [], [], limit)
        if not ready:
            return None
        return os.read(self.fd, 65536) if self.is_tun else receive_frame(self.fd)

    def expect(self, want, limit=2.0):
        """The next packet that is not the kernel's own chatter must be exactly this."""
        want = bytes(want)
        end = time.monotonic() + limit
        while time.monotonic() < end:
            got = self.receive(end - time.monotonic())
            if got is None:
                break
            if is_chatter(got, self.is_tun):
                continue
            assert got == want, f"got  {got.hex()}\n     want {want.hex()}"
            return
        raise AssertionError(f"nothing came, expected {want.hex()}")

    def expect_nothing(self, limit=0.3):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            got = self.receive(max(0, end - time.monotonic()))
            if got is not None and not is_chatter(got, self.is_tun):
                raise AssertionError(f"nothing was expected, got {got.hex()}")


SOL_PACKET = 263
PACKET_AUXDATA = 8
TP_STATUS_VLAN_VALID = 1 << 4
TP_STATUS_VLAN_TPID_VALID = 1 << 6


def receive_frame(sock):
    """A frame with its tag put back: the kernel takes the outer one off and says so beside the data."""
    data, ancillary, _, address = sock.recvmsg(65536, 256)
    if address[2] == socket.PACKET_OUTGOING:
        return None
    for level, kind, value in ancillary:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", value[:20])
            if status & TP_STATUS_VLAN_VALID:
                tpid = tpid if status & TP_STATUS_VLAN_TPID_VALID else 0x8100
                data = data[:12] + struct.pack("!HH", tpid, tci) + data[12:]
    return data


def is_chatter(data, is_tun):
    """Neighbour discovery, MLD and ARP of the kernel itself."""
    if is_tun:
        return data[0] >> 4 == 6 and (data[6] == 0 or (data[6] == 58 and 130 <= data[40] <= 143))
    kind = struct.unpack("!H", data[12:14])[0]
    if kind == 0x0806:
        return True
    return kind == 0x86dd and (data[20] == 0 or (data[20] == 58 and 130 <= data[54] <= 143))


def open_tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22s", name.encode(), 0x0001 | 0x1000, b""))
    run(f"ip link set {name} up mtu 1400")
    return fd


def open_packet(name):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.bind((name, 0))
    return sock


class Gateway:
    """The ground and the daemon on it."""

    def __init__(self, *more):
        """With TUN devices for two tunnels, and for more."""
        self.daemon = None
        run("mount -t tmpfs run /run && mount -t sysfs sysfs /sys && mount -t bpf bpf /sys/fs/bpf")
        os.makedirs(STATE)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(NOTIFY)
        self.said = []
        threading.Thread(target=self.listen, daemon=True).start()
        run("sysctl -qw net.unix.max_dgram_qlen=1000")  # of replayed messages, while the daemon is stopped
        run("""ip link set lo up
               sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
               ip link add eth0 type veth peer name far0
               ip link add eth1 address 02:00:00:00:01:01 type veth peer name vpc0 address 02:00:00:00:01:02
               sysctl -qw net.ipv6.conf.vpc0.disable_ipv6=1 net.ipv6.conf.far0.disable_ipv6=1
               ip address add 198.51.100.1/24 dev eth0
               ip address add 198.51.100.2/24 dev eth0
               ip address add 10.1.0.1/24 dev eth1
               ip address add fd00:1::1/64 dev eth1
               ip link set eth0 up && ip link set far0 up && ip link set eth1 up && ip link set vpc0 arp off up
               ip route add default via 198.51.100.254""")
        # Neighbours are known, so that nothing waits for ARP: a tag that is pushed has no resolution of its own.
        for address in (HOST, "10.2.0.2"):
            run(f"ip neigh add {address} lladdr 02:00:00:00:01:02 dev eth1")
        run(f"ip neigh add {HOST6} lladdr 02:00:00:00:01:02 dev eth1")
        self.vpc = Wire(open_packet("vpc0"), False)
        self.far = Wire(open_packet("far0"), False)
        self.tun = {}
        for name in ("tun101", "tun102", *more):
            self.open_tun(name)

    def open_tun(self, name):
        self.tun[name] = Wire(open_tun(name), True)

    def configure(self, xdp="native", routes=ROUTES):
        write(CONFIG, YAML % {"xdp": xdp, "routes": routes})

    def start(self):
        env = dict(os.environ, ESPALIER_XFRM_REPLAY=REPLAY, NOTIFY_SOCKET=NOTIFY, WATCHDOG_USEC="30000000")
        self.log = open(f"{STATE}/log", "a")
        self.daemon = subprocess.Popen(self.command("--foreground"), env=env, stdout=self.log, stderr=self.log)
        wait_for("espalierd answers", self.answers)

    @staticmethod
    def command(*words):
        return [f"{BUILD}/tests/espalierd-replay", *words, "--config", CONFIG, "--socket", SOCKET, "--bpffs", PINS,
                "--state-dir", STATE]

    def notified(self):
        """What systemd would have been told since the last question."""
        time.sleep(0.1)
        said, self.said = self.said, []
        return said

    def listen(self):
        """As systemd does: a daemon that nobody listens to waits."""
        while True:
            lines = self.notify.recv(4096).decode().splitlines()
            self.said.extend(lines)

    def answers(self):
        assert self.daemon.poll() is None, "espalierd ended: " + open(f"{STATE}/log").read()
        return self.cli("status", check=False) is not None

    def stop(self, sig=signal.SIGTERM):
        self.daemon.send_signal(sig)
        status = self.daemon.wait(DEADLINE)
        assert sig == signal.SIGKILL or status == 0, f"espalierd ended with {status}"

    def cli(self, *words, check=True):
        done = subprocess.run([f"{BUILD}/espalier", "-j", "-s", SOCKET, *words], text=True, capture_output=True)
        if done.returncode:
            assert not check, f"espalier {' '.join(words)}: {done.stdout}{done.stderr}"
            return None
        return json.loads(done.stdout)

    def xfrm(self, *words):
        run([f"{BUILD}/tests/xfrm_event", REPLAY, *words])

    def sas(self, command, number, *more):
        self.xfrm(command, "--inside", "46", "--if-id", str(100 + number), "--local", f"198.51.100.{number}",
                  "--remote", f"203.0.113.{9 + number}", "--spi-in", f"0x{number}01", "--spi-out", f"0x{number}02", *more)

    def up(self, number):
        self.sas("up", number)
        wait_for(f"tunnel {number} is up", lambda: self.live(number))

    def down(self, number):
        self.sas("down", number)
        wait_for(f"tunnel {number} is down", lambda: not self.live(number))

    def offline_down(self, number):
        """While no daemon runs: the kernel of the replay forgets."""
        self.sas("down", number, "--offline")

    def live(self, number):
        return self.cli("show", "tunnels")[number - 1]["up"]

    def states(self):
        return {r["state"] for r in self.cli("show", "routes", "--table", "main") if r["attachment"] == "dc-1"}

    def count(self, reason, attachment="vpc-a"):
        rows = self.cli("show", "drops", "--all")
        return sum(r["packets"] for r in rows if r["reason"] == reason and r["attachment"] == attachment)

    def ask(self, **request):
        """As the command line does (doc/control.md), where many questions have little time."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(SOCKET)
            s.sendall(json.dumps(request).encode() + b"\n")
            answer = json.load(s.makefile())
        assert answer["ok"], answer
        return answer["result"]

    def path(self, destination, *flow, source=HOST):
        """flow: protocol, source port, destination port"""
        return self.ask(command="explain", **{"in": "vpc-a"}, source=source, destination=destination,
                        **dict(zip(("protocol", "source_port", "destination_port"), flow)))

    def drain(self):
        for wire in (self.vpc, self.far, *self.tun.values()):
            wire.drain()


G = None
TUN = {"one": "tun101", "two": "tun102"}


def text(*words):
    """What people read."""
    return subprocess.run([f"{BUILD}/espalier", "-s", SOCKET, *words], text=True, capture_output=True, check=True).stdout


def tunnel(name):
    return next(t for t in G.cli("show", "tunnels") if t["name"] == name)


def alarms():
    return G.cli("status")["alarms"]


def frame(packet, tags=()):
    head = Ether(dst="02:00:00:00:01:01", src="02:00:00:00:01:02")
    for i, tag in enumerate(tags):
        head /= Dot1AD(vlan=tag) if len(tags) == 2 and i == 0 else Dot1Q(vlan=tag)
    return Ether(bytes(head / packet))


def hop(packet):
    """The packet after one hop, checksum recomputed from nothing."""
    packet = packet.copy()
    if IPv6 in packet:
        packet[IPv6].hlim -= 1
        return bytes(packet[IPv6])
    packet[IP].ttl -= 1
    del packet[IP].chksum
    return bytes(packet[IP])


def flow(port, source=HOST, destination="10.50.0.9", payload=b"espalier"):
    return IP(bytes(IP(src=source, dst=destination, ttl=64, id=port) / UDP(sport=port, dport=7) / Raw(payload)))


# ---- the stories ---------------------------------------------------------------------------------------------------

def before_phase_2_routes_are_withdrawn_and_nothing_passes():
    assert G.states() == {"withdrawn"}, G.states()
    dropped = G.count("no-route")
    G.vpc.send(frame(flow(1)))
    wait_for("the drop is counted", lambda: G.count("no-route") == dropped + 1)
    for wire in (*G.tun.values(), G.far):
        wire.expect_nothing(0.1)


def larval_sas_are_not_phase_2():
    G.xfrm("larval", "--if-id", "101", "--local", "198.51.100.1", "--remote", "203.0.113.10", "--spi-in", "0x999")
    time.sleep(0.1)
    assert not G.live(1) and G.states() == {"withdrawn"}


def a_tunnel_in_phase_2_gets_the_exact_packet():
    G.up(1)
    wait_for("routes are active", lambda: G.states() == {"active"})
    packet = flow(1000)
    G.vpc.send(frame(packet))
    G.tun["tun101"].expect(hop(packet))


def ipv6_too():
    packet = IPv6(bytes(IPv6(src=HOST6, dst="fd00:50::9", hlim=64) / TCP(sport=5, dport=6) / Raw(b"six")))
    G.vpc.send(frame(packet))
    G.tun["tun101"].expect(hop(packet))


def ethernet_padding_does_not_enter_the_tunnel():
    packet = IP(bytes(IP(src=HOST, dst="10.50.0.9", ttl=9) / ICMP()))
    G.vpc.send(bytes(frame(packet)) + bytes(60 - 14 - len(packet)))
    G.tun["tun101"].expect(hop(packet))


def a_tagged_frame_arrives_without_its_tag():
    packet = flow(1001, source="10.2.0.2")
    G.vpc.send(frame(packet, tags=[100]))
    G.tun["tun101"].expect(hop(packet))


def a_doubly_tagged_frame_arrives_without_its_tags():
    packet = flow(1002, source="10.3.0.2")
    G.vpc.send(frame(packet, tags=[200, 300]))
    G.tun["tun101"].expect(hop(packet))


def an_unknown_tag_is_not_an_attachment():
    G.vpc.send(frame(flow(1003), tags=[999]))
    for wire in (*G.tun.values(), G.far):
        wire.expect_nothing(0.1)


def from_the_tunnel_to_the_vpc():
    packet = IP(bytes(IP(src="10.50.0.9", dst=HOST, ttl=50) / UDP(sport=7, dport=1000) / Raw(b"back")))
    G.tun["tun101"].send(packet)
    G.vpc.expect(bytes(Ether(dst="02:00:00:00:01:02", src="02:00:00:00:01:01", type=0x800)) + hop(packet))


def from_the_tunnel_to_the_vpc_ipv6():
    packet = IPv6(bytes(IPv6(src="fd00:50::9", dst=HOST6, hlim=50) / UDP(sport=7, dport=8) / Raw(b"back")))
    G.tun["tun101"].send(packet)
    G.vpc.expect(bytes(Ether(dst="02:00:00:00:01:02", src="02:00:00:00:01:01", type=0x86dd)) + hop(packet))


def from_the_tunnel_to_a_tagged_vpc():
    packet = IP(bytes(IP(src="10.50.0.9", dst="10.2.0.2", ttl=50) / UDP(sport=7, dport=1000) / Raw(b"tagged")))
    G.tun["tun101"].send(packet)
    G.vpc.expect(bytes(Ether(dst="02:00:00:00:01:02", src="02:00:00:00:01:01") /
                       Dot1Q(vlan=100, type=0x800)) + hop(packet))


def a_spoofed_source_from_the_tunnel_is_dropped():
    dropped = G.count("source", "dc-1")
    G.tun["tun101"].send(IP(src="172.31.0.1", dst=HOST) / UDP() / Raw(b"spoof"))
    wait_for("the drop is counted", lambda: G.count("source", "dc-1") == dropped + 1)
    G.vpc.expect_nothing(0.1)


def from_attachment_to_attachment():
    packet = flow(1004, source=HOST, destination="10.2.0.2")
    G.vpc.send(frame(packet))
    G.vpc.expect(bytes(Ether(dst="02:00:00:00:01:02", src="02:00:00:00:01:01") /
                       Dot1Q(vlan=100, type=0x800)) + hop(packet))


def a_blackhole_swallows_and_counts():
    dropped = G.count("blackhole")
    G.vpc.send(frame(flow(1005, destination="10.50.66.6")))
    wait_for("the drop is counted", lambda: G.count("blackhole") == dropped + 1)
    G.tun["tun101"].expect_nothing(0.1)


def the_kernel_answers_ttl_exceeded():
    packet = IP(bytes(IP(src=HOST, dst="10.50.0.9", ttl=1) / UDP(sport=1, dport=2) / Raw(b"x")))
    G.vpc.send(frame(packet))
    answer = Ether(G.vpc.receive())
    assert answer[ICMP].type == 11 and answer[IP].src == "10.1.0.1" and answer[IP].dst == HOST, answer.summary()


def the_kernel_carries_ip_options_by_the_same_routes():
    packet = IP(bytes(IP(src=HOST, dst="10.50.0.9", ttl=64, options=[IPOption_Router_Alert()]) / UDP() / Raw(b"o")))
    before = G.count("ip-options")
    G.vpc.send(frame(packet))
    G.tun["tun101"].expect(hop(packet))
    assert G.count("ip-options") == before + 1


def the_kernel_tells_the_tunnels_mtu():
    packet = IP(bytes(IP(src=HOST, dst="10.50.0.9", ttl=64, flags="DF") / UDP(sport=1, dport=2) / Raw(bytes(1450))))
    G.vpc.send(frame(packet))
    answer = Ether(G.vpc.receive())
    assert answer[ICMP].type == 3 and answer[ICMP].code == 4 and answer[ICMP].nexthopmtu == 1400, answer.summary()


def the_gateways_own_address_answers():
    G.vpc.send(frame(IP(src=HOST, dst="10.1.0.1", ttl=1) / ICMP(id=1, seq=1)))
    answer = Ether(G.vpc.receive())
    assert answer[ICMP].type == 0 and answer[IP].src == "10.1.0.1", answer.summary()


def flows_spread_and_explain_tells_where():
    G.up(2)
    seen = {"one": 0, "two": 0}
    for port in range(2000, 2064):
        told = G.cli("explain", "--in", "vpc-a", HOST, "10.50.0.9", "udp", str(port), "7")
        packet = flow(port)
        G.vpc.send(frame(packet))
        G.tun[TUN[told["tunnel"]]].expect(hop(packet))
        seen[told["tunnel"]] += 1
    assert min(seen.values()) >= 16, seen


def fragments_of_one_datagram_take_one_tunnel():
    whole = IP(src=HOST, dst="10.50.0.9", ttl=64, id=77) / UDP(sport=3, dport=4) / Raw(bytes(3000))
    parts = [IP(bytes(p)) for p in whole.fragment(1000)]
    for part in parts:
        G.vpc.send(frame(part))
    wire = next(w for w in G.tun.values() if (w.fd in select.select([w.fd], [], [], 0.5)[0]))
    for part in parts:
        wire.expect(hop(part))


def a_lost_tunnel_moves_its_flows_only():
    before = paths(range(2100, 2164))
    G.down(1)
    assert G.states() == {"active"}
    expect_on({p: "two" for p in before})
    G.tun["tun101"].expect_nothing(0.1)
    G.up(1)
    after = paths(before)
    back = sum(after[p] == "one" for p in before)
    assert 16 <= back <= 48, after
    expect_on(after)


def paths(ports):
    return {p: G.path("10.50.0.9", "udp", p, 7)["tunnel"] for p in ports}


def expect_on(told):
    for port, tunnel in told.items():
        packet = flow(port)
        G.vpc.send(frame(packet))
        G.tun[TUN[tunnel]].expect(hop(packet))


def a_killed_daemon_leaves_everything_running():
    before = paths(range(2200, 2264))
    G.stop(signal.SIGKILL)
    expect_on(before)
    G.start()
    assert G.live(1) and G.live(2) and G.states() == {"active"}
    assert paths(before) == before
    expect_on(before)


def a_restart_over_a_lost_tunnel_notices():
    before = paths(range(2300, 2316))
    G.stop()
    expect_on(before)
    G.offline_down(2)
    G.start()
    assert G.live(1) and not G.live(2)
    expect_on({p: "one" for p in before})
    G.cli("audit")
    assert G.cli("status")["drift"]["found"] == 0, G.cli("show", "drift")
    G.up(2)


def both_lost_means_withdrawn_and_silent():
    G.down(1)
    G.down(2)
    wait_for("routes are withdrawn", lambda: G.states() == {"withdrawn"})
    dropped = G.count("no-route")
    G.vpc.send(frame(flow(2500)))
    wait_for("the drop is counted", lambda: G.count("no-route") == dropped + 1)
    for wire in (*G.tun.values(), G.far):
        wire.expect_nothing(0.1)


def without_xdp_tc_alone_does_the_same():
    G.stop()
    G.configure(xdp="off")
    G.start()
    G.up(1)
    assert [a["xdp"] for a in G.cli("show", "attachments") if a["name"] == "vpc-a"] == ["tc"]
    packet = flow(2600)
    G.vpc.send(frame(packet))
    G.tun["tun101"].expect(hop(packet))
    packet = flow(2601, source="10.2.0.2")
    G.vpc.send(frame(packet, tags=[100]))
    G.tun["tun101"].expect(hop(packet))


def a_wrong_configuration_leaves_the_daemon_alone():
    bad = (YAML % {"xdp": "nativ", "routes": "0.0.0.0/0"}).replace("if_id: 102", "if_id: 101")
    done = subprocess.run([f"{BUILD}/tests/espalierd-replay", "--foreground", "--config", write(f"{STATE}/bad.yaml", bad),
                           "--socket", SOCKET, "--bpffs", PINS], text=True, capture_output=True)
    assert done.returncode == 2, done
    lines = done.stderr.splitlines()
    assert len(lines) >= 3 and all(x.startswith(f"{STATE}/bad.yaml:") for x in lines), done.stderr
    assert any("[S35]" in x for x in lines), done.stderr
    packet = flow(2700)
    G.vpc.send(frame(packet))
    G.tun["tun101"].expect(hop(packet))


def a_second_daemon_refuses():
    done = subprocess.run([f"{BUILD}/tests/espalierd-replay", "--foreground", "--config", CONFIG, "--socket", SOCKET,
                           "--bpffs", PINS], text=True, capture_output=True)
    assert done.returncode == 1 and "already running" in done.stderr, done


def a_recreated_tunnel_device_is_found_again():
    G.tun["tun101"].drain()
    os.close(G.tun["tun101"].fd)
    wait_for("the tunnel is no longer used", lambda: not G.live(1))
    G.open_tun("tun101")
    wait_for("the tunnel is used again", lambda: G.live(1))
    packet = flow(2800)
    G.vpc.send(frame(packet))
    G.tun["tun101"].expect(hop(packet))


def systemd_is_told_when_it_forwards_and_when_it_stops():
    G.notified()
    G.stop()
    assert "STOPPING=1" in G.notified()
    G.start()
    assert "READY=1" in G.notified()


def the_watchdog_waits_for_an_apply():
    G.notified()
    G.daemon.send_signal(signal.SIGHUP)
    wait_for("reloaded", lambda: "READY=1" in G.said)
    said = [line for line in G.notified() if line.startswith(("RELOADING", "WATCHDOG_USEC", "READY"))]
    assert said == [
        "RELOADING=1", "WATCHDOG_USEC=900000000", "WATCHDOG_USEC=30000000", "READY=1"], said


def without_foreground_it_returns_when_it_forwards():
    G.stop()
    env = dict(os.environ, ESPALIER_XFRM_REPLAY=REPLAY)
    with open(f"{STATE}/log", "a") as log:
        assert subprocess.run(G.command(), env=env, stdout=log, stderr=log, timeout=DEADLINE).returncode == 0
    status = G.cli("status")
    assert status["ready"]
    os.kill(status["pid"], signal.SIGTERM)
    wait_for("the daemon in the background ends", lambda: not os.path.exists(f"/proc/{status['pid']}"))
    G.start()


def where_ipv6_is_disabled_ipv4_works():
    G.stop()
    run("sysctl -qw net.ipv6.conf.tun101.disable_ipv6=1 net.ipv6.conf.tun102.disable_ipv6=1")
    write(CONFIG, (YAML % {"xdp": "native", "routes": "10.50.0.0/16"}).replace(', "fd00:1::/64"', ""))
    G.start()
    packet = flow(2900)
    G.vpc.send(frame(packet))
    G.tun["tun101"].expect(hop(packet))


def cleanup_removes_everything():
    G.stop()
    run([f"{BUILD}/tests/espalierd-replay", "--cleanup", "--socket", SOCKET, "--bpffs", PINS, "--state-dir", STATE])
    assert not os.path.exists(PINS)
    left = run("ip rule; ip -6 rule; ip route show table all proto 77; ip link show eth1")
    assert "unreachable" not in left and "bpf" not in left and "xdp" not in left and "iif" not in left, left


STORIES = [
    before_phase_2_routes_are_withdrawn_and_nothing_passes, larval_sas_are_not_phase_2,
    a_tunnel_in_phase_2_gets_the_exact_packet, ipv6_too, ethernet_padding_does_not_enter_the_tunnel,
    a_tagged_frame_arrives_without_its_tag, a_doubly_tagged_frame_arrives_without_its_tags,
    an_unknown_tag_is_not_an_attachment, from_the_tunnel_to_the_vpc, from_the_tunnel_to_the_vpc_ipv6,
    from_the_tunnel_to_a_tagged_vpc, a_spoofed_source_from_the_tunnel_is_dropped, from_attachment_to_attachment,
    a_blackhole_swallows_and_counts, the_kernel_answers_ttl_exceeded,
    the_kernel_carries_ip_options_by_the_same_routes, the_kernel_tells_the_tunnels_mtu,
    the_gateways_own_address_answers, flows_spread_and_explain_tells_where,
    fragments_of_one_datagram_take_one_tunnel, a_lost_tunnel_moves_its_flows_only,
    a_killed_daemon_leaves_everything_running, a_restart_over_a_lost_tunnel_notices, both_lost_means_withdrawn_and_silent,
    without_xdp_tc_alone_does_the_same, a_wrong_configuration_leaves_the_daemon_alone, a_second_daemon_refuses,
    a_recreated_tunnel_device_is_found_again, systemd_is_told_when_it_forwards_and_when_it_stops,
    the_watchdog_waits_for_an_apply,
    without_foreground_it_returns_when_it_forwards, where_ipv6_is_disabled_ipv4_works, cleanup_removes_everything,
]


def reason(why):
    """What is wrong; of a claim without words, the claim."""
    at = traceback.extract_tb(why.__traceback__)[-1]
    return str(why) or f"{os.path.basename(at.filename)}:{at.lineno}: {at.line}"


def tell(gateway, stories, wanted=(), before=None, after_failure=None):
    """
    Tells the stories, or those that are wanted by name; the exit status. before() makes the ground ready for each,
    after_failure() mends it for the next.
    """
    failed = 0
    for story in stories:
        if wanted and story.__name__ not in wanted:
            continue
        try:
            gateway.drain()
            if before:
                before()
            story()
            print(f"ok {story.__name__}", flush=True)
        except Exception as why:  # a story's failure is reported, and the next one told
            failed += 1
            print(f"not ok {story.__name__}: {reason(why)}", flush=True)
            if not isinstance(why, AssertionError):
                traceback.print_exc()
            if gateway.daemon.poll() is not None:
                break
            if after_failure:
                after_failure()
    if failed:
        print(open(f"{STATE}/log").read(), file=sys.stderr)
    if gateway.daemon.poll() is None:
        gateway.daemon.kill()
    return 1 if failed else 0


def main():
    global G
    G = Gateway()
    G.configure()
    G.start()
    return tell(G, STORIES)


if __name__ == "__main__":
    sys.exit(main())
