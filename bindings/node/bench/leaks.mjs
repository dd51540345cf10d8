// SPDX-License-Identifier: Apache-2.0
// Usage: node --expose-gc bench/leaks.mjs [RUNS [PARTS]]  What stays behind of RUNS outputs (default 10000) of every kind: paths, bytes,
// streams, batches, isolated ones, such that fail and such that are cancelled. After each of PARTS (default 5) of the runs it
// tells descriptors, threads, child processes, JavaScript's heap, memory outside of it (Buffers), and RSS with the part of V8 in
// it: left alone, its young generation grows to 16 MiB and shrinks as V8 likes, twice that while it is collected. Exit status 1 when
// something grew behind the first part.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { getHeapSpaceStatistics } from 'node:v8'
import smalti from '../lib/index.mjs'
import { png } from '../test/images.mjs'

const MB = 1e6
const count = (folder) => readdirSync(folder).length

/** After everything that can be freed was: finalizers of buffers run between turns. */
async function settled() {
  for (let i = 0; i < 6; i++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** What is there now. */
export async function snapshot() {
  await settled()
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
  const spaces = Object.fromEntries(getHeapSpaceStatistics().map((space) => [space.space_name, space.physical_space_size]))
  const v8 = Object.values(spaces).reduce((sum, bytes) => sum + bytes, 0)
  const resources = process.getActiveResourcesInfo().filter((name) => name !== 'Timeout' && name !== 'Immediate').length
  return { descriptors: count('/proc/self/fd'), threads: count('/proc/self/task'), resources, heapUsed, external, arrayBuffers, rss, v8, young: spaces.new_space, rest: rss - v8 }
}

/** One output of the kind that its turn has; what is to fail has to fail. */
export function kindsOf(folder) {
  const bytes = png(96, 64)
  const file = path.join(folder, 'in.png')
  const bad = Buffer.from('no image')
  const slow = png(600, 400)
  writeFileSync(file, bytes)
  const fails = (promise) => promise.then(() => Promise.reject(new Error('it did not fail')), () => {})
  const cancelled = async (options) => {
    const controller = new AbortController()
    const made = smalti(slow, options).blur(20).webp({ effort: 6 }).toBuffer({ signal: controller.signal })
    setImmediate(() => controller.abort())
    await made.catch((error) => {
      if (!(error instanceof smalti.CancelledError)) throw error
    })
  }
  const abandoned = async () => {
    const image = smalti(slow).png()
    image.read(0)
    await new Promise((resolve) => setImmediate(resolve))
    image.destroy()
    await new Promise((resolve) => image.once('close', resolve))
  }
  const often = [
    () => smalti(file).resize(32).jpeg().toBuffer(),
    () => smalti(bytes).resize(32).webp({ effort: 0 }).toBufferWithMetrics(),
    () => smalti(bytes).raw().toBuffer(),
    () => smalti(file).flop().toFile(path.join(folder, 'out.png')),
    () => smalti(Readable.from([bytes.subarray(0, 90), bytes.subarray(90)])).kernel('sharpen').png().toBuffer(),
    () => smalti(bytes).png().toArray(),
    () => smalti(bytes).composite({ input: bytes, left: 3, top: 2 }).png().toBuffer(),
    () => smalti(bytes).metadata(),
    () => fails(smalti(bad).toBuffer()),
    () => fails(smalti(bytes).composite({ input: bad }).png().toBuffer()),
    () => fails(smalti(path.join(folder, 'none.png')).toBuffer()),
    () => cancelled(),
    () => abandoned()
  ]
  const isolate = true
  const seldom = [
    () => smalti(bytes, { isolate }).resize(32).jpeg().toBuffer(),
    () => fails(smalti(bad, { isolate }).toBuffer()),
    () => fails(smalti(bytes, { isolate: { program: '/bin/false' } }).toBuffer()),
    () => cancelled({ isolate }),
    () => smalti.processBatch([file, bytes, bad], smalti({ isolate }).resize(20).png()),
    () => smalti.processBatch([file, bytes, bad], smalti().resize(20).png()),
    () => smalti(bytes, { isolate }).composite({ input: bytes }).png().toBuffer()
  ]
  return (turn) => (turn % 40 === 39 ? seldom[((turn / 40) | 0) % seldom.length] : often[turn % often.length])()
}

/** Runs from one turn to another, four at a time. */
export async function runs(kind, from, to) {
  let next = from
  const lane = async () => {
    while (next < to) await kind(next++)
  }
  await Promise.all([lane(), lane(), lane(), lane()])
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const total = Number(process.argv[2] ?? 10000)
  const parts = Number(process.argv[3] ?? 5)
  const folder = mkdtempSync(path.join(tmpdir(), 'smalti-leaks-'))
  const shots = []
  try {
    const kind = kindsOf(folder)
    console.log('runs   descriptors threads resources  heap external buffers    RSS  of it V8 (young)    rest   MB')
    for (let part = 0; part < parts; part++) {
      await runs(kind, (total / parts) * part, (total / parts) * (part + 1))
      const now = await snapshot()
      shots.push(now)
      const mb = (bytes, room) => (bytes / MB).toFixed(1).padStart(room)
      console.log(
        `${String((total / parts) * (part + 1)).padEnd(6)} ${String(now.descriptors).padStart(11)} ${String(now.threads).padStart(7)} ${String(now.resources).padStart(9)} ` +
          `${mb(now.heapUsed, 5)} ${mb(now.external, 8)} ${mb(now.arrayBuffers, 7)} ${mb(now.rss, 6)} ${mb(now.v8, 9)} (${mb(now.young, 5)}) ${mb(now.rest, 7)}`
      )
    }
    const [first, last] = [shots[0], shots.at(-1)]
    const grew = {
      descriptors: last.descriptors > first.descriptors,
      threads: last.threads > first.threads,
      resources: last.resources > first.resources,
      heap: last.heapUsed > first.heapUsed + 2 * MB,
      buffers: last.external + last.arrayBuffers > first.external + first.arrayBuffers + MB,
      memory: last.rest > first.rest + 12 * MB
    }
    const names = Object.keys(grew).filter((name) => grew[name])
    console.log(names.length ? `GREW: ${names.join(', ')}` : 'nothing grew')
    process.exitCode = names.length ? 1 : 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
