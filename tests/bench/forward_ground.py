# SPDX-License-Identifier: GPL-2.0-only
"""
The grounds of the forwarding benchmark (forward.py): one case by one method, in a network namespace of its own.
"""
import ipaddress
import json
import os
import random
import signal
import statistics
import struct
import subprocess
import sys
import time

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
PACKETS = int(os.environ.get("PACKETS", 50_000))
FLOWS = 65536
DEADLINE = 30.0
CPU = max(os.sched_getaffinity(0))
WORK = "/run/bench-forward"

IN_MAC, GENERATOR_MAC, OUT_MAC, NEXT_MAC = (f"02:00:00:00:01:0{n}" for n in range(1, 5))
HOSTS = [f"10.1.0.{n}" for n in range(2, 202)]  # of the VPC
ROUTER = "10.2.0.254"  # of the other VPC
FIRST = {"a": "eth1", "b": "tun101", "c": "eth1", "d": "eth1"}  # the device that packets come in by
METHODS = {"a": ("generator", "skb", "kernel", "kernel_l3", "steer", "steer_tc"),
           "b": ("generator", "skb", "kernel", "kernel_rpf", "steer"),
           "c": ("generator", "skb", "kernel", "xdp_forward", "steer", "steer_tc"),
           "d": ("generator", "kernel", "steer", "steer_blackhole")}

TUNNELS = """
gateway: {{ limits: none }}
transit_router:
  tables:
    main: {{ learn: [vpc-a, dc-1] }}
attachments:
  vpc-a: {{ type: vpc, device: eth1, cidrs: [10.1.0.0/24], association: main, xdp: {xdp} }}
  dc-1:  {{ type: vpn, connection: dc-1, association: main }}
customer_gateways:
  dc-1: {{ addresses: [203.0.113.10, 203.0.113.11] }}
connections:
  dc-1:
    customer_gateway: dc-1
    vrf: false
    routes: [{routes}]
    tunnels:
      - {{ name: one, if_id: 101, device: tun101, local_address: 198.51.100.1, remote_address: 203.0.113.10 }}
      - {{ name: two, if_id: 102, device: tun102, local_address: 198.51.100.2, remote_address: 203.0.113.11 }}
"""

VPCS = """
transit_router:
  tables:
    main: {{ learn: [vpc-a, vpc-b], routes: [{blackholes}] }}
attachments:
  vpc-a: {{ type: vpc, device: eth1, cidrs: [10.1.0.0/24], association: main, xdp: {xdp}, redirect: {redirect} }}
  vpc-b: {{ type: vpc, device: eth2, cidrs: [{cidrs}], next_hop: {router}, association: main, xdp: {xdp} }}
"""


def tunnels_yaml(xdp, routes):
    return TUNNELS.format(xdp=xdp, routes=", ".join(map(str, routes)))


def vpcs_yaml(xdp, cidrs, blackholes=()):
    return VPCS.format(xdp=xdp, redirect="auto" if xdp == "auto" else "on", router=ROUTER, cidrs=", ".join(map(str, cidrs)),
                       blackholes=", ".join(f"{{ destination: {b}, blackhole: true }}" for b in blackholes))


def fail(why):
    sys.exit(f"bench-forward: {why}")


