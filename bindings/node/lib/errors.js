// SPDX-License-Identifier: Apache-2.0
// Errors: a class for each class of the library's results (smalti/base.h).
'use strict'

const { getSystemErrorName } = require('node:util')

const CODES = {
  '-100': 'INVALID', '-101': 'INVALID_KEY', '-102': 'INVALID_TYPE', '-103': 'INVALID_RANGE', '-104': 'INVALID_CONFLICT',
  '-200': 'FORMAT', '-201': 'FORMAT_TRUNCATED', '-202': 'FORMAT_CHECKSUM', '-203': 'FORMAT_UNKNOWN',
  '-300': 'UNSUPPORTED',
  '-400': 'LIMIT', '-401': 'LIMIT_MEMORY', '-402': 'LIMIT_PIXELS', '-403': 'LIMIT_FRAMES', '-404': 'LIMIT_RATIO',
  '-405': 'LIMIT_TIME',
  '-500': 'NOMEM',
  '-600': 'IO', '-601': 'IO_CHANGED',
  '-700': 'KERNEL', '-701': 'KERNEL_MODULE', '-702': 'KERNEL_TRAP', '-703': 'KERNEL_TIMEOUT', '-704': 'KERNEL_MEMORY',
  '-705': 'KERNEL_STATUS',
  '-800': 'PEER',
  '-900': 'CANCELLED'
}

/** What all errors of this package are. */
class SmaltiError extends Error {
  /**
   * @param {string} message one line that names the file, the step or the option
   * @param {{code?: string, offset?: number, errno?: number, cause?: unknown}} [more]
   */
  constructor(message, more = {}) {
    super(message, 'cause' in more ? { cause: more.cause } : undefined)
    this.name = new.target.name
    this.code = more.code ?? new.target.code
    if (more.offset !== undefined) this.offset = more.offset
    if (more.errno !== undefined) {
      this.errno = more.errno
      this.systemCode = getSystemErrorName(-more.errno)
    }
  }
}
SmaltiError.code = 'ERROR'

class InvalidError extends SmaltiError {}
class FormatError extends SmaltiError {}
class UnsupportedError extends SmaltiError {}
class LimitError extends SmaltiError {}
class MemoryError extends SmaltiError {}
class IoError extends SmaltiError {}
class KernelError extends SmaltiError {}
class PeerError extends SmaltiError {}

class CancelledError extends SmaltiError {
  /** @param {unknown} [reason] of the AbortSignal: the cause */
  constructor(reason, message = 'cancelled') {
    super(message, reason === undefined ? {} : { cause: reason })
  }
}

const CLASSES = [
  SmaltiError, InvalidError, FormatError, UnsupportedError, LimitError, MemoryError, IoError, KernelError, PeerError,
  CancelledError
]
for (let number = 1; number < CLASSES.length; number++) CLASSES[number].code = CODES[String(-100 * number)]

/** The error for what the addon says: {result, message, errno?, offset?}. */
function errorOf({ result, message, errno, offset }, signal) {
  const Class = CLASSES[Math.trunc(-result / 100)] ?? SmaltiError
  const code = CODES[String(result)]
  if (Class === CancelledError) return new CancelledError(signal?.reason, message || 'cancelled')
  return new Class(message || (Class === MemoryError ? 'out of memory' : String(code)), { code, errno, offset })
}

module.exports = {
  errorOf, CODES, SmaltiError, InvalidError, FormatError, UnsupportedError, LimitError, MemoryError, IoError, KernelError,
  PeerError, CancelledError
}
