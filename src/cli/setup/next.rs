//! What is left to be done by hand: restarting the homeserver, starting daarion.

use std::path::Path;
use std::time::Duration;

use super::accounts;
use super::answers::Answers;
use super::plan::Plan;
use crate::config::Config;
use crate::matrix::transport;

/// How long the homeserver may take to answer.
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// Where units stand.
const UNITS: [&str; 3] = [
    "/etc/systemd/system",
    "/lib/systemd/system",
    "/usr/lib/systemd/system",
];

/// What to tell at the end.
pub struct Advice {
    pub restart_homeserver: bool,
    pub notes: Vec<String>,
    /// Commands or sentences, in order.
    pub next: Vec<String>,
}

/// After setting up, or after looking what would be done.
pub async fn after_setup(answers: &Answers, plan: &Plan, is_done: bool) -> Advice {
    let (knows_us, problem) = match knows_us(&plan.config).await {
        Ok(knows_us) => (knows_us, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let restart_homeserver = plan.changes_homeserver || knows_us == Some(false);
    let mut advice = Advice {
        restart_homeserver,
        notes: notes(answers, plan, knows_us, problem),
        next: Vec::new(),
    };
    if !is_done {
        return advice;
    }
    if answers.synapse.is_none() && restart_homeserver {
        advice.next.push(format!(
            "give the homeserver {} and name it in its configuration (Synapse: \
             app_service_config_files)",
            plan.registration.display()
        ));
    }
    if restart_homeserver {
        advice
            .next
            .push(restart("matrix-synapse", "the homeserver"));
    }
    let changes_us = plan.changes[0].is_needed();
    if restart_homeserver || changes_us {
        advice.next.push(restart("daarion", "daarion"));
        advice.next.push("daarion doctor".to_owned());
    }
    advice
}

/// After taking back.
pub fn after_undo() -> Advice {
    Advice {
        restart_homeserver: true,
        notes: vec![
            "daarion.toml stays, with its tokens; daarion does not work without its registration"
                .to_owned(),
        ],
        next: vec![
            restart("matrix-synapse", "the homeserver"),
            match has_unit("daarion") {
                true => "systemctl stop daarion".to_owned(),
                false => "stop daarion".to_owned(),
            },
        ],
    }
}

fn notes(
    answers: &Answers,
    plan: &Plan,
    knows_us: Option<bool>,
    problem: Option<String>,
) -> Vec<String> {
    let mut notes = Vec::new();
    match problem {
        Some(problem) => notes.push(problem),
        None if knows_us.is_none() => {
            notes.push(format!("{} does not answer now", answers.homeserver_url));
        }
        None => {}
    }
    let synapse = answers.synapse.as_ref();
    if let Some(other) = synapse.and_then(|synapse| synapse.server_name().ok())
        && other != answers.server_name
    {
        notes.push(format!(
            "daarion.toml keeps the name {}; the homeserver's configuration says {other} \
             (--server-name)",
            answers.server_name
        ));
    }
    if accounts::is_root() && answers.homeserver_account.is_none() {
        notes.push(format!(
            "nobody but root can read {}; if the homeserver has an account of its own, say \
             --homeserver-user",
            plan.registration.display()
        ));
    }
    notes
}

/// Whether the homeserver knows the token of the registration; `None` when it does not answer.
async fn knows_us(config: &Config) -> anyhow::Result<Option<bool>> {
    let url = config.matrix.homeserver_url.as_str();
    let url = format!(
        "{}/_matrix/client/v3/account/whoami",
        url.trim_end_matches('/')
    );
    let client = transport::build(transport::builder(&url).timeout(ASK_LIMIT))?;
    let token = config.matrix.as_token.expose();
    let answer = client.get(url).bearer_auth(token).send().await;
    Ok(match answer.map(|answer| answer.status().as_u16()) {
        Ok(200) => Some(true),
        Ok(401 | 403) => Some(false),
        _ => None,
    })
}

fn restart(unit: &str, what: &str) -> String {
    match has_unit(unit) {
        true => format!("systemctl restart {unit}"),
        false => format!("restart {what}"),
    }
}

fn has_unit(name: &str) -> bool {
    UNITS.iter().any(|directory| {
        Path::new(directory)
            .join(format!("{name}.service"))
            .exists()
    })
}
