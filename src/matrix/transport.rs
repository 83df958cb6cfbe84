//! HTTP clients for the homeserver. Whose certificates to believe is asked of the machine only
//! where there are certificates: the homeserver beside us is mostly reached by plain HTTP, and then
//! a machine without the authorities' certificates (`ca-certificates`) is as good as any.

use reqwest::ClientBuilder;

use crate::domain::{Error, Result};

/// Begins a client for an address. A proxy of the environment leads elsewhere, so none is used.
pub fn builder(url: &str) -> ClientBuilder {
    let builder = reqwest::Client::builder().no_proxy();
    match url.starts_with("https:") {
        true => builder,
        false => builder.tls_certs_only([]),
    }
}

/// Ends it.
///
/// # Errors
/// When the machine knows no authority that an HTTPS address could be believed by.
pub fn build(builder: ClientBuilder) -> Result<reqwest::Client> {
    builder.build().map_err(|error| {
        // reqwest's own text does not name the cause.
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        Error::internal(format!(
            "cannot make an HTTPS client: {cause} (apt-get install ca-certificates)"
        ))
    })
}
