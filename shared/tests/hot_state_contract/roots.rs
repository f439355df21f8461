//! One number, one live code: who shares a root, what that tells them, and how it ends.

use domain::challenge::{ChallengeId, Channel, NewChallenge};
use domain::otp::Purpose;
use domain::root::Honoured;
use shared::hot_state::{
    Accept, AcceptPolicy, AcceptRequest, Accepted, Grant, HotStateError, Verdict,
};
use shared::queue::{Job, JobTask};

use crate::stage::{DAY, MINUTE, SECOND, START, Stage, limits, sent, window};

const PHONE: &str = "+989123456789";

/// Without the limits of a number, which other tests hold.
fn unlimited(stage: &Stage) -> AcceptPolicy {
    AcceptPolicy {
        quotas: limits(window(1_000, DAY), window(1_000, DAY)),
        ..stage.policy.clone()
    }
}

async fn ask_under(stage: &Stage, new: &NewChallenge, policy: &AcceptPolicy) -> Accepted {
    let accept = stage.accept(AcceptRequest::New(new));
    stage.hot.accept(&accept, policy).await.expect("an answer")
}

async fn ask(stage: &Stage) -> (NewChallenge, Grant) {
    let new = stage.new_challenge(PHONE);
    let grant = sent(ask_under(stage, &new, &unlimited(stage)).await);
    (new, grant)
}

/// The sends of the jobs, with the root that each is of.
async fn messages(stage: &Stage) -> Vec<(domain::root::RootId, u32)> {
    let jobs = stage.jobs().await;
    jobs.iter()
        .map(|job: &Job| match job.task {
            JobTask::Send {
                challenge,
                root,
                send,
                ..
            } => (root.unwrap_or_else(|| challenge.into()), send),
            JobTask::Notice { .. } => panic!("a notice"),
        })
        .collect()
}

