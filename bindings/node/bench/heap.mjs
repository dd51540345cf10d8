// SPDX-License-Identifier: Apache-2.0
// Usage: node --expose-gc bench/heap.mjs [RUNS [FOLDER]]  How JavaScript's heap and the process grow over many runs of a path to a
// buffer with metrics, and by one PNG of 6000 × 4000. Exit status 1 when the heap grew by more than 2 MB, or what the process has
// beside V8 did not stay flat. Pictures are made in FOLDER (default: a temporary one). RSS is told with V8's part of it: its young
// generation grows from 1 to 16 MiB and shrinks as V8 likes (--max-semi-space-size=2 holds it), and is no memory of this package.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { getHeapSpaceStatistics } from 'node:v8'
import smalti from '../lib/index.mjs'
import { largePng, photographs } from './pictures.mjs'

const runs = Number(process.argv[2] ?? 10000)
const given = process.argv[3]
const folder = given ?? mkdtempSync(path.join(tmpdir(), 'smalti-heap-'))
const MB = 1e6

if (!globalThis.gc) throw new Error('run with node --expose-gc')

/** After everything that can be freed was: finalizers of buffers run between turns. */
async function settled() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const spaces = getHeapSpaceStatistics()
  const v8 = spaces.reduce((sum, space) => sum + space.physical_space_size, 0)
  return { ...process.memoryUsage(), v8, young: spaces.find((space) => space.space_name === 'new_space').physical_space_size }
}

const small = (file) => smalti(file).resize({ width: 320 }).jpeg({ quality: 80 }).toBufferWithMetrics()

/** Peak of the heap, looked at without collecting, while work runs. */
async function watched(work) {
  let peak = 0
  const before = (await settled()).heapUsed
  const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage().heapUsed - before)), 2)
  await work()
  peak = Math.max(peak, process.memoryUsage().heapUsed - before)
  clearInterval(timer)
  const after = await settled()
  return { peak, kept: after.heapUsed - before, external: after.external + after.arrayBuffers }
}

try {
  const files = await photographs(path.join(folder, 'photographs'), 8)
  const large = await largePng(path.join(folder, 'large.png'))
  for (let i = 0; i < 200; i++) await small(files[i % files.length])
  await small(large)

  const one = await watched(() => small(large))
  console.log(`PNG of 6000x4000 to a buffer: heap +${(one.peak / MB).toFixed(2)} MB at most, ${(one.kept / MB).toFixed(2)} MB kept`)

  const told = [await settled()]
  let kept = 0
  for (let part = 0; part < 4; part++) {
    const { kept: more } = await watched(async () => {
      for (let i = 0; i < runs / 4; i++) await small(files[i % files.length])
    })
    kept += more
    told.push(await settled())
  }
  const list = (what) => told.map((one) => (what(one) / MB).toFixed(0)).join(', ')
  console.log(`${runs} runs: heap ${(kept / MB).toFixed(2)} MB kept`)
  console.log(`RSS ${list((one) => one.rss)} MB: V8 ${list((one) => one.v8)} (its young generation ${list((one) => one.young)}), all else ${list((one) => one.rss - one.v8)}`)
  const growth = told.at(-1).rss - told.at(-1).v8 - (told[1].rss - told[1].v8)
  const good = one.kept <= 2 * MB && one.peak <= 2 * MB && kept <= 2 * MB && growth <= 8 * MB
  console.log(good ? 'within the bounds' : 'OUT OF BOUNDS: heap 2 MB, RSS beside V8 8 MB after the first quarter')
  process.exitCode = good ? 0 : 1
} finally {
  if (!given) rmSync(folder, { recursive: true, force: true })
}
