#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Inputs that change while they are read.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
here=$(dirname "$(realpath "$0")")

# inputs truncated, overwritten, deleted or replaced while they are read never end a run by a signal or with a broken image
test_changed() {
    python3 "$here/truncate.py" "$smalti" "$mkimage" --count 40
}

run_tests
