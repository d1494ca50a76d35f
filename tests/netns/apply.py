# SPDX-License-Identifier: GPL-2.0-only
"""
Changing a running gateway, on the ground of gateway.py: what is said is done, what is wrong changes nothing, and
packets that a change does not concern do not notice it.
"""
import json
import os
import signal
import subprocess
import sys
import threading
import time

import gateway as ground
from gateway import BUILD, CONFIG, SOCKET, STATE, Gateway, flow, frame, hop, run, wait_for, write

YAML = """
transit_router:
  tables:
    main:
      learn: [vpc-a, dc-1%(learn)s]
%(transit)s      routes:
        - { destination: 10.50.66.0/24, blackhole: true }
%(statics)sattachments:
  vpc-a: { type: vpc, device: eth1, cidrs: [10.1.0.0/24, "fd00:1::/64"], association: main }
  dc-1:  { type: vpn, connection: dc-1, association: main }
%(attachments)scustomer_gateways:
  dc-1: { addresses: [%(address)s, 203.0.113.11] }
%(gateways)sconnections:
%(first)s  dc-1:
    customer_gateway: dc-1
    vrf: false
    routes: [%(routes)s]
    tunnels:
      - { name: one, if_id: 101, device: tun101, local_address: 198.51.100.1, remote_address: %(address)s }
      - { name: two, if_id: 102, device: tun102, local_address: 198.51.100.2, remote_address: 203.0.113.11 }
"""
PLAIN = {"learn": "", "transit": "", "statics": "", "attachments": "", "gateways": "", "first": "",
         "routes": "10.50.0.0/16", "address": "203.0.113.10"}
# A second connection, written before the first one: nothing of the first may move.
SECOND = {"learn": ", dc-2", "attachments": "  dc-2:  { type: vpn, connection: dc-2, association: main }\n",
          "gateways": "  dc-2: { addresses: [203.0.113.20] }\n",
          "first": """  dc-2:
    customer_gateway: dc-2
    vrf: false
    routes: [10.60.0.0/16]
    tunnels:
      - { name: three, if_id: 103, device: tun103, local_address: 198.51.100.1, remote_address: 203.0.113.20 }
"""}
OTHER = f"{STATE}/other.yaml"
G = None


def text(**changes):
    return YAML % {**PLAIN, **changes}


def call(*words, code=0, stdin=None, plain=False):
    """The command line, whose exit status must be `code`; its JSON."""
    done = subprocess.run([f"{BUILD}/espalier", *([] if plain else ["-j"]), "-s", SOCKET, *words], text=True,
                          capture_output=True, input=stdin)
    assert done.returncode == code, f"espalier {' '.join(words)}: {done.returncode}, {done.stdout}{done.stderr}"
    return done if plain else json.loads(done.stdout)


def apply(content=None, *options, code=0, **changes):
    write(OTHER, text(**changes) if content is None else content)
    return call("apply", *options, OTHER, code=code)


def back():
    """The daemon's own configuration, without anything that was changed at run time."""
    for r in call("show", "routes"):
        if r["origin"] == "runtime" and r["type"] in ("static", "destination") and (r["connection"] or r["type"] == "static"):
            if r["connection"]:
                call("route", "delete", r["connection"], r["prefix"])
            else:
                call("route", "delete", "--table", r["table"], r["prefix"],
                     *(["via", r["attachment"]] if r["attachment"] else ["blackhole"]), "metric", str(r["metric"]))
    write(CONFIG, text())
    call("apply", CONFIG)


def prefixes(**want):
    return {r["prefix"] for r in call("show", "routes") if all(r[k] == v for k, v in want.items())}


def passes(port, destination="10.50.0.9", wire=None):
    packet = flow(port, destination=destination)
    told = G.path(destination, "udp", port, 7)
    assert told["tunnel"], told
    G.drain()
    G.vpc.send(frame(packet))
    G.tun[wire or {"one": "tun101", "two": "tun102", "three": "tun103"}[told["tunnel"]]].expect(hop(packet))
    return told["tunnel"]


def does_not_pass(port, destination):
    G.drain()
    G.vpc.send(frame(flow(port, destination=destination)))
    for wire in (*G.tun.values(), G.far):
        wire.expect_nothing(0.1)


