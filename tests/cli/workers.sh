#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs at workers, from the command line.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

# pipes, standard input and output go through workers as through threads
test_pipes() {
    "$mkimage" make a.png 300 200
    "$smalti" run a.png --resize 100 --format tiff -o - >threads.tif
    "$smalti" run - --resize 100 --format tiff -o - --at workers <a.png >file.tif
    cat a.png | "$smalti" run - --resize 100 --format tiff -o - --at workers | cat >pipe.tif
    cmp threads.tif file.tif
    cmp threads.tif pipe.tif
    mkfifo fifo
    cat a.png >fifo &
    "$smalti" run fifo --resize 100 -o fifo.tif --at workers
    cmp threads.tif fifo.tif
    { printf 12345; cat a.png; } >shifted
    { dd of=/dev/null bs=1 count=5 status=none; "$smalti" run - --resize 100 --format tiff -o - --at workers; } \
        <shifted >shifted.tif
    cmp threads.tif shifted.tif
}

# a worker that was started without the libraries of AVIF and TIFF makes way for one with them, whatever files are called
test_libraries() {
    local way
    "$mkimage" make a.png 300 200
    "$smalti" run a.png --resize 64 -o b.avif
    "$smalti" run a.png --resize 64 -o c.tif
    mkdir in
    for way in 1 2 3; do
        cp a.png "in/$way-a.png"
        cp b.avif "in/$way-b.png"
        cp c.tif "in/$way-c.jpg"
    done
    run 0 "$smalti" run in --format png -o threads -j 2
    run 0 "$smalti" run in --format png -o workers -j 2 --at workers
    equal "$(ls workers | wc -l)" 9
    diff -r threads workers
    run 0 "$smalti" run in/1-b.png -k invert -o own.png --at workers
    cat b.avif | "$smalti" run - --format png -o - --at workers >pipe.png
    cat b.avif | "$smalti" run - --format png -o - >expected.png
    cmp pipe.png expected.png
    mkfifo later.png
    cat b.avif >later.png &
    run 0 "$smalti" run later.png a.png --format png -o fifo --at workers -j 1
    cmp fifo/later.png expected.png
}

# errors are the same at workers, and so is what is left behind
test_errors() {
    "$mkimage" make a.png 40 30
    head -c 200 a.png >short.png
    : >nothing.png
    mkdir folder.png
    printf '%s\n' short.png nothing.png folder.png missing.png a.png >list
    run 3 "$smalti" run --files-from list -k invert -o threads -j 1 -q
    mv err expected
    run 3 "$smalti" run --files-from list -k invert -o workers -j 1 -q --at workers
    cmp err expected
    equal "$(ls -A workers)" a.png
    run 2 "$smalti" run a.png -k invert -o . --at workers
    has err "over its input"
}

# a run that is stopped ends its workers, and one that is killed too
test_stop() {
    local pid worker
    mkdir in
    "$mkimage" make a.png 600 400
    "$mkimage" links a.png in 3000
    for signal in TERM KILL; do
        env --default-signal=INT,TERM "$smalti" run in -k gaussian-blur -o "o$signal" -j 2 --at workers -q &
        pid=$!
        until worker=$(pgrep -P $pid | head -1) && [ -n "$worker" ] && [ -n "$(ls -A "o$signal" 2>/dev/null)" ]; do
            sleep 0.05
        done
        kill -$signal $pid
        wait $pid || true
        for _ in $(seq 100); do
            [ -d "/proc/$worker" ] || break
            sleep 0.05
        done
        [ ! -d "/proc/$worker" ]
        equal "$(find "o$signal" -name '.*' -type f | wc -l)" 0
    done
}

# the jail is explained, in words and as JSON
test_explain() {
    run 0 "$smalti" worker --explain-jail
    has out "seccomp" "landlock" "open a file"
    run 0 "$smalti" worker --explain-jail --json
    json out 'isinstance(d["complete"], bool) and len(d["facilities"]) == 8 and len(d["attempts"]) >= 9'
    has out '"grow"'
    run 9 "$smalti" worker --serve 99
    has err "no socket of a run"
    run 4 "$smalti" run x.png -k invert -o o --at moon
    has err "threads" "workers"
}

# what the system lacks is told once, and is an error when all of the jail is required
test_required() {
    mkdir in
    "$mkimage" make a.png 40 30
    "$mkimage" links a.png in 20
    run 0 "$mkimage" without-landlock "$smalti" run in -k invert -o made -j 2 --at workers
    equal "$(grep -c 'the jail is not complete: landlock' err)" 1
    equal "$(ls made | wc -l)" 20
    run 4 "$mkimage" without-landlock "$smalti" run a.png -k invert -o none --at workers --require-jail
    has err "a.png" "the jail is not complete: landlock"
    [ ! -e none/a.png ]
    run 4 "$mkimage" without-landlock "$smalti" worker --explain-jail --require-jail
    has out "landlock" "MISSING" "not complete"
    run 0 "$mkimage" without-landlock "$smalti" worker --explain-jail
}

run_tests
