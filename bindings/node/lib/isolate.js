// SPDX-License-Identifier: Apache-2.0
// Isolated work: the same steps in jailed worker processes (docs/workers.md). What an output of the one in this process is to
// write.js, one of these is to the others: {input, stats, output, measures}.
'use strict'

const { endianness } = require('node:os')
const path = require('node:path')
const { native, run, Program } = require('./native')
const { errorOf, InvalidError, PeerError, UnsupportedError } = require('./errors')

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

/* ---- pixels: a worker makes a PNM or PAM file of them, whose head is nothing to be afraid of ---- */

const PNM = /^P([56])\n(\d{1,10}) (\d{1,10})\n(255|65535)\n/
const PAM = /^P7\nWIDTH (\d{1,10})\nHEIGHT (\d{1,10})\nDEPTH ([24])\nMAXVAL (255|65535)\nTUPLTYPE [A-Z_]{1,20}\nENDHDR\n/
const HEAD_BYTES = 160
const FLOATS = 3 // samples from this on are

/** The settings of an output of pixels. */
function pixelSettings(settings) {
  const own = new Map(settings)
  for (const key of ['output.max_bytes', 'output.target_quality']) own.delete(key)
  return own.set('output.format', 'pnm')
}

/** The samples have the machine's order, and stand where arrays of 16 bits can be laid over them. */
function swapped(bytes) {
  const copy = Buffer.from(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
  return endianness() === 'LE' ? copy.swap16() : copy
}

/** What a record of such an output is as pixels; a hostile worker may have made it. */
function pixelsOf({ data, head }) {
  if (head?.sample >= FLOATS) throw new UnsupportedError('isolate: workers give pixels of 8 or 16 bits, and the input has floats')
  const text = data.toString('latin1', 0, HEAD_BYTES)
  const pnm = PNM.exec(text)
  const found = pnm ?? PAM.exec(text)
  const [width, height] = (found ?? []).slice(pnm ? 2 : 1).map(Number)
  const channels = pnm ? (pnm[1] === '5' ? 1 : 3) : Number(found?.[3])
  const wide = found?.[4] === '65535'
  const size = width * height * channels * (wide ? 2 : 1)
  if (!found || data.byteLength !== found[0].length + size) throw new PeerError("the worker's answer has pixels that cannot be")
  const samples = data.subarray(found[0].length)
  return { format: 'raw', width, height, size, channels, sample: wide ? 2 : 1, data: wide ? swapped(samples) : samples }
}

/* ---- single outputs ---- */

/** @param {import('./write').Request} request @param {string[][]} steps */
async function writeIsolated(input, source, request, steps) {
  const kinds = { file: request.to, buffer: ['buffer'], pixels: ['buffer'], stream: ['buffer'], discard: ['nothing'] }
  const to = kinds[request.to[0]]
  const raw = request.to[0] === 'pixels'
  const settings = raw ? pixelSettings(request.settings) : request.settings
  const record = await runOne(input, source, { to, settings, steps, signal: request.signal })
  if (record.error) throw errorOf(record.error, request.signal)
  if (raw) return { input: record.head, stats: record.metrics, output: pixelsOf(record) }
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

module.exports = { isolation, pushIsolation, pushItem, pixelSettings, pixelsOf, warn, writeIsolated, headIsolated }
