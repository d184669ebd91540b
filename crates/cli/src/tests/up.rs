//! What `trellis up` tells a newcomer.

use crate::commands::up::invitation;

fn told(listen: &str, http: &str) -> String {
    invitation(0, Some(listen.parse().unwrap()), Some(http.to_owned()))
}

#[test]
fn a_node_alone_says_an_address_that_others_can_dial() {
    let everywhere = told("0.0.0.0:8880", "http://127.0.0.1:8880");
    assert!(everywhere.ends_with("--peer http://THIS-MACHINE:8880"), "{everywhere}");
    let everywhere = told("[::]:0", "http://[::1]:4711");
    assert!(everywhere.ends_with("--peer http://THIS-MACHINE:4711"), "{everywhere}");
    let here = told("127.0.0.1:0", "http://127.0.0.1:4711");
    assert!(here.contains("on this machine") && here.ends_with("http://127.0.0.1:4711"), "{here}");
    let there = told("192.0.2.7:8880", "http://192.0.2.7:8880");
    assert!(there.contains("on another machine"), "{there}");
    assert!(invitation(0, None, None).contains("nobody can dial"));
}
