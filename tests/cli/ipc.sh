#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Handing work to other processes.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

# bench ipc measures every way, and counts the copies that each makes
test_bench() {
    run 0 "$smalti" bench ipc --tasks 200 --mib 1 --repeat 2 --json
    json out '[round(w["copies"], 3) for w in d["pixels"]] == [2, 2, 2, 0, 1, 0]'
    json out '[w["system_call_bytes"] > 0 for w in d["dispatch"]] == [False, True, True, True, False]'
    json out 'all(w["task_us"] > 0 and w["alone_us"] > 0 for w in d["dispatch"])'
    json out 'all(w["write_ms"] > 0 and w["hand_over_ms"] > 0 and w["all_ms"] > 0 for w in d["pixels"])'
    run 0 "$smalti" bench ipc --tasks 100 --mib 1 --repeat 1
    has out "channel in shared memory" "Unix stream" "block, written directly" "0 copies (goal: 0)"
}

run_tests
