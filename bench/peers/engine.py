#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the image engine of `smalti run` with sharp, vipsthumbnail and lazy-image: scaling and encoding.

Groups: batch (500 JPEG to thumbnails), jpeg and webp (one JPEG of 24 megapixels, as commands and in a running process), png
(one PNG of 24 megapixels), encode (WebP and AVIF at equal effort). Inputs are made from photographs. All settings of a peer
are tried in a first round and the quickest go on: in rounds, in turn, every other one backwards; ratios are of the runs of
one round, and their median is what counts. Outputs are compared with the same scaling in floats. Prints Markdown for
docs/benchmarks.md. Scaling alone: resample.py; decoded pixels: correct.py. Install the peers with bench/peers/setup."""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from run import HERE, ROOT, THREADS, Bench, default_peers, machine, median, ratio, say

try:
    import pictures
    from PIL import Image, features
except ImportError:  # they are among the peers
    python = default_peers() / "pillow" / "bin" / "python"
    if os.environ.get("SMALTI_ENGINE") or not python.exists():
        sys.exit("engine: no Pillow and numpy: run bench/peers/setup")
    os.execve(python, [python, __file__, *sys.argv[1:]], {**os.environ, "SMALTI_ENGINE": "1"})

from resample import Program

GROUPS = ("batch", "jpeg", "webp", "png", "encode")
ENDINGS = {"jpeg": "jpg", "webp": "webp", "avif": "avif"}
SHARP_BATCH = [(1, 1, 2), (1, 2, 1), (1, 4, 1), (2, 1, 1), (2, 2, 1), (2, 4, 1)]  # concurrency, in flight, processes
KEPT = {"sharp": 2, "vips": 1, "lazy": 1}  # settings of a peer that go on after the first round
QUALITY_SAMPLE = 25  # of the batch, how many outputs are compared with the reference
DECIBEL = 0.2  # how much worse than the peer's an output may be


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="default: all")
    parser.add_argument("--images", metavar="DIR", help="folder of photographs (default: what tools/photos finds)")
    parser.add_argument("--build", metavar="DIR", default=str(ROOT / "build"), help="build folder (default build)")
    parser.add_argument("--work", metavar="DIR", default=str(ROOT / "out" / "peers"), help="where inputs and outputs go")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds that count (default 5)")
    parser.add_argument("--encoded", type=int, default=6, metavar="N", help="photographs that are encoded as AVIF (default 6)")
    parser.add_argument("--quiet", type=float, metavar="PERCENT", help="repeat a run (up to 5 times) during which other "
                        "processes used more than PERCENT of the machine")
    parser.add_argument("--json", metavar="FILE", help="write everything measured there")
    arguments = parser.parse_args()
    unknown = set(arguments.groups) - set(GROUPS)
    if unknown:
        parser.error("unknown group: " + ", ".join(sorted(unknown)))
    return arguments


class Report:
    """Rows of goals, and the tables below them."""

    def __init__(self):
        self.goals, self.parts, self.data = [], [], {}

    def goal(self, name, limit, value, form="{:.2f}", least=False, note=""):
        """least: the value has to be at least the limit, not at most."""
        met = value >= limit if least else value <= limit
        self.goals.append((name, ("≥ " if least else "≤ ") + form.format(limit), f"**{form.format(value)}**{note}", met))

    def missing(self, name, limit):
        self.goals.append((name, limit, "not measured", None))

    def text(self):
        verdict = {True: "met", False: "**missed**", None: "–"}
        rows = [f"| {n} | {limit} | {value} | {verdict[met]} |" for n, limit, value, met in self.goals]
        return "\n".join(["| goal | limit | measured | verdict |", "|---|---|---|---|", *rows, *self.parts])


def variant(bench, peer, name, command, environment=None, cwd=None):
    out = bench.work / "out-engine" / peer
    return {"name": name, "peer": peer, "out": out, "env": environment or {}, "cwd": cwd,
            "command": [str(out) if word is None else word for word in command]}  # None: the folder for outputs


def smalti(bench, files, name, *options):
    return variant(bench, "smalti", name, [bench.smalti, "run", *files, "-o", None, "-j", THREADS, "-q", *options])


def node(bench, tool, name, files, work):
    folder = {"sharp": "sharp", "lazy": "@alberteinshutoin/lazy-image"}[tool]
    if not shutil.which("node") or not (bench.peers / "npm" / "node_modules" / folder).is_dir():
        return []
    return [variant(bench, tool, name, ["node", HERE / "engine.js", tool, json.dumps(work), None, *files])]


def sharp_name(concurrency, in_flight=1, processes=1):
    if processes > 1:
        return f"sharp, {processes} processes, concurrency {concurrency}"
    return f"sharp, concurrency {concurrency}, {in_flight} in flight"


def vipsthumbnail(bench, files, width, ending, threads, processes):
    if not shutil.which("vipsthumbnail"):
        return []
    share = -(-len(files) // processes)
    script = (f"printf '%s\\0' \"$@\" | xargs -0 -n {share} -P {processes} vipsthumbnail --size {width}x -o "
              f"\"$OUT/%s.{ending}[Q=80]\"")
    name = f"vipsthumbnail, {threads} thread{'s' * (threads > 1)}" + (f", {processes} processes" if processes > 1 else "")
    made = variant(bench, "vips", name, ["sh", "-c", script, "sh", *files], {"VIPS_CONCURRENCY": str(threads)})
    made["env"]["OUT"] = str(made["out"])
    return [made]


def size_of_outputs(out):
    return sum(p.stat().st_size for p in Path(out).iterdir())


def measure(bench, variants, check=None):
    """Runs variants; of each peer the quickest go on after the first round, which does not count. check(variant) after a
    variant's first run gives its PSNR."""
    tried = []
    for v in variants:
        try:
            v["first"] = bench.run(v)["wall"]
            v["bytes"], v["runs"] = size_of_outputs(v["out"]), []
            v["psnr"] = check(v) if check else None
        except (RuntimeError, OSError) as error:
            if v["peer"] == "smalti":
                raise
            say(f"left out: {v['name']}: {error}")
            continue
        tried.append(v)
    kept = [v for v in tried if v["peer"] == "smalti" or v["first"] in sorted(
        w["first"] for w in tried if w["peer"] == v["peer"])[:KEPT[v["peer"]]]]
    for number in range(bench.arguments.rounds):
        for v in kept if number % 2 == 0 else reversed(kept):
            v["runs"].append(bench.run(v))
    return kept, [v for v in tried if v not in kept]


