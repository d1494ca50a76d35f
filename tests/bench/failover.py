# SPDX-License-Identifier: GPL-2.0-only
"""
Losing a tunnel, in three parts; JSON in build/bench/failover.json.

  reaction  From the XFRM message to the liveness word, and until all routes are withdrawn: the daemon with the replay back
            end and real maps, one connection over two tunnels, 1,000, 100,000 and 900,000 routes. The clock starts before
            the message is sent and stops when a process that spins on the pinned map sees the word (tests/tools/reaction.c),
            so both wake-ups are in it. quiet: the daemon has only the falls themselves to follow, and the sizes take turns,
            for the machine's own speed changes within minutes. busy: meanwhile it is
            made to apply one of two configurations after the other, each of that many routes. The last figure: both tunnels
            lost, until the last of the table's routes is gone from the map (hold_down is 0), each time from when the kernel's copy of
            the routes has caught up with the last change. Meanwhile a loop of the lowest priority (SCHED_IDLE) keeps each
            processor from sleeping: to wake one that sleeps takes a hypervisor up to milliseconds (AWAKE=0: without).
  moved     Which flows change their tunnel (tests/bench/moved.c).
  loss      Packets lost with real IPsec, beside the kernel's own multipath routes, in a VM (tests/bench/failover_loss.py).

A fall that does not reach the word, a route that stays, a flow that moves without need or an apply that fails ends the
benchmark: then there is no result. Goals that are missed are printed, and the exit status is 1.

Environment: BUILD, SIZES (e.g. 1000,100000), FALLS, AWAKE=0, VM=0 (without the loss part).
"""
import ctypes
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import threading
import time

import failover_loss

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
SIZES = [int(n) for n in os.environ.get("SIZES", "1000,100000,900000").split(",")]
FALLS = int(os.environ.get("FALLS", 400))
ROUNDS = 8  # of the quiet falls
WITHDRAWALS = 3
GAP_US = 10_000
START_S = 900.0
VM = os.environ.get("VM", "1") != "0"
AWAKE = os.environ.get("AWAKE", "1") != "0"
WORK = "/run/bench-failover"
GOAL_US, GOAL_FLAT = 200.0, 1.5