def forwarding():
    """What runs, as far as it can be seen from outside."""
    return (sorted(map(str, call("show", "routes"))), call("show", "groups"),
            run("ip rule; ip -6 rule; ip route show table all proto 77; ip -6 route show table all proto 77"))


class Monitor:
    def __init__(self):
        self.process = subprocess.Popen([f"{BUILD}/espalier", "-j", "-s", SOCKET, "monitor"], text=True,
                                        stdout=subprocess.PIPE)
        self.events = []
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        # The subscription stands when something is heard.
        wait_for("the monitor is heard", lambda: self.knock())
        self.events.clear()

    def read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def knock(self):
        call("apply", write(f"{STATE}/broken.yaml", "gateway: {"), code=2)
        return any(e["event"] == "configuration" for e in self.events)

    def expect(self, **want):
        wait_for(f"event {want}", lambda: any(all(e.get(k) == v for k, v in want.items()) for e in self.events), 3)
        return next(e for e in self.events if all(e.get(k) == v for k, v in want.items()))

    def stop(self):
        self.process.kill()
        self.process.wait()


# ---- the stories ---------------------------------------------------------------------------------------------------

def an_applied_route_carries_packets_at_once():
    apply(routes="10.50.0.0/16, 10.51.0.0/16")
    passes(1000, "10.51.0.1")
    passes(1001)
    back()
    does_not_pass(1002, "10.51.0.1")


def a_wrong_file_is_refused_with_every_place_and_changes_nothing():
    before = forwarding()
    write(OTHER, text(routes="0.0.0.0/0, 100.64.0.0/16", statics="        - { destination: 10.9.0.0/16 }\n"))
    done = call("apply", OTHER, code=2, plain=True)
    lines = [x for x in done.stderr.splitlines() if "error: " in x]
    assert len(lines) == 3 and all(x.startswith(f"{OTHER}:") for x in lines), done.stderr
    assert [x for x in lines if "[S35]" in x] and [x for x in lines if "[S36]" in x], lines
    answer = call("apply", OTHER, code=2)
    assert {f["line"] for f in answer["findings"] if f["severity"] == "error"} == {8, 18}, answer
    call("apply", f"{STATE}/nonexistent.yaml", code=2)
    write(OTHER, "\xff\n")
    with open(OTHER, "wb") as f:
        f.write(b"gateway: {secrets: \xff}\n")
    call("apply", OTHER, code=2)
    assert forwarding() == before
    passes(1010)


def a_device_that_is_not_there_is_an_error_and_changes_nothing():
    before = forwarding()
    attachment = "  vpc-x: { type: vpc, device: nosuch0, cidrs: [10.8.0.0/24], association: main }\n"
    answer = apply(attachments=attachment, code=2)
    assert any("nosuch0" in f["text"] for f in answer["findings"]), answer
    assert forwarding() == before


def a_customer_gateway_is_never_modified():
    before = forwarding()
    answer = apply(address="203.0.113.77", code=2)
    assert any("[S49]" in f["text"] for f in answer["findings"]), answer
    renamed = text(address="203.0.113.77").replace("dc-1: { addresses", "dc-1b: { addresses")
    renamed = renamed.replace("customer_gateway: dc-1", "customer_gateway: dc-1b")
    answer = apply(text().replace("203.0.113.11] }", "203.0.113.11], asn: 65001 }"), code=2)
    assert any("[S49]" in f["text"] for f in answer["findings"]), answer
    assert forwarding() == before
    apply(renamed)
    back()
    G.up(1)


def the_flow_hash_needs_a_restart_and_says_so():
    answer = apply("gateway: { flow_hash: l3 }" + text(), code=2)
    assert any("flow_hash" in f["text"] and f["line"] == 1 for f in answer["findings"]), answer


