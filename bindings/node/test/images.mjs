// SPDX-License-Identifier: Apache-2.0
// Inputs that the tests make, and folders that go away.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as zlib from 'node:zlib'

const table = Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1
  return n >>> 0
})

function crc32(bytes) {
  if (zlib.crc32) return zlib.crc32(bytes) // from Node 20.15 on
  let crc = 0xffffffff
  for (const byte of bytes) crc = table[(crc ^ byte) & 255] ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const head = Buffer.alloc(4)
  const tail = Buffer.alloc(4)
  head.writeUInt32BE(data.length)
  tail.writeUInt32BE(crc32(body))
  return Buffer.concat([head, body, tail])
}

/** Samples of a picture: pixel(x, y) gives one for each channel. */
export function samples(width, height, channels, pixel) {
  const data = Buffer.alloc(width * height * channels)
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += channels) data.set(pixel(x, y), at)
  }
  return data
}

export const gradient = (x, y) => [(x * 5) & 255, (y * 3) & 255, ((x ^ y) * 7) & 255]

/** A PNG of 8-bit samples. level 0 stores them: a large file for a small image. */
export function png(width, height, { channels = 3, pixel = gradient, level = 6 } = {}) {
  const pixels = samples(width, height, channels, pixel)
  const row = width * channels
  const lines = Buffer.alloc((row + 1) * height)
  for (let y = 0; y < height; y++) pixels.copy(lines, y * (row + 1) + 1, y * row, (y + 1) * row)
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head.set([8, { 1: 0, 2: 4, 3: 2, 4: 6 }[channels], 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', head),
    chunk('IDAT', zlib.deflateSync(lines, { level })),
    chunk('IEND', Buffer.alloc(0))
  ])
}

/** A folder for a test, removed behind it. */
export function folder(t) {
  const name = mkdtempSync(path.join(tmpdir(), 'smalti-node-'))
  t.after(() => rmSync(name, { recursive: true, force: true }))
  return {
    name,
    file: (base) => path.join(name, base),
    add(base, bytes) {
      writeFileSync(path.join(name, base), bytes)
      return path.join(name, base)
    }
  }
}
