//! Answers with secrets in them, such as a key that is shown once: kept so that only who has the
//! caller's key can read them. The file holds neither that key nor anything else that opens them.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::domain::id::SendKey;
use crate::domain::{Error, Result};

/// What a sealed answer begins with, which no JSON does.
const MARK: &str = "sealed:";

/// What the key is called in the file.
pub(super) fn name(key: &SendKey) -> String {
    let digest = Sha256::digest(format!("name {}", key.as_str()));
    format!("sha256:{}", URL_SAFE_NO_PAD.encode(digest))
}

/// What tells one such request from another: there may be a password in it, which nobody is to guess
/// by its digest.
pub(super) fn digest(key: &SendKey, asked: &[u8; 32]) -> Result<[u8; 32]> {
    mac(key, Uuid::nil(), "request", asked)
}

/// Seals the answer to an attempt.
pub(super) fn seal(key: &SendKey, attempt: Uuid, answer: &str) -> Result<String> {
    // It follows from the answer, so that one key never seals two answers with one nonce.
    let nonce = mac(key, attempt, "nonce", answer.as_bytes())?;
    let nonce: [u8; NONCE_LEN] = nonce[..NONCE_LEN].try_into().map_err(|_| broken())?;
    let mut sealed = answer.as_bytes().to_vec();
    let cipher = cipher(key, attempt)?;
    let with = Nonce::assume_unique_for_key(nonce);
    cipher
        .seal_in_place_append_tag(with, Aad::empty(), &mut sealed)
        .map_err(|_| broken())?;
    let all = [nonce.as_slice(), &sealed].concat();
    Ok(format!("{MARK}{}", URL_SAFE_NO_PAD.encode(all)))
}

/// Opens it again.
pub(super) fn open(key: &SendKey, attempt: Uuid, kept: &str) -> Result<String> {
    let sealed = kept.strip_prefix(MARK).ok_or_else(broken)?;
    let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| broken())?;
    let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
    let mut opened = sealed.to_vec();
    let cipher = cipher(key, attempt)?;
    let opened = cipher.open_in_place(nonce, Aad::empty(), &mut opened);
    let opened = opened.map_err(|_| broken())?;
    String::from_utf8(opened.to_vec()).map_err(|_| broken())
}

fn cipher(key: &SendKey, attempt: Uuid) -> Result<LessSafeKey> {
    let secret = mac(key, attempt, "answer", b"")?;
    let unbound = UnboundKey::new(&AES_256_GCM, &secret).map_err(|_| broken())?;
    Ok(LessSafeKey::new(unbound))
}

fn mac(key: &SendKey, attempt: Uuid, what: &str, of: &[u8]) -> Result<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_str().as_bytes()).map_err(|_| broken())?;
    mac.update(attempt.as_bytes());
    mac.update(what.as_bytes());
    mac.update(of);
    Ok(mac.finalize().into_bytes().into())
}

fn broken() -> Error {
    Error::internal("a sealed answer cannot be read or written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_opens_an_answer() {
        let key = |text| SendKey::parse(text).expect("a key");
        let attempt = Uuid::from_u128(1);
        let sealed = seal(&key("a"), attempt, r#"{"key":"dk_secret"}"#).expect("sealed");
        assert!(!sealed.contains("secret"), "{sealed}");
        let opened = open(&key("a"), attempt, &sealed).expect("opened");
        assert_eq!(opened, r#"{"key":"dk_secret"}"#);
        open(&key("b"), attempt, &sealed).expect_err("another key");
        open(&key("a"), Uuid::from_u128(2), &sealed).expect_err("another attempt");
        open(&key("a"), attempt, "sealed:").expect_err("nothing");
        assert_ne!(name(&key("a")), name(&key("b")));
    }

    #[test]
    fn digest_is_of_no_use_without_the_key() {
        let key = |text| SendKey::parse(text).expect("a key");
        let asked = [7; 32];
        let digest = |text| digest(&key(text), &asked).expect("a digest");
        assert_eq!(digest("a"), digest("a"));
        assert_ne!(digest("a"), digest("b"));
        assert_ne!(digest("a"), asked);
    }
}
