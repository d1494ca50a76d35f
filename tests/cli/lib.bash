# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For the tests of the command line: a daemon of canned answers behind the real control socket, and
# comparisons of exact texts. Each test prints "ok NAME" or "not ok NAME".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=${BUILD:-build}
espalier=$(realpath "$build/espalier") || exit 1
work=$(mktemp -d)
socket=$work/run/control.sock
failed=0
export LC_ALL=C.UTF-8
unset NO_COLOR

pass() { echo "ok $1"; }
fail() { # NAME [TEXT]
	echo "not ok $1"
	[ $# -lt 2 ] || sed 's/^/# /' <<<"$2"
	failed=1
}

check() { # NAME COMMAND...: true is ok
	local name=$1
	shift
	if "$@"; then pass "$name"; else fail "$name" "failed: $*"; fi
}

same() { # NAME WANTED GOT
	local difference
	if difference=$(diff <(printf '%s\n' "$2") <(printf '%s\n' "$3")); then
		pass "$1"
	else
		fail "$1" "$difference"
	fi
}

run() { # ARGUMENT...: sets out, err, code
	out=$("$espalier" "$@" 2>"$work/stderr")
	code=$?
	err=$(<"$work/stderr")
}

ask() { run --socket "$socket" "$@"; }

build_canned() {
	local flags
	canned=$work/canned
	flags=$(pkg-config --cflags --libs jansson libsystemd) || exit 1
	# shellcheck disable=SC2086 # flags are several words
	"${CC:-gcc}" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -O1 -g -fsanitize=address,undefined -Iuser \
		-o "$canned" tests/cli/canned.c user/io/control.c $flags || exit 1
}

start_canned() { # sets said, what it printed first
	coproc CANNED { exec "$canned" "$socket" "${answers:-tests/cli/answers.json}" "$work/requests" 2>"$work/canned.err"; }
	canned_pid=$CANNED_PID
	said=
	read -r -t 20 said <&"${CANNED[0]}"
}

stop_canned() { # the sanitizers' verdict is the exit status
	local status
	kill "$canned_pid" && wait "$canned_pid"
	status=$?
	canned_pid=
	return $status
}

finish() {
	[ -z "${canned_pid:-}" ] || kill "$canned_pid"
	rm -rf "$work"
	exit "$failed"
}
