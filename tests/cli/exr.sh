#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# smalti exr.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
mkexr=$(dirname "$mkimage")/mkexr

# exr info shows windows, channels by layer, parts and attributes
test_info() {
    "$mkexr" a.exr scanline 3 "A B G R Z:f diffuse.B diffuse.G diffuse.R" 64 48 owner=me "comments=$(printf 'two\nlines')"
    run 0 "$smalti" exr info a.exr
    has out "a.exr: EXR" "64x48" "(0 0) to (63 47)" "scan lines, zip" "A B G R: half, Z: float" "B G R: half" diffuse \
        owner 'two\x0alines'
    run 0 "$smalti" exr info a.exr --json
    json out 'd[0]["parts"][0]["data_window"] == [0, 0, 63, 47] and len(d[0]["parts"][0]["channels"]) == 8'
    json out '{a["name"]: a["value"] for a in d[0]["parts"][0]["attributes"]} == {"owner": "me", "comments": "two\nlines"}'
    json out 'd[0]["pixel_bytes"] == 64 * 48 * 18 and d[0]["parts"][0]["chunks"] == 3'
    run 0 "$smalti" exr info a.exr --csv
    equal "$(sed -n '2s/,.*,/ … /p' out)" '"a.exr" … "A B G R Z diffuse.B diffuse.G diffuse.R"'
    "$mkexr" p.exr parts
    run 0 "$smalti" exr info p.exr
    has out "3 parts" "part 1 right, view right" "tiles of 8x8"
    run 0 "$smalti" exr info p.exr --json
    json out '[p["name"] for p in d[0]["parts"]] == ["left", "right", "tiles"] and d[0]["flags"] == ["multi_part"]'
    json out 'd[0]["parts"][2]["tiles"]["levels"] == "one" and d[0]["parts"][0]["view"] == "left"'
}

# conditions choose files
test_where() {
    local condition
    "$mkexr" a.exr scanline 3 "B G R depth.Z:f" 64 48 owner=me shot/id=77
    for condition in 'compression=="zip" && channels has "depth.Z"' 'width > 63 and height<=48' 'owner = "me"' \
        '!(deep || tiled)' 'layers has "dep*"' '@"shot/id" == "77"' 'shot/id like "7?"' 'data_window[2] == 63' 'owner' \
        'nothing != 3' 'not nothing'; do
        run 0 "$smalti" exr info a.exr --csv --where "$condition"
        equal "$(wc -l <out)" 2
    done
    for condition in 'compression == "piz"' 'channels has "depth"' 'width < 64' 'tiled' 'owner == 3' 'nothing'; do
        run 0 "$smalti" exr info a.exr --csv --where "$condition"
        equal "$(wc -l <out)" 1
    done
    for condition in '' 'width >' '(width' 'width == "a' '3' 'a b' 'a == 3x' '! ' 'width[x]'; do
        run 2 "$smalti" exr info a.exr --where "$condition"
        has err "--where"
        empty out
    done
}

