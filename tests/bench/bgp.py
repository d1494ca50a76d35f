# SPDX-License-Identifier: GPL-2.0-only
"""
A full table of routes by BGP: from the session to the trie, memory, and a steady churn; JSON in build/bench/bgp.json.

    BIRD ── tun101 ── FRR ── kernel table 1001 ── espalierd ── trie      no emulation; TUN stand-ins for tunnels

BIRD (the data centre) and FRR (ours, configured by `espalier render frr`) come from the Debian 13 root file system of the
virtual machines, in a chroot with network namespaces of their own. One tunnel, `vrf: false`, `limits: none`.

  kernel     FRR alone: until the kernel's table has every prefix. What the rest is to be compared with.
  rtnetlink  espalierd follows the kernel's table: until the kernel's has, and until the trie has.
  fpm        espalierd is fed by FRR's FPM stream.
  summary    The same with `slow_path: summary`: the kernel's copy of the TR table is one default.
  churn      1,000 updates/s for CHURN seconds, beside the full table: how late a prefix is in the trie, asked each second,
             and whether everything is as it must be afterwards (`espalier audit`).

The clock starts when the session is established. The trie has every prefix when espalierd has accepted as many as there
are and 1,000 of them, spread over the table, are found in the map; the audit afterwards looks at all of them. Those 1,000
lie in no other prefix: one that leads where the shorter one leads has no entry of its own.

Environment: BUILD, ROUTES=FILE (tests/bench/table.py), COUNT (a sample of so many prefixes), CHURN, FEEDS
(those of the rows above that are wanted, `kernel,rtnetlink,fpm` by default).
"""
import ctypes
import fcntl
import ipaddress
import json
import os
import re
import select
import signal
import statistics
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import table  # noqa: E402

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
COUNT = int(os.environ.get("COUNT", 0))
CHURN = int(os.environ.get("CHURN", 30))
FEEDS = os.environ.get("FEEDS", "kernel,rtnetlink,fpm").split(",")
RATE = 1000
LIMIT_S = 900.0
WORK = "/run/bench-bgp"
ROOT = f"{WORK}/root"
PINS = "/sys/fs/bpf/espalier"
SOCKET, REPLAY, CONFIG, LOG = (f"{WORK}/{name}" for name in ("control.sock", "xfrm.sock", "espalier.yaml", "espalierd.log"))
TABLE, COPY = 1001, 2000  # the connection's kernel table, and the kernel's copy of the TR table
PROBES = 1000
NAME_TABLE = 0  # enum name_kind

YAML = """
gateway: {{ limits: none, audit: off{fpm} }}
transit_router:
  tables:
    main: {{ learn: [vpc-a, dc-1]{table} }}
attachments:
  vpc-a: {{ type: vpc, device: eth1, cidrs: [10.1.0.0/24], association: main }}
  dc-1:  {{ type: vpn, connection: dc-1, association: main }}
customer_gateways:
  dc-1: {{ addresses: [203.0.113.10], asn: 65001 }}
connections:
  dc-1:
    customer_gateway: dc-1
    vrf: false
    table: 1001
    bgp: {{ bfd: off, keepalive: 60s, hold_time: 180s{feed} }}
    tunnels:
      - {{ name: one, if_id: 101, device: tun101, local_address: 198.51.100.1, remote_address: 203.0.113.10,
          inside: 169.254.10.0/30, bgp_address: 169.254.10.1 }}
"""

BIRD = """
log stderr { warning, error, fatal, bug };
router id 169.254.10.2;
protocol device { }
protocol kernel { learn; scan time 2; netlink rx buffer 16000000; ipv4 { import where net ~ 10.128.0.0/9; export none; }; }
protocol static {
	ipv4;
include "/run/table.conf";
}
protocol bgp gateway {
	disabled;
	local 169.254.10.2 as 65001;
	neighbor 169.254.10.1 as 45104;
	hold time 180;
	connect retry time 1;
	connect delay time 0;
	ipv4 { import all; export all; };
}
"""


def fail(why):
    sys.exit(f"bench-bgp: {why}")


