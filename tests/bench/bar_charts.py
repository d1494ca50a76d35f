# SPDX-License-Identifier: GPL-2.0-only
"""
Charts of what a packet costs, net of what every method has in common, from build/bench/forward.json and esp.json.

  bar_charts.py RESULTS DIRECTORY    Writes forward.svg and esp.svg there, of those that RESULTS has.
"""
import sys

import results

WIDTH, LABEL, RIGHT, BAR, GAP, TOP = 860, 270, 80, 18, 22, 44
KERNEL, OTHER, OURS = "#b03a2e", "#9a7d0a", "#1a5276"
METHODS = [("kernel", "kernel routing", KERNEL), ("kernel_rpf", "kernel routing, rp_filter=1", KERNEL),
           ("xdp_forward", "xdp-forward's design", OTHER),
           ("steer", "Espalier", OURS), ("steer_tc", "Espalier, tc alone", OURS),
           ("steer_blackhole", "Espalier, by a blackhole route", OURS), ("native", "Espalier, XDP and tc", OURS)]
CASES = {"a": "attachment → tunnel", "b": "tunnel → attachment", "c": "attachment → attachment", "d": "dropped",
         "out": "attachment → tunnel", "in": "tunnel → attachment"}


def groups(rows, title, floor, unit):
    """(title, [(method's name, colour, net figure)]) by case."""
    for row in rows:
        bars = [(name, colour, row[f"{method}_{unit}"] - row[f"{floor}_{unit}"])
                for method, name, colour in METHODS if f"{method}_{unit}" in row]
        yield title(row), bars


def chart(heading, wanted):
    wanted = list(wanted)
    most = max(value for _, bars in wanted for _, _, value in bars)
    height = TOP + sum(GAP + BAR * len(bars) + GAP // 2 for _, bars in wanted)
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" '
           'font-size="12" fill="#333333"><rect width="100%" height="100%" fill="white"/>')
    yield f'<text x="14" y="24" font-size="14">{heading}</text>'
    y = TOP
    for title, bars in wanted:
        yield f'<text x="14" y="{y + 14}" font-weight="bold">{title}</text>'
        y += GAP
        for name, colour, value in bars:
            length = max(value, 0) / most * (WIDTH - LABEL - RIGHT)
            yield (f'<text x="{LABEL - 8}" y="{y + 13}" text-anchor="end">{name}</text>'
                   f'<rect x="{LABEL}" y="{y + 2}" width="{length:.1f}" height="{BAR - 4}" fill="{colour}"/>'
                   f'<text x="{LABEL + length + 6:.1f}" y="{y + 13}">{value:,.0f}</text>')
            y += BAR
        y += GAP // 2
    yield "</svg>"


def forward(rows):
    small = [r for r in rows if r.get("size") == 64]
    heading = f"Forwarding without encryption: ns a packet of {small[0]['size']} bytes, net of the generator"
    return chart(heading, groups(small, lambda r: CASES[r["case"]], "generator", "ns"))


def esp(rows):
    heading = "Through ESP: guest instructions a packet, net of ESP and whatever else both have to do"
    return chart(heading, groups(rows, lambda r: f"{CASES[r['direction']]}, {r['cipher']}", "floor", "insns"))


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: bar_charts.py RESULTS DIRECTORY")
    for name, draw in (("forward", forward), ("esp", esp)):
        rows = results.of(sys.argv[1], name)
        if not rows:
            continue
        with open(f"{sys.argv[2]}/{name}.svg", "w", encoding="utf-8") as f:
            f.write("\n".join(draw(rows)) + "\n")


if __name__ == "__main__":
    main()
