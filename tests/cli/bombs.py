#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small files that decode to hundreds of megabytes, in no time: bombs.py FOLDER. All pixels are alike, so what a file says of
one part is written over and over."""
import os
import struct
import sys
import zlib


def zeros(count):
    """A zlib stream of so many zero bytes: blocks that stand for themselves, repeated."""
    piece = 1 << 22
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = deflate.compress(bytes(piece)) + deflate.flush(zlib.Z_FULL_FLUSH)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    last = deflate.compress(bytes(count % piece)) + deflate.flush()
    adler = (count % 65521) << 16 | 1
    return b"\x78\xda" + block * (count // piece) + last + struct.pack(">I", adler)


def png(width, height, color, channels, interlaced):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    count = 0
    for x, y, across, down in passes:
        columns, rows = -((x - width) // across), -((y - height) // down)
        count += rows * (1 + columns * channels)
    head = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zeros(count)) + chunk(b"IEND", b""))


def progressive_jpeg(side, components):
    """Every block of the DC scan is one bit (no difference); AC scans are runs of 32767 empty blocks."""
    def segment(marker, data):
        return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data

    def coded(bits):
        bits += "1" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")

    blocks = ((side + 7) // 8) ** 2
    parts = [b"\xff\xd8", segment(0xDB, bytes([0]) + bytes([16]) * 64)]
    shape = b"".join(bytes([i + 1, 0x11, 0]) for i in range(components))
    parts.append(segment(0xC2, struct.pack(">BHHB", 8, side, side, components) + shape))
    one_code = bytes([1] + [0] * 15)
    parts.append(segment(0xC4, b"\x00" + one_code + b"\x00"))
    parts.append(segment(0xC4, b"\x10" + bytes([0, 2] + [0] * 14) + b"\xe0\x00"))  # 00: a run of 2^14 + 14 bits; 01: one block
    all_ids = b"".join(bytes([i + 1, 0]) for i in range(components))
    parts.append(segment(0xDA, bytes([components]) + all_ids + bytes([0, 0, 0])))
    bits = blocks * components
    parts.append(bytes(bits // 8) + (bytes([0xFF >> bits % 8]) if bits % 8 else b""))
    for i in range(components):
        parts.append(segment(0xDA, bytes([1, i + 1, 0, 1, 63, 0])))
        parts.append(coded(("00" + "1" * 14) * (blocks // 32767) + "01" * (blocks % 32767)))
    return b"".join(parts) + b"\xff\xd9"


def webp(side):
    """A lossless image all of whose codes have one symbol: a pixel takes no bits."""
    bits, count = 0, 0
    one = [(1, 1), (0, 1), (0, 1), (0, 1)]  # a simple code of one symbol of one bit: 0
    for value, width in [(0x2F, 8), (side - 1, 14), (side - 1, 14), (0, 1), (0, 3), (0, 1), (0, 1), (0, 1)] + one * 5:
        bits |= value << count
        count += width
    data = bits.to_bytes((count + 7) // 8 + 1, "little")
    data += bytes(len(data) % 2)
    body = b"WEBPVP8L" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff(side, strip_rows):
    """Strips that are all the same bytes of the file."""
    strip = zeros(side * strip_rows * 3)
    strips = side // strip_rows
    at = 8 + len(strip) + len(strip) % 2
    offsets, sizes = at, at + 4 * strips
    directory = sizes + 4 * strips
    tags = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 2), (273, 4, strips, offsets),
            (277, 3, 1, 3), (278, 4, 1, strip_rows), (279, 4, strips, sizes)]
    if strips == 1:
        tags[5], tags[8] = (273, 4, 1, 8), (279, 4, 1, len(strip))
    data = b"II*\0" + struct.pack("<I", directory) + strip + bytes(len(strip) % 2)
    data += struct.pack("<I", 8) * strips + struct.pack("<I", len(strip)) * strips
    data += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return data


def gif(side):
    """Codes for longer and longer runs of one colour, until the table is full and they begin again."""
    run = [(4, 3), (0, 3)]  # clear, then one pixel; codes have 3 bits at first
    pixels, code, width = 1, 6, 3
    while code < 4095:
        run.append((code, width))
        pixels += code - 4
        code += 1
        if code == 1 << width and width < 12:
            width += 1
    bits = "".join(format(value, f"0{width}b")[::-1] for value, width in run)
    bits = bits * (side * side // pixels) + "".join(format(v, f"0{w}b")[::-1] for v, w in [(4, 3)] + [(0, 3)])
    left = side * side % pixels - 1
    tail, code, width = "", 6, 3
    while left > 0:
        if code == 4095:
            tail += format(4, "012b")[::-1] + "000"
            left, code, width = left - 1, 6, 3
            continue
        length = min(code - 4, left)
        value = code if length == code - 4 else (0 if length == 1 else length + 4)
        tail += format(value, f"0{width}b")[::-1]
        left -= length
        code += 1
        if code == 1 << width and width < 12:
            width += 1
    bits += tail + format(5, f"0{width}b")[::-1]
    bits += "0" * (-len(bits) % 8)
    data = int(bits[::-1], 2).to_bytes(len(bits) // 8, "little")
    blocks = b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255))
    return (b"GIF89a" + struct.pack("<HHBBB", side, side, 0x81, 0, 0) + bytes(12) + b"," +
            struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02" + blocks + b"\0;")


def main():
    bombs = {
        "flat.png": lambda: png(16000, 16000, 2, 3, 0),
        "adam7.png": lambda: png(16000, 16000, 2, 3, 1),
        "gray.png": lambda: png(40000, 40000, 0, 1, 0),
        "wide.png": lambda: png(2000000, 100, 2, 3, 0),
        "tall.png": lambda: png(100, 2000000, 2, 3, 0),
        "progressive.jpg": lambda: progressive_jpeg(16000, 3),
        "progressive-gray.jpg": lambda: progressive_jpeg(16000, 1),
        "lossless.webp": lambda: webp(16000),
        "strips.tif": lambda: tiff(16000, 16),
        "one-strip.tif": lambda: tiff(16000, 16000),
        "flat.gif": lambda: gif(16000),
    }
    for name, make in bombs.items():
        with open(os.path.join(sys.argv[1], name), "wb") as file:
            file.write(make())


main()
