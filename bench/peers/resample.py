#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the speed of scaling with sharp (libvips) and Pillow: u8 samples in memory, Lanczos 3, one thread each.

Each program holds the image and scales it when it is told to: in rounds, in turn, every other one backwards. Ratios are
of one round's times, and their median is what counts; CPU is of the whole process, which is what a busy machine leaves
true. PSNR is against the same filter in floats, without 8 pixels at the edges (where peers differ by definition).
Install the peers with bench/peers/setup; those that are missing are left out."""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from run import HERE, ROOT, default_peers, machine, median, ratio

#        name                      width height channels out
CASES = [("RGB 24 MP to 800", 6000, 4000, 3, 800, 533), ("RGB 24 MP to 3000", 6000, 4000, 3, 3000, 2000),
         ("RGB 24 MP to 100", 6000, 4000, 3, 100, 67), ("RGBA 24 MP to 800", 6000, 4000, 4, 800, 533),
         ("gray 24 MP to 800", 6000, 4000, 1, 800, 533), ("RGB 0.7 MP to 2000", 1000, 667, 3, 2000, 1334),
         ("gray 600 to 320", 600, 400, 1, 320, 213)]


def photo_like(path, width, height, channels):
    """Edges, ramps and noise of all sizes: rows of a few shapes, moved, so that making them takes seconds."""
    import random
    generator = random.Random(7)
    rows = []
    for _ in range(64):
        levels = [generator.randrange(256) for _ in range(channels)]
        row = bytearray()
        while len(row) < width * channels:
            if generator.random() < 0.05:
                levels = [generator.randrange(256) for _ in range(channels)]
            slope, length = generator.uniform(-3, 3), generator.randrange(2, 60)
            for i in range(length):
                row += bytes(max(0, min(255, int(v + slope * i + generator.gauss(0, 6)))) for v in levels)
        rows.append(bytes(row[:width * channels]))
    with open(path, "wb") as file:
        shape, move = 0, 0
        for _ in range(height):
            if generator.random() < 0.1:
                shape = generator.randrange(64)
            move = (move + generator.choice((-1, 0, 0, 1))) * channels % (width * channels) // channels
            file.write(rows[shape][move * channels:] + rows[shape][:move * channels])


class Program:
    def __init__(self, name, command, environment):
        self.name, self.runs = name, []
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment)

    def scale(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        wall, cpu = map(int, self.process.stdout.readline().split())
        return {"wall": wall / 1e6, "cpu": cpu / 1e6}

    def end(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            sys.exit(f"peers: {self.name} failed")


def programs_for(arguments, case, source, out):
    peers = default_peers()
    environment = {**os.environ, "PEERS": str(peers)}
    rest = [source, *map(str, case[1:])]
    programs = [Program("smalti", [arguments.bench, "raw", *rest, out / "smalti"], environment)]
    if (peers / "npm/node_modules/sharp").is_dir():
        programs.append(Program("sharp", ["node", HERE / "resample.js", *rest, out / "sharp"], environment))
    if (peers / "pillow/bin/python").exists():
        programs.append(Program("pillow", [peers / "pillow/bin/python", HERE / "resample_pillow.py", *rest,
                                           out / "pillow"], environment))
    return programs


def measure(arguments, case, work):
    source = work / f"{case[1]}x{case[2]}x{case[3]}"
    if not source.exists():
        photo_like(source, *case[1:4])
    programs = programs_for(arguments, case, source, work)
    for number in range(-1, arguments.rounds):
        for program in programs if number % 2 == 0 else reversed(programs):
            milliseconds = program.scale()
            if number >= 0:
                program.runs.append(milliseconds)
    for program in programs:
        program.end()
    done = subprocess.run([arguments.bench, "psnr", source, *map(str, case[1:]), *[work / p.name for p in programs]],
                          check=True, capture_output=True, text=True)
    ours = {"runs": programs[0].runs}
    results = {}
    for program, psnr in zip(programs, done.stdout.split()):
        variant = {"runs": program.runs}
        results[program.name] = {"psnr_db": float(psnr), "fastest_ms": min(run["wall"] for run in program.runs),
                                 **{key: {"ms": median(variant, key), "of_smalti": ratio(variant, ours, key)}
                                    for key in ("wall", "cpu")}}
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", metavar="DIR", default=str(ROOT / "build"), help="build folder (default build)")
    parser.add_argument("--work", metavar="DIR", default=str(ROOT / "out" / "peers"), help="where inputs and outputs go")
    parser.add_argument("--rounds", type=int, default=11, metavar="N", help="rounds that count (default 11)")
    parser.add_argument("--json", metavar="FILE", help="write everything measured there")
    arguments = parser.parse_args()
    arguments.bench = Path(arguments.build).resolve() / "bench" / "bench-resample"
    work = Path(arguments.work).resolve() / "resample"
    work.mkdir(parents=True, exist_ok=True)
    print(f"{machine()['processor']}; medians of {arguments.rounds} rounds\n\n"
          "| work | program | wall ms (fastest) | CPU ms | wall, of smalti's | CPU, of smalti's | PSNR dB |\n"
          "|---|---|---|---|---|---|---|")
    report = {"machine": machine(), "rounds": arguments.rounds, "cases": {}}
    for case in CASES:
        results = report["cases"][case[0]] = measure(arguments, case, work)
        for name, r in results.items():
            wall, cpu = r["wall"], r["cpu"]
            print(f"| {case[0]} | {name} | {wall['ms']:.2f} ({r['fastest_ms']:.2f}) | {cpu['ms']:.2f} "
                  f"| {wall['of_smalti']['median']:.2f} | {cpu['of_smalti']['median']:.2f} | {r['psnr_db']:.1f} |",
                  flush=True)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
