#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Large batches, and stopping them.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

# 20,000 inputs are done and told in order
test_many() {
    mkdir in
    "$mkimage" make a.png 4 4
    "$mkimage" links a.png in 20000
    run 0 "$smalti" run in -k mean-deviation --json
    json out 'len(d["results"]) == 20000 and [r["task"] for r in d["results"]] == list(range(20000))'
    json out 'd["stats"]["done"] == 20000'
    empty err
    find in -name '*.png' | sort >list
    run 0 "$smalti" run --files-from list -k invert -o many -q
    equal "$(find many -name '*.png' | wc -l)" 20000
}

# Starts a batch with signals as from a terminal, sends one after the first output, and checks what is left.
stop_by() {
    local signal=$1 pid code=0 tries=0
    mkdir in
    "$mkimage" make a.png 600 400
    "$mkimage" links a.png in 3000
    env --default-signal=INT,TERM "$smalti" run in -k gaussian-blur -o o -j 2 >out 2>err &
    pid=$!
    until [ -n "$(find o -name '*.png' 2>/dev/null | head -1)" ] || [ $tries -gt 600 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    kill "-$signal" $pid
    wait $pid || code=$?
    equal $code 10
    has err "stopped: "
    equal "$(wc -l <err)" 1
    [ "$(find o -type f | wc -l)" -lt 3000 ]
    equal "$(find o -type f ! -name '??????.png')" "" # no half files
    "$smalti" info o --json >after
    json after 'all("error" not in i for i in d)'
    "$mkimage" same "$(find o -name '*.png' | sort | tail -1)" "$(find o -name '*.png' | sort | head -1)"
}

# Ctrl-C ends a batch with code 10 and leaves only whole files
test_interrupt() {
    stop_by INT
}

# SIGTERM does the same, and --skip-existing goes on from there
test_terminate() {
    stop_by TERM
    find in -name '*.png' | sort | tail -n +50 | xargs rm
    find o -name '*.png' | wc -l >before
    run 0 "$smalti" run in -k gaussian-blur -o o --skip-existing --json
    json out 'd["stats"]["skipped"] >= 1 and d["stats"]["failed"] == 0 and d["stats"]["tasks"] == 49'
}

# a reader of standard output that goes away does not kill the batch
test_broken_pipe() {
    local codes
    mkdir in
    "$mkimage" make a.png 4 4
    "$mkimage" links a.png in 3000
    "$smalti" run in -k invert -o o --json 2>err | head -c 10 >/dev/null
    codes=("${PIPESTATUS[@]}")
    equal "${codes[0]}" 7
    empty err
    equal "$(find o -name '*.png' | wc -l)" 3000
}

# on a terminal a bar is drawn and cleared, and NO_COLOR takes its colours
test_bar() {
    command -v script >/dev/null || skip "no script(1)"
    mkdir in
    "$mkimage" make a.png 600 400
    "$mkimage" links a.png in 60
    TERM=xterm run 0 script -qec "$smalti run in -k gaussian-blur:sigma=4 -o o -j 1" /dev/null
    has out "ETA" "/60" $'\033[36m' $'\r\033[K' "60 of 60 done"
    NO_COLOR=1 TERM=xterm run 0 script -qec "$smalti run in -k gaussian-blur:sigma=4 -o o2 -j 1" /dev/null
    has out "ETA"
    fails grep -q $'\033\[3' out
    TERM=dumb run 0 script -qec "$smalti run in -k invert -o o3 -j 1" /dev/null
    fails grep -q "ETA" out
}

run_tests