YAML = """
gateway: {{ limits: none, hold_down: 0, damping: off }}
transit_router:
  tables:
    main: {{ learn: [vpc-a, dc-1] }}
attachments:
  vpc-a: {{ type: vpc, device: eth1, cidrs: [10.1.0.0/24], association: main }}
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
TUNNELS = [f"{name},{100 + n},198.51.100.{n},203.0.113.{9 + n},0x{n}02" for n, name in ((1, "one"), (2, "two"))]


def progress(what):
    print(f"# {time.strftime('%X')} {what}", file=sys.stderr, flush=True)


def fail(why):
    sys.exit(f"bench-failover: {why}")


def run(*command, text=None, timeout=None):
    done = subprocess.run(command, input=text, text=True, capture_output=True, timeout=timeout)
    if done.returncode:
        fail(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def network(n):
    """The nth /24 from 16.0.0.0 on."""
    return f"{16 + (n >> 16)}.{n >> 8 & 255}.{n & 255}"


def write_config(path, first, count):
    with open(path, "w") as f:
        f.write(YAML.format(routes=", ".join(f"{network(n)}.0/24" for n in range(first, first + count))))
    return path


# ---- the daemon ----------------------------------------------------------------------------------------------------

class Daemon:
    """One in a network namespace of its own, so that several of different sizes can live side by side."""

    def __init__(self, size):
        self.size = size
        self.dir, self.pins = f"{WORK}/{size}", f"/sys/fs/bpf/espalier-{size}"
        os.mkdir(self.dir)
        self.namespace = self.make_namespace()
        self.socket, self.replay = f"{self.dir}/control.sock", f"{self.dir}/xfrm.sock"
        self.config = write_config(f"{self.dir}/espalier.yaml", 0, size)
        self.log = open(f"{self.dir}/log", "w+")
        self.process = subprocess.Popen(self.command("--foreground", "--config", self.config),
                                        env=dict(os.environ, ESPALIER_XFRM_REPLAY=self.replay), stdout=self.log, stderr=self.log)
        self.wait_for("espalierd answers", lambda: self.ask("status") is not None)
        for n in (1, 2):
            run(f"{BUILD}/tests/xfrm_event", self.replay, "up", "--if-id", str(100 + n), "--local", f"198.51.100.{n}",
                "--remote", f"203.0.113.{9 + n}", "--spi-in", f"0x{n}01", "--spi-out", f"0x{n}02")
        self.wait_for("both tunnels are up", lambda: all(t["up"] for t in self.ask("show", "tunnels") or [{"up": False}]))

    def make_namespace(self):
        name = f"size{self.size}"
        run("ip", "netns", "add", name)
        run("nsenter", f"--net=/run/netns/{name}", "sh", "-ec", """
            sysctl -qw net.unix.max_dgram_qlen=1000000
            ip link set lo up
            ip link add eth0 type veth peer name far0
            ip link add eth1 type veth peer name vpc0
            ip tuntap add tun101 mode tun
            ip tuntap add tun102 mode tun
            for device in eth0 far0 eth1 vpc0 tun101 tun102; do ip link set $device up; done
            ip address add 198.51.100.1/24 dev eth0
            ip address add 198.51.100.2/24 dev eth0
            ip address add 10.1.0.1/24 dev eth1
            ip route add default via 198.51.100.254""")
        return f"--net=/run/netns/{name}"

    def command(self, *words):
        """nsenter becomes what it starts."""
        return ["nsenter", self.namespace, f"{BUILD}/tests/espalierd-replay", *words, "--socket", self.socket, "--bpffs",
                self.pins, "--state-dir", f"{self.dir}/state", "--runtime-dir", f"{self.dir}/run"]

    def wait_for(self, what, condition):
        end = time.monotonic() + START_S
        while not condition():
            if self.process.poll() is not None:
                self.log.seek(0)
                fail(f"espalierd ended: {self.log.read()[-2000:]}")
            if time.monotonic() > end:
                fail(f"did not happen within {START_S} s: {what}")
            time.sleep(0.05)

    def ask(self, *words):
        done = subprocess.run([f"{BUILD}/espalier", "-j", "-s", self.socket, *words], text=True, capture_output=True)
        return None if done.returncode else json.loads(done.stdout)

    def reaction(self, *words, text=None):
        return json.loads(run(f"{BUILD}/tests/reaction", self.pins, self.replay, *map(str, words), text=text,
                              timeout=2 * START_S))

    def idle(self):
        """Until the kernel's copy of the routes has caught up, too."""
        def caught_up():
            status = self.ask("status")
            return status and not status["slow_path"]["behind"] and not status["slow_path"]["sweeping"]
        self.wait_for("espalierd has time", caught_up)

    def sentry_waited_us(self):
        """How long the thread that writes the words has waited for a processor, since its start."""
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            base = f"/proc/{self.process.pid}/task/{task}"
            with open(f"{base}/stat") as stat, open(f"{base}/schedstat") as schedstat:
                if stat.read().rpartition(")")[2].split()[38] == str(os.SCHED_FIFO):
                    return int(schedstat.read().split()[1]) / 1e3
        fail("espalierd has no real-time thread")

    def falls(self, count):
        """(each one's us, those that the thread waited for a processor in all)."""
        waited = self.sentry_waited_us()
        us = self.reaction("falls", count, GAP_US, TUNNELS[0])["us"]
        return us, self.sentry_waited_us() - waited

    def withdrawal(self):
        """The first and the last route, and 1,000 in between. Begins when nothing else is to be done."""
        self.idle()
        step = max(1, self.size // 1000)
        probes = [*range(0, self.size, step), self.size - 1]
        return self.reaction("withdrawal", "table:main", *TUNNELS, text="".join(f"{network(n)}.1\n" for n in probes))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(START_S)
        run(*self.command("--cleanup"))
        run("ip", "netns", "delete", f"size{self.size}")


class Applies:
    """One apply after the other, each of as many routes; a tenth of them change."""

    def __init__(self, daemon):
        self.socket = daemon.socket
        self.files = [write_config(f"{daemon.dir}/{n}.yaml", n * daemon.size // 10, daemon.size) for n in (1, 0)]
        self.done, self.stopping, self.failed = 0, False, None
        self.thread = threading.Thread(target=self.loop)
        self.thread.start()

    def loop(self):
        while not self.stopping:
            done = subprocess.run([f"{BUILD}/espalier", "-s", self.socket, "apply", self.files[self.done % 2]], text=True,
                                  capture_output=True)
            if done.returncode:
                self.failed = done.stderr
                return
            self.done += 1

    def end(self):
        under_way = self.thread.is_alive()
        self.stopping = True
        self.thread.join()
        if self.failed or not under_way:
            fail(f"the applies that were to keep the daemon busy: {self.failed}")
        return self.done


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def spread_of(falls):
    """Of (us, waited) of each round."""
    us = [one for part, _ in falls for one in part]
    if len(us) != FALLS:
        fail(f"{len(us)} of {FALLS} falls were seen")
    # It wakes for the fall and for the return.
    return {"p50": round(statistics.median(us), 1), "p99": round(percentile(us, 0.99), 1), "max": round(max(us), 1),
            "waited": round(sum(waited for _, waited in falls) / (2 * FALLS), 1)}


def cpu_times():
    """Of all processors together: what the hypervisor kept, and everything."""
    with open("/proc/stat") as f:
        ticks = [int(word) for word in f.readline().split()[1:9]]
    return ticks[7], sum(ticks)


def withdrawals(daemon):
    all_out = [daemon.withdrawal() for _ in range(WITHDRAWALS)]
    daemon.idle()
    progress(f"{daemon.size} routes: withdrawn and back, {WITHDRAWALS} times")
    return {key: round(statistics.median(w[key] for w in all_out), 1) for key in ("withdrawal_ms", "return_ms")}


def quiet_falls(daemons):
    """By daemon."""
    turns = [[d.falls(FALLS // ROUNDS + (n < FALLS % ROUNDS)) for d in daemons] for n in range(ROUNDS)]
    progress(f"{FALLS} falls each, in turn")
    return [spread_of(falls) for falls in zip(*turns)]


def busy_falls(daemon):
    applies = Applies(daemon)
    time.sleep(0.2)
    spread = spread_of([daemon.falls(FALLS)])
    count = applies.end()
    progress(f"{daemon.size} routes: {FALLS} falls during {count} applies")
    return {**spread, "applies": count}


def measure_daemons(daemons):
    stolen, total = cpu_times()
    routes = [withdrawals(d) for d in daemons]
    quiet = quiet_falls(daemons)
    busy = [busy_falls(d) for d in daemons]
    now = cpu_times()
    for daemon, r, q, b in zip(daemons, routes, quiet, busy):
        yield {"routes": daemon.size, "p50_us": q["p50"], "p99_us": q["p99"], "max_us": q["max"], "busy_p50_us": b["p50"],
               "busy_p99_us": b["p99"], "busy_max_us": b["max"], "applies": b["applies"], "waited_us": q["waited"],
               "busy_waited_us": b["waited"], "load": round(os.getloadavg()[0], 1), **r,
               "stolen": round((now[0] - stolen) / (now[1] - total), 4)}


# ---- the ground ----------------------------------------------------------------------------------------------------

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000


def own_namespaces():
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS | CLONE_NEWNET):
        fail(f"namespaces: {os.strerror(ctypes.get_errno())}")
    run("sh", "-ec", f"""
        mount --make-rprivate /
        mount -t tmpfs run /run
        mount -t sysfs sysfs /sys
        mount -t bpf bpf /sys/fs/bpf
        mkdir {WORK}""")


def keep_awake(cpu, parent):
    """In a child: gives way to everything, and ends with its parent."""
    os.sched_setaffinity(0, [cpu])
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while os.getppid() == parent:
        for _ in range(1_000_000):
            pass
    os._exit(0)


def measure_sizes():
    parent = os.getpid()
    for cpu in os.sched_getaffinity(0) if AWAKE else []:
        if not os.fork():
            keep_awake(cpu, parent)
    daemons = []
    try:
        for size in SIZES:
            daemons.append(Daemon(size))
            progress(f"{size} routes: loaded")
        return list(measure_daemons(daemons))
    finally:
        for daemon in daemons:
            daemon.stop()


def measure_reaction():
    """In a process of its own: the VM wants the host's namespaces."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        own_namespaces()
        rows = measure_sizes()
        with os.fdopen(write, "w") as f:
            json.dump(rows, f)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as f:
        text = f.read()
    if os.waitpid(child, 0)[1] or not text:
        sys.exit(1)
    return json.loads(text)


def measure_loss():
    if not VM:
        print("loss: left out (VM=0)", file=sys.stderr)
        return []
    return failover_loss.measure()


# ---- the report ----------------------------------------------------------------------------------------------------

def cpu_model():
    with open("/proc/cpuinfo") as f:
        found = re.search(r"model name\s*:\s*(.*)", f.read())
    return found.group(1) if found else platform.machine()


def host():
    versions = {name: run("pkg-config", "--modversion", name).strip() for name in ("libbpf", "libmnl", "libsystemd")}
    return {"kernel": platform.release(), "cpu": cpu_model(), "cpus": os.cpu_count(), **versions,
            "load": round(os.getloadavg()[0], 1)}


def goals(rows):
    """(sentence, met) of each."""
    medians = [r["p50_us"] for r in rows]
    flat = max(medians) / min(medians)
    told = [(f"p99 under {GOAL_US:.0f} us at {r['routes']} routes, {how}: {r[key]} us", r[key] < GOAL_US)
            for r in rows for how, key in (("quiet", "p99_us"), ("busy", "busy_p99_us"))]
    return told + [(f"p50 flat, largest at most {GOAL_FLAT} times the smallest: {flat:.2f}", flat <= GOAL_FLAT)]


def report(result):
    h = result["host"]
    print(f"\nFrom a lost tunnel to the liveness word; {FALLS} falls in each column")
    print(f"kernel {h['kernel']}, {h['cpu']}, {h['cpus']} CPUs, libbpf {h['libbpf']}, libmnl {h['libmnl']}, "
          f"libsystemd {h['libsystemd']}, load {h['load']}\n")
    print(f"{'':>10}{'quiet, us':>24}{'during applies, us':>26}{'':>10}{'all routes, ms':>22}")
    print(f"{'routes':>10}{'p50':>8}{'p99':>8}{'max':>8}{'p50':>10}{'p99':>8}{'max':>8}{'applies':>10}"
          f"{'withdrawn':>12}{'back':>10}")
    for r in result["reaction"]:
        print(f"{r['routes']:>10}{r['p50_us']:>8}{r['p99_us']:>8}{r['max_us']:>8}{r['busy_p50_us']:>10}"
              f"{r['busy_p99_us']:>8}{r['busy_max_us']:>8}{r['applies']:>10}{r['withdrawal_ms']:>12}{r['return_ms']:>10}")
    stolen = max(r["stolen"] for r in result["reaction"])
    waited = max(max(r["waited_us"], r["busy_waited_us"]) for r in result["reaction"])
    print(f"\nOf the processors' time the hypervisor kept up to {stolen:.1%}: what it keeps is in the longest times. For a "
          f"processor the thread that\nwrites the word waited up to {waited} us a wake-up on average; load up to "
          f"{max(r['load'] for r in result['reaction'])}. The processors were {'kept awake' if AWAKE else 'free to sleep'}.")
    print("\nFlows that move, the largest share of all members")
    print(f"{'members':>10}{'fair':>10}{'lost':>10}{'moved':>10}{'returned':>10}")
    for r in result["moved"]:
        print(f"{r['members']:>10}" + "".join(f"{r[k]:>10.2%}" for k in ("fair_share", "lost_share", "moved_share",
                                                                       "returned_share")))
    failover_loss.report(result["loss"])
    print()
    for sentence, met in result["goals"].items():
        print(f"{'met    ' if met else 'NOT MET'}  {sentence}")


def main():
    if os.geteuid():
        fail("needs root (BPF, network namespaces)")
    result = {"host": host(), "reaction": measure_reaction(), "moved": json.loads(run(f"{BUILD}/tests/bench/moved")),
              "loss": measure_loss()}
    result["goals"] = dict(goals(result["reaction"]))
    report(result)
    os.makedirs(f"{BUILD}/bench", exist_ok=True)
    with open(f"{BUILD}/bench/failover.json", "w") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
    print(f"written: {os.path.relpath(BUILD)}/bench/failover.json")
    return 0 if all(result["goals"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
