#!/usr/bin/env python3
"""Makes the input files of this folder; needs Python's standard library alone. Run it here: ./generate.py

plate.png     480 x 360, colour: a dark plate with a hot frame corner, warm rings and three hot bars
plate.pgm     160 x 120, P5 with maxval 65535: the same picture, smaller and grey
laplace.mtx   225 x 225, coordinate real symmetric: the five-point Laplace operator on a 15 x 15 grid, scaled by 1/4
points.mtx    225 x 40, array real general: smooth waves sampled on that grid, one a column
"""
import math
import struct
import zlib


def temperature(x, y):
    """The picture as a function of 0 <= x, y < 1, from 0 to 1."""
    ring = math.hypot(x - 0.68, y - 0.42)
    value = 0.08 + 0.12 * y
    if 0.10 < ring < 0.16 or 0.22 < ring < 0.25:
        value = 0.80
    if ring < 0.04:
        value = 1.0
    for bar in range(3):
        if abs(x - 0.12 - 0.11 * bar) < 0.03 and 0.25 + 0.1 * bar < y < 0.85:
            value = 0.95 - 0.2 * bar
    if x < 0.015 or y > 0.98:
        value = 1.0
    return value


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_png(path, width, height):
    rows = bytearray()
    for row in range(height):
        rows.append(0)  # no filter
        for column in range(width):
            value = temperature(column / width, row / height)
            rows += bytes((round(255 * value), round(255 * value ** 1.3), round(255 * value ** 2)))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.write(png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)))
        file.write(png_chunk(b"IDAT", zlib.compress(bytes(rows), 9)))
        file.write(png_chunk(b"IEND", b""))


def write_pgm(path, width, height):
    places = ((column / width, row / height) for row in range(height) for column in range(width))
    samples = (round(65535 * temperature(x, y)) for x, y in places)
    with open(path, "wb") as file:
        file.write(b"P5\n# made by generate.py\n%d %d\n65535\n" % (width, height))
        file.write(b"".join(struct.pack(">H", sample) for sample in samples))


def write_laplace(path, side):
    lines = []
    for row in range(side):
        for column in range(side):
            here = row * side + column + 1
            lines.append(f"{here} {here} 1.0")
            if column + 1 < side:
                lines.append(f"{here + 1} {here} -0.25")
            if row + 1 < side:
                lines.append(f"{here + side} {here} -0.25")
    with open(path, "w", encoding="ascii") as file:
        file.write("%%MatrixMarket matrix coordinate real symmetric\n")
        file.write("% five-point Laplace operator, made by generate.py\n")
        file.write(f"{side * side} {side * side} {len(lines)}\n" + "\n".join(lines) + "\n")


def write_points(path, side, columns):
    with open(path, "w", encoding="ascii") as file:
        file.write("%%MatrixMarket matrix array real general\n% waves on a grid, made by generate.py\n")
        file.write(f"{side * side} {columns}\n")
        for wave in range(1, columns + 1):
            for row in range(side):
                for column in range(side):
                    file.write(f"{math.sin(wave * (row + 1) / side) * math.cos(column * wave / (2 * side)):.6f}\n")


write_png("plate.png", 480, 360)
write_pgm("plate.pgm", 160, 120)
write_laplace("laplace.mtx", 15)
write_points("points.mtx", 15, 40)
