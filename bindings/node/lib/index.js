// SPDX-License-Identifier: Apache-2.0
// The package: smalti(input) makes a pipeline; the rest hangs on that function.
'use strict'

const { native } = require('./native')
const errors = require('./errors')
const { Smalti } = require('./pipeline')
const { processBatch } = require('./batch')

/** @param {unknown} [input] @param {object} [options] */
function smalti(input, options) {
  return new Smalti(input, options)
}

function kernels(name = '') {
  const found = native.kernels(name)
  if (found.error) throw errors.errorOf(found.error)
  return found
}

/** How many images are worked on at a time, in all of the process: sets it, or tells it. */
function concurrency(threads = 0) {
  if (!Number.isInteger(threads) || threads < 0) {
    throw new errors.InvalidError('concurrency is a whole number', { code: 'INVALID_RANGE' })
  }
  return native.threads(threads)
}

const { errorOf, CODES, ...classes } = errors

module.exports = Object.assign(smalti, {
  Smalti,
  processBatch,
  kernels,
  /** The kinds of steps with their parameters. */
  steps: () => native.steps(),
  formats: () => native.formats(),
  concurrency,
  version: native.version(),
  ...classes
})
