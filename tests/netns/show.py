# SPDX-License-Identifier: GPL-2.0-only
"""
What is shown, on the ground of gateway.py: SAs as the kernel has them at that moment, what its IPsec drops, and a
preview of what is then done.
"""
import subprocess
import sys

import gateway as ground
from gateway import BUILD, CONFIG, HOST, SOCKET, Gateway, flow, frame, run, text, tunnel, tunnels, wait_for, write

YAML = """
gateway: { hold_down: 100ms, damping: off }
transit_router:
  tables:
    main: { learn: [vpc-a, dc-1, dc-2] }
attachments:
  vpc-a: { type: vpc, device: eth1, cidrs: [10.1.0.0/24], association: main }
  dc-1:  { type: vpn, connection: dc-1, association: main }
  dc-2:  { type: vpn, connection: dc-2, association: main }
customer_gateways:
  dc-1: { addresses: [203.0.113.10, 203.0.113.11] }
  dc-2: { addresses: [203.0.113.12] }
connections:
  dc-1:
    customer_gateway: dc-1
    vrf: false
    routes: [10.50.0.0/16, 10.51.0.0/16, 10.52.0.0/16]
""" + tunnels() + """\
  dc-2:
    customer_gateway: dc-2
    vrf: false
    routes: [10.51.0.0/16, 10.48.0.0/14]
    tunnels:
      - { name: three, if_id: 103, device: tun103, local_address: 198.51.100.3, remote_address: 203.0.113.12 }
"""
G = None


def sa(name, direction, use="in-use"):
    found = [s for s in tunnel(name)["sas"] if s["direction"] == direction and s["use"] == use]
    assert len(found) == 1, (direction, use, tunnel(name)["sas"])
    return found[0]


def uses(name):
    return [(s["direction"], s["use"], s["spi"]) for s in tunnel(name)["sas"]]


# ---- SAs and drops -------------------------------------------------------------------------------------------------

def figures_that_no_message_told_are_shown():
    G.up(1)
    assert sa("one", "out")["packets"] == 0
    G.sas("figures", 1, "--packets", "1234", "--bytes", "567890", "--age", "600", "--sequence", str(2 ** 32 - 6))
    out = sa("one", "out")
    assert (out["packets"], out["bytes"]) == (1234, 567890), out
    assert 600 <= out["age_s"] <= 605, out
    assert 2990 <= out["soft"]["time_s"]["left"] <= 3000 and out["soft"]["time_s"]["limit"] == 3600, out
    assert 3350 <= out["hard"]["time_s"]["left"] <= 3360 and out["hard"]["bytes"] is None, out
    assert out["sequence"] == {"left": 5, "limit": 2 ** 32 - 1} and not out["esn"], out
    assert sa("one", "in")["replay_window"] == 32


def with_esn_sequence_numbers_do_not_run_out():
    G.sas("figures", 1, "--esn", "--sequence", str(2 ** 32 - 6))
    out = sa("one", "out")
    assert out["esn"] and out["sequence"] is None, out


def drops_at_an_sa_are_told_with_its_tunnel():
    G.sas("figures", 1, "--replayed", "3", "--outside", "4", "--forged", "5")
    assert sa("one", "in")["dropped"] == {"replayed": 3, "outside_window": 4, "integrity": 5}
    rows = {r["reason"]: r["packets"] for r in G.cli("show", "drops") if r["tunnel"] == "one"}
    assert rows == {"replayed": 6, "outside-window": 8, "integrity": 10}, rows  # both SAs
    assert "6 replayed" not in text("show", "tunnels", "-d") and "3 replayed, 4 too old" in text("show", "tunnels", "-d")