pub(crate) async fn asking_again_gives_a_new_challenge_on_the_same_code(stage: &Stage) {
    let (first, _) = ask(stage).await;
    let code = stage.read(first.id).await.code(&stage.keys).expect("a key");
    stage.clock.advance(40 * SECOND);
    let (second, grant) = ask(stage).await;
    assert!(grant.texted);
    assert_eq!((grant.sends, grant.digits), (2, 6));
    let [one, other] = [stage.read(first.id).await, stage.read(second.id).await];
    assert_eq!(one.root, other.root);
    assert_eq!(one.root.id, first.root.id);
    assert_eq!(
        (one.root.sends, one.root.last_send_at),
        (2, START + 40 * SECOND)
    );
    assert!(other.code(&stage.keys).expect("a key").matches(&code));
    assert_eq!(other.expires_at, START + 160 * SECOND);
    assert_eq!(one.expires_at, START + 120 * SECOND, "each has its own end");
    assert_eq!(one.root.ends_at, other.expires_at);

    // Each has its own tries with its session id; those with the number are shared.
    stage.count(&one, false).await;
    stage.count(&one, false).await;
    let wrong = stage.count(&other, false).await;
    assert_eq!(wrong, Verdict::Wrong { attempts_left: 2 });
    let root = first.root.id;
    assert_eq!(messages(stage).await, [(root, 1), (root, 2)]);
    let of_second = &stage.jobs().await[1];
    assert!(
        of_second.encode().starts_with(r#"{"v":2,"#),
        "an old worker parks it"
    );
    assert_eq!(Job::decode(&of_second.encode()).as_ref(), Ok(of_second));
}

pub(crate) async fn within_the_cooldown_only_the_message_is_left_out(stage: &Stage) {
    let (first, granted) = ask(stage).await;
    stage.clock.advance(29 * SECOND);
    let (second, grant) = ask(stage).await;
    assert!(!grant.texted);
    // It is told what it would be told if nobody had asked before.
    assert_eq!(
        grant.expires_at - grant.now,
        granted.expires_at - granted.now
    );
    assert_eq!(grant.resend_at - grant.now, granted.resend_at - granted.now);
    assert_eq!(messages(stage).await, [(first.root.id, 1)]);
    let joined = stage.read(second.id).await;
    assert_eq!(joined.session_attempts, 0);
    assert_eq!((joined.root.sends, joined.root.last_send_at), (1, START));
    let phone = first.root.phone.clone();
    let state = stage.hot.phone_state(&phone).await.expect("an answer");
    assert_eq!(
        state.sends,
        [START, START + 29 * SECOND],
        "charged like a send"
    );
    assert_eq!(state.untexted, [START + 29 * SECOND]);

    // Its own resend: first its own cooldown, then that of the root.
    stage.clock.advance(SECOND);
    let Accepted::Cooldown(own) = stage.resend_under(second.id, &unlimited(stage)).await else {
        panic!("its own cooldown")
    };
    assert_eq!(own.resend_at - own.now, 29 * SECOND);
    let third = sent(stage.resend_under(first.id, &unlimited(stage)).await);
    assert!(third.texted && third.sends == 2);
    stage.clock.advance(29 * SECOND);
    let left_out = sent(stage.resend_under(second.id, &unlimited(stage)).await);
    assert!(!left_out.texted, "the root was texted 29 seconds ago");
    assert_eq!(left_out.resend_at - left_out.now, 30 * SECOND);
    assert_eq!(messages(stage).await.len(), 2);
    let sends = stage.hot.phone_state(&phone).await.expect("an answer");
    assert_eq!((sends.sends.len(), sends.untexted.len()), (4, 2));
}

pub(crate) async fn another_channel_passes_the_cooldown_and_is_charged(stage: &Stage) {
    ask(stage).await;
    stage.clock.advance(SECOND);
    let by_call = stage.new_challenge(PHONE);
    let accept = Accept {
        channel: Channel::Call,
        ..stage.accept(AcceptRequest::New(&by_call))
    };
    assert!(sent(stage.run(&accept).await).texted);
    stage.clock.advance(SECOND);
    let again = stage.new_challenge(PHONE);
    let accept = Accept {
        channel: Channel::Call,
        ..stage.accept(AcceptRequest::New(&again))
    };
    assert!(!sent(stage.run(&accept).await).texted);
    let refused = stage.ask(&stage.new_challenge(PHONE)).await;
    assert!(matches!(refused, Accepted::Refused { .. }), "{refused:?}");
    assert_eq!(messages(stage).await.len(), 2);
}

pub(crate) async fn of_two_who_ask_at_once_one_is_texted(stage: &Stage) {
    let policy = unlimited(stage);
    let asked: Vec<_> = (0..20).map(|_| stage.new_challenge(PHONE)).collect();
    let granted = futures::future::join_all(asked.iter().map(|new| ask_under(stage, new, &policy)));
    let texted = granted
        .await
        .into_iter()
        .filter(|one| matches!(one, Accepted::Sent(grant) if grant.texted));
    assert_eq!(texted.count(), 1);
    assert_eq!(messages(stage).await.len(), 1);
    let root = stage.read(asked[0].id).await.root.id;
    for new in &asked {
        assert_eq!(stage.read(new.id).await.root.id, root);
    }
}

/// A repeated request, whose first reply was lost, is answered as the first time.
pub(crate) async fn a_repeated_request_on_a_shared_root_is_granted_once(stage: &Stage) {
    ask(stage).await;
    stage.clock.advance(40 * SECOND);
    let new = stage.new_challenge(PHONE);
    let accept = stage.accept(AcceptRequest::New(&new));
    let first = sent(stage.run(&accept).await);
    stage.clock.advance(SECOND);
    let again = sent(stage.run(&accept).await);
    assert_eq!(
        (again.expires_at, again.resend_at, again.digits),
        (first.expires_at, first.resend_at, first.digits)
    );
    assert_eq!(messages(stage).await.len(), 2);
}

pub(crate) async fn i_02_the_first_right_code_closes_the_root(stage: &Stage) {
    let mut challenges = Vec::new();
    for _ in 0..5 {
        let (new, _) = ask(stage).await;
        challenges.push(stage.read(new.id).await);
        stage.clock.advance(SECOND);
    }
    let root = challenges[0].root.id;
    let policy = AcceptPolicy {
        max_attempts: 100,
        ..unlimited(stage)
    };
    let tries = (0..200).map(|index| {
        let challenge = &challenges[index % 5];
        stage
            .hot
            .count_by_session(policy.max_attempts, challenge, true, None)
    });
    let verdicts = futures::future::join_all(tries).await;
    let mut honoured = [0; 5];
    for (index, verdict) in verdicts.into_iter().enumerate() {
        match verdict {
            Ok(Verdict::Right { root: of }) => {
                assert_eq!(of, root);
                honoured[index % 5] += 1;
            }
            // A busy store may give no answer in time.
            Ok(Verdict::Used) | Err(HotStateError::Unavailable(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    // Anyone who was first may repeat it, and nobody else is let in.
    let sessions = honoured.iter().filter(|count| **count > 0).count();
    assert_eq!(sessions, 1, "{honoured:?}");
    let first = honoured.iter().position(|count| *count > 0).expect("one");
    let closed = stage.read(challenges[first].id).await;
    assert_eq!(closed.root.closed, Some(Honoured::Session(closed.id)));
    assert!(closed.is_honoured());

    // The next who asks begins a new root, and is texted although the last message is new.
    let (next, grant) = ask(stage).await;
    assert!(grant.texted && grant.sends == 1);
    assert_ne!(stage.read(next.id).await.root.id, root);
}

/// What somebody hears who asks for a number that is not theirs: alone, after its owner has asked, and
/// where the owner signs in meanwhile. Codes of any life.
pub(crate) async fn a_17_a_stranger_on_the_same_root_gains_denies_and_learns_nothing(
    stage: &Stage,
) {
    let mut number = 9_123_450_000_u64;
    for life in [120 * SECOND, 400 * SECOND, 600 * SECOND] {
        let policy = AcceptPolicy {
            code_life_millis: life,
            ..unlimited(stage)
        };
        // When the owner asks, before the stranger and after, and whether she signs in.
        let mut told = Vec::new();
        for (before, after, signs_in) in [
            (None, false, false),
            (None, true, true),
            (Some(100 * SECOND), false, false),
            (Some(250 * SECOND), false, false),
            (Some(250 * SECOND), true, true),
        ] {
            number += 1;
            let phone = format!("+98{number}");
            if let Some(earlier) = before {
                let owners = stage.new_challenge(&phone);
                sent(ask_under(stage, &owners, &policy).await);
                stage.clock.advance(earlier);
            }
            let begun = stage.clock.now_millis();
            let strangers = stage.new_challenge(&phone);
            let first = sent(ask_under(stage, &strangers, &policy).await);
            let mut heard = vec![seen(&first)];
            stage.clock.advance(SECOND);
            if after {
                let owners = stage.new_challenge(&phone);
                sent(ask_under(stage, &owners, &policy).await);
                let owner = stage.read(owners.id).await;
                let root = owner.root.id;
                if signs_in {
                    assert_eq!(stage.count(&owner, true).await, Verdict::Right { root });
                }
            }
            let Accepted::Cooldown(own) = stage.resend_under(strangers.id, &policy).await else {
                panic!("its own cooldown")
            };
            heard.push(seen(&own));
            let mut verdicts = vec![guess_wrong(stage, strangers.id).await];
            stage.clock.advance(30 * SECOND);
            let resent = sent(stage.resend_under(strangers.id, &policy).await);
            heard.push(seen(&resent));
            verdicts.push(guess_wrong(stage, strangers.id).await);
            // Until the end that it was told, whatever became of the root.
            let told_end = begun + 31 * SECOND + life;
            stage.clock.advance(told_end - 1 - stage.clock.now_millis());
            verdicts.push(guess_wrong(stage, strangers.id).await);
            stage.clock.advance(1);
            let over = stage.resend_under(strangers.id, &policy).await;
            assert!(matches!(over, Accepted::NotLive(Some(_))), "{over:?}");
            told.push((heard, verdicts));
        }
        for other in &told[1..] {
            assert_eq!(other, &told[0], "a life of {life} ms");
        }
    }
}

/// What a client is told of a grant, but for the store's time and what is for figures only.
fn seen(grant: &Grant) -> (i64, i64, u8) {
    (
        grant.expires_at - grant.now,
        grant.resend_at - grant.now,
        grant.digits,
    )
}

async fn guess_wrong(stage: &Stage, id: ChallengeId) -> Verdict {
    let challenge = stage.read(id).await;
    stage.count(&challenge, false).await
}

/// A store that forgot a root while it may be shared would text another code.
pub(crate) async fn a_root_is_kept_as_long_as_it_may_be_shared(stage: &Stage) {
    for (index, life) in [120, 180, 300, 600].into_iter().enumerate() {
        let life = life * SECOND;
        let policy = AcceptPolicy {
            code_life_millis: life,
            ..unlimited(stage)
        };
        let phone = format!("+98912345678{index}");
        let first = stage.new_challenge(&phone);
        sent(ask_under(stage, &first, &policy).await);
        let shared_for = domain::root::shared_for_millis(life);
        if let Some(kept_for) = stage.millis_to_live(&format!("c:{}", first.id)).await {
            assert!(kept_for > shared_for, "{kept_for} of {shared_for}");
        }
        stage.clock.advance(shared_for);
        stage.hot.sweep().await.expect("an answer");
        let later = stage.new_challenge(&phone);
        sent(ask_under(stage, &later, &policy).await);
        assert_eq!(stage.read(later.id).await.root.id, first.root.id);
        if let Some(kept_for) = stage.millis_to_live(&format!("c:{}", first.id)).await {
            let own = stage.millis_to_live(&format!("d:{}", later.id)).await;
            assert!(own.is_some_and(|own| own <= kept_for), "{own:?} {kept_for}");
        }
    }
}

/// The answer of a sign-in may be lost when the code is about to die, or with the last try.
pub(crate) async fn a_right_code_may_be_repeated_for_a_minute_also_at_its_end(stage: &Stage) {
    let (at_its_end, _) = ask(stage).await;
    let challenge = stage.read(at_its_end.id).await;
    let root = challenge.root.id;
    stage.clock.advance(119 * SECOND);
    for _ in 0..2 {
        assert_eq!(stage.count(&challenge, true).await, Verdict::Right { root });
        stage.clock.advance(30 * SECOND);
    }
    stage.clock.advance(SECOND);
    assert_eq!(stage.count(&challenge, true).await, Verdict::Expired);

    let new = stage.new_challenge("+989123456780");
    sent(ask_under(stage, &new, &unlimited(stage)).await);
    let challenge = stage.read(new.id).await;
    let root = challenge.root.id;
    for _ in 0..2 {
        stage.count(&challenge, false).await;
    }
    for _ in 0..4 {
        assert_eq!(stage.count(&challenge, true).await, Verdict::Right { root });
    }
    assert_eq!(stage.count(&challenge, true).await, Verdict::Exhausted);
    assert_eq!(stage.count(&challenge, false).await, Verdict::Exhausted);
}

pub(crate) async fn a_session_whose_root_was_closed_goes_on_to_a_new_one(stage: &Stage) {
    let policy = unlimited(stage);
    let (first, _) = ask(stage).await;
    stage.clock.advance(SECOND);
    let (second, _) = ask(stage).await;
    let [one, other] = [stage.read(first.id).await, stage.read(second.id).await];
    let old = one.root.id;
    assert_eq!(
        stage.count(&other, true).await,
        Verdict::Right { root: old }
    );
    assert_eq!(stage.count(&one, true).await, Verdict::Used);
    let wrong = stage.count(&one, false).await;
    assert_eq!(wrong, Verdict::Wrong { attempts_left: 1 });

    stage.clock.advance(30 * SECOND);
    let grant = sent(stage.resend_under(first.id, &policy).await);
    assert!(grant.texted && grant.sends == 1);
    let moved = stage.read(first.id).await;
    assert_ne!(moved.root.id, old);
    assert_ne!(moved.root.salt, one.root.salt);
    assert_eq!(moved.session_attempts, 2, "given back by nothing");
    // What was read before is not what is there.
    assert_eq!(stage.count(&one, true).await, Verdict::Gone);
    // Its record goes on to hold the root that it began, for those who are on it.
    let still = stage.read(second.id).await;
    assert_eq!(
        (still.root.id, still.root.closed),
        (old, Some(Honoured::Session(second.id)))
    );
    assert_eq!(
        stage.count(&other, true).await,
        Verdict::Right { root: old }
    );
    let job = stage.jobs().await.pop().expect("a job");
    let JobTask::Send {
        challenge,
        root,
        send,
        ..
    } = job.task
    else {
        panic!("a notice")
    };
    assert_eq!((challenge, root, send), (first.id, Some(moved.root.id), 1));
    let on = stage
        .hot
        .challenge_on(challenge, old)
        .await
        .expect("an answer");
    assert_eq!(
        on.expect("a record").root.id,
        old,
        "a job is of the root that it names"
    );

    let root = moved.root.id;
    assert_eq!(stage.count(&moved, true).await, Verdict::Right { root });
    // Its own code was used: a resend needs a new challenge.
    stage.clock.advance(30 * SECOND);
    let over = stage.resend_under(first.id, &policy).await;
    assert!(matches!(over, Accepted::NotLive(Some(_))), "{over:?}");
}

/// Eight minutes with codes of two, five with codes of ten; then the old one lives on beside the new.
pub(crate) async fn a_root_is_shared_until_too_little_of_its_life_is_left(stage: &Stage) {
    for (index, (life, shared_for)) in [(120 * SECOND, 8 * MINUTE), (10 * MINUTE, 5 * MINUTE)]
        .into_iter()
        .enumerate()
    {
        let policy = AcceptPolicy {
            code_life_millis: life,
            ..unlimited(stage)
        };
        let phone = format!("+98912345678{index}");
        let ask = async || {
            let new = stage.new_challenge(&phone);
            (new.id, sent(ask_under(stage, &new, &policy).await))
        };
        let begun = stage.clock.now_millis();
        let (first, _) = ask().await;
        let first = stage.read(first).await;
        stage.clock.advance(shared_for);
        let (last, grant) = ask().await;
        assert_eq!(grant.expires_at - grant.now, life, "told as any other");
        let last = stage.read(last).await;
        assert_eq!(last.root.id, first.root.id);
        let ends = (begun + shared_for + life).min(begun + 10 * MINUTE);
        assert_eq!(last.root.ends_at, ends);
        assert_eq!(last.expires_at, begun + shared_for + life, "as it was told");

        stage.clock.advance(1);
        let (next, grant) = ask().await;
        assert!(grant.texted, "a new code, in the cooldown of the old one");
        let next = stage.read(next).await;
        assert_ne!(next.root.id, first.root.id);
        let live: Vec<_> = stage
            .roots(&phone)
            .await
            .iter()
            .map(|root| root.id)
            .collect();
        assert_eq!(live, [first.root.id, next.root.id]);
        stage.clock.advance(ends - 1 - stage.clock.now_millis());
        let root = first.root.id;
        assert_eq!(
            stage.count(&last, false).await,
            Verdict::Wrong { attempts_left: 2 }
        );
        assert_eq!(
            stage.guess_by_phone(&phone, Some(root)).await,
            Verdict::Right { root }
        );
        stage.clock.advance(1);
        let over = stage.count(&last, true).await;
        let told_later = last.expires_at > ends;
        let expected = if told_later {
            Verdict::Wrong { attempts_left: 1 }
        } else {
            Verdict::Expired
        };
        assert_eq!(over, expected);
    }
}

/// Ten minutes are the end of a code however often it is sent; a resend near it goes on to the next.
pub(crate) async fn a_resend_goes_on_to_a_new_root_when_the_old_one_is_near_its_end(stage: &Stage) {
    let policy = unlimited(stage);
    let (first, _) = ask(stage).await;
    let before = stage.read(first.id).await;
    for _ in 0..4 {
        stage.clock.advance(110 * SECOND);
        sent(stage.resend_under(first.id, &policy).await);
    }
    assert_eq!(stage.read(first.id).await.root.id, before.root.id);
    stage.clock.advance(50 * SECOND);
    let grant = sent(stage.resend_under(first.id, &policy).await);
    assert_eq!(
        (grant.sends, grant.expires_at - grant.now),
        (1, 120 * SECOND)
    );
    let after = stage.read(first.id).await;
    assert_ne!(after.root.id, before.root.id);
    let old = stage.hot.root(before.root.id).await.expect("an answer");
    assert_eq!(old.expect("it lives on").ends_at, START + 560 * SECOND);
}

pub(crate) async fn purposes_do_not_disturb_one_another(stage: &Stage) {
    let policy = unlimited(stage);
    let mut challenges = Vec::new();
    for purpose in [Purpose::SignIn, Purpose::Register, Purpose::ResetPassword] {
        for round in 0..2 {
            let new = stage.challenge_for(PHONE, purpose);
            let grant = sent(ask_under(stage, &new, &policy).await);
            assert_eq!(grant.texted, round == 0, "{purpose:?}");
            challenges.push(stage.read(new.id).await);
            stage.clock.advance(SECOND);
        }
    }
    for pair in challenges.chunks(2) {
        assert_eq!(pair[0].root.id, pair[1].root.id);
    }
    let [sign_in, register, reset] = [0, 2, 4].map(|index| &challenges[index]);
    let root = register.root.id;
    assert_eq!(stage.count(register, true).await, Verdict::Right { root });
    for other in [sign_in, reset] {
        assert_eq!(stage.read(other.id).await.root.closed, None);
        let root = other.root.id;
        assert_eq!(stage.count(other, true).await, Verdict::Right { root });
    }
    // One who wants another number, or to be an admin, shares with nobody.
    for purpose in [Purpose::ChangePhone, Purpose::Admin] {
        let [one, other] = [(); 2].map(|()| stage.challenge_for(PHONE, purpose));
        for new in [&one, &other] {
            assert!(sent(ask_under(stage, new, &policy).await).texted);
        }
        let (one, other) = (stage.read(one.id).await, stage.read(other.id).await);
        assert_ne!(one.root.id, other.root.id);
        stage.clock.advance(31 * SECOND);
        let grant = sent(stage.resend_under(other.id, &policy).await);
        assert!(grant.texted && grant.sends == 2);
        assert_eq!(stage.read(other.id).await.root.id, other.root.id);
    }
}

/// Until the records know of it, a right code may be repeated by the way on which it came.
pub(crate) async fn a_right_code_with_the_number_may_be_repeated_until_it_had_its_effect(
    stage: &Stage,
) {
    let (new, _) = ask(stage).await;
    let challenge = stage.read(new.id).await;
    let root = challenge.root.id;
    for _ in 0..2 {
        let right = stage.guess_by_phone(PHONE, Some(root)).await;
        assert_eq!(right, Verdict::Right { root });
    }
    assert_eq!(stage.count(&challenge, true).await, Verdict::Used);
    assert_eq!(stage.read(new.id).await.root.closed, Some(Honoured::Phone));
    assert!(stage.hot.close_root(root).await.expect("an answer"));
    assert_eq!(stage.guess_by_phone(PHONE, Some(root)).await, Verdict::Gone);
    assert_eq!(stage.roots(PHONE).await, []);
    // The session that had no part in it goes on.
    stage.clock.advance(30 * SECOND);
    sent(stage.resend_under(new.id, &unlimited(stage)).await);
    assert_ne!(stage.read(new.id).await.root.id, root);
}

/// The code of somebody who is kept out is right and opens nothing, for anyone who has it.
pub(crate) async fn a_root_whose_code_had_no_effect_is_opened_again(stage: &Stage) {
    let (first, _) = ask(stage).await;
    let (second, _) = ask(stage).await;
    let root = first.root.id;
    for id in [first.id, second.id] {
        let challenge = stage.read(id).await;
        assert_eq!(stage.count(&challenge, true).await, Verdict::Right { root });
        stage.hot.reopen_root(root).await.expect("an answer");
    }
    let by_phone = stage.guess_by_phone(PHONE, Some(root)).await;
    assert_eq!(by_phone, Verdict::Right { root });
    assert!(stage.hot.close_root(root).await.expect("an answer"));
    stage.hot.reopen_root(root).await.expect("an answer");
    assert_eq!(
        stage.read(first.id).await.root.closed,
        Some(Honoured::Nobody)
    );
}

/// Ten granted requests a day, each with three comparisons by session and three by the number at most:
/// sixty, which is 6 in 100,000 for six digits. Anyone who asks in bursts shares roots and gets fewer.
pub(crate) async fn i_04_r_06_guesses_a_day_are_bounded_by_sixty(stage: &Stage) {
    for (index, (burst, gap, expected)) in [
        (1, 20 * MINUTE, (10, 60)),
        (3, 3 * MINUTE, (10, 36)),
        (3, 20 * MINUTE, (10, 42)),
    ]
    .into_iter()
    .enumerate()
    {
        let phone = format!("+98912345678{index}");
        let (mut granted, mut compared) = (0, 0);
        let mut sessions = Vec::new();
        for _ in 0..30 {
            for _ in 0..burst {
                let new = stage.new_challenge(&phone);
                if matches!(stage.ask(&new).await, Accepted::Sent(_)) {
                    granted += 1;
                    sessions.push(new.id);
                }
                // A resend is charged too, and gives nothing back.
                stage.clock.advance(31 * SECOND);
            }
            for id in &sessions {
                let challenge = stage.read(*id).await;
                compared += stage.wrong_guesses_by_session(&challenge).await;
            }
            compared += stage.wrong_guesses_by_number(&phone).await;
            sessions.clear();
            stage.clock.advance(gap);
        }
        assert_eq!(
            (granted, compared),
            expected,
            "bursts of {burst} every {gap} ms"
        );
    }
}