def run(*command, text=None, check=True):
    done = subprocess.run(command, input=text, text=True, capture_output=True)
    if check and done.returncode:
        fail(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def wait_for(what, condition, pause=0.1, limit=LIMIT_S):
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            fail(f"did not happen within {limit} s: {what}")
        time.sleep(pause)


# ---- the ground ----------------------------------------------------------------------------------------------------

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000


def own_namespaces(root):
    """The root file system itself stays as it is: what is written goes into memory."""
    if LIBC.unshare(CLONE_NEWNS | CLONE_NEWNET):
        fail(f"namespaces: {os.strerror(ctypes.get_errno())}")
    run("sh", "-ec", f"""
        mount --make-rprivate /
        mount -t tmpfs run /run
        mount -t sysfs sysfs /sys
        mount -t bpf bpf /sys/fs/bpf
        mkdir -p {ROOT}
        mount --bind {root} {ROOT}
        mount -o remount,bind,ro {ROOT}
        mount -t proc proc {ROOT}/proc
        mount --rbind /dev {ROOT}/dev
        for d in run tmp var/log var/tmp etc/frr; do mount -t tmpfs -o mode=1777 tmp {ROOT}/$d; done
        sysctl -qw net.unix.max_dgram_qlen=1000000
        ip netns add speaker
        ip link set lo up
        ip -n speaker link set lo up
        ip link add eth0 type veth peer name far0
        ip link add eth1 type veth peer name vpc0
        for device in eth0 far0 eth1 vpc0; do ip link set $device up; done
        ip address add 198.51.100.1/24 dev eth0
        ip address add 10.1.0.1/24 dev eth1
        ip route add default via 198.51.100.254""")


def open_tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22s", name.encode(), 0x0001 | 0x1000, b""))
    return fd


def enter(path):
    """Another network namespace; returns a descriptor of the one before."""
    before, fd = os.open("/proc/self/ns/net", os.O_RDONLY), os.open(path, os.O_RDONLY)
    if LIBC.setns(fd, CLONE_NEWNET):
        fail(f"{path}: {os.strerror(ctypes.get_errno())}")
    os.close(fd)
    return before


def pump(a, b):
    """Both directions between two TUN devices, until killed."""
    other = {a: b, b: a}
    while True:
        for fd in select.select([a, b], [], [])[0]:
            try:
                os.write(other[fd], os.read(fd, 65536))
            except BlockingIOError:
                pass  # a full queue: TCP sends it again


def tunnel_up():
    """tun101 here, and its far end with the data centre's address."""
    near = open_tun("tun101")
    ours = enter("/run/netns/speaker")
    far = open_tun("tun101")
    run("sh", "-ec", "ip link set tun101 mtu 1400 txqueuelen 5000 up; ip address add 169.254.10.2/30 dev tun101")
    enter(f"/proc/self/fd/{ours}")
    os.close(ours)
    run("sh", "-ec", "ip link set tun101 mtu 1400 txqueuelen 5000 up")
    child = os.fork()
    if not child:
        LIBC.prctl(1, signal.SIGKILL, 0, 0, 0)
        pump(near, far)
    os.close(near)
    os.close(far)
    return child


def chrooted(*command, speaker=False):
    return [*(("nsenter", "--net=/run/netns/speaker", "--") if speaker else ()), "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            "chroot", ROOT, *command]


# ---- the data centre -----------------------------------------------------------------------------------------------

class Speaker:
    def __init__(self, prefixes):
        with open(f"{ROOT}/run/table.conf", "w") as f:
            f.writelines(f"route {p} blackhole;\n" for p in prefixes)
        with open(f"{ROOT}/run/bird.conf", "w") as f:
            f.write(BIRD)
        os.chmod(f"{ROOT}/run/table.conf", 0o644)
        self.log = open(f"{WORK}/bird.log", "w+")
        self.process = subprocess.Popen(chrooted("bird", "-f", "-c", "/run/bird.conf", "-s", "/run/bird.ctl", speaker=True),
                                        stdout=self.log, stderr=self.log)
        wait_for("BIRD has its table", lambda: f"{len(prefixes)} of {len(prefixes)} routes" in
                 self.birdc("show", "route", "count"))

    def birdc(self, *words):
        if self.process.poll() is not None:
            self.log.seek(0)
            fail(f"BIRD ended: {self.log.read()[-2000:]}")
        return run(*chrooted("birdc", "-s", "/run/bird.ctl", *words, speaker=True), check=False)

    def established(self):
        return "Established" in self.birdc("show", "protocols", "gateway")

    def begin(self):
        self.birdc("enable", "gateway")
        wait_for("the session is established", self.established, pause=0.02, limit=60)
        return time.monotonic()

    def end(self):
        self.birdc("disable", "gateway")

    def kernel(self):
        """Takes commands of ip, whose routes are announced as they come."""
        return subprocess.Popen(["nsenter", "--net=/run/netns/speaker", "--", "ip", "-batch", "-"], stdin=subprocess.PIPE,
                                text=True)


# ---- our routing daemon --------------------------------------------------------------------------------------------

class Frr:
    """As its own scripts run it, from rendered files."""

    def __init__(self):
        run(f"{BUILD}/espalier", "render", "frr", "--output", f"{ROOT}/etc/frr", CONFIG)
        open(f"{ROOT}/etc/frr/vtysh.conf", "w").close()
        self.script("start")
        wait_for("FRR has its configuration", lambda: "router bgp" in self.vtysh("show running-config"), limit=60)

    @staticmethod
    def script(word):
        log = open(f"{WORK}/frr.log", "a")
        subprocess.run(chrooted("/usr/lib/frr/frrinit.sh", word), stdout=log, stderr=log, check=False)

    @staticmethod
    def vtysh(*commands):
        return run(*chrooted("vtysh", *[w for c in commands for w in ("-c", c)]), check=False)

    def stop(self):
        """The session has ended; FRR takes its routes out of the kernel while it lives."""
        wait_for("the kernel's table is empty", lambda: bgp_routes() == 0, pause=0.5)
        self.script("stop")


def bgp_routes():
    return len(run("ip", "route", "show", "table", str(TABLE), "proto", "bgp", check=False).splitlines())


def kernel_routes(number=TABLE):
    """Prefixes in a kernel table, by default the connection's, as the kernel itself counts them."""
    with open("/proc/self/net/fib_triestat") as f:
        text = f.read()
    found = re.search(rf"^Id {number}:.*?Prefixes:\s+(\d+)", text, re.M | re.S)
    return int(found.group(1)) if found else 0


# ---- ours ----------------------------------------------------------------------------------------------------------

class Maps:
    """The daemon's pinned maps, looked at directly."""

    def __init__(self):
        self.bpf = ctypes.CDLL("libbpf.so.1")
        self.routes = self.open("routes_v4")
        self.table = self.table_id("main")

    def open(self, name):
        fd = self.bpf.bpf_obj_get(f"{PINS}/{name}".encode())
        if fd < 0:
            fail(f"map {name} cannot be opened")
        return fd

    def table_id(self, name):
        """struct name_key { kind, id }, struct name (include/dataplane.h)."""
        names, key, last = self.open("names"), ctypes.create_string_buffer(8), None
        text = ctypes.create_string_buffer(256)
        while self.bpf.bpf_map_get_next_key(names, last, key) == 0:
            self.bpf.bpf_map_lookup_elem(names, key, text)
            kind, number = struct.unpack("II", key.raw)
            if kind == NAME_TABLE and text.value.decode() == f"table:{name}":
                return number
            last = ctypes.create_string_buffer(key.raw, 8)
        return fail(f"there is no table {name} in map names")

    def has(self, prefix):
        """Is there an entry of exactly this prefix? The value names the length that matched."""
        network = ipaddress.ip_network(prefix)
        key = struct.pack("II", 64, self.table) + network.network_address.packed
        value = ctypes.create_string_buffer(8)
        return self.bpf.bpf_map_lookup_elem(self.routes, key, value) == 0 and value.raw[1] == network.prefixlen


class Daemon:
    def __init__(self):
        self.log = open(LOG, "w+")
        self.process = subprocess.Popen(
            [f"{BUILD}/tests/espalierd-replay", "--foreground", "--config", CONFIG, "--socket", SOCKET, "--bpffs", PINS,
             "--state-dir", f"{WORK}/state", "--runtime-dir", WORK],
            env=dict(os.environ, ESPALIER_XFRM_REPLAY=REPLAY), stdout=self.log, stderr=self.log)
        wait_for("espalierd answers", lambda: self.alive() and self.ask("status") is not None)
        run(f"{BUILD}/tests/xfrm_event", REPLAY, "up", "--if-id", "101", "--local", "198.51.100.1", "--remote",
            "203.0.113.10", "--spi-in", "0x101", "--spi-out", "0x102")
        wait_for("the tunnel is up", lambda: self.ask("show", "tunnels")[0]["up"])
        self.maps = Maps()

    def alive(self):
        if self.process.poll() is not None:
            self.log.seek(0)
            fail(f"espalierd ended: {self.log.read()[-2000:]}")
        return True

    @staticmethod
    def ask(*words):
        done = subprocess.run([f"{BUILD}/espalier", "-j", "-s", SOCKET, *words], text=True, capture_output=True)
        return None if done.returncode else json.loads(done.stdout)

    def accepted(self):
        answer = self.ask("show", "bgp")
        return answer[0]["tunnels"][0]["accepted"] if answer else -1

    def memory(self):
        """Resident bytes."""
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) * 1024

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def settled(self):
        """When it had nothing more to do: the kernel's slow path has the routes, too."""
        last, at = self.cpu_s(), time.monotonic()
        while time.monotonic() - at < 3:
            time.sleep(0.5)
            if self.cpu_s() - last > 0.05:
                last, at = self.cpu_s(), time.monotonic()
        return at

    def audit(self):
        done = subprocess.run([f"{BUILD}/espalier", "-s", SOCKET, "audit"], text=True, capture_output=True)
        if done.returncode:
            fail(f"the audit after all that found something: {done.stdout}{done.stderr}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(LIMIT_S)
        run(f"{BUILD}/tests/espalierd-replay", "--cleanup", "--config", CONFIG, "--socket", SOCKET, "--bpffs", PINS,
            "--state-dir", f"{WORK}/state", "--runtime-dir", WORK)


# ---- the measurements ----------------------------------------------------------------------------------------------

def configure(feed):
    by_fpm = feed in ("fpm", "summary")
    user = run(*chrooted("id", "-u", "frr")).strip()  # this host need not have FRR
    with open(CONFIG, "w") as f:
        f.write(YAML.format(feed=", feed: fpm" if by_fpm else "", fpm=f", fpm: {{ user: {user} }}" if by_fpm else "",
                            table=", slow_path: summary" if feed == "summary" else ""))


def outermost(prefixes):
    """Those that lie in no other one."""
    found, last = [], -1
    for network in sorted(map(ipaddress.ip_network, prefixes)):
        if int(network.broadcast_address) > last:
            found.append(str(network))
            last = int(network.broadcast_address)
    return found


def measure_kernel(speaker, prefixes):
    run("ip", "address", "add", "169.254.10.1/30", "dev", "tun101")
    frr, ours = Frr(), kernel_routes()
    began = speaker.begin()
    wait_for("the kernel has all prefixes", lambda: kernel_routes() == ours + len(prefixes), pause=0.2)
    took = time.monotonic() - began
    speaker.end()
    frr.stop()
    run("ip", "address", "del", "169.254.10.1/30", "dev", "tun101")
    return {"kernel_s": round(took, 1)}


def measure_feed(feed, speaker, prefixes):
    probes = outermost(prefixes)
    probes = probes[::max(1, len(probes) // PROBES)]
    daemon = Daemon()
    before = daemon.memory()
    frr, ours = Frr(), kernel_routes()
    began, kernel_s = speaker.begin(), None

    def finished():
        nonlocal kernel_s, probes
        daemon.alive()
        if kernel_s is None and kernel_routes() >= ours + len(prefixes):
            kernel_s = time.monotonic() - began
        probes = [p for p in probes if not daemon.maps.has(p)]
        return not probes and daemon.accepted() == len(prefixes)
    wait_for("the trie has all prefixes", finished, pause=0.2)
    trie_s = time.monotonic() - began
    wait_for("the kernel has all prefixes", lambda: finished() and kernel_s, pause=0.2)
    used = daemon.memory()
    row = {"kernel_s": kernel_s and round(kernel_s, 1), "trie_s": round(trie_s, 1), "rss": used, "rss_before": before,
           "bytes_per_route": round((used - before) / len(prefixes))}
    daemon.audit()
    row["settled_s"] = round(daemon.settled() - began, 1)
    row["copy"] = kernel_routes(COPY)
    print(f"{feed}: {row}", file=sys.stderr)
    if CHURN:
        row["churn"] = churn(daemon, speaker, len(prefixes))
    speaker.end()
    wait_for("all routes are withdrawn", lambda: daemon.alive() and daemon.accepted() == 0, pause=0.5)
    frr.stop()
    daemon.stop()
    return row


def churn(daemon, speaker, there):
    """2,000 prefixes beside the table: half of them are there, and each second 500 come and 500 go."""
    pool = [f"10.{128 + n // 256}.{n % 256}.0/24" for n in range(2000)]
    ip, late, sent = speaker.kernel(), [], 0

    def send(verb, networks):
        ip.stdin.write("".join(f"route {verb} blackhole {n} proto 99\n" for n in networks))
        ip.stdin.flush()

    step, here, absent = 50, pool[:1000], pool[1000:]
    send("add", here)
    wait_for("the first half is there", lambda: daemon.accepted() == there + len(here))
    began, cpu = time.monotonic(), daemon.cpu_s()
    for turn in range(CHURN * RATE // (2 * step)):
        goes, comes = here[:step], absent[:step]
        send("del", goes)
        send("add", comes)
        here, absent, sent = here[step:] + comes, absent[step:] + goes, sent + 2 * step
        if turn % (RATE // (2 * step)) == 0:  # each second
            at = time.monotonic()
            wait_for("the latest prefix is in the trie", lambda: daemon.maps.has(comes[-1]), pause=0.002)
            late.append((time.monotonic() - at) * 1000)
        time.sleep(max(0.0, began + (turn + 1) * 2 * step / RATE - time.monotonic()))
    took = time.monotonic() - began
    busy = daemon.cpu_s() - cpu
    wait_for("what is left is accepted", lambda: daemon.accepted() == there + len(here))
    if not all(daemon.maps.has(n) == (n in set(here)) for n in pool):
        fail("the trie is not what was announced")
    daemon.audit()
    send("del", here)
    ip.stdin.close()
    ip.wait()
    wait_for("the networks are gone", lambda: daemon.accepted() == there)
    return {"seconds": round(took, 1), "updates": sent, "updates_per_s": round(sent / took), "late_p50_ms":
            round(statistics.median(late), 1), "late_max_ms": round(max(late), 1), "cpu": round(busy / took, 3)}


# ---- the report ----------------------------------------------------------------------------------------------------

def versions():
    return {"frr": run(*chrooted("/usr/lib/frr/bgpd", "--version")).split("\n")[0].split()[-1],
            "bird": run(*chrooted("sh", "-c", "bird --version 2>&1")).split()[-1]}


def report(result):
    h = result["host"]
    print(f"\n{result['routes']} IPv4 prefixes from BIRD {h['bird']} through FRR {h['frr']}; kernel {h['kernel']}, {h['cpus']} CPUs, "
          f"load {h['load']}\n")
    print(f"{'':12}{'kernel, s':>12}{'trie, s':>12}{'RSS, MiB':>12}{'bytes/route':>13}{'kernel copy':>13}")
    for name, row in result["feeds"].items():
        print(f"{name:12}{row.get('kernel_s') or '-':>12}{row.get('trie_s', '-'):>12}"
              f"{round(row['rss'] / 2**20) if 'rss' in row else '-':>12}{row.get('bytes_per_route', '-'):>13}"
              f"{row.get('copy', '-'):>13}")
    for name, row in result["feeds"].items():
        if "churn" in row:
            c = row["churn"]
            print(f"\n{name}: {c['updates_per_s']} updates/s for {c['seconds']} s: in the trie after {c['late_p50_ms']} ms (median), "
                  f"{c['late_max_ms']} ms (longest); espalierd used {c['cpu']:.0%} of a CPU; the audit found nothing")


def measure(root):
    own_namespaces(root)
    tunnel_up()
    prefixes = table.prefixes("4", COUNT)
    host = {**versions(), "kernel": os.uname().release, "cpus": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    speaker = Speaker(prefixes)
    feeds = {}
    for feed in FEEDS:
        configure(feed)
        feeds[feed] = measure_kernel(speaker, prefixes) if feed == "kernel" else measure_feed(feed, speaker, prefixes)
        print(f"{feed}: {feeds[feed]}", file=sys.stderr)
    return {"host": host, "routes": len(prefixes), "feeds": feeds}


def reap():
    """As the first process of a PID namespace, wait for whatever nobody else waits for; FRR's scripts wait until it is gone."""
    child = os.fork()
    while child:
        ended, status = os.wait()
        if ended == child:
            os._exit(os.waitstatus_to_exitcode(status) & 255)


def main():
    if os.geteuid():
        fail("needs root (BPF, network namespaces)")
    if os.getpid() == 1:
        reap()
    result = measure(run("vm/rootfs").strip())
    report(result)
    os.makedirs(f"{BUILD}/bench", exist_ok=True)
    with open(f"{BUILD}/bench/bgp.json", "w") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
    print(f"\nwritten: {os.path.relpath(BUILD)}/bench/bgp.json")


if __name__ == "__main__":
    main()
