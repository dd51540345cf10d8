#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small files that decode to hundreds of megabytes, and a batch of 500 mixed images, through `smalti run --memory 64M`.

Prints for each what came of it and the peak of resident memory, and exits with 1 when a process went above its budget, was
ended by a signal, or left a broken output. Needs Pillow. Use: bombs.py [--smalti PATH] [--side 16000]"""
import argparse
import random
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
Image.MAX_IMAGE_PIXELS = None
BUDGET = 64


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def flat_png(path, width, height, color, interlaced=False):
    """All zeros; color 0: gray of one bit, 2: RGB of 8 bits."""
    deflate = zlib.compressobj(9)
    bits = 24 if color == 2 else 1
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    body = []
    for x, y, dx, dy in passes if interlaced else [(0, 0, 1, 1)]:
        columns, rows = (width - x + dx - 1) // dx, (height - y + dy - 1) // dy
        row = bytes(1 + (columns * bits + 7) // 8)
        body += [deflate.compress(row) for _ in range(rows)]
    body.append(deflate.flush())
    head = struct.pack(">IIBBBBB", width, height, 8 if color == 2 else 1, color, 0, 0, interlaced)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"".join(body)) + chunk(b"IEND", b""))


def make_bombs(folder, side):
    flat = Image.new("RGB", (side, side))
    gray = Image.new("L", (side, side), 90)
    made = {}
    for name, image, options in (("progressive.jpg", flat, {"progressive": True}),
                                 ("gray-progressive.jpg", gray, {"progressive": True}),
                                 ("baseline.jpg", flat, {}), ("flat.gif", gray, {}),
                                 ("strip.tif", gray, {"compression": "tiff_adobe_deflate"}),
                                 ("lossless.webp", flat.resize((16000, 16000)), {"lossless": True})):
        image.save(folder / name, **options)
        made[name] = folder / name
    for name, arguments in (("flat.png", (side, side, 2)), ("adam7.png", (side, side, 2, True)),
                            ("gray-40000.png", (40000, 40000, 0)), ("wide.png", (2000000, 100, 2))):
        flat_png(folder / name, *arguments)
        made[name] = folder / name
    return made


def run(tool, arguments):
    """Exit code or −signal, last line of standard error, peak MiB."""
    result = tool.with_suffix(".txt")
    child = subprocess.run([tool, result, *map(str, arguments)], stderr=subprocess.PIPE, text=True)
    said = child.stderr.strip().splitlines()
    _, _, peak, status = map(float, result.read_text().split())
    return int(status), said[-1] if said else "", peak / 1024


def judge(name, size, code, said, peak, output):
    broken = code >= 126 or peak > BUDGET or (code == 0) != output.exists()
    if output.exists():
        with Image.open(output) as image:
            image.load()
        output.unlink()
    told = "done" if code == 0 else said.rsplit("/", 1)[-1]
    print(f"| {name} | {size / 1024:.1f} | {told} | {peak:.1f} |{' BROKEN' if broken else ''}")
    return broken


def batch(tool, smalti, folder):
    generator = random.Random(5)
    inputs = folder / "mixed"
    inputs.mkdir()
    for i in range(500):
        width, height = generator.randint(100, 1500), generator.randint(100, 1500)
        noise = Image.frombytes("RGB", (64, 64), generator.randbytes(64 * 64 * 3)).resize((width, height))
        kind = ("jpg", "png", "webp", "gif", "tif", "progressive.jpg")[i % 6]
        noise.save(inputs / f"{i:03}.{kind}", **({"progressive": True} if kind == "progressive.jpg" else {}))
    code, said, peak = run(tool, [smalti, "run", inputs, "--resize", "320", "--format", "webp", "-o", folder / "out", "--memory",
                            f"{BUDGET}M", "-j", "2"])
    count = len(list((folder / "out").iterdir()))
    print(f"\n500 mixed images to WebP: exit {code}, {count} outputs, peak {peak:.1f} MiB of {BUDGET}")
    return code != 0 or count != 500 or peak > BUDGET


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smalti", default=ROOT / "build" / "smalti")
    parser.add_argument("--side", type=int, default=16000, help="pixels (default 16000)")
    arguments = parser.parse_args()
    bad = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tool = folder / "measure"
        subprocess.run(["cc", "-O2", "-o", tool, ROOT / "bench" / "peers" / "measure.c"], check=True)
        print("| input | KiB | outcome | peak, MiB |\n|---|---|---|---|")
        for bomb, path in make_bombs(folder, arguments.side).items():
            for kind in ("jpeg", "webp", "png"):
                output = folder / f"out.{kind}"
                result = run(tool, [arguments.smalti, "run", path, "--resize", "320", "--limits", "lenient", "--format", kind,
                              "--memory", f"{BUDGET}M", "-o", output])
                bad |= judge(f"{bomb} → {kind}", path.stat().st_size, *result, output)
        bad |= batch(tool, arguments.smalti, folder)
    return bad


if __name__ == "__main__":
    sys.exit(main())
