# SPDX-License-Identifier: GPL-2.0-only
"""
Charts of what a decision costs over the size of the table, from build/bench/lookup.json.

  lookup_chart.py RESULTS DIRECTORY    Writes lookup-ipv4.svg and lookup-ipv6.svg there, if RESULTS has lookup.json.
"""
import math
import sys

import results

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 340, 260, 52, 46, 14, 44
LINES = [("fib_ns", "kernel FIB (bpf_fib_lookup)", "#b03a2e"), ("trie_ns", "bare trie", "#9a7d0a"),
         ("steer_ns", "Espalier", "#1a5276"), ("floor_ns", "parsing alone", "#7f8c8d")]
MIXES = [(256, "random", "256 destinations"), (65536, "random", "65,536 destinations"), (65536, "zipf", "65,536, Zipf")]


def scale(value, low, high, start, end):
    """On a logarithmic axis."""
    return start + (math.log(value) - math.log(low)) / (math.log(high) - math.log(low)) * (end - start)


def panel(rows, title, offset, low, high, most, lines):
    """One mix: lines over the number of routes."""
    def x(routes):
        return offset + scale(routes, low, high, LEFT, WIDTH - RIGHT)

    def y(ns):
        return scale(max(ns, 10), 10, most, HEIGHT - BOTTOM, TOP)

    yield f'<text x="{offset + (LEFT + WIDTH - RIGHT) / 2}" y="{TOP - 10}" text-anchor="middle">{title}</text>'
    for ns in (10, 30, 100, 300, 1000, 3000):
        if ns <= most:
            yield (f'<line x1="{x(low)}" x2="{x(high)}" y1="{y(ns):.1f}" y2="{y(ns):.1f}" stroke="#dddddd"/>'
                   f'<text x="{x(low) - 6}" y="{y(ns) + 4:.1f}" text-anchor="end">{ns}</text>')
    for routes in sorted({r["routes"] for r in rows}):
        name = f"{routes / 1000:.0f} k" if routes >= 1000 else str(routes)
        if routes != 2000:  # too close to its neighbour
            yield f'<text x="{x(routes):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{name}</text>'
    for key, _, colour in lines:
        points = " ".join(f'{x(r["routes"]):.1f},{y(r[key]):.1f}' for r in rows)
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'


def chart(rows, family):
    rows = sorted((r for r in rows if r["family"] == family), key=lambda r: r["routes"])
    lines = [line for line in LINES if all(line[0] in r for r in rows)]
    low, high = rows[0]["routes"], max(rows[-1]["routes"], rows[0]["routes"] + 1)
    most = max(r[key] for r in rows for key, _, _ in lines) * 1.2
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH * len(MIXES)}" height="{HEIGHT + 24}" '
           'font-family="sans-serif" font-size="11" fill="#333333"><rect width="100%" height="100%" fill="white"/>')
    yield f'<text x="{LEFT}" y="18" font-size="13">One decision, ns, over the number of routes: {family}</text>'
    for i, (count, locality, title) in enumerate(MIXES):
        wanted = [r for r in rows if r["destinations"] == count and r["locality"] == locality]
        yield from panel(wanted, title, i * WIDTH, low, high, most, lines)
    for i, (_, label, colour) in enumerate(lines):
        at = LEFT + i * 230
        yield (f'<line x1="{at}" x2="{at + 20}" y1="{HEIGHT + 8}" y2="{HEIGHT + 8}" stroke="{colour}" stroke-width="2"/>'
               f'<text x="{at + 26}" y="{HEIGHT + 12}">{label}</text>')
    yield "</svg>"


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: lookup_chart.py RESULTS DIRECTORY")
    rows = results.of(sys.argv[1], "lookup")
    for family in sorted({r["family"] for r in rows}):
        with open(f"{sys.argv[2]}/lookup-{family}.svg", "w", encoding="utf-8") as f:
            f.write("\n".join(chart(rows, family)) + "\n")


if __name__ == "__main__":
    main()
