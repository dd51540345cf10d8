// SPDX-License-Identifier: Apache-2.0
// Many images and the same steps. Files that become files in a folder are one job of the library; anything else is done image by
// image. A bad image is told and does not stop the others.
'use strict'

const path = require('node:path')
const { native, run, Program } = require('./native')
const { errorOf, InvalidError, CancelledError } = require('./errors')
const { Input, isStream } = require('./input')
const { isolation, pushIsolation, pushItem, pixelSettings, pixelsOf, warn } = require('./isolate')
const { DEPTHS } = require('./describe')
const { Smalti } = require('./pipeline')
const { stepsBetween } = require('./write')
const { outputSettings } = require('./formats')

const PROGRESS_MS = 50

/** Counts, and tells them at most every 50 ms and once at the end. */
class Progress {
  constructor(onProgress) {
    this.counts = { done: 0, skipped: 0, failed: 0, total: 0 }
    this.onProgress = onProgress
    this.told = performance.now()
  }

  tell(now = false) {
    const time = performance.now()
    if (!this.onProgress || (!now && time - this.told < PROGRESS_MS)) return
    this.told = time
    this.onProgress({ ...this.counts })
  }
}

function resultOf(record) {
  return record.error ? { ...record, error: errorOf(record.error) } : record
}

/** A signal of the caller's, and one that an exception in onProgress gives. */
function stopper(signal) {
  const own = new AbortController()
  const pass = () => own.abort(signal.reason)
  if (signal?.aborted) pass()
  signal?.addEventListener('abort', pass, { once: true })
  return { own, done: () => signal?.removeEventListener('abort', pass) }
}

/* ---- one job of the library ---- */

function begin(options) {
  const program = new Program()
  if (options.concurrency) program.push('lanes', String(options.concurrency))
  if (options.memory) program.push('memory', String(Math.round(options.memory)))
  pushIsolation(program, options.isolate)
  return program
}

function end(program, pipeline, settings, toPixels = false) {
  const { settings: own, last } = Smalti.parts(pipeline)
  const all = new Map([...pipeline._input.settings, ...own, ...settings])
  program.settings(toPixels ? pixelSettings(all) : all)
  program.steps(stepsBetween(undefined, last))
}

/** Runs a program; `place(record)` puts a result where it goes, and says its status. */
async function runProgram(program, progress, stop, place) {
  let thrown
  const more = (what, records) => {
    for (const record of records) {
      progress.counts[place(record)]++
    }
    try {
      progress.tell()
    } catch (error) {
      thrown ??= { error }
      stop.abort(error)
    }
  }
  try {
    const { warning, ...metrics } = await run(native.batch, program, stop.signal, more)
    warn(warning)
    return metrics
  } catch (error) {
    throw thrown ? thrown.error : error
  }
}

async function runJob(inputs, pipeline, options, progress, stop) {
  const program = begin(options)
  if (typeof inputs === 'string') program.push('expand', inputs)
  else for (const input of inputs) program.push('input', input)
  end(program, pipeline, outputSettings(undefined, { dir: options.dir, template: options.template, ...options.output }))
  const results = []
  progress.counts.total = Array.isArray(inputs) ? inputs.length : 0
  const metrics = await runProgram(program, progress, stop, (record) => {
    results[record.index] = resultOf(record)
    return record.status
  })
  progress.counts.total = metrics.total
  return { results, metrics }
}

/* ---- files and bytes to buffers: one job too, whose lanes and worker processes go from image to image ---- */

function failed(input, index, error) {
  return { index, status: 'failed', ...(typeof input === 'string' && { input }), error }
}

function infoOf(pixels) {
  const { sample, ...info } = pixels
  return { ...info, depth: DEPTHS[sample], quality: undefined }
}

