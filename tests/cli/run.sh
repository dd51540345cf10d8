#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# smalti run and smalti info.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

# a kernel runs over an image into a folder, a file, and standard output
test_outputs() {
    "$mkimage" make a.png 130 97
    run 0 "$smalti" run a.png -k invert -o o
    empty out
    empty err
    run 0 "$smalti" run a.png -k invert -o b.png
    run 0 "$smalti" run a.png -k invert -o -
    cp out c.png
    run 0 "$smalti" run - -k invert -o - <a.png
    cp out d.png
    run 0 "$smalti" run a.png -k invert -o folder
    "$mkimage" same folder/a.png b.png
    "$mkimage" same b.png c.png
    "$mkimage" same c.png d.png
    run 0 "$smalti" run b.png -k invert -o e.png
    "$mkimage" same a.png e.png
    fails "$mkimage" same a.png b.png
}

# the output's name and --format choose the format
test_format() {
    "$mkimage" make a.png 40 30
    run 0 "$smalti" run a.png -o b.jpg --quality 90 --subsampling 444
    run 0 "$smalti" run a.png -o o --format jpeg
    run 0 "$smalti" info b.jpg o/a.jpg --json
    json out '[i["format"] for i in d] == ["jpeg", "jpeg"] and [i["subsampling"] for i in d] == ["4:4:4", "4:2:0"]'
}

# output bytes are the same for every strip height and number of threads
test_same_bytes() {
    local rows jobs
    "$mkimage" make a.png 200 173
    "$smalti" run a.png -k gaussian-blur:sigma=2 -k sharpen -o whole.png --strip-rows 173
    for rows in 1 7 16 64; do
        for jobs in 1 2 7; do
            "$smalti" run a.png -k gaussian-blur:sigma=2 -k sharpen -o cut.png --strip-rows $rows -j $jobs
            cmp whole.png cut.png
        done
    done
}

# the exit code tells the class of error
test_exit_codes() {
    "$mkimage" make a.png 40 30
    echo "not an image" >b.png
    head -c 100 a.png >c.png
    printf '\0asm\1\0\0\0' >bad.wasm
    run 2 "$smalti" run a.png -k no-such-kernel -o o
    run 2 "$smalti" run a.png -k gaussian-blur:sigma=-3 -o o
    has err sigma
    run 3 "$smalti" run b.png -k invert -o o
    run 3 "$smalti" run c.png -k invert -o o
    run 4 "$smalti" run a.png -k invert -o o --at moon
    has err "--at moon" threads
    run 5 "$smalti" run a.png -k invert -o o --max-pixels 1k
    run 7 "$smalti" run missing.png -k invert -o o
    has err missing.png
    run 7 "$smalti" run a.png -k invert -o /proc/nowhere
    run 8 "$smalti" run a.png -k ./bad.wasm -o o
    [ ! -e o/a.png ]
}

# a bad input is one line on standard error, and the others are done
test_bad_input() {
    "$mkimage" make a.png 40 30
    "$mkimage" make c.png 40 30
    echo "not an image" >b.png
    run 3 "$smalti" run a.png b.png c.png -k invert -o o
    equal "$(grep -c 'b\.png' err)" 1
    has err "smalti: 2 of 3 done, 1 failed"
    [ -e o/a.png ]
    [ ! -e o/b.png ]
    [ -e o/c.png ]
    run 3 "$smalti" run a.png b.png c.png -k invert -o o -q
    equal "$(wc -l <err)" 1
    run 7 "$smalti" run missing.png a.png -k invert -o o2 --json
    [ -e o2/a.png ]
    json out 'd["failed"] == [0] and d["results"][0]["error"]["class"] == "io"'
}

