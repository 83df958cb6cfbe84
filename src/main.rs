//! The binary: hands over to the library.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(
        clippy::allow_attributes,
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::unwrap_used
    )
)]

fn main() -> std::process::ExitCode {
    daarion::cli::run()
}