# folders are read in order, with everything below them when asked
test_folders() {
    local n
    mkdir -p in/sub
    for n in 1 2 3; do "$mkexr" in/b.$n.exr; done
    cp in/b.1.exr in/a.exr
    cp in/b.1.exr in/sub/c.EXR
    echo text >in/notes.txt
    ln -s .. in/sub/up
    run 0 "$smalti" exr info in --csv
    equal "$(sed '1d;s/"in.\([^"]*\)".*/\1/' out | tr '\n' ' ')" "a.exr b.1.exr b.2.exr b.3.exr "
    run 0 "$smalti" exr info -r in --json
    json out '[f["file"] for f in d] == ["in/a.exr", "in/b.1.exr", "in/b.2.exr", "in/b.3.exr", "in/sub/c.EXR"]'
    for n in $(seq 1000); do ln in/a.exr "in/sub/n.$n.exr"; done
    "$smalti" exr info -r in --json -j 1 >one
    "$smalti" exr info -r in --json -j 13 >many
    cmp one many
    equal "$(grep -c '"file"' one)" 1005
}

# what cannot be read is told, and the others go on
test_bad() {
    "$mkexr" a.exr
    head -c 100 a.exr >cut.exr
    echo text >text.exr
    run 3 "$smalti" exr info cut.exr a.exr text.exr missing.exr --json
    json out 'len(d) == 4 and d[0]["error"]["class"] == "format" and "parts" in d[1] and d[3]["error"]["class"] == "io"'
    has err "cut.exr: " "text.exr: not an EXR file" "missing.exr"
    run 7 "$smalti" exr info missing
    run 2 "$smalti" exr info
    run 2 "$smalti" exr info a.exr --json --csv
}

# long values are not read unless asked for
test_long() {
    "$mkexr" a.exr scanline 3 "B G R" 4 4 "cryptomatte/abc/name=object" "cryptomatte/abc/hash=MurmurHash3_32" \
        "cryptomatte/abc/manifest={\"a\":\"01234567\",\"b \\\" c\":\"89abcdef\"$(printf ',"x%d":"00000000"' {1..1000})}" after=it
    run 0 "$smalti" exr info a.exr
    has out "object, MurmurHash3_32, manifest of 17.9 kB" "not read" after
    run 0 "$smalti" exr info a.exr --json
    json out 'd[0]["parts"][0]["cryptomatte"][0]["manifest_bytes"] > 17000'
    run 0 "$smalti" exr info a.exr --json --manifest
    json out 'd[0]["parts"][0]["cryptomatte"][0]["manifest_entries"] == 1002'
    json out 'd[0]["parts"][0]["cryptomatte"][0]["manifest"]["b \" c"] == "89abcdef"'
    run 0 "$smalti" exr info a.exr --json --full
    json out '[a for a in d[0]["parts"][0]["attributes"] if a["name"] == "cryptomatte/abc/manifest"][0]["value"][0] == "{"'
}

# exr check tells which files are whole
test_check() {
    "$mkexr" good.exr tiled
    "$mkexr" whole.exr scanline 2
    head -c -1 whole.exr >cut.exr
    head -c 200 whole.exr >header.exr
    cp whole.exr zero.exr
    printf '\0\0\0\0\0\0\0\0' | dd of=zero.exr bs=1 seek="$(($(stat -c %s whole.exr) - 1))" conv=notrunc 2>/dev/null
    run 0 "$smalti" exr check good.exr whole.exr
    has out "VERDICT" "good " "good.exr"
    run 3 "$smalti" exr check --bad good.exr cut.exr header.exr
    has out "truncated" "cut.exr: chunk 11 of part 0 ends beyond" "header.exr: the file ends in the middle"
    fails has out "good.exr"
    run 3 "$smalti" exr check good.exr cut.exr --json
    json out 'd[0]["verdict"] == "good" and d[1]["verdict"] == "truncated" and d[1]["beyond"] == 1 and d[1]["chunks"] == 12'
    run 7 "$smalti" exr check missing.exr
}

# exr check --repair writes a file with tables made from the chunks
test_repair() {
    local header
    "$mkexr" a.exr tiled 3
    header=$("$smalti" exr info a.exr --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["header_bytes"])')
    cp a.exr zero.exr
    head -c 24 /dev/zero | dd of=zero.exr bs=1 seek="$header" conv=notrunc 2>/dev/null
    run 3 "$smalti" exr check zero.exr
    has out unfinished "has the offset 0"
    run 0 "$smalti" exr check zero.exr --repair new.exr
    has out "4 of 4 chunks (1 were listed, 3 were found)"
    cmp a.exr new.exr
    run 2 "$smalti" exr check zero.exr --repair new.exr
    run 0 "$smalti" exr check zero.exr --repair new.exr --overwrite --json
    json out 'd["found"] == 3 and d["missing"] == 0'
    head -c -1 zero.exr >cut.exr
    run 3 "$smalti" exr check cut.exr --repair part.exr
    has out "3 of 4 chunks" "1 are missing"
}

# smalti info tells of EXR files among others
test_mixed() {
    mkdir in
    "$mkexr" in/a.exr scanline 4 "A B G R" 30 20
    "$mkimage" make in/b.png 10 10
    run 0 "$smalti" info in
    has out "30x20" "rgba" "piz" in/b.png
    run 0 "$smalti" info in --json
    json out '[f["format"] for f in d] == ["exr", "png"] and d[0]["sample"] == "f32"'
}

# exr layers sorts channels into groups, by rules of one's own too
test_layers() {
    "$mkexr" a.exr scanline 3 "A B G R Z:f diffuse.B diffuse.G diffuse.R keylight.R zork.q" 8 8
    run 0 "$smalti" exr layers a.exr
    has out "beauty" "R G B A: half" "lights" "keylight" "other"
    run 0 "$smalti" exr layers a.exr --json
    json out '[g["group"] for g in d[0]["parts"][0]["groups"]] == ["beauty", "lights", "data", "other"]'
    json out '[c["name"] for c in d[0]["parts"][0]["groups"][0]["layers"][1]["channels"]] == ["diffuse.R", "diffuse.G", "diffuse.B"]'
    printf "[[group]]\nname = 'mine'\nlayers = ['z*']\n" >rules.toml
    run 0 "$smalti" exr layers a.exr --rules rules.toml --json
    json out '[g["group"] for g in d[0]["parts"][0]["groups"]] == ["mine", "other"]'
    echo 'nonsense' >rules.toml
    run 2 "$smalti" exr layers a.exr --rules rules.toml
    has err "rules.toml: not a key"
    run 0 "$smalti" exr layers a.exr --write-txt
    empty out
    has a.txt "zork"
    run 2 "$smalti" exr layers a.exr --write-txt
    has err "a.txt: exists already"
    mkdir o
    run 0 "$smalti" exr layers a.exr --write-txt -o o
    cmp a.txt o/a.txt
}

# exr edit changes attributes, and pixels stay
test_edit() {
    "$mkexr" a.exr scanline 3 "B G R diffuse.R" 64 480 owner=me "a:b=c"
    run 0 "$smalti" exr edit a.exr --set owner=us --set expTime:float=0.5 --set a:b=dd --set shots:stringvector=x,y --json
    json out 'd[0]["file"] == "a.exr" and d[0]["way"] in ("inserted", "moved", "cloned", "copied") and d[0]["header_bytes"] > 400'
    run 0 "$smalti" exr info a.exr --json
    json out '{a["name"]: a["value"] for a in d[0]["parts"][0]["attributes"]} == {"owner": "us", "a:b": "dd", "expTime": 0.5, "shots": ["x", "y"]}'
    run 0 "$smalti" exr edit a.exr --set owner=we --set expTime=0.25
    has out "a.exr: patched"
    run 0 "$smalti" exr edit a.exr --delete shots --rename owner=author --rename-layer diffuse=diff --backup
    run 0 "$smalti" exr info a.exr
    has out "author" "0.25" "diff "
    fails has out "owner"
    run 0 "$smalti" exr info a.exr.bak
    has out "owner"
    run 0 "$smalti" exr check a.exr a.exr.bak
    run 0 "$smalti" exr edit a.exr -o b.exr --set author=me
    run 2 "$smalti" exr edit a.exr -o b.exr --set author=me
    has err "b.exr: exists already"
    "$mkexr" p.exr parts
    run 0 "$smalti" exr edit p.exr --part right --set owner=right
    run 0 "$smalti" exr info p.exr --json
    json out '[[a["value"] for a in p["attributes"] if a["name"] == "owner"] for p in d[0]["parts"]] == [[], ["right"], []]'
}

# exr edit refuses what cannot be
test_edit_bad() {
    "$mkexr" a.exr scanline 3 "B G R" 16 12 owner=me
    cp a.exr same.exr
    run 2 "$smalti" exr edit a.exr
    run 2 "$smalti" exr edit a.exr --set owner
    run 2 "$smalti" exr edit a.exr --set t:float=x
    has err "--set t: a value of type float is made of numbers"
    run 2 "$smalti" exr edit a.exr --delete nothing
    run 2 "$smalti" exr edit a.exr --set compression=rle
    run 2 "$smalti" exr edit a.exr --rename-channel B=S
    has err "another order"
    run 2 "$smalti" exr edit a.exr --part 3 --set a=b
    run 2 "$smalti" exr edit a.exr same.exr --set a=b -o c.exr
    run 7 "$smalti" exr edit missing.exr --set a=b
    cmp a.exr same.exr
}

# exr sequence finds ranges, and is content with a good one
test_sequence() {
    local n
    mkdir s
    for n in 0998 0999 1000 1001; do "$mkexr" s/shot_v02.$n.exr; done
    for n in 2 4 6 8; do "$mkexr" s/step.$n.exr; done
    for n in -0002 -0001 0000 0001; do "$mkexr" "s/neg.$n.exr"; done
    "$mkexr" s/single.exr
    run 0 "$smalti" exr sequence s
    has out "s/shot_v02.####.exr  998-1001, 4 frames: good" "s/step.#.exr  2-8, 4 frames, step 2: good" \
        "s/neg.####.exr  -2 to 1, 4 frames: good" "s/single.exr  no number: good"
    run 0 "$smalti" exr sequence 's/shot_v02.####.exr' 's/step.%d.exr' --json
    json out '[(q["first"], q["last"], q["step"], q["frames"]) for q in d] == [(998, 1001, 1, 4), (2, 8, 2, 4)]'
    (cd s && run 0 "$smalti" exr sequence 'neg.@@@@.exr' && has out "neg.####.exr")
    run 2 "$smalti" exr sequence 's/none.####.exr'
    has err "no file fits"
}

# exr sequence tells all that is wrong
test_sequence_bad() {
    local n
    mkdir s
    for n in $(seq -w 1 30); do "$mkexr" s/a.00$n.exr scanline 3 "B G R" 16 12 owner=me "frame=$n"; done
    rm s/a.0005.exr s/a.0006.exr s/a.0009.exr
    cp s/a.0010.exr s/a.010.exr
    : >s/a.0011.exr
    head -c -1 s/a.0012.exr >short.exr
    mv short.exr s/a.0012.exr
    echo text >s/a.0013.exr
    "$mkexr" s/a.0014.exr scanline 4 "B G R" 16 12 owner=me frame=14
    "$mkexr" s/a.0015.exr scanline 3 "A B G R" 16 12 owner=you frame=15
    "$mkexr" s/a.0016.exr scanline 3 "B G R" 160 120 owner=me frame=16
    run 3 "$smalti" exr sequence s
    has out "s/a.####.exr  1-30, 27 frames" "5-6, 9 (3)" "s/a.0010.exr and s/a.010.exr" "empty         11" \
        "truncated     12" "unreadable    13" "compression: zip" "but piz in 14" "attribute owner: me" "but you in 15" \
        "channels: B:half G:half R:half" "in 16" "odd size      16" "varies        attribute frame"
    run 3 "$smalti" exr sequence s --json
    json out 'd[0]["holes"] == [[5, 6], [9, 9]] and [f["fault"] for f in d[0]["faults"]] == ["empty", "truncated", "unreadable"]'
    json out '{x["property"] for x in d[0]["drift"]} >= {"compression", "channels", "attribute owner", "data_window", "display_window"}'
    json out '[x["outliers"] for x in d[0]["drift"] if x["property"] == "compression"] == [[{"value": "piz", "frames": [[14, 14]]}]]'
    json out 'd[0]["varies"] == ["attribute frame"] and d[0]["odd_sizes"][0]["frame"] == 16'
    rm s/a.001[1-6].exr s/a.010.exr
    run 3 "$smalti" exr sequence s
    run 0 "$smalti" exr sequence s --ignore holes
    equal "$(wc -l <out)" 2
    run 0 "$smalti" exr sequence s --ignore holes --bad
    empty out
}

# run makes sheets of all layers, and flattens deep data when it is told to
test_run_pictures() {
    "$mkexr" a.exr scanline 0 "B G R Z:f diffuse.B diffuse.G diffuse.R" 64 48
    run 0 "$smalti" run a.exr --contact-sheet --depth 8 -o sheet.png
    run 0 "$smalti" info sheet.png --json
    json out '(d[0]["width"], d[0]["height"], d[0]["channels"]) == (524, 420, 3)'
    run 0 "$smalti" run a.exr --contact-sheet --sheet-cell 64 --tonemap aces:exposure=1 -o sheet.jpg
    run 0 "$smalti" run a.exr --contact-sheet --dry-run -o sheet.png
    has out "exr, 524 × 420 × 3 f32"
    run 2 "$smalti" run a.exr --contact-sheet --layer diffuse -o sheet.png
    has err "a contact sheet has all layers and views"
    run 2 "$smalti" run a.exr --preview -o preview.png
    has err "there is no preview"
    "$mkexr" d.exr deep 0 "A B G R Z:f"
    run 4 "$smalti" run d.exr -o d.png
    has err "--flatten-deep"
    run 3 "$smalti" run d.exr --flatten-deep -o d.png
    has err "counts of samples"
    run 0 "$smalti" run d.exr --flatten-deep --lenient -o d.png
    has err "counts of samples"
}

# exposure and transfer are options too, with a curve or without
test_exposure() {
    "$mkimage" make a.png 64 48
    run 0 "$smalti" run a.png -o a.exr
    run 0 "$smalti" run a.exr --tonemap aces:exposure=1.5,transfer=linear --format png -o expected
    run 0 "$smalti" run a.exr --exposure 1.5 --transfer linear --tonemap aces --format png -o options
    cmp expected/a.png options/a.png
    run 0 "$smalti" run a.exr --tonemap none:exposure=-2 --format png -o darker
    run 0 "$smalti" run a.exr --exposure -2 --format png -o alone
    cmp darker/a.png alone/a.png
    run 0 "$smalti" run a.exr --exposure -3 --format png -o more
    equal "$(cmp -s darker/a.png more/a.png && echo same)" ""
    run 2 "$smalti" run a.exr --exposure much --format png -o no
    has err "exposure" "much"
    run 2 "$smalti" run a.exr --tonemap aces:exposure=1 --exposure 2 --format png -o no
}

# bench exr makes a set, and measures every level of it
test_bench() {
    run 0 "$smalti" bench exr set --make small --count 12 --rounds 1 --no-peers --json --page page.html
    json out 'd["files"] == 12 and [x["cache"] for x in d["levels"]] == ["warm"] * 7 + ["cold"] * 7'
    json out 'all(x["failed"] == 0 and x["files"] == 12 and x["peak_bytes"] > 0 for x in d["levels"])'
    json out '[x["read_bytes"] for x in d["levels"] if x["name"] == "smalti"] == [12 * 4096] * 2'
    has page.html "<svg" "Time per file, warm cache"
    run 0 "$smalti" exr check set
    run 0 "$smalti" exr sequence set
    has out "set/small.######.exr  1001-1012, 12 frames: good"
    mkdir none
    run 2 "$smalti" bench exr none
}

run_tests
