#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second opinion on PNG, independent of Smalti, for the installation test.

png.py make FILE WIDTH HEIGHT      writes an RGB picture
png.py expect WIDTH HEIGHT         prints what digest must say of that picture inverted
png.py digest FILE                 prints width, height, channels and the SHA-256 of the decoded samples
"""
import hashlib
import struct
import sys
import zlib


def samples(width, height):
    for y in range(height):
        for x in range(width):
            yield from (x * 255 // width, y * 255 // height, (x * 7 ^ y * 13) & 255)


def make(path, width, height):
    pixels = bytes(samples(width, height))
    pitch = width * 3
    rows = b"".join(b"\0" + pixels[y * pitch:(y + 1) * pitch] for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def unfilter(raw, pitch, step, height):
    above = bytes(pitch)
    for y in range(height):
        kind, line = raw[y * (pitch + 1)], bytearray(raw[y * (pitch + 1) + 1:(y + 1) * (pitch + 1)])
        for i in range(pitch):
            a, b, c = (line[i - step] if i >= step else 0), above[i], (above[i - step] if i >= step else 0)
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            line[i] = (line[i] + (0, a, b, (a + b) // 2, paeth)[kind]) & 255
        yield line
        above = line


def digest(path):
    with open(path, "rb") as file:
        data = file.read()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        sys.exit(f"{path} is not a PNG")
    at, idat = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", body[:10])
        if kind == b"IDAT":
            idat += body
        at += size + 12
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[color]
    pitch = width * channels * depth // 8
    pixels = b"".join(unfilter(zlib.decompress(idat), pitch, channels * depth // 8, height))
    print(width, height, channels, hashlib.sha256(pixels).hexdigest())


def expect(width, height):
    print(width, height, 3, hashlib.sha256(bytes(255 - v for v in samples(width, height))).hexdigest())


if __name__ == "__main__":
    verb, *arguments = sys.argv[1:]
    {"make": make, "expect": expect, "digest": digest}[verb](*(int(a) if a.isdigit() else a for a in arguments))
