// SPDX-License-Identifier: Apache-2.0
//! Smalti's SDK for kernels as a crate; see the module.
#![cfg_attr(target_arch = "wasm32", no_std)]

#[macro_use]
mod smalti_kernel;
pub use smalti_kernel::*;
