//! Settings of the nodes, by the names they have in [`engine::Config`].

use engine::{Config, Unsigned};
use toml::{Table, Value};

use super::nearest;

/// Sets what the table names; all names are those of [`Config`]'s fields.
pub(crate) fn apply(config: &mut Config, settings: &Table) -> Result<(), String> {
    for (name, value) in settings {
        set(config, name, value)?;
    }
    Ok(())
}

/// The fields that are whole numbers, whatever their width.
macro_rules! numbers {
    ($($field:ident)*) => {
        const NUMBERS: &[&str] = &[$(stringify!($field)),*];

        fn set_number(config: &mut Config, name: &str, number: i64) -> Result<(), String> {
            let out = || format!("node setting {name} cannot be {number}");
            match name {
                $(stringify!($field) => {
                    config.$field = number.try_into().map_err(|_| out())?;
                    Ok(())
                })*
                _ => Err(format!("node setting {name} is not a number")),
            }
        }
    };
}

numbers! {
    sketch_min chunks_min chunk_bytes_per_s
    links_target candidates links_max links_live_min redial_burst redial_round_ms dials_max
    book_max passive_target walk_hops shuffle_ms fanout announce_links announce_ms graft_ms
    graft_ms_max far_ms trees_max landmarks warm_ms busy_ms recents_max door_fanout doors_max
    ttl heartbeat_ms probe_ms probe_every_ms probe_quiet_ms patience_min_ms patience_max_ms
    redial_ms redial_max_ms redial_alone_ms lost_ms settle_ms settle_max_ms compare_ms guard_ms
    rotate_ms body_bytes_max message_life_ms_max messages_max entries_max slots_max pending_max
    bodies_max bodies_bytes_max bodies_per_link_max pieces_under_way_max
    alert_burst alert_every_ms alert_authors_max
    letter_ms letters_per_minute
}

fn set(config: &mut Config, name: &str, value: &Value) -> Result<(), String> {
    match (name, value) {
        ("agent", Value::String(text)) => config.agent.clone_from(text),
        ("unsigned", Value::String(text)) => {
            config.unsigned = match text.as_str() {
                "refuse" => Unsigned::Refuse,
                "relay" => Unsigned::Relay,
                _ => return Err(format!("node setting unsigned is refuse or relay, not {text}")),
            };
        }
        (name, Value::Integer(number)) if NUMBERS.contains(&name) => {
            set_number(config, name, *number)?;
        }
        (name, _) if known().any(|it| it == name) => {
            return Err(format!("node setting {name} has a value of the wrong kind: {value}"));
        }
        (name, _) if THE_WORLDS.contains(&name) => {
            return Err(format!("node setting {name} is the world's to set"));
        }
        (name, _) => {
            let hint = nearest(name, known()).map(|it| format!(": did you mean {it:?}?"));
            return Err(format!("unknown node setting {name:?}{}", hint.unwrap_or_default()));
        }
    }
    Ok(())
}

fn known() -> impl Iterator<Item = &'static str> {
    NUMBERS.iter().copied().chain(["agent", "unsigned"])
}

/// Who and where a node is follows from the world.
const THE_WORLDS: &[&str] = &[
    "network",
    "bootstrap",
    "public",
    "door_port",
    "door_tls",
    "quic_port",
    "tcp_port",
    "dials",
    "checkpoints",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever adds a setting adds its name here, else scenarios cannot name it.
    #[test]
    fn every_setting_of_the_engine_has_a_name_here() {
        let config = Config::server(wire::Digest([7; 32]));
        let fields = format!("{config:#?}");
        let names = fields.lines().filter_map(|line| {
            let rest = line.strip_prefix("    ").filter(|it| !it.starts_with([' ', ')', ']']))?;
            rest.split_once(':').map(|(name, _)| name)
        });
        let missing: Vec<&str> = names
            .filter(|name| !known().any(|it| it == *name) && !THE_WORLDS.contains(name))
            .collect();
        assert!(missing.is_empty(), "scenario/settings.rs lacks {missing:?}");
    }

    #[test]
    fn settings_are_set_by_name_and_wrong_ones_are_named() {
        let mut config = Config::server(wire::Digest([7; 32]));
        let set = |config: &mut Config, text: &str| apply(config, &text.parse().unwrap());
        set(&mut config, "links_target = 5\nttl = 3\nunsigned = \"relay\"").unwrap();
        assert_eq!((config.links_target, config.ttl), (5, 3));
        assert_eq!(config.unsigned, Unsigned::Relay);
        let wrong = [
            ("links_targte = 5", "did you mean \"links_target\""),
            ("ttl = 300", "ttl cannot be 300"),
            ("ttl = \"three\"", "wrong kind"),
            ("network = 5", "the world's to set"),
        ];
        for (text, part) in wrong {
            let error = set(&mut config, text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
