// SPDX-License-Identifier: Apache-2.0
//! What a kernel's author needs, ABI version 1: see docs/kernels.md. `no_std`, no dependencies, Rust 1.63 or newer.
//!
//! As a crate (`smalti-kernel = …`) or as a module of your own (`#[macro_use] mod smalti_kernel;` in the crate's root).
//!
//! ```ignore
//! smalti_kernel::smalti_describe!(r#"{"name": "invert", …}"#);
//! smalti_kernel::smalti_rows!(u8: invert);
//! fn invert(row: smalti_kernel::Row<u8>) {
//!     for (out, v) in row.dst.iter_mut().zip(row.src) {
//!         *out = 255 - v;
//!     }
//! }
//! ```
#![allow(dead_code, unused_macros)]

use core::slice;

pub const U8: u32 = 1;
pub const U16: u32 = 2;
pub const F32: u32 = 4;

/// One call, as the host writes it: smalti_tile in sdk/c/smalti_kernel.h, which explains the fields.
#[repr(C)]
pub struct Tile {
    pub size: u32,
    pub sample: u32,
    pub channels: u32,
    pub dst_channels: u32,
    pub halo: u32,
    pub width: u32,
    pub height: u32,
    pub x: u32,
    pub y: u32,
    pub image_width: u32,
    pub image_height: u32,
    pub src_pitch: u32,
    pub dst_pitch: u32,
    src: *const u8,
    dst: *mut u8,
    params: *const f64,
    param_count: u32,
    scratch_size: u32,
    scratch: *mut u8,
}

/// The types a sample may have.
pub trait Sample: Copy {
    const SAMPLE: u32;
}
impl Sample for u8 {
    const SAMPLE: u32 = U8;
}
impl Sample for u16 {
    const SAMPLE: u32 = U16;
}
impl Sample for f32 {
    const SAMPLE: u32 = F32;
}

/// A row of the core: what a filter of samples by themselves, or of pixels and their neighbours, works on.
pub struct Row<'a, T> {
    /// The samples of the row, interleaved: width × channels.
    pub src: &'a [T],
    /// Where to write: width × dst_channels.
    pub dst: &'a mut [T],
    /// The row's place in the tile; the image has it at tile.y + y.
    pub y: u32,
    pub tile: &'a Tile,
}

impl Tile {
    /// The parameters, in the descriptor's order.
    pub fn params(&self) -> &[f64] {
        // SAFETY: the host wrote param_count of them.
        unsafe { slice::from_raw_parts(self.params, self.param_count as usize) }
    }

    /// Row y of the core, -halo to height + halo - 1, with `halo` pixels on the left and right: (width + 2 halo) ×
    /// channels samples.
    pub fn src_row<T: Sample>(&self, y: i32) -> &[T] {
        let halo = self.halo as i32;
        assert!(T::SAMPLE == self.sample && y >= -halo && y < self.height as i32 + halo);
        let samples = (self.width as usize + 2 * self.halo as usize) * self.channels as usize;
        let left = self.halo as usize * self.channels as usize * core::mem::size_of::<T>();
        // SAFETY: the host keeps these rows readable, and aligned for T.
        unsafe {
            let first = self.src.offset(y as isize * self.src_pitch as isize).sub(left);
            slice::from_raw_parts(first as *const T, samples)
        }
    }

    /// Calls f for each row. For kernels that are not in place: src and dst are different memory then.
    pub fn rows<T: Sample>(&self, mut f: impl FnMut(Row<T>)) -> i32 {
        if T::SAMPLE != self.sample || core::ptr::eq(self.src, self.dst) {
            return 1;
        }
        for y in 0..self.height {
            let halo = (self.halo * self.channels) as usize;
            let src = self.src_row(y as i32);
            // SAFETY: rows of dst do not overlap, and the tile is not used by anyone else during the call.
            let dst = unsafe {
                let first = self.dst.add(y as usize * self.dst_pitch as usize) as *mut T;
                slice::from_raw_parts_mut(first, (self.width * self.dst_channels) as usize)
            };
            f(Row {
                src: &src[halo..src.len() - halo],
                dst,
                y,
                tile: self,
            });
        }
        0
    }

    /// Memory of one's own for the call, as much as smalti_scratch asked for.
    #[allow(clippy::mut_from_ref)]
    pub fn scratch(&self) -> &mut [u8] {
        // SAFETY: the host gave it for this call only.
        unsafe { slice::from_raw_parts_mut(self.scratch, self.scratch_size as usize) }
    }
}

