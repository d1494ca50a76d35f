# SPDX-License-Identifier: GPL-2.0-only
"""
FRR, BIRD and strongSwan with what is rendered for them, on the ground of routers.py: both ends, and nothing else. Prints
"ok NAME" and "not ok NAME: why".
"""
import os
import subprocess
import sys
import traceback

from routers import ESPALIER, Router, join, render, wait_for

YAML = """
gateway: { secrets: /run/secrets }
transit_router:
  tables:
    main: { learn: [vpc-a, dc-1] }
attachments:
  vpc-a: { type: vpc, device: eth1, cidrs: [10.1.0.0/16, "fd00:1::/48"], association: main }
  dc-1:  { type: vpn, connection: dc-1, association: main, synchronize: true }
customer_gateways:
  dc-1: { addresses: [203.0.113.10, 203.0.113.11], asn: 65001 }
connections:
  dc-1:
    customer_gateway: dc-1
    vrf: false
    table: 1001
    bgp: {}
    tunnels:
      - { if_id: 101, local_address: 198.51.100.1, remote_address: 203.0.113.10, psk: key-a,
          inside: 169.254.10.0/30, bgp_address: 169.254.10.1 }
      - { if_id: 102, local_address: 198.51.100.2, remote_address: 203.0.113.11, psk: key-b,
          inside: 169.254.11.0/30, bgp_address: 169.254.11.1 }
"""
CONFIG = "/run/espalier.yaml"
TUNNELS = {"xfrm101", "xfrm102"}
EXPORTED, LEAKED = str(0xC800004D), str(0xC800004E)  # core/host.h
ANNOUNCED = ["10.50.0.0/16", "10.51.0.0/16", "fd00:50::/48"]
GATEWAY = PEER = None


def check(program):
    """Exit status and first line of `render --check`, of the gateway's programs."""
    inside = " ".join(GATEWAY.inside())
    env = {**os.environ, "ESPALIER_VTYSH": f"{inside} vtysh", "ESPALIER_SWANCTL": f"{inside} swanctl",
           "ESPALIER_BIRDC": f"{inside} birdc -s /run/bird/bird.ctl"}
    done = subprocess.run([ESPALIER, "render", "--check", program, CONFIG], capture_output=True, text=True, env=env)
    return done.returncode, (done.stdout + done.stderr).strip()


def ways(which, prefix, *table):
    family = "-6" if ":" in prefix else "-4"
    found = [r for r in which.routes(family, *table) if r["dst"] == prefix and r.get("protocol") in ("bgp", "bird")]
    return {hop["dev"] for r in found for hop in r.get("nexthops", [r])}


def route(family, prefix, metric, verb="add"):
    GATEWAY.ip(family, "route", verb, prefix, "dev", "eth1", "table", "1001", "metric", metric)


def export_something():
    """What espalierd writes: two prefixes to be exported, and two that are not."""
    route("-4", "10.1.0.0/16", EXPORTED)
    route("-4", "10.2.0.0/16", LEAKED)
    route("-6", "fd00:1::/48", EXPORTED)
    route("-6", "fd00:2::/48", LEAKED)


def bgp_routes(r):
    return {p["dst"] for family in ("-4", "-6") for p in r.routes(family) if p.get("protocol") == "bgp"}


def told():
    """How many prefixes the peer has from each session, by family."""
    summary = PEER.vtysh_json("show bgp vrf default summary json")
    return [peer["pfxRcd"] for family in summary.values() for peer in family["peers"].values()]


# ---- the stories, the same with FRR and with BIRD ------------------------------------------------------------------

def both_families_are_learned_over_both_tunnels():
    for prefix in ANNOUNCED:
        wait_for(f"{prefix} over both tunnels", lambda: ways(GATEWAY, prefix, "table", "1001") == TUNNELS)


def only_what_is_synchronized_is_announced_and_never_their_own():
    wait_for("the peer has what is exported", lambda: {"10.1.0.0/16", "fd00:1::/48"} <= bgp_routes(PEER))
    assert bgp_routes(PEER) == {"10.1.0.0/16", "fd00:1::/48"}, bgp_routes(PEER)
    for prefix in ("10.1.0.0/16", "fd00:1::/48"):
        wait_for(f"the peer has {prefix} over both tunnels", lambda: ways(PEER, prefix) == TUNNELS)
    wait_for("each session told one prefix a family, and no more", lambda: told() == [1, 1, 1, 1])


def a_route_that_is_no_longer_synchronized_is_withdrawn():
    route("-4", "10.1.0.0/16", EXPORTED, "del")
    route("-4", "10.1.0.0/16", LEAKED)
    wait_for("the peer loses it", lambda: "10.1.0.0/16" not in bgp_routes(PEER))
    route("-4", "10.1.0.0/16", LEAKED, "del")
    route("-4", "10.1.0.0/16", EXPORTED)
    wait_for("the peer has it again", lambda: "10.1.0.0/16" in bgp_routes(PEER))


def bfd_is_up_on_both_tunnels():
    wait_for("BFD is up", lambda: [p["status"] for p in PEER.vtysh_json("show bfd peers json")] == ["up", "up"])


