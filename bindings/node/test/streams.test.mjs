// SPDX-License-Identifier: Apache-2.0
// Back-pressure, and the bounds of what streams bring.
import test from 'node:test'
import assert from 'node:assert/strict'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import smalti from '../lib/index.mjs'
import { png } from './images.mjs'

const noise = (x, y) => [(x * 7919 + y * 104729) % 251, (x * y) % 253, (x * 31 + y * y) % 241]
const MiB = 1 << 20

/** A stream without an end, that counts what was taken of it. */
function endless(counted, first = png(20, 20)) {
  return Readable.from((async function* () {
    yield first
    for (;;) {
      counted.bytes += 64 << 10
      yield Buffer.alloc(64 << 10)
    }
  })())
}

test('a stream that is larger than its limit is an error that names it, and is read no further', async () => {
  for (const isolate of [false, true]) {
    const counted = { bytes: 0 }
    const given = endless(counted)
    const error = await smalti(given, { memory: 4 * MiB, isolate }).png().toBuffer().then(assert.fail, (error) => error)
    assert.ok(error instanceof smalti.LimitError && error.code === 'LIMIT_MEMORY', String(error))
    assert.match(error.message, /more than 2097152 bytes/)
    assert.ok(given.destroyed && counted.bytes <= 2 * MiB + (64 << 10))
  }
})

test('so is one that is piped in', async () => {
  const counted = { bytes: 0 }
  const through = smalti({ memory: 4 * MiB }).png()
  const waiting = through.clone().webp().toBuffer()
  waiting.catch(() => {})
  await assert.rejects(pipeline(endless(counted), through, new Writable({ write: (chunk, encoding, done) => done() })), { name: 'LimitError', code: 'LIMIT_MEMORY' })
  await assert.rejects(waiting, smalti.LimitError)
  assert.ok(counted.bytes <= 3 * MiB)
})

test('a stream that just fits is read', async () => {
  const bytes = png(200, 150, { pixel: noise, level: 0 })
  const parts = Readable.from([bytes.subarray(0, 1000), bytes.subarray(1000)])
  const memory = 64 * MiB
  assert.ok((await smalti(parts, { memory }).png().toBuffer()).length > 0)
})

test('an output is pushed only as far as its reader wants', async () => {
  for (const isolate of [false, true]) {
    const image = smalti(png(700, 500, { pixel: noise }), { isolate }).png()
    const wanted = await smalti(png(700, 500, { pixel: noise })).png().toBuffer()
    assert.ok(wanted.length > 500000)
    const told = new Promise((resolve) => image.once('info', resolve))
    image.read(0) // it begins, and nobody reads
    await told // all of it is encoded
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    assert.ok(image.readableLength > 0 && image.readableLength <= image.readableHighWaterMark + (128 << 10), String(image.readableLength))
    const parts = []
    let most = 0
    for await (const part of image) {
      most = Math.max(most, image.readableLength)
      parts.push(part)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.ok(Buffer.concat(parts).equals(wanted))
    assert.ok(most <= image.readableHighWaterMark + (128 << 10), String(most))
  }
})

test('pixels as a stream, whoever is slow', async () => {
  const input = png(300, 200, { pixel: noise })
  const parts = []
  const slow = new Writable({
    highWaterMark: 1,
    write(chunk, encoding, done) {
      parts.push(chunk)
      setImmediate(done)
    }
  })
  await pipeline(smalti(input).raw(), slow)
  assert.ok(parts.length > 1 && Buffer.concat(parts).equals(await smalti(input).raw().toBuffer()))
})
