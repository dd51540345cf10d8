// SPDX-License-Identifier: Apache-2.0
// Usage: node --expose-gc --max-semi-space-size=2 bench/heap.mjs [RUNS [FOLDER]]  How JavaScript's heap and the process grow over
// many runs of a path to a buffer with metrics, and by one PNG of 6000 × 4000. Exit status 1 when the heap grew by more than
// 2 MB, or RSS did not stay flat. Pictures are made in FOLDER (default: a temporary one). V8's young generation is held at one
// size: left alone it goes from 1 to 16 MiB twice and back as it likes, and RSS shows nothing else.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import smalti from '../lib/index.mjs'
import { largePng, photographs } from './pictures.mjs'

const runs = Number(process.argv[2] ?? 10000)
const given = process.argv[3]
const folder = given ?? mkdtempSync(path.join(tmpdir(), 'smalti-heap-'))
const MB = 1e6

if (!globalThis.gc) throw new Error('run with node --expose-gc --max-semi-space-size=2')

/** After everything that can be freed was: finalizers of buffers run between turns. */
async function settled() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage()
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

  const rss = [(await settled()).rss]
  let kept = 0
  for (let part = 0; part < 4; part++) {
    const { kept: more } = await watched(async () => {
      for (let i = 0; i < runs / 4; i++) await small(files[i % files.length])
    })
    kept += more
    rss.push((await settled()).rss)
  }
  console.log(`${runs} runs: heap ${(kept / MB).toFixed(2)} MB kept, RSS ${rss.map((bytes) => (bytes / MB).toFixed(0)).join(', ')} MB`)
  const growth = rss.at(-1) - rss[1]
  const good = one.kept <= 2 * MB && one.peak <= 2 * MB && kept <= 2 * MB && growth <= 8 * MB
  console.log(good ? 'within the bounds' : 'OUT OF BOUNDS: heap 2 MB, RSS 8 MB after the first quarter')
  process.exitCode = good ? 0 : 1
} finally {
  if (!given) rmSync(folder, { recursive: true, force: true })
}