# inputs that would make one output, and outputs over inputs, are refused before anything runs
test_collisions() {
    mkdir x y
    "$mkimage" make x/a.png 20 20
    "$mkimage" make y/a.png 20 20
    "$mkimage" make x/b.png 20 20
    run 2 "$smalti" run x/b.png x/a.png y/a.png -k invert -o o
    [ ! -e o/b.png ]
    run 0 "$smalti" run x/a.png y/a.png -k invert -o o --template '{index}{ext}'
    equal "$(find o -name '*.png' | wc -l)" 2
    cp x/a.png before.png
    run 2 "$smalti" run x -k invert -o x
    cmp x/a.png before.png
    run 0 "$smalti" run x -k invert -o x --overwrite
    fails cmp -s x/a.png before.png
    run 2 "$smalti" run x/a.png y/a.png -k invert -o one.png
    has err "2 inputs"
}

# options that contradict each other are refused
test_contradictions() {
    "$mkimage" make a.png 20 20
    run 2 "$smalti" run a.png -k invert -o - --json
    run 2 "$smalti" run - --files-from - -k invert -o o </dev/null
    has err "standard input can be read only once"
    run 2 "$smalti" run a.png
    has err "nothing would come of it"
    run 2 "$smalti" run a.png -k invert
    run 0 "$smalti" run a.png -k invert -k sharpness
}

# --dry-run prints the plan and does nothing
test_dry_run() {
    "$mkimage" make a.png 40 30
    run 0 "$smalti" run a.png -k gaussian-blur -o o --dry-run
    has out a.png gaussian-blur "o/a.png"
    run 0 "$smalti" run a.png -k gaussian-blur -o o --dry-run --json
    json out 'd'
    [ ! -e o ]
}

# --json tells every task in order, and what failed
test_json() {
    "$mkimage" make a.png 40 30
    "$mkimage" make c.png 40 30
    echo "not an image" >b.png
    run 3 "$smalti" run a.png b.png c.png -k invert -k mean-deviation -o o --json -j 3
    json out '[r["task"] for r in d["results"]] == [0, 1, 2]'
    json out '[r["status"] for r in d["results"]] == ["done", "failed", "done"]'
    json out 'd["failed"] == [1] and d["results"][1]["error"]["class"] == "format"'
    json out 'd["results"][2]["output"] == "o/c.png" and "mean-deviation" in d["results"][2]["measures"]'
    json out 'd["result"] == "format" and d["stats"]["done"] == 2 and d["stats"]["failed"] == 1'
}

# names that are not UTF-8 or hold control characters neither break JSON nor reach the terminal
test_odd_names() {
    local name=$'a\033[31m\xff\n.png'
    "$mkimage" make ok.png 20 20
    mv ok.png "$name"
    run 0 "$smalti" run "$name" -k mean-deviation --json
    json out 'd["results"][0]["input"] == "a\x1b[31m\ufffd\n.png"'
    run 0 "$smalti" info "$name"
    fails grep -q $'\033' out
    echo bad >"$name"
    run 3 "$smalti" run "$name" -k mean-deviation
    fails grep -q $'\033' err
    equal "$(wc -l <err)" 1
}

# measures need no output and are a table
test_measures() {
    "$mkimage" make a.png 40 30
    "$mkimage" make b.png 40 30
    run 0 "$smalti" run a.png b.png -k mean-deviation -k histogram
    empty err
    equal "$(wc -l <out)" 3
    has out mean-deviation.mean histogram INPUT a.png b.png
}

# --progress json writes an object for every event on standard error
test_events() {
    "$mkimage" make a.png 40 30
    echo "not an image" >b.png
    run 3 "$smalti" run a.png b.png -k invert -o o --progress json -j 1
    empty out
    python3 - <<'END'
import json
events = [json.loads(line) for line in open("err", encoding="utf-8")]
kinds = [(e["event"], e["task"]) for e in events if e["event"] != "progress"]
assert kinds == [("started", 0), ("done", 0), ("started", 1), ("failed", 1)], kinds
assert events[-1]["error"]["message"] and events[-1]["tasks"] == 2
END
}

# without a terminal there is no bar, and --stats goes to standard error
test_stats() {
    "$mkimage" make a.png 40 30
    run 0 "$smalti" run a.png -k invert -o o --stats
    empty out
    has err decode kernels encode copies memory "1 done"
    fails grep -q $'\r' err
}

