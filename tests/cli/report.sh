#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a run says of itself: its results as JSON, and as a page.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

# A job that makes JPEG of 320 columns of the inputs named.
resize_job() {
    python3 - "$@" <<'PYTHON'
import json, os, sys
json.dump({"inputs": [{"path": p, "name": os.path.basename(p)} for p in sys.argv[1:]],
           "steps": [{"resize": {"width": 320}}], "output": {"dir": "o", "format": "jpeg", "quality": 71}},
          open("job.json", "w"))
PYTHON
}

# results tell where the time of a task went and what it made
test_metrics() {
    "$mkimage" make small.png 600 400
    "$mkimage" make large.jpg 2600 2000
    printf 'not an image' >bad.png
    resize_job small.png large.jpg bad.png none.png
    run 3 "$smalti" run --job job.json --json -j 1
    json out '[r["status"] for r in d["results"]] == ["done", "done", "failed", "failed"] and d["failed"] == [2, 3]'
    json out 'all(r["ms"].keys() == {"wall", "cpu", "read", "decode", "kernels", "steps", "encode", "write"}
        for r in d["results"][:2])'
    json out 'all(0 < r["ms"]["decode"] + r["ms"]["encode"] <= r["ms"]["wall"] and r["ms"]["steps"] > 0 and
        r["ms"]["kernels"] == 0 for r in d["results"][:2])'
    json out 'd["stats"]["step_ns"] > 0'
    json out 'd["results"][0]["fast_path"] == "" and d["results"][1]["fast_path"] in ["reduced 1/4", "reduced 1/8"]'
    json out '[[r[k] for k in ("format", "width", "height", "decoded_bytes")] for r in d["results"][:2]] == [
        ["png", 600, 400, 720000], ["jpeg", 2600, 2000, 15600000]]'
    local small large
    small=$(stat -c %s o/small.jpg) large=$(stat -c %s o/large.jpg)
    json out "[list(r['outputs'][0].values()) for r in d['results'][:2]] == [
        ['o/small.jpg', 'jpeg', 320, 213, $small, 71, None], ['o/large.jpg', 'jpeg', 320, 246, $large, 71, None]]"
    json out "all(abs(r['ratio'] - r['bytes_out'] / r['bytes_in']) < 1e-6 and r['peak_bytes'] > 0 for r in d['results'][:2])"
    json out '"outputs" not in d["results"][2] and "format" not in d["results"][2]'
}

# a file larger than a MiB is told to be mapped, a lossless output to have no quality
test_source() {
    "$mkimage" make small.png 60 40
    "$mkimage" make large.png 1600 1200
    run 0 "$smalti" run small.png large.png -o o --json
    json out '[r["source"] for r in d["results"]] == ["read", "mapped"]'
    json out '[r["outputs"][0]["quality"] for r in d["results"]] == [None, None]'
    json out '[r["outputs"][0]["format"] for r in d["results"]] == ["png", "png"]'
}

run_tests
