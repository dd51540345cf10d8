#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# smalti run as an image engine: sizes, formats, several outputs, searched quality, limits.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

# size FILE: its width and height
size() {
    "$smalti" info "$1" --json | python3 -c 'import json, sys; d = json.load(sys.stdin)
d = d[0] if isinstance(d, list) else d
print(d["width"], d["height"], d["format"])'
}

# a size may be given in every way, and an image is never made larger when that is not wanted
test_sizes() {
    "$mkimage" make a.png 400 300
    local given wanted
    while read -r given wanted; do
        run 0 "$smalti" run a.png --resize "$given" -o b.png
        equal "$(size b.png)" "$wanted png"
    done <<'SIZES'
200 200 150
x150 200 150
100x100 100 75
100x100:fit=outside 133 100
100x100:fit=cover 100 100
100x100:fit=fill 100 100
50% 200 150
0.03mp 200 150
800 800 600
800:enlarge=false 400 300
width=40,height=40 40 30
SIZES
    run 2 "$smalti" run a.png --resize 0x10 -o b.png
    run 2 "$smalti" run a.png --resize 10x10:fit=best -o b.png
    has err "inside|outside|cover|contain|fill"
    run 2 "$smalti" run a.png --resize -o b.png
    run 5 "$smalti" run a.png --resize 100000 --max-pixels 1M -o b.png
    has err "step resize makes" "--max-pixels"
}

# steps and kernels run in the order given
test_order() {
    "$mkimage" make a.png 60 40
    run 0 "$smalti" run a.png --crop 30x20+10+5 --rotate 90 -o b.png
    equal "$(size b.png)" "20 30 png"
    run 0 "$smalti" run a.png --rotate 90 --crop 30x20+10+5 -o c.png
    equal "$(size c.png)" "30 20 png"
    run 0 "$smalti" run a.png -k invert --flip --flop -k invert --rotate 180 -o d.png
    "$mkimage" same a.png d.png
    run 0 "$smalti" run a.png -k invert --crop 30x20+10+5 -k sobel --dry-run -o d.png
    has out "kernel  invert" "step    crop" "kernel  sobel"
}

# every format that is written is read again, exactly where nothing is lost
test_formats() {
    "$mkimage" make a.png 61 43
    local format
    for format in png tiff pnm; do
        run 0 "$smalti" run a.png --format $format -o o
    done
    run 0 "$smalti" run a.png --lossless -o o/a.webp
    run 0 "$smalti" run a.png --lossless -o o/a.avif
    for format in o/a.*; do
        run 0 "$smalti" run "$format" -o back.png
        "$mkimage" same a.png back.png
    done
    equal "$(ls o | wc -l)" 5
    run 2 "$smalti" run a.png --format gif -o o
    run 4 "$smalti" run a.png -o a.gif
}

# a JPEG that is only turned and cut loses nothing, unless a quality is asked for
test_lossless_turn() {
    "$mkimage" make a.png 64 48
    run 0 "$smalti" run a.png -o a.jpg --quality 70
    run 0 "$smalti" run a.jpg --rotate 90 -o b.jpg --json
    json out 'd["results"][0]["fast_path"] != ""'
    run 0 "$smalti" run b.jpg --rotate 270 -o c.jpg
    run 0 "$smalti" run a.jpg -o a2.png
    run 0 "$smalti" run c.jpg -o c.png
    "$mkimage" same a2.png c.png
    run 0 "$smalti" run a.jpg --rotate 90 -o d.jpg --quality 30
    [ "$(wc -c <d.jpg)" -lt "$(wc -c <b.jpg)" ]
}

# a set makes every width in every format of each input
test_set() {
    "$mkimage" make a.png 400 300
    "$mkimage" make b.png 100 300
    run 0 "$smalti" run a.png b.png --output-set widths=50,200:formats=webp,jpeg -o o --json
    json out 'sorted(o["path"] for o in d["results"][0]["outputs"]) == ["o/a-200.jpg", "o/a-200.webp", "o/a-50.jpg", "o/a-50.webp"]'
    equal "$(ls o | wc -l)" 8
    equal "$(size o/a-200.webp)" "200 150 webp"
    equal "$(size o/b-200.jpg)" "100 300 jpeg"
    run 0 "$smalti" run a.png --output-set widths=20,40 --template 'w{width}/{stem}{ext}' -o p
    equal "$(size p/w20/a.png)" "20 15 png"
    run 2 "$smalti" run a.png --output-set widths=20,20 -o p
    has err "would both be written"
    run 2 "$smalti" run a.png --output-set width=20 -o p
    run 2 "$smalti" run a.png --output-set widths=20:formats=bmp -o p
    run 2 "$smalti" run a.png --output-set widths=20 -o p.png
}

# a single output of a set is the same as that output made alone
test_set_alone() {
    "$mkimage" make a.png 400 300
    run 0 "$smalti" run a.png -k invert --output-set widths=90,133:formats=png -o o
    run 0 "$smalti" run a.png -k invert --resize 133 -o alone.png
    cmp o/a-133.png alone.png
}

