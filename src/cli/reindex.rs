//! `daarion reindex`: through the daemon when it is up, alone when it is down.

use anyhow::bail;
use reqwest::Method;

use super::Place;
use super::client::Daemon;
use super::output::Output;
use crate::app::App;
use crate::web::admin::reindex_json;

/// How to rebuild.
#[derive(clap::Args)]
pub struct Args {
    /// Read everything from the homeserver, not from the journal.
    #[arg(long)]
    from_homeserver: bool,
}

/// Rebuilds the index and prints what is in it then.
pub async fn run(args: &Args, place: &Place<'_>, output: Output) -> anyhow::Result<()> {
    let from_homeserver = args.from_homeserver;
    let report = match Daemon::find(&place.socket).await? {
        Some(daemon) => {
            let path = format!("/reindex?from_homeserver={from_homeserver}");
            daemon.ask(Method::POST, &path, None).await?
        }
        None => {
            let app = App::build(&(place.load)()?).await?;
            let rebuilt = app
                .run_alone(async |core, rebuilds| rebuilds.run(core, from_homeserver).await)
                .await?;
            reindex_json(&rebuilt)
        }
    };
    if output.json {
        output.value(&report)?;
    } else {
        let (channels, messages) = (&report["channels"], &report["messages"]);
        output.line(format!("{channels} channels, {messages} messages"))?;
    }
    match report["failed"].as_u64() {
        Some(0) | None => Ok(()),
        Some(failed) => bail!(
            "the history of {failed} channels could not be read whole; the daemon's next \
             healing goes on with it"
        ),
    }
}
