# SPDX-License-Identifier: GPL-2.0-only
"""
Two routers on this host, with the programs of the virtual machine's root file system (vm/rootfs): each in network and
mount namespaces of its own, joined by a veth pair per tunnel. This kernel has no VRF and no ESP, so connections here have
`vrf: false` and the veth devices stand in for xfrm interfaces: what is shown is that FRR, BIRD and strongSwan take what
is rendered for them, and that sessions and routes come of it.

    gateway  xfrm101 ── xfrm101  peer        169.254.10.1 ── .2
             xfrm102 ── xfrm102              169.254.11.1 ── .2
"""
import json
import os
import re
import shutil
import subprocess
import time

BUILD = os.path.realpath(os.environ.get("BUILD", "build"))
ESPALIER = f"{BUILD}/espalier"
ROOT = os.environ["ESPALIER_ROOT"]
DEADLINE = 60.0
FRR = "/usr/lib/frr"


def wait_for(what, condition, seconds=DEADLINE):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"did not happen within {seconds:.0f} s: {what}"
        time.sleep(0.1)


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}"
    return done.stdout


class Router:
    """A process that holds the namespaces; /etc/frr, /run and the like are its own, in memory."""

    def __init__(self, name):
        self.name = name
        self.home = f"/run/{name}"  # of this side; /mnt in the chroot
        os.makedirs(self.home)
        script = f"""
set -e
mount --bind {ROOT} {ROOT}
for d in /tmp /run /etc/frr /etc/bird /etc/swanctl /var/lib/frr /var/log /var/tmp; do mount -t tmpfs tmpfs {ROOT}$d; done
mount -t proc proc {ROOT}/proc
mount --rbind /dev {ROOT}/dev
mount --bind {self.home} {ROOT}/mnt
mkdir -p {ROOT}/run/frr {ROOT}/run/bird
chroot {ROOT} chown -R frr:frr /run/frr /etc/frr /var/lib/frr /var/tmp
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0
echo ready
exec sleep infinity"""
        self.holder = subprocess.Popen(["unshare", "--net", "--mount", "--propagation", "private", "bash", "-c", script],
                                       stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "ready\n", f"no namespaces for {name}"

    def enter(self, *command):
        return ["nsenter", "--target", str(self.holder.pid), "--net", "--mount", "--", *command]

    def inside(self, *command):
        """Of the root file system."""
        return self.enter("chroot", ROOT, *command)

    def run(self, *command):
        return run(*self.inside(*command))

    def start(self, *command):
        """One that goes on in the background, and must not keep our pipes open."""
        log = f"/run/{os.path.basename(command[0])}.log"
        self.run("sh", "-c", '"$@" </dev/null >"$0" 2>&1 || { cat "$0" >&2; exit 1; }', log, *command)

    def ip(self, *arguments):
        return run(*self.enter("ip", *arguments))

    def routes(self, family, *arguments):
        return json.loads(self.ip("-j", family, "route", "show", *arguments) or "[]")

    def put(self, path, text):
        """A file of the root file system, as this router sees it."""
        name = os.path.basename(path)
        with open(f"{self.home}/{name}", "w") as f:
            f.write(text)
        os.chmod(f"{self.home}/{name}", 0o644)
        self.run("cp", f"/mnt/{name}", path)

    # ---- FRR ----

    def frr_start(self, conf, daemons):
        """As frrinit.sh does it, with what is rendered for /etc/frr/daemons."""
        self.put("/etc/frr/frr.conf", conf)
        self.put("/etc/frr/vtysh.conf", "")
        options = dict(re.findall(r'^(\w+)_options="(.*)"$', daemons, re.M))
        enabled = re.findall(r"^(\w+d)=yes$", daemons, re.M)
        for daemon in ["mgmtd", "zebra", *enabled]:
            self.start(f"{FRR}/{daemon}", "-d", *options[daemon].split())
        self.run("vtysh", "-b")

    def frr_stop(self):
        for daemon in ("bgpd", "bfdd", "zebra", "mgmtd"):
            subprocess.run(self.inside("sh", "-c", f"kill $(cat /run/frr/{daemon}.pid)"), capture_output=True)
        wait_for("FRR ended", lambda: not self.alive("zebra"))

    def alive(self, daemon):
        return subprocess.run(self.inside("sh", "-c", f"kill -0 $(cat /run/frr/{daemon}.pid)"),
                              capture_output=True).returncode == 0

    def vtysh(self, command):
        return self.run("vtysh", "-c", command)

    def vtysh_json(self, command):
        return json.loads(self.vtysh(command))

    # ---- strongSwan ----

    def charon_start(self, settings):
        self.put("/run/strongswan.conf", f"include /etc/strongswan.conf\ninclude {settings}\n")
        self.run("sh", "-c", "STRONGSWAN_CONF=/run/strongswan.conf charon-systemd </dev/null >/run/charon.log 2>&1 8<&- & "
                 "echo $! >/run/charon.pid")
        wait_for("charon answers", lambda: subprocess.run(self.inside("swanctl", "--stats"),
                                                          capture_output=True).returncode == 0)

    # ---- BIRD ----

    def bird_start(self, conf):
        self.put("/etc/bird/bird.conf", conf)
        self.start("bird", "-R", "-s", "/run/bird/bird.ctl", "-P", "/run/bird/bird.pid")

    def bird_stop(self):
        self.birdc("down")

    def birdc(self, *command):
        return self.run("birdc", "-s", "/run/bird/bird.ctl", *command)

    def close(self):
        """The PID namespace ends what is missed here."""
        for daemon in ("bgpd", "bfdd", "zebra", "mgmtd"):
            subprocess.run(self.inside("sh", "-c", f"kill -9 $(cat /run/frr/{daemon}.pid)"), capture_output=True)
        subprocess.run(self.inside("sh", "-c", "kill -9 $(cat /run/bird/bird.pid /run/charon.pid)"), capture_output=True)
        self.holder.kill()
        self.holder.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def join(one, other, device, network):
    """A veth pair, .1 and .2 of a /30."""
    run("ip", "link", "add", device, "netns", str(one.holder.pid), "type", "veth", "peer", "name", device, "netns",
        str(other.holder.pid))
    for router, host in ((one, 1), (other, 2)):
        router.ip("address", "add", f"{network}.{host}/30", "dev", device)
        router.ip("link", "set", device, "up")


def render(*arguments, text=None):
    return run(ESPALIER, "render", *arguments, **({"input": text} if text else {}))
