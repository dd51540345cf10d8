// SPDX-License-Identifier: Apache-2.0
// An image on its way: an input, steps, settings of its output, and what can be made of it. Nothing is read before an output is
// asked for; then a thread does all of it.
'use strict'

const { Duplex } = require('node:stream')
const { InvalidError, CancelledError } = require('./errors')
const { Input } = require('./input')
const { defineSteps, kernelWords, stepWords, isObject } = require('./steps')
const { writable, formatName, outputSettings } = require('./formats')
const { write, writeStream, readHead } = require('./write')
const { metadataOf, statsOf, STATS_STEPS, DEPTHS } = require('./describe')

const PART_BYTES = 64 << 10

class Smalti extends Duplex {
  #last // the last step
  #settings = new Map() // of the output
  #raw = false
  #abort = null // stops what is streamed
  #ready = [] // bytes that nobody has asked for yet
  #wanted = false // somebody has

  /**
   * @param {unknown} [input] a path, bytes, or a stream; without it, what is piped in
   * @param {object} [options]
   */
  constructor(input, options = {}) {
    if (isObject(input) && Object.getPrototypeOf(input) === Object.prototype) [input, options] = [undefined, input]
    const shared = options.input instanceof Input ? options.input : new Input(input, options)
    super({ writable: shared.piped, autoDestroy: true })
    this._input = shared
  }

  /** A branch: the same input and steps so far. Outputs that are asked for together are made from one decoding. */
  clone() {
    const copy = new Smalti(undefined, { input: this._input })
    copy.#last = this.#last
    copy.#settings = new Map(this.#settings)
    copy.#raw = this.#raw
    return copy
  }

  /* ---- steps (the others: steps.js) ---- */

  static addStep(self, words) {
    self.#last = { before: self.#last, words, count: (self.#last?.count ?? 0) + 1 }
    return self
  }

  /** Any step of the library, with its own parameters: `step('tonemap', {curve: 'filmic'})`. */
  step(name, params) {
    return Smalti.addStep(this, stepWords(name, params))
  }

  /** A WebAssembly kernel: one that ships, or a path. */
  kernel(module, params) {
    return Smalti.addStep(this, kernelWords(module, params))
  }

  /** Upright by EXIF orientation, which is the default here. */
  autoOrient() {
    return this
  }

  /* ---- settings of the output ---- */

  /** Any key of a job: `set('output.maxBytes', 100000)` is `output.max_bytes`. */
  set(key, value) {
    const text = String(key).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    const settings = text.startsWith('output.') ? this.#settings : this._input.settings
    settings.set(text, String(value))
    return this
  }

  #addSettings(settings) {
    for (const [key, value] of settings) this.#settings.set(key, value)
    return this
  }

  toFormat(format, options) {
    const name = isObject(format) ? format.id : format
    if (name === 'raw') return this.raw(options)
    this.#raw = false
    return this.#addSettings(outputSettings(formatName(name), options))
  }

  /** Options whatever the format will be: `output({quality: 70, maxBytes: 100000})`. */
  output(options) {
    return this.#addSettings(outputSettings(undefined, options))
  }

  /** Pixels instead of a file's bytes; of the input's samples. */
  raw() {
    this.#raw = true
    return this
  }

  keepMetadata() {
    return this.set('output.metadata', 'all')
  }

  keepIccProfile() {
    return this.set('output.metadata', 'icc')
  }

  removeMetadata() {
    return this.set('output.metadata', 'none')
  }

  timeout({ seconds }) {
    return this.set('limits.task_ms', Math.round(seconds * 1000))
  }

  /* ---- outputs ---- */

  #request(to, signal) {
    return { settings: new Map(this.#settings), last: this.#last, to, signal }
  }

  /** What processBatch needs to know. */
  static parts(self) {
    return { settings: self.#settings, last: self.#last, raw: self.#raw }
  }

  async toFile(path, { signal } = {}) {
    if (typeof path !== 'string' || path === '') throw new InvalidError('toFile takes a path', { code: 'INVALID_TYPE' })
    const { output } = await write(this._input, this.#request(['file', path], signal))
    return { ...output, path }
  }

  async toBufferWithMetrics({ signal } = {}) {
    const made = await write(this._input, this.#request([this.#raw ? 'pixels' : 'buffer'], signal))
    const { data, sample, ...info } = made.output
    if (sample) {
      delete info.quality
      Object.assign(info, { format: 'raw', size: data.byteLength, depth: DEPTHS[sample] })
    }
    return { data, info, metrics: made.stats }
  }

  async toBuffer(options = {}) {
    const { data, info } = await this.toBufferWithMetrics(options)
    return options.resolveWithObject ? { data, info } : data
  }

  /** What the file says of itself; steps have no part in it. */
  async metadata({ signal } = {}) {
    return metadataOf((await readHead(this._input, signal)).input)
  }

  /** What the pixels behind the steps so far are like. */
  async stats({ signal } = {}) {
    const branch = this.clone()
    for (const words of STATS_STEPS) Smalti.addStep(branch, words)
    const request = branch.#request(['discard'], signal)
    request.settings = new Map([['output.format', 'pnm']])
    return statsOf(await write(this._input, request))
  }

  /* ---- as a stream ---- */

  _write(chunk, encoding, done) {
    done(this._input.gather(chunk))
  }

  _final(done) {
    this._input.resolve()
    done()
  }

  _read() {
    this.#wanted = true
    this.#pass()
    if (this.#abort) return
    this.#abort = new AbortController()
    this.#stream(this.#abort.signal).catch((error) => {
      if (!this.destroyed) this.destroy(error)
    })
  }

  /** As much as the stream wants; null is its end. */
  #pass() {
    while (this.#wanted && this.#ready.length) this.#wanted = this.push(this.#ready.shift())
  }

  /** Parts of one allocation, as large as those that the library makes. */
  #offer(bytes) {
    if (bytes === null) this.#ready.push(null)
    else for (let at = 0; at < bytes.length; at += PART_BYTES) this.#ready.push(bytes.subarray(at, at + PART_BYTES))
    this.#pass()
  }

  async #stream(signal) {
    const request = this.#request(['stream'], signal)
    if (this.#raw) {
      request.to = ['pixels']
      const { output } = await write(this._input, request)
      this.#offer(output.data)
    } else {
      // without a format of its own a stream has the input's, as a buffer has
      const { output } = await writeStream(this._input, request, (bytes) => this.#offer(bytes))
      const { data, ...info } = output
      this.emit('info', info)
    }
    this.#offer(null)
  }

  _destroy(error, done) {
    this.#abort?.abort(error ?? undefined)
    this.#ready = []
    if (this._input.piped && !this.writableFinished) this._input.reject(error ?? new CancelledError(undefined, 'the input was closed'))
    done(error)
  }
}

defineSteps(Smalti.prototype, Smalti.addStep)

for (const name of [...writable, 'jpg']) {
  Object.defineProperty(Smalti.prototype, name, {
    configurable: true,
    writable: true,
    value(options) {
      return this.toFormat(name, options)
    }
  })
}

module.exports = { Smalti }
