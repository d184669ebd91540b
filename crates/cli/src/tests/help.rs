//! The help text: true, complete, with examples.

use clap_complete::Shell;

use crate::args;

fn verbs(command: &clap::Command) -> Vec<clap::Command> {
    let mut all = vec![command.clone()];
    for child in command.get_subcommands() {
        all.extend(verbs(child));
    }
    all
}

#[test]
fn the_command_line_is_well_formed() {
    args::description().debug_assert();
}

#[test]
fn every_command_shows_an_example() {
    for mut verb in verbs(&args::description()) {
        let help = verb.render_long_help().to_string();
        assert!(help.contains("Example"), "no example in the help of {}", verb.get_name());
        assert!(verb.get_about().is_some(), "no sentence about {}", verb.get_name());
    }
}

#[test]
fn the_readme_names_every_command() {
    let readme = include_str!("../../../../README.md");
    for verb in args::description().get_subcommands() {
        let name = verb.get_name();
        let named = [format!("`{name}`"), format!("`{name} ")];
        assert!(named.iter().any(|it| readme.contains(it)), "README.md does not name `{name}`");
    }
}

#[test]
fn every_example_parses() {
    for mut verb in verbs(&args::description()) {
        let help = verb.render_long_help().to_string();
        let examples = help.split("Example").nth(1).unwrap_or_default();
        for line in examples.lines().filter(|line| line.starts_with("  ")) {
            check_example(line);
        }
    }
}

/// Takes what stands between `trellis` and the next pipe, redirection or run of spaces.
fn check_example(line: &str) {
    let Some(at) = line.find("trellis ") else { return };
    let text = &line[at..];
    let end = [" | ", " > ", " < ", "   "].iter().filter_map(|it| text.find(it)).min();
    let words = split(&text[..end.unwrap_or(text.len())]);
    let parsed = args::parse(words.iter().map(Into::into));
    assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
}

/// Splits as a shell does, for single quotes only.
fn split(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in text.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            letter => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn completions_of_every_shell_name_every_verb() {
    for shell in [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut args::description(), "trellis", &mut script);
        let script = String::from_utf8(script).unwrap();
        for verb in args::description().get_subcommands() {
            assert!(script.contains(verb.get_name()), "{shell}: {}", verb.get_name());
        }
    }
}
