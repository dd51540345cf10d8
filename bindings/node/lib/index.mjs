// SPDX-License-Identifier: Apache-2.0
// The same for import.
import smalti from './index.js'

export default smalti
export const {
  Smalti,
  processBatch,
  kernels,
  steps,
  formats,
  concurrency,
  version,
  SmaltiError,
  InvalidError,
  FormatError,
  UnsupportedError,
  LimitError,
  MemoryError,
  IoError,
  KernelError,
  PeerError,
  CancelledError
} = smalti
