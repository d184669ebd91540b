//! The program `trellis`: hands its arguments to the room and its exit code to the shell.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os())
}
