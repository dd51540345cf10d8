// SPDX-License-Identifier: Apache-2.0
import test from 'node:test'
import assert from 'node:assert/strict'
import { createReadStream, mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import smalti from '../lib/index.mjs'
import { folder, png } from './images.mjs'

function files(t, count) {
  const { name, add } = folder(t)
  mkdirSync(path.join(name, 'in'))
  const inputs = Array.from({ length: count }, (_, i) => add(`in/${i}.png`, png(100 + i, 80)))
  return { inputs, dir: path.join(name, 'out'), from: path.join(name, 'in'), add }
}

test('files to a folder: each result has its place, a bad one stops nobody', async (t) => {
  const { inputs, dir, add } = files(t, 12)
  inputs.splice(5, 0, add('in/bad.png', 'no image'))
  const told = []
  const { results, metrics } = await smalti.processBatch(inputs, smalti().resize(50).webp({ quality: 70 }), {
    dir,
    concurrency: 3,
    memory: 256 << 20,
    onProgress: (progress) => told.push(progress)
  })
  assert.equal(results.length, 13)
  results.forEach((result, index) => assert.deepEqual([result.index, result.input], [index, inputs[index]]))
  assert.deepEqual([results[0].status, results[0].format, results[0].width, results[0].path], ['done', 'webp', 50, path.join(dir, '0.webp')])
  assert.ok(results[5].error instanceof smalti.FormatError)
  assert.deepEqual([metrics.done, metrics.failed, metrics.total], [12, 1, 13])
  assert.deepEqual(told.at(-1), { done: 12, skipped: 0, failed: 1, total: 13 })
  assert.equal(readdirSync(dir).length, 12)
})

test('a folder is all of its images, and what is there can be skipped', async (t) => {
  const { dir, from } = files(t, 4)
  const run = () => smalti.processBatch(from, smalti().flip(), { dir, output: { skipExisting: true } })
  assert.equal((await run()).metrics.done, 4)
  const again = await run()
  assert.deepEqual([again.metrics.done, again.metrics.skipped, again.results[3].status], [0, 4, 'skipped'])
})

test('bytes and paths to buffers', async (t) => {
  const { inputs } = files(t, 3)
  const told = []
  const all = [...inputs, png(64, 64), Buffer.from('no image')]
  const { results, metrics } = await smalti.processBatch(all, smalti().resize(32).jpeg(), { memory: 64 << 20, onProgress: (one) => told.push(one) })
  assert.deepEqual(results.map((result) => result.status), ['done', 'done', 'done', 'done', 'failed'])
  assert.equal((await smalti(results[3].data).metadata()).width, 32)
  assert.deepEqual([metrics.done, metrics.failed], [4, 1])
  assert.equal(told.at(-1).total, 5)
})

test('both ways give the same bytes', async (t) => {
  const { inputs, dir } = files(t, 3)
  const steps = smalti().resize(40, 40).sharpen({ amount: 0.5 }).png()
  const there = await smalti.processBatch(inputs, steps, { dir })
  const here = await smalti.processBatch(inputs, steps)
  for (let i = 0; i < 3; i++) {
    const [a, b] = [there.results[i].path, here.results[i].data].map((input) => smalti(input).raw().toBuffer())
    assert.ok((await a).equals(await b))
  }
})

test('streams and pixels have their turn too', async (t) => {
  const { inputs } = files(t, 2)
  const all = [createReadStream(inputs[0]), inputs[1], Readable.from([Buffer.from('no image')])]
  const { results, metrics } = await smalti.processBatch(all, smalti().resize(20).png())
  assert.deepEqual(results.map((result) => result.status), ['done', 'done', 'failed'])
  assert.ok(results[0].data.equals(await smalti(inputs[0]).resize(20).png().toBuffer()))
  assert.deepEqual([metrics.done, metrics.failed, metrics.total], [2, 1, 3])
  const pixels = await smalti.processBatch(inputs, smalti().resize(20).raw())
  assert.deepEqual([pixels.results[1].format, pixels.results[1].data.length], ['raw', 20 * 16 * 3])
})

test('a signal ends a batch of either way', async (t) => {
  const { inputs, dir } = files(t, 30)
  const slow = smalti().resize(1200).blur(20).avif({ effort: 9 })
  for (const options of [{ dir }, {}]) {
    const controller = new AbortController()
    setTimeout(() => controller.abort(new Error('enough')), 60)
    const error = await smalti.processBatch(inputs, slow, { ...options, signal: controller.signal }).then(assert.fail, (error) => error)
    assert.ok(error instanceof smalti.CancelledError)
    assert.equal(error.cause.message, 'enough')
  }
})

test('an exception out of onProgress ends the batch with it', async (t) => {
  const { inputs } = files(t, 2)
  const onProgress = () => {
    throw new Error('no more')
  }
  await assert.rejects(smalti.processBatch(inputs, smalti().png(), { onProgress }), /no more/)
})

test('wrong arguments of a batch', async () => {
  await assert.rejects(smalti.processBatch(['a.png'], {}), smalti.InvalidError)
  await assert.rejects(smalti.processBatch([png(2, 2)], smalti(), { dir: 'out' }), smalti.InvalidError)
  await assert.rejects(smalti.processBatch('folder', smalti()), smalti.InvalidError)
  await assert.rejects(smalti.processBatch(['none.png'], smalti().resize({ widht: 2 }), { dir: 'out' }), { code: 'INVALID_KEY' })
})
