// SPDX-License-Identifier: Apache-2.0
import test from 'node:test'
import assert from 'node:assert/strict'
import { createReadStream, createWriteStream, existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Worker } from 'node:worker_threads'
import { createRequire } from 'node:module'
import smalti from '../lib/index.mjs'
import { folder, png } from './images.mjs'

/** The program of the library's own tests: a worker with a decoder that misbehaves as it is told. */
const misbehaving = process.env.SMALTI_TEST_WORKER ?? fileURLToPath(new URL('../../../build/tests/unit/test-workers', import.meta.url))
const unbuilt = existsSync(misbehaving) ? false : 'tests/unit/test-workers is not built'
const bad = (letters) => Buffer.from(`misbehaves:${letters} and more`)
const isolate = { program: misbehaving }

/** Processes that this one has started. */
const children = () => readdirSync('/proc/self/task').flatMap((id) => {
  try {
    return readFileSync(`/proc/self/task/${id}/children`, 'utf8').trim().split(/\s+/).filter(Boolean)
  } catch {
    return []
  }
})

test('a path, a URL, bytes and streams give the same bytes as in this process', async (t) => {
  const { add, file } = folder(t)
  const bytes = png(120, 90)
  const input = add('in.png', bytes)
  const wanted = await smalti(bytes).resize(60).kernel('sharpen').webp({ quality: 70 }).toBuffer()
  const inputs = [input, pathToFileURL(input), bytes, new Uint8Array(bytes), createReadStream(input), Readable.from([bytes.subarray(0, 50), bytes.subarray(50)])]
  for (const one of inputs) {
    const image = smalti(one, { isolate: true }).resize(60).kernel('sharpen').webp({ quality: 70 })
    const { data, info, metrics } = await image.toBufferWithMetrics()
    assert.ok(data.equals(wanted))
    assert.deepEqual([info.format, info.width, info.height, info.size, info.quality], ['webp', 60, 45, wanted.length, 70])
    assert.equal(metrics.pixels, 120 * 90)
  }
  const told = await smalti(input, { isolate: true }).resize(60).kernel('sharpen').webp({ quality: 70 }).toFile(file('out.webp'))
  assert.ok(readFileSync(file('out.webp')).equals(wanted))
  assert.deepEqual([told.path, told.width], [file('out.webp'), 60])
  const through = smalti({ isolate: true }).resize(60).kernel('sharpen').webp({ quality: 70 })
  let info
  through.on('info', (one) => (info = one))
  await pipeline(createReadStream(input), through, createWriteStream(file('piped.webp')))
  assert.ok(readFileSync(file('piped.webp')).equals(wanted))
  assert.deepEqual([info.format, info.size], ['webp', wanted.length])
})

test('what a file says and what its pixels are like comes from a worker too', async (t) => {
  const input = folder(t).add('in.png', png(40, 30, { channels: 4, pixel: (x) => [x < 20 ? 0 : 255, 100, 7, 255] }))
  const [here, there] = await Promise.all([smalti(input).metadata(), smalti(input, { isolate: true }).metadata()])
  assert.deepEqual(there, here)
  const [near, far] = await Promise.all([smalti(input).flop().stats(), smalti(input, { isolate: true }).flop().stats()])
  assert.deepEqual(far, near)
  const cut = readFileSync(input).subarray(0, 60) // its head is whole
  assert.equal((await smalti(cut, { isolate: true }).metadata()).width, 40)
  await assert.rejects(smalti(Buffer.from('no image'), { isolate: true }).metadata(), smalti.FormatError)
})

test('pixels come out as they do in this process', async () => {
  for (const channels of [1, 2, 3, 4]) {
    for (const samples of [new Uint8Array(23 * 17 * channels), new Uint16Array(23 * 17 * channels)]) {
      const most = samples.BYTES_PER_ELEMENT === 1 ? 256 : 65536
      samples.forEach((_, i) => (samples[i] = (i * 7919) % most))
      const file = await smalti(samples, { raw: { width: 23, height: 17, channels } }).png().toBuffer()
      const [here, there] = await Promise.all([{}, { isolate: true }].map((options) => smalti(file, options).flop().raw().toBuffer({ resolveWithObject: true })))
      assert.deepEqual(there.info, here.info)
      assert.ok(there.data.equals(here.data))
      if (samples.BYTES_PER_ELEMENT === 2) assert.equal(new Uint16Array(there.data.buffer, there.data.byteOffset, samples.length).length, samples.length)
      const { results } = await smalti.processBatch([file, Buffer.from('no image')], smalti({ isolate: true }).flop().raw())
      assert.ok(results[0].data.equals(here.data) && results[1].error instanceof smalti.FormatError)
      assert.deepEqual([results[0].format, results[0].channels, results[0].depth, results[0].size], ['raw', channels, here.info.depth, here.data.length])
    }
  }
  const parts = await smalti(png(50, 40), { isolate: true }).raw().toArray()
  assert.equal(Buffer.concat(parts).length, 50 * 40 * 3)
})