# --skip-existing leaves out what is there
test_skip_existing() {
    local i
    mkdir in
    for i in 1 2 3; do "$mkimage" make in/$i.png 30 20; done
    "$smalti" run in/1.png -k invert -o o
    echo mark >o/1.png
    run 0 "$smalti" run in -k invert -o o --skip-existing --json
    json out '[r["status"] for r in d["results"]] == ["skipped", "done", "done"] and d["stats"]["skipped"] == 1'
    equal "$(cat o/1.png)" mark
}

# --files-from reads names that end with NUL or line breaks, from a file or standard input
test_files_from() {
    mkdir in
    "$mkimage" make $'in/a\nb.png' 20 20
    "$mkimage" make in/c.png 20 20
    find in -name '*.png' -print0 >nul
    run 0 "$smalti" run --files-from - -k invert -o o1 <nul
    equal "$(find o1 -name '*.png' -print0 | tr -dc '\0' | wc -c)" 2
    run 0 "$smalti" run --files-from nul --null -k invert -o o2
    echo in/c.png >lines
    run 0 "$smalti" run --files-from lines -k invert -o o3
    [ -e o3/c.png ]
    run 7 "$smalti" run --files-from lines -0 -k invert -o o4 # the line break is part of the name
    run 2 "$smalti" run --files-from /dev/null -k invert -o o5
    has err "no inputs"
    run 7 "$smalti" run --files-from missing -k invert -o o6
    has err missing
}

# folders are kept with -r, and {dir} puts them elsewhere
test_recursive() {
    mkdir -p in/x/y
    "$mkimage" make in/a.png 20 20
    "$mkimage" make in/x/y/b.png 20 20
    run 0 "$smalti" run in -r -k invert -o o
    [ -e o/a.png ]
    [ -e o/x/y/b.png ]
    run 0 "$smalti" run in -k invert -o o2
    [ -e o2/a.png ]
    [ ! -e o2/x ]
    run 0 "$smalti" run 'in/**/*.png' -k invert -o o3
    [ -e o3/a.png ]
    [ -e o3/x/y/b.png ]
}

# --job reads a job, and options replace what it says
test_job() {
    "$mkimage" make a.png 40 30
    echo '{"inputs": ["a.png"], "steps": [{"kernel": {"module": "invert"}}], "output": {"dir": "o"}}' >job.json
    run 0 "$smalti" run --job job.json
    run 0 "$smalti" run --job - -o p <job.json
    "$mkimage" same o/a.png p/a.png
    run 0 "$smalti" run --job job.json -k invert -o q --format png
    "$mkimage" same a.png q/a.png
    echo '{"inputs": ["a.png"], "colour": 1}' >job.json
    run 2 "$smalti" run --job job.json
    has err colour
}

# standard output that cannot be written is an error
test_full() {
    "$mkimage" make a.png 40 30
    [ -w /dev/full ] || skip "no /dev/full"
    code=0
    "$smalti" info a.png >/dev/full 2>err || code=$?
    equal $code 7
    has err "standard output"
    code=0
    "$smalti" run a.png -k invert -o - >/dev/full 2>err || code=$?
    equal $code 7
}

# info tells what files are, and goes on past a bad one
test_info() {
    mkdir -p in/sub
    "$mkimage" make in/a.png 40 30 4 16
    "$mkimage" make in/b.jpg 50 20
    "$mkimage" make in/sub/c.png 8 9 1
    echo "not an image" >in/bad.png
    run 3 "$smalti" info in
    has out a.png b.jpg 40x30 rgba 4:2:0
    fails grep -q c.png out
    equal "$(grep -c bad.png err)" 1
    run 3 "$smalti" info -r in --json
    json out 'sorted(i["file"] for i in d) == ["in/a.png", "in/b.jpg", "in/bad.png", "in/sub/c.png"]'
    json out '[i["sample"] for i in d if i["file"] == "in/a.png"] == ["u16"]'
    json out '[i["error"]["class"] for i in d if "error" in i] == ["format"]'
    run 0 "$smalti" info - --json <in/b.jpg
    json out 'd[0]["width"] == 50 and d[0]["subsampling"] == "4:2:0"'
    run 7 "$smalti" info missing.png in/a.png
    has out a.png
}

run_tests
