#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: install.sh BUILD-FOLDER  Installs into a temporary folder, builds the examples there against nothing but what was
# installed, and runs them. Prints TAP.
set -uo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dest=$work/dest
number=0
failed=0

# item SENTENCE COMMAND…: a test case that passes when the command does (in this shell: it may set variables)
item() {
    local sentence=$1
    shift
    number=$((number + 1))
    if "$@" >"$work/said" 2>&1; then
        echo "ok $number - $sentence"
    else
        echo "not ok $number - $sentence"
        tail -n 30 "$work/said" | sed 's/^/# /'
        failed=1
    fi
}

install_there() {
    DESTDIR=$dest meson install -C "$build" --no-rebuild --quiet || return
    prefix=$dest$(meson introspect --buildoptions "$build" |
        python3 -c 'import json, sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
    libdir=$(dirname "$(find "$prefix" -name libsmalti.a)")
    system=$(pkg-config --variable pc_path pkg-config)
    export PKG_CONFIG_LIBDIR=$libdir/pkgconfig:$system PKG_CONFIG_SYSROOT_DIR=$dest LD_LIBRARY_PATH=$libdir
}

has_files() {
    local name status=0
    for name in bin/smalti include/smalti/smalti.h include/smalti/base.h include/smalti/chain.h include/smalti/image.h include/smalti/job.h \
        include/smalti/kernel.h include/smalti_kernel.h share/smalti/kernels/sharpen.wasm share/smalti/sdk/c/flags \
        share/man/man1/smalti-run.1 share/bash-completion/completions/smalti.bash share/doc/smalti/NOTICE; do
        [ -s "$prefix/$name" ] || { echo "$name was not installed"; status=1; }
    done
    for name in libsmalti.so libsmalti.so.0 libsmalti.a libsmalti_wasmtime.a pkgconfig/smalti.pc; do
        [ -e "$libdir/$name" ] || { echo "$name was not installed"; status=1; }
    done
    return $status
}

# The command must not depend on the folder that it was built in.
command_runs() {
    "$prefix/bin/smalti" --version && ! readelf -d "$prefix/bin/smalti" | grep -E 'R(UN)?PATH.*/'
}

# With what was installed alone: the project is made in an empty folder.
kernel_works() {
    (cd "$work" && "$prefix/bin/smalti" kernel new mine && "$prefix/bin/smalti" kernel build mine &&
        "$prefix/bin/smalti" kernel test mine && png make mine.png 40 30 &&
        "$prefix/bin/smalti" run mine.png -k mine/mine.wasm -o mine-out && png digest mine-out/mine.png | grep '^40 30 3 ')
}

examples_build() { # FOLDER [make option…]
    local folder=$1
    shift
    cp -r "$source/examples" "$folder" && make -C "$folder" clean && make -C "$folder" CFLAGS="-O1 -Wall -Wextra -Werror" "$@"
}

links_shared() {
    ldd "$1/batch" | grep -F "$libdir/libsmalti.so.0"
}

links_static() {
    ! ldd "$1/batch" | grep libsmalti
}

png() { # see png.py
    python3 "$source/tests/install/png.py" "$@"
}

batch_works() {
    mkdir -p "$work/in" && png make "$work/in/a.png" 61 47 && png make "$work/in/b.png" 200 9 &&
        "$1/batch" "$work/in" "$work/out" && [ "$(png digest "$work/out/a.png" | cut -d' ' -f1-3)" = "61 47 3" ] &&
        [ -s "$work/out/b.png" ]
}

# One file is broken: the batch says so, and the other comes out all the same.
batch_goes_on() {
    mkdir -p "$work/mixed" && png make "$work/mixed/good.png" 33 21 && echo "not an image" >"$work/mixed/bad.png" &&
        ! "$1/batch" "$work/mixed" "$work/mixed-out" >"$work/log" 2>&1 && cat "$work/log" && grep -q 'bad.png' "$work/log" &&
        [ -s "$work/mixed-out/good.png" ] && [ ! -e "$work/mixed-out/bad.png" ]
}

memory_works() {
    png make "$work/memory.png" 61 47 && "$1/memory" invert <"$work/memory.png" >"$work/inverted.png" &&
        [ "$(png digest "$work/inverted.png")" = "$(png expect 61 47)" ]
}

memory_refuses() {
    ! "$1/memory" invert </dev/null >"$work/nothing" 2>"$work/said-too" && [ ! -s "$work/nothing" ] &&
        ! "$1/memory" invert no_such=1 <"$work/memory.png" 2>"$work/said-too" && grep -q no_such "$work/said-too"
}

measure_works() {
    "$1/measure" sharpness "$work/memory.png" >"$work/measured" && cat "$work/measured" &&
        grep -qE '^  [a-z_]+: [0-9.e+]+$' "$work/measured"
}

thumbnail_works() {
    png make "$work/photo.png" 400 300 && "$1/thumbnail" "$work/photo.png" "$work/web.png" "$work/made/small.png" &&
        [ "$(png digest "$work/web.png" | cut -d' ' -f1-3)" = "400 300 3" ] &&
        [ "$(png digest "$work/made/small.png" | cut -d' ' -f1-3)" = "200 200 3" ] && rm -r "$work/made" "$work/web.png"
}

# The application's own program starts the installed command; one of three inputs is broken.
sidecar_works() {
    local code=0
    mkdir -p "$work/three" && png make "$work/three/a.png" 61 47 && png make "$work/three/c \"quoted\".png" 900 600 &&
        echo "not an image" >"$work/three/b.png"
    "$1/sidecar" "$prefix/bin/smalti" "$work/three-out" "$work"/three/*.png >"$work/log" || code=$?
    cat "$work/log"
    [ $code = 3 ] && grep -q '^\[3/3\]' "$work/log" && grep -q '^\[./3\] 1 failed: .*b.png' "$work/log" &&
        grep -q '^\[./3\] 2: [0-9]* bytes' "$work/log" && [ -s "$work/three-out/0.webp" ] && [ -s "$work/three-out/2.webp" ] &&
        [ ! -e "$work/three-out/1.webp" ] && rm -r "$work/three-out"
}

# One of the two outputs has no format: neither is written.
thumbnail_is_whole() {
    ! "$1/thumbnail" "$work/photo.png" "$work/web.png" "$work/small.none" >"$work/log" 2>&1 && grep -q 'small.none' "$work/log" &&
        [ ! -e "$work/web.png" ]
}

item "meson install puts everything under DESTDIR" install_there
[ $failed = 0 ] || { echo "1..1"; exit 1; }
item "the headers, libraries, command and pkg-config file are there" has_files
item "the installed command runs without its build folder" command_runs
item "the installed command makes, builds, tests and runs a new kernel" kernel_works
item "the examples build against the shared library by pkg-config alone" examples_build "$work/shared"
item "they are linked with the installed library" links_shared "$work/shared"
item "the examples build against the static library by pkg-config alone" examples_build "$work/static" STATIC=1
item "they need no libsmalti.so" links_static "$work/static"
for kind in shared static; do
    item "batch runs two kernels over a folder ($kind)" batch_works "$work/$kind"
    item "batch reports a broken file and goes on ($kind)" batch_goes_on "$work/$kind"
    item "memory inverts a picture exactly ($kind)" memory_works "$work/$kind"
    item "memory refuses an empty input and an unknown parameter ($kind)" memory_refuses "$work/$kind"
    item "thumbnail writes two files from one decoding ($kind)" thumbnail_works "$work/$kind"
    item "thumbnail writes both files or none ($kind)" thumbnail_is_whole "$work/$kind"
    item "sidecar runs a batch in a process of its own ($kind)" sidecar_works "$work/$kind"
    item "measure prints a picture's sharpness ($kind)" measure_works "$work/$kind"
done
echo "1..$number"
exit $failed
