//! The web application is embedded at compile time from `ui/dist`, and cargo does not see by
//! itself that a file was added there. It is built by `make ui`, never from here. The binary is
//! linked so that an idle daemon holds less of it.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=ui/dist");
    pack_relocations();
}

/// The addresses that the loader sets right at the start are a table of some MB, all of which it
/// reads. Packed they are some KB; glibc can read that since 2.36, which is Debian 12's.
fn pack_relocations() {
    let target = |part: &str| std::env::var(format!("CARGO_CFG_TARGET_{part}"));
    if target("OS").is_ok_and(|os| os == "linux") && target("ENV").is_ok_and(|env| env == "gnu") {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
