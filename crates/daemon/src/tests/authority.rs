//! An authority and what it issues, without a node.

use std::os::unix::fs::PermissionsExt as _;

use transport::Authorities;
use wire::{Content, Identity};

use crate::authority::{self, Authority, AuthorityError, revocations};

const NOW_S: u64 = 1_800_000_000;

#[test]
fn what_is_issued_lets_in_and_only_the_one_who_asked() {
    // CA-1
    let place = tempfile::tempdir().unwrap();
    let (dir, other) = (place.path().join("a"), place.path().join("b"));
    let ours = Authority::init(&dir, "authority", NOW_S).unwrap();
    let pem = std::fs::read(dir.join("ca/ca.pem")).unwrap();
    let authorities = Authorities::from_pem(&pem).unwrap();
    let issued = ours.issue(&authority::request(&other).unwrap(), 30, NOW_S).unwrap();
    let member = authorities.check_pem(issued.pem.as_bytes(), NOW_S).unwrap();
    let node = Identity::from_pem(&std::fs::read_to_string(other.join("identity.pem")).unwrap());
    assert_eq!(member.node, node.unwrap().id());
    assert!(member.expires_s - NOW_S == 30 * 86_400 && member.begins_s < NOW_S);
    assert!(authorities.check_pem(issued.pem.as_bytes(), member.expires_s + 1).is_err());
    // The authority itself is no member.
    assert!(authorities.check_pem(&pem, NOW_S).is_err());
    assert!(matches!(ours.issue("x", 30, NOW_S), Err(AuthorityError::File(_))));
    assert!(matches!(ours.renew(member.node, 31, NOW_S), Err(AuthorityError::Days)));
    let again = ours.renew(member.node, 10, NOW_S + 86_400).unwrap();
    assert_eq!(ours.list().unwrap(), [again]);
    assert!(authority::install(&dir, &issued.pem).is_err());
    assert_eq!(authority::install(&other, &issued.pem).unwrap(), member);
}

#[test]
fn an_authority_is_secret_and_never_overwritten() {
    let place = tempfile::tempdir().unwrap();
    Authority::init(place.path(), "authority", NOW_S).unwrap();
    let key = place.path().join("ca/ca.key");
    let before = std::fs::read(&key).unwrap();
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let again = Authority::init(place.path(), "authority", NOW_S);
    assert!(matches!(again, Err(AuthorityError::Exists(_))));
    assert_eq!(std::fs::read(&key).unwrap(), before);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(Authority::open(place.path()).unwrap_err().to_string().contains("chmod 600"));
}

#[test]
fn a_revocation_is_a_record_of_the_authority() {
    // CA-4
    let place = tempfile::tempdir().unwrap();
    let ours = Authority::init(place.path(), "authority", NOW_S).unwrap();
    let nodes = [1, 2].map(|seed| Identity::from_seed([seed; 32]).id());
    for node in nodes {
        ours.revoke(node, NOW_S * 1_000).unwrap();
        ours.revoke(node, NOW_S * 1_000).unwrap();
    }
    let text = std::fs::read_to_string(ours.network_file()).unwrap();
    let network = crate::network::Network::parse(&text).unwrap();
    let keys = Authorities::from_pem(network.authority.unwrap().as_bytes()).unwrap();
    let mut seen = Vec::new();
    for signed in revocations(place.path()) {
        assert!(signed.verify(&network.id) && keys.keys() == [signed.author]);
        let record = signed.open().unwrap().record;
        let Content::Entry(entry) = record.content else { panic!() };
        seen.push((entry.collection, entry.name, record.seq));
    }
    seen.sort();
    // No number is used twice, though both were revoked in one millisecond.
    assert_eq!(seen.len(), 2);
    assert_ne!(seen[0].2, seen[1].2);
    assert!(
        seen.iter().all(|it| it.0 == "revoked" && nodes.iter().any(|id| id.to_string() == it.1))
    );
}
