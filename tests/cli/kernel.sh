#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# smalti kernel, and smalti bench.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

has_clang() {
    command -v clang-19 || command -v clang-16 || command -v clang-14 || command -v clang
} >/dev/null

# shipped kernels are listed, and each can be inspected
test_list() {
    local name
    run 0 "$smalti" kernel list --names
    cp out names
    has names grayscale sharpen histogram
    run 0 "$smalti" kernel list
    has out "gaussian-blur" tile sigma measure
    run 0 "$smalti" kernel list --json
    json out '[k["name"] for k in d] == open("names").read().split()'
    while read -r name; do
        run 0 "$smalti" kernel inspect "$name"
        has out "$name " kind samples channels
        run 0 "$smalti" kernel inspect "$name" --json
        json out "d['name'] == '$name' and d['abi'] == 1 and all(p['min'] <= p['default'] <= p['max'] for p in d['params'])"
    done <names
}

# what is no kernel is refused with the reason
test_inspect_wrong() {
    echo "not a module" >a.wasm
    run 8 "$smalti" kernel inspect ./a.wasm
    has err a.wasm
    run 7 "$smalti" kernel inspect ./missing.wasm
    run 2 "$smalti" kernel inspect sharpenn
    empty out
}

# shipped kernels pass their test
test_shipped() {
    local name
    for name in invert sobel histogram; do
        run 0 "$smalti" kernel test $name
        has out "PASS  u8" "$name: PASS"
    done
    run 0 "$smalti" kernel test invert --json
    json out 'd["passed"] and all(c["passed"] and c["runs"] > 100 for c in d["classes"])'
}

# a new project in C builds, passes its test, and runs
test_new_c() {
    has_clang || skip "no clang"
    run 0 "$smalti" kernel new my-glow
    equal "$(cat out)" my-glow
    fails grep -rq '@NAME@' my-glow
    run 0 "$smalti" kernel build my-glow
    equal "$(cat out)" my-glow/my-glow.wasm
    run 0 "$smalti" kernel inspect my-glow/my-glow.wasm
    has out my-glow
    run 0 "$smalti" kernel test my-glow
    has out PASS
    (cd my-glow && run 0 "$smalti" kernel test)
    "$mkimage" make a.png 40 30
    run 0 "$smalti" run a.png -k my-glow/my-glow.wasm -o o
    [ -e o/a.png ]
    run 2 "$smalti" kernel new my-glow
    has err "is there already"
}

# a new project in Rust builds, passes its test, and runs
test_new_rust() {
    run 0 "$smalti" kernel new my-tint --lang rust -o .
    fails grep -rq '@NAME@' my-tint
    command -v cargo >/dev/null || skip "no cargo"
    [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown" ] || skip "Rust has no wasm32-unknown-unknown"
    run 0 "$smalti" kernel test my-tint
    has out PASS
}

# names that would not do are refused
test_new_names() {
    local name
    for name in Upper ../up a/b 1st 'a b' -- -x; do
        run 2 "$smalti" kernel new "$name"
    done
    equal "$(find . -mindepth 1 -type d)" ""
}

# a compiler's error is a failure, and shown
test_build_error() {
    has_clang || skip "no clang"
    "$smalti" kernel new broken 2>/dev/null
    echo "this is not C" >broken/kernel.c
    run 8 "$smalti" kernel build broken
    has err "error:" "broken"
    empty out
    [ ! -e broken/broken.wasm ]
    run 2 "$smalti" kernel build "$work"
    has err "no kernel's project"
}

# the test finds a kernel whose result depends on how the image is cut
test_finds_fault() {
    has_clang || skip "no clang"
    "$smalti" kernel new faulty 2>/dev/null
    cat >faulty/kernel.c <<'END'
#include "smalti_kernel.h"

SMALTI_DESCRIBE({"name": "faulty", "version": "1.0", "summary": "adds the row in its strip", "kind": "tile", "abi": 1,
    "samples": ["u8"], "channels": [1, 3], "halo": 0, "in_place": true})

static int32_t add_row(const smalti_tile *tile)
{
    for (uint32_t y = 0; y < tile->height; y++)
        for (uint32_t i = 0; i < tile->width * tile->channels; i++)
            SMALTI_DST(uint8_t, tile, y)[i] = (uint8_t)(SMALTI_SRC(uint8_t, tile, y)[i] + y);
    return 0;
}

SMALTI_TILE(add_row, SMALTI_NONE, SMALTI_NONE)
END
    run 8 "$smalti" kernel test faulty
    has out "FAIL  u8   1 channel" "strips of 1 rows: pixel (0, 1) channel 0 is" "faulty: FAIL"
    run 8 "$smalti" kernel test faulty --json
    json out 'not d["passed"] and "pixel (0, 1)" in d["classes"][0]["why"]'
}

# all strategies give the same pixels and a table
test_bench() {
    mkdir in tmp
    export TMPDIR=$PWD/tmp # of this test alone
    "$mkimage" make in/a.png 300 270
    "$mkimage" make in/b.png 64 20 4
    "$mkimage" make in/c.png 257 1 1
    "$mkimage" make in/d.png 31 30 2
    run 0 "$smalti" bench strategies in --repeat 1 -j 1,2
    has out naive "memory, raw" zero-copy "same pixels" "against naive, 1 worker" "against memory, 1 worker"
    fails has out "8 workers" # not measured
    run 0 "$smalti" bench strategies in --repeat 2 -j 2 --filter invert --json
    json out '[r["way"] for r in d["results"]] == ["naive", "memory", "memory, raw", "zero-copy"] and d["same_pixels"]'
    json out 'd["zero_copy_vs_naive"] is None' # not measured with one worker
    equal "$(ls tmp)" ""
}

# the bytes that strategies move are those that are moved
test_bench_bytes() {
    mkdir in
    "$mkimage" make in/a.png 300 270
    "$mkimage" make in/b.png 64 20 4
    run 0 "$smalti" bench strategies in --repeat 1 -j 1 --filter invert --json
    # 5 tiles. memory: PNG in and out, pixels put together; naive: each PNG to a file and back as well
    local pixels=$((300 * 270 * 3 + 64 * 20 * 4))
    json out "d['results'][1]['copied_bytes'] > $pixels"
    json out "d['results'][0]['copied_bytes'] == 3 * d['results'][1]['copied_bytes'] - 2 * $pixels"
    # raw: pixels cut out, in, out and put together, with headers of 56 bytes
    json out "d['results'][2]['copied_bytes'] == 4 * $pixels + 5 * 2 * 56"
    json out "d['results'][3]['copied_bytes'] == 0"
}

# strategies refuse samples that the ways by tiles cannot hold
test_bench_deep() {
    mkdir in
    "$mkimage" make in/a.png 30 20 3 16
    run 4 "$smalti" bench strategies in
    has err in/a.png "16 bits" "8 bits only"
    empty out
}

run_tests
