//! Distance and loss.

use crate::chance::Chance;
use crate::network::{
    Flight, Latency, Loss, Machines, Mode, Network, NetworkConfig, Pauses, Recorded, Traits, Way,
    address_of, host_at,
};

fn network(config: NetworkConfig) -> Network {
    Network::new(5, 4_000, config)
}

#[test]
fn addresses_are_of_one_machine_each() {
    for host in (0..3_000).chain([99_999, 1_000_000, 536_870_911]) {
        assert_eq!(host_at(&address_of(host)), Some(host));
    }
    assert_eq!(host_at(&"http://10.0.0.1:8880".parse().unwrap()), None);
    assert_eq!(host_at(&"http://example.org".parse().unwrap()), None);
}

/// The figures of the reference model: one way takes 10 to 205 ms without jitter.
#[test]
fn regions_are_as_far_apart_as_continents() {
    let network = network(NetworkConfig::default());
    let pairs = (0..2_000).map(|host| (host, host + 2_000));
    let mut all: Vec<u64> = pairs.map(|(a, b)| network.latency_us(a, b)).collect();
    all.sort_unstable();
    let (first, half, last) = (all[0], all[1_000], all[1_999]);
    assert!((10_000..20_000).contains(&first), "{first}");
    assert!((45_000..90_000).contains(&half), "{half}");
    assert!((170_000..=210_000).contains(&last), "{last}");
    assert_eq!(network.latency_us(3, 9), network.latency_us(9, 3));
    assert!(network.lookahead_us() <= first);
}

#[test]
fn nobody_is_nearer_than_threads_run_ahead() {
    let text = "# two sites\n0.4 30\n31 2\n";
    let recorded = Recorded::parse(text).unwrap();
    assert_eq!(recorded.sites(), 2);
    assert!(Recorded::parse("1 2 3").is_err());
    let models = [
        Latency::Regions,
        Latency::Uniform { low_us: 0, high_us: 3_000 },
        Latency::LogNormal {
            median_us: 40_000,
            sigma_per_mille: 700,
            low_us: 2_000,
            high_us: 400_000,
        },
        Latency::Recorded(recorded.into()),
    ];
    for latency in models {
        let network = network(NetworkConfig { latency, ..NetworkConfig::default() });
        let least_us = (0..3_999).map(|host| network.latency_us(host, host + 1)).min().unwrap();
        assert!(1_000 <= network.lookahead_us() && network.lookahead_us() <= least_us);
    }
}

#[test]
fn a_log_normal_model_has_its_median_and_its_tail() {
    let latency = Latency::LogNormal {
        median_us: 40_000,
        sigma_per_mille: 700,
        low_us: 1_000,
        high_us: 900_000,
    };
    let network = network(NetworkConfig { latency, ..NetworkConfig::default() });
    let mut all: Vec<u64> = (0..3_999).map(|host| network.latency_us(host, host + 1)).collect();
    all.sort_unstable();
    // exp(0.7 x 1.2816) = 2.452 at nine tenths.
    assert!((37_000..43_000).contains(&all[2_000]), "{}", all[2_000]);
    assert!((90_000..107_000).contains(&all[3_600]), "{}", all[3_600]);
}

/// Counts the lost of so many small frames.
fn lost(loss: Loss, mode: Mode, frames: u32) -> (u32, u32) {
    let network = network(NetworkConfig { loss, mode, ..NetworkConfig::default() });
    let (mut way, mut chance) = (Way::default(), Chance::new(9, &[]));
    let (mut lost, mut runs, mut before) = (0, 0, false);
    for at in 0..frames {
        let flight = network.fly((1, 2), 100, u64::from(at) * 1_000_000, &mut way, &mut chance);
        let is_lost = flight == Flight::Lost;
        lost += u32::from(is_lost);
        runs += u32::from(is_lost && !before);
        before = is_lost;
    }
    (lost, runs)
}

