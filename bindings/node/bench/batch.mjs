// SPDX-License-Identifier: Apache-2.0
// Usage: node bench/batch.mjs FOLDER NODE_MODULES [ROUNDS]  All JPEGs of FOLDER to 320 pixels, quality 80, beside sharp of
// NODE_MODULES, in one process each, alternating. An empty FOLDER is filled with 500 photographs of 1200 × 800. sharp runs in
// each way that is usual (its own threads; one thread for each image, many images at a time) and the best of them counts.
// Each round is a process of its own, with start-up left out: the first image is made before the clock runs.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import os, { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const cores = os.availableParallelism?.() ?? os.cpus().length // the first since Node 18.14
const [, , folder, modules, given, mode, out] = process.argv

const pictures = () => readdirSync(folder).filter((name) => /\.jpe?g$/i.test(name)).sort().map((name) => path.join(folder, name))
const target = (file) => path.join(out, path.basename(file))

/** work on all items, so many at a time. */
async function inParallel(items, lanes, work) {
  let next = 0
  const lane = async () => {
    while (next < items.length) await work(items[next++])
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

async function smaltiRun() {
  const { default: smalti } = await import('../lib/index.mjs')
  const steps = smalti().resize({ width: 320 }).jpeg({ quality: 80 })
  return (files) => smalti.processBatch(files, steps, { dir: out })
}

async function smaltiEach() {
  const { default: smalti } = await import('../lib/index.mjs')
  return (files) => inParallel(files, cores, (file) => smalti(file).resize({ width: 320 }).jpeg({ quality: 80 }).toFile(target(file)))
}

function sharpRun(threads, lanes) {
  const sharp = createRequire(path.join(path.resolve(modules), 'x.js'))('sharp')
  sharp.concurrency(threads)
  sharp.cache(false)
  return (files) => inParallel(files, lanes, (file) => sharp(file).resize(320).jpeg({ quality: 80 }).toFile(target(file)))
}

const modes = {
  'smalti processBatch': smaltiRun,
  'smalti toFile': smaltiEach,
  'sharp, its threads': () => sharpRun(cores, cores),
  'sharp, a thread each': () => sharpRun(1, cores),
  'sharp, a thread each, 4 at a time': () => sharpRun(1, 4)
}

/** One round, in a process of its own. */
async function child() {
  const run = await modes[mode]()
  const files = pictures()
  await run(files.slice(0, 1))
  const cpu = process.cpuUsage()
  const start = performance.now()
  await run(files)
  const wall = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  console.log(JSON.stringify({ wall, cpu: (user + system) / 1e6, rss: process.resourceUsage().maxRSS / 1024 }))
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

async function parent() {
  if (!modules) throw new Error('usage: node bench/batch.mjs FOLDER NODE_MODULES [ROUNDS]')
  mkdirSync(folder, { recursive: true })
  if (!pictures().length) await (await import('./pictures.mjs')).photographs(folder, 500)
  const rounds = Number(given ?? 5)
  const scratch = mkdtempSync(path.join(tmpdir(), 'smalti-batch-'))
  const found = Object.fromEntries(Object.keys(modes).map((name) => [name, []]))
  const sizes = {}
  try {
    for (let round = 0; round < rounds; round++) {
      for (const name of Object.keys(modes)) {
        const target = mkdtempSync(path.join(scratch, 'out-'))
        found[name].push(JSON.parse(execFileSync(process.execPath, [fileURLToPath(import.meta.url), folder, modules, '1', name, target], { encoding: 'utf8' })))
        sizes[name] = readdirSync(target).reduce((sum, file) => sum + statSync(path.join(target, file)).size, 0)
        rmSync(target, { recursive: true })
      }
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  console.log(`${pictures().length} JPEGs, ${cores} processors, Node ${process.version}, median of ${rounds}`)
  const walls = {}
  for (const [name, list] of Object.entries(found)) {
    const of = (key) => median(list.map((one) => one[key]))
    walls[name] = of('wall')
    const spread = list.map((one) => one.wall)
    console.log(
      `${name.padEnd(34)} ${of('wall').toFixed(2)} s (${Math.min(...spread).toFixed(2)} to ${Math.max(...spread).toFixed(2)}), ` +
        `CPU ${of('cpu').toFixed(2)} s, peak RSS ${of('rss').toFixed(0)} MiB, ${(sizes[name] / 1e6).toFixed(2)} MB`
    )
  }
  const best = (prefix) => Math.min(...Object.keys(walls).filter((name) => name.startsWith(prefix)).map((name) => walls[name]))
  console.log(`smalti's best is ${(best('smalti') / best('sharp')).toFixed(2)} of sharp's best`)
}

await (mode ? child() : parent())