def run(*command, text=None):
    done = subprocess.run(command, input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        fail(f"{' '.join(command)}: {done.stdout}")
    return done.stdout


def wait_for(what, condition):
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            fail(f"did not happen within {DEADLINE} s: {what}")
        time.sleep(0.05)


# ---- routes and flows ----------------------------------------------------------------------------------------------

def usable(prefix):
    own = ("10.0.0.0/8", "198.51.100.0/24", "203.0.113.0/24")
    return prefix.is_global and not any(prefix.overlaps(ipaddress.ip_network(o)) for o in own)


def made_up_routes(count=2000):
    """Disjoint prefixes; their lengths are spread as in the Internet's table."""
    rng = random.Random(2000)
    lengths, weights = (16, 19, 20, 21, 22, 23, 24), (3, 3, 5, 6, 12, 11, 60)
    chosen, blocks = [], set()
    while len(chosen) < count:
        length = rng.choices(lengths, weights)[0]
        address = rng.randrange(1 << 24, 224 << 24)
        prefix = ipaddress.ip_network((address >> 32 - length << 32 - length, length))
        if address >> 16 not in blocks and usable(prefix):
            blocks.add(address >> 16)
            chosen.append(prefix)
    return chosen


def read_routes(path):
    with open(path) as f:
        prefixes = {ipaddress.ip_network(line.split()[0], strict=False) for line in f if line.strip()}
    return sorted(p for p in prefixes if p.version == 4)


def write_flows(routes, path, back):
    """Random addresses in random routes, and hosts of the VPC; `back`: what the other end would send."""
    rng = random.Random(1)
    with open(path, "wb") as f:
        for _ in range(FLOWS):
            prefix = rng.choice(routes)
            near = ipaddress.ip_address(rng.choice(HOSTS)).packed, rng.randrange(1024, 65536)
            far = prefix[rng.randrange(prefix.num_addresses)].packed, rng.randrange(1024, 65536)
            source, destination = (far, near) if back else (near, far)
            f.write(source[0] + destination[0] + struct.pack("!HH", source[1], destination[1]))


# ---- the grounds ---------------------------------------------------------------------------------------------------

class Host:
    """A gateway in a network namespace: its devices, and espalierd where it runs."""
    underlay = True

    def __init__(self, name):
        self.name = name
        self.dir = f"{WORK}/{name}"
        self.daemon = None

    def make(self):
        os.makedirs(self.dir)
        run("ip", "netns", "add", self.name)

    def sh(self, script):
        return run("ip", "netns", "exec", self.name, "sh", "-ec", script)

    def batch(self, lines):
        run("ip", "-n", self.name, "-batch", "-", text="".join(lines))

    def xdp(self):
        return "native"

    def configuration(self, routes):
        raise NotImplementedError

    def steer(self, routes):
        if self.underlay:
            self.make_underlay()
        with open(f"{self.dir}/espalier.yaml", "w") as f:
            f.write(self.configuration(routes))
        self.start_daemon()
        if self.underlay:
            self.raise_tunnels()
        wait_for(f"{self.name}: the routes are active", lambda: self.active() >= self.routes_expected(routes))
        mode = next(a["xdp"] for a in self.ask("show", "attachments") if a["name"] == "vpc-a")
        if mode != ("native" if self.xdp() == "native" else "tc"):
            fail(f"{self.name}: vpc-a runs as {mode}")

    def make_underlay(self):
        self.sh("""
            ip link add eth0 type veth peer name far0
            ip address add 198.51.100.1/24 dev eth0
            ip address add 198.51.100.2/24 dev eth0
            ip link set eth0 up
            ip link set far0 up
            ip route add default via 198.51.100.254""")

    def start_daemon(self):
        self.log = open(f"{self.dir}/log", "w+")
        env = dict(os.environ, ESPALIER_XFRM_REPLAY=f"{self.dir}/xfrm.sock")
        self.daemon = subprocess.Popen(
            ["ip", "netns", "exec", self.name, f"{BUILD}/tests/espalierd-replay", "--foreground",
             "--config", f"{self.dir}/espalier.yaml", "--socket", f"{self.dir}/control.sock",
             "--bpffs", f"{WORK}/bpf/{self.name}", "--state-dir", self.dir],
            env=env, stdout=self.log, stderr=self.log)
        wait_for("espalierd answers", lambda: self.ask("status") is not None)

    def raise_tunnels(self):
        for n in (1, 2):
            run(f"{BUILD}/tests/xfrm_event", f"{self.dir}/xfrm.sock", "up", "--if-id", str(100 + n),
                "--local", f"198.51.100.{n}", "--remote", f"203.0.113.{9 + n}",
                "--spi-in", f"0x{n}01", "--spi-out", f"0x{n}02", "--inside", "46")

    def ask(self, *words):
        if self.daemon.poll() is not None:
            self.log.seek(0)
            fail(f"{self.name}: espalierd ended: {self.log.read()}")
        done = subprocess.run([f"{BUILD}/espalier", "-j", "-s", f"{self.dir}/control.sock", *words],
                              text=True, capture_output=True)
        return None if done.returncode else json.loads(done.stdout)

    def routes_expected(self, routes):
        return len(routes)

    def active(self):
        rows = self.ask("show", "routes", "--table", "main") or []
        return sum(r["state"] == "active" for r in rows)

    def end_daemon(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGTERM)
            self.daemon.wait(DEADLINE)


class Ground(Host):
    """One case by one method: a namespace, its devices, what forwards there, and the driver that sends."""
    reason, counted_at = "to-tunnel", "vpc-a"  # what espalierd must have counted
    sinks = []

    def __init__(self, case, method):
        super().__init__(f"{case}-{method}")
        self.case, self.method = case, method
        self.forwards = method not in ("generator", "skb")
        self.first = FIRST[case]
        self.driver = None
        self.sent = 0
        self.samples = {}  # size → (CPU ns, wall ns) of each round

    def build(self, routes):
        self.make()
        self.make_first_device()
        if self.forwards:
            self.make_devices()
        self.start_driver()
        if self.forwards:
            self.settle_devices()
        if self.method.startswith("steer"):
            self.steer(routes)
        elif self.forwards:
            self.route_by_kernel(routes)

    # Without XDP a veth takes redirected frames only with GRO on; it is on for every method, as on a real NIC.
    def make_first_device(self):
        self.sh(f"""
            ip link set lo up
            ip link add {self.first} address {IN_MAC} type veth peer name gen0 address {GENERATOR_MAC}
            sysctl -qw net.ipv6.conf.gen0.disable_ipv6=1
            ethtool -K {self.first} gro on
            ip link set {self.first} up
            ip link set gen0 up""")

    def make_devices(self):
        pass

    def start_driver(self):
        command = [f"{BUILD}/tests/bench/forward", "--flows", f"{WORK}/flows-{self.case}", "--cpu", str(CPU),
                   "--out", "gen0", "--to-mac", IN_MAC]
        if self.forwards:
            command += self.sinks
        else:
            command += ["--drop", f"{'xdp' if self.method == 'generator' else 'tc'}:{self.first}"]
        if self.method == "xdp_forward":
            command += ["--forward", self.first]
        self.driver = subprocess.Popen(["ip", "netns", "exec", self.name, *command], text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        words = self.driver.stdout.readline().split()
        if not words or words[0] != "ready":
            fail(f"{self.name}: the driver did not start")
        self.libbpf = words[1].lstrip("v")

    # No queue anywhere: xfrm interfaces and veth have none.
    def settle_devices(self):
        self.sh("""
            for d in all default $(ls /sys/class/net); do
                sysctl -qw net.ipv4.conf.$d.rp_filter=0
            done""")

    def next_hops(self, prefix):
        raise NotImplementedError

    def route_by_kernel(self, routes):
        policy = 0 if self.method == "kernel_l3" else 1
        self.sh(f"sysctl -qw net.ipv4.ip_forward=1 net.ipv4.fib_multipath_hash_policy={policy}")
        self.batch(f"route add {self.next_hops(r)}\n" for r in routes)

    # ---- measuring ----

    def send(self, size):
        """CPU and wall ns per packet; fails unless every packet came out where it should."""
        self.driver.stdin.write(f"{size} {PACKETS}\n")
        self.driver.stdin.flush()
        line = self.driver.stdout.readline()
        if not line:
            fail(f"{self.name}: the driver ended")
        told = json.loads(line)
        ended = sum(told["good"]) if self.forwards else told["dropped"]
        if told["sent"] != PACKETS or ended != self.arrivals() or told["other"]:
            fail(f"{self.name}, {size} bytes: not every packet ended where it should: {line}")
        self.judge(told["good"], size)
        self.sent += PACKETS
        return told["cpu_ns"] / PACKETS, told["wall_ns"]

    def arrivals(self):
        return PACKETS

    def judge(self, good, size):
        pass

    def close_round(self, size, runs):
        """What else the machine does can only add to a run: the round's figure is its fastest."""
        cpu, wall = zip(*runs)
        self.samples.setdefault(size, []).append((min(cpu), statistics.median(wall)))

    def prove(self):
        """The daemon's own counters must know of the same packets."""
        if not self.daemon:
            return
        rows = self.ask("show", "drops", "--all")
        counted = sum(r["packets"] for r in rows if r["reason"] == self.reason and r["attachment"] == self.counted_at)
        if counted != self.sent:
            fail(f"{self.name}: {self.sent} packets were sent, and espalierd counted {counted} as {self.reason}")

    def figures(self, size, which=0):
        return [r[which] for r in self.samples[size]]

    def stop(self):
        if self.driver:
            self.driver.stdin.close()
            self.driver.wait(DEADLINE)
        self.end_daemon()


class ToTunnel(Ground):
    sinks = ["--sink", "tun:tun101", "--sink", "tun:tun102"]

    def settle_devices(self):
        super().settle_devices()
        for device in ("tun101", "tun102"):
            self.sh(f"tc qdisc replace dev {device} root noqueue; ip link set {device} up mtu 1400")

    def next_hops(self, prefix):
        return f"{prefix} nexthop dev tun101 nexthop dev tun102"

    def xdp(self):
        return "off" if self.method == "steer_tc" else "native"

    def configuration(self, routes):
        return tunnels_yaml(self.xdp(), routes)

    def judge(self, good, size):
        if self.forwards and min(good) < 0.4 * PACKETS:
            fail(f"{self.name}, {size} bytes: one tunnel got {min(good)} of {PACKETS} packets")


class FromTunnel(Ground):
    reason, counted_at = "to-device", "dc-1"
    sinks = ["--sink", "tap:eth1", "--sink-mac", NEXT_MAC]

    def make_devices(self):
        self.sh("ip link add tun102 type veth peer name gen1 && ip link set tun102 up && ip link set gen1 up")

    def settle_devices(self):
        super().settle_devices()
        self.sh(f"""
            ip link set eth1 address {OUT_MAC}
            tc qdisc replace dev eth1 root noqueue
            ip link set eth1 up
            ip link set tun101 mtu 1400
            ip link set tun102 mtu 1400
            ip address add 10.1.0.1/24 dev eth1""")
        self.batch(f"neigh add {h} lladdr {NEXT_MAC} nud permanent dev eth1\n" for h in HOSTS)

    def route_by_kernel(self, routes):
        super().route_by_kernel(routes)
        if self.method == "kernel_rpf":
            self.sh("sysctl -qw net.ipv4.conf.tun101.rp_filter=1")

    def next_hops(self, prefix):
        return f"{prefix} nexthop dev tun101 nexthop dev tun102"

    def xdp(self):
        return "off"

    def configuration(self, routes):
        return tunnels_yaml(self.xdp(), routes)


class Between(Ground):
    """Another VPC behind a veth; an XDP program at its far end takes the frames, whoever sends them."""
    reason = "to-device"
    sinks = ["--sink", "xdp:sink0", "--sink-mac", NEXT_MAC]
    underlay = False

    def make_devices(self):
        self.sh(f"""
            ip link add eth2 address {OUT_MAC} type veth peer name sink0
            sysctl -qw net.ipv6.conf.sink0.disable_ipv6=1
            ip address add 10.2.0.1/24 dev eth2
            ip link set sink0 up
            ip link set eth2 up
            ip neigh add {ROUTER} lladdr {NEXT_MAC} nud permanent dev eth2""")

    def next_hops(self, prefix):
        return f"{prefix} via {ROUTER} dev eth2"

    def xdp(self):
        return "off" if self.method == "steer_tc" else "native"

    def configuration(self, routes):
        return vpcs_yaml(self.xdp(), routes)

    def steer(self, routes):
        super().steer(routes)
        if self.xdp() == "native":
            wait_for("the router has a lease", lambda: any(a["neighbours"] for a in self.ask("show", "attachments")))


class Dropped(Between):
    """The table has half of the routes; the packets go to the other half, which is not there, or is blackholes."""
    underlay = False

    def __init__(self, case, method):
        super().__init__(case, method)
        self.reason = "blackhole" if method == "steer_blackhole" else "no-route"
        if self.forwards:
            self.sinks = [*self.sinks, "--swallowed"]

    def route_by_kernel(self, routes):
        super().route_by_kernel(routes[::2])
        self.batch(f"route add blackhole {r}\n" for r in routes[1::2])

    def xdp(self):
        return "native"

    def configuration(self, routes):
        blackholes = routes[1::2] if self.method == "steer_blackhole" else []
        return vpcs_yaml(self.xdp(), routes[::2], blackholes)

    def routes_expected(self, routes):
        return len(routes) if self.method == "steer_blackhole" else len(routes) // 2

    def arrivals(self):
        return 0 if self.forwards else PACKETS


CLASSES = {"a": ToTunnel, "b": FromTunnel, "c": Between, "d": Dropped}


def ground(case, method):
    return CLASSES[case](case, method)
