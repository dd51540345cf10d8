// SPDX-License-Identifier: Apache-2.0
// Loads the addon and turns its calls, which take a program and a callback, into promises. A program is a text of words that
// end in NUL each; src/program.c says which.
'use strict'

const path = require('node:path')
const { errorOf, InvalidError, CancelledError } = require('./errors')

const file = path.join(__dirname, '..', 'prebuilt', `smalti-${process.platform}-${process.arch}.node`)

function load() {
  try {
    return require(file)
  } catch (error) {
    error.message =
      `smalti: the addon for ${process.platform}-${process.arch} cannot be loaded (${error.message}); ` +
      "in the repository 'npm install' in bindings/node builds it; libraries that it needs are listed in its README"
    throw error
  }
}

const native = load()

const DONE = 0
const FAILED = 1
const CHUNK = 2

/** Words of a program. Whatever comes from outside goes through here: a NUL in it would end a word. */
function words(list) {
  for (const word of list) {
    if (word.includes('\0')) throw new InvalidError(`a NUL in ${JSON.stringify(word.slice(0, 80))}`)
  }
  return list.join('\0') + '\0'
}

/** A program while it is put together, and the bytes that go with it: its words number them. */
class Program {
  words = []
  blocks = []

  /** @param {...string} words */
  push(...words) {
    for (const word of words) this.words.push(word)
  }

  /** @returns {string} the number of these bytes */
  block(bytes) {
    return String(this.blocks.push(bytes) - 1)
  }

  settings(settings) {
    for (const [key, value] of settings) this.push('set', key, value)
  }

  /** Words of steps; those that have bytes are a step whose file is these. */
  steps(list) {
    for (const words of list) {
      if (words.bytes) this.push('attach', this.block(words.bytes), ...words.slice(1))
      else this.push(...words)
    }
  }
}

/**
 * Runs a program. `start` is native.write, native.batch or native.one; `more(what, value)` gets what comes before the end.
 * @returns {Promise<object>} what the addon made
 */
function run(start, program, signal, more) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new CancelledError(signal.reason))
    let id = 0
    const abort = () => native.cancel(id)
    const callback = (what, value) => {
      if (what !== DONE && what !== FAILED) return more?.(what, value)
      signal?.removeEventListener('abort', abort)
      if (what === DONE) resolve(value)
      else reject(errorOf(value, signal))
    }
    id = start(words(program.words), program.blocks, callback)
    signal?.addEventListener('abort', abort, { once: true })
  })
}

module.exports = { native, run, Program, CHUNK }
