//! What the doctor says of failures, and what mends each: the registration only where that is the
//! reason.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use daarion::domain::Error;
use daarion::domain::finding::{Examination, Finding, Outcome};
use daarion::homeserver::fake::Call;
use daarion::service::doctor::{Doctor, Examiner, Patient};
use tempfile::TempDir;

use crate::world::World;

const SET_UP: &str = "daarion setup, then restart the homeserver and daarion";
const LOG: &str = "look into the homeserver's log";

struct Case {
    world: World,
    data: TempDir,
    patient: Patient,
}

impl Case {
    async fn start() -> Self {
        let world = World::start().await;
        let data = tempfile::tempdir().expect("a temporary directory");
        let patient = Patient {
            naming: world.core.directory.naming.clone(),
            room_prefix: "city_".to_owned(),
            homeserver_url: "http://127.0.0.1:8008".to_owned(),
            connector_url: "http://127.0.0.1:7003".to_owned(),
            acts_as_all: true,
            believes_header: false,
            data_dir: data.path().to_owned(),
            examiner: Examiner::Daemon,
        };
        Self {
            world,
            data,
            patient,
        }
    }

    async fn examine(&self) -> Examination {
        // The fake pushes nothing, and nobody shall wait for it.
        self.world.fake.fail_next(Call::Typing, unavailable());
        self.examine_patiently().await
    }

    async fn examine_patiently(&self) -> Examination {
        let fake = self.world.fake.clone();
        fake.fail_next(Call::Canary, unavailable());
        let doctor = Doctor::new(
            fake.clone(),
            fake,
            self.patient.clone(),
            self.world.clock.clone(),
            Some(self.world.core.ingest.pushed()),
        );
        let examined = Arc::new(doctor).examine().await;
        examined.expect("an examination").as_ref().clone()
    }
}

fn unavailable() -> Error {
    Error::unavailable("it answers 503")
}

fn refused(status: u16, errcode: &str) -> Error {
    Error::HomeserverRefused {
        status,
        errcode: errcode.to_owned(),
        message: "no".to_owned(),
    }
}

fn found<'a>(examination: &'a Examination, check: &str) -> &'a Finding {
    let mut findings = examination.findings.iter();
    let found = findings.find(|finding| finding.check.as_str() == check);
    found.unwrap_or_else(|| panic!("no {check} in {examination:#?}"))
}

#[track_caller]
fn expect(examination: &Examination, check: &str, outcome: Outcome, advice: &str) {
    let finding = found(examination, check);
    assert_eq!(finding.outcome, outcome, "{finding:?}");
    let given = finding.advice.as_deref().unwrap_or("");
    assert!(given.contains(advice), "{finding:?}");
}

#[tokio::test]
async fn connection_that_has_ended_since_is_tried_once_more() {
    let case = Case::start().await;
    let failed = || refused(502, "M_CONNECTION_FAILED");
    case.world.fake.fail_next(Call::Ping, failed());
    expect(&case.examine().await, "connector_url", Outcome::Ok, "");
    case.world.fake.fail_next(Call::Ping, failed());
    case.world.fake.fail_next(Call::Ping, failed());
    expect(
        &case.examine().await,
        "connector_url",
        Outcome::Failed,
        "healthz",
    );
}

#[tokio::test]
async fn homeserver_in_trouble_needs_no_other_registration() {
    let case = Case::start().await;
    for (call, check) in [
        (Call::Check, "as_token"),
        (Call::CanaryRoom, "canary_room"),
        (Call::SetAlias, "aliases"),
    ] {
        case.world.fake.fail_next(call, unavailable());
        expect(&case.examine().await, check, Outcome::Failed, LOG);
        case.world.fake.fail_next(call, refused(403, "M_FORBIDDEN"));
        expect(&case.examine().await, check, Outcome::Failed, SET_UP);
    }
    let unknown = Error::unavailable(daarion::domain::error::UNKNOWN_CONNECTOR);
    case.world.fake.fail_next(Call::Check, unknown);
    expect(&case.examine().await, "as_token", Outcome::Failed, SET_UP);
}

#[tokio::test]
async fn connector_that_was_shown_out_of_its_room_is_let_in_again() {
    let case = Case::start().await;
    let refused = refused(403, "M_FORBIDDEN");
    case.world.fake.fail_next(Call::Canary, refused);
    let examination = case.examine().await;
    let connector = case.patient.naming.connector();
    expect(
        &examination,
        "canary",
        Outcome::Failed,
        &format!("invite {connector} into #"),
    );
}

/// As a homeserver does that was without us for a moment.
#[tokio::test]
async fn ephemeral_event_may_be_dropped_once() {
    let case = Case::start().await;
    let (fake, ingest) = (case.world.fake.clone(), case.world.core.ingest.clone());
    let homeserver = tokio::spawn(async move {
        // On and off for the first attempt, on for the second.
        while fake.calls(Call::Typing) < 3 {
            tokio::task::yield_now().await;
        }
        ingest.ephemeral_came();
    });
    let examination = case.examine_patiently().await;
    homeserver.await.expect("no panic");
    expect(&examination, "ephemeral", Outcome::Ok, "");
}

#[tokio::test]
async fn presence_is_tried_and_ended() {
    let case = Case::start().await;
    let examination = case.examine().await;
    expect(&examination, "presence", Outcome::Ok, "");
    let connector = case.patient.naming.connector();
    let homeserver = &case.world.core.homeserver;
    let is_online = homeserver.presence(&connector).await.expect("an answer");
    assert!(!is_online);
}

#[tokio::test]
async fn this_machine_is_looked_at() {
    let mut case = Case::start().await;
    let data = case.data.path().to_owned();
    let set_mode = |mode| std::fs::set_permissions(&data, Permissions::from_mode(mode));
    set_mode(0o755).expect("it is ours");
    let examination = case.examine().await;
    expect(&examination, "data_dir", Outcome::Warning, "chmod 0700");
    set_mode(0o700).expect("it is ours");
    // Root is told whose it is, and writes nothing.
    case.patient.examiner = Examiner::Root { account: None };
    expect(&case.examine().await, "data_dir", Outcome::Ok, "");
    case.patient.examiner = Examiner::Root {
        account: Some(u32::MAX - 1),
    };
    let mend = format!("chown -R daarion:daarion {}", data.display());
    expect(&case.examine().await, "data_dir", Outcome::Failed, &mend);
    case.patient.data_dir = data.join("gone");
    case.patient.believes_header = true;
    let examination = case.examine().await;
    expect(&examination, "data_dir", Outcome::Failed, "install -d");
    let header = "auth.insecure_user_header = false";
    expect(
        &examination,
        "insecure_user_header",
        Outcome::Warning,
        header,
    );
}
