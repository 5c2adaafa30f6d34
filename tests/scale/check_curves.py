#!/usr/bin/env python3
"""Runs dsm_scale on a few nodes and checks that its JSON can be read and drawn.

    check_curves.py DSM_SCALE
"""

import json
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

NODES_MAX = 48
EXPECTED_NODES = [2, 4, 8, 16, 32, 48]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        figures, curves = Path(folder, "scale.json"), Path(folder, "scale.svg")
        subprocess.run([sys.argv[1], "--nodes-max", str(NODES_MAX), "--json", figures], check=True,
                       stdout=subprocess.DEVNULL)
        data = json.loads(figures.read_text(encoding="utf-8"))
        subprocess.run([sys.executable, Path(__file__).with_name("draw_curves.py"), figures, curves], check=True)
        root = ElementTree.fromstring(curves.read_text(encoding="utf-8"))
    assert [model["name"] for model in data["models"]] == ["tcp", "fabric"]
    for model in data["models"]:
        for series in model["series"]:
            nodes = [point["nodes"] for point in series["points"]]
            assert nodes == EXPECTED_NODES, (series["key"], nodes)
            assert all(point["time_ns"] > 0 for point in series["points"]), series["key"]
    assert all(entry["bytes"] > 0 for entry in data["memory"])
    lines = [element for element in root.iter() if element.tag.endswith("polyline")]
    assert len(lines) == 7 * len(data["models"]), len(lines)
    assert all(len(line.get("points").split()) == len(EXPECTED_NODES) for line in lines)


if __name__ == "__main__":
    main()
