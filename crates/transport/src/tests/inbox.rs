//! What waits for the core, without sockets.

use futures_util::FutureExt as _;
use tokio::sync::oneshot;
use wire::Class;

use crate::inbox::{Porter, Untold, inbox};
use crate::link::parts::{Then, Whole};
use crate::{Inbound, Inbox, Limits, LinkNumber, Question};

fn small() -> (Porter, Inbox) {
    inbox(&Limits { inbox_max: 8, inbox_bytes_max: 8_000, ..Limits::default() })
}

fn whole(class: Class, size: usize, then: Then) -> Whole {
    Whole { class, bytes: vec![0; size].into(), then }
}

/// Hands frames over until there is no room; returns how many were taken.
fn fill(porter: &Porter, link: LinkNumber, class: Class, size: usize) -> usize {
    let frame = || whole(class, size, Then::More);
    std::iter::repeat_with(|| porter.frame(link, frame()).now_or_never())
        .take_while(Option::is_some)
        .count()
}

fn heard(inbox: &mut Inbox) -> Option<String> {
    let inbound = inbox.recv().now_or_never()??;
    Some(match inbound {
        Inbound::Closed { link, .. } => format!("closed {link}"),
        Inbound::Frame { link, class, bytes } => {
            format!("{} {link} {}", class.name(), bytes.len())
        }
        Inbound::Ask(_) => "question".to_owned(),
        other => format!("{other:?}"),
    })
}

fn closed(link: LinkNumber) -> Inbound {
    Inbound::Closed { link, why: String::new() }
}

/// CLASS-1.
#[test]
fn an_alert_does_not_wait_for_bulk_that_is_already_here() {
    let (porter, mut inbox) = small();
    assert_eq!(fill(&porter, 1, Class::Bulk, 100), 8, "bounded by frames");
    assert_eq!(fill(&porter, 2, Class::Alert, 3_000), 2, "and by bytes, each class for itself");
    assert_eq!(heard(&mut inbox).unwrap(), "alert 2 3000");
    assert_eq!(heard(&mut inbox).unwrap(), "alert 2 3000");
    assert_eq!(heard(&mut inbox).unwrap(), "bulk 1 100");
    assert_eq!(inbox.len(), 7);
}

#[test]
fn room_comes_back_with_what_is_taken() {
    let (porter, mut inbox) = small();
    for size in [0, 100, 2_500, 8_000, 300_000] {
        let taken = fill(&porter, 1, Class::Normal, size);
        assert!((1..=8).contains(&taken));
        for _ in 0..taken {
            heard(&mut inbox).unwrap();
        }
        assert_eq!(heard(&mut inbox), None);
    }
    assert_eq!(fill(&porter, 1, Class::Normal, 1), 8);
}

#[test]
fn a_frame_given_up_while_it_waits_for_room_takes_none() {
    let (porter, mut inbox) = small();
    assert_eq!(fill(&porter, 1, Class::Bulk, 8_000), 1);
    for _ in 0..10 {
        assert!(porter.frame(1, whole(Class::Bulk, 8_000, Then::More)).now_or_never().is_none());
    }
    heard(&mut inbox).unwrap();
    assert_eq!((heard(&mut inbox), fill(&porter, 1, Class::Bulk, 8_000)), (None, 1));
}

#[test]
fn news_of_links_come_first_and_their_ends_last() {
    let (porter, mut inbox) = small();
    for (link, class) in [(1, Class::Bulk), (2, Class::Normal), (1, Class::Normal)] {
        porter.frame(link, whole(class, 5, Then::More)).now_or_never().unwrap().unwrap();
    }
    let farewell = whole(Class::Control, 7, Then::End);
    porter.frame(1, farewell).now_or_never().unwrap().unwrap();
    porter.tell(closed(1)).now_or_never().unwrap().unwrap();
    porter.tell(closed(3)).now_or_never().unwrap().unwrap();
    let order: Vec<String> = std::iter::from_fn(|| heard(&mut inbox)).collect();
    let expected = ["closed 3", "normal 2 5", "normal 1 5", "bulk 1 5", "control 1 7", "closed 1"];
    assert_eq!(order, expected);
}

#[test]
fn questions_find_no_room_behind_messages_and_are_told_at_once() {
    let (porter, mut inbox) = small();
    let ask = || porter.ask(Inbound::Ask(Question::Peers(oneshot::channel().0)), 0);
    assert_eq!(fill(&porter, 1, Class::Normal, 1), 8);
    assert_eq!(ask(), Err(Untold::Full));
    heard(&mut inbox).unwrap();
    assert_eq!(ask(), Ok(()));
    assert_eq!(inbox.len(), 8);
}

#[test]
fn when_nobody_listens_any_more_everybody_learns_it() {
    let (porter, inbox) = small();
    let (sender, mut answer) = oneshot::channel();
    porter.ask(Inbound::Ask(Question::Peers(sender)), 0).unwrap();
    drop(inbox);
    assert!(answer.try_recv().is_err_and(|it| it == oneshot::error::TryRecvError::Closed));
    assert_eq!(porter.tell(closed(1)).now_or_never(), Some(Err(Untold::Gone)));
    let frame = whole(Class::Alert, 1, Then::More);
    assert_eq!(porter.frame(1, frame).now_or_never(), Some(Err(Untold::Gone)));
}

#[tokio::test]
async fn a_core_that_waits_is_woken_and_hears_the_end() {
    let (porter, mut inbox) = small();
    let core = tokio::spawn(async move {
        let first = inbox.recv().await;
        assert!(matches!(first, Some(Inbound::Frame { bytes, .. }) if bytes == vec![0; 3]));
        inbox.recv().await.is_none()
    });
    porter.frame(1, whole(Class::Normal, 3, Then::More)).await.unwrap();
    drop(porter);
    assert!(core.await.unwrap());
}
