# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What vm/run and vm/build share: entering the root file system so that nothing of it is left behind,
# whatever ends the program. Sourced; the sourcing script has set -euo pipefail.

# Inside the root and inside the guest these are always the same:
#   /espalier/src     the checkout, read-only
#   /espalier/build   binaries built inside the root, build/vm of the checkout
#   /espalier/output  results, read/write

vm_source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

vm_say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
vm_die() { vm_say "$*"; exit 125; }

vm_require() # TOOL…
{
	local tool
	[ "$(id -u)" = 0 ] || vm_die "this needs root"
	for tool; do
		command -v "$tool" >/dev/null || vm_die "$tool is missing; 'make deps' installs it"
	done
}

# Starts this script again as "$0 --inside ARGS…" in mount and PID namespaces of its own and returns its exit status.
# Whatever ends either of them, kill -9 included, the kernel then ends every process inside and drops every mount.
vm_isolate() # ROOT ARGS…
{
	local root=$1 pid status=0
	shift
	# Held while the root is in use, so that vm/rootfs does not remove it; the processes inside inherit it.
	exec 8<"$root"
	flock -s 8
	setpriv --pdeathsig KILL \
		unshare --mount --propagation private --pid --fork --kill-child=KILL \
		"$0" --inside "$root" "$@" </dev/null &
	pid=$!
	# shellcheck disable=SC2064 # the process of now is meant
	trap "kill -KILL $pid 2>/dev/null; exit 143" TERM HUP
	# shellcheck disable=SC2064
	trap "kill -KILL $pid 2>/dev/null; exit 130" INT
	wait "$pid" || status=$?
	trap - TERM HUP INT
	return "$status"
}

# Mounts what the chroot needs. Only ever called inside the namespaces of vm_isolate.
vm_mount() # ROOT BUILD OUTPUT
{
	local root=$1 build=$2 output=$3
	# The cached root itself stays as it was built.
	mount --bind "$root" "$root"
	mount -o remount,bind,ro "$root"
	mount -t proc proc "$root/proc"
	mount --rbind /sys "$root/sys"
	mount --rbind /dev "$root/dev"
	mount -t tmpfs -o mode=1777 tmp "$root/tmp"
	mount -t tmpfs -o mode=0755 run "$root/run"
	mount --bind "$vm_source" "$root/espalier/src"
	mount -o remount,bind,ro "$root/espalier/src"
	mount --bind "$build" "$root/espalier/build"
	mount --bind "$output" "$root/espalier/output"
	mount -t tmpfs -o mode=0755 exchange "$root/espalier/run"
}

# The environment is the root's, not the host's.
vm_chroot() # ROOT COMMAND…
{
	local root=$1
	shift
	env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/tmp USER=root LANG=C.UTF-8 TERM=dumb chroot "$root" "$@"
}

# The build directory belongs to one root: another root has other libraries, so the binaries are built anew.
vm_build_directory() # ROOT → prints the directory
{
	local directory=${ESPALIER_VM_BUILD:-$vm_source/build/vm} name
	name=$(basename "$1")
	mkdir -p "$directory"
	if [ "$(cat "$directory/.rootfs" 2>/dev/null)" != "$name" ]; then
		find "$directory" -mindepth 1 -delete
		printf '%s\n' "$name" >"$directory/.rootfs"
	fi
	(cd "$directory" && pwd)
}