impl<'a, T: Sample> Row<'a, T> {
    /// The row dy below (above when negative), within the halo, with `halo` pixels on the left and right.
    pub fn near(&self, dy: i32) -> &'a [T] {
        self.tile.src_row(self.y as i32 + dy)
    }
}

/// The descriptor: one JSON string literal. Keys: docs/kernels.md.
#[macro_export]
macro_rules! smalti_describe {
    ($json:expr) => {
        const SMALTI_DESCRIPTOR: &str = $json;
        #[cfg_attr(target_arch = "wasm32", link_section = "smalti")]
        #[used]
        static SMALTI_SECTION: [u8; SMALTI_DESCRIPTOR.len()] = {
            let (text, mut bytes, mut i) = (SMALTI_DESCRIPTOR.as_bytes(), [0; SMALTI_DESCRIPTOR.len()], 0);
            while i < bytes.len() {
                bytes[i] = text[i];
                i += 1;
            }
            bytes
        };
    };
}

/// The entry point of a tile kernel: `smalti_tile!(f)` with `fn f(tile: &Tile) -> i32`, 0 for success.
#[macro_export]
macro_rules! smalti_tile {
    ($f:expr) => {
        /// # Safety
        /// Called by the host with a tile of its own.
        #[no_mangle]
        pub unsafe extern "C" fn smalti_tile(tile: *const smalti_kernel::Tile) -> i32 {
            $f(&*tile)
        }
    };
}

/// The same from functions on rows, one for each sample type: `smalti_rows!(u8: invert, u16: invert16)` with
/// `fn invert(row: Row<u8>)`. Not for kernels that say `"in_place": true`.
#[macro_export]
macro_rules! smalti_rows {
    ($($sample:ty: $f:expr),+) => {
        smalti_tile!(|tile: &smalti_kernel::Tile| -> i32 {
            $(
                if tile.sample == <$sample as smalti_kernel::Sample>::SAMPLE {
                    return tile.rows::<$sample>($f);
                }
            )+
            1
        });
    };
}

/// With `"halo": "dynamic"`: `smalti_halo!(COUNT, f)` with `fn f(params: &[f64]) -> i32` and the number of parameters.
#[macro_export]
macro_rules! smalti_halo {
    ($count:expr, $f:expr) => {
        /// # Safety
        /// Called by the host with all parameters.
        #[no_mangle]
        pub unsafe extern "C" fn smalti_halo(params: *const f64) -> i32 {
            $f(core::slice::from_raw_parts(params, $count))
        }
    };
}

/// Bytes of scratch for a call: `smalti_scratch!(f)` with `fn f(tile: &Tile) -> usize`.
#[macro_export]
macro_rules! smalti_scratch {
    ($f:expr) => {
        /// # Safety
        /// Called by the host with a tile of its own.
        #[no_mangle]
        pub unsafe extern "C" fn smalti_scratch(tile: *const smalti_kernel::Tile) -> u32 {
            $f(&*tile) as u32
        }
    };
}

/// The entry points of a measure with state `$state`, plain data for which any bytes are valid (`#[repr(C)]`, numbers):
/// `smalti_measure!(State, init, accumulate, merge, finish, VALUES)` with `fn init(&mut State, &Tile)`,
/// `fn accumulate(&mut State, &Tile)`, `fn merge(&mut State, &State)`, `fn finish(&State, &Tile, &mut [f64])`.
#[macro_export]
macro_rules! smalti_measure {
    ($state:ty, $init:expr, $accumulate:expr, $merge:expr, $finish:expr, $values:expr) => {
        /// # Safety
        /// Called by the host.
        #[no_mangle]
        pub unsafe extern "C" fn smalti_init(state: *mut $state, whole: *const smalti_kernel::Tile) -> i32 {
            $init(&mut *state, &*whole);
            0
        }
        /// # Safety
        /// Called by the host.
        #[no_mangle]
        pub unsafe extern "C" fn smalti_accumulate(state: *mut $state, tile: *const smalti_kernel::Tile) -> i32 {
            $accumulate(&mut *state, &*tile);
            0
        }
        /// # Safety
        /// Called by the host.
        #[no_mangle]
        pub unsafe extern "C" fn smalti_merge(state: *mut $state, other: *const $state) -> i32 {
            $merge(&mut *state, &*other);
            0
        }
        /// # Safety
        /// Called by the host.
        #[no_mangle]
        pub unsafe extern "C" fn smalti_finish(
            state: *const $state,
            whole: *const smalti_kernel::Tile,
            values: *mut f64,
        ) -> i32 {
            $finish(&*state, &*whole, core::slice::from_raw_parts_mut(values, $values));
            0
        }
    };
}

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}
