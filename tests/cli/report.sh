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
    json out 'd["results"][0]["fast_path"] == "" and d["results"][1]["fast_path"] in ["reduced 1/4, planes", "reduced 1/8"]'
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

# page FILE EXPRESSION: the page is well formed, loads nothing, and the expression is true of it: p is its text, "tags" its
# opening tags, "text" what is read, "scripts" what is run.
page() {
    python3 - "$@" <<'PYTHON'
import base64, hashlib, html.parser, re, sys
p = open(sys.argv[1], encoding="utf-8").read()
open_tags, tags, scripts, words = [], [], [], []
class Reader(html.parser.HTMLParser):
    def handle_starttag(self, tag, attributes):
        tags.append((tag, dict(attributes)))
        if tag not in ("meta", "img", "br", "rect"):
            open_tags.append(tag)
    def handle_endtag(self, tag):
        assert open_tags.pop() == tag, f"</{tag}> ends nothing"
    def handle_startendtag(self, tag, attributes):
        tags.append((tag, dict(attributes)))
    def handle_data(self, data):
        (scripts if open_tags and open_tags[-1] == "script" else words).append(data)
reader = Reader()
reader.feed(p)
reader.close()
assert not open_tags, open_tags
text = "".join(words)
policy = next(a["content"] for t, a in tags if t == "meta" and "http-equiv" in a)
digest = base64.b64encode(hashlib.sha256("".join(scripts).encode()).digest()).decode()
assert f"script-src 'sha256-{digest}'" in policy, f"CLI_REPORT_SCRIPT_HASH has to be sha256-{digest}"
for tag, attributes in tags:
    assert not any(name.startswith("on") for name in attributes), (tag, attributes)
    for name in ("src", "href", "action", "data"):
        assert attributes.get(name, "data:").startswith("data:"), (tag, attributes)
pictures = [a["src"] for t, a in tags if t == "img"]
assert all(len(src) <= 12 * 1024 + 32 for src in pictures)
assert all(base64.b64decode(src.split(",")[1])[:2] == b"\xff\xd8" for src in pictures)
if not eval(sys.argv[2]):
    sys.exit(f"not true of {sys.argv[1]}: {sys.argv[2]}\n{text[-3000:]}")
PYTHON
}

# --report writes a page with sizes, times, pictures and what failed
test_page() {
    "$mkimage" make a.png 600 400
    "$mkimage" make b.png 300 200
    printf 'not an image' >bad.png
    run 3 "$smalti" run a.png b.png bad.png --format jpeg -o o --report r.html
    page r.html 'len(scripts) == 1 and len(pictures) == 4'
    page r.html '"2 of 3" in text and "bad.png: no image format" in text and "a.jpg" in text'
    page r.html '"png 600 × 400" in text and "jpeg 300 × 200" in text and "Time by stage" in text'
    equal "$(find . -name 'r.html*')" ./r.html
    equal "$(stat -c %a r.html)" "$(stat -c %a o/a.jpg)"
}

# names that look like markup, or are no UTF-8, are only text in a page
test_page_names() {
    mkdir in
    "$mkimage" make in/a.png 40 30
    cp in/a.png "in/<script>alert(1)<script>.png"
    cp in/a.png "in/\" onerror=\"alert(1).png"
    cp in/a.png "in/' onload='x' &lt;.png"
    cp in/a.png $'in/\xff\xfe.png'
    cp in/a.png $'in/\e[2J\n\xe2\x80\xaegpj.png'
    printf x >'in/<img src=x>.png'
    run 3 "$smalti" run in --format jpeg -o o --report r.html
    page r.html 'len(scripts) == 1 and "<script>alert(1)<script>.jpg" in text and "&lt;.png" in text'
    page r.html '"\" onerror=\"alert(1).png" in text and "in/<img src=x>.png: " in text'
    page r.html '"\ufffd\ufffd.png" in text and "\x1b" not in p and "\u202e" not in p'
    page r.html 'len(pictures) == 12'
}

# a page is not written over an image, and what cannot be written is told before anything runs
test_page_refused() {
    "$mkimage" make a.png 60 40
    cp a.png b.png
    run 2 "$smalti" run a.png -k invert -o o --report b.png
    has err "the name of the page ends in .html"
    cmp a.png b.png
    run 7 "$smalti" run a.png -k invert -o o --report none/r.html
    has err "--report none/r.html: cannot be written"
    [ ! -e o ]
}

# measures alone make a page too, and so does a batch without a picture
test_page_measures() {
    "$mkimage" make a.png 60 40
    run 0 "$smalti" run a.png -k sharpness --report r.html
    page r.html '"no outputs" in text and "1 of 1" in text'
    run 7 "$smalti" run none.png -k invert -o o --report s.html
    page s.html '"0 of 1" in text and not pictures'
}

run_tests