# ---- of one program ------------------------------------------------------------------------------------------------

def frr_starts():
    GATEWAY.frr_start(render("frr", CONFIG), render("frr", "--daemons", CONFIG))


def frr_runs_what_is_rendered_until_somebody_edits_it():
    assert check("frr") == (0, "frr: what runs is what is rendered"), check("frr")
    GATEWAY.run("vtysh", "-c", "configure terminal", "-c", "router bgp 45104", "-c", "neighbor 169.254.10.2 timers 3 9")
    status, said = check("frr")
    assert status == 1 and said.endswith("\n-     neighbor 169.254.10.2 timers 10 30\n+     neighbor 169.254.10.2 timers 3 9"), said


def frr_that_is_gone_cannot_be_compared():
    GATEWAY.frr_stop()
    status, said = check("frr")
    assert status == 2 and said.startswith("espalier: frr: vtysh failed"), (status, said)


def bird_starts():
    GATEWAY.bird_start(render("bird", CONFIG))


def bird_runs_what_is_rendered_until_a_protocol_is_another():
    assert check("bird") == (0, "bird: what runs is what is rendered"), check("bird")
    GATEWAY.put("/etc/bird/bird.conf", render("bird", CONFIG).replace("export filter espalier_out", "export none", 1))
    GATEWAY.birdc("configure")
    status, said = check("bird")
    assert status == 1 and "+     Output filter: REJECT" in said, said


def strongswan_loads_both_ends():
    os.makedirs("/run/secrets", mode=0o700)
    for name in ("key-a", "key-b"):
        with open(os.open(f"/run/secrets/{name}", os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write('a "key" with } in it\n')
    for router_, arguments in ((GATEWAY, ["swanctl"]), (PEER, ["peer", "dc-1"])):
        render(*arguments, "--output", f"{router_.home}/out", CONFIG)
        router_.run("mkdir", "-p", "/etc/swanctl/conf.d", "/etc/strongswan.d")
        router_.run("cp", "/mnt/out/espalier.conf", "/etc/swanctl/swanctl.conf")
    # The keys' file fits both ends: a pair of addresses has no direction.
    for router_ in (GATEWAY, PEER):
        with open(f"{GATEWAY.home}/out/espalier.secrets") as f:
            router_.put("/etc/swanctl/espalier.secrets", f.read())
    GATEWAY.run("sed", "-i", 's|^include .*|include "espalier.secrets"|', "/etc/swanctl/swanctl.conf")
    for router_ in (GATEWAY, PEER):
        router_.charon_start("/mnt/out/charon-espalier.conf")
        said = router_.run("swanctl", "--load-all")
        assert "loaded ike secret 'ike-dc-1-2'" in said and "successfully loaded 2 connections" in said, said


def strongswan_runs_what_is_rendered():
    assert check("swanctl") == (0, "swanctl: what runs is what is rendered"), check("swanctl")


STORIES = [
    frr_starts,
    both_families_are_learned_over_both_tunnels,
    only_what_is_synchronized_is_announced_and_never_their_own,
    a_route_that_is_no_longer_synchronized_is_withdrawn,
    bfd_is_up_on_both_tunnels,
    frr_runs_what_is_rendered_until_somebody_edits_it,
    frr_that_is_gone_cannot_be_compared,
    bird_starts,
    both_families_are_learned_over_both_tunnels,
    only_what_is_synchronized_is_announced_and_never_their_own,
    a_route_that_is_no_longer_synchronized_is_withdrawn,
    bfd_is_up_on_both_tunnels,
    bird_runs_what_is_rendered_until_a_protocol_is_another,
    strongswan_loads_both_ends,
    strongswan_runs_what_is_rendered,
]


def build_up():
    global GATEWAY, PEER
    with open(CONFIG, "w") as f:
        f.write(YAML)
    GATEWAY, PEER = Router("gateway"), Router("peer")
    join(GATEWAY, PEER, "xfrm101", "169.254.10")
    join(GATEWAY, PEER, "xfrm102", "169.254.11")
    GATEWAY.ip("link", "add", "eth1", "type", "veth", "peer", "name", "vpc")
    for device in ("vpc", "eth1"):
        GATEWAY.ip("link", "set", device, "up")
    announce = [word for prefix in ANNOUNCED for word in ("--announce", prefix)]
    render("peer", "dc-1", *announce, "--output", f"{PEER.home}/peer", CONFIG)
    PEER.frr_start(*(open(f"{PEER.home}/peer/{name}").read() for name in ("frr.conf", "daemons")))
    export_something()


def main():
    failed, program = 0, ""
    build_up()
    for story in STORIES:
        name = story.__name__.replace("_", " ")
        if name.endswith("starts") or name.startswith("strongswan"):
            program = name.split()[0]
        try:
            story()
            print(f"ok {program}: {name}", flush=True)
        except Exception as e:  # a story that fails is one, not the end
            traceback.print_exc()
            print(f"not ok {program}: {name}: {e}", flush=True)
            failed = 1
    GATEWAY.close()
    PEER.close()
    return failed


sys.exit(main())
