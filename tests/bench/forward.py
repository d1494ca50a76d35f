# SPDX-License-Identifier: GPL-2.0-only
"""
Forwarding without encryption: what a packet costs through Espalier, beside the kernel's own routing in the same run.

  a  attachment → tunnel:   gen0 ══veth══ eth1 [forwarding] tun101, tun102
  b  tunnel → attachment:   gen0 ══veth══ tun101 [forwarding] eth1

The generator (forward.bpf.c) redirects live frames into gen0. In a the tunnels are TUN devices: no link header, like an
xfrm interface. In b the tunnel is a veth, which shows a link header to tc and is served by NAPI, like an xfrm interface;
the attachment is a TAP device. The packets end at the filter of the TUN or TAP device, the same in every method, which
looks at each of them: length, TTL one less, next hop's MAC address. If one packet does not get there, the benchmark
fails. Each method has a network namespace of its own; all take turns.

  generator  an XDP program on the first device drops: making packets, and carrying them to the gateway
  skb        a tc program there drops: the same, and the kernel's skb
  kernel     routing with multipath over both tunnels, hash over the 5-tuple as Espalier's, no BPF program attached,
             rp_filter=0
  kernel_l3  like kernel, hash over addresses only (the kernel's default; cheaper)
  kernel_rpf like kernel, rp_filter=1: it asks whether the source belongs to that tunnel, as Espalier does
  steer      espalierd with the same routes; a: native XDP and tc; b: tc, as on an xfrm interface
  steer_tc   the same with `xdp: off`

A run's figure is the CPU time of the sending thread per packet: the whole way runs in its softirqs. What else runs on
the machine is left out, but not its traces in caches and on a shared core. Those only add: of a round's runs the fastest
counts, and the result is the median of the rounds.

The methods are not alike in two points: the kernel's early demux is on, as it is by default, and in b Espalier asks whether
the source belongs to the connection, which `kernel` does not and `kernel_rpf` does.

Environment: BUILD, ROUTES=FILE (one prefix per line), ROUNDS, PACKETS (of one run), RUNS (in a round).
"""
import ipaddress
import json
import os
import platform
import random
import re
import signal
import statistics
import struct
import subprocess
import sys
import time

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
ROUTES = os.environ.get("ROUTES")
ROUNDS = int(os.environ.get("ROUNDS", 5))
RUNS = int(os.environ.get("RUNS", 6))
PACKETS = int(os.environ.get("PACKETS", 50_000))
SIZES = (64, 512, 1400)  # bytes of the IP packet
FLOWS = 65536
DEADLINE = 30.0
CPU = max(os.sched_getaffinity(0))
WORK = "/run/bench-forward"

IN_MAC, GENERATOR_MAC, OUT_MAC, NEXT_MAC = (f"02:00:00:00:01:0{n}" for n in range(1, 5))
HOSTS = [f"10.1.0.{n}" for n in range(2, 202)]  # of the VPC
CASES = {"a": "attachment → tunnel", "b": "tunnel → attachment"}
FIRST = {"a": "eth1", "b": "tun101"}  # the device that packets come in by
METHODS = {"a": ("generator", "skb", "kernel", "kernel_l3", "steer", "steer_tc"),
           "b": ("generator", "skb", "kernel", "kernel_rpf", "steer")}
COLUMNS = ("generator", "skb", "kernel", "kernel_l3", "kernel_rpf", "steer", "steer_tc")

