# SPDX-License-Identifier: GPL-2.0-only
"""
Tunnels that are drained, and gates on the way back, on the ground of gateway.py: under a stream over both tunnels
nothing is lost, no flow in use moves before its time, and all that was ordered holds across a restart.
"""
import ctypes
import json
import os
import signal
import sys

import apply as applied
import gateway as ground
from apply import Monitor, Stream, call, text
from gateway import CONFIG, PINS, STATE, Gateway, run, wait_for, write

RATE = 2000
FLOWS = 64     # of tests/tools/stream.c: UDP from 10.1.0.2, ports 20000 to 20063, to port 20000
PORT = 20000
BUCKETS = 256
G = None


def drain(*words, code=0):
    return call("tunnel", "drain", *words, code=code)


def undrain(name, code=0):
    return call("tunnel", "undrain", name, code=code)


def shown(name):
    return next(t for t in call("show", "tunnels") if t["name"] == name)["drain"]


def buckets(*names):
    """By tunnel, of the group of these, or of one and two; nothing: there is no such group."""
    for group in call("show", "groups"):
        found = {m["tunnel"]: m["buckets"] for m in group["members"]}
        if set(found) == set(names or ("one", "two")):
            return found
    return {}


def waiting():
    return sum(g["waiting"] for g in call("show", "groups"))


def flows():
    """The stream's flows, as the program would send them now: (bucket, tunnel) of each."""
    told = [G.path("10.50.0.9", "udp", PORT + f, PORT) for f in range(FLOWS)]
    return [(t["bucket"], t["tunnel"]) for t in told]


def ways():
    return dict(flows())


def on(name, where):
    return {b for b, tunnel in where.items() if tunnel == name}


class Attribute(ctypes.Structure):
    _fields_ = [("a", ctypes.c_uint64), ("b", ctypes.c_uint64), ("c", ctypes.c_uint64), ("d", ctypes.c_uint64)]


def use_is_noted():
    """Setting 0 (SETTING_TRACK_USE) of map `settings`, as the programs read it: BPF_OBJ_GET, BPF_MAP_LOOKUP_ELEM."""
    libc = ctypes.CDLL(None, use_errno=True)
    path = ctypes.create_string_buffer(f"{PINS}/settings".encode())
    fd = libc.syscall(321, 7, ctypes.byref(Attribute(ctypes.addressof(path))), 32)
    assert fd >= 0, os.strerror(ctypes.get_errno())
    key, value = ctypes.c_uint32(0), ctypes.c_uint64(99)
    err = libc.syscall(321, 1, ctypes.byref(Attribute(fd, ctypes.addressof(key), ctypes.addressof(value))), 32)
    os.close(fd)
    assert err == 0, os.strerror(ctypes.get_errno())
    return value.value == 1


def hops():
    """Devices of the kernel's own route to the data centre."""
    shown = run("ip route show table all 10.50.0.0/16")
    return {d for d in ("tun101", "tun102") if d in shown}


def fresh():
    """Both tunnels up, no drains, half of the buckets each."""
    for name in ("one", "two"):
        if shown(name):
            undrain(name)
    for number in (1, 2):
        if not G.live(number):
            G.up(number)
    wait_for("nothing waits", lambda: not waiting())


def each_flow_sends():
    def packets():
        return call("status")["traffic"]["to_tunnels"]["packets"]
    sent = packets()
    wait_for("each flow has sent something", lambda: packets() > sent + 2 * FLOWS)


def streaming():
    """A stream that flows."""
    stream = Stream(RATE)
    each_flow_sends()
    return stream


def quiet(stream):
    """The stream's end, when every flow has shown which way it takes now; nothing was lost on the way."""
    each_flow_sends()
    seen = stream.end()
    assert seen["sent"] > 100 and not seen["lost"] and not seen["doubled"] and not seen["foreign"], seen
    return seen


# ---- the stories ---------------------------------------------------------------------------------------------------

