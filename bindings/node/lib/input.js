// SPDX-License-Identifier: Apache-2.0
// Where an image comes from. Clones share it: it is what outputs that are decoded once have in common.
'use strict'

const { totalmem } = require('node:os')
const { InvalidError, LimitError, UnsupportedError } = require('./errors')
const { isolation } = require('./isolate')
const { isObject, stableBytes } = require('./steps')

const SAMPLES = { uchar: 1, ushort: 2, float: 4 }
const SAMPLE_BYTES = { 1: 1, 2: 2, 4: 4 }

const isBytes = (value) => ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer
/** Of a stream, which is gathered before it is decoded: half of the memory budget, as the library takes of a pipe. */
const streamBytes = (memory) => Math.floor((memory ?? Math.min(2 ** 30, totalmem() / 2)) / 2)

const isStream = (value) => isObject(value) && typeof value[Symbol.asyncIterator] === 'function'

/** The sample's number of some pixels: said, or by the type of their array. */
function sampleOf(raw, value) {
  if (raw.depth !== undefined) return SAMPLES[raw.depth]
  return value instanceof Float32Array ? 4 : value instanceof Uint16Array ? 2 : 1
}

function rawWords(raw, bytes, value) {
  const sample = sampleOf(raw, value)
  const { width, height, channels } = raw
  const whole = [width, height, channels].every((number) => Number.isInteger(number) && number > 0 && number < 2 ** 31)
  if (!sample || !whole || channels > 4) {
    throw new InvalidError('raw needs width, height, channels (1 to 4) and perhaps depth (uchar, ushort, float)')
  }
  const wanted = width * height * channels * SAMPLE_BYTES[sample]
  if (bytes.byteLength !== wanted) {
    throw new InvalidError(`raw pixels are ${bytes.byteLength} bytes, not ${wanted}`, { code: 'INVALID_RANGE' })
  }
  return [width, height, channels, sample].map(String)
}

class Input {
  /** @param {unknown} value path, bytes, a stream, or undefined: what is piped in */
  constructor(value, options) {
    this.settings = settingsOf(options)
    this.waiting = [] // outputs that were asked for in this turn
    this.raw = options.raw
    this.memory = options.memory
    this.isolate = isolation(options.isolate)
    if (this.isolate && this.raw) throw new UnsupportedError('isolate: pixels are not handed to workers, files are')
    this.piped = value === undefined || value === null
    this.chunks = []
    this.gathered = 0
    this.most = streamBytes(this.memory)
    if (this.piped) {
      this.ended = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }))
      this.ended.catch(() => {}) // told to those who ask
    } else if (value instanceof URL && value.protocol === 'file:') {
      this.source = { path: require('node:url').fileURLToPath(value) }
    } else if (typeof value === 'string' && value !== '') {
      this.source = { path: value }
    } else if (isBytes(value)) {
      this.source = this.sourceOf(stableBytes(value), value)
    } else if (isStream(value)) {
      this.stream = value
    } else {
      throw new InvalidError('an input is a path, a Buffer or other bytes, or a stream', { code: 'INVALID_TYPE' })
    }
  }

  sourceOf(bytes, value) {
    return { bytes, pixels: this.raw && rawWords(this.raw, bytes, value) }
  }

  /** Bytes of a stream, as they come. @returns {LimitError | undefined} it has too many */
  gather(chunk) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    this.gathered += bytes.byteLength
    if (this.gathered > this.most) {
      this.chunks = []
      return new LimitError(
        `the stream has more than ${this.most} bytes, which is half of the memory budget: raise it with the option memory`,
        { code: 'LIMIT_MEMORY' }
      )
    }
    this.chunks.push(bytes)
  }

  /** @returns {{path: string} | {bytes: Uint8Array, pixels?: string[]} | Promise<…>} */
  open() {
    if (this.source) return this.source
    this.opening ??= this.read()
    return this.opening
  }

  async read() {
    if (this.piped) {
      await this.ended
    } else {
      for await (const chunk of this.stream) {
        const error = this.gather(chunk)
        if (error) throw error // which ends the stream, too
      }
    }
    const bytes = this.chunks.length === 1 ? stableBytes(this.chunks[0]) : Buffer.concat(this.chunks)
    this.chunks = []
    this.source = this.sourceOf(bytes)
    return this.source
  }
}

function settingsOf(options) {
  const settings = new Map()
  const { autoOrient, failOn, limitInputPixels, unlimited, animated, pages, limits, raw, input, memory, isolate, ...rest } = options
  for (const name of Object.keys(rest)) {
    if (name !== 'sequentialRead') throw new InvalidError(`there is no option "${name}"`, { code: 'INVALID_KEY' })
  }
  if (autoOrient !== undefined) settings.set('input.orient', String(autoOrient))
  if (failOn === 'none') settings.set('input.lenient', 'true')
  if (animated || pages === -1) settings.set('input.frames', 'all')
  if (unlimited || limitInputPixels === false) settings.set('limits.preset', 'lenient')
  if (typeof limitInputPixels === 'number') settings.set('limits.pixels', String(limitInputPixels))
  const { snake } = require('./formats')
  for (const [name, value] of Object.entries(input ?? {})) settings.set(`input.${snake(name)}`, String(value))
  for (const [name, value] of Object.entries(limits ?? {})) settings.set(`limits.${snake(name)}`, String(value))
  return settings
}

module.exports = { Input, isStream }