test('clones have their outputs, though each is decoded for itself', async () => {
  const photo = smalti(png(80, 60), { isolate: true }).flop()
  const [small, whole] = await Promise.all([photo.clone().resize(40).webp().toBuffer(), photo.toBuffer()])
  assert.equal((await smalti(small).metadata()).width, 40)
  assert.ok(whole.equals(await smalti(png(80, 60)).flop().toBuffer()))
})

test('errors are of the same classes', async (t) => {
  const { file, add } = folder(t)
  const good = png(30, 20)
  const raw = { width: 4, height: 3, channels: 3 }
  const floats = await smalti(new Float32Array(36), { raw }).exr().toBuffer()
  const cases = [
    [() => smalti(file('none.png'), { isolate: true }).toBuffer(), smalti.IoError, { systemCode: 'ENOENT' }],
    [() => smalti(Buffer.from('no image'), { isolate: true }).toBuffer(), smalti.FormatError, { code: 'FORMAT_UNKNOWN' }],
    [() => smalti(good, { isolate: true, limitInputPixels: 599 }).toBuffer(), smalti.LimitError, { code: 'LIMIT_PIXELS' }],
    [() => smalti(good, { isolate: true }).resize({ widht: 3 }).toBuffer(), smalti.InvalidError, { code: 'INVALID_KEY' }],
    [() => smalti(png(1500, 1000), { isolate: true, memory: 1 << 20 }).rotate(30).toBuffer(), smalti.LimitError, { code: 'LIMIT_MEMORY' }],
    [() => smalti(add('in.png', good), { isolate: true }).toFile(file('in.png')), smalti.InvalidError, { code: 'INVALID_CONFLICT' }],
    [() => smalti(floats, { isolate: true }).raw().toBuffer(), smalti.UnsupportedError, {}],
    [() => smalti(good, { isolate: { program: '/nonexistent/worker' } }).toBuffer(), smalti.IoError, { systemCode: 'ENOENT' }],
    [() => smalti(good, { isolate: { program: '/bin/false' } }).toBuffer(), smalti.PeerError, { code: 'PEER' }],
    [() => smalti(good, { isolate: true }).toBuffer({ signal: AbortSignal.abort('why') }), smalti.CancelledError, { cause: 'why' }]
  ]
  for (const [make, Class, wanted] of cases) {
    const error = await make().then(assert.fail, (error) => error)
    assert.ok(error instanceof Class, String(error))
    for (const [name, value] of Object.entries(wanted)) assert.equal(error[name], value, `${error.message}: ${name}`)
  }
  assert.throws(() => smalti(Buffer.alloc(3), { isolate: true, raw: { width: 1, height: 1, channels: 3 } }), smalti.UnsupportedError)
  assert.throws(() => smalti(good, { isolate: 'yes' }), smalti.InvalidError)
  assert.throws(() => smalti(good, { isolate: { jail: true } }), smalti.InvalidError)
})

test('a decoder that crashes rejects its own promise and no other', { skip: unbuilt }, async (t) => {
  const { add } = folder(t)
  const image = (input) => smalti(input, { isolate }).resize(20).png().toBuffer()
  const good = png(50, 40)
  const wanted = await smalti(good).resize(20).png().toBuffer()
  const made = await Promise.allSettled([image(good), image(bad('c')), image(add('crash.bad', bad('c'))), image(Readable.from([bad('c')])), image(bad('x')), image(good), image(bad('ls')), image(bad('o'))])
  assert.ok(made[0].value.equals(wanted) && made[5].value.equals(wanted))
  for (const index of [1, 2, 3, 4, 6]) assert.ok(made[index].reason instanceof smalti.PeerError, String(made[index].reason))
  assert.match(made[1].reason.message, /^input: the worker was killed by SIGKILL, twice$/)
  assert.match(made[2].reason.message, /crash\.bad: the worker was killed by SIGKILL, twice$/)
  assert.ok(made[7].reason instanceof smalti.UnsupportedError && /the jail is shut/.test(made[7].reason.message))
  assert.ok((await image(good)).equals(wanted))
})

