// SPDX-License-Identifier: Apache-2.0
// Outputs: those of one input that are asked for in one turn of the event loop (of clones, say, in a Promise.all) are written
// together, from one decoding.
'use strict'

const { native, run, Program, CHUNK } = require('./native')
const { CancelledError } = require('./errors')
const { writeIsolated, headIsolated } = require('./isolate')

const OUTPUTS_MAX = 64

/* Steps are a list from the last to the first, shared by clones: {before, words, count}. */

const countOf = (last) => last?.count ?? 0

/** @returns {string[][]} the words of the steps behind `from` up to `last` */
function stepsBetween(from, last) {
  const list = []
  for (let step = last; step !== from; step = step.before) list.push(step.words)
  return list.reverse()
}

/** The last step that all of two lists have in common. */
function commonStep(a, b) {
  while (a !== b) {
    if (countOf(a) >= countOf(b)) a = a?.before
    else b = b?.before
  }
  return a
}

function begin(input, source) {
  const program = new Program()
  if (input.memory) program.push('budget', String(Math.round(input.memory)))
  if (source.path !== undefined) program.push('path', source.path)
  else if (source.pixels) program.push('pixels', program.block(source.bytes), ...source.pixels)
  else program.push('memory', program.block(source.bytes), 'input')
  program.settings(input.settings)
  return program
}

/**
 * @typedef {object} Request one output
 * @property {Map<string, string>} settings
 * @property {object | undefined} last its last step
 * @property {string[]} to ['file', path], ['buffer'], ['pixels'], ['stream'] or ['discard']
 */

/** @param {Request[]} requests */
function programOf(input, source, requests) {
  const program = begin(input, source)
  const alone = requests.length === 1
  const shared = requests.map((request) => request.last).reduce(commonStep)
  if (alone) program.settings(requests[0].settings)
  program.steps(stepsBetween(undefined, shared))
  for (const { to, settings, last } of requests) {
    program.push('output', ...to)
    if (!alone) program.settings(settings)
    program.steps(stepsBetween(shared, last))
  }
  return program
}

function start(input, source, requests, more) {
  return run(native.write, programOf(input, source, requests), requests[0].signal, more)
}

async function writeTogether(input, source, requests) {
  let made
  try {
    made = await start(input, source, requests)
  } catch (error) {
    // outputs are all or nothing there; here the others are done without the one that failed
    if (requests.length > 1 && !(error instanceof CancelledError)) {
      for (const request of requests) await writeTogether(input, source, [request])
    } else {
      for (const request of requests) request.reject(error)
    }
    return
  }
  requests.forEach((request, index) => request.resolve({ ...made, outputs: undefined, output: made.outputs[index] }))
}

function isolated(input, source, request) {
  return writeIsolated(input, source, request, stepsBetween(undefined, request.last))
}

async function flush(input) {
  let source
  try {
    source = await input.open()
  } catch (error) {
    for (const request of input.waiting.splice(0)) request.reject(error)
    return
  }
  if (input.isolate) {
    for (const request of input.waiting.splice(0)) isolated(input, source, request).then(request.resolve, request.reject)
    return
  }
  const bySignal = new Map()
  for (const request of input.waiting.splice(0)) {
    const list = bySignal.get(request.signal)
    if (list && list.length % OUTPUTS_MAX) list.push(request)
    else bySignal.set(list ? {} : request.signal, [request])
  }
  for (const requests of bySignal.values()) writeTogether(input, source, requests)
}

/** A promise that a signal rejects, while bytes of a stream are waited for. */
async function stoppable(promise, signal) {
  if (!signal) return promise
  let stop
  const stopped = new Promise((resolve, reject) => {
    stop = () => reject(new CancelledError(signal.reason))
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([promise, stopped])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** @returns {Promise<{input: object, stats: object, output: object, measures?: string}>} */
function write(input, request) {
  const made = new Promise((resolve, reject) => {
    if (input.waiting.push({ ...request, resolve, reject }) === 1) queueMicrotask(() => flush(input))
  })
  return input.source ? made : stoppable(made, request.signal)
}

/** A single output whose bytes are given to `onBytes` as they are made. */
async function writeStream(input, request, onBytes) {
  const source = await input.open()
  if (input.isolate) { // a worker's output is whole when it comes
    const made = await isolated(input, source, request)
    onBytes(made.output.data)
    return made
  }
  const made = await start(input, source, [{ ...request, to: ['stream'] }], (what, bytes) => {
    if (what === CHUNK) onBytes(bytes)
  })
  return { ...made, output: made.outputs[0] }
}

/** What the head of the input says. */
async function readHead(input, signal) {
  const source = await input.open()
  return input.isolate ? headIsolated(input, source, signal) : run(native.write, begin(input, source), signal)
}

module.exports = { write, writeStream, readHead, stepsBetween }