def peak(v):
    return max(run["peak_kib"] for run in v["runs"]) / 1024


def table(kept, dropped=()):
    lines = ["| command | wall s (min to max) | CPU s | peak MiB | output KiB | PSNR dB | wall, of smalti's "
             "| CPU, of smalti's |",
             "|---|---|---|---|---|---|---|---|"]
    for v in kept:
        walls = [run["wall"] for run in v["runs"]]
        psnr = "–" if v["psnr"] is None else f"{v['psnr']:.2f}"
        lines.append(f"| {v['name']} | {median(v, 'wall'):.3f} ({min(walls):.3f} to {max(walls):.3f}) | {median(v, 'cpu'):.3f} "
                     f"| {peak(v):.1f} | {v['bytes'] / 1024:.0f} | {psnr} | {ratio(v, kept[0], 'wall')['median']:.2f} "
                     f"| {ratio(v, kept[0], 'cpu')['median']:.2f} |")
    if dropped:
        lines.append("\nSlower settings, one run each: " + "; ".join(f"{v['name']} {v['first']:.3f} s" for v in dropped) + ".")
    foreign = [run["foreign_percent"] for v in kept for run in v["runs"]]
    lines.append(f"\nOther processes used {statistics.median(foreign):.0f} % of the machine meanwhile (median of runs, at most "
                 f"{max(foreign):.0f} %).")
    return "\n".join(lines)


