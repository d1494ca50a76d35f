# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# A home for the daemons of one namespace: /run and the directories of configuration are its own, so that two strongSwans
# or two FRRs live on one machine. Part of lib.sh, which sources it.

home_directories=(swanctl frr bird)

# The home outlives its daemons: after a kill -9 the next one finds what the last one left, as on a real machine. What
# scenarios keep ($ground_state) is to be seen in it, too.
home_up() # NAMESPACE
{
	local ns=$1 dir=$ground_state/home/$1 name
	! process_alive "home-$ns" || return 0
	rm -rf "$dir"
	for name in "${home_directories[@]}"; do
		mkdir -p "$dir/$name"
	done
	chmod 0755 "$dir"
	chmod 0700 "$dir/swanctl"
	# shellcheck disable=SC2016 # expanded by the inner shell
	process_start "home-$ns" "$ns" unshare --mount --propagation private bash -euc '
		dir=$1 state=$2
		shift 2
		for name; do
			[ ! -d "/etc/$name" ] || mount --bind "$dir/$name" "/etc/$name"
		done
		mount --bind "$state" /mnt
		mount -t tmpfs -o mode=0755 run /run
		mkdir -p "$state"
		mount --move /mnt "$state"
		touch "$dir/ready"
		exec sleep infinity' home "$dir" "$ground_state" "${home_directories[@]}"
	wait_for 20 "the home of the daemons in $ns" test -e "$dir/ready"
}

# Where the home's /etc/NAME is, seen from outside.
home_directory() { printf '%s/home/%s/%s\n' "$ground_state" "$1" "$2"; } # NAMESPACE NAME

home_of() # NAMESPACE → prints the process that holds it
{
	process_pid "home-$1" || { complain "there is no home in $1: home_up comes first"; return 1; }
}

# Runs a command where the daemons of the namespace live: its network, its /run, its /etc.
in_home() # NAMESPACE COMMAND…
{
	local ns=$1 pid
	shift
	pid=$(home_of "$ns") || return 1
	nsenter --target "$pid" --mount --net -- "$@"
}
