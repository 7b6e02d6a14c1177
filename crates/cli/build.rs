//! How the program is linked: what it relocates at each start is packed where the system's loader can unpack it.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if unpacks_relative_relocations() {
        // A position-independent program of this size has some 200,000 addresses to relocate: five megabytes of a table
        // that each start reads, against a hundred kilobytes of bits.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Whether the C library that is linked against says that its loader does (glibc 2.36 and newer do, and linkers of their time pack).
fn unpacks_relative_relocations() -> bool {
    let is_own = env::var("HOST").ok() == env::var("TARGET").ok();
    let is_glibc = env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") && env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("gnu");
    if !is_own || !is_glibc {
        return false;
    }
    let named = Command::new("cc").arg("-print-file-name=libc.so.6").output().ok().and_then(|said| String::from_utf8(said.stdout).ok());
    let library = named.and_then(|path| std::fs::read(path.trim()).ok()).unwrap_or_default();
    let mark = b"GLIBC_ABI_DT_RELR";
    library.windows(mark.len()).any(|window| window == mark)
}