YAML = """
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

class Ground:
    """One case by one method: a namespace, its devices, what forwards there, and the driver that sends."""

    def __init__(self, case, method):
        self.case, self.method = case, method
        self.name = f"{case}-{method}"
        self.dir = f"{WORK}/{self.name}"
        self.forwards = method not in ("generator", "skb")
        self.daemon = self.driver = None
        self.sent = 0
        self.samples = {}  # size → (CPU ns, wall ns) of each round

    def build(self, routes):
        os.makedirs(self.dir)
        run("ip", "netns", "add", self.name)
        self.make_devices()
        self.start_driver()
        if self.forwards:
            self.settle_devices()
        if self.method.startswith("kernel"):
            self.route_by_kernel(routes)
        elif self.method.startswith("steer"):
            self.steer(routes)

    def sh(self, script):
        return run("ip", "netns", "exec", self.name, "sh", "-ec", script)

    # Without XDP a veth takes redirected frames only with GRO on; it is on for every method, as on a real NIC.
    def make_devices(self):
        first = FIRST[self.case]
        self.sh(f"""
            ip link set lo up
            ip link add {first} address {IN_MAC} type veth peer name gen0 address {GENERATOR_MAC}
            sysctl -qw net.ipv6.conf.gen0.disable_ipv6=1
            ethtool -K {first} gro on
            ip link set {first} up
            ip link set gen0 up""")
        if self.case == "b" and self.forwards:
            self.sh("ip link add tun102 type veth peer name gen1 && ip link set tun102 up && ip link set gen1 up")

    def start_driver(self):
        command = [f"{BUILD}/tests/bench/forward", "--flows", f"{WORK}/flows-{self.case}", "--cpu", str(CPU),
                   "--out", "gen0", "--to-mac", IN_MAC]
        if not self.forwards:
            command += ["--drop", f"{'xdp' if self.method == 'generator' else 'tc'}:{FIRST[self.case]}"]
        elif self.case == "a":
            command += ["--sink", "tun:tun101", "--sink", "tun:tun102"]
        else:
            command += ["--sink", "tap:eth1", "--sink-mac", NEXT_MAC]
        self.driver = subprocess.Popen(["ip", "netns", "exec", self.name, *command], text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        words = self.driver.stdout.readline().split()
        if not words or words[0] != "ready":
            fail(f"{self.name}: the driver did not start")
        self.libbpf = words[1].lstrip("v")

    # No queue anywhere: xfrm interfaces and veth have none.
    def settle_devices(self):
        self.sh("""
            sysctl -qw net.ipv4.conf.all.rp_filter=0
            for d in eth1 tun101 tun102; do
                sysctl -qw net.ipv4.conf.$d.rp_filter=0
            done""")
        if self.case == "b":
            self.sh(f"ip link set eth1 address {OUT_MAC}")
        for device in ("tun101", "tun102") if self.case == "a" else ("eth1",):
            self.sh(f"tc qdisc replace dev {device} root noqueue; ip link set {device} up")
        self.sh("ip link set tun101 mtu 1400; ip link set tun102 mtu 1400; ip address add 10.1.0.1/24 dev eth1")
        neighbours = "".join(f"neigh add {h} lladdr {NEXT_MAC} nud permanent dev eth1\n" for h in HOSTS)
        run("ip", "-n", self.name, "-batch", "-", text=neighbours)

    def route_by_kernel(self, routes):
        policy = 0 if self.method == "kernel_l3" else 1
        self.sh(f"sysctl -qw net.ipv4.ip_forward=1 net.ipv4.fib_multipath_hash_policy={policy}")
        if self.method == "kernel_rpf":
            self.sh("sysctl -qw net.ipv4.conf.tun101.rp_filter=1")
        run("ip", "-n", self.name, "-batch", "-",
            text="".join(f"route add {r} nexthop dev tun101 nexthop dev tun102\n" for r in routes))

    def steer(self, routes):
        self.sh("""
            ip link add eth0 type veth peer name far0
            ip address add 198.51.100.1/24 dev eth0
            ip address add 198.51.100.2/24 dev eth0
            ip link set eth0 up
            ip link set far0 up
            ip route add default via 198.51.100.254""")
        xdp = "native" if self.method == "steer" and self.case == "a" else "off"
        with open(f"{self.dir}/espalier.yaml", "w") as f:
            f.write(YAML.format(xdp=xdp, routes=", ".join(map(str, routes))))
        self.log = open(f"{self.dir}/log", "w+")
        env = dict(os.environ, ESPALIER_XFRM_REPLAY=f"{self.dir}/xfrm.sock")
        self.daemon = subprocess.Popen(
            ["ip", "netns", "exec", self.name, f"{BUILD}/tests/espalierd-replay", "--foreground",
             "--config", f"{self.dir}/espalier.yaml", "--socket", f"{self.dir}/control.sock",
             "--bpffs", f"{WORK}/bpf/{self.name}", "--state-dir", self.dir],
            env=env, stdout=self.log, stderr=self.log)
        wait_for("espalierd answers", lambda: self.ask("status") is not None)
        for n in (1, 2):
            run(f"{BUILD}/tests/xfrm_event", f"{self.dir}/xfrm.sock", "up", "--if-id", str(100 + n),
                "--local", f"198.51.100.{n}", "--remote", f"203.0.113.{9 + n}",
                "--spi-in", f"0x{n}01", "--spi-out", f"0x{n}02", "--inside", "46")
        wait_for("the routes are active", lambda: self.active(len(routes)))
        mode = next(a["xdp"] for a in self.ask("show", "attachments") if a["name"] == "vpc-a")
        if mode != ("native" if xdp == "native" else "tc"):
            fail(f"{self.name}: vpc-a runs as {mode}")

    def ask(self, *words):
        if self.daemon.poll() is not None:
            self.log.seek(0)
            fail(f"{self.name}: espalierd ended: {self.log.read()}")
        done = subprocess.run([f"{BUILD}/espalier", "-j", "-s", f"{self.dir}/control.sock", *words],
                              text=True, capture_output=True)
        return None if done.returncode else json.loads(done.stdout)

    def active(self, count):
        rows = self.ask("show", "routes", "--table", "main") or []
        return sum(r["attachment"] == "dc-1" and r["state"] == "active" for r in rows) >= count

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
        if told["sent"] != PACKETS or ended != PACKETS or told["other"]:
            fail(f"{self.name}, {size} bytes: not every packet was forwarded: {line}")
        if self.forwards and self.case == "a" and min(told["good"]) < 0.4 * PACKETS:
            fail(f"{self.name}, {size} bytes: one tunnel got {min(told['good'])} of {PACKETS} packets")
        self.sent += PACKETS
        return told["cpu_ns"] / PACKETS, told["wall_ns"]

    def close_round(self, size, runs):
        """What else the machine does can only add to a run: the round's figure is its fastest."""
        cpu, wall = zip(*runs)
        self.samples.setdefault(size, []).append((min(cpu), statistics.median(wall)))

    def prove(self):
        """The daemon's own counters must know of the same packets."""
        if not self.daemon:
            return
        reason, attachment = ("to-tunnel", "vpc-a") if self.case == "a" else ("to-device", "dc-1")
        rows = self.ask("show", "drops", "--all")
        counted = sum(r["packets"] for r in rows if r["reason"] == reason and r["attachment"] == attachment)
        if counted != self.sent:
            fail(f"{self.name}: {self.sent} packets were forwarded, and espalierd counted {counted}")

    def figures(self, size, which=0):
        return [r[which] for r in self.samples[size]]

    def stop(self):
        if self.driver:
            self.driver.stdin.close()
            self.driver.wait(DEADLINE)
        if self.daemon and self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGTERM)
            self.daemon.wait(DEADLINE)