def best(kept, peer, key="wall"):
    return min((v for v in kept if v["peer"] == peer), key=lambda v: median(v, key), default=None)


def compare(report, work, kept, peer, label, limit):
    """A goal of smalti's wall time against a peer's best setting; gives that."""
    other = best(kept, peer)
    name = f"{work}, wall time of {label}"
    if other:
        report.goal(name, limit, ratio(kept[0], other, "wall")["median"],
                    note=f" (CPU {ratio(kept[0], other, 'cpu')['median']:.2f})")
    else:
        report.missing(name, f"≤ {limit}")
    return other


def compare_quality(report, work, ours, other, bytes_within=None):
    if not other:
        return
    report.goal(f"{work}, dB of PSNR more than {other['name']}", -DECIBEL, ours["psnr"] - other["psnr"], "{:+.2f}", least=True)
    if bytes_within:
        report.goal(f"{work}, bytes, of those by {other['name']}", 1 + bytes_within, ours["bytes"] / other["bytes"], "{:.3f}")


def finish(report, group, title, kept, dropped):
    report.parts.append(f"\n{title}:\n\n{table(kept, dropped)}")
    report.data[group] = [{**{k: v[k] for k in ("name", "peer", "first", "bytes", "psnr", "runs")}} for v in kept + dropped]