def the_kernels_own_counters_are_shown():
    """This kernel has policies, though no ESP: a forbidden packet is counted by itself, in this namespace."""
    def blocked():
        return sum(r["packets"] for r in G.cli("show", "drops") if r["reason"] == "XfrmOutPolBlock")
    before = blocked()
    run("ip xfrm policy add dst 198.51.100.77/32 dir out action block")
    run("ping -c 1 -W 1 198.51.100.77", check=False)
    run("ip xfrm policy delete dst 198.51.100.77/32 dir out")
    assert blocked() > before, blocked()
    row = next(r for r in G.cli("show", "drops") if r["reason"] == "XfrmOutPolBlock")
    assert row["kind"] == "kernel-xfrm" and "forbids" in row["help"] and row["attachment"] is None, row


def a_rekey_is_seen_step_by_step():
    new = ["--if-id", "101", "--local", "198.51.100.1", "--remote", "203.0.113.10", "--inside", "46"]
    G.xfrm("expire-soft", *new, "--spi-in", "0x101", "--spi-out", "0x102")
    wait_for("a rekey is due", lambda: tunnel("one")["state"] == "expiring")
    assert sa("one", "in")["soft_expired"]
    G.xfrm("inbound", *new, "--spi-in", "0x111")
    G.xfrm("outbound", *new, "--spi-out", "0x112")
    wait_for("both generations", lambda: tunnel("one")["state"] == "rekeying" and len(tunnel("one")["sas"]) == 4)
    assert uses("one") == [("in", "leftover", "0x00000101"), ("in", "in-use", "0x00000111"),
                           ("out", "in-use", "0x00000102"), ("out", "next", "0x00000112")], uses("one")
    G.xfrm("switch", *new, "--spi-out", "0x112")
    wait_for("the new one is used", lambda: uses("one")[2:] == [("out", "leftover", "0x00000102"),
                                                              ("out", "in-use", "0x00000112")])
    G.xfrm("delete-in", *new, "--spi-in", "0x101")
    G.xfrm("delete-out", *new, "--spi-out", "0x102")
    wait_for("the old ones are gone", lambda: tunnel("one")["state"] == "up" and len(tunnel("one")["sas"]) == 2)
    assert tunnel("one")["flaps"] == 0
    G.xfrm("rekey", *new, "--spi-in", "0x111", "--spi-out", "0x112", "--new-in", "0x101", "--new-out", "0x102")
    wait_for("back to the first numbers", lambda: sa("one", "out")["spi"] == "0x00000102" and len(tunnel("one")["sas"]) == 2)


def without_a_policy_it_is_not_up_and_says_so():
    G.up(2)
    G.sas("delete-policy", 2)
    wait_for("it is not up", lambda: not G.live(2))
    told = tunnel("two")
    assert told["state"] == "negotiating" and told["missing"] == "no outbound policy", told
    assert "no outbound policy (DELPOLICY)" in text("show", "tunnels")
    G.sas("policies", 2)
    wait_for("it is up again", lambda: G.live(2))


# ---- previews ------------------------------------------------------------------------------------------------------

def groups():
    """Buckets of each tunnel, by group id."""
    return {g["id"]: {m["tunnel"]: m["buckets"] for m in g["members"]} for g in G.cli("show", "groups")}


def expect_groups(before, preview):
    """The groups are now what the preview made of those before."""
    down = [d["tunnel"] for d in preview["down"]]
    want = {number: {t: 0 if t in down else n for t, n in buckets.items()} for number, buckets in before.items()}
    for group in preview["groups"]:
        for to in group["to"]:
            want[group["id"]][to["tunnel"]] += to["buckets"]
    now = groups()
    assert {n: b for n, b in want.items() if n in now} == now, (want, now)


def answers():
    """The tunnel of a packet to each prefix; None: nowhere."""
    found = {}
    for prefix in ("10.48.0.0/14", "10.50.0.0/16", "10.51.0.0/16", "10.52.0.0/16"):
        told = G.path(prefix.split("/")[0].replace(".0.0", ".7.7"), "udp", 1, 2)
        found[prefix] = told["tunnel"] if told["verdict"] == "tunnel" else None
    return found


