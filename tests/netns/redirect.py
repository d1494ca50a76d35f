# SPDX-License-Identifier: GPL-2.0-only
"""
From one VPC to another with real hosts behind both, that answer ARP and neighbour discovery, move and go away.

    a (namespace) 10.1.0.2 == eth1 [espalierd] eth2 == 10.2.0.2 (namespace) b

Which way a packet went is what the device's own counters say: only XDP's go through ndo_xdp_xmit. Runs in namespaces
of its own (test_redirect.sh).
"""
import os
import re
import signal
import subprocess
import sys

import gateway as ground
from gateway import BUILD, CONFIG, PINS, SOCKET, STATE, run, wait_for, write

YAML = """
transit_router:
  tables:
    main: { learn: [a, b] }
attachments:
  a: { type: vpc, device: eth1, cidrs: [10.1.0.0/24, "fd00:1::/64"], association: main, xdp: native, redirect: on }
  b: { type: vpc, device: eth2, cidrs: [10.2.0.0/24, "fd00:2::/64"], association: main, redirect: on, xdp: %s }
"""
G = None


class Ground:
    def __init__(self):
        run("mount -t tmpfs run /run && mount -t sysfs sysfs /sys && mount -t bpf bpf /sys/fs/bpf")
        os.makedirs(STATE)
        self.daemon = None
        run("sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0; ip link set lo up")
        for number, name in enumerate("ab", 1):
            run(f"""ip netns add {name}
                ip netns exec {name} sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0
                ip link add eth{number} type veth peer name eth0 netns {name}
                ip address add 10.{number}.0.1/24 dev eth{number}
                ip address add fd00:{number}::1/64 dev eth{number}
                ip link set eth{number} up
                ip -n {name} link set lo up
                ip -n {name} link set eth0 up
                ip netns exec {name} ethtool -K eth0 gro on
                ip -n {name} address add 10.{number}.0.2/24 dev eth0
                ip -n {name} address add fd00:{number}::2/64 dev eth0
                ip -n {name} route add default via 10.{number}.0.1
                ip -n {name} route add default via fd00:{number}::1""")

    def write(self, xdp="native"):
        write(CONFIG, YAML % xdp)

    def start(self):
        self.log = open(f"{STATE}/log", "a")
        env = dict(os.environ, ESPALIER_XFRM_REPLAY=f"{STATE}/xfrm.sock")
        self.daemon = subprocess.Popen(
            [f"{BUILD}/tests/espalierd-replay", "--foreground", "--config", CONFIG, "--socket", SOCKET, "--bpffs", PINS,
             "--state-dir", STATE], env=env, stdout=self.log, stderr=self.log)
        wait_for("espalierd answers", lambda: self.cli("status", check=False) is not None)

    cli = ground.Gateway.cli

    def stop(self, sig=signal.SIGTERM):
        self.daemon.send_signal(sig)
        self.daemon.wait(ground.DEADLINE)

    def attachment(self, name):
        return next(a for a in self.cli("show", "attachments") if a["name"] == name)

    def drain(self):
        pass


def ping(count=5, to="10.2.0.2", interval=0.05):
    """How many of so many are answered."""
    done = subprocess.run(["ip", "netns", "exec", "a", "ping", "-q", "-c", str(count), "-i", str(interval), "-W", "2", to],
                          text=True, capture_output=True)
    return int(re.search(r"(\d+) received", done.stdout).group(1))


def sent_by_xdp(device="eth2"):
    found = re.findall(r"tx_queue_\d+_xdp_xmit: (\d+)", run(f"ethtool -S {device}"))
    assert found, run(f"ethtool -S {device}")
    return sum(map(int, found))


def by_xdp(count, **how):
    """Of so many answered packets, those that XDP sent to b."""
    before = sent_by_xdp()
    assert ping(count, **how) == count
    return sent_by_xdp() - before


def leases(name="b"):
    return G.attachment(name)["neighbours"]


def mac_of(namespace):
    return run(f"ip netns exec {namespace} cat /sys/class/net/eth0/address").strip()


# ---- the stories ---------------------------------------------------------------------------------------------------

def the_first_packet_waits_for_a_lease():
    assert G.attachment("b")["redirect"] and G.attachment("a")["redirect"], G.cli("show", "attachments")
    assert ping(3) == 3
    wait_for("both hosts have leases", lambda: leases("a") >= 1 and leases("b") >= 1)
    assert by_xdp(20) == 20
    assert sent_by_xdp("eth1") >= 20, "answers come back another way"


def ipv6_has_leases_too():
    assert ping(3, to="fd00:2::2") == 3
    wait_for("the IPv6 host has a lease", lambda: leases() >= 2)
    assert by_xdp(10, to="fd00:2::2") == 10


def every_packet_is_counted_once():
    before = G.attachment("b")["out"]["packets"]
    assert ping(25) == 25
    assert G.attachment("b")["out"]["packets"] == before + 25


