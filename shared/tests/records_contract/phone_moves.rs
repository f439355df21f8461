//! Numbers that staff move, and what a code alone does not give.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::challenge::Locale;
use shared::records::{
    AskPhoneMove, DeletedBy, PHONE_MOVE_WAIT, PhoneChange, PhoneChangeOutcome, PhoneMoveAsked,
    PhoneMoveMade, SignInOutcome, StopsPhoneMove, User, WaitingMove,
};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::stage::{Stage, phone};

/// A user with the session that they opened.
async fn signed_in(stage: &Stage, number: u32) -> (User, Uuid) {
    let sign_in = stage.sign_in(&phone(number));
    let outcome = stage.records.sign_in(&sign_in).await.expect("an answer");
    let SignInOutcome::SignedIn { user, .. } = outcome else {
        panic!("{outcome:?}")
    };
    (user, sign_in.session.id)
}

async fn ask(stage: &Stage, user: Uuid, number: u32) -> PhoneMoveAsked {
    let wanted = AskPhoneMove {
        user,
        phone: phone(number),
        reason: "lost SIM, ticket 4711".to_owned(),
        audit_id: stage.random.uuid_v4(),
        now: stage.now(),
    };
    let asked = stage.records.ask_phone_move(&wanted, &stage.random).await;
    asked.expect("an answer")
}

async fn make(stage: &Stage, user: Uuid) -> PhoneMoveMade {
    let made = stage
        .records
        .make_phone_move(user, &stage.random, stage.now());
    made.await.expect("an answer")
}

async fn waiting(stage: &Stage, user: Uuid) -> Option<WaitingMove> {
    let waiting = stage.records.waiting_phone_move(user).await;
    waiting.expect("an answer")
}

async fn due(stage: &Stage) -> Vec<Uuid> {
    let due = stage.records.due_phone_moves(stage.now(), 10).await;
    due.expect("an answer")
}

async fn phone_of(stage: &Stage, user: Uuid) -> String {
    let found = stage.records.find_user(user).await.expect("an answer");
    let phone = found.expect("a user").phone.expect("a number");
    phone.as_e164().to_owned()
}

async fn audited(stage: &Stage, action: &str) -> i64 {
    stage
        .count(&format!("audit_log WHERE action = '{action}'"))
        .await
}

pub(crate) async fn otp_10_a_move_waits_three_days_tells_both_and_is_made_once(stage: Stage) {
    let (user, _) = signed_in(&stage, 1).await;
    let powers = "UPDATE users SET is_staff = TRUE, is_superuser = TRUE";
    stage.execute(powers).await.expect("written");
    let asked = WaitingMove {
        asked_at: stage.now(),
        due_at: stage.now() + PHONE_MOVE_WAIT,
    };
    assert_eq!(ask(&stage, user.id, 2).await, PhoneMoveAsked::Waits(asked));
    for number in [1, 2] {
        let told = format!(
            "notices WHERE kind = 'phone_move_asked' AND phone = '{}'",
            phone(number).as_e164()
        );
        assert_eq!(stage.count(&told).await, 1, "{number}");
    }
    assert_eq!(waiting(&stage, user.id).await, Some(asked));

    // Nothing happens before its time; asking again changes nothing and tells nobody.
    stage.clock.advance(71 * 3600 * 1000);
    assert!(due(&stage).await.is_empty());
    assert_eq!(make(&stage, user.id).await, PhoneMoveMade::Gone);
    let again = ask(&stage, user.id, 2).await;
    assert_eq!(again, PhoneMoveAsked::WaitedBefore(asked));
    assert_eq!(stage.count("notices").await, 2);
    assert_eq!(phone_of(&stage, user.id).await, phone(1).as_e164());

    stage.clock.advance(3600 * 1000);
    assert_eq!(due(&stage).await, [user.id]);
    let stage = Arc::new(stage);
    let mut makers = JoinSet::new();
    for _ in 0..20 {
        let stage = Arc::clone(&stage);
        makers.spawn(async move { make(&stage, user.id).await });
    }
    let made = makers.join_all().await;
    let moved = made.iter().filter(|made| **made == PhoneMoveMade::Moved);
    assert_eq!(moved.count(), 1, "{made:?}");
    assert!(due(&stage).await.is_empty());
    assert_eq!(waiting(&stage, user.id).await, None);
    assert_eq!(stage.live(user.id).await, Vec::<Uuid>::new());
    let found = stage.records.find_user(user.id).await.expect("an answer");
    let found = found.expect("a user");
    assert_eq!(found.phone, Some(phone(2)));
    assert_eq!(found.username, phone(2).digits());
    assert_eq!(found.phone_verified_at, None, "nobody has proven it yet");
    assert!(!found.is_staff && !found.is_superuser);
    let told = format!(
        "notices WHERE kind = 'phone_changed' AND phone = '{}'",
        phone(1).as_e164()
    );
    assert_eq!(stage.count(&told).await, 1);
    let audit = [
        audited(&stage, "phone_move_asked").await,
        audited(&stage, "phone_moved").await,
    ];
    assert_eq!(audit, [1, 1]);
    let reasoned = "audit_log WHERE CAST(details AS TEXT) LIKE '%ticket 4711%'";
    assert_eq!(stage.count(reasoned).await, 1);

    // The new number leads to the account, the old one to a new account.
    assert_eq!(signed_in(&stage, 2).await.0.id, user.id);
    assert_ne!(signed_in(&stage, 1).await.0.id, user.id);
}