def a_drain_moves_no_flow_that_is_in_use():
    m = Monitor()
    try:
        before = ways()
        stream = streaming()
        assert not use_is_noted()
        done = drain("--idle", "2s", "--deadline", "5m", "two")
        assert done["drain"]["state"] == "draining" and done["drain"]["buckets"] == 128, done
        assert use_is_noted()
        m.expect(event="drain", change="begun", tunnel="two", connection="dc-1", buckets=128)
        stay = on("two", before)
        wait_for("idle buckets have moved", lambda: shown("two")["buckets"] == len(stay))
        assert ways() == before  # those in use: not one has moved
        seen = quiet(stream)
        assert not seen["moved"] and not seen["late"], seen
        m.expect(event="drain", change="moved", tunnel="two", buckets=len(stay))
        wait_for("the rest has fallen idle", lambda: shown("two")["state"] == "drained")
        m.expect(event="drain", change="drained", tunnel="two", buckets=0)
        assert buckets() == {"one": BUCKETS, "two": 0}
        wait_for("use is no longer noted", lambda: not use_is_noted())
        undrain("two")
        m.expect(event="drain", change="ended", tunnel="two")
        assert buckets() == {"one": 128, "two": 128} and not shown("two")
        assert ways() == before  # and back where they were
    finally:
        m.stop()


def new_flows_avoid_a_drained_tunnel():
    drain("--deadline", "0", "two")
    assert shown("two")["state"] == "drained" and buckets()["two"] == 0
    call("route", "add", "dc-1", "10.51.0.0/16")
    assert G.path("10.51.0.1", "udp", 1, 2)["tunnel"] == "one"
    assert {G.path("10.50.1.1", "udp", port, 2)["tunnel"] for port in range(30)} == {"one"}
    call("route", "delete", "dc-1", "10.51.0.0/16")


def routes_stay_and_the_kernels_own_avoid_the_tunnel():
    assert hops() == {"tun101", "tun102"}, hops()
    drain("--deadline", "0", "two")
    wait_for("the slow path has followed", lambda: hops() == {"tun101"})
    assert G.states() == {"active"}
    undrain("two")
    wait_for("the slow path has both again", lambda: hops() == {"tun101", "tun102"})


def at_the_deadline_the_rest_moves_and_nothing_is_lost():
    stay = on("two", ways())
    stream = streaming()
    drain("--idle", "2s", "--deadline", "8s", "two")
    wait_for("those in use are left", lambda: shown("two")["buckets"] == len(stay))
    wait_for("the deadline has passed", lambda: shown("two")["state"] == "drained")
    assert on("two", ways()) == set()
    seen = quiet(stream)
    assert seen["moved"] >= len(stay), seen  # at least a flow of each bucket
    assert call("status")["alarms"] == []


def an_undrain_under_a_stream_loses_nothing_and_moves_the_fair_share():
    drain("--deadline", "0", "two")
    stream = streaming()
    before = ways()
    undrain("two")
    after = ways()
    quiet(stream)
    assert buckets() == {"one": 128, "two": 128}
    assert {after[b] for b in after if after[b] != before[b]} == {"two"}


def the_last_live_tunnel_carries_on_and_says_so():
    stream = streaming()
    drain("--deadline", "0", "one")
    done = drain("--deadline", "0", "two")
    assert done["drain"]["state"] == "carries-on", done
    assert buckets() == {"one": 0, "two": BUCKETS}
    wait_for("the alarm", lambda: any("two is being drained and carries on" in a for a in call("status")["alarms"]))
    undrain("one")
    wait_for("the other one has taken over", lambda: shown("two")["state"] == "drained")
    wait_for("no alarm", lambda: call("status")["alarms"] == [])
    undrain("two")
    quiet(stream)


def a_drained_tunnel_takes_over_when_the_other_one_is_lost():
    drain("--deadline", "0", "two")
    G.down(1)
    assert buckets() == {"one": 0, "two": BUCKETS} and shown("two")["state"] == "carries-on"
    G.up(1)
    wait_for("it is drained again", lambda: shown("two")["state"] == "drained")
    assert buckets() == {"one": BUCKETS, "two": 0}


