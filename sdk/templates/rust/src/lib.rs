//! @NAME@: a kernel for Smalti.
#![cfg_attr(target_arch = "wasm32", no_std)]

#[macro_use]
mod smalti_kernel;
use smalti_kernel::Row;

// What the kernel is called, takes and offers; checked before it is ever run.
smalti_describe!(
    r#"{
    "name": "@NAME@", "version": "0.1.0", "abi": 1, "kind": "tile",
    "summary": "mixes each pixel with its 3x3 neighbourhood",
    "samples": ["u8", "u16"], "channels": [1, 2, 3, 4], "halo": 1,
    "params": [
        {"name": "amount", "type": "number", "min": 0, "max": 1, "default": 0.5, "summary": "0 changes nothing"}
    ]
}"#
);
smalti_rows!(u8: soften::<u8>, u16: soften::<u16>);

// Called for every row; near(-1) and near(1) are the rows above and below, with one pixel more on each side.
fn soften<T: smalti_kernel::Sample + Into<u32> + TryFrom<u32>>(row: Row<T>) {
    let amount = (row.tile.params()[0] * 256.0 + 0.5) as u32;
    let channels = row.tile.channels as usize;
    let (above, here, below) = (row.near(-1), row.near(0), row.near(1));
    for (i, (out, &v)) in row.dst.iter_mut().zip(row.src).enumerate() {
        let mut sum = 0u32;
        for near in [above, here, below] {
            for k in 0..3 {
                sum += near[i + k * channels].into();
            }
        }
        let mixed = (v.into() * (256 - amount) * 9 + sum * amount + 1152) / 2304;
        *out = T::try_from(mixed).unwrap_or(v);
    }
}
