//! The rules as of a moment: what attesters agree on, and what can be proven by it.

use super::*;

/// What came of words as of a moment, whatever came first, and whatever came after.
fn as_of(all: &[Accepted], cut_ms: u64) -> Option<Digest> {
    let key = |it: &Accepted| {
        let Content::Entry(entry) = &it.record.content else { panic!("an entry") };
        (it.carried.signed.author, entry.name.clone())
    };
    let mut rules = Rules::new(&[], Policy::default());
    let mut set: BTreeMap<_, (Hlc, RecordId)> = BTreeMap::new();
    for it in all {
        let at = (it.record.created, it.id);
        // The engine tells of what is newer than what stands there, and of what its moments lack.
        if set.get(&key(it)).is_none_or(|known| *known < at) {
            set.insert(key(it), at);
            hear(&mut rules, std::slice::from_ref(it));
        } else if it.record.created.ms() <= cut_ms {
            rules.hear_late(&it.carried.signed.clone().open().unwrap(), NOW);
        }
    }
    rules.as_of(cut_ms)
}

proptest! {
    #[test]
    fn the_rules_as_of_a_moment_are_a_function_of_the_words_said_by_then(
        words in proptest::collection::vec(any_word(), 1..60),
        order in any::<u64>(),
        after_ms in 0..22_u64,
    ) {
        // RULE-4
        let all: Vec<Accepted> = words.iter().map(heard).collect();
        let cut_ms = NOW.unix_ms + after_ms;
        let mut rules = Rules::new(&[], Policy::default());
        let mut by_then: Vec<Accepted> =
            all.iter().filter(|it| it.record.created.ms() <= cut_ms).cloned().collect();
        by_then.sort_by_key(|it| (it.record.created, it.id));
        hear(&mut rules, &by_then);
        let expected = rules.statistics().name();
        let mut shuffled = all;
        shuffled.sort_by_key(|it| Digest::of("order", &[&order.to_be_bytes(), &it.id.0]));
        prop_assert_eq!(as_of(&shuffled, cut_ms), Some(expected));
    }
}

#[test]
fn a_moment_that_is_forgotten_is_not_told_wrongly() {
    let mut rules = Rules::new(&[], Policy::default());
    let cut_ms = NOW.unix_ms + 1;
    hear(&mut rules, &[said(2, 1, rule(7), &word(Stance::Commit, 900))]);
    hear(&mut rules, &[said(2, 2, rule(7), &word(Stance::Commit, 901))]);
    assert_ne!(rules.as_of(cut_ms), Some(Digest::default()), "one rule");
    assert_eq!(rules.as_of(cut_ms - 1), Some(Digest::default()), "none");
    // Much later, what was said then stands for ever, and what stood before it is forgotten.
    let later = Now { unix_ms: NOW.unix_ms + 3_600_000, ..NOW };
    let late = said(3, 3_600_000, rule(8), &word(Stance::Commit, 900));
    rules.hear(&late, &me(), later);
    assert_eq!(rules.as_of(cut_ms), None);
    assert!(rules.as_of(later.unix_ms - 1).is_some());
    // Nor does a node know on waking up what stood before.
    let disk: Vec<_> =
        rules.rows().into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let again = Rules::new(&disk, Policy::default());
    assert_eq!(again.as_of(later.unix_ms - 1), None);
    assert_eq!(again.as_of(later.unix_ms), rules.as_of(later.unix_ms));
}

#[test]
fn an_accepted_rule_is_proven_by_a_checkpoint_and_nothing_else_is() {
    // RULE-4
    let mut rules = Rules::new(&[], Policy::default());
    for (number, author) in (0..30).flat_map(|number| (2..5).map(move |it| (number, it))) {
        hear(&mut rules, &[said(author, 1, rule(number), &word(Stance::Commit, 900))]);
    }
    hear(&mut rules, &[said(2, 1, rule(99), &word(Stance::Commit, 900))]);
    let name = rules.statistics().name();
    assert_eq!(rules.statistics().accepted, 30);
    let proof = rules.prove(&rule(7), &name).unwrap();
    assert_eq!(proof.check(&name), Ok(()));
    assert_eq!(rules.prove(&rule(99), &name), Err(RuleError::NotAccepted));
    assert_eq!(rules.prove(&rule(100), &name), Err(RuleError::Unknown));
    assert_eq!(rules.prove(&rule(7), &NETWORK), Err(RuleError::NotSealed));
    let others = [
        RuleProof { rule: rule(8), ..proof.clone() },
        RuleProof { tally: Tally { evidence: 99, ..proof.tally }, ..proof.clone() },
        RuleProof { statistics: Statistics { rules: 32, ..proof.statistics }, ..proof.clone() },
        RuleProof { path: Vec::new(), ..proof.clone() },
    ];
    others.iter().for_each(|it| assert!(it.check(&name).is_err(), "{it:?}"));
    for at in 0..proof.path.len() {
        let mut path = proof.path.clone();
        path[at] ^= 1;
        assert!(RuleProof { path, ..proof.clone() }.check(&name).is_err(), "byte {at}");
    }
    // What is said after the moment takes nothing from what was final by then.
    rules.seal(NOW.unix_ms + 1, &name);
    hear(&mut rules, &[said(9, 2, rule(8), &word(Stance::Challenge, 0))]);
    assert_eq!(rules.prove(&rule(7), &name).unwrap().check(&name), Ok(()));
    assert_eq!(rules.prove(&rule(8), &name), Err(RuleError::NotSealed), "other words by now");
}