def a_tunnel_that_is_lost_while_it_is_drained_is_lost():
    drain("--idle", "60s", "--deadline", "5m", "two")
    assert shown("two")["buckets"] == 128
    G.down(2)
    assert shown("two")["state"] == "drained" and buckets() == {"one": BUCKETS, "two": 0}
    G.up(2)
    assert shown("two")["state"] == "drained" and buckets() == {"one": BUCKETS, "two": 0}


def a_restart_in_the_middle_changes_nothing():
    before = ways()
    stay = on("two", before)
    stream = streaming()
    drain("--idle", "2s", "--deadline", "2m", "two")
    wait_for("idle buckets have moved", lambda: shown("two")["buckets"] == len(stay))
    for sig in (signal.SIGTERM, signal.SIGKILL):
        G.stop(sig)
        G.start()
        now = shown("two")
        assert now["state"] == "draining" and now["buckets"] == len(stay), now
        assert now["idle_s"] == 2 and 60 < now["deadline_s"] < 120, now
        assert ways() == before
    seen = quiet(stream)
    assert not seen["moved"] and not seen["late"], seen
    wait_for("the rest has fallen idle", lambda: shown("two")["state"] == "drained")
    G.stop()
    G.start()
    assert shown("two")["state"] == "drained" and buckets() == {"one": BUCKETS, "two": 0}


def a_deadline_that_passed_while_no_daemon_ran_is_made_good():
    stream = streaming()
    drain("--idle", "60s", "--deadline", "1s", "two")
    G.stop(signal.SIGKILL)
    with open(f"{STATE}/state.json") as f:
        deadline = json.load(f)["drains"][0]["deadline_ms"]
    wait_for("the deadline is over", lambda: deadline < float(run("date +%s%3N")))
    G.start()
    wait_for("the rest has moved", lambda: shown("two")["state"] == "drained")
    quiet(stream)


def garbage_in_the_state_file_holds_nothing_up():
    G.stop()
    with open(f"{STATE}/state.json") as f:
        state = json.load(f)
    now = int(float(run("date +%s%3N")))
    right = {"tunnel": "two", "order": 7, "begun_ms": now, "deadline_ms": 9000000000000000000, "idle_ms": -5}
    for drains in (None, 7, {"two": right}, [None, 1, "two", [right], {}], [right | {"tunnel": "gone"}, right | {"begun_ms": "now"}],
                   [right | {"order": -1}, right | {"deadline_ms": 1}], [{}, right | {"tunnel": 2, "order": 6}, right, right]):
        state["drains"] = drains
        with open(f"{STATE}/state.json", "w") as f:
            json.dump(state, f)
        G.start()
        one = shown("two")
        assert bool(one) == (isinstance(drains, list) and drains[-1] == right), (drains, one)
        assert not one or (604000 < one["deadline_s"] <= 604800 and one["idle_s"] == 10), one
        G.stop()
    G.start()


def remembered():
    """Drains that the next daemon would know of."""
    with open(f"{STATE}/state.json") as f:
        return [d["tunnel"] for d in json.load(f)["drains"]]


def renamed(**names):
    content = text()
    for was, name in names.items():
        assert f"name: {was}," in content
        content = content.replace(f"name: {was},", f"name: +{name},")
    return applied.apply(content.replace("name: +", "name: "))


