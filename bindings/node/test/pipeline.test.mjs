// SPDX-License-Identifier: Apache-2.0
import test from 'node:test'
import assert from 'node:assert/strict'
import { createReadStream, createWriteStream, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import smalti from '../lib/index.mjs'
import * as named from '../lib/index.mjs'
import { folder, png, samples, gradient } from './images.mjs'

const pixelsOf = (input) => smalti(input).raw().toBuffer({ resolveWithObject: true })

test('a path becomes a smaller file through a kernel', async (t) => {
  const { add, file } = folder(t)
  const input = add('in.png', png(640, 400))
  const info = await smalti(input).resize({ width: 320 }).kernel('sharpen', { amount: 0.7 }).webp({ quality: 80 }).toFile(file('out.webp'))
  const { format, width, height, quality, path } = info
  assert.deepEqual({ format, width, height, quality, path }, { format: 'webp', width: 320, height: 200, quality: 80, path: file('out.webp') })
  const metadata = await smalti(file('out.webp')).metadata()
  assert.deepEqual([metadata.format, metadata.width, metadata.height, metadata.size], ['webp', 320, 200, info.size])
})

test('require and import give the same package', () => {
  const required = createRequire(import.meta.url)('../lib/index.js')
  assert.equal(required, smalti)
  for (const name of Object.keys(required)) assert.equal(named[name], required[name], name)
})

test('a path, a URL, bytes, a view of them, a stream given and a stream piped in give the same pixels', async (t) => {
  const bytes = png(33, 21)
  const input = folder(t).add('in.png', bytes)
  const wide = new Uint8Array(bytes.length + 7)
  wide.set(bytes, 5)
  const shared = new SharedArrayBuffer(bytes.length)
  new Uint8Array(shared).set(bytes)
  const wanted = samples(33, 21, 3, gradient)
  const inputs = [input, pathToFileURL(input), bytes, wide.subarray(5, 5 + bytes.length), shared, createReadStream(input), Readable.from([bytes.subarray(0, 40), bytes.subarray(40)])]
  for (const one of inputs) {
    const { data, info } = await pixelsOf(one)
    assert.deepEqual([info.width, info.height, info.channels, info.depth, info.size], [33, 21, 3, 'uchar', wanted.length])
    assert.ok(data.equals(wanted))
  }
  const piped = smalti().raw()
  createReadStream(input).pipe(piped)
  assert.ok((await piped.toBuffer()).equals(wanted))
})

test('a pipeline of streams', async (t) => {
  const { add, file } = folder(t)
  const input = add('in.png', png(300, 200))
  const through = smalti().resize(150).png()
  let told
  through.on('info', (info) => (told = info))
  await pipeline(createReadStream(input), through, createWriteStream(file('out.png')))
  assert.deepEqual([told.format, told.width, told.height, told.size], ['png', 150, 100, readFileSync(file('out.png')).length])
  const buffer = await smalti(input).resize(150).png().raw().toBuffer()
  assert.ok((await pixelsOf(file('out.png'))).data.equals(buffer))
})

test('what is streamed is what a buffer has, also when it is long', async () => {
  const noise = (x, y) => [(x * 7919 + y * 104729) % 251, (x * y) % 253, (x * 31 + y * y) % 241]
  const input = png(900, 700, { pixel: noise })
  const chunks = await smalti(input).png().toArray()
  assert.ok(chunks.length > 2)
  assert.ok(Buffer.concat(chunks).equals(await smalti(input).png().toBuffer()))
})

test('an error of a stream is the error of its pipeline', async (t) => {
  const broken = Readable.from((async function* () {
    yield png(20, 20).subarray(0, 30)
    throw new Error('the line is cut')
  })())
  const through = smalti().png()
  await assert.rejects(pipeline(broken, through, createWriteStream(folder(t).file('out.png'))), /the line is cut/)
  await assert.rejects(pipeline(Readable.from([Buffer.from('no image')]), smalti().png(), async (source) => source.toArray()), smalti.FormatError)
})

test('pixels go in and come out', async () => {
  const data = samples(16, 9, 4, (x, y) => [x, y, x + y, 255 - x])
  const raw = { width: 16, height: 9, channels: 4 }
  assert.ok((await smalti(data, { raw }).raw().toBuffer()).equals(data))
  const floats = new Float32Array(16 * 9).fill(0.5)
  const made = await smalti(floats, { raw: { width: 16, height: 9, channels: 1 } }).raw().toBuffer({ resolveWithObject: true })
  assert.deepEqual([made.info.depth, made.info.size], ['float', floats.byteLength])
  assert.deepEqual(new Float32Array(made.data.buffer, made.data.byteOffset, floats.length), floats)
  assert.throws(() => smalti(data, { raw: { ...raw, width: 17 } }), smalti.InvalidError)
})

test('clones that are asked together are decoded once', async (t) => {
  const { add, file } = folder(t)
  const photo = smalti(add('in.png', png(400, 300))).flop()
  const small = photo.clone().resize(100).webp()
  const large = photo.clone().extract({ left: 10, top: 20, width: 200, height: 100 }).png()
  const [one, two, info] = await Promise.all([small.toBufferWithMetrics(), large.toBufferWithMetrics(), photo.toFile(file('out.jpg'))])
  assert.equal(one.metrics.pixels, 400 * 300)
  assert.equal(one.metrics, two.metrics)
  assert.deepEqual([one.info.format, one.info.width, two.info.format, two.info.width, info.format, info.width], ['webp', 100, 'png', 200, 'jpeg', 400])
  assert.ok((await pixelsOf(two.data)).data.equals(await large.raw().toBuffer()))
})

test('an output that fails does not take those beside it along', async (t) => {
  const { file } = folder(t)
  const photo = smalti(png(50, 40))
  const [good, bad] = await Promise.allSettled([photo.clone().png().toBuffer(), photo.clone().extract({ left: 45, top: 0, width: 10, height: 10 }).toFile(file('out.png'))])
  assert.equal(good.status, 'fulfilled')
  assert.ok(bad.reason instanceof smalti.InvalidError)
})

test('buffers are the memory that the library made', async () => {
  const data = await smalti(png(64, 64)).webp().toBuffer()
  assert.equal(data.byteOffset, 0)
  assert.equal(data.buffer.byteLength, data.length) // a small Buffer of Node's own would lie in its pool
})

test('metadata and statistics', async () => {
  const input = png(40, 30, { channels: 4, pixel: (x) => [x < 20 ? 0 : 255, 100, 7, 255] })
  const metadata = await smalti(input).metadata()
  assert.deepEqual([metadata.format, metadata.width, metadata.height, metadata.channels, metadata.hasAlpha, metadata.space, metadata.depth], ['png', 40, 30, 4, true, 'srgb', 'uchar'])
  const stats = await smalti(input).stats()
  assert.equal(stats.channels.length, 4)
  assert.equal(stats.isOpaque, true)
  const { min, max, mean, stdev, histogram } = stats.channels[0]
  assert.deepEqual([min, max, histogram[0], histogram[255]], [0, 255, 600, 600])
  assert.ok(Math.abs(mean - 127.5) < 0.01 && Math.abs(stdev - 127.5) < 0.01)
  assert.deepEqual([stats.channels[1].min, stats.channels[1].max], [100, 100])
  assert.ok(Math.abs(stats.entropy - 1) < 1e-9)
})

test('kernels, steps and formats are listed', () => {
  const sharpen = smalti.kernels().find((kernel) => kernel.name === 'sharpen')
  assert.deepEqual([sharpen.kind, sharpen.params[0].name, sharpen.params[0].max], ['tile', 'amount', 10])
  assert.deepEqual(smalti.kernels('histogram').values, ['channel0', 'channel1', 'channel2', 'channel3'])
  assert.throws(() => smalti.kernels('nothing'), smalti.InvalidError)
  assert.ok(smalti.steps().some((step) => step.name === 'resize' && step.params.some((param) => param.name === 'fit')))
  assert.ok(smalti.formats().some((format) => format.name === 'gif' && format.input && !format.output))
})