test('a decoder that hangs ends with its time, or with a signal', { skip: unbuilt }, async () => {
  const hang = () => smalti(bad('h'), { isolate }).png()
  await assert.rejects(hang().timeout({ seconds: 0.2 }).toBuffer(), { name: 'LimitError', code: 'LIMIT_TIME' })
  const controller = new AbortController()
  setTimeout(() => controller.abort(new Error('enough')), 50)
  const error = await hang().toBuffer({ signal: controller.signal }).then(assert.fail, (error) => error)
  assert.ok(error instanceof smalti.CancelledError && error.cause.message === 'enough')
  assert.deepEqual(children(), [])
})

test('a worker has the limits of its job', { skip: unbuilt }, async () => {
  const controller = new AbortController()
  const image = smalti(bad('h'), { isolate, limitInputPixels: 1000 }).png().timeout({ seconds: 300 })
  const made = image.toBuffer({ signal: controller.signal }).catch((error) => error)
  const limitOf = (text, name) => Number(new RegExp(`^${name} +(\\S+)`, 'm').exec(text)?.[1])
  let limits
  do {
    await new Promise((resolve) => setTimeout(resolve, 5))
    limits = children().map((pid) => existsSync(`/proc/${pid}/limits`) && readFileSync(`/proc/${pid}/limits`, 'utf8'))[0]
  } while (!limits || Number.isNaN(limitOf(limits, 'Max cpu time')) || Number.isNaN(limitOf(limits, 'Max file size')))
  controller.abort()
  assert.ok(await made instanceof smalti.CancelledError)
  const cpu = limitOf(limits, 'Max cpu time')
  assert.ok(cpu >= 300 && cpu < 1e6, limits)
  assert.ok(limitOf(limits, 'Max file size') < 100e6 && limitOf(limits, 'Max data size') > 0, limits)
})

test('a batch to a folder goes through workers, a crash stops nobody', { skip: unbuilt }, async (t) => {
  const { add, file } = folder(t)
  const inputs = Array.from({ length: 8 }, (_, i) => add(`${i}.png`, png(60 + i, 40)))
  inputs.splice(3, 0, add('bad.png', bad('c')))
  const steps = smalti().resize(30).png()
  const { results, metrics } = await smalti.processBatch(inputs, steps, { dir: file('out'), isolate, concurrency: 2 })
  assert.deepEqual([metrics.done, metrics.failed, metrics.total], [8, 1, 9])
  assert.ok(results[3].error instanceof smalti.PeerError)
  assert.ok(readFileSync(file('out/0.png')).equals(await smalti(inputs[0]).resize(30).png().toBuffer()))
})

test('a batch to buffers keeps its workers, whatever its inputs are', { skip: unbuilt }, async (t) => {
  const { add, file } = folder(t)
  const path = add('a.png', png(64, 48))
  const many = Array.from({ length: 30 }, (_, i) => png(40 + i, 40))
  const all = [path, ...many, createReadStream(path), bad('c'), file('none.png'), Buffer.from('no image'), 42]
  const pids = new Set()
  const watch = setInterval(() => children().forEach((pid) => pids.add(pid)), 1)
  const { results, metrics } = await smalti.processBatch(all, smalti({ isolate }).resize(20).png(), { concurrency: 2 })
  clearInterval(watch)
  assert.deepEqual(results.map((result) => result.index), all.map((_, index) => index))
  assert.deepEqual([metrics.done, metrics.failed, metrics.total], [32, 4, 36])
  const wanted = await smalti(path).resize(20).png().toBuffer()
  assert.ok(results[0].data.equals(wanted) && results[31].data.equals(wanted))
  assert.deepEqual([results[0].status, results[0].input, results[0].width, results[1].input], ['done', path, 20, undefined])
  assert.deepEqual(results.slice(32).map(({ error }) => error.constructor), [smalti.PeerError, smalti.IoError, smalti.FormatError, smalti.InvalidError])
  assert.ok(pids.size < 12, `${pids.size} processes`) // two, and those that die
})

test('workers of the thread kind may be ended while processes work for them', { skip: unbuilt }, async () => {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    const smalti = require(workerData.main)
    for (let i = 0; i < 6; i++) smalti(Buffer.from(workerData.bytes), { isolate: workerData.isolate }).png().toBuffer().catch(() => {})
    setTimeout(() => parentPort.postMessage('under way'), 50)`
  const main = createRequire(import.meta.url).resolve('../lib/index.js')
  const worker = new Worker(code, { eval: true, workerData: { main, isolate, bytes: bad('h') } })
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  await worker.terminate()
  assert.deepEqual(children(), [])
  assert.ok((await smalti(png(20, 20), { isolate: true }).webp().toBuffer()).length > 0)
})