# ---- the report ----------------------------------------------------------------------------------------------------

def cpu_model():
    with open("/proc/cpuinfo") as f:
        found = re.search(r"model name\s*:\s*(.*)", f.read())
    return found.group(1) if found else platform.machine()


def net_ratio(row, method, floor):
    base = row[f"{floor}_ns"]
    return (row["kernel_ns"] - base) / (row[f"{method}_ns"] - base)


def row_of(case, size, grounds, host):
    of = {g.method: g for g in grounds if g.case == case}
    row = {"case": case, "size": size}
    for method, g in of.items():
        row[f"{method}_ns"] = round(statistics.median(g.figures(size)), 1)
    row["net_ratio"] = round(net_ratio(row, "steer", "generator"), 3)
    row["net_ratio_skb"] = round(net_ratio(row, "steer", "skb"), 3)
    row["rounds"] = {m: [round(v, 1) for v in g.figures(size)] for m, g in of.items()}
    row["wall_ns"] = {m: round(statistics.median(g.figures(size, 1)), 1) for m, g in of.items()}
    row["host"] = host
    return row


def name_of(row):
    return f"{row['case']}  {CASES[row['case']]:<20}{row['size']:>6}"


def ns(row, method):
    return f"{row[f'{method}_ns']:>11.0f}" if f"{method}_ns" in row else f"{'-':>11}"