# a set decodes no more of a JPEG than its largest output needs
test_set_reduced() {
    "$mkimage" make a.jpg 1600 1200
    run 0 "$smalti" run a.jpg --output-set widths=100,200:formats=png -o o --json
    json out 'd["results"][0]["fast_path"] == "reduced 1/4"'
    run 0 "$smalti" run a.jpg --resize 200 -o alone.png
    cmp o/a-200.png alone.png
    equal "$(size o/a-100.png)" "100 75 png"
    run 0 "$smalti" run a.jpg --output-set widths=100,1600:formats=png -o p --json
    json out 'd["results"][0]["fast_path"] == ""'
    run 0 "$smalti" run a.jpg -k invert --output-set widths=100,200:formats=png -o q --json
    json out 'd["results"][0]["fast_path"] == ""'
}

# presets choose size, format and quality, and what is given beside them holds
test_presets() {
    "$mkimage" make a.png 400 300
    run 0 "$smalti" run a.png --preset thumbnail -o o
    equal "$(size o/a.webp)" "320 240 webp"
    run 0 "$smalti" run a.png --preset avatar --format png -o o
    equal "$(size o/a.png)" "256 256 png"
    run 0 "$smalti" run a.png --preset social --resize 90 -o o
    equal "$(size o/a.jpg)" "90 68 jpeg"
}

# the web preset takes the smallest format and names the output after it
test_web() {
    "$mkimage" make a.png 60 40
    run 0 "$smalti" run a.png --preset web -o o --json
    json out 'd["results"][0]["outputs"][0]["format"] in ("avif", "webp", "jpeg")'
    local made
    made=$(ls o)
    case $made in a.avif | a.webp | a.jpg) ;; *) equal "$made" a.avif ;; esac
    run 0 "$smalti" run a.png --preset web --skip-existing -o o -v
    equal "$(ls o)" "$made"
}

# a size in bytes is kept, or refused with the smallest that there is
test_max_bytes() {
    "$mkimage" make a.png 300 200
    local format
    for format in jpeg webp; do
        run 0 "$smalti" run a.png --format $format --max-bytes 4k -o o
    done
    equal "$(find o -size +4k | wc -l)" 0
    run 5 "$smalti" run a.png --format jpeg --max-bytes 100 -o p
    has err "a.png: "
    [ ! -e p/a.jpg ]
}

# a wanted quality is met, and said
test_target() {
    "$mkimage" make a.png 128 96
    run 0 "$smalti" run a.png --format jpeg --target-quality 40 -o o --json
    json out 'd["results"][0]["outputs"][0]["score"] >= 40 and 1 <= d["results"][0]["outputs"][0]["quality"] <= 100'
    run 0 "$smalti" run a.png --format jpeg --target-quality 87 -o o
    has err "not the 87 that was asked for"
}

# limits name themselves and how to raise them
test_limits() {
    "$mkimage" make a.png 3000 2000
    run 5 "$smalti" run a.png --max-pixels 1M -o b.png
    has err "a.png: " "3000x2000" "1000000" "--max-pixels"
    run 5 "$smalti" run a.png --max-ratio 1 -o b.png
    has err "a.png: " "--max-ratio"
    run 5 "$smalti" run a.png --time-limit 1ms --png-effort 9 -o b.png
    has err "a.png: " "--time-limit"
    run 5 "$smalti" run a.png --memory 4M --rotate 90 -o b.png
    has err "a.png: " "--memory"
    [ ! -e b.png ]
    run 0 "$smalti" run a.png --limits strict --resize 10 -o b.png
}

# all frames of an animation go to WebP, and a format of one frame says so
test_animation() {
    python3 - <<'PYTHON'
frames = 3
data = b"GIF89a" + bytes([16, 0, 8, 0, 0x80, 0, 0]) + bytes([255, 0, 0, 0, 0, 255])
data += b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x02\x00\x00"
for frame in range(frames):
    data += bytes([0x21, 0xf9, 4, 4, 7, 0, 0, 0, 0x2c, 0, 0, 0, 0, 16, 0, 8, 0, 0, 2])
    codes, bits, size = [], 0, 0
    out = bytearray()
    for i in range(16 * 8):
        for code in ((4,) if i % 2 == 0 else ()) + ((frame + i // 16) % 2,):
            bits |= code << size
            size += 3
            while size >= 8:
                out.append(bits & 255)
                bits >>= 8
                size -= 8
    bits |= 5 << size
    size += 3
    while size > 0:
        out.append(bits & 255)
        bits >>= 8
        size -= 8
    while out:
        part, out = out[:255], out[255:]
        data += bytes([len(part)]) + part
    data += b"\0"
open("a.gif", "wb").write(data + b";")
PYTHON
    run 0 "$smalti" info a.gif --json
    json out '(d[0] if isinstance(d, list) else d)["frames"] == 3'
    run 0 "$smalti" run a.gif --frames all --lossless --resize 8 -o b.webp
    run 0 "$smalti" info b.webp --json
    json out '(lambda i: (i["width"], i["height"], i["frames"], i["loops"], i["duration_ms"]))(d[0] if isinstance(d, list) else d) == (8, 4, 3, 3, 210)'
    run 0 "$smalti" run a.gif -o first.png
    run 0 "$smalti" run a.gif --frames first --lossless -o first.webp
    run 0 "$smalti" run first.webp -o again.png
    "$mkimage" same first.png again.png
    run 4 "$smalti" run a.gif --frames all -o c.png
    has err "3 frames"
    run 5 "$smalti" run a.gif --frames all --max-frames 2 -o c.webp
    has err "2"
}

run_tests
