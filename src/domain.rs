//! The rules and the words of daarion: pure values and pure functions.
//!
//! Nothing here does I/O, waits, reads a clock or knows a contract's JSON; every other
//! layer may use it, it uses none of them. Begin with [`channel`], [`message`] and [`event`].

/// What a program may be allowed, kind by kind: an enum with the words that contracts and records
/// use, and the reading of them.
macro_rules! scopes {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// Every scope.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that contracts and records use.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Reads the word back.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }

            /// Reads the words of a request, at least one; `*` and `<area>:*` stand for several.
            pub fn granted(words: &[String]) -> $crate::domain::Result<Vec<Self>> {
                let wrong = |message| $crate::domain::Error::invalid("scopes", message);
                let mut granted = Vec::new();
                for word in words {
                    let named = Self::named(word);
                    if named.is_empty() {
                        let known = [$($word),+].join(", ");
                        let message = format!("must be of {known}; \"*\" or \"<area>:*\" is several");
                        return Err(wrong(message));
                    }
                    granted.extend(named);
                }
                if granted.is_empty() {
                    return Err(wrong("must name at least one".to_owned()));
                }
                granted.sort_unstable();
                granted.dedup();
                Ok(granted)
            }

            fn named(word: &str) -> Vec<Self> {
                match word.strip_suffix('*') {
                    Some(area) if area.is_empty() || area.ends_with(':') => {
                        let all = Self::ALL.iter().copied();
                        all.filter(|scope| scope.as_str().starts_with(area)).collect()
                    }
                    _ => Self::parse(word).into_iter().collect(),
                }
            }
        }
    };
}

pub mod access;
pub mod account;
pub mod agent;
pub mod audit;
pub mod canonical;
pub mod channel;
pub mod command;
pub mod entity;
pub mod error;
pub mod event;
pub mod finding;
pub mod id;
pub mod invite;
pub mod key;
pub mod media;
pub mod member;
pub mod message;
pub mod microdao;
pub mod mute;
pub mod network;
pub mod page;
pub mod rate;
pub mod reception;
pub mod scheduled;
pub mod service;
pub mod session;
pub mod slug;
pub mod text;
pub mod webhook;

pub use error::{Error, Result};