def a_drain_is_its_tunnels_and_not_its_places():
    """Names change places while one is drained: it goes with the name, and with nothing else."""
    stream = streaming()
    drain("--idle", "60s", "--deadline", "1h", "two")
    renamed(one="two", two="one")
    assert shown("two")["state"] == "draining" and not shown("one") and remembered() == ["two"]
    renamed(one="eins", two="zwei")
    assert not shown("eins") and not shown("zwei") and remembered() == []
    wait_for("both carry alike", lambda: list(buckets("eins", "zwei").values()) == [BUCKETS // 2] * 2 and not waiting())
    call("apply", write(CONFIG, text()))
    assert not shown("one") and not shown("two") and G.live(1) and G.live(2)
    wait_for("both carry alike again", lambda: list(buckets().values()) == [BUCKETS // 2] * 2 and not waiting())
    quiet(stream)


def an_apply_that_is_rolled_back_takes_no_drain_along():
    """Both are drained, the one that began first comes back last: it is still the one that carries on."""
    drain("--idle", "60s", "--deadline", "1h", "two")
    drain("--idle", "60s", "--deadline", "1h", "one")
    assert shown("one")["state"] == "carries-on"
    applied.apply(text().replace("name: two,", "name: zwei,"), "--confirm", "600")
    assert not shown("zwei") and shown("one")["state"] != "carries-on"
    call("rollback")
    wait_for("two is drained again", lambda: shown("two") and shown("two")["state"] != "carries-on")
    wait_for("one carries on again", lambda: shown("one")["state"] == "carries-on")
    assert 3500 < shown("two")["deadline_s"] <= 3600 and shown("two")["idle_s"] == 60 and set(remembered()) == {"one", "two"}


def what_was_ordered_again_is_changed():
    drain("--idle", "60s", "--deadline", "5m", "two")
    again = drain("--idle", "2s", "--deadline", "1h", "two")["drain"]
    assert again["idle_s"] == 2 and 3500 < again["deadline_s"] <= 3600, again
    assert drain("--deadline", "0", "two")["drain"]["deadline_s"] == 0
    wait_for("all moves", lambda: shown("two")["state"] == "drained")


def nonsense_is_refused_with_a_sentence():
    assert "did you mean two" in drain("two-", code=1)["error"]
    assert undrain("two", code=1)["error"] == "tunnel two is not being drained"
    assert "0 to 604800 s" in drain("--deadline", "200h", "two", code=1)["error"]
    assert "1 to 3600 s" in drain("--idle", "10ms", "two", code=1)["error"]
    assert "not a time" in drain("--idle", "10", "two", code=2)["error"]
    assert not shown("two")


def gated(idle, within):
    call("apply", write(CONFIG, f"gateway: {{ return_idle: {idle}, return_within: {within} }}\n" + text()))


def behind_a_gate_no_flow_in_use_moves_back():
    gated("2s", "300s")
    m = Monitor()
    try:
        assert use_is_noted()
        G.down(2)
        stream = streaming()
        before = ways()
        assert on("two", before) == set()
        G.up(2)
        wait_for("idle buckets have moved back", lambda: waiting() and waiting() <= len(before))
        assert ways() == before
        seen = quiet(stream)
        assert not seen["moved"] and not seen["late"], seen
        m.expect(event="return", tunnel="two", connection="dc-1")
        wait_for("the rest has fallen idle", lambda: buckets() == {"one": 128, "two": 128})
        assert not waiting() and use_is_noted()
    finally:
        m.stop()


def a_gate_opens_at_last():
    gated("60s", "6s")
    G.down(2)
    stream = streaming()
    G.up(2)
    assert waiting() == 128
    wait_for("it has opened", lambda: buckets() == {"one": 128, "two": 128})
    quiet(stream)


def an_undone_drain_goes_through_the_gate():
    gated("2s", "300s")
    drain("--deadline", "0", "two")
    stream = streaming()
    before = ways()
    undrain("two")
    wait_for("idle buckets have moved back", lambda: buckets()["two"] > 0)
    assert ways() == before
    seen = quiet(stream)
    assert not seen["moved"], seen
    wait_for("the rest has fallen idle", lambda: buckets() == {"one": 128, "two": 128})


def without_a_gate_use_is_not_noted():
    call("apply", write(CONFIG, text()))
    wait_for("use is no longer noted", lambda: not use_is_noted())


FOUR = {"learn": ", dc-2", "attachments": "  dc-2:  { type: vpn, connection: dc-2, association: main }\n",
        "gateways": "  dc-2: { addresses: [203.0.113.12, 203.0.113.13] }\n",
        "first": """  dc-2:
    customer_gateway: dc-2
    vrf: false
    routes: [10.50.0.0/16]
    tunnels:
      - { name: three, if_id: 103, device: tun103, local_address: 198.51.100.1, remote_address: 203.0.113.12 }
      - { name: four, if_id: 104, device: tun104, local_address: 198.51.100.2, remote_address: 203.0.113.13 }
"""}


def two_tunnels_of_four_are_lost_together_and_flows_move_once():
    four = ("one", "two", "three", "four")
    for number in (103, 104):
        G.open_tun(f"tun{number}")
        run(f"ip link set tun{number} txqueuelen 100000")
    call("apply", write(CONFIG, text(**FOUR)))
    for number, local in ((3, 1), (4, 2)):
        G.sas("up", number, "--local", f"198.51.100.{local}")
    wait_for("all share the flows", lambda: list(buckets(*four).values()) == [64] * 4)
    stream = Stream(RATE, tuns=("tun101", "tun102", "tun103", "tun104"))
    wait_for("the stream flows", lambda: all(t["out"]["packets"] > 10 for t in call("show", "tunnels")))
    before = flows()
    G.daemon.send_signal(signal.SIGSTOP)  # together: both messages are there when it looks
    for number in (1, 2):
        G.sas("down", number)
    G.daemon.send_signal(signal.SIGCONT)
    wait_for("their connection's route is withdrawn", lambda: not buckets(*four))
    after = flows()
    lost = [f for f in range(FLOWS) if before[f][1] in ("one", "two")]
    assert [f for f in range(FLOWS) if before[f] != after[f]] == lost
    seen = quiet(stream)
    assert seen["moved"] == len(lost), (seen, lost)  # each of them once
    few = buckets("three", "four")
    assert sum(few.values()) == BUCKETS and abs(few["three"] - few["four"]) <= 12, few
    for number in (1, 2):
        G.sas("up", number)
    wait_for("all share the flows again", lambda: list(buckets(*four).values()) == [64] * 4)
    call("apply", write(CONFIG, text()))


STORIES = [
    a_drain_moves_no_flow_that_is_in_use, new_flows_avoid_a_drained_tunnel,
    routes_stay_and_the_kernels_own_avoid_the_tunnel, at_the_deadline_the_rest_moves_and_nothing_is_lost,
    an_undrain_under_a_stream_loses_nothing_and_moves_the_fair_share, the_last_live_tunnel_carries_on_and_says_so,
    a_drained_tunnel_takes_over_when_the_other_one_is_lost, a_tunnel_that_is_lost_while_it_is_drained_is_lost,
    a_restart_in_the_middle_changes_nothing, a_deadline_that_passed_while_no_daemon_ran_is_made_good,
    garbage_in_the_state_file_holds_nothing_up, a_drain_is_its_tunnels_and_not_its_places,
    an_apply_that_is_rolled_back_takes_no_drain_along,
    what_was_ordered_again_is_changed, nonsense_is_refused_with_a_sentence, behind_a_gate_no_flow_in_use_moves_back,
    a_gate_opens_at_last, an_undone_drain_goes_through_the_gate, without_a_gate_use_is_not_noted,
    two_tunnels_of_four_are_lost_together_and_flows_move_once,
]


def main():
    global G
    G = ground.G = applied.G = Gateway()
    # A queue that holds what comes while the reader of a busy machine is not running.
    run("ip link set tun101 txqueuelen 100000 && ip link set tun102 txqueuelen 100000")
    write(CONFIG, text())
    G.start()
    G.up(1)
    G.up(2)
    wait_for("the route is active", lambda: G.states() == {"active"})
    return ground.tell(G, STORIES, sys.argv[1:], before=fresh)


if __name__ == "__main__":
    sys.exit(main())
