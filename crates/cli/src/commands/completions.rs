//! `trellis completions`.

use clap_complete::Shell;
use serde_json::json;

use crate::args;
use crate::output::Output;

/// Print the completions of a shell.
///
/// Once per machine, for example:
///
///   trellis completions bash > ~/.local/share/bash-completion/completions/trellis
///
///   trellis completions fish > ~/.config/fish/completions/trellis.fish
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis completions zsh > ~/.zfunc/_trellis")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::description(), "trellis", &mut script);
    if output.is_json() {
        return output.document(&json!({
            "schema": "trellis.completions/1",
            "shell": args.shell.to_string(),
            "script": String::from_utf8_lossy(&script),
        }));
    }
    output.raw(&script)
}
