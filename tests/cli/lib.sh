# SPDX-License-Identifier: Apache-2.0
# A harness for tests of the command, sourced by each: test_* functions are run in the order they stand in the file, each
# in a subshell with -e in a folder of its own, and told as TAP. The sentence is the comment line before the function.
#   SCRIPT SMALTI MKIMAGE [PART OF A SENTENCE]
# shellcheck shell=bash disable=SC2034 # used by those who source it
set -u
smalti=$(realpath "$1") mkimage=$(realpath "$2") only=${3-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache # compiled kernels of this test only
unset NO_COLOR COLUMNS

# Runs a command with its output in out and err, and wants this exit code.
run() {
    local wanted=$1 code=0
    shift
    "$@" >out 2>err || code=$?
    [ "$code" = "$wanted" ] && return
    echo "exit code $code, not $wanted: $*"
    sed 's/^/  err: /' err
    return 1
}

# Runs a command that must not succeed ("! command" would not end a test).
fails() {
    if "$@"; then
        echo "succeeded: $*"
        return 1
    fi
}

# A file's text holds all these parts.
has() {
    local file=$1 part
    shift
    for part; do
        grep -qF -- "$part" "$file" || {
            echo "$file does not contain: $part"
            head -20 "$file" | sed 's/^/  /'
            return 1
        }
    done
}

empty() {
    [ ! -s "$1" ] || {
        echo "$1 is not empty:"
        head -5 "$1"
        return 1
    }
}

equal() {
    [ "$1" = "$2" ] || {
        echo "'$1' is not '$2'"
        return 1
    }
}

# json FILE EXPRESSION: the file is JSON, d in Python, and the expression is true.
json() {
    python3 - "$@" <<'PYTHON'
import json, sys
d = json.load(open(sys.argv[1], encoding="utf-8"))
if not eval(sys.argv[2]):
    sys.exit(f"not true of {sys.argv[1]}: {sys.argv[2]}\n{str(d)[:600]}")
PYTHON
}

skip() {
    echo "$*" >skipped
    exit 77
}

run_tests() {
    local count=0 failed=0 code name sentence
    local -a names=()
    while IFS= read -r name; do
        sentence=$(grep -B1 "^$name()" "$0" | sed -n '1s/^# *//p')
        case $sentence in *"$only"*) names+=("$name:$sentence") ;; esac
    done < <(sed -n 's/^\(test_[a-z0-9_]*\)().*/\1/p' "$0")
    echo "1..${#names[@]}"
    for name in "${names[@]}"; do
        sentence=${name#*:} name=${name%%:*} count=$((count + 1))
        mkdir "$work/$name"
        (
            set -e
            cd "$work/$name"
            "$name"
        ) >"$work/log" 2>&1
        code=$?
        case $code in
        0) echo "ok $count - $sentence" ;;
        77) echo "ok $count - $sentence # SKIP $(cat "$work/$name/skipped")" ;;
        *)
            echo "not ok $count - $sentence"
            sed 's/^/# /' "$work/log"
            failed=1
            ;;
        esac
        rm -rf "${work:?}/$name"
    done
    return $failed
}