def batch_group(bench, report, inputs, reference):
    files = inputs["batch"]
    options = ["--resize", "320", "--format", "jpeg", "--quality", "80"]
    variants = [smalti(bench, files, f"smalti run -j {THREADS}", *options),
                smalti(bench, files, f"smalti run -j {THREADS} --optimize", *options, "--optimize")]
    work = {"width": 320, "format": "jpeg"}
    for plain in (True, False):
        for concurrency, in_flight, processes in SHARP_BATCH:
            name = sharp_name(concurrency, in_flight, processes) + (", plain Huffman" if plain else "")
            variants += node(bench, "sharp", name, files, {**work, "concurrency": concurrency, "inFlight": in_flight,
                                                           "processes": processes, "plain": plain})
    variants += vipsthumbnail(bench, files, 320, "jpg", 1, THREADS)
    for fast in (False, True):
        variants += node(bench, "lazy", f"lazy-image processBatch, concurrency {THREADS}{', fastMode' * fast}", files,
                         {**work, "concurrency": THREADS, "fast": fast})
    sample = files[::len(files) // QUALITY_SAMPLE][:QUALITY_SAMPLE]
    kept, dropped = measure(bench, variants, lambda v: reference.psnr(sample, v["out"]))
    ours, name = kept[0], "500 JPEG → 320 px JPEG"
    sharp = compare(report, name, kept, "sharp", "sharp's best", 0.45)
    compare(report, name, kept, "lazy", "lazy-image's", 0.12)
    report.goal(f"{name}, peak MiB", 24, peak(ours), "{:.1f}")
    if sharp:  # of the same kind of Huffman tables
        alike = ours if "plain" in sharp["name"] else kept[1]
        compare_quality(report, name + (", --optimize" if alike is not ours else ""), alike, sharp, 0.05)
    finish(report, "batch", "500 JPEG of 1200×800 (quality 90) → 320 px JPEG, quality 80, 4:2:0", kept, dropped)


def one_variants(bench, source, form):
    """The commands that scale one image to 800 pixels."""
    effort = ["--webp-effort", "4"] if form == "webp" else []
    variants = [smalti(bench, [source], f"smalti run -j {THREADS}", "--resize", "800", "--format", form, "--quality", "80",
                       *effort)]
    for plain in (True, False) if form == "jpeg" else (False,):
        for concurrency in (1, 2):
            variants += node(bench, "sharp", f"sharp, concurrency {concurrency}{', plain Huffman' * plain}", [source],
                             {"width": 800, "format": form, "concurrency": concurrency, "plain": plain})
    for threads in (1, 2):
        variants += vipsthumbnail(bench, [source], 800, ENDINGS[form], threads, 1)
    return variants + node(bench, "lazy", "lazy-image", [source], {"width": 800, "format": form})


def warm_goal(bench, report, work, source, form):
    """The same in processes that are running and warm: sharp's quickest setting against the library."""
    target = "bench/peers/peers-warm"
    done = subprocess.run(["ninja", "-C", bench.build, target], capture_output=True, text=True)
    name = f"{work}, warm, wall time of sharp's best"
    if done.returncode or not (bench.peers / "npm/node_modules/sharp").is_dir():
        report.missing(name, "≤ 0.95")
        return say(done.stdout[-500:]) if done.returncode else None
    environment = {**os.environ, "PEERS": str(bench.peers)}
    out = bench.work / "out-engine" / "warm"
    out.mkdir(parents=True, exist_ok=True)
    programs = [Program("libsmalti", [bench.build / target, source, out, 800, form], environment)]
    for concurrency in (1, 2):
        words = {"width": 800, "format": form, "concurrency": concurrency, "plain": True, "warm": True}
        programs.append(Program(f"sharp, concurrency {concurrency}{', plain Huffman' * (form == 'jpeg')}",
                                ["node", HERE / "engine.js", "sharp", json.dumps(words), out, source], environment))
    for number in range(-2, 2 * bench.arguments.rounds + 1):
        for program in programs if number % 2 == 0 else reversed(programs):
            run = program.scale()
            if number >= 0:
                program.runs.append(run)
    rows = [{"name": p.name, "runs": p.runs} for p in programs]
    for program in programs:
        program.end()
    sharp = min(rows[1:], key=lambda v: median(v, "wall"))
    report.goal(name, 0.95, ratio(rows[0], sharp, "wall")["median"])
    lines = [f"\n{work}, in a running process:\n", "| program | wall ms (fastest) | CPU ms | wall, of smalti's |",
             "|---|---|---|---|"]
    lines += [f"| {v['name']} | {median(v, 'wall'):.1f} ({min(r['wall'] for r in v['runs']):.1f}) | {median(v, 'cpu'):.1f} "
              f"| {ratio(v, rows[0], 'wall')['median']:.2f} |" for v in rows]
    report.parts.append("\n".join(lines))
    report.data[f"warm {form}"] = rows


def one_group(bench, report, inputs, reference, group):
    source, form = (inputs["png"], "jpeg") if group == "png" else (inputs["jpeg"], group)
    kept, dropped = measure(bench, one_variants(bench, source, form), lambda v: reference.psnr([source], v["out"]))
    title = {"jpeg": "24 MP JPEG → 800 px JPEG", "webp": "24 MP JPEG → 800 px WebP",
             "png": "24 MP PNG → 800 px JPEG"}[group]
    limit = {"jpeg": 0.55, "webp": 0.6, "png": 0.4}[group]
    sharp = compare(report, title, kept, "sharp", "sharp's best", limit)
    if group != "png":
        compare(report, title, kept, "vips", "vipsthumbnail's best", limit)
    else:
        report.goal(f"{title}, peak MiB", 24, peak(kept[0]), "{:.1f}")
    compare_quality(report, title, kept[0], sharp)
    finish(report, group, f"{title}, quality 80, one command", kept, dropped)
    if group != "png":
        warm_goal(bench, report, title, source, form)


def start_of(bench, v):
    """CPU seconds of starting a variant's program: the smallest image there is."""
    tiny = bench.work / "tiny.png"
    Image.new("RGB", (8, 8)).save(tiny)
    at = next(i for i, word in enumerate(v["command"]) if str(word).endswith(".png"))
    rest = [word for word in v["command"][at:] if not str(word).endswith(".png")]
    small = {**v, "command": [*v["command"][:at], tiny, *rest]}
    return statistics.median(bench.run(small)["cpu"] for _ in range(3))


def encode_group(bench, report, inputs, reference):
    for form, quality in (("webp", 80), ("avif", 50)):
        files = inputs["photographs"] if form == "webp" else inputs["photographs"][:bench.arguments.encoded]
        variants = [smalti(bench, files, f"smalti run -j {THREADS}", "--format", form, "--quality", quality,
                           f"--{form}-effort", "4")]
        for concurrency, in_flight in ((1, 2), (2, 1)):
            variants += node(bench, "sharp", sharp_name(concurrency, in_flight), files, {
                "format": form, "quality": quality, "effort": 4, "concurrency": concurrency, "inFlight": in_flight})
        readable = form == "webp" or features.check("avif")
        kept, dropped = measure(bench, variants, (lambda v: reference.psnr(files, v["out"])) if readable else None)
        name = f"{len(files)} photographs → {form.upper() if form == 'avif' else 'WebP'}"
        sharp = best(kept, "sharp", "cpu")
        if sharp:
            ours, theirs = start_of(bench, kept[0]), start_of(bench, sharp)
            alone = statistics.median((a["cpu"] - ours) / (b["cpu"] - theirs) for a, b in zip(kept[0]["runs"], sharp["runs"]))
            report.goal(f"{name}, CPU time of sharp's, without starting", 1.05, alone)
            compare_quality(report, name, kept[0], sharp) if readable else None
        else:
            report.missing(f"{name}, CPU time of sharp's", "≤ 1.05")
        finish(report, form, f"{name}, effort 4, quality {quality}", kept, dropped)


def version_lines(bench):
    lines = []
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\\n", "libjpeg62-turbo", "libwebp7", "libavif15",
                           "libaom3", "libvips-tools"], capture_output=True, text=True)
    lines.append("Smalti and vipsthumbnail: " + ", ".join(done.stdout.split("\n")).strip(", "))
    if (bench.peers / "npm/node_modules/sharp").is_dir() and shutil.which("node"):
        done = subprocess.run(["node", HERE / "engine.js", "sharp", '{"versions":true}', "."], capture_output=True, text=True,
                              env={**os.environ, "PEERS": str(bench.peers)})
        versions = json.loads(done.stdout or "{}")
        lines.append("sharp: " + ", ".join(f"{key} {versions[key]}" for key in (
            "sharp", "vips", "mozjpeg", "webp", "heif", "aom") if key in versions))
    package = bench.peers / "npm/node_modules/@alberteinshutoin/lazy-image/package.json"
    if package.exists():
        lines.append("lazy-image: " + json.loads(package.read_text())["version"])
    return "; ".join(lines) + "."