#[test]
fn as_much_is_lost_as_was_asked_for_alone_or_in_bursts() {
    let (alone, runs) = lost(Loss::Independent(50_000), Mode::Lossy, 40_000);
    assert!((1_850..2_150).contains(&alone), "{alone}");
    assert!(1_750 < runs, "{runs}");
    // One tenth of the time bad, where half is lost: five of a hundred, in bursts.
    let bursty = Loss::Bursty { worse: 10_000, better: 90_000, good: 0, bad: 500_000 };
    assert_eq!(bursty.mean_per_million(), 50_000);
    let (burst, runs) = lost(bursty, Mode::Lossy, 40_000);
    assert!((1_600..2_400).contains(&burst), "{burst}");
    assert!(runs < burst * 3 / 4, "{runs} of {burst}");
    assert_eq!(lost(Loss::Independent(50_000), Mode::Reliable, 5_000), (0, 0));
}

#[test]
fn a_reliable_link_keeps_its_order_and_a_lost_frame_is_late() {
    let loss = Loss::Independent(100_000);
    let network = network(NetworkConfig { loss, ..NetworkConfig::default() });
    let latency_us = network.latency_us(1, 2);
    let (mut way, mut chance) = (Way::default(), Chance::new(9, &[]));
    let (mut last_us, mut late) = (0, 0);
    for at in 0..2_000 {
        let sent_us = at * 10_000;
        let Flight::Arrives { at_us, again_us: None } =
            network.fly((1, 2), 100, sent_us, &mut way, &mut chance)
        else {
            panic!("a reliable link lost something")
        };
        assert!(last_us <= at_us && sent_us + latency_us <= at_us);
        late += u64::from(sent_us + 4 * latency_us + 25_000 <= at_us);
        last_us = at_us;
    }
    assert!((150..800).contains(&late), "{late}");
}

#[test]
fn datagrams_overtake_and_repeat_and_large_frames_are_lost_more_often() {
    let network = network(NetworkConfig {
        mode: Mode::Datagram,
        duplicates_per_million: 100_000,
        ..NetworkConfig::default()
    });
    let (mut way, mut chance) = (Way::default(), Chance::new(9, &[]));
    let (mut overtaken, mut again, mut last_us, mut lost) = (0, 0, 0, 0);
    for at in 0..4_000 {
        match network.fly((1, 2), 14_000, at * 100, &mut way, &mut chance) {
            Flight::Arrives { at_us, again_us } => {
                overtaken += u32::from(at_us < last_us);
                again += u32::from(again_us.is_some());
                last_us = at_us;
            }
            Flight::Lost => lost += 1,
            Flight::Walled => panic!("there is no wall"),
        }
    }
    assert!(500 < overtaken, "{overtaken}");
    assert!((250..500).contains(&again), "{again}");
    // Ten packets: 1 - 0.99^10 = 9.6 %.
    assert!((320..450).contains(&lost), "{lost}");
}

#[test]
fn walls_stop_everything_until_they_fall() {
    let mut network = network(NetworkConfig::default());
    let (mut way, mut chance) = (Way::default(), Chance::new(9, &[]));
    network.divide(|host| u8::from(host < 2));
    assert_eq!(network.fly((1, 2), 10, 0, &mut way, &mut chance), Flight::Walled);
    assert_eq!(network.knock((1, 2), 0, &mut chance), None);
    assert!(network.knock((2, 3), 0, &mut chance).is_some());
    network.heal();
    assert!(network.knock((1, 2), 0, &mut chance).is_some());
}

#[test]
fn machines_are_as_slow_hidden_and_tired_as_was_asked_for() {
    let traits = Traits::new(
        3,
        Machines {
            slow_per_mille: 100,
            undialable_per_mille: 200,
            clock_skew_ms_max: 50,
            pauses: Some(Pauses { per_mille: 500, every_ms: 1_000, pause_ms: 100 }),
            ..Machines::default()
        },
    );
    let hosts = 0..5_000;
    let slow = hosts.clone().filter(|host| traits.factor(*host) == 10).count();
    assert!((430..570).contains(&slow), "{slow}");
    let hidden = hosts.clone().filter(|host| traits.is_undialable(*host)).count();
    assert!((900..1_100).contains(&hidden), "{hidden}");
    let skews: Vec<i64> = hosts.clone().map(|host| traits.skew_ms(host)).collect();
    assert_eq!((skews.iter().min(), skews.iter().max()), (Some(&-50), Some(&50)));
    let paused = hosts.filter(|host| traits.pause_end_us(*host, 7_654_321).is_some()).count();
    // Half of them, a tenth of the time.
    assert!((190..310).contains(&paused), "{paused}");
}
