//! Whole networks in network namespaces: real hosts' addresses, bridges, routers, a proxy, and cables that are pulled.
//!
//! Each lab runs in a sandbox of its own (namespaces of network, mounts and processes), which the system clears away
//! however the lab ends; nothing of this machine's network is touched. Where the system allows none of that, a lab
//! is reported as ignored with the reason, which is why this test has its own `main`.
#![expect(clippy::print_stdout, reason = "a test harness reports on standard output")]
#![expect(clippy::unwrap_used, reason = "a lab is a test: what is not as expected ends it")]

mod host;
mod lan;
mod mixed;
mod nat;
mod sandbox;

use std::process::ExitCode;

use sandbox::Outcome;

/// A lab: its name, the tools it needs beside `ip`, and what it does.
struct Lab {
    name: &'static str,
    tools: &'static [&'static str],
    run: fn(),
}

const LABS: &[Lab] = &[
    Lab {
        name: "five_hosts_on_a_lan_find_each_other_part_and_meet",
        tools: &[],
        run: lan::five_hosts,
    },
    Lab { name: "two_networks_on_one_lan_do_not_mix", tools: &[], run: lan::two_networks },
    Lab { name: "hosts_with_ipv6_alone_find_each_other", tools: &[], run: lan::ipv6_only },
    Lab { name: "behind_nginx_and_over_quic_is_one_network", tools: &["nginx"], run: mixed::mixed },
    Lab {
        name: "homes_behind_nats_meet_at_a_relay_and_then_straight",
        tools: &["nft"],
        run: nat::hole,
    },
    Lab { name: "homes_whose_nats_have_no_hole_stay_relayed", tools: &["nft"], run: nat::no_hole },
    Lab {
        name: "homes_without_a_relay_agree_through_the_public_node",
        tools: &["nft"],
        run: nat::no_relay,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name] = arguments.as_slice()
        && flag == sandbox::INSIDE
    {
        let lab = LABS.iter().find(|lab| lab.name == name);
        sandbox::prepare();
        lab.map(|lab| (lab.run)()).expect("a lab of this name");
        return ExitCode::SUCCESS;
    }
    let asked: Vec<&String> = arguments.iter().filter(|it| !it.starts_with('-')).collect();
    let wanted = |lab: &&Lab| asked.is_empty() || asked.iter().any(|it| lab.name.contains(*it));
    let (mut passed, mut failed, mut ignored) = (0, 0, 0);
    println!("\nrunning {} tests", LABS.iter().filter(wanted).count());
    if arguments.iter().any(|it| it == "--list") {
        return ExitCode::SUCCESS;
    }
    for lab in LABS.iter().filter(wanted) {
        match sandbox::run(lab.name, lab.tools) {
            Outcome::Passed(said) => {
                passed += 1;
                println!("test {} ... ok{said}", lab.name);
            }
            Outcome::Ignored(why) => {
                ignored += 1;
                println!("test {} ... ignored, {why}", lab.name);
            }
            Outcome::Failed(why) => {
                failed += 1;
                println!("test {} ... FAILED\n{why}", lab.name);
            }
        }
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {passed} passed; {failed} failed; {ignored} ignored");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
