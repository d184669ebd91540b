//! Who may pass links on for others.

use super::lab::settings;
use crate::authority::Authority;
use crate::{StartError, start};

#[tokio::test]
async fn who_is_told_to_relay_in_a_private_network_does_not_start() {
    // NAT-5
    let place = tempfile::tempdir().unwrap();
    let authority = Authority::init(&place.path().join("authority"), "relays", 1_800_000_000);
    let network = authority.unwrap().network_file();
    let network = network.to_str().unwrap();
    let started = async |relay: &[(&str, &str)]| {
        let flags = [&[("network.file", network)], relay].concat();
        start(settings(&place.path().join("node"), &flags)).await.unwrap_err()
    };
    let refused = started(&[("libp2p.relay", "on")]).await;
    assert!(matches!(refused, StartError::PrivateRelay), "{refused:?}");
    assert!(refused.to_string().contains("libp2p.relay"), "{refused}");
    // The default gives way without a word: what is missing now is the certificate.
    for quiet in [&[][..], &[("libp2p.relay", "off")]] {
        let refused = started(quiet).await;
        assert!(matches!(refused, StartError::NoMember(_)), "{refused:?}");
    }
}
