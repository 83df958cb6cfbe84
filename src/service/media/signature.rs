//! Signatures: what makes an address of a file good until a time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::domain::media::MediaId;

/// Makes and checks signatures.
pub struct Signer {
    key: [u8; 32],
}

impl Signer {
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The signature of a file's address that is good until `expires`, in seconds.
    pub fn sign(&self, media: &MediaId, expires: u64) -> String {
        URL_SAFE_NO_PAD.encode(self.mac(media, expires).finalize().into_bytes())
    }

    /// Whether a signature is ours, found out in a time that does not depend on it.
    pub fn is_good(&self, media: &MediaId, expires: u64, signature: &str) -> bool {
        let Ok(given) = URL_SAFE_NO_PAD.decode(signature) else {
            return false;
        };
        self.mac(media, expires).verify_slice(&given).is_ok()
    }

    /// Neither part of an address may hold a line break, so no two addresses are signed alike.
    fn mac(&self, media: &MediaId, expires: u64) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(format!("media\n{media}\n{expires}").as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_good_for_one_file_and_one_time() {
        let signer = Signer::new([1; 32]);
        let file = |id| MediaId::new("example.org", id).expect("an address");
        let signature = signer.sign(&file("a"), 7);
        assert!(signer.is_good(&file("a"), 7, &signature));
        assert!(!signer.is_good(&file("b"), 7, &signature));
        assert!(!signer.is_good(&file("a"), 8, &signature));
        assert!(!Signer::new([2; 32]).is_good(&file("a"), 7, &signature));
        for bad in ["", "AAAA", &signature[1..], &format!("{signature}A")] {
            assert!(!signer.is_good(&file("a"), 7, bad), "{bad:?}");
        }
    }
}
