// SPDX-License-Identifier: Apache-2.0
// The same types for import.
import smalti from './index.js'

export default smalti
export import Smalti = smalti.Smalti
export import processBatch = smalti.processBatch
export import kernels = smalti.kernels
export import steps = smalti.steps
export import formats = smalti.formats
export import concurrency = smalti.concurrency
export import version = smalti.version
export import SmaltiError = smalti.SmaltiError
export import InvalidError = smalti.InvalidError
export import FormatError = smalti.FormatError
export import UnsupportedError = smalti.UnsupportedError
export import LimitError = smalti.LimitError
export import MemoryError = smalti.MemoryError
export import IoError = smalti.IoError
export import KernelError = smalti.KernelError
export import PeerError = smalti.PeerError
export import CancelledError = smalti.CancelledError
