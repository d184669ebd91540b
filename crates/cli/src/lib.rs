//! The command line: says what a person asked for, and prints what the node answered.
//!
//! One file per verb in `commands/`. Data goes to standard output, everything else to standard
//! error; [`output`] is the only file that prints. Exit codes are in [`failure`].

mod args;
mod ask;
mod client;
mod commands;
mod demo;
mod failure;
mod input;
mod open_files;
mod output;
mod signals;
mod sse;
mod table;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

pub use client::{Answer, Client};
pub use demo::{AIRPORTS, Lab, Lack, Sent};

use failure::Failure;
use output::Output;

/// Does what the arguments say and returns the exit code.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let parsed = match args::parse(arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            // A closed pipe behind `trellis help` is no failure of ours.
            let _closed = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let output = Output::new(parsed.global.json);
    match commands::run(parsed, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::from(Failure::exit_code(&error))
        }
    }
}

#[cfg(test)]
mod tests;