pub(crate) async fn a_move_is_stopped_by_a_session_by_staff_and_by_what_shows_that_nothing_is_lost(
    stage: Stage,
) {
    let (user, session) = signed_in(&stage, 1).await;
    let stop = async |by: StopsPhoneMove| {
        let id = stage.random.uuid_v4();
        let stopped = stage.records.stop_phone_move(user.id, &by, id, stage.now());
        stopped.await.expect("an answer")
    };
    let staff = StopsPhoneMove::Staff {
        reason: "found again".to_owned(),
    };
    for by in [StopsPhoneMove::Session, staff] {
        assert!(!stop(by.clone()).await, "nothing waits");
        let asked = ask(&stage, user.id, 2).await;
        assert!(matches!(asked, PhoneMoveAsked::Waits(_)), "{asked:?}");
        assert!(stop(by).await);
        assert_eq!(waiting(&stage, user.id).await, None);
    }
    let by_owner = "audit_log WHERE action = 'phone_move_stopped' AND source = 'owner'";
    assert_eq!(stage.count(by_owner).await, 1);
    assert_eq!(audited(&stage, "phone_move_stopped").await, 2);

    // A change by the owner, who still has the number, and the end of the account.
    ask(&stage, user.id, 2).await;
    let change = PhoneChange {
        root: stage.root(),
        user: user.id,
        session,
        phone: phone(3),
        locale: Locale::En,
        now: stage.now(),
    };
    let changed = stage.records.change_phone(&change, &stage.random).await;
    let changed = changed.expect("an answer");
    assert!(
        matches!(changed, PhoneChangeOutcome::Changed { .. }),
        "{changed:?}"
    );
    assert_eq!(waiting(&stage, user.id).await, None);
    ask(&stage, user.id, 2).await;
    let deleted = stage
        .records
        .delete_account(user.id, DeletedBy::Owner(session), stage.now())
        .await;
    assert!(deleted.expect("an answer"));
    assert_eq!(stage.count("phone_moves").await, 0);
    stage.clock.advance(73 * 3600 * 1000);
    assert_eq!(make(&stage, user.id).await, PhoneMoveMade::Gone);
}

pub(crate) async fn a_move_takes_nobodys_number_and_none_of_a_blocked_user(stage: Stage) {
    let [(user, _), (other, _)] = [signed_in(&stage, 1).await, signed_in(&stage, 2).await];
    assert_eq!(ask(&stage, user.id, 2).await, PhoneMoveAsked::Taken);
    let asked = ask(&stage, user.id, 3).await;
    assert!(matches!(asked, PhoneMoveAsked::Waits(_)), "{asked:?}");
    let another = ask(&stage, user.id, 4).await;
    assert!(
        matches!(another, PhoneMoveAsked::AnotherWaits(_)),
        "{another:?}"
    );
    assert_eq!(
        ask(&stage, other.id, 3).await,
        PhoneMoveAsked::Taken,
        "it is to be another's"
    );
    let gone = ask(&stage, Uuid::from_u128(7), 5).await;
    assert_eq!(gone, PhoneMoveAsked::NotAllowed);

    // Somebody signs in with the number meanwhile: it is theirs.
    let (third, _) = signed_in(&stage, 3).await;
    ask(&stage, other.id, 6).await;
    let blocked = stage.records.set_blocked(other.id, true, stage.now()).await;
    assert!(blocked.expect("an answer"));
    stage.clock.advance(72 * 3600 * 1000);
    for user in [user.id, other.id] {
        assert_eq!(make(&stage, user).await, PhoneMoveMade::Dropped);
        assert_eq!(make(&stage, user).await, PhoneMoveMade::Gone);
    }
    assert_eq!(audited(&stage, "phone_move_dropped").await, 2);
    assert_eq!(phone_of(&stage, user.id).await, phone(1).as_e164());
    assert_eq!(phone_of(&stage, other.id).await, phone(2).as_e164());
    assert_eq!(phone_of(&stage, third.id).await, phone(3).as_e164());
    let asked = ask(&stage, other.id, 7).await;
    assert_eq!(asked, PhoneMoveAsked::NotAllowed, "blocked");
}

pub(crate) async fn otp_11_a_code_alone_gives_no_powers_of_staff_that_an_old_account_had(
    stage: Stage,
) {
    // Proven here, proven by a password that was set here, and neither: as an import leaves it.
    let at = |days: i64| (stage.now() - TimeDelta::days(days)).to_rfc3339();
    let cases = [
        ("used lately", Some(179), None, Some(179), true),
        ("long unused", Some(181), None, Some(181), false),
        ("made by hand", None, Some(1), None, true),
        (
            "promoted after a long time",
            Some(400),
            Some(1),
            Some(400),
            true,
        ),
        (
            "password set long ago, used lately",
            None,
            Some(400),
            Some(2),
            true,
        ),
        ("imported, never signed in", None, None, None, false),
        ("imported, signed in elsewhere", None, None, Some(1), false),
        ("imported long ago", None, None, Some(400), false),
    ];
    for (number, (name, verified, set, used, kept)) in (1_u32..).zip(cases) {
        let (user, _) = signed_in(&stage, number).await;
        let time = |days: Option<i64>| {
            days.map_or_else(|| "NULL".to_owned(), |days| format!("'{}'", at(days)))
        };
        let written = format!(
            "UPDATE users SET is_staff = TRUE, is_superuser = TRUE, phone_verified_at = {}, \
             password_changed_at = {}, last_sign_in_at = {} WHERE id = {}",
            time(verified),
            time(set),
            time(used),
            stage.id(user.id)
        );
        stage.execute(written).await.expect("written");
        let (user, _) = signed_in(&stage, number).await;
        assert_eq!((user.is_staff, user.is_superuser), (kept, kept), "{name}");
        // And they stay as they are.
        let (user, _) = signed_in(&stage, number).await;
        assert_eq!((user.is_staff, user.is_superuser), (kept, kept), "{name}");
    }
}