def the_loss_of_one_is_exactly_as_previewed():
    G.up(1)
    G.up(3)
    wait_for("all three carry", lambda: G.live(2) and len(groups()) == 3)
    before, said = groups(), G.cli("ecmp", "preview", "--down", "one")
    lost = sum(b.get("one", 0) for b in before.values())
    assert lost and said["buckets"] == {"total": 768, "moved": lost, "lost": 0, "share": lost / 768}, said
    assert said["routes"] == [] and said["connections"] == [] and groups() == before, said
    paths = answers()
    G.down(1)
    expect_groups(before, said)
    assert all(tunnel in ("two", "three") if paths[p] == "one" else tunnel == paths[p]
               for p, tunnel in answers().items()), (paths, answers())
    G.up(1)


def the_loss_of_a_connection_is_exactly_as_previewed():
    before, said = groups(), G.cli("ecmp", "preview", "--down", "two", "--down", "one")
    assert said["connections"] == ["dc-1"], said
    fate = {p: (r["fate"], r["is"]) for r in said["routes"] for p in r["prefixes"]}
    assert fate == {"10.50.0.0/16": ("other-path", ["three"]), "10.51.0.0/16": ("fewer-tunnels", ["three"]),
                    "10.52.0.0/16": ("no-path", None)}, said
    G.down(2)
    G.down(1)
    expect_groups(before, said)
    wait_for("every packet takes what was said", lambda: answers() == {
        "10.48.0.0/14": "three", "10.50.0.0/16": "three", "10.51.0.0/16": "three", "10.52.0.0/16": None})
    again = G.cli("ecmp", "preview", "--down", "one")
    assert again["down"] == [{"tunnel": "one", "live": False}] and again["buckets"]["moved"] == 0, again
    G.up(1)
    G.up(2)
    wait_for("routes are back", lambda: answers()["10.52.0.0/16"] in ("one", "two"))


def a_previews_traffic_is_that_of_the_last_minute():
    ports = [p for p in range(3000, 3200) if G.path("10.52.7.7", "udp", p, 7)["tunnel"] == "one"][:20]
    other = next(p for p in range(3000, 3200) if G.path("10.52.7.7", "udp", p, 7)["tunnel"] == "two")
    was = G.cli("ecmp", "preview", "--down", "one")["traffic"]
    for port in (*ports, other):
        G.vpc.send(frame(flow(port, source=HOST, destination="10.52.7.7")))
    size = len(flow(1))

    def told():
        now = G.cli("ecmp", "preview", "--down", "one")["traffic"]
        return now["bytes"] - was["bytes"], now["moved_bytes"] - was["moved_bytes"]
    wait_for("it is counted", lambda: told() == (21 * size, 20 * size))
    rates = tunnel("one")["rates"]
    assert rates["out"]["packets"] * rates["over_s"] >= 20 - 1e-6, rates


def an_unknown_tunnel_is_named():
    done = subprocess.run([f"{BUILD}/espalier", "-s", SOCKET, "ecmp", "preview", "--down", "three-"], text=True,
                          capture_output=True)
    assert done.returncode == 1 and done.stderr == "espalier: there is no tunnel 'three-': did you mean three?\n", done


STORIES = [
    figures_that_no_message_told_are_shown, with_esn_sequence_numbers_do_not_run_out,
    drops_at_an_sa_are_told_with_its_tunnel, the_kernels_own_counters_are_shown, a_rekey_is_seen_step_by_step,
    without_a_policy_it_is_not_up_and_says_so, the_loss_of_one_is_exactly_as_previewed,
    the_loss_of_a_connection_is_exactly_as_previewed, a_previews_traffic_is_that_of_the_last_minute,
    an_unknown_tunnel_is_named,
]


def main():
    global G
    G = ground.G = Gateway("tun103")
    run("ip address add 198.51.100.3/24 dev eth0")
    write(CONFIG, YAML)
    G.start()
    return ground.tell(G, STORIES)


if __name__ == "__main__":
    sys.exit(main())