def ratio(row, method, floor):
    return f"{net_ratio(row, method, floor):>10.2f}" if f"{method}_ns" in row else f"{'-':>10}"


def spread(row):
    """Of the rounds' figures, relative to their median, where it is widest."""
    return max((max(v) - min(v)) / statistics.median(v) for v in row["rounds"].values())


def report(rows, host, routes):
    print(f"\nForwarding without encryption: ns of CPU time per packet, generator included; median of {ROUNDS} rounds, "
          f"best of {RUNS} runs of {PACKETS} packets each")
    print(f"kernel {host['kernel']}, {host['cpu']}, CPU {CPU} of {os.cpu_count()}, libbpf {host['libbpf']}, "
          f"{routes} routes, {FLOWS} flows, load {host['load']}\n")
    print(f"{'case':<23}{'bytes':>6}" + "".join(f"{m:>11}" for m in COLUMNS) + f"{'spread':>8}")
    for row in rows:
        print(name_of(row) + "".join(ns(row, m) for m in COLUMNS) + f"{spread(row):>8.0%}")
    print("\nWhat `kernel` costs as a multiple of Espalier, net of a floor (above 1: Espalier is cheaper)")
    print(f"{'':<29}" + "".join(f"{f'floor: {f}':>20}" for f in ("generator", "skb")))
    print(f"{'case':<23}{'bytes':>6}" + f"{'steer':>10}{'steer_tc':>10}" * 2)
    for row in rows:
        print(name_of(row) + "".join(ratio(row, m, f) for f in ("generator", "skb") for m in ("steer", "steer_tc")))


def wall_over_cpu(rows):
    return max(row["wall_ns"][m] / row[f"{m}_ns"] for row in rows for m in row["wall_ns"])


def measure(routes):
    grounds = [Ground(case, method) for case, methods in METHODS.items() for method in methods]
    try:
        for g in grounds:
            g.build(routes)
        for g in grounds:  # caches, pages
            g.send(SIZES[0])
        for number in range(ROUNDS):
            for size in SIZES:
                runs = {g: [] for g in grounds}
                for turn in range(number, number + RUNS):
                    start = turn % len(grounds)
                    for g in grounds[start:] + grounds[:start]:
                        runs[g].append(g.send(size))
                for g in grounds:
                    g.close_round(size, runs[g])
            print(f"round {number + 1} of {ROUNDS}", file=sys.stderr, flush=True)
        for g in grounds:
            g.prove()
    finally:
        for g in grounds:
            g.stop()
    return grounds


def main():
    if os.geteuid():
        fail("needs root (BPF, network namespaces)")
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    os.makedirs(f"{WORK}/bpf")
    run("mount", "-t", "bpf", "bpf", f"{WORK}/bpf")
    routes = read_routes(ROUTES) if ROUTES else made_up_routes()
    for case in METHODS:
        write_flows(routes, f"{WORK}/flows-{case}", back=case == "b")
    grounds = measure(routes)
    host = {"kernel": platform.release(), "cpu": cpu_model(), "libbpf": grounds[0].libbpf, "routes": len(routes),
            "load": round(os.getloadavg()[0], 1)}
    rows = [row_of(case, size, grounds, host) for case in METHODS for size in SIZES]
    report(rows, host, len(routes))
    print(f"\nThe usual run took up to {wall_over_cpu(rows):.2f} times as long as the CPU time of the fastest; "
          "on a quiet machine about 1.")
    os.makedirs(f"{BUILD}/bench", exist_ok=True)
    with open(f"{BUILD}/bench/forward.json", "w") as f:
        json.dump(rows, f, indent=1)
        f.write("\n")
    print(f"written: {os.path.relpath(BUILD)}/bench/forward.json")


if __name__ == "__main__":
    main()