async function runItems(inputs, pipeline, options, progress, stop) {
  const program = begin(options)
  const results = new Array(inputs.length)
  const indices = []
  progress.counts.total = inputs.length
  for (const [index, input] of inputs.entries()) {
    try {
      pushItem(program, await new Input(input, { memory: options.memory }).open())
      indices.push(index)
    } catch (error) {
      results[index] = failed(input, index, error)
      progress.counts.failed++
    }
  }
  program.push('to', 'buffer')
  const { raw } = Smalti.parts(pipeline)
  end(program, pipeline, outputSettings(undefined, options.output), raw)
  const started = performance.now()
  const place = ({ input, head, measures, ...record }) => {
    const index = indices[record.index]
    const name = typeof inputs[index] === 'string' ? { input } : {}
    try {
      const pixels = raw && record.data ? infoOf(pixelsOf({ ...record, head })) : {}
      results[index] = resultOf({ ...record, index, ...name, ...pixels })
    } catch (error) {
      results[index] = failed(inputs[index], index, error)
    }
    return results[index].status
  }
  const metrics = indices.length ? await runProgram(program, progress, stop, place) : {}
  return { results, metrics: { ...metrics, ...progress.counts, wallMs: performance.now() - started } }
}

/* ---- streams, which are read when it is their turn, and pixels: image by image ---- */

function branchFor(pipeline, input, memory) {
  const { settings, last } = Smalti.parts(pipeline)
  const branch = new Smalti(input, { memory })
  if (Smalti.parts(pipeline).raw) branch.raw()
  for (const [key, value] of pipeline._input.settings) branch._input.settings.set(key, value)
  for (const [key, value] of settings) branch.set(key, value)
  for (const words of stepsBetween(undefined, last)) Smalti.addStep(branch, words)
  return branch
}

async function one(input, index, pipeline, memory, signal) {
  const name = typeof input === 'string' ? { input } : {}
  try {
    const { data, info, metrics } = await branchFor(pipeline, input, memory).toBufferWithMetrics({ signal })
    return { index, status: 'done', ...name, ...info, data, metrics }
  } catch (error) {
    if (error instanceof CancelledError) throw error
    return failed(input, index, error)
  }
}

async function runEach(inputs, pipeline, options, progress, stop) {
  const results = new Array(inputs.length)
  const lanes = Math.min(options.concurrency ?? native.threads(0), inputs.length)
  const share = options.memory ? options.memory / Math.max(1, lanes) : undefined
  const started = performance.now()
  let next = 0
  progress.counts.total = inputs.length
  const lane = async () => {
    while (next < inputs.length) {
      const index = next++
      results[index] = await one(inputs[index], index, pipeline, share, stop.signal)
      progress.counts[results[index].status]++
      progress.tell()
    }
  }
  try {
    await Promise.all(Array.from({ length: lanes }, lane))
  } catch (error) {
    stop.abort(error)
    throw error
  }
  return { results, metrics: { ...progress.counts, wallMs: performance.now() - started } }
}

/**
 * @param {string | unknown[]} inputs paths, or bytes and streams too; one string: a folder or a pattern
 * @param {Smalti} pipeline steps and settings; its own input is not used
 */
async function processBatch(inputs, pipeline, options = {}) {
  if (!(pipeline instanceof Smalti)) throw new InvalidError('processBatch takes a pipeline: smalti().resize(…)', { code: 'INVALID_TYPE' })
  const files = typeof inputs === 'string' || inputs.every((input) => typeof input === 'string')
  if (options.dir !== undefined && !files) throw new InvalidError('with dir the inputs are paths', { code: 'INVALID_TYPE' })
  if (options.dir === undefined && typeof inputs === 'string') {
    throw new InvalidError('a folder or pattern needs dir, where its outputs go', { code: 'INVALID_TYPE' })
  }
  const progress = new Progress(options.onProgress)
  const isolate = isolation(options.isolate ?? pipeline._input.isolate)
  const each = !isolate && (Smalti.parts(pipeline).raw || (options.dir === undefined && inputs.some(isStream)))
  const way = options.dir !== undefined ? runJob : each ? runEach : runItems
  const { own, done } = stopper(options.signal)
  try {
    const made = await way(inputs, pipeline, { ...options, isolate }, progress, own)
    progress.tell(true)
    return made
  } finally {
    done()
  }
}

module.exports = { processBatch }
