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

/**
 * Runs a program. `start` is native.write or native.batch; `more(what, value)` gets what comes before the end.
 * @returns {Promise<object>} what the addon made
 */
function run(start, program, data, signal, more) {
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
    id = start(words(program), data, callback)
    signal?.addEventListener('abort', abort, { once: true })
  })
}

module.exports = { native, run, CHUNK }
