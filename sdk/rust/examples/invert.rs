// SPDX-License-Identifier: Apache-2.0
//! The negative of each sample: the smallest kernel.
#![cfg_attr(target_arch = "wasm32", no_std)]

use smalti_kernel::{smalti_describe, smalti_rows, smalti_tile, Row};

smalti_describe!(
    r#"{"name": "invert-rust", "version": "1.0", "abi": 1, "kind": "tile",
    "summary": "negative colours, in Rust",
    "samples": ["u8", "u16"], "channels": [1, 3], "halo": 0}"#
);
smalti_rows!(u8: invert, u16: invert_u16);

fn invert(row: Row<u8>) {
    for (out, v) in row.dst.iter_mut().zip(row.src) {
        *out = 255 - v;
    }
}

fn invert_u16(row: Row<u16>) {
    for (out, v) in row.dst.iter_mut().zip(row.src) {
        *out = 65535 - v;
    }
}
