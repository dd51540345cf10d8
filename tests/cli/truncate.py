#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Truncates, overwrites, deletes and replaces inputs at random moments while `smalti run` reads them, and holds what comes of it
against what may: an error that says so, or the right pixels; never a signal, never a broken image with exit code 0.

    truncate.py SMALTI MKIMAGE [--count N] [--seed N]    (default: 60 times, seed 1)"""
import argparse
import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

FORMATS = ["png", "jpg", "webp", "tif", "avif"]
SIZES = {"read": (400, 300), "mapped": (1800, 1400)}  # below and above the MiB from which files are mapped
LONG_AGO = 1_000_000_000


def make_inputs(smalti, mkimage, folder):
    """{(format, how): path}; formats that this build does not write are left out."""
    inputs = {}
    for how, (width, height) in SIZES.items():
        source = os.path.join(folder, how + ".png")
        subprocess.run([mkimage, "make", source, str(width), str(height)], check=True)
        for ending in FORMATS:
            path = os.path.join(folder, f"{how}.{ending}")
            extra = ["--quality", "95"] if ending in ("jpg", "webp", "avif") else []
            extra += ["--avif-effort", "1"] if ending == "avif" else []
            done = ending == "png" or subprocess.run([smalti, "run", source, "-o", path, "-q", *extra],
                                                     capture_output=True).returncode == 0
            if done:
                inputs[ending, how] = path
    return inputs


def start(smalti, path, out):
    return subprocess.Popen([smalti, "run", path, "--resize", "320x", "--format", "png", "-o", out, "-q", "-j", "2"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def truncate(path, size, chance):
    os.truncate(path, int(size * chance.random()))


def overwrite(path, size, chance):
    at = int(size * chance.random())
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(chance.randbytes(min(4096, size - at)))


def grow(path, size, chance):
    with open(path, "ab") as file:
        file.write(bytes(4096))


def delete(path, size, chance):
    os.unlink(path)


def replace(path, size, chance):
    with open(path + ".new", "wb") as file:
        file.write(b"something else")
    os.rename(path + ".new", path)


CHANGES = [truncate, truncate, truncate, overwrite, grow, delete, replace]


class Stress:
    def __init__(self, smalti, folder, seed):
        self.smalti, self.chance = smalti, random.Random(seed)
        self.work, self.out = os.path.join(folder, "work"), os.path.join(folder, "out")
        self.seen = collections.Counter()
        self.wrong = []
        os.mkdir(self.work)

    def prepare(self, original):
        """A copy whose time is long ago, so that whatever is done to it later is seen by its time."""
        shutil.rmtree(self.out, ignore_errors=True)
        path = os.path.join(self.work, os.path.basename(original))
        shutil.copyfile(original, path)
        os.utime(path, (LONG_AGO, LONG_AGO))
        return path

    def result(self, path):
        stem = os.path.splitext(os.path.basename(path))[0]
        return os.path.join(self.out, stem + ".png")

    def reference(self, original):
        """The right output, and how long it takes."""
        path, took = self.prepare(original), []
        for _ in range(3):
            begun = time.monotonic()
            process = start(self.smalti, path, self.out)
            errors = process.communicate()[1]
            if process.returncode:
                sys.exit(f"{original}: {errors.decode()}")
            took.append(time.monotonic() - begun)
        return read(self.result(path)), min(took)

    def once(self, key, original, right, duration):
        change = self.chance.choice(CHANGES)
        path = self.prepare(original)
        process = start(self.smalti, path, self.out)
        time.sleep(duration * 1.2 * self.chance.random())
        running = process.poll() is None
        change(path, os.path.getsize(path), self.chance)
        errors = process.communicate()[1].decode(errors="replace").strip()
        outcome = self.judge(process.returncode, path, right, change)
        if outcome.startswith("WRONG"):
            self.wrong.append(f"{key[0]}, {key[1]}, {change.__name__}: {outcome}: exit code {process.returncode}: {errors}")
        self.seen[change.__name__, outcome if running else "ended before"] += 1

    def judge(self, code, path, right, change):
        left = os.listdir(self.out) if os.path.isdir(self.out) else []
        if code < 0:
            return f"WRONG, {signal.Signals(-code).name}"
        if code:
            return f"WRONG, an output is left: {left}" if left else "an error"
        made = read(self.result(path))
        if made == right:
            return "right pixels"
        # it may have been changed before it was opened: then it is the new content that was read, as it is now
        if change in (overwrite, grow):
            again = start(self.smalti, path, self.out)
            again.communicate()
            if again.returncode == 0 and read(self.result(path)) == made:
                return "pixels of the new content"
        return "WRONG, a broken image"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("smalti", type=os.path.realpath)
    parser.add_argument("mkimage", type=os.path.realpath)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        inputs = make_inputs(given.smalti, given.mkimage, folder)
        stress = Stress(given.smalti, folder, given.seed)
        references = {key: stress.reference(path) for key, path in inputs.items()}
        keys = sorted(inputs)
        for i in range(given.count):
            key = keys[i % len(keys)]
            stress.once(key, inputs[key], *references[key])
        print(f"{given.count} times over {', '.join(f'{e} {h}' for e, h in keys)}")
        for (change, outcome), count in sorted(stress.seen.items()):
            print(f"{count:6} {change:10} {outcome}")
        print(f"{len(stress.wrong)} wrong", *stress.wrong[:20], sep="\n")
        sys.exit(bool(stress.wrong))


main()