def main():
    arguments = parse_arguments()
    bench = Bench(arguments)
    if not bench.smalti.exists():
        sys.exit(f"engine: {bench.smalti} is not there: run 'make'")
    folder = arguments.images or subprocess.run([ROOT / "tools" / "photos"], cwd=ROOT, check=True, capture_output=True,
                                                text=True).stdout.strip()
    photographs = sorted(p for p in (ROOT / folder).resolve().iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
    if not photographs:
        sys.exit(f"engine: {folder}: no PNG or JPEG images")
    say("making inputs")
    inputs = pictures.make(photographs, bench.work / "engine")
    report, reference = Report(), pictures.Reference()
    for group in [g for g in GROUPS if not arguments.groups or g in arguments.groups]:
        say(group)
        if group in ("batch", "encode"):
            {"batch": batch_group, "encode": encode_group}[group](bench, report, inputs, reference)
        else:
            one_group(bench, report, inputs, reference, group)
    host = machine()
    print(f"{host['processor']}, {host['processors']} processors, Linux {host['kernel']}; medians of {arguments.rounds} "
          f"rounds. {version_lines(bench)}\n\n{report.text()}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"machine": host, "rounds": arguments.rounds, "goals": report.goals,
                                                    "groups": report.data}, indent=1) + "\n")


if __name__ == "__main__":
    main()
