#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Help, options and their errors, man pages and completions.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

commands=(run info exr "exr info" "exr check" "exr layers" "exr sequence" "exr edit" kernel "kernel list" "kernel inspect" "kernel new" "kernel build" "kernel test" worker bench
    "bench strategies" "bench exr" completion)

# Long names of a command's options, as its help lists them.
options_of() {
    # shellcheck disable=SC2086 # two words
    "$smalti" help $1 | sed -n 's/^  .*  *--\([a-z-]*\).*/\1/p;s/^      --\([a-z-]*\).*/\1/p' | sort -u
}

# the steps and their parameters can be asked for
test_help_steps() {
    run 0 "$smalti" help steps
    has out "resize WIDTHxHEIGHT"
    has out "lanczos3"
    run 0 "$smalti" help steps blur
    has out "sigma"
    equal "$(grep -c resize out)" 0
    run 2 "$smalti" help steps blurr
    has err "did you mean 'blur'"
}

# every command has help on standard output
test_help() {
    local command
    for command in "${commands[@]}"; do
        # shellcheck disable=SC2086
        run 0 "$smalti" help $command
        has out "smalti $command: " "Usage: smalti $command"
        empty err
        cp out first
        # shellcheck disable=SC2086
        run 0 "$smalti" $command --help
        cmp out first
    done
}

# lines of help fit 80 columns, but for examples
test_help_width() {
    local command
    for command in "${commands[@]}"; do
        # shellcheck disable=SC2086
        "$smalti" help $command | sed 's/…/./g; s/×/x/g; s/²/2/g' | grep -v '^    [a-z]' >text
        equal "$(awk 'length > 80' text)" ""
    done
}

# no command at all is an error with help on standard error
test_nothing() {
    run 2 "$smalti"
    empty out
    has err "Commands:" run info kernel bench
    run 2 "$smalti" kernel
    empty out
    has err "inspect"
}

# the version is that of the library
test_version() {
    run 0 "$smalti" --version
    equal "$(sed 's/[0-9][0-9]*/N/g' out)" "smalti N.N.N"
}

# mistyped commands and options get a suggestion
test_suggestions() {
    run 2 "$smalti" rnu
    has err "unknown command 'rnu': did you mean 'run'?"
    run 2 "$smalti" kernel insepct x
    has err "did you mean 'inspect'?"
    run 2 "$smalti" help kernl
    has err "did you mean 'kernel'?"
    run 2 "$smalti" run a.png --kernal invert
    has err "unknown option '--kernal': did you mean '--kernel'?"
    run 2 "$smalti" run a.png --qualty=80
    has err "did you mean '--quality'?"
    run 2 "$smalti" run a.png --zzzzzzzz
    has err "unknown option '--zzzzzzzz': see 'smalti help run'"
    run 2 "$smalti" run a.png -Z
    has err "unknown option '-Z'"
    empty out
}

# wrong values of options are errors that name option and value
test_values() {
    local words
    while read -r words; do
        # shellcheck disable=SC2086
        run 2 "$smalti" run a.png -k invert -o o $words
        has err "smalti: ${words%% *}"
        [ ! -e o/a.png ]
    done <<'END'
--quality 0
--quality 101
--quality 8x
--quality -1
--quality 99999999999999999999999
--subsampling 411
--format gif
--progress yes
--memory 256MB
--memory 1.5G
--memory 99999999999T
--memory 1K
--kernel-deadline 10
--kernel-deadline 10sec
--kernel-deadline 0s
--max-pixels 0
--max-pixels -5
--background fff
--background 00000g
--strip-rows 0
--png-effort 10
END
    run 2 "$smalti" run a.png -o o --quality
    has err "--quality needs a value: N"
    run 2 "$smalti" run a.png -o o -j
    has err "-j needs a value: N"
    run 2 "$smalti" run a.png -o o --recursive=yes
    has err "--recursive takes no value"
    run 2 "$smalti" run a.png -o o -k ''
    has err "--kernel"
}

# values may stand behind =, a space, or the letter, and words behind -- are inputs
test_forms() {
    "$mkimage" make ./--odd.png 9 7
    run 0 "$smalti" run --quality=80 -j2 -q -k invert -o o1 -- --odd.png
    run 0 "$smalti" run --quality 80 -j 2 -qv --kernel=invert --output=o2 -- --odd.png
    cmp o1/--odd.png o2/--odd.png
}

# missing and superfluous operands are errors that show the usage
test_operands() {
    run 2 "$smalti" info
    has err "smalti info FILE..."
    run 2 "$smalti" kernel inspect a b
    has err "'b' is too much"
    run 2 "$smalti" completion
    run 2 "$smalti" completion tcsh
    has err "bash, zsh and fish"
    run 2 "$smalti" run
    has err "nothing would come of it"
    run 2 "$smalti" run -k invert -o o
    has err "no inputs"
}

# man pages list every option and have nothing that mandoc warns of
test_man() {
    local page command option
    command -v mandoc >/dev/null || command -v man >/dev/null || skip "neither mandoc nor man"
    for page in smalti smalti-run smalti-info smalti-exr smalti-kernel smalti-worker smalti-bench smalti-completion; do
        run 0 "$smalti" --man "$page"
        cp out "$page.1"
        has "$page.1" ".Sh NAME" ".Sh EXIT STATUS" ".It 10"
        if command -v mandoc >/dev/null; then
            run 0 mandoc -Tlint -Wwarning "$page.1"
            empty out
        fi
        if command -v man >/dev/null; then
            run 0 man --warnings -l "$page.1"
            empty err
        fi
    done
    for command in "${commands[@]}"; do
        for option in $(options_of "$command"); do
            [ "$option" = help ] || has "smalti-${command%% *}.1" "Fl -$option"
        done
    done
    run 2 "$smalti" --man smalti-nothing
}

# completions of all shells know every option
test_completions() {
    local shell command option
    for shell in bash zsh fish; do
        run 0 "$smalti" completion $shell
        empty err
        cp out $shell
        for command in "${commands[@]}"; do
            for option in $(options_of "$command"); do
                if [ $shell = fish ]; then has $shell "-l $option"; else has $shell "--$option"; fi
            done
        done
    done
    bash -n bash
    if command -v zsh >/dev/null; then zsh -n zsh; fi
    if command -v fish >/dev/null; then fish -n fish; fi
}

# bash completes commands, options, choices and kernels
test_bash_completion() {
    "$smalti" completion bash >script
    ln -s "$smalti" smalti
    cat >try <<'END'
PATH=$PWD:$PATH
. ./script
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_smalti
printf '%s\n' "${COMPREPLY[@]}"
END
    equal "$(bash try smalti in)" info
    equal "$(bash try smalti kernel te)" test
    equal "$(bash try smalti run --qual)" --quality
    equal "$(bash try smalti run --format j)" jpeg
    equal "$(bash try smalti run -k inve)" invert
    equal "$(bash try smalti kernel new --lang r)" rust
    touch a-file.png
    equal "$(bash try smalti run a-)" a-file.png
}

run_tests
