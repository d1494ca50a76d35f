# SPDX-License-Identifier: GPL-2.0-only
"""
The real FRR 10 of the VM tier's root file system, on this host, without VRFs: a gateway and two data centres. Packets in
tunnels are carried between TUN devices here instead of being encrypted. FRR's files are those that espalier renders.

    [ gateway: espalierd, FRR ]  tun101, tun102 ── [ dc1: FRR, AS 65001 ]
                                 tun103         ── [ dc2: FRR, AS 65002 ]
"""
import ctypes
import ipaddress
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time

import gateway as ground
import routing
from gateway import BUILD, CONFIG, STATE, Gateway, flow, inside_tunnels, run, wait_for, write
from routing import by_tunnel, offered, path, show_bgp, stale

YAML = """
gateway: { fpm: { user: %(user)s } }
transit_router:
  tables:
    main: { learn: [vpc-a, dc-1, dc-2], transit: %(transit)s, routes: [{ destination: 10.9.0.0/16, blackhole: true }] }
attachments:
  vpc-a: { type: vpc, device: eth1, cidrs: [10.1.0.0/16, "fd00:1::/64"], association: main }
  dc-1:  { type: vpn, connection: dc-1, association: main, synchronize: %(synchronize)s }
  dc-2:  { type: vpn, connection: dc-2, association: main }
customer_gateways:
  dc-1: { addresses: [203.0.113.10, 203.0.113.11], asn: 65001 }
  dc-2: { address: 203.0.113.12 }
connections:
  dc-1:
    customer_gateway: dc-1
    vrf: false
    table: 1001
    bgp: { feed: %(feed)s, address_families: [ipv4], keepalive: 1s, hold_time: 9s, bfd: off,
           graceful_restart: { restart_time: 60s } }
""" + inside_tunnels() + """\
  dc-2:
    customer_gateway: dc-2
    vrf: false
    table: 1002
    routes: [10.60.0.0/16]
    tunnels:
      - { name: three, if_id: 103, device: tun103, local_address: 198.51.100.1, remote_address: 203.0.113.12 }
"""
DC_CONFIG = """
frr defaults traditional
service integrated-vtysh-config
ip prefix-list all seq 5 permit any
route-map all permit 10
exit
router bgp 65001
 bgp router-id 169.254.10.2
 no bgp network import-check
 bgp graceful-restart restart-time 60
 bgp graceful-restart
 neighbor 169.254.10.1 remote-as 45104
 neighbor 169.254.10.1 timers 1 9
 neighbor 169.254.10.1 timers connect 2
 neighbor 169.254.11.1 remote-as 45104
 neighbor 169.254.11.1 timers 1 9
 neighbor 169.254.11.1 timers connect 2
 address-family ipv4 unicast
  neighbor 169.254.10.1 route-map all in
  neighbor 169.254.10.1 route-map all out
  neighbor 169.254.11.1 route-map all in
  neighbor 169.254.11.1 route-map all out
%(networks)s
  redistribute kernel
  maximum-paths 2
 exit-address-family
exit
"""
NETWORKS = ["10.50.0.0/16", "10.51.0.0/16"]
ROOT = None
G = None
GW = None
DC = None
libc = ctypes.CDLL(None, use_errno=True)


def in_namespace(name, what):
    """Runs `what` with this thread in another network namespace."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        assert libc.setns(there, 0x40000000) == 0
        return what()
    finally:
        libc.setns(here, 0x40000000)
        os.close(here)
        os.close(there)


class Tunnel:
    """Carries packets between the gateway's TUN and one in a data centre, and counts those that arrive there."""

    def __init__(self, device, namespace, address):
        self.near = G.tun[device].fd
        self.far = in_namespace(namespace, lambda: ground.open_tun(device))
        run(f"ip -n {namespace} address add {address} dev {device}")
        self.open = True
        self.test_packets = 0
        threading.Thread(target=self.carry, daemon=True).start()

    def carry(self):
        while True:
            for fd in select.select([self.near, self.far], [], [])[0]:
                packet = os.read(fd, 65536)
                if not self.open:
                    continue
                if fd == self.near and b"espalier" in packet:
                    self.test_packets += 1
                else:
                    os.write(self.far if fd == self.near else self.near, packet)


