#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the pixels that `smalti run` decodes with what other libraries make of the same files.

The files are made here, by Pillow and numpy, which have to be there, by tifffile if it is (`pip install pillow numpy
tifffile imagecodecs`), and by hand. What is lossless has to be exact; of lossy formats the decoders may differ by the few
levels that a case allows. Prints a table, and exits with 1 when something does not match. Use: correct.py [FORMAT...]"""
import argparse
import io
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, features

try:
    import tifffile
except ImportError:
    tifffile = None

ROOT = Path(__file__).resolve().parents[2]
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # x, y, steps


# ---- PNG of any depth, which Pillow reads and writes only in part ----

def png_rows(pixels, depth):
    """Filtered rows (filter none) of an array height × width × channels."""
    height, width, channels = pixels.shape
    if not height or not width:
        return b""
    flat = pixels.reshape(height, width * channels)
    if depth == 16:
        data = flat.astype(">u2").view(np.uint8).reshape(height, -1)
    elif depth == 8:
        data = flat.astype(np.uint8)
    else:
        bits = ((flat[..., None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8).reshape(height, -1)
        data = np.packbits(bits, axis=1)
    return np.concatenate([np.zeros((height, 1), np.uint8), data], axis=1).tobytes()


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_write(pixels, depth, color=None, interlaced=False, chunks=()):
    """color: PNG's colour type; without it that of the channels. chunks: (kind, data) in front of IDAT."""
    height, width, channels = pixels.shape
    color = {1: 0, 2: 4, 3: 2, 4: 6}[channels] if color is None else color
    rows = b"".join(png_rows(pixels[y::dy, x::dx], depth) for x, y, dx, dy in ADAM7) if interlaced else png_rows(
        pixels, depth)
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + b"".join(png_chunk(*c) for c in chunks) + png_chunk(
        b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


def png_read(data):
    """Pixels (height × width × channels) and the kinds of chunks of a PNG that smalti wrote: 8 or 16 bits, no palette."""
    at, idat, kinds = 8, b"", set()
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        kinds.add(kind.decode())
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", body[:10])
        elif kind == b"IDAT":
            idat += body
        at += size + 12
    channels, wide = {0: 1, 4: 2, 2: 3, 6: 4}[color], depth // 8
    step, row = channels * wide, width * channels * wide
    raw, out, above = zlib.decompress(idat), np.zeros((height, row), np.uint8), np.zeros(row, np.uint8)
    for y in range(height):
        kind, line = raw[y * (row + 1)], bytearray(raw[y * (row + 1) + 1:(y + 1) * (row + 1)])
        for i in range(row if kind else 0):
            a, b, c = (line[i - step] if i >= step else 0), int(above[i]), (int(above[i - step]) if i >= step else 0)
            p = a + b - c
            pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
            paeth = a if pa <= pb and pa <= pc else b if pb <= pc else c
            line[i] = (line[i] + (0, a, b, (a + b) // 2, paeth)[kind]) & 255
        above = out[y] = np.frombuffer(bytes(line), np.uint8)
    pixels = out.view(">u2").astype(np.uint16) if depth == 16 else out
    return pixels.reshape(height, width, channels), kinds


# ---- pictures ----

def picture(width, height, channels, most=255, kind=np.uint8):
    """Gradients with edges in them, and an alpha channel that is 0 and full somewhere."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * most // (width - 1), y * most // (height - 1), (x * 5 + y * 3) * most // (5 * width + 3 * height),
              np.clip((x * 2 - width // 4) * most // width, 0, most)]
    planes[0] = np.where((x // 9 + y // 7) % 2, planes[0], most - planes[0])
    order = {1: (0,), 2: (0, 3), 3: (0, 1, 2), 4: (0, 1, 2, 3)}[channels]
    return np.stack([planes[i] for i in order], -1).astype(kind)


def as_array(image):
    """What a Pillow image shows: gray, gray-alpha, RGB or RGBA."""
    if image.mode == "P" or image.mode == "PA":
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    if image.mode == "1":
        image = image.convert("L")
    if image.mode == "CMYK":
        inks = np.asarray(image).astype(np.int64)
        return ((255 - inks[..., :3]) * (255 - inks[..., 3:]) + 127) // 255
    array = np.asarray(image)
    return array[..., None] if array.ndim == 2 else array


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation):
    block = Image.Exif()
    block[274] = orientation
    return block


def upright(array, orientation):
    turned = {1: array, 2: array[:, ::-1], 3: array[::-1, ::-1], 4: array[::-1], 5: array.swapaxes(0, 1),
              6: array[::-1].swapaxes(0, 1), 7: array[::-1, ::-1].swapaxes(0, 1), 8: array[:, ::-1].swapaxes(0, 1)}
    return turned[orientation]


class Cases:
    """(format, name, file's bytes, expected pixels or None for Pillow's, allowed difference, chunk to be kept)."""

    def __init__(self, wanted):
        self.wanted, self.list, self.missing = wanted, [], []

    def add(self, kind, name, data, expected=None, allowed=0, chunk=None):
        if self.wanted and kind not in self.wanted:
            return
        if expected is None:
            image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
            expected = as_array(image)
        self.list.append((kind, name, data, np.asarray(expected), allowed, chunk))

    def skip(self, what):
        self.missing.append(what)


def add_jpeg(cases, profile):
    rgb = Image.fromarray(picture(61, 43, 3))
    for orientation in range(1, 9):
        cases.add("jpeg", f"orientation {orientation}", saved(rgb, "JPEG", quality=95, exif=exif(orientation)))
    for name, sampling in (("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)):
        for progressive in (False, True):
            cases.add("jpeg", f"{name}{' progressive' if progressive else ''}",
                      saved(rgb, "JPEG", quality=90, subsampling=sampling, progressive=progressive))
    cases.add("jpeg", "gray", saved(rgb.convert("L"), "JPEG", quality=90))
    cases.add("jpeg", "CMYK", saved(rgb.convert("CMYK"), "JPEG", quality=95), allowed=1)
    cases.add("jpeg", "restart markers", saved(rgb, "JPEG", quality=90, restart_marker_rows=1))
    cases.add("jpeg", "ICC profile", saved(rgb, "JPEG", quality=90, icc_profile=profile), chunk="iCCP")


def add_png(cases, profile):
    for interlaced in (False, True):
        how = " interlaced" if interlaced else ""
        for channels, name in ((1, "gray"), (2, "gray-alpha"), (3, "RGB"), (4, "RGBA")):
            for depth, kind in ((8, np.uint8), (16, np.uint16)):
                pixels = picture(37, 29, channels, (1 << depth) - 1, kind)
                cases.add("png", f"{name} {depth} bits{how}", png_write(pixels, depth, interlaced=interlaced), pixels)
        for depth in (1, 2, 4):
            most = (1 << depth) - 1
            pixels = picture(37, 29, 1, most)
            cases.add("png", f"gray {depth} bits{how}", png_write(pixels, depth, interlaced=interlaced),
                      pixels * (255 // most))
        for depth in (1, 2, 4, 8):
            count = 1 << depth
            entries = np.random.default_rng(1).integers(0, 256, (count, 3), np.uint8)
            index = picture(37, 29, 1, count - 1)
            palette = (b"PLTE", entries.tobytes())
            cases.add("png", f"palette {depth} bits{how}", png_write(index, depth, 3, interlaced, [palette]),
                      entries[index[..., 0]])
            alpha = np.full(count, 255, np.uint8)
            alpha[0], alpha[count // 2] = 0, 100
            both = np.concatenate([entries, alpha[:, None]], 1)
            cases.add("png", f"palette {depth} bits, transparent{how}",
                      png_write(index, depth, 3, interlaced, [palette, (b"tRNS", alpha.tobytes())]), both[index[..., 0]])
    pixels = picture(37, 29, 3)
    key = np.where((pixels == pixels[5, 5]).all(-1), 0, 255).astype(np.uint8)[..., None]
    cases.add("png", "RGB with a transparent colour",
              png_write(pixels, 8, chunks=[(b"tRNS", pixels[5, 5].astype(">u2").tobytes())]),
              np.concatenate([pixels, key], -1))
    image = Image.fromarray(pixels)
    cases.add("png", "ICC profile", saved(image, "PNG", icc_profile=profile), pixels, chunk="iCCP")
    for orientation in (3, 6):
        cases.add("png", f"orientation {orientation}", saved(image, "PNG", exif=exif(orientation)),
                  upright(pixels, orientation))


def opaque(array):
    """RGB as RGBA: animations come with alpha, which a later frame may need."""
    return np.concatenate([array, np.full((*array.shape[:2], 1), 255, array.dtype)], -1)


def add_gif(cases):
    image = Image.fromarray(picture(61, 43, 3)).quantize(64)
    cases.add("gif", "still", saved(image, "GIF", interlace=0), as_array(image))
    cases.add("gif", "interlaced", saved(image, "GIF", interlace=1), as_array(image))
    cases.add("gif", "transparent", saved(image, "GIF", transparency=3, interlace=0))
    others = [Image.fromarray(picture(61, 43, 3)[::-1]).quantize(32), image.rotate(180)]
    cases.add("gif", "animation, first frame", saved(image, "GIF", save_all=True, append_images=others),
              opaque(as_array(image)))


def add_webp(cases, profile):
    rgb, rgba = Image.fromarray(picture(61, 43, 3)), Image.fromarray(picture(61, 43, 4))
    cases.add("webp", "lossless", saved(rgb, "WEBP", lossless=True), as_array(rgb))
    cases.add("webp", "lossless with alpha", saved(rgba, "WEBP", lossless=True, exact=True), as_array(rgba))
    cases.add("webp", "lossy", saved(rgb, "WEBP", quality=80))
    cases.add("webp", "lossy with alpha", saved(rgba, "WEBP", quality=80))
    cases.add("webp", "ICC profile", saved(rgb, "WEBP", quality=80, icc_profile=profile), chunk="iCCP")
    cases.add("webp", "orientation 6", saved(rgb, "WEBP", lossless=True, exif=exif(6)), upright(as_array(rgb), 6))
    cases.add("webp", "animation, first frame",
              saved(rgb, "WEBP", lossless=True, save_all=True, append_images=[rgb.rotate(180)]), opaque(as_array(rgb)))


def add_avif(cases, profile):
    if not features.check("avif"):
        cases.skip("avif: this Pillow has no AVIF")
        return
    rgb, rgba = Image.fromarray(picture(62, 44, 3)), Image.fromarray(picture(62, 44, 4))
    for sampling in ("4:4:4", "4:2:2", "4:2:0", "4:0:0"):
        for span in ("full", "limited"):
            data = saved(rgb, "AVIF", quality=80, subsampling=sampling, range=span, speed=8)
            expected = as_array(Image.open(io.BytesIO(data)))
            # monochrome comes as one channel
            cases.add("avif", f"{sampling} {span} range", data, expected[..., :1] if sampling == "4:0:0" else expected, 2)
    cases.add("avif", "alpha", saved(rgba, "AVIF", quality=80, speed=8), allowed=2)
    cases.add("avif", "premultiplied alpha", saved(rgba, "AVIF", quality=90, speed=8, alpha_premultiplied=True),
              allowed=3)
    cases.add("avif", "ICC profile", saved(rgb, "AVIF", quality=80, speed=8, icc_profile=profile), allowed=2,
              chunk="iCCP")
    flat = saved(rgb, "AVIF", quality=90, subsampling="4:4:4", speed=8)
    for orientation in range(1, 9):
        cases.add("avif", f"orientation {orientation}",
                  saved(rgb, "AVIF", quality=90, subsampling="4:4:4", speed=8, exif=exif(orientation)),
                  upright(as_array(Image.open(io.BytesIO(flat))), orientation), 2)
    cases.add("avif", "sequence, first frame",
              saved(rgb, "AVIF", quality=90, speed=8, save_all=True, append_images=[rgb.rotate(180)]), allowed=2)


def add_tiff(cases, profile):
    modes = (("1", Image.fromarray(picture(61, 43, 1)[..., 0]).convert("1")),
             ("gray", Image.fromarray(picture(61, 43, 1)[..., 0])), ("gray-alpha", Image.fromarray(picture(61, 43, 2))),
             ("RGB", Image.fromarray(picture(61, 43, 3))), ("RGBA", Image.fromarray(picture(61, 43, 4))),
             ("palette", Image.fromarray(picture(61, 43, 3)).quantize(50)),
             ("CMYK", Image.fromarray(picture(61, 43, 3)).convert("CMYK")))
    for name, image in modes:
        for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma"):
            cases.add("tiff", f"{name}, {compression}", saved(image, "TIFF", compression=compression), as_array(image))
    for compression in ("group3", "group4", "tiff_ccitt"):
        cases.add("tiff", f"1, {compression}", saved(modes[0][1], "TIFF", compression=compression), as_array(modes[0][1]))
    rgb = modes[3][1]
    cases.add("tiff", "RGB, jpeg", saved(rgb, "TIFF", compression="jpeg", quality=90))
    cases.add("tiff", "16-bit gray", saved(Image.fromarray(picture(61, 43, 1, 65535, np.uint16)[..., 0]), "TIFF"),
              picture(61, 43, 1, 65535, np.uint16))
    for orientation in range(1, 9):
        cases.add("tiff", f"orientation {orientation}", saved(rgb, "TIFF", tiffinfo={274: orientation}),
                  upright(as_array(rgb), orientation))
    cases.add("tiff", "ICC profile", saved(rgb, "TIFF", icc_profile=profile), as_array(rgb), chunk="iCCP")
    cases.add("tiff", "pages, the first", saved(rgb, "TIFF", save_all=True, append_images=[rgb.rotate(180)]),
              as_array(rgb))
    if tifffile:
        add_tifffile(cases)
    else:
        cases.skip("tiff: more layouts (tifffile is not installed)")


def add_tifffile(cases):
    def add(name, pixels, expected=None, **options):
        out = io.BytesIO()
        tifffile.imwrite(out, pixels, metadata=None, **options)
        cases.add("tiff", name, out.getvalue(), pixels if expected is None else expected)

    for channels in (3, 4):
        extra = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
        for kind, most in ((np.uint8, 255), (np.uint16, 65535)):
            pixels = picture(61, 43, channels, most, kind)
            bits = np.dtype(kind).itemsize * 8
            for order in "<>":
                add(f"{channels} × {bits} bits {'big' if order == '>' else 'little'}-endian", pixels, photometric="rgb",
                    byteorder=order, **extra)
            add(f"{channels} × {bits} bits in tiles", pixels, photometric="rgb", tile=(16, 32), **extra)
            add(f"{channels} × {bits} bits in planes", np.moveaxis(pixels, -1, 0).copy(), pixels, photometric="rgb",
                planarconfig="separate", **extra)
            add(f"{channels} × {bits} bits in planes of tiles", np.moveaxis(pixels, -1, 0).copy(), pixels,
                photometric="rgb", planarconfig="separate", tile=(32, 16), **extra)
            add(f"{channels} × {bits} bits BigTIFF", pixels, photometric="rgb", bigtiff=True, rowsperstrip=5, **extra)
    gray = picture(61, 43, 1)
    add("0 is white", gray[..., 0], 255 - gray, photometric="miniswhite")
    alpha = picture(61, 43, 4)
    cover = alpha[..., 3:].astype(np.int64)
    multiplied = ((alpha[..., :3] * cover + 127) // 255).astype(np.uint8)
    straight = np.where(cover, np.minimum((multiplied.astype(np.int64) * 255 + cover // 2) // np.maximum(cover, 1), 255),
                        0)
    add("associated alpha", np.concatenate([multiplied, alpha[..., 3:]], -1),
        np.concatenate([straight, cover], -1), photometric="rgb", extrasamples=["assocalpha"])


def add_pnm(cases):
    gray, rgb = picture(61, 43, 1), picture(61, 43, 3)
    cases.add("pnm", "P4", saved(Image.fromarray(gray[..., 0]).convert("1"), "PPM"))
    cases.add("pnm", "P5", saved(Image.fromarray(gray[..., 0]), "PPM"), gray)
    cases.add("pnm", "P6", saved(Image.fromarray(rgb), "PPM"), rgb)
    wide = picture(61, 43, 3, 65535, np.uint16)
    cases.add("pnm", "P6 16 bits", b"P6 61 43 65535\n" + wide.astype(">u2").tobytes(), wide)
    small = picture(61, 43, 1, 7)
    cases.add("pnm", "P5 maxval 7", b"P5 61 43 7\n" + small.tobytes(), (small.astype(int) * 255 + 3) // 7)
    cases.add("pnm", "P2", b"P2\n61 43\n255\n" + b" ".join(b"%d" % v for v in gray.ravel()), gray)
    cases.add("pnm", "P3", b"P3\n61 43\n255\n" + b" ".join(b"%d" % v for v in rgb.ravel()), rgb)
    for channels, name in ((1, "GRAYSCALE"), (2, "GRAYSCALE_ALPHA"), (3, "RGB"), (4, "RGB_ALPHA")):
        pixels = picture(61, 43, channels)
        head = f"P7\nWIDTH 61\nHEIGHT 43\nDEPTH {channels}\nMAXVAL 255\nTUPLTYPE {name}\nENDHDR\n"
        cases.add("pnm", f"P7 {name}", head.encode() + pixels.tobytes(), pixels)
    floats = picture(61, 43, 3).astype("<f4") / np.float32(255)
    cases.add("pnm", "PFM", b"PF\n61 43\n-1.0\n" + floats[::-1].tobytes(), picture(61, 43, 3).astype(np.uint16) * 257, 1)


def run(smalti, folder, case):
    """None, or what is wrong."""
    kind, name, data, expected, allowed, chunk = case
    source, target = folder / f"in.{kind}", folder / "out.png"
    source.write_bytes(data)
    target.unlink(missing_ok=True)
    done = subprocess.run([smalti, "run", source, "-o", target, "--overwrite"], capture_output=True, text=True)
    if done.returncode:
        return "failed: " + (done.stderr.strip().splitlines() or ["no message"])[-1]
    pixels, kinds = png_read(target.read_bytes())
    if pixels.shape != expected.shape:
        return f"{'×'.join(map(str, pixels.shape))} samples, not {'×'.join(map(str, expected.shape))}"
    difference = np.abs(pixels.astype(np.int64) - expected.astype(np.int64))
    if pixels.shape[-1] % 2 == 0:  # what colour is transparent says nothing
        difference[..., :-1] *= np.maximum(pixels[..., -1:], expected[..., -1:]) > 0
    if difference.max() > allowed:
        return f"differs by up to {difference.max()} in {(difference > allowed).any(-1).sum()} pixels"
    if chunk and chunk not in kinds:
        return f"lost its {chunk}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help="jpeg png gif webp avif tiff pnm (default: all)")
    parser.add_argument("--build", metavar="DIR", default=str(ROOT / "build"), help="build folder (default build)")
    arguments = parser.parse_args()
    smalti = Path(arguments.build).resolve() / "smalti"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    cases = Cases(set(arguments.formats))
    add_jpeg(cases, profile)
    add_png(cases, profile)
    add_gif(cases)
    add_webp(cases, profile)
    add_avif(cases, profile)
    add_tiff(cases, profile)
    add_pnm(cases)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for case in cases.list:
            wrong = run(smalti, Path(folder), case)
            failed += wrong is not None
            print(f"{case[0]:5} {case[1]:40} {wrong or ('same' if not case[4] else f'within {case[4]}')}", flush=True)
    for what in cases.missing:
        print(f"left out: {what}")
    print(f"{len(cases.list)} files, {failed} do not match")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
