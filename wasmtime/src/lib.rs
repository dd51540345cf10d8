// SPDX-License-Identifier: Apache-2.0
//! Wasmtime's C API, kept whole: the static library exports what this crate re-exports.
pub use wasmtime_c_api::*;
