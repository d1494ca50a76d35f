# SPDX-License-Identifier: GPL-2.0-only
"""
A full table into an empty dataplane, beside the kernel's own; JSON in build/bench/load.json.

  load.c   steer_s, delta_s, kernel_s, kernel_raw_s, slow_path_s, churn: one process, in namespaces of its own.
  rss      The daemon with the replay back end, a connection with all of the table as destination-based routes, both tunnels
           up, the kernel's copy of the routes complete: VmRSS.

The table: tests/bench/table.py, or ROUTES=FILE. Environment: BUILD; RSS=0 leaves the daemon out. A wrong answer, a route that is
not there or a daemon that does not start ends the benchmark. Goals that are missed are printed, and the exit status is 1.
"""
import json
import os
import subprocess
import sys

import failover
import table

BUILD = failover.BUILD
GOALS = (
    ("steer_s at most a fifth of ip -batch", lambda r: r["kernel_s"] >= 5 * r["steer_s"]),
    ("steer_s at most 1/1.3 of raw netlink", lambda r: r["kernel_raw_s"] >= 1.3 * r["steer_s"]),
    ("10,000 updates a second", lambda r: r["churn_updates_per_s"] >= 9_900),
    ("churn costs at most 5 % of the decisions", lambda r: r["churn_forwarding_ratio"] >= 0.95),
    ("espalierd in at most 250 bytes a route", lambda r: r["rss_bytes"] <= 250 * r["routes"]),
)


def in_namespaces(function):
    """In a process of its own, which has them; what it returns."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        failover.own_namespaces()
        with os.fdopen(write, "w") as f:
            json.dump(function(), f)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as f:
        text = f.read()
    if os.waitpid(child, 0)[1] or not text:
        sys.exit(1)
    return json.loads(text)


def daemon_rss():
    prefixes = table.prefixes("4")

    def write_config(path, _first, _count):
        with open(path, "w", encoding="ascii") as f:
            f.write(failover.YAML.format(routes=", ".join(prefixes)))
    failover.write_config = write_config
    daemon = failover.Daemon(len(prefixes))
    try:
        daemon.idle()
        with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as f:
            fields = dict(line.split(":", 1) for line in f)
        return {name: 1024 * int(fields[field].split()[0]) for name, field in (("rss_bytes", "VmRSS"), ("peak_rss_bytes", "VmHWM"))}
    finally:
        daemon.stop()


def measure():
    path = f"{BUILD}/bench/load.json"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if subprocess.run([f"{BUILD}/tests/bench/load", path, table.path("4")], check=False).returncode:
        failover.fail("load failed")
    with open(path, encoding="ascii") as f:
        result = {"host": failover.host(), **json.load(f)}
    if os.environ.get("RSS", "1") != "0":
        result.update(in_namespaces(daemon_rss))
    result["goals"] = {text: bool(met(result)) for text, met in GOALS if "rss_bytes" in result or "bytes a route" not in text}
    with open(path, "w", encoding="ascii") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
    return result


def report(r):
    h = r["host"]
    print(f"\n{r['routes']} routes into an empty dataplane ({r['entries']} entries of its tries)")
    print(f"kernel {h['kernel']}, {h['cpu']}, {h['cpus']} CPUs, libbpf {h['libbpf']}, load {h['load']}\n")
    for text, key in (("file to the last map write", "steer_s"), ("ip -batch", "kernel_s"), ("raw netlink", "kernel_raw_s"),
                      ("the kernel's copy of it all", "slow_path_s"), ("1 % withdrawn", "delta_s")):
        cpu = r.get(key.replace("_s", "_cpu_s"))
        print(f"  {text:<32}{r[key]:>10.2f} s" + (f"{cpu:>10.2f} s of CPU" if cpu else ""))
    print(f"  {'updates a second':<32}{r['churn_updates_per_s']:>10}")
    print(f"  {'decisions beside them':<32}{r['churn_forwarding_ratio']:>10.1%}  of {r['decisions_per_s']} a second")
    print(f"  {'decisions beside an empty loop':<32}{r['spinning_ratio']:>10.1%}")
    if r.get("rss_bytes"):
        print(f"  {'espalierd, a route':<32}{r['rss_bytes'] / r['routes']:>10.0f} bytes, {r['rss_bytes'] >> 20} MiB; "
              f"at most {r['peak_rss_bytes'] >> 20} MiB")
    print()
    for text, met in r["goals"].items():
        print(f"{'met    ' if met else 'NOT MET'}  {text}")


def main():
    if os.geteuid():
        failover.fail("needs root (BPF, network namespaces)")
    result = measure()
    report(result)
    print(f"written: {os.path.relpath(BUILD)}/bench/load.json")
    return 0 if all(result["goals"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
