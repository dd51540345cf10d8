// SPDX-License-Identifier: Apache-2.0
// Usage: node bench/isolate.mjs [COUNT [FOLDER]]  What it costs to work in processes of their own: COUNT photographs of 1200 × 800
// (default 200), to JPEGs of 320 pixels, one after the other and as batches, here and isolated; and a picture of 64 × 64, where
// nothing else costs much. Ways alternate; times are medians of the calls, and of batches for an image.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import smalti from '../lib/index.mjs'
import { photographs } from './pictures.mjs'

const count = Number(process.argv[2] ?? 200)
const given = process.argv[3]
const folder = given ?? mkdtempSync(path.join(tmpdir(), 'smalti-isolate-'))
const ROUNDS = 5
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]

async function timed(work) {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** ways: name → a function of a turn; gives the medians of so many turns each. */
async function compare(turns, ways) {
  const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]))
  for (const work of Object.values(ways)) await work(0)
  for (let turn = 0; turn < turns; turn++) {
    for (const [name, work] of Object.entries(ways)) times[name].push(await timed(() => work(turn)))
  }
  for (const [name, list] of Object.entries(times)) console.log(`${name.padEnd(34)} ${median(list).toFixed(2)} ms`)
}

try {
  const all = await photographs(path.join(folder, 'photographs'), count)
  const small = await smalti(all[0]).resize(64, 64).png().toBuffer()
  const steps = (input, options) => smalti(input, options).resize({ width: 320 }).jpeg({ quality: 80 })
  const tiny = (options) => smalti(small, options).flop().png().toBuffer()
  await compare(count, {
    'photograph, here': (turn) => steps(all[turn]).toBuffer(),
    'photograph, isolated': (turn) => steps(all[turn], { isolate: true }).toBuffer(),
    '64 × 64, here': () => tiny(),
    '64 × 64, isolated': () => tiny({ isolate: true })
  })
  const batch = (options) => smalti.processBatch(all, steps(), options)
  const times = { 'batch to buffers': {}, 'batch to a folder': { dir: path.join(folder, 'out'), output: { overwrite: true } } }
  for (const [name, options] of Object.entries(times)) {
    const here = []
    const there = []
    for (let round = 0; round < ROUNDS; round++) {
      here.push(await timed(() => batch(options)))
      there.push(await timed(() => batch({ ...options, isolate: true })))
    }
    console.log(`${name.padEnd(34)} ${(median(here) / count).toFixed(2)} ms an image here, ${(median(there) / count).toFixed(2)} ms isolated`)
  }
} finally {
  if (!given) rmSync(folder, { recursive: true, force: true })
}
