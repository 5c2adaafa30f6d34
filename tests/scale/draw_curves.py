#!/usr/bin/env python3
"""Draws the times of scale.json as curves over the number of nodes, both on logarithmic scales.

    draw_curves.py SCALE_JSON SVG
"""

import json
import math
import sys
from xml.sax.saxutils import escape

# Of each model these series are drawn, in these colours; dashed: what it would be without a tree, or has none.
CURVES = [
    ("barrier", "#1f5fa8", False),
    ("read_cold", "#b3261e", False),
    ("invalidate", "#2e7d32", False),
    ("span", "#7b3fa0", False),
    ("read_cold_no_tree", "#b3261e", True),
    ("span_direct", "#7b3fa0", True),
    ("lock", "#555555", True),
]
CHART_WIDTH, CHART_HEIGHT = 560, 360
LEFT, TOP, LEGEND_WIDTH, GAP = 70, 50, 360, 70


class Scale:
    """Maps a positive number to a place on an axis, logarithmically."""

    def __init__(self, low, high, begin, end):
        self.low, self.high = math.log10(low), math.log10(high)
        self.begin, self.end = begin, end

    def __call__(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)

    def decades(self):
        return [10.0**power for power in range(math.ceil(self.low), math.floor(self.high) + 1)]


def text_of_us(value):
    if value < 1000:
        return f"{value:g} µs"
    return f"{value / 1000:g} ms" if value < 1e6 else f"{value / 1e6:g} s"


def text(x, y, words, anchor="start", size=12):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'


def line(x1, y1, x2, y2, colour, dashed=False, width=1.0):
    dash = ' stroke-dasharray="6 4"' if dashed else ""
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
            f'stroke-width="{width}"{dash}/>')


def axes(across, up, nodes, top):
    yield (f'<rect x="{LEFT}" y="{top}" width="{CHART_WIDTH}" height="{CHART_HEIGHT}" fill="none" stroke="#333"/>')
    for value in up.decades():
        yield line(LEFT, up(value), LEFT + CHART_WIDTH, up(value), "#ddd")
        yield text(LEFT - 6, up(value) + 4, text_of_us(value), "end")
    for count in nodes:
        yield line(across(count), top + CHART_HEIGHT, across(count), top + CHART_HEIGHT + 4, "#333")
        if count in (2, 8, 32, 128, 512, 2048, nodes[-1]):
            yield text(across(count), top + CHART_HEIGHT + 18, f"{count:,}", "middle")
    yield text(LEFT + CHART_WIDTH / 2, top + CHART_HEIGHT + 36, "nodes", "middle")


def chart(model, top):
    series = {one["key"]: one for one in model["series"]}
    drawn = [(series[key], colour, dashed) for key, colour, dashed in CURVES]
    nodes = [point["nodes"] for point in drawn[0][0]["points"]]
    times = [point["time_ns"] / 1000 for one, _, _ in drawn for point in one["points"]]
    across = Scale(nodes[0], max(nodes[-1], nodes[0] + 1), LEFT, LEFT + CHART_WIDTH)
    up = Scale(min(times) / 1.5, max(times) * 1.5, top + CHART_HEIGHT, top)
    heading = (f'{model["name"]}: latency {text_of_us(model["latency_ns"] / 1000)}, per message '
               f'{text_of_us(model["send_ns"] / 1000)} at the sender, {text_of_us(model["receive_ns"] / 1000)} at the '
               f'receiver, {model["ps_per_byte"]} ps per byte')
    yield text(LEFT, top - 14, heading, size=14)
    yield from axes(across, up, nodes, top)
    for place, (one, colour, dashed) in enumerate(drawn):
        points = " ".join(f'{across(point["nodes"]):.1f},{up(point["time_ns"] / 1000):.1f}' for point in one["points"])
        dash = ' stroke-dasharray="6 4"' if dashed else ""
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        y = top + 16 + 22 * place
        x = LEFT + CHART_WIDTH + 16
        yield line(x, y - 4, x + 30, y - 4, colour, dashed, 2.0)
        yield text(x + 38, y, one["title"])


def picture(data):
    width = LEFT + CHART_WIDTH + LEGEND_WIDTH
    height = TOP + len(data["models"]) * (CHART_HEIGHT + GAP)
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
           f'viewBox="0 0 {width} {height}" font-family="sans-serif">')
    yield f'<rect width="{width}" height="{height}" fill="white"/>'
    for place, model in enumerate(data["models"]):
        yield from chart(model, TOP + place * (CHART_HEIGHT + GAP))
    yield "</svg>"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as source:
        data = json.load(source)
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write("\n".join(picture(data)) + "\n")


if __name__ == "__main__":
    main()