def a_second_connection_comes_and_goes_beside_the_first():
    tables = {c["name"]: c["kernel_table"] for c in call("show", "connections")}
    before = {p: G.path("10.50.0.9", "udp", p, 7)["tunnel"] for p in range(1100, 1132)}
    apply(**SECOND)
    now = {c["name"]: c["kernel_table"] for c in call("show", "connections")}
    assert now["dc-1"] == tables["dc-1"] and now["dc-2"] != now["dc-1"], (tables, now)
    G.xfrm("up", "--if-id", "103", "--local", "198.51.100.1", "--remote", "203.0.113.20", "--spi-in", "0x301",
           "--spi-out", "0x302", "--inside", "46")
    wait_for("tunnel three is up", lambda: any(t["name"] == "three" and t["up"] for t in call("show", "tunnels")))
    wait_for("its route is active", lambda: "10.60.0.0/16" in prefixes(table="main", state="active"))
    assert passes(1140, "10.60.0.1") == "three"
    assert {p: G.path("10.50.0.9", "udp", p, 7)["tunnel"] for p in before} == before
    passes(1141)
    # A restart keeps it, numbers and all.
    G.stop()
    G.start()
    assert {c["name"]: c["kernel_table"] for c in call("show", "connections")} == now
    assert passes(1142, "10.60.0.1") == "three"
    back()
    assert "10.60.0.0/16" not in prefixes()
    does_not_pass(1143, "10.60.0.1")
    left = run("ip rule; ip route show table all proto 77")
    assert "tun103" not in left, left
    passes(1144)
    # Its SAs are still known: back again it is up without negotiating anew.
    apply(**SECOND)
    assert passes(1145, "10.60.0.1") == "three"
    back()


def an_applied_file_outlives_a_crash_but_not_an_edit_of_the_daemons_own():
    apply(routes="10.50.0.0/16, 10.52.0.0/16")
    texts = [f for f in os.listdir(STATE) if f.startswith("applied-")]
    assert len(texts) == 1 and open(f"{STATE}/{texts[0]}").read() == open(OTHER).read(), texts
    status = call("status")["configuration"]
    assert status["own"] is False and status["file"] == OTHER, status
    G.stop(signal.SIGKILL)
    G.start()
    assert "10.52.0.0/16" in prefixes(table="main") and call("status")["configuration"]["file"] == OTHER
    passes(1200, "10.52.0.1")
    G.stop()
    write(CONFIG, text(routes="10.50.0.0/16, 10.53.0.0/16"))
    G.start()
    assert "10.52.0.0/16" not in prefixes() and "10.53.0.0/16" in prefixes(table="main")
    assert call("status")["configuration"]["own"] is True
    assert not [f for f in os.listdir(STATE) if f.startswith("applied-")]
    back()


def a_hangup_reloads_the_daemons_own_file():
    apply(routes="10.50.0.0/16, 10.52.0.0/16")
    write(CONFIG, text(routes="10.50.0.0/16, 10.54.0.0/16"))
    G.daemon.send_signal(signal.SIGHUP)
    wait_for("reloaded", lambda: "10.54.0.0/16" in prefixes(table="main"))
    assert "10.52.0.0/16" not in prefixes() and call("status")["configuration"]["own"] is True
    write(CONFIG, text(routes="0.0.0.0/0"))
    G.daemon.send_signal(signal.SIGHUP)
    wait_for("the refusal is logged", lambda: "not reloaded" in open(f"{STATE}/log").read())
    assert f"{CONFIG}:17:" in open(f"{STATE}/log").read()
    assert "10.54.0.0/16" in prefixes(table="main")
    back()


def unconfirmed_it_goes_back_by_itself():
    before = forwarding()
    apply(None, "--confirm", "6", routes="10.55.0.0/16")
    assert "10.55.0.0/16" in prefixes(table="main") and "10.50.0.0/16" not in prefixes()
    passes(1300, "10.55.0.1")
    assert call("status")["configuration"]["confirm_s"] in range(1, 7)
    assert "waits to be confirmed" in apply(code=1)["error"]
    assert "waits to be confirmed" in call("route", "add", "dc-1", "10.56.0.0/16", code=1)["error"]
    wait_for("rolled back", lambda: "10.50.0.0/16" in prefixes())
    assert forwarding() == before
    passes(1301)
    assert "nothing waits" in call("confirm", code=1)["error"]


def confirmed_it_stays():
    apply(None, "--confirm", "2", routes="10.55.0.0/16")
    call("confirm")
    time.sleep(2.5)
    assert "10.55.0.0/16" in prefixes()
    back()


