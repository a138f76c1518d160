//! `completions`: scripts that let a shell complete commands, flags and their values.

use clap::{Arg, value_parser};
use clap_complete::Shell;

use super::output::NAME;

pub(super) fn command() -> clap::Command {
    let shell = Arg::new("shell")
        .value_name("SHELL")
        .required(true)
        .value_parser(value_parser!(Shell))
        .help("Shell to complete for");
    clap::Command::new("completions")
        .about("Prints a script that completes this program's command lines in a shell")
        .arg(shell)
        .after_help(format!(
            "Install it where the shell looks, and start a new shell:\n  \
             bash        {NAME} completions bash > ~/.local/share/bash-completion/completions/{NAME}\n  \
             zsh         {NAME} completions zsh > ~/.zfunc/_{NAME}   (with fpath+=~/.zfunc before compinit)\n  \
             fish        {NAME} completions fish > ~/.config/fish/completions/{NAME}.fish\n  \
             elvish      {NAME} completions elvish >> ~/.config/elvish/rc.elv\n  \
             powershell  {NAME} completions powershell >> $PROFILE"
        ))
}

/// The script.
pub(super) fn script(shell: Shell, command: &mut clap::Command) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, NAME, &mut script);
    let script = String::from_utf8_lossy(&script);
    // Its script for bash spells a name with a hyphen in two ways, and then completes nothing behind the first
    // word: <https://github.com/clap-rs/clap/issues/6421>.
    script.replace(&NAME.replace('-', "__subcmd__"), &NAME.replace('-', "__"))
}
