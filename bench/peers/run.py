#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares `smalti run` with sharp, libvips, ImageMagick and GraphicsMagick on the same work.

The commands of a group run in rounds, each round in turn, every other one backwards; ratios are of the runs of one round,
and their median is what counts. Wall and CPU seconds and peak memory are of whole processes. Install the peers with
bench/peers/setup; those that are missing are left out. Groups: gray, blur, sharpen (PNG to PNG), jpeg (JPEG, sharpened,
to JPEG) and start (one small PNG)."""
import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
KERNELS = {"gray": "grayscale", "blur": "gaussian-blur:sigma=2",
           "sharpen": "convolve3x3:k1=-1,k3=-1,k4=5,k5=-1,k7=-1"}
SHARP_SETTINGS = [("1", 1), ("1", 2), ("1", 4), ("2", 1), ("default", 4)]  # libvips' threads per image, images in flight
THREADS = 2


def default_peers():
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("PEERS") or Path(cache) / "smalti" / "peers")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="default: all")
    parser.add_argument("--images", metavar="DIR", help="folder of PNG or JPEG images (default: what tools/photos finds)")
    parser.add_argument("--build", metavar="DIR", default=str(ROOT / "build"), help="build folder (default build)")
    parser.add_argument("--work", metavar="DIR", default=str(ROOT / "out" / "peers"), help="where inputs and outputs go")
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="rounds that count, of each group (default 9)")
    parser.add_argument("--quiet", type=float, metavar="PERCENT", help="repeat a run (up to 5 times) during which other "
                        "processes used more than PERCENT of the machine")
    parser.add_argument("--json", metavar="FILE", help="write everything measured there")
    arguments = parser.parse_args()
    unknown = set(arguments.groups) - {"gray", "blur", "sharpen", "jpeg", "start"}
    if unknown:
        parser.error("unknown group: " + ", ".join(sorted(unknown)))
    return arguments


def say(text):
    print("peers: " + text, file=sys.stderr, flush=True)


def machine_busy():
    """CPU seconds that all processes have used."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


