//! The web application is embedded at compile time from `ui/dist`, and cargo does not see by
//! itself that a file was added there. It is built by `make ui`, never from here.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=ui/dist");
}
