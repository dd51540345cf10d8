// SPDX-License-Identifier: Apache-2.0
// Usage: node bench/loop.mjs [COUNT [FOLDER]]  How late the event loop is while a batch of COUNT photographs runs, to files and
// to buffers. Exit status 1 when 1 % of its turns were later than 20 ms. An idle second stands beside it: the machine's own part.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import smalti from '../lib/index.mjs'
import { photographs } from './pictures.mjs'

const RESOLUTION_MS = 1
const count = Number(process.argv[2] ?? 200)
const given = process.argv[3]
const folder = given ?? mkdtempSync(path.join(tmpdir(), 'smalti-loop-'))

async function measured(name, work) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  await work()
  delay.disable()
  const ms = (ns) => (ns / 1e6 - RESOLUTION_MS).toFixed(1)
  console.log(`${name}: p50 ${ms(delay.percentile(50))} ms, p99 ${ms(delay.percentile(99))} ms, longest ${ms(delay.max)} ms`)
  return delay.percentile(99) / 1e6 - RESOLUTION_MS
}

try {
  const files = await photographs(path.join(folder, 'photographs'), count)
  const steps = smalti().resize({ width: 320 }).jpeg({ quality: 80 })
  const heard = { files: 0, buffers: 0 }
  await measured('idle', () => new Promise((resolve) => setTimeout(resolve, 1000)))
  const late = [
    await measured('files', () =>
      smalti.processBatch(files, steps, { dir: path.join(folder, 'out'), onProgress: () => heard.files++ })
    ),
    await measured('buffers', () => smalti.processBatch(files, steps, { onProgress: () => heard.buffers++ }))
  ]
  console.log(`progress was told ${heard.files} and ${heard.buffers} times`)
  process.exitCode = Math.max(...late) <= 20 ? 0 : 1
} finally {
  if (!given) rmSync(folder, { recursive: true, force: true })
}