class Bench:
    """The tools, the folders and the way to run one command."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.work = Path(arguments.work).resolve()
        self.build = Path(arguments.build).resolve()
        self.smalti = self.build / "smalti"
        self.peers = default_peers()
        self.tools = {}
        self.work.mkdir(parents=True, exist_ok=True)
        for name in ("measure", "psnr", "zlib6"):
            target = f"bench/peers/peers-{name}"
            done = subprocess.run(["ninja", "-C", self.build, target], capture_output=True, text=True)
            if done.returncode == 0:
                self.tools[name] = self.build / target
            elif name == "measure":
                sys.exit(f"peers: {target} cannot be built:\n{done.stdout[-2000:]}")
            else:
                say(f"{target} cannot be built: left out")

    def run(self, variant):
        """One measured run of a variant into an empty folder: a dict."""
        for attempt in range(5):
            shutil.rmtree(variant["out"], ignore_errors=True)
            Path(variant["out"]).mkdir(parents=True)
            result = self.work / "measure.txt"
            environment = {**os.environ, "PEERS": str(self.peers), **variant.get("env", {})}
            busy = machine_busy()
            done = subprocess.run([self.tools["measure"], result, *map(str, variant["command"])], env=environment,
                                  cwd=variant.get("cwd"), stderr=subprocess.PIPE, text=True)
            busy = machine_busy() - busy
            wall, cpu, peak, status = map(float, result.read_text().split())
            if done.returncode or status:
                raise RuntimeError(f"{variant['name']}: status {status:.0f}: {done.stderr.strip()[-500:]}")
            foreign = max(0.0, 100 * (busy - cpu) / (wall * os.cpu_count()))
            if self.arguments.quiet is None or foreign <= self.arguments.quiet:
                break
        return {"wall": wall, "cpu": cpu, "peak_kib": peak, "foreign_percent": foreign}


def prepare_images(bench):
    """Folders of the same pictures as PNG and as JPEG (quality 90)."""
    folder = bench.arguments.images
    if not folder:
        folder = subprocess.run([ROOT / "tools" / "photos"], cwd=ROOT, check=True, capture_output=True,
                                text=True).stdout.strip()
    source = (ROOT / folder).resolve()
    images = sorted(p for p in source.iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
    if not images:
        sys.exit(f"peers: {source}: no PNG or JPEG images")
    inputs = {}
    for kind, options in (("png", []), ("jpeg", ["--quality", "90"])):
        if kind == "png" and all(p.suffix.lower() == ".png" for p in images):
            inputs[kind] = images
            continue
        target = bench.work / f"in-{kind}"
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run([bench.smalti, "run", *images, "-o", target, "--format", kind, *options], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        inputs[kind] = sorted(target.iterdir())
    return inputs


def spread_command(command):
    """A shell script that runs command for each of its arguments, THREADS at a time; "$1" is the file."""
    return ["sh", "-c", f"printf '%s\\0' \"$@\" | xargs -0 -n 1 -P {THREADS} sh -c '{command}' sh", "sh"]


def vips_command(operation, out, suffix, work):
    matrix = work / "sharpen.mat"
    matrix.write_text("3 3 1 0\n0 -1 0\n-1 5 -1\n0 -1 0\n")
    target = f'"{out}/$(basename "$1"){suffix}"'
    return {"gray": f'vips colourspace "$1" {target} b-w', "blur": f'vips gaussblur "$1" {target} 2',
            "sharpen": f'vips conv "$1" {target} {matrix} --precision integer'}[operation]


def magick_options(operation, graphics):
    sharpen = "0,-1,0,-1,5,-1,0,-1,0"
    return {"gray": ["-colorspace", "Gray"], "blur": ["-blur", "0x2"],
            "sharpen": ["-convolve", sharpen] if graphics else ["-morphology", "Convolve", "3x3:" + sharpen]}[operation]


def sharp_variants(bench, operation, kind, files):
    if not shutil.which("node") or not (bench.peers / "npm" / "node_modules" / "sharp").is_dir():
        say(f"no sharp in {bench.peers}: run bench/peers/setup")
        return []
    variants = []
    environments = [("", {})] if kind == "png" else [("", {}), (", plain Huffman", {"PLAIN_HUFFMAN": "1"})]
    for note, environment in environments:
        for concurrency, in_flight in SHARP_SETTINGS:
            out = bench.work / "out-sharp"
            variants.append({"name": f"sharp, concurrency {concurrency}, {in_flight} in flight{note}", "peer": "sharp",
                             "out": out, "env": environment,
                             "command": ["node", HERE / "sharp.js", operation, concurrency, in_flight, out, *files]})
    return variants


def variants_of(bench, group, inputs):
    operation, kind = ("sharpen", "jpeg") if group == "jpeg" else (group, "png")
    files = inputs[kind]
    out = bench.work / "out-smalti"
    options = ["--quality", "80"] if kind == "jpeg" else []
    variants = [{"name": f"smalti run -j {THREADS}", "peer": "smalti", "out": out,
                 "command": [bench.smalti, "run", *files, "-k", KERNELS[operation], "-o", out, "-j", THREADS, *options]}]
    variants += sharp_variants(bench, operation, kind, files)
    if shutil.which("vips"):
        out = bench.work / "out-vips"
        suffix = "[compression=6]" if kind == "png" else "[Q=80]"
        variants.append({"name": f"vips, {THREADS} processes", "peer": "vips", "out": out,
                         "env": {"VIPS_CONCURRENCY": "1"},
                         "command": [*spread_command(vips_command(operation, out, suffix, bench.work)), *files]})
    quality = ["-quality", "60"] if kind == "png" else ["-quality", "80", "-sampling-factor", "2x2"]
    mogrify = shutil.which("mogrify-im6.q16") or shutil.which("mogrify")
    if mogrify:
        out = bench.work / "out-im"
        variants.append({"name": "ImageMagick mogrify", "peer": "im", "out": out,
                         "env": {"OMP_NUM_THREADS": str(THREADS)},
                         "command": [mogrify, "-path", out, *magick_options(operation, False), *quality, *files]})
    if shutil.which("gm"):
        out = bench.work / "out-gm"
        variants.append({"name": "gm mogrify", "peer": "gm", "out": out, "env": {"OMP_NUM_THREADS": str(THREADS)},
                         "cwd": files[0].parent,
                         "command": ["gm", "mogrify", "-output-directory", out, *magick_options(operation, True),
                                     *quality, *[p.name for p in files]]})
    return variants


def measure_group(bench, variants):
    """Runs the variants in rounds; those that fail are left out. Adds "runs" and "bytes" to each."""
    working = []
    for variant in variants:  # a first round that does not count
        try:
            bench.run(variant)
            variant["bytes"] = sum(p.stat().st_size for p in Path(variant["out"]).iterdir())
            variant["runs"] = []
            working.append(variant)
        except RuntimeError as error:
            if variant["peer"] == "smalti":
                raise
            say(f"left out: {error}")
    for number in range(bench.arguments.rounds):
        for variant in working if number % 2 == 0 else reversed(working):
            variant["runs"].append(bench.run(variant))
    return working


def median(variant, key):
    return statistics.median(run[key] for run in variant["runs"])


def ratio(a, b, key):
    """Median of a's value over b's in the same round, with the quartiles."""
    ratios = [x[key] / y[key] for x, y in zip(a["runs"], b["runs"])]
    quartiles = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else [ratios[0]] * 3
    return {"median": statistics.median(ratios), "q1": quartiles[0], "q3": quartiles[2]}


def table(variants):
    ours = variants[0]
    lines = ["| command | wall s (min to max) | CPU s | peak MiB | output KiB | wall, of smalti's | CPU, of smalti's |",
             "|---|---|---|---|---|---|---|"]
    for v in variants:
        walls = [run["wall"] for run in v["runs"]]
        lines.append(f"| {v['name']} | {median(v, 'wall'):.3f} ({min(walls):.3f} to {max(walls):.3f}) "
                     f"| {median(v, 'cpu'):.3f} | {max(r['peak_kib'] for r in v['runs']) / 1024:.1f} "
                     f"| {v['bytes'] / 1024:.0f} | {ratio(v, ours, 'wall')['median']:.2f} "
                     f"| {ratio(v, ours, 'cpu')['median']:.2f} |")
    foreign = [run["foreign_percent"] for v in variants for run in v["runs"]]
    lines.append(f"\nOther processes used {statistics.median(foreign):.0f} % of the machine meanwhile (median of runs, "
                 f"at most {max(foreign):.0f} %).")
    return "\n".join(lines)


def outputs_by_stem(folder):
    return {p.name.split(".")[0]: p for p in Path(folder).iterdir()}


def compare_pixels(bench, group, variants, inputs):
    """PSNR in dB between smalti's output and the others', without 8 pixels at the edges. They differ where the operation
    does: gray by sharp and vips is luminance of linear light, by gm it has the weights of Rec. 601; sharp and vips cut a
    blur off at three pixels. "By the definition" is sharp made to do the same as the kernel."""
    if "psnr" not in bench.tools:
        return []
    exact = f"{group}-exact"
    others = {v["peer"]: v for v in variants[1:]}
    if group in ("gray", "blur") and "sharp" in others:
        out = bench.work / "out-exact"
        others["sharp, by the definition"] = {**others["sharp"], "name": "sharp", "out": out, "command": [
            "node", HERE / "sharp.js", exact, "1", 1, out, *inputs["png"]]}
    results = []
    bench.run(variants[0])
    ours = outputs_by_stem(variants[0]["out"])
    for name, variant in others.items():
        bench.run(variant)
        theirs = outputs_by_stem(variant["out"])
        pairs = [p for stem in sorted(ours) for p in (ours[stem], theirs[stem])]
        done = subprocess.run([bench.tools["psnr"], "8", *pairs], capture_output=True, text=True)
        if done.returncode:
            say(done.stderr.strip())
            continue
        decibel, worst = map(float, done.stdout.split())
        results.append({"with": name, "psnr_db": None if worst == 0 else decibel, "largest_difference": worst})
    return results


def against_zlib(bench, variant):
    if "zlib6" not in bench.tools:
        return None
    bench.run(variant)
    done = subprocess.run([bench.tools["zlib6"], *sorted(Path(variant["out"]).iterdir())], check=True,
                          capture_output=True, text=True)
    ours, zlib = map(int, done.stdout.split())
    return {"smalti_bytes": ours, "zlib6_bytes": zlib, "ratio": ours / zlib}


def image_group(bench, group, inputs):
    variants = measure_group(bench, variants_of(bench, group, inputs))
    ours = variants[0]
    title = "JPEG, sharpened, to JPEG (quality 80, 4:2:0)" if group == "jpeg" else f"PNG, {group}, to PNG"
    print(f"\n### {len(inputs['jpeg' if group == 'jpeg' else 'png'])} images: {title}\n\n{table(variants)}")
    report = {"variants": variants, "peak_mib": max(run["peak_kib"] for run in ours["runs"]) / 1024}
    sharp = [v for v in variants if v["peer"] == "sharp"]
    if sharp:
        for key in ("wall", "cpu"):
            best = min(sharp, key=lambda v: median(v, key))
            report[f"{key}_of_best_sharp"] = {"sharp": best["name"], **ratio(ours, best, key)}
            r = report[f"{key}_of_best_sharp"]
            print(f"- {key} of sharp's best setting ({best['name']}): **{r['median']:.3f}** (quartiles {r['q1']:.3f}, "
                  f"{r['q3']:.3f})")
    if group != "jpeg":
        report["zlib6"] = against_zlib(bench, ours)
        if report["zlib6"]:
            print(f"- image data, of zlib level 6 over the same filtered rows: **{report['zlib6']['ratio']:.3f}**")
    print(f"- peak memory: **{report['peak_mib']:.1f} MiB**")
    report["agreement"] = compare_pixels(bench, group, variants, inputs)
    for a in report["agreement"]:
        print(f"- pixels as by {a['with']}: " + ("the same" if a["psnr_db"] is None else
                                                 f"{a['psnr_db']:.1f} dB, at most {a['largest_difference']:.0f} apart"))
    sys.stdout.flush()
    return report


def start_group(bench):
    """What one small PNG with a cached module takes more than `true`, in pairs."""
    folder = bench.work / "in-start"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    small = folder / "small.png"
    write_small_png(small)
    out = bench.work / "out-start"
    smalti = {"name": "smalti run on a PNG of 64 × 64", "peer": "smalti", "out": out,
              "command": [bench.smalti, "run", small, "-k", "grayscale", "-o", out]}
    nothing = {"name": "true", "peer": "true", "out": bench.work / "out-true", "command": ["true"]}
    rounds = bench.arguments.rounds
    bench.arguments.rounds = max(41, rounds)
    variants = measure_group(bench, [smalti, nothing])
    bench.arguments.rounds = rounds
    extra = sorted(1000 * (a["wall"] - b["wall"]) for a, b in zip(*(v["runs"] for v in variants)))
    middle = statistics.median(extra)
    quartiles = statistics.quantiles(extra, n=4)
    print(f"\n### Start: {smalti['name']}, cached module, more than `true`\n\n- **{middle:.2f} ms** (quartiles "
          f"{quartiles[0]:.2f}, {quartiles[2]:.2f}; {len(extra)} pairs), CPU {1000 * median(variants[0], 'cpu'):.1f} ms, "
          f"peak {variants[0]['runs'][0]['peak_kib'] / 1024:.1f} MiB")
    return {"variants": variants, "milliseconds_more_than_true": {"median": middle, "q1": quartiles[0],
                                                                  "q3": quartiles[2]}}


def write_small_png(path):
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(v for x in range(64) for v in (x * 4, y * 4, (x ^ y) * 4)) for y in range(64))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def machine():
    models = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
              if line.startswith("model name")]
    return {"processor": models[0] if models else platform.machine(), "processors": os.cpu_count(),
            "kernel": platform.release()}


def without_commands(report):
    """For JSON: commands hold long lists of files."""
    for group in report["groups"].values():
        for variant in group["variants"]:
            variant.pop("command"), variant.pop("cwd", None)
            variant["out"] = Path(variant["out"]).name
    return report


def main():
    arguments = parse_arguments()
    groups = arguments.groups or ["gray", "blur", "sharpen", "jpeg", "start"]
    bench = Bench(arguments)
    if not bench.smalti.exists():
        sys.exit(f"peers: {bench.smalti} is not there: run 'make'")
    report = {"machine": machine(), "rounds": arguments.rounds, "groups": {}}
    print(f"{report['machine']['processor']}, {report['machine']['processors']} processors, Linux "
          f"{report['machine']['kernel']}; medians of {arguments.rounds} rounds")
    inputs = prepare_images(bench) if set(groups) != {"start"} else None
    for group in groups:
        say(group)
        report["groups"][group] = start_group(bench) if group == "start" else image_group(bench, group, inputs)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(without_commands(report), indent=1) + "\n")


if __name__ == "__main__":
    main()
