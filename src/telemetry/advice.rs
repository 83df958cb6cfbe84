//! What to do about the well-known problems, recognised by the words of their log lines.

/// What a well-known problem is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Topic {
    /// The homeserver does not know our token.
    UnknownAsToken,
    /// The homeserver does not answer.
    HomeserverAway,
    /// The homeserver cannot push to us.
    CannotReachUs,
    /// It does, and what it brings is refused.
    PushRefused,
    DiskFull,
    /// The store fails for another reason.
    StoreFailing,
    SkippedEvents,
    /// A reader of a live stream does not keep up.
    SlowReceiver,
}

impl Topic {
    /// What a line is about: its constant words, and the reason that it gives.
    #[must_use]
    pub fn of(message: &str, reason: &str) -> Option<Self> {
        let says = |words: &[&str]| words.iter().any(|words| reason.contains(words));
        // From the particular to the general: a full disk makes the store fail, and a token that
        // is not known makes the homeserver as good as away.
        if says(&["does not know our as_token"]) {
            Some(Self::UnknownAsToken)
        } else if says(&[
            "No space left on device",
            "os error 28",
            "Disk quota exceeded",
        ]) {
            Some(Self::DiskFull)
        } else if message.starts_with("the store cannot be") || says(&["store unavailable"]) {
            Some(Self::StoreFailing)
        } else if message.starts_with("the homeserver cannot reach us") {
            Some(Self::CannotReachUs)
        } else if message.starts_with("a push was refused") {
            Some(Self::PushRefused)
        } else if says(&["homeserver unavailable"]) {
            Some(Self::HomeserverAway)
        } else if message.starts_with("events of channels cannot be used") {
            Some(Self::SkippedEvents)
        } else if message.starts_with("a live stream's reader is too slow") {
            Some(Self::SlowReceiver)
        } else {
            None
        }
    }

    /// One line for the operator.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::UnknownAsToken => {
                "put the output of `daarion registration show` where the homeserver's \
                 app_service_config_files points, and restart the homeserver"
            }
            Self::HomeserverAway => {
                "see whether the homeserver runs, and whether matrix.homeserver_url is its address"
            }
            Self::CannotReachUs => {
                "make matrix.connector_url the address by which the homeserver reaches \
                 listen.internal, write the registration anew and restart the homeserver"
            }
            Self::PushRefused => {
                "nothing of Matrix arrives but by healing. When it is the token: put the output of \
                 `daarion registration show` where the homeserver's app_service_config_files \
                 points, and restart the homeserver; when it is the size: raise limits.transaction"
            }
            Self::DiskFull => {
                "free space on the disk of data_dir; daarion goes on by itself, nothing that was \
                 acknowledged is lost"
            }
            Self::StoreFailing => {
                "look at the disk of data_dir and at its permissions; daarion goes on by itself \
                 when it can write again"
            }
            Self::SkippedEvents => {
                "see the skipped events below: a client sends what daarion does not understand, \
                 and everything else is kept"
            }
            Self::SlowReceiver => {
                "nothing is lost, the reader resumes; when it comes often, see whether the proxy \
                 or the network holds WebSockets up"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_particular_cause_is_told_from_the_general_one() {
        let away = "the connector is not at work yet";
        for (message, reason, topic) in [
            (
                "the store cannot be written",
                "I/O error: No space left on device (os error 28)",
                Some(Topic::DiskFull),
            ),
            (
                "the store cannot be written",
                "I/O error: Input/output error (os error 5)",
                Some(Topic::StoreFailing),
            ),
            (
                away,
                "homeserver unavailable: cannot reach http://127.0.0.1:8008: refused",
                Some(Topic::HomeserverAway),
            ),
            (away, "M_UNKNOWN something else", None),
        ] {
            assert_eq!(Topic::of(message, reason), topic, "{message}: {reason}");
        }
    }
}