def a_host_with_another_mac_address_is_lost():
    run("ip -n b link set eth0 down && ip -n b link set eth0 address 02:00:00:00:0b:02 && ip -n b link set eth0 up && "
        "ip -n b route add default via 10.2.0.1")
    # what a host says of itself when it comes up
    run("ip netns exec b python3 -c '\n"
        "import socket\n"
        "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0806)\n"
        "s.bind((\"eth0\", 0))\n"
        "mac, ip = bytes.fromhex(\"020000000b02\"), socket.inet_aton(\"10.2.0.2\")\n"
        "s.send(b\"\\xff\" * 6 + mac + bytes.fromhex(\"08060001080006040002\") + mac + ip + b\"\\xff\" * 6 + ip)\n'")
    wait_for("its packets arrive again", lambda: ping(1) == 1)
    wait_for("it has a lease again", lambda: by_xdp(3) == 3)


def a_neighbour_that_was_removed_is_still_sent_to():
    run("ip neigh flush dev eth2")
    wait_for("the leases end", lambda: leases() == 0)
    assert ping(5) == 5
    wait_for("it has a lease again", lambda: by_xdp(3) == 3)


def a_host_in_use_goes_stale_and_leaves_the_fast_way():
    """Reachable for a second: at least five times it would be doubted while packets go on."""
    run("sysctl -qw net.ipv4.neigh.eth2.base_reachable_time_ms=1000 net.ipv4.neigh.eth2.gc_stale_time=60")
    run("ip neigh flush dev eth2")
    assert ping(3) == 3
    before = sent_by_xdp()
    assert ping(160, interval=0.05) == 160
    share = (sent_by_xdp() - before) / 160
    assert share > 0.8, f"only {share:.0%} went by XDP"
    run("sysctl -qw net.ipv4.neigh.eth2.base_reachable_time_ms=30000")


def a_permanent_neighbour_has_no_lease():
    run(f"ip neigh replace 10.2.0.2 lladdr {mac_of('b')} nud permanent dev eth2")
    wait_for("it has a lease", lambda: by_xdp(3) == 3)
    run("ip neigh del 10.2.0.2 dev eth2")


def a_device_that_takes_no_more_frames_is_sent_some():
    """A veth takes them while its peer has GRO (or XDP) on. Nothing is lost but what was on its way."""
    run("ip netns exec b ethtool -K eth0 gro off")
    wait_for("espalierd hears of it", lambda: not G.attachment("b")["redirect"])
    assert by_xdp(10) == 0
    run("ip netns exec b ethtool -K eth0 gro on")
    wait_for("espalierd hears of it", lambda: G.attachment("b")["redirect"])
    wait_for("it has a lease again", lambda: by_xdp(3) == 3)


def a_killed_daemon_leaves_packets_flowing():
    G.stop(signal.SIGKILL)
    assert ping(20) == 20
    G.start()
    assert ping(20) == 20
    wait_for("leases are renewed", lambda: by_xdp(3) == 3)


def without_xdp_on_the_target_tc_delivers():
    G.write("off")
    G.cli("apply", CONFIG)
    wait_for("it is no target of XDP", lambda: not G.attachment("b")["redirect"])
    assert by_xdp(10) == 0
    G.write()
    G.cli("apply", CONFIG)
    wait_for("it is again", lambda: G.attachment("b")["redirect"])
    assert ping(3) == 3
    wait_for("it has a lease again", lambda: by_xdp(3) == 3)


def half_a_checksum_goes_to_another_vpc():
    """A veth's sender leaves checksums to the device. By itself (auto) nothing of a veth's is redirected."""
    write(CONFIG, (YAML % "native").replace(", redirect: on", ""))
    G.cli("apply", CONFIG)
    before = sent_by_xdp()
    run("""ip netns exec b python3 -c '
import socket
s = socket.create_server(("10.2.0.2", 7001)); s.settimeout(5); c, _ = s.accept(); c.sendall(c.recv(10))' &
        ip netns exec a python3 -c '
import socket, time
end = time.monotonic() + 5
while True:
    try:
        s = socket.create_connection(("10.2.0.2", 7001), 1)
        break
    except OSError:
        if time.monotonic() > end:
            raise
s.sendall(b"checksum"); assert s.recv(10) == b"checksum"'""")
    assert sent_by_xdp() == before
    G.write()
    G.cli("apply", CONFIG)


def a_device_made_anew_is_found():
    run("""ip link del eth2
        ip link add eth2 type veth peer name eth0 netns b
        ip address add 10.2.0.1/24 dev eth2
        ip link set eth2 up
        ip -n b link set eth0 up
        ip netns exec b ethtool -K eth0 gro on
        ip -n b address add 10.2.0.2/24 dev eth0
        ip -n b route add default via 10.2.0.1""")
    wait_for("packets arrive", lambda: ping(1) == 1)
    wait_for("it has a lease again", lambda: by_xdp(3) == 3)


STORIES = [
    the_first_packet_waits_for_a_lease, ipv6_has_leases_too, every_packet_is_counted_once,
    a_host_with_another_mac_address_is_lost, a_neighbour_that_was_removed_is_still_sent_to,
    a_host_in_use_goes_stale_and_leaves_the_fast_way, a_permanent_neighbour_has_no_lease,
    a_device_that_takes_no_more_frames_is_sent_some, a_killed_daemon_leaves_packets_flowing,
    without_xdp_on_the_target_tc_delivers, half_a_checksum_goes_to_another_vpc, a_device_made_anew_is_found,
]


def main():
    global G
    G = Ground()
    G.write()
    G.start()
    return ground.tell(G, STORIES, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