class Frr:
    """FRR's daemons, with /run, /etc/frr and all of the root file system to themselves."""

    def __init__(self, name, namespace=None):
        self.name = name
        self.home = f"{STATE}/frr-{name}"
        self.zebra = []
        self.daemons = {}
        for part in ("run", "etc", "log"):
            os.makedirs(f"{self.home}/{part}")
        self.enter = ["ip", "netns", "exec", namespace] if namespace else []
        mounts = " && ".join([
            f"mount --bind {self.home}/etc {ROOT}/etc/frr", f"mount -t tmpfs run {ROOT}/run", f"mkdir -p {ROOT}/run/frr",
            f"mount --bind {self.home}/log {ROOT}/var/log", f"mount -t tmpfs tmp {ROOT}/var/tmp",
            f"mkdir -p {ROOT}/var/tmp/frr", f"mount -t proc proc {ROOT}/proc", f"mount --bind /dev {ROOT}/dev",
            f"chroot {ROOT} chown -R frr:frr /run/frr /etc/frr /var/log /var/tmp/frr", "exec sleep infinity"])
        self.holder = subprocess.Popen([*self.enter, "unshare", "--mount", "--propagation", "private", "sh", "-ec", mounts])
        wait_for("a root of its own", lambda: self.inside("test", "-d", "/run/frr", check=False) == 0)

    def command(self, *words):
        return [*self.enter, "nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "chroot", ROOT, *words]

    def inside(self, *words, check=True):
        done = subprocess.run(self.command(*words), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert not check or done.returncode == 0, f"{words}: {done.stdout}"
        return done.returncode if not check else done.stdout

    def configure(self, text):
        with open(f"{self.home}/etc/frr.conf", "w") as f:
            f.write(text)
        open(f"{self.home}/etc/vtysh.conf", "w").close()

    def start(self, zebra=(), only=("mgmtd", "zebra", "staticd", "bgpd")):
        for daemon in only:
            options = zebra if daemon == "zebra" else ()
            self.daemons[daemon] = subprocess.Popen(
                self.command(f"/usr/lib/frr/{daemon}", "-A", "127.0.0.1", "--log", f"file:/var/log/{daemon}.log", *options),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_for(f"{self.name}: {daemon} answers", lambda d=daemon: self.inside("test", "-e", f"/run/frr/{d}.vty",
                                                                                   check=False) == 0)
        wait_for(f"{self.name} is configured", lambda: self.inside("vtysh", "-b", check=False) == 0, 20)

    def kill(self):
        """All of them, at once."""
        for process in self.daemons.values():
            process.send_signal(signal.SIGKILL)
        for process in self.daemons.values():
            process.wait()
        self.inside("sh", "-c", "rm -f /run/frr/*")
        self.daemons = {}

    def vtysh(self, *commands):
        return self.inside("vtysh", *[w for c in commands for w in ("-c", c)])

    def json(self, command):
        return json.loads(self.vtysh(command))


def configure(feed="fpm", transit="true", synchronize="true"):
    user = run(["chroot", ROOT, "id", "-u", "frr"]).strip()  # this host need not have FRR
    write(CONFIG, YAML % {"feed": feed, "transit": transit, "synchronize": synchronize, "user": user})


def apply(**what):
    configure(**what)
    G.cli("apply", CONFIG)


def rendered(*what):
    return subprocess.run([f"{BUILD}/espalier", "render", "frr", *what, CONFIG], text=True, capture_output=True,
                          check=True).stdout


def zebra_options():
    return re.search(r'^zebra_options="(.*)"', rendered("--daemons"), re.M)[1].replace("-A 127.0.0.1", "").split()


def goes(destination, *where):
    routing.goes(destination, *where, limit=30)


def learned_by_dc():
    """Prefixes that the data centre has from the gateway, over both tunnels."""
    routes = DC.json("show bgp ipv4 unicast json")["routes"]
    return {p for p, paths in routes.items() if sum(not x.get("sourced") and bool(x.get("path")) for x in paths) == 2}


def dc_gets(*prefixes):
    wait_for(f"dc-1 gets {prefixes}", lambda: learned_by_dc() == set(prefixes), 30)


def traffic(meanwhile, tunnels):
    """Packets to 10.50.0.9 while something happens: how many were sent, how many came."""
    done = threading.Event()
    before = sum(t.test_packets for t in tunnels)
    sent = [0]

    def send():
        while not done.is_set() and sent[0] < 30000:
            G.vpc.send(ground.frame(flow(1000 + sent[0] % 60000)))
            sent[0] += 1
            time.sleep(0.005)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        meanwhile()
    finally:
        done.set()
        sender.join()
    wait_for("all of them arrive", lambda: sum(t.test_packets for t in tunnels) - before == sent[0], 3)
    return sent[0]


# ---- the stories ---------------------------------------------------------------------------------------------------

def what_the_data_centre_announces_is_learned_from_the_stream():
    goes("10.50.0.9", "one", "two")
    assert show_bgp()["feed"] == "fpm" and show_bgp()["feed_connected"]
    assert by_tunnel("accepted") == [2, 2], show_bgp()
    DC.vtysh("conf t", "router bgp 65001", "address-family ipv4 unicast", "network 10.52.0.0/16")
    goes("10.52.0.9", "one", "two")
    DC.vtysh("conf t", "router bgp 65001", "address-family ipv4 unicast", "no network 10.52.0.0/16")
    goes("10.52.0.9", "no-route")


def what_is_to_be_advertised_arrives_there_also_what_another_connection_has():
    dc_gets("10.1.0.0/16", "10.60.0.0/16")
    rows = G.cli("show", "advertised", "dc-1")
    assert {r["prefix"] for r in rows if r["advertised"]} == {"10.1.0.0/16", "10.60.0.0/16"}, rows
    assert all(r["announced"] == ["one", "two"] for r in rows), rows


def switched_off_it_is_withdrawn_and_no_packet_is_lost():
    def switch():
        apply(synchronize="false")
        dc_gets()
        apply(transit="false")
        dc_gets("10.1.0.0/16")
        apply()
        dc_gets("10.1.0.0/16", "10.60.0.0/16")
    assert traffic(switch, TUNNELS[:2]) > 20


def a_lost_tunnel_of_the_other_connection_is_a_withdrawal():
    G.down(3)
    dc_gets("10.1.0.0/16")
    G.up(3)
    dc_gets("10.1.0.0/16", "10.60.0.0/16")


def a_session_that_goes_down_leaves_the_other_tunnel():
    DC.vtysh("conf t", "router bgp 65001", "neighbor 169.254.10.1 shutdown")
    goes("10.50.0.9", "two")
    DC.vtysh("conf t", "router bgp 65001", "neighbor 169.254.11.1 shutdown")
    goes("10.50.0.9", "no-route")
    assert stale() == [0, 0] and G.live(1)
    DC.vtysh("conf t", "router bgp 65001", "no neighbor 169.254.10.1 shutdown", "no neighbor 169.254.11.1 shutdown")
    goes("10.50.0.9", "one", "two")


def phase_2_lost_while_the_session_is_up():
    TUNNELS[0].open = False
    G.down(1)
    assert path("10.50.0.9") == {"two"}
    TUNNELS[0].open = True
    G.up(1)
    goes("10.50.0.9", "one", "two")


NUMBERED = [f"10.{128 + n // 256}.{n % 256}.0/24" for n in range(1000)]


def dc_kernel(verb, prefixes):
    """What the data centre's kernel has, it announces."""
    subprocess.run(["ip", "-n", "dc1", "-batch", "-"], input="".join(f"route {verb} blackhole {p} proto 99\n" for p in prefixes),
                   text=True, check=True)


def learned():
    return {r["prefix"] for r in G.cli("show", "routes", "--connection", "dc-1") if r["type"] == "bgp"}


def longest(prefixes, address):
    """Found by looking at each."""
    covering = [p for p in prefixes if ipaddress.ip_address(address) in p]
    return str(max(covering, key=lambda p: p.prefixlen)) if covering else None


def a_storm(flaps):
    """Half of the way in and out each time: nobody waits until all is settled. A third of them stays in the end."""
    goes("10.50.0.9", "one", "two")
    before = learned()
    began = time.monotonic()
    for _ in range(flaps):
        dc_kernel("add", NUMBERED)
        wait_for("they come", lambda: offered()[0] >= 100, 30)
        dc_kernel("del", NUMBERED)
        wait_for("they go", lambda: offered()[0] < 900, 30)
    took = time.monotonic() - began
    dc_kernel("add", NUMBERED[300:630])
    wait_for("330 of them are there", lambda: offered() == 2 * [len(before) + 330], 60)
    zebra = {p for p, routes in GW.json("show ip route table 1001 json").items()
             if any(r["protocol"] == "bgp" and r.get("installed") for r in routes)}
    assert zebra == {*before, *NUMBERED[300:630]}, zebra
    assert learned() == zebra
    nets = [ipaddress.ip_network(p) for p in zebra]
    matched = 0
    for n in range(0, len(NUMBERED), 7):
        address = f"10.{128 + n // 256}.{n % 256}.{n * 37 % 256}"
        answer, model = G.path(address), longest(nets, address)
        assert (answer["matched"] if answer["verdict"] == "tunnel" else None) == model, (address, answer, model)
        matched += model is not None
    assert 40 < matched < 60, matched
    G.cli("audit")
    dc_kernel("del", NUMBERED[300:630])
    wait_for("they are gone", lambda: learned() == before, 60)
    print(f"# {flaps} flaps of {len(NUMBERED)} prefixes in {took:.0f} s")


def a_storm_of_prefixes_by_the_stream():
    a_storm(int(os.environ.get("ESPALIER_FLAPS", 5)))


def a_storm_of_prefixes_by_the_kernel():
    apply(feed="kernel")
    wait_for("the kernel vouches for all", lambda: stale() == [0, 0])
    a_storm(int(os.environ.get("ESPALIER_FLAPS", 20)))


def all_of_frr_killed_and_restarted_loses_no_packet():
    def restart():
        GW.kill()
        wait_for("all are stale", lambda: stale() == [2, 2])
        GW.start(zebra_options())
        wait_for("all are fresh", lambda: stale() == [0, 0], 40)
    sent = traffic(restart, TUNNELS[:2])
    assert sent > 50, sent
    dc_gets("10.1.0.0/16", "10.60.0.0/16")
    print(f"# {sent} packets while FRR was killed and came back, none lost")


def the_same_by_the_kernel_where_zebra_is_told_to_keep_nothing():
    def restart():
        GW.kill()
        GW.start(["-s", "90000000"])
        wait_for("both sessions are there", lambda: all(s["state"] == "Established" for s in by_tunnel("session")), 40)
        DC.vtysh("conf t", "router bgp 65001", "address-family ipv4 unicast", "network 10.53.0.0/16")
        goes("10.53.0.9", "one", "two")
    apply(feed="kernel")
    wait_for("the kernel vouches for all", lambda: stale() == [0, 0])
    GW.configure(rendered())
    sent = traffic(restart, TUNNELS[:2])
    assert sent > 50, sent
    print(f"# {sent} packets while FRR was killed and came back, none lost")
    dc_gets("10.1.0.0/16", "10.60.0.0/16")


STORIES = [
    what_the_data_centre_announces_is_learned_from_the_stream,
    what_is_to_be_advertised_arrives_there_also_what_another_connection_has,
    switched_off_it_is_withdrawn_and_no_packet_is_lost, a_lost_tunnel_of_the_other_connection_is_a_withdrawal,
    a_session_that_goes_down_leaves_the_other_tunnel, phase_2_lost_while_the_session_is_up,
    a_storm_of_prefixes_by_the_stream, all_of_frr_killed_and_restarted_loses_no_packet, the_same_by_the_kernel_where_zebra_is_told_to_keep_nothing,
    a_storm_of_prefixes_by_the_kernel,
]
TUNNELS = []


def main():
    global G, ROOT, GW, DC
    ROOT = sys.argv[1]
    G = ground.G = Gateway("tun103")
    run("ip netns add dc1 && ip -n dc1 link set lo up")
    TUNNELS.extend([Tunnel("tun101", "dc1", "169.254.10.2/30"), Tunnel("tun102", "dc1", "169.254.11.2/30")])
    configure()
    G.start()
    for number in (1, 2, 3):
        G.up(number)
    GW, DC = Frr("gw"), Frr("dc1", "dc1")
    vtysh = f"nsenter --mount=/proc/{GW.holder.pid}/ns/mnt chroot {ROOT} vtysh"
    os.environ["ESPALIER_VTYSH"] = vtysh
    DC.configure(DC_CONFIG % {"networks": "\n".join(f"  network {n}" for n in NETWORKS)})
    DC.start()
    GW.configure(rendered())
    GW.start(zebra_options())
    G.drain = lambda: None
    return ground.tell(G, STORIES, sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