def rolled_back_on_request():
    before = forwarding()
    apply(None, "--confirm", "600", routes="10.55.0.0/16")
    call("rollback")
    assert forwarding() == before


def it_goes_back_although_the_caller_was_killed():
    write(OTHER, text(routes="10.55.0.0/16"))
    caller = subprocess.Popen([f"{BUILD}/espalier", "-s", SOCKET, "apply", "--confirm", "2", OTHER],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for("applied", lambda: "10.55.0.0/16" in prefixes())
    caller.kill()
    caller.wait()
    wait_for("rolled back", lambda: "10.50.0.0/16" in prefixes())


def a_daemon_killed_unconfirmed_starts_with_the_former():
    apply(None, "--confirm", "600", routes="10.55.0.0/16")
    G.stop(signal.SIGKILL)
    G.start()
    assert "10.50.0.0/16" in prefixes() and "10.55.0.0/16" not in prefixes()
    passes(1310)


def a_route_at_run_time_is_judged_used_and_kept():
    for prefix, rule in (("0.0.0.0/0", "[S35]"), ("100.64.0.0/10", "[S36]"), ("64.0.0.0/2", "[S36]"),
                         ("10.50.0.0/16", "[S31]")):
        assert rule in call("route", "add", "dc-1", prefix, code=1)["error"], prefix
    assert "did you mean 10.57.0.0/16" in call("route", "add", "dc-1", "10.57.0.1/16", code=1)["error"]
    assert "no connection" in call("route", "add", "dc-9", "10.57.0.0/16", code=1)["error"]
    call("route", "add", "dc-1", "10.57.0.0/16")
    call("route", "add", "--table", "main", "10.57.9.0/24", "blackhole")
    call("route", "add", "--table", "main", "10.58.0.0/16", "via", "dc-1", "metric", "5")
    passes(1400, "10.57.0.1")
    does_not_pass(1401, "10.57.9.1")
    assert "10.57.0.0/16" in prefixes(connection="dc-1", origin="runtime")
    assert "10.50.0.0/16" in prefixes(connection="dc-1", origin="config")
    assert "10.57.9.0/24" in prefixes(table="main", origin="runtime", type="static")
    G.stop(signal.SIGKILL)
    G.start()
    assert "10.57.0.0/16" in prefixes(connection="dc-1", origin="runtime")
    assert {"10.57.9.0/24", "10.58.0.0/16"} <= prefixes(table="main", origin="runtime")
    passes(1402, "10.57.0.1")
    does_not_pass(1403, "10.57.9.1")
    call("route", "delete", "dc-1", "10.57.0.0/16")
    assert "no route" in call("route", "delete", "dc-1", "10.57.0.0/16", code=1)["error"]
    does_not_pass(1404, "10.57.0.1")
    back()
    assert not prefixes(origin="runtime")


def a_route_of_the_file_can_be_deleted_at_run_time():
    write(CONFIG, text(routes="10.50.0.0/16, 10.59.0.0/16"))
    call("apply", CONFIG)
    call("route", "delete", "dc-1", "10.59.0.0/16")
    does_not_pass(1500, "10.59.0.1")
    G.stop(signal.SIGKILL)
    G.start()
    assert "10.59.0.0/16" not in prefixes()
    call("route", "add", "dc-1", "10.59.0.0/16")
    passes(1501, "10.59.0.1")
    call("route", "delete", "dc-1", "10.59.0.0/16")
    G.stop()
    G.start()
    assert "10.59.0.0/16" not in prefixes()
    call("apply", CONFIG)
    assert "10.59.0.0/16" in prefixes(connection="dc-1", origin="config")
    back()


def a_route_at_run_time_that_the_next_file_has_becomes_its_own():
    call("route", "add", "dc-1", "10.57.0.0/16")
    apply(routes="10.50.0.0/16, 10.57.0.0/16")
    assert "10.57.0.0/16" in prefixes(connection="dc-1", origin="config")
    back()
    assert "10.57.0.0/16" not in prefixes()


def a_route_at_run_time_outlives_an_apply():
    call("route", "add", "dc-1", "10.57.0.0/16")
    apply(routes="10.50.0.0/16, 10.51.0.0/16")
    assert "10.57.0.0/16" in prefixes(connection="dc-1", origin="runtime")
    passes(1510, "10.57.0.1")
    back()


def a_state_file_that_cannot_be_written_refuses_the_route():
    run(f"mv {STATE}/state.json {STATE}/state.kept && mkdir {STATE}/state.json")
    try:
        assert "state file" in call("route", "add", "dc-1", "10.57.0.0/16", code=1)["error"]
    finally:
        run(f"rmdir {STATE}/state.json && mv {STATE}/state.kept {STATE}/state.json")
    assert "10.57.0.0/16" not in prefixes()
    does_not_pass(1520, "10.57.0.1")


def a_damaged_state_file_is_put_aside_and_said():
    call("route", "add", "dc-1", "10.57.0.0/16")
    G.stop()
    write(f"{STATE}/state.json", '{"version": 1, "routes": [')
    G.start()
    assert "state.json.bad" in open(f"{STATE}/log").read() and os.path.exists(f"{STATE}/state.json.bad")
    assert "10.57.0.0/16" not in prefixes()
    passes(1530)


def a_route_at_run_time_whose_target_is_gone_is_refused_until_it_is_back():
    attachment = ("  vpc-t: { type: vpc, device: eth1, vlan: 100, cidrs: [10.2.0.0/24], association: main }\n")
    apply(attachments=attachment, learn=", vpc-t")
    call("route", "add", "--table", "main", "10.8.0.0/16", "via", "vpc-t")
    answer = apply(routes="10.50.0.0/16")
    assert any("10.8.0.0/16" in f["text"] and "refused" in f["text"] for f in answer["findings"]), answer
    refused = [r for r in call("show", "routes", "exact", "10.8.0.0/16") if r["state"] == "refused"]
    assert len(refused) == 1 and "vpc-t" in refused[0]["why"] and refused[0]["origin"] == "runtime", refused
    assert "unreachable" in run("ip route get 10.8.0.1 from 10.1.0.2 iif eth1 2>&1", check=False)
    G.stop(signal.SIGKILL)
    G.start()
    assert [r for r in call("show", "routes", "exact", "10.8.0.0/16") if r["state"] == "refused"]
    apply(attachments=attachment, learn=", vpc-t")
    assert [r["state"] for r in call("show", "routes", "exact", "10.8.0.0/16")] == ["active"]
    assert G.path("10.8.0.1")["device"] == "eth1"
    call("route", "delete", "--table", "main", "10.8.0.0/16", "via", "vpc-t")
    back()


def what_cannot_be_carried_out_is_undone():
    before = forwarding()
    vrf = {**SECOND, "first": SECOND["first"].replace("    vrf: false\n", "")}
    answer = apply(code=1, **vrf)  # this kernel has no VRF
    assert "nothing was changed" in answer["error"] and "vrf" in answer["error"], answer
    assert forwarding() == before and not call("status")["alarms"], call("status")["alarms"]
    passes(1600)


def routes_can_be_searched_and_explain_names_the_losers():
    call("route", "add", "dc-1", "10.50.128.0/17")
    call("route", "add", "--table", "main", "10.50.128.0/17", "via", "dc-1", "metric", "9")
    try:
        def found(*words):
            return [r["prefix"] for r in call("show", "routes", "--table", "main", *words)]
        assert found("exact", "10.50.0.0/16") == ["10.50.0.0/16"]
        assert found("longest", "10.50.128.1") == ["10.50.128.0/17"] * 2
        assert found("longest", "10.50.66.66") == ["10.50.66.0/24"]
        assert found("within", "10.50.0.0/16") == ["10.50.0.0/16", "10.50.66.0/24", *["10.50.128.0/17"] * 2]
        assert found("covering", "10.50.66.1/32") == ["10.50.0.0/16", "10.50.66.0/24"]
        assert found("longest", "172.16.0.1") == [] and "neither" in call("show", "routes", "exact", "x", code=1)["error"]
        told = G.path("10.50.128.1")
        assert told["route_type"] == "static" and told["matched"] == "10.50.0.0/16", told
        assert [(x["type"], "static" in x["why"] and "step" in x["why"]) for x in told["losers"]] == [("destination", True)]
    finally:
        back()


def the_plan_says_what_the_apply_does():
    write(OTHER, text(routes="10.51.0.0/16", statics="        - { destination: 10.50.66.128/25, attachment: vpc-a }\n"))
    plan = call("plan", OTHER)
    items = {(i["change"], i["kind"], i["name"]) for i in plan["items"]}
    assert items == {("removed", "route", "10.50.0.0/16 of connection dc-1"), ("added", "route", "10.51.0.0/16 of connection dc-1"),
                     ("added", "route", "10.50.66.128/25 via vpc-a in table main")}, items
    routes = {(r["table"], r["prefix"]): r["change"] for r in plan["routes"] if r["table"]}
    assert routes == {("main", "10.50.0.0/16"): "removed", ("main", "10.51.0.0/16"): "added",
                      ("main", "10.50.66.128/25"): "moved"}, routes
    assert plan["affected"]["tunnels"] == ["one", "two"] and plan["groups"]["added"] == 0, plan
    assert "10.51.0.0/16" not in prefixes()
    stream = Stream(2000)
    rate = call("plan", OTHER)["affected"]["packets_per_s"]
    stream.end()
    assert 1000 < rate < 3000, rate
    call("plan", write(OTHER, text(routes="0.0.0.0/0")), code=2)
    call("plan", "-", stdin=text())
    assert call("plan", CONFIG)["changes"] is False


def the_export_is_the_running_configuration():
    apply(statics="        - { destination: 10.7.0.0/16, attachment: dc-1, metric: 7 }\n", transit="      transit: true\n",
          **SECOND)
    call("route", "add", "dc-1", "10.57.0.0/16")
    call("route", "add", "--table", "main", "10.58.0.0/16", "blackhole", "metric", "3")
    call("route", "delete", "dc-2", "10.60.0.0/16")
    before = {str({**r, "origin": None}) for r in call("show", "routes")}
    exported = call("export", plain=True).stdout
    write(OTHER, exported)
    assert call("plan", OTHER)["changes"] is False, call("plan", OTHER)
    call("apply", OTHER)
    assert {str({**r, "origin": None}) for r in call("show", "routes")} == before
    assert call("export", plain=True).stdout == exported
    assert call("plan", OTHER)["changes"] is False
    call("check", OTHER)
    back()


def the_monitor_tells_each_change_with_its_cause():
    m = Monitor()
    try:
        call("route", "add", "dc-1", "10.57.0.0/16")
        e = m.expect(event="route", change="added", table="main", prefix="10.57.0.0/16")
        assert e["cause"] == "route add" and sorted(e["is"]) == ["one", "two"] and e["was"] is None, e
        m.expect(event="configuration", change="route added")
        call("route", "delete", "dc-1", "10.57.0.0/16")
        m.expect(event="route", change="removed", table="main", prefix="10.57.0.0/16", cause="route delete")
        m.expect(event="configuration", change="route deleted")  # the last that is said of it
        m.events.clear()
        G.down(2)
        e = m.expect(event="tunnel", tunnel="two", up=False)
        assert e["cause"], e
        assert not any(e["event"] == "route" for e in m.events), m.events
        G.down(1)
        e = m.expect(event="route", change="removed", table="main", prefix="10.50.0.0/16")
        assert "tunnel one down" in e["cause"], e
        G.up(1)
        assert "tunnel one up" in m.expect(event="route", change="added", prefix="10.50.0.0/16", table="main")["cause"]
        G.up(2)
        m.expect(event="tunnel", tunnel="two", up=True)
        apply(None, "--confirm", "1", routes="10.50.0.0/16, 10.51.0.0/16")
        assert "applied" in m.expect(event="route", change="added", table="main", prefix="10.51.0.0/16")["cause"]
        m.expect(event="configuration", change="applied, unconfirmed", text=OTHER)
        m.expect(event="configuration", change="rolled back")
        e = m.expect(event="route", change="removed", table="main", prefix="10.51.0.0/16")
        assert "not confirmed" in e["cause"], e
        apply(routes="0.0.0.0/0", code=2)
        m.expect(event="configuration", change="refused")
        call("apply", CONFIG)
        m.expect(event="configuration", change="applied", text=CONFIG)
    finally:
        m.stop()


class Stream:
    """Numbered packets at a steady rate through both tunnels (tests/tools/stream.c)."""

    def __init__(self, rate, seconds=0, tuns=("tun101", "tun102")):
        fds = [G.tun[n].fd for n in tuns]
        G.drain()
        self.process = subprocess.Popen(
            [f"{BUILD}/tests/stream", "vpc0", str(rate), str(seconds), "10.50.0.9", *map(str, fds)], pass_fds=fds,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def end(self):
        out, _ = self.process.communicate(timeout=60)
        return json.loads(out)


def highest_quiet_rate():
    """The highest rate that loses nothing in 10 seconds in which nothing else happens."""
    rate = 400000
    for _ in range(9):
        seen = Stream(rate, 1).end()
        if not seen["lost"]:
            seen = Stream(rate, 10).end()
        if not seen["lost"]:
            return min(rate, seen["sent"] // 10), seen
        rate //= 2
    raise AssertionError(f"even {rate} packets/s lose something: {seen}")


def under_a_stream_200_applies_that_do_not_concern_it_lose_and_misdirect_nothing():
    # A queue that holds what comes while the reader of a busy machine is not running.
    run("ip link set tun101 txqueuelen 100000 && ip link set tun102 txqueuelen 100000")
    rate, quiet = highest_quiet_rate()
    print(f"# {rate} packets/s: {quiet['sent']} packets in 10 quiet seconds, none lost", flush=True)
    files = [write(f"{STATE}/a.yaml", text()), write(f"{STATE}/b.yaml", text(
        statics="        - { destination: 10.7.0.0/16, blackhole: true }\n", **{**SECOND, "routes": "10.50.0.0/16, 10.51.0.0/16"}))]
    assert call("plan", files[1])["changes"] is True
    stream = Stream(rate)
    time.sleep(0.5)
    began = time.monotonic()
    for i in range(200):
        call("apply", files[(i + 1) % 2])
    took = time.monotonic() - began
    time.sleep(0.5)
    seen = stream.end()
    print(f"# 200 applies in {took:.1f} s under {rate} packets/s: {seen}", flush=True)
    assert seen["sent"] > rate * took / 4, seen
    assert seen["lost"] == seen["doubled"] == seen["moved"] == seen["foreign"] == 0, seen
    back()


STORIES = [
    an_applied_route_carries_packets_at_once, a_wrong_file_is_refused_with_every_place_and_changes_nothing,
    a_device_that_is_not_there_is_an_error_and_changes_nothing, a_customer_gateway_is_never_modified,
    the_flow_hash_needs_a_restart_and_says_so, a_second_connection_comes_and_goes_beside_the_first,
    an_applied_file_outlives_a_crash_but_not_an_edit_of_the_daemons_own, a_hangup_reloads_the_daemons_own_file,
    unconfirmed_it_goes_back_by_itself, confirmed_it_stays, rolled_back_on_request,
    it_goes_back_although_the_caller_was_killed, a_daemon_killed_unconfirmed_starts_with_the_former,
    a_route_at_run_time_is_judged_used_and_kept, a_route_of_the_file_can_be_deleted_at_run_time,
    a_route_at_run_time_that_the_next_file_has_becomes_its_own, a_route_at_run_time_outlives_an_apply,
    a_state_file_that_cannot_be_written_refuses_the_route, a_damaged_state_file_is_put_aside_and_said,
    a_route_at_run_time_whose_target_is_gone_is_refused_until_it_is_back, what_cannot_be_carried_out_is_undone,
    routes_can_be_searched_and_explain_names_the_losers, the_plan_says_what_the_apply_does,
    the_export_is_the_running_configuration, the_monitor_tells_each_change_with_its_cause,
    under_a_stream_200_applies_that_do_not_concern_it_lose_and_misdirect_nothing,
]


def main():
    global G
    G = ground.G = Gateway("tun103")
    write(CONFIG, text())
    G.start()
    G.up(1)
    G.up(2)
    wait_for("routes are active", lambda: G.states() == {"active"})
    return ground.tell(G, STORIES, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
