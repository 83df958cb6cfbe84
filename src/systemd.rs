//! What the service manager is told: ready, status, stopping, still alive.
//!
//! Without systemd (no `NOTIFY_SOCKET`) every call does nothing, and a message that cannot be
//! delivered is logged and forgotten: the daemon never fails because nobody listens.

use std::time::Duration;

use sd_notify::NotifyState;

/// The start is complete.
pub fn ready(text: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(&one_line(text))]);
}

/// The start goes on and may take so much longer.
pub fn starting(text: &str, longer: Duration) {
    let longer = u32::try_from(longer.as_micros()).unwrap_or(u32::MAX);
    send(&[
        NotifyState::Status(&one_line(text)),
        NotifyState::ExtendTimeoutUsec(longer),
    ]);
}

/// What the daemon is doing, for `systemctl status`.
pub fn status(text: &str) {
    send(&[NotifyState::Status(&one_line(text))]);
}

/// The daemon has begun to stop.
pub fn stopping() {
    send(&[NotifyState::Stopping]);
}

/// The daemon is alive; to be said every [`watchdog_interval`].
pub fn alive() {
    send(&[NotifyState::Watchdog]);
}

/// How often to call [`alive`]: half of the time after which systemd would restart us. `None`
/// without a watchdog.
#[must_use]
pub fn watchdog_interval() -> Option<Duration> {
    let limit = sd_notify::watchdog_enabled()?;
    Some(limit / 2).filter(|interval| !interval.is_zero())
}

/// A line break would end the field and begin another one.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "failed to notify the service manager");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_stays_one_field() {
        assert_eq!(one_line("a\nREADY=1"), "a READY=1");
    }

    #[test]
    fn nobody_listening_is_harmless() {
        // The test runner has no NOTIFY_SOCKET, or one that does not mind.
        status("testing");
        assert_eq!(watchdog_interval(), None);
    }
}
