// SPDX-License-Identifier: Apache-2.0
// Isolated work: the same steps in jailed worker processes (docs/workers.md). What an output of the one in this process is to
// write.js, one of these is to the others: {input, stats, output, measures}.
'use strict'

const path = require('node:path')
const { native, run, Program } = require('./native')
const { errorOf, InvalidError, UnsupportedError } = require('./errors')

const worker = path.join(__dirname, '..', 'prebuilt', `smalti-${process.platform}-${process.arch}.worker`)

/**
 * The option, checked.
 * @param {boolean | {requireJail?: boolean, program?: string} | undefined} option
 * @returns {{requireJail: boolean, program: string} | undefined}
 */
function isolation(option) {
  if (option === undefined || option === null || option === false) return undefined
  const { requireJail = false, program = worker, ...rest } = option === true ? {} : option
  const valid = typeof option === 'boolean' || typeof option === 'object'
  if (!valid || Object.keys(rest).length || typeof requireJail !== 'boolean' || typeof program !== 'string' || program === '') {
    throw new InvalidError('isolate is true, or {requireJail, program}', { code: 'INVALID_TYPE' })
  }
  return { requireJail, program }
}

function pushIsolation(program, isolate) {
  if (isolate) program.push('isolate', isolate.program, isolate.requireJail ? '1' : '0')
}

let told = false

/** Once in a process: what the system lacks does not change. */
function warn(warning) {
  if (!warning || told) return
  told = true
  process.emitWarning(`smalti: ${warning}`, { code: 'SMALTI_JAIL' })
}

function pushItem(program, source) {
  if (source.path !== undefined) program.push('path', source.path)
  else program.push('block', program.block(source.bytes), 'input')
}

/** @returns {Promise<object>} the record of the only item */
async function runOne(input, source, { to, settings, steps, signal }) {
  const program = new Program()
  if (input.memory) program.push('memory', String(Math.round(input.memory)))
  pushIsolation(program, input.isolate)
  pushItem(program, source)
  program.push('to', ...to)
  program.settings(input.settings)
  program.settings(settings)
  program.steps(steps)
  const records = []
  const { warning } = await run(native.one, program, signal, (what, more) => records.push(...more))
  warn(warning)
  return records[0] ?? { error: { result: -500, message: '' } } // it could not be kept
}

/** @param {import('./write').Request} request @param {string[][]} steps */
async function writeIsolated(input, source, request, steps) {
  const kinds = { file: request.to, buffer: ['buffer'], stream: ['buffer'], discard: ['nothing'] }
  const to = kinds[request.to[0]]
  if (!to) throw new UnsupportedError('isolate: workers make files, not pixels: raw() is for outputs that are not isolated')
  const record = await runOne(input, source, { to, settings: request.settings, steps, signal: request.signal })
  if (record.error) throw errorOf(record.error, request.signal)
  const { format, width, height, size, quality, score, data, head, metrics, measures } = record
  const output = { format, width, height, size, quality, ...(score !== undefined && { score }), ...(data && { data }) }
  return { input: head, stats: metrics, output, ...(measures && { measures }) }
}

/** The head of an input; for it the worker decodes all, as nothing else would look at the input. */
async function headIsolated(input, source, signal) {
  const record = await runOne(input, source, { to: ['nothing'], settings: new Map(), steps: [], signal })
  if (!record.head) throw errorOf(record.error, signal)
  return { input: record.head }
}

module.exports = { isolation, pushIsolation, pushItem, warn, writeIsolated, headIsolated }
