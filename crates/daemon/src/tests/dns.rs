//! Peers that DNS tells of, asked of a name server on loopback; broken and endless answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::TXT;
use hickory_resolver::proto::rr::{RData, Record};
use tokio::net::UdpSocket;

use super::lab::{Lab, settings};
use crate::dns::{self, ADDRESSES_MAX};
use crate::start;

/// A name server that answers every question with these texts, or that there is no such name.
async fn server(texts: Option<Vec<String>>) -> SocketAddr {
    let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut bytes = [0; 4_096];
        while let Ok((length, from)) = socket.recv_from(&mut bytes).await {
            let question = Message::from_vec(&bytes[..length]).unwrap();
            let mut answer = Message::response(question.metadata.id, OpCode::Query);
            let query = question.queries[0].clone();
            let name = query.name().clone();
            answer.add_query(query);
            match &texts {
                None => answer.metadata.response_code = ResponseCode::NXDomain,
                Some(texts) => {
                    for text in texts {
                        let txt = TXT::new(vec![text.clone()]);
                        answer.add_answer(Record::from_rdata(name.clone(), 60, RData::TXT(txt)));
                    }
                }
            }
            let _sent = socket.send_to(&answer.to_vec().unwrap(), from).await;
        }
    });
    address
}

#[test]
fn a_thousand_entries_are_cut_and_broken_ones_counted() {
    let many = (0..1_000).map(|at| format!("trellis=http://192.0.2.7:{}", 1_000 + at).into_bytes());
    let told = dns::read(many);
    assert_eq!((told.addresses.len(), told.left_out), (ADDRESSES_MAX, 1_000 - ADDRESSES_MAX));
    let broken =
        ["trellis=", "trellis=ftp://x", "trellis=http://", "trellis=\u{0}", "v=spf1 -all", ""];
    let told = dns::read(broken.iter().map(|it| it.as_bytes().to_vec()));
    assert_eq!((told.addresses.len(), told.broken), (0, 4));
    let twice = ["trellis=http://a:1", "trellis= http://a:1/ ", "trellis=\u{ff}"];
    let told = dns::read(twice.iter().map(|it| it.as_bytes().to_vec()));
    assert_eq!((told.addresses.len(), told.broken), (1, 1));
    let endless = format!("trellis=http://{}", "a".repeat(100_000)).into_bytes();
    assert_eq!(dns::read([endless, b"trellis=\xff\xfe".to_vec()].into_iter()).broken, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_server_is_asked_and_its_no_is_said() {
    let texts = ["trellis=http://192.0.2.7:8880", "v=spf1 -all", "trellis=nonsense"];
    let good = server(Some(texts.map(str::to_owned).to_vec())).await;
    let told = dns::ask("peers.valley.example.", Some(good)).await.unwrap();
    assert_eq!(told.addresses, ["http://192.0.2.7:8880".parse().unwrap()]);
    assert_eq!(told.broken, 1);
    let none = server(None).await;
    assert!(dns::ask("peers.valley.example.", Some(none)).await.is_err());
    assert!(dns::ask("..", Some(good)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_knows_only_a_name_finds_its_peers() {
    // MEMBER-16
    let first = Lab::start().await;
    let door = first.node.http_url().unwrap();
    let server = server(Some(vec![format!("trellis={door}")])).await.to_string();
    let dir = tempfile::tempdir().unwrap();
    let told = [("peers.dns", "peers.valley.example."), ("peers.dns_server", server.as_str())];
    let node = start(settings(dir.path(), &told)).await.unwrap();
    let second = Lab { dir, node, client: reqwest::Client::new() };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while second.node.commands().status().await.unwrap().links == 0 {
        assert!(tokio::time::Instant::now() < deadline, "not linked");
        tokio::task::yield_now().await;
    }
    second.stop().await;
    first.stop().await;
}
