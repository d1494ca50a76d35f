#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The control socket against clients that are wrong, slow, mute or many, and against other daemons.
# shellcheck source=tests/cli/lib.bash
source "$(dirname "$0")/lib.bash"
build_canned
start_canned
same "the daemon listens; its directory is made" ready "$said$(<"$work/canned.err")"
same "only root may ask" "600 socket" "$(stat -c '%a %F' "$socket")"

python3 - "$socket" <<'END' || failed=1
import json, socket, sys, time

path, failed = sys.argv[1], False

def ok(name, good, what=""):
    global failed
    failed |= not good
    print(("ok " if good else "not ok ") + name + ("" if good else f"\n# {what!r}"), flush=True)

def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(path)
    return s

# A refusal may come before the request was read; then the answer is followed by a reset.
def rest(s):
    data = b""
    try:
        while chunk := s.recv(1 << 16):
            data += chunk
    except ConnectionResetError:
        if not data:
            raise
    return data

def ask(data):
    s = connect()
    s.sendall(data)
    return rest(s)

def refused(name, data, error):
    answer = ask(data)
    try:
        value = json.loads(answer)
    except ValueError:
        value = {}
    ok(name, answer.endswith(b"\n") and value.get("ok") is False and error in value.get("error", ""), answer)

def good(answer):
    return json.loads(answer)["ok"] is True

half = connect()
half.sendall(b'{"command":')

refused("text that is no JSON", b"status\n", "malformed request: ")
refused("JSON that is no object", b"[1]\n", "malformed request: not a JSON object")
refused("an empty line", b"\n", "malformed request: ")
refused("a key twice", b'{"command": "a", "command": "b"}\n', "malformed request: duplicate")
refused("bytes that are no UTF-8", b'{"command": "\xff"}\n', "malformed request: ")
refused("brackets nested 60,000 deep", b"[" * 60000 + b"\n", "malformed request: ")
refused("a command that does not exist", b'{"command": "x"}\n', "unknown command x")
refused("40 MiB without a newline", b" " * (40 << 20), "request longer than 41943040 bytes")
ok("40 MiB with a newline", good(ask(b'{"command": "status"}'.ljust((40 << 20) - 1) + b"\n")))
ok("a request in single bytes", (lambda s: [s.sendall(bytes([b])) for b in b'{"command": "status"}\n'] and good(rest(s)))(connect()))

s = connect()
s.sendall(b'{"command": "status"}')
s.shutdown(socket.SHUT_WR)
ok("an end instead of the newline", good(rest(s)))
s = connect()
s.sendall(b'{"command": "status"}\n{"command": "tunnels"}\n')
ok("one request, one answer, closed", rest(s).count(b"\n") == 1)

half.sendall(b' "status"}\n')
ok("a request in two halves, others in between", good(rest(half)))

slow = connect()
slow.sendall(b'{"command": "big", "size": 4000000}\n')
gone = connect()
gone.sendall(b'{"command": "big", "size": 4000000}\n')
gone.recv(1)
gone.close()
ok("a client that does not read does not stop the next one", good(ask(b'{"command": "status"}\n')))
answer = rest(slow)
ok("4 MB arrive complete", len(answer) > 4000000 and len(json.loads(answer)["result"]) == 4000000, len(answer))

began = time.monotonic()
mute = connect()
many = [connect() for _ in range(31)]
ok("client 33 is told so", b"too many clients" in rest(connect()))
many[5].close()
while b"too many" in (answer := ask(b'{"command": "status"}\n')):
    pass
ok("a place that is free again is given away", good(answer))
ok("those who wait are served", good((many[7].sendall(b'{"command": "status"}\n'), rest(many[7]))[1]))

ok("a mute client is dropped", rest(mute) == b"")
waited = time.monotonic() - began
ok("after ten seconds", 9 < waited < 30, waited)
ok("and its successors too", all(rest(s) == b"" for i, s in enumerate(many) if i not in (5, 7)))
ok("the daemon is still there", good(ask(b'{"command": "status"}\n')))
# Subscribers.
def line(s):
    data = b""
    while not data.endswith(b"\n"):
        data += s.recv(1)
    return json.loads(data)

def subscribe():
    s = connect()
    s.sendall(b'{"command": "monitor"}\n')
    assert line(s)["ok"] is True
    return s

def publish(event, times=1):
    return json.loads(ask(json.dumps({"command": "publish", "event": event, "times": times}).encode() + b"\n"))["result"]

first, second = subscribe(), subscribe()
ok("what is published reaches every subscriber", publish({"n": 1}) == [2, 2] and line(first) == line(second) == {"n": 1})
publish({"n": 2}, 3)
ok("each of it, in order", [line(first) for _ in range(3)] == [{"n": 2}] * 3)
second.close()
while publish({"n": 3})[0] == 2:
    pass
ok("one that hung up is forgotten, the other hears on", line(first) == {"n": 3})
time.sleep(11)
ok("a subscriber may be silent for longer than others may", publish({"n": 4})[1] == 1)
began = time.monotonic()
ok("a reader that is too slow is dropped", publish({"text": "x" * 1000}, 4000) == [1, 0])
ok("the daemon did not wait for it", time.monotonic() - began < 5)
told = rest(first).decode().splitlines()
ok("and told so behind what it still gets", json.loads(told[-1])["event"] == "lost" and len(told) > 500, told[-1:])
many = [subscribe() for _ in range(16)]
refused("subscriber 17 is told so", b'{"command": "monitor"}\n', "too many monitors")
ok("and questions are still answered", good(ask(b'{"command": "status"}\n')))
sys.exit(failed)
END

first_pid=$canned_pid
second=$(timeout 20 "$canned" "$socket" tests/cli/answers.json "$work/requests" 2>"$work/second.err")
same "a second daemon is told of the first" "espalierd is already running (socket $socket)" "$second"
ask -j status
same "the first one still answers" 0 "$code"

kill -KILL "$first_pid"
wait "$first_pid" 2>"$work/killed"
check "a killed daemon leaves its socket" test -S "$socket"
start_canned
same "its successor takes it over" ready "$said"
ask -j status
same "and answers there" 0 "$code"
check "it leaks nothing and ends cleanly" stop_canned
check "a stopped daemon takes its socket away" test ! -e "$socket"

echo precious >"$socket"
start_canned
same "a file in the way is named" "cannot listen at $socket: a file that is no socket is in the way" "$said"
wait "$canned_pid" 2>"$work/killed"
canned_pid=
same "and kept" precious "$(<"$socket")"
rm "$socket"

good_socket=$socket
socket=$work/$(printf '%0120d' 0)
start_canned
same "a path that is too long" \
	"the socket's path is too long: $socket (at most 107 bytes)" "$said"
wait "$canned_pid" 2>"$work/killed"
canned_pid=
socket=$good_socket
finish
