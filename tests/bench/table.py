# SPDX-License-Identifier: GPL-2.0-only
"""
The routes that benchmarks load: a real Internet table, one prefix per line.

  table.py [4|6|all]    Prints the path of the file (default: 4).

ROUTES=FILE in the environment is that file, with the prefixes of other families left out. Else the table is generated from
Debian's libloc-database (968,428 IPv4 and 177,846 IPv6 prefixes with an origin ASN in Debian 12) into
${ESPALIER_CACHE:-/var/cache/espalier}, once. It is not part of the tree: its licence is CC BY-SA.

As a module: path(family), prefixes(family, count) with a sample of `count` prefixes spread over the whole table.
"""
import ipaddress
import os
import sys

CACHE = os.environ.get("ESPALIER_CACHE", "/var/cache/espalier")
DATABASE = "/usr/share/libloc-location/location.db"
FAMILIES = {"4": (4,), "6": (6,), "all": (4, 6)}


def fail(why):
    sys.exit(f"table.py: {why}")


def networks_of_database():
    """(version, text) of every network that has an origin."""
    try:
        import location
    except ImportError:
        fail("python3-location is missing, or this is not Debian's /usr/bin/python3: make deps")
    for network in location.Database(DATABASE).networks:
        if network.asn:
            text = str(network)
            yield (6 if ":" in text else 4), text


def networks_of_file(name):
    with open(name, encoding="ascii") as f:
        for number, line in enumerate(f, 1):
            text = line.split("#")[0].strip()
            try:
                network = ipaddress.ip_network(text) if text else None
            except ValueError as error:
                fail(f"{name}:{number}: {error}")
            if network:
                yield network.version, text


def generate(source, target, family):
    """In one step: who finds the file finds all of it."""
    partial = f"{target}.{os.getpid()}"
    with open(partial, "w", encoding="ascii") as f:
        f.writelines(f"{text}\n" for version, text in source if version in FAMILIES[family])
    os.rename(partial, target)


def path(family="4"):
    source = os.environ.get("ROUTES")
    os.makedirs(CACHE, exist_ok=True)
    if source:
        target = f"{CACHE}/given-ipv{family}.txt"
        generate(networks_of_file(source), target, family)
        return target
    if not os.path.exists(DATABASE):
        fail(f"{DATABASE} is missing: make deps, or ROUTES=FILE")
    target = f"{CACHE}/table-ipv{family}.txt"
    if not os.path.exists(target) or os.path.getmtime(target) < os.path.getmtime(DATABASE):
        generate(networks_of_database(), target, family)
    return target


def prefixes(family="4", count=None):
    """As text, in the table's order; `count` of them at equal distances, where there are so many."""
    with open(path(family), encoding="ascii") as f:
        lines = f.read().split()
    if not count or count >= len(lines):
        return lines
    return [lines[i * len(lines) // count] for i in range(count)]


if __name__ == "__main__":
    wanted = sys.argv[1] if len(sys.argv) > 1 else "4"
    if wanted not in FAMILIES or len(sys.argv) > 2:
        fail("usage: table.py [4|6|all]")
    print(path(wanted))
