#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares `smalti run` with OpenImageIO on OpenEXR files (Debian: python3-openimageio openimageio-tools).

exr.py pixels PATH...  every channel of every part and level has to be the same, bit for bit (a NaN is a NaN)
exr.py time PATH...    R, G, B of each file to PNG of 8 bits: processor time and peak memory, medians of alternating runs;
                       oiiotool in the two ways that it has of leaving the other channels out
exr.py deep            deep data made here, of surfaces and of volumes that overlap, flattened by both

PATH is a file or a folder. Exits with 1 when pixels differ or one cannot read what the other can."""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def files(paths):
    for path in map(Path, paths):
        yield from sorted(path.glob("*.exr")) if path.is_dir() else [path]


def on_display(pixels, spec):
    """The data window on the display window, black around it; smaller levels as they are."""
    import numpy as np

    canvas = np.zeros((spec.full_height, spec.full_width, pixels.shape[2]), np.float32)
    left, top = spec.x - spec.full_x, spec.y - spec.full_y
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + spec.width, spec.full_width), min(top + spec.height, spec.full_height)
    if x0 < x1 and y0 < y1:
        canvas[y0:y1, x0:x1] = pixels[y0 - top:y1 - top, x0 - left:x1 - left]
    return canvas


def same(a, b):
    import numpy as np

    return a.shape == b.shape and bool(np.all((a == b) | (np.isnan(a) & np.isnan(b))))


def theirs(oiio, path):
    """(part, level, names, pixels) of all that OpenImageIO reads."""
    source = oiio.ImageInput.open(str(path))
    if not source:
        return
    part = 0
    while source.seek_subimage(part, 0):
        level = 0
        while source.seek_subimage(part, level):
            spec = source.spec()
            pixels = None if spec.deep else source.read_image(part, level, 0, spec.nchannels, "float")
            if pixels is not None:
                yield part, level, list(spec.channelnames), pixels if level else on_display(pixels, spec)
            level += 1
        part += 1


def ours(oiio, smalti, path, part, level, name, folder):
    output = Path(folder) / "out.tif"
    run = subprocess.run(
        [smalti, "run", path, "--part", str(part), "--level", str(level), "--layer", name, "--limits", "lenient",
         "--tiff-compression", "none", "--overwrite", "-o", output], capture_output=True, text=True)
    if run.returncode:
        return None, run.stderr.strip()
    return oiio.ImageInput.open(str(output)).read_image("float"), ""


def compare(arguments):
    import OpenImageIO as oiio

    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in files(arguments.paths):
            images = channels = 0
            faults = []
            for part, level, names, pixels in theirs(oiio, path):
                images += 1
                for index, name in enumerate(names):
                    got, why = ours(oiio, arguments.smalti, path, part, level, name, folder)
                    channels += 1
                    if got is None or not same(got, pixels[:, :, index:index + 1]):
                        faults.append(f"part {part} level {level} {name}: {why or 'differs'}")
            result = "; ".join(faults[:2]) or ("same" if channels else "not read by OpenImageIO")
            print(f"{path.name:40} {images:3} images {channels:4} channels  {result}", flush=True)
            bad += bool(faults)
    return 1 if bad else 0


def measure(command):
    """Processor seconds and peak MiB."""
    child = os.fork()
    if child == 0:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os.execvp(command[0], command)
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit(f"failed: {' '.join(map(str, command))}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def time(arguments):
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "out.png")
        for path in files(arguments.paths):
            ways = {
                "smalti": [arguments.smalti, "run", str(path), "--depth", "8", "--overwrite", "-o", output],
                "oiiotool -i:ch": ["oiiotool", "-i:ch=R,G,B", str(path), "-d", "uint8", "-o", output],
                "oiiotool --ch": ["oiiotool", str(path), "--ch", "R,G,B", "-d", "uint8", "-o", output],
            }
            taken = {name: [] for name in ways}
            for _ in range(arguments.runs):
                for name, command in ways.items():
                    taken[name].append(measure(command))
            seconds = {name: statistics.median(one[0] for one in runs) for name, runs in taken.items()}
            best = min(value for name, value in seconds.items() if name != "smalti")
            for name, runs in taken.items():
                print(f"{path.name:32} {name:16} {seconds[name]:8.3f} s  {max(one[1] for one in runs):6.0f} MiB  "
                      f"{seconds[name] / best:5.2f}")


DEEP_SIZE, DEEP_CHANNELS = 64, ("R", "G", "B", "A", "Z", "ZBack")


def make_deep(oiio, random, volumes):
    """Pixels of up to 5 samples; no surface lies in a volume, since OpenImageIO puts it behind what is left of that."""
    deep = oiio.DeepData()
    deep.init(DEEP_SIZE * DEEP_SIZE, len(DEEP_CHANNELS), oiio.FLOAT, DEEP_CHANNELS)
    for pixel in range(DEEP_SIZE * DEEP_SIZE):
        count = random.randrange(6)
        deep.set_samples(pixel, count)
        for sample in range(count):
            alpha, front = random.uniform(0.05, 0.95), random.uniform(1, 5)
            back = front + random.uniform(0.1, 4) if volumes else front
            values = [random.uniform(0, alpha) for _ in range(3)] + [alpha, front, back]
            for channel, value in enumerate(values):
                deep.set_deep_value(pixel, channel, sample, value)
    return deep


def write_deep(oiio, deep, path):
    spec = oiio.ImageSpec(DEEP_SIZE, DEEP_SIZE, len(DEEP_CHANNELS), oiio.FLOAT)
    spec.channelnames, spec.deep = DEEP_CHANNELS, True
    out = oiio.ImageOutput.create(path)
    if not (out and out.open(path, spec) and out.write_deep_image(deep)):
        sys.exit(f"{path}: cannot be written")
    out.close()


def split_deep(deep):
    """Cuts volumes where others begin and end and mixes what then lies in the same place: flatten() does not."""
    front, back = DEEP_CHANNELS.index("Z"), DEEP_CHANNELS.index("ZBack")
    for pixel in range(DEEP_SIZE * DEEP_SIZE):
        cuts = {deep.deep_value(pixel, c, s) for s in range(deep.samples(pixel)) for c in (front, back)}
        for cut in sorted(cuts):
            deep.split(pixel, cut)
        deep.sort(pixel)
        deep.merge_overlaps(pixel)


def flatten(arguments):
    import random

    import numpy as np
    import OpenImageIO as oiio

    bad = False
    random = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        for volumes in (False, True):
            # names of their own: OpenImageIO keeps what it read of a name
            source, split, flat = (os.path.join(folder, f"{name}{volumes}.exr") for name in ("deep", "split", "flat"))
            write_deep(oiio, make_deep(oiio, random, volumes), source)
            deep = oiio.ImageInput.open(source).read_native_deep_image()
            split_deep(deep)
            write_deep(oiio, deep, split)
            theirs = oiio.ImageBufAlgo.flatten(oiio.ImageBuf(split))
            subprocess.run([arguments.smalti, "run", source, "--flatten-deep", "--exr-samples", "float", "--overwrite",
                            "-o", flat], check=True)
            ours = oiio.ImageBuf(flat)
            pixels = [np.stack([image.get_pixels(oiio.FLOAT)[..., image.spec().channelnames.index(c)] for c in "RGBA"])
                      for image in (ours, theirs)]
            worst = float(np.abs(pixels[0] - pixels[1]).max())
            bad = bad or not worst < 1e-5
            print(f"{'volumes' if volumes else 'surfaces':10} largest difference {worst:.2g}")
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["pixels", "time", "deep"])
    parser.add_argument("paths", nargs="*")
    parser.add_argument("--smalti", default=str(ROOT / "build" / "smalti"))
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    return {"pixels": compare, "time": time, "deep": flatten}[arguments.what](arguments)


if __name__ == "__main__":
    sys.exit(main())
