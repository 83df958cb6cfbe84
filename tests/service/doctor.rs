//! What the doctor says of failures, and what mends each: the registration only where that is the
//! reason.

use std::sync::Arc;

use daarion::domain::Error;
use daarion::domain::finding::{Examination, Finding, Outcome};
use daarion::homeserver::fake::Call;
use daarion::service::doctor::{Doctor, Patient};
use tempfile::TempDir;

use crate::world::World;

const SET_UP: &str = "daarion setup, then restart the homeserver and daarion";
const LOG: &str = "look into the homeserver's log";

struct Case {
    world: World,
    _data: TempDir,
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
        };
        Self {
            world,
            _data: data,
            patient,
        }
    }

    async fn examine(&self) -> Examination {
        let fake = self.world.fake.clone();
        // The fake pushes nothing, and nobody shall wait for it.
        fake.fail_next(Call::Typing, unavailable());
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
    let found = findings.find(|finding| finding.check == check);
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
