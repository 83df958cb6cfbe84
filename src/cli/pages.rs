//! `daarion pages`: the man pages and the completions, made of the commands themselves. Hidden: the
//! package is made with it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Command;
use clap_complete::Shell;

/// Where to.
#[derive(clap::Args)]
pub struct Args {
    /// A directory, which gets `man/` and `completions/`.
    directory: PathBuf,
}

/// Writes the pages of a command and of all below it.
pub fn run(args: &Args, mut command: Command) -> anyhow::Result<()> {
    let shown = || format!("failed to write to {}", args.directory.display());
    let (man, completions) = (
        args.directory.join("man"),
        args.directory.join("completions"),
    );
    for directory in [&man, &completions] {
        fs::create_dir_all(directory).with_context(shown)?;
    }
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut command, "daarion", &completions)
            .with_context(shown)?;
    }
    write(&command, "daarion", &man).with_context(shown)
}

/// One page a command: `daarion-agent-create(1)`.
fn write(command: &Command, name: &str, directory: &Path) -> std::io::Result<()> {
    let page = command.clone().display_name(name.to_owned());
    let page = page.name(name.to_owned());
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text)?;
    fs::write(directory.join(format!("{name}.1")), text)?;
    let is_shown = |below: &&Command| !below.is_hide_set() && below.get_name() != "help";
    for below in command.get_subcommands().filter(is_shown) {
        write(below, &format!("{name}-{}", below.get_name()), directory)?;
    }
    Ok(())
}
