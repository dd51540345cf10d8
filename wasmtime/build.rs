// SPDX-License-Identifier: Apache-2.0
//! Copies the C headers of the C API beside the static library: OUT/../../../include.
use std::{env, fs, io, path::{Path, PathBuf}};

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let headers = env::var("DEP_WASMTIME_C_API_INCLUDE").expect("wasmtime-c-api-impl names its headers");
    // OUT_DIR is <target>/release/build/<crate>-<hash>/out.
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    let include = out.ancestors().nth(3).expect("OUT_DIR is four deep").join("include");
    copy(Path::new(&headers), &include).expect("copying the headers");
}
