// SPDX-License-Identifier: Apache-2.0
import test from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync, truncateSync, existsSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import smalti from '../lib/index.mjs'
import { folder, png } from './images.mjs'

const { CODES } = createRequire(import.meta.url)('../lib/errors.js')

test('an error is of the class of its result', async (t) => {
  const { file } = folder(t)
  const good = png(30, 20)
  const bad = Buffer.from(good)
  bad[good.length - 20] ^= 255
  const cases = [
    [() => smalti(file('none.png')).toBuffer(), smalti.IoError, { code: 'IO', errno: 2, systemCode: 'ENOENT' }],
    [() => smalti(Buffer.from('no image')).toBuffer(), smalti.FormatError, { code: 'FORMAT_UNKNOWN', offset: 0 }],
    [() => smalti(good.subarray(0, 60)).toBuffer(), smalti.FormatError, { code: 'FORMAT_TRUNCATED' }],
    [() => smalti(bad).toBuffer(), smalti.FormatError, {}],
    [() => smalti(good).resize({ widht: 3 }).toBuffer(), smalti.InvalidError, { code: 'INVALID_KEY' }],
    [() => smalti(good).blur({ sigma: 1000 }).toBuffer(), smalti.InvalidError, { code: 'INVALID_RANGE' }],
    [() => smalti(good, { limitInputPixels: 599 }).toBuffer(), smalti.LimitError, { code: 'LIMIT_PIXELS' }],
    [() => smalti(png(1500, 1000), { memory: 1 << 20 }).rotate(30).toBuffer(), smalti.LimitError, { code: 'LIMIT_MEMORY' }],
    [() => smalti(good).kernel('./none.wasm').toBuffer(), smalti.IoError, { errno: 2 }]
  ]
  for (const [make, Class, wanted] of cases) {
    const error = await make().then(assert.fail, (error) => error)
    assert.ok(error instanceof Class && error instanceof smalti.SmaltiError && error instanceof Error, String(error))
    assert.equal(error.name, Class.name)
    for (const [name, value] of Object.entries(wanted)) assert.equal(error[name], value, `${error.message}: ${name}`)
  }
})

test('every result of the library has a name here', () => {
  const header = readFileSync(new URL('../../../include/smalti/base.h', import.meta.url), 'utf8')
  const found = Object.fromEntries([...header.matchAll(/SMALTI_E_(\w+) = (-\d+)/g)].map(([, name, number]) => [number, name]))
  assert.ok(Object.keys(found).length > 20)
  assert.deepEqual(CODES, found)
})

test('what cannot be an argument is refused at once', () => {
  assert.throws(() => smalti(42), smalti.InvalidError)
  assert.throws(() => smalti('in.png', { colour: 1 }), { code: 'INVALID_KEY' })
  assert.throws(() => smalti(png(2, 2)).kernel(3), smalti.InvalidError)
  assert.throws(() => smalti(png(2, 2)).step('embiggen'), { code: 'INVALID_KEY' })
})

test('a name with a NUL is refused', async () => {
  await assert.rejects(smalti('in.png\0set').toBuffer(), smalti.InvalidError)
})

test('an output in place of its input is refused', async (t) => {
  const input = folder(t).add('in.png', png(20, 20))
  await assert.rejects(smalti(input).flip().toFile(input), { name: 'InvalidError', code: 'INVALID_CONFLICT' })
})

test('a signal stops an output, before and in the middle', async (t) => {
  const { file } = folder(t)
  const input = png(3000, 2000, { level: 1 })
  await assert.rejects(smalti(input).toBuffer({ signal: AbortSignal.abort('why') }), { name: 'CancelledError', code: 'CANCELLED', cause: 'why' })
  const controller = new AbortController()
  const slow = smalti(input).kernel('gaussian-blur', { sigma: 50 }).avif({ effort: 9 }).toFile(file('out.avif'), { signal: controller.signal })
  setTimeout(() => controller.abort(), 20)
  await assert.rejects(slow, smalti.CancelledError)
  assert.equal(existsSync(file('out.avif')), false)
})

test('a signal ends the waiting for a stream', async () => {
  const controller = new AbortController()
  const waiting = smalti().png().toBuffer({ signal: controller.signal }) // nothing is ever piped in
  setTimeout(() => controller.abort(), 5)
  await assert.rejects(waiting, smalti.CancelledError)
})

test('a stream that is thrown away stops its work', async () => {
  const slow = smalti(png(2000, 1500)).blur(40).avif({ effort: 9 })
  slow.read()
  slow.destroy()
  await new Promise((resolve) => slow.on('close', resolve))
})

/* Whether it is cut before, while or after it is read is chance: each of these is right, and the process lives. */
test('a file that is cut while it is read is an error, not a signal', async (t) => {
  const { add } = folder(t)
  const noise = png(1800, 1500, { level: 0 })
  const codes = new Set()
  for (let round = 0; round < 12; round++) {
    const input = add(`${round}.png`, noise)
    const reading = smalti(input).blur(3).jpeg().toBuffer().then(() => 'whole', (error) => error)
    await new Promise((resolve) => setTimeout(resolve, 1 + round * 4))
    truncateSync(input, 5000)
    const outcome = await reading
    if (outcome === 'whole') continue
    assert.ok(outcome instanceof smalti.IoError || outcome instanceof smalti.FormatError, String(outcome))
    codes.add(outcome.code)
  }
  assert.ok(codes.size > 0)
})

test('workers have the package too, and may be ended in the middle', async () => {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    const smalti = require(workerData.main)
    const input = Buffer.from(workerData.bytes)
    smalti(input).resize(10).png().toBuffer().then((data) => {
      parentPort.postMessage(data.length)
      for (let i = 0; i < 20; i++) smalti(input).resize(2000).blur(30).avif({ effort: 9 }).toBuffer().catch(() => {})
    })`
  const main = createRequire(import.meta.url).resolve('../lib/index.js')
  for (let round = 0; round < 3; round++) {
    const worker = new Worker(code, { eval: true, workerData: { main, bytes: png(100, 80) } })
    const length = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    assert.ok(length > 60)
    await worker.terminate()
  }
  assert.ok((await smalti(png(20, 20)).webp().toBuffer()).length > 0)
})

test('a process may end with work under way', () => {
  const main = createRequire(import.meta.url).resolve('../lib/index.js')
  const code = `
    const smalti = require(${JSON.stringify(main)})
    const raw = { width: 2000, height: 2000, channels: 3 }
    for (let i = 0; i < 8; i++) smalti(Buffer.alloc(12e6), { raw }).blur(50).avif({ effort: 9 }).toBuffer().catch(() => {})
    setTimeout(() => process.exit(7), 50)`
  assert.throws(() => execFileSync(process.execPath, ['-e', code], { stdio: 'pipe' }), { status: 7 })
})
