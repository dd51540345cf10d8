#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The memory that processes take, as the system counts it, against what they were given.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
here=$(dirname "$(realpath "$0")")

# Sanitizers keep shadows and freed memory of their own.
plain() {
    if nm "$smalti" 2>/dev/null | grep '__asan_init\|__tsan_init' >/dev/null; then skip "a sanitizer keeps memory of its own"; fi
    "$mkimage" make probe.png 4 4
    "$smalti" run probe.png -k invert -o probe --json >out 2>err
    json out 'd["process"]["resident_peak_bytes"] > 0' || skip "this system does not tell how much memory a process has"
}

# files of some bytes that decode to hundreds of megabytes stay within --memory, or are refused with the limit's name
test_bombs() {
    plain
    mkdir bombs
    python3 "$here/bombs.py" bombs
    local file code
    for file in bombs/*; do
        for format in jpeg png; do
            code=0
            "$smalti" run "$file" --resize 320x --format $format -o o --memory 64M --max-pixels 4G --max-ratio 1000000000 \
                --json >out 2>err || code=$?
            json out 'd["process"]["resident_peak_bytes"] <= 64 << 20'
            case $code:$(cat err) in
            0:) ;;
            5:*"of memory, the budget is "*"raise it with --memory") ;;
            5:*"tall.png: 320 × 6400000 pixels are more than jpeg can hold") ;;
            *)
                echo "$file to $format: exit code $code"
                cat err
                return 1
                ;;
            esac
        done
    done
    # as they are, the limits refuse them from their heads
    "$smalti" run bombs -r --resize 320x --format png -o p --json --memory 64M >out 2>err || code=$?
    equal "$code" 5
    json out 'd["process"]["resident_peak_bytes"] <= 64 << 20'
}

# a batch of many kinds of images stays within --memory from its start to its end
test_batch() {
    plain
    mkdir in
    local i
    for i in 1 2 3 4 5 6; do
        "$mkimage" make in/$i.png $((i * 400)) $((i * 300)) $((i % 4 + 1)) $((i % 2 * 8 + 8))
        "$smalti" run in/$i.png -o in --format jpeg --progressive -q
        "$smalti" run in/$i.png -o in --format webp --webp-effort 1 -q || true
    done
    find in -type f | sort >once
    for i in 1 2 3 4; do cat once; done | nl -w1 -s' ' | while read -r i file; do
        ln "$file" "in/$i-${file#in/}"
        echo "in/$i-${file#in/}"
    done >list
    run 0 "$smalti" run --files-from list --resize 320x --format jpeg --template '{index}{ext}' -o o --memory 64M -j 2 --json
    json out 'd["process"]["resident_peak_bytes"] <= 64 << 20 and d["stats"]["done"] == 72'
}

# bench memory tells what each input took, and fails when it was too much
test_bench() {
    plain
    "$mkimage" make a.png 3000 2000
    "$mkimage" make b.jpg 1200 800
    run 0 "$smalti" bench memory a.png b.jpg --json
    json out 'd["kept"] and [r["source"] for r in d["results"]] == ["mapped", "read"] and d["results"][0]["streams"]'
    json out 'all(0 < r["resident_before_bytes"] <= r["resident_peak_bytes"] <= r["allowed_bytes"] for r in d["results"])'
    run 0 "$smalti" bench memory a.png
    has out "a.png" "mapped" "streams"
    run 5 "$smalti" bench memory a.png --memory 4M
    has err "more memory than is allowed was taken"
}

run_tests
