//! The staff: sessions, second factors, roles, links, and what they do for people.

use chrono::TimeDelta;
use domain::staff::Role;
use serde_json::json;
use shared::records::{
    AuditEntry, AuditFilter, AuditSource, DeletedBy, Device, FactorOpens, FactorTry, InConsole,
    NewFactor, NewStaffLink, NewStaffSession, PeopleSearch, RightFactor, RoleChange, SealedFactor,
};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::stage::{Stage, phone};

fn entry(stage: &Stage, actor: Uuid, action: &'static str) -> AuditEntry {
    AuditEntry {
        id: stage.random.uuid_v7(stage.now().timestamp_millis()),
        source: AuditSource::Console,
        actor: Some(actor),
        action,
        subject: Some(actor),
        object: None,
        details: json!({}),
        in_console: Some(InConsole {
            role: Some(Role::Admin),
            reason: Some("because".to_owned()),
            address: Some([192, 0, 2, 1].into()),
            request_id: stage.random.uuid_v4(),
        }),
    }
}

fn session(stage: &Stage, user: Uuid) -> NewStaffSession {
    NewStaffSession {
        id: stage.random.uuid_v4(),
        user,
        token_hash: stage.random.bytes(),
        device: Device::default(),
        opened_at: stage.now(),
        idle_expires_at: stage.now() + TimeDelta::minutes(30),
        expires_at: stage.now() + TimeDelta::hours(12),
    }
}

/// A superuser, by their number.
async fn superuser(stage: &Stage, number: u32) -> Uuid {
    let (user, _) = stage.signed_in(&phone(number)).await;
    let sql = format!(
        "UPDATE users SET is_superuser = TRUE WHERE id = {}",
        stage.id(user.id)
    );
    stage.execute(sql).await.expect("done");
    user.id
}

async fn enrolled(stage: &Stage, user: Uuid) -> Vec<[u8; 32]> {
    let recovery: Vec<[u8; 32]> = (0..10).map(|_| stage.random.bytes()).collect();
    let new = NewFactor {
        user,
        factor: SealedFactor {
            sealed: b"sealed".to_vec(),
            kid: "k1".to_owned(),
        },
        step: 100,
        recovery: recovery.clone(),
        session: session(stage, user),
    };
    let entry = entry(stage, user, "console_factor_set_up");
    let enrolled = stage.records.enroll_factor(&new, &entry).await;
    assert!(enrolled.expect("an answer"));
    recovery
}

pub(crate) async fn a_05_of_40_factors_at_once_no_more_than_five_are_compared(stage: Stage) {
    let user = superuser(&stage, 1).await;
    let nobody = stage.records.count_factor_try(user, stage.now()).await;
    assert_eq!(nobody.expect("an answer"), FactorTry::NotEnrolled);
    enrolled(&stage, user).await;
    let now = stage.now();
    let mut tries = JoinSet::new();
    for _ in 0..40 {
        let records = stage.records.clone();
        tries.spawn(async move { records.count_factor_try(user, now).await });
    }
    let (mut counted, mut locks) = (0, 0);
    while let Some(tried) = tries.join_next().await {
        match tried.expect("no panic").expect("an answer") {
            FactorTry::Counted {
                factor,
                locks: until,
            } => {
                assert_eq!(factor.sealed, b"sealed");
                counted += 1;
                locks += i32::from(until.is_some());
            }
            FactorTry::Locked(until) => assert!(until > now),
            FactorTry::NotEnrolled => panic!("there is one"),
        }
    }
    assert_eq!((counted, locks), (5, 1));
    // The lock ends by itself, and a longer one follows.
    let later = now + TimeDelta::minutes(1);
    let tried = stage.records.count_factor_try(user, later).await;
    let FactorTry::Counted {
        locks: Some(until), ..
    } = tried.expect("an answer")
    else {
        panic!("it is counted")
    };
    assert_eq!((until - later).num_seconds(), 120);
}

#[expect(
    clippy::too_many_lines,
    reason = "one story, whose steps build on each other"
)]
pub(crate) async fn a_factor_is_accepted_once_and_ends_the_row_of_wrong_ones(stage: Stage) {
    let user = superuser(&stage, 1).await;
    let recovery = enrolled(&stage, user).await;
    assert!(stage.records.has_factor(user).await.expect("an answer"));
    let before = stage.count("staff_sessions").await;
    let factors = [
        (RightFactor::Step(101, None), 1),
        (RightFactor::Step(101, None), 0),
        (RightFactor::Step(100, None), 0),
        (RightFactor::Recovery(recovery[0]), 1),
        (RightFactor::Recovery(recovery[0]), 0),
        (RightFactor::Recovery([0; 32]), 0),
    ];
    for (factor, accepted) in factors {
        let tried = stage.records.count_factor_try(user, stage.now()).await;
        let tried = tried.expect("an answer");
        assert!(
            matches!(tried, FactorTry::Counted { .. }),
            "{factor:?}: {tried:?}"
        );
        let mut all = JoinSet::new();
        for _ in 0..8 {
            let (records, factor, now) = (stage.records.clone(), factor.clone(), stage.now());
            let opens = FactorOpens::Session(session(&stage, user));
            let entry = entry(&stage, user, "console_sign_in");
            all.spawn(async move {
                records
                    .accept_factor(user, &factor, &opens, &entry, now)
                    .await
            });
        }
        let mut taken = 0;
        while let Some(outcome) = all.join_next().await {
            taken += i64::from(outcome.expect("no panic").expect("an answer"));
        }
        assert_eq!(taken, accepted, "{factor:?}");
    }
    assert_eq!(stage.count("staff_sessions").await, before + 2);
    assert_eq!(
        stage
            .records
            .recovery_codes_left(user)
            .await
            .expect("an answer"),
        9
    );
    // A second one is not set up over the first.
    let new = NewFactor {
        user,
        factor: SealedFactor {
            sealed: b"thief".to_vec(),
            kid: "k1".to_owned(),
        },
        step: 200,
        recovery: Vec::new(),
        session: session(&stage, user),
    };
    let entry = entry(&stage, user, "console_factor_set_up");
    assert!(
        !stage
            .records
            .enroll_factor(&new, &entry)
            .await
            .expect("an answer")
    );
    // What was sealed again is what is compared next.
    let sealed = SealedFactor {
        sealed: b"anew".to_vec(),
        kid: "k2".to_owned(),
    };
    let right = RightFactor::Step(102, Some(sealed.clone()));
    let opened = session(&stage, user);
    let opens = FactorOpens::Session(opened.clone());
    let again = entry_of(&stage, user);
    let accepted = stage
        .records
        .accept_factor(user, &right, &opens, &again, stage.now());
    assert!(accepted.await.expect("an answer"));
    let later = stage.now() + TimeDelta::minutes(7);
    let tried = stage
        .records
        .count_factor_try(user, later)
        .await
        .expect("an answer");
    assert_eq!(
        tried,
        FactorTry::Counted {
            factor: sealed,
            locks: None
        }
    );
    let opens = FactorOpens::Freshness(opened.id);
    let again = entry_of(&stage, user);
    let right = RightFactor::Step(103, None);
    let accepted = stage
        .records
        .accept_factor(user, &right, &opens, &again, later);
    assert!(accepted.await.expect("an answer"));
    let found = stage.records.staff_session(opened.token_hash, later).await;
    assert_eq!(
        found.expect("an answer").expect("a session").factor_at,
        later
    );
}

fn entry_of(stage: &Stage, user: Uuid) -> AuditEntry {
    entry(stage, user, "console_sign_in")
}

pub(crate) async fn a_session_of_staff_holds_while_it_its_user_and_its_role_do(stage: Stage) {
    let user = superuser(&stage, 1).await;
    let opened = session(&stage, user);
    let of = async |now| {
        let found = stage.records.staff_session(opened.token_hash, now).await;
        found.expect("an answer")
    };
    assert_eq!(of(stage.now()).await, None);
    let entry = entry(&stage, user, "console_sign_in");
    stage
        .records
        .open_staff_session(&opened, &entry)
        .await
        .expect("opened");
    let found = of(stage.now()).await.expect("a session");
    assert_eq!(
        (found.user, found.role, found.factor_at),
        (user, Role::Admin, stage.now())
    );
    assert!(!format!("{found:?}").contains("98912"));
    // It is no session of an account.
    assert!(stage.live(user).await.iter().all(|id| *id != opened.id));
    assert_eq!(of(opened.idle_expires_at).await, None);
    let later = stage.now() + TimeDelta::minutes(20);
    let touched =
        stage
            .records
            .touch_staff_session(opened.id, later, later + TimeDelta::minutes(30));
    touched.await.expect("touched");
    assert!(of(opened.idle_expires_at).await.is_some());
    // Whole numbers are this session's, for their time.
    let hash = [7; 32];
    let until = later + TimeDelta::minutes(10);
    for _ in 0..2 {
        let entry = self::entry(&stage, user, "number_unmasked");
        let unmasked = stage
            .records
            .unmask_number(opened.id, hash, until, &entry, later);
        unmasked.await.expect("unmasked");
    }
    let seen = async |session, now| {
        let seen = stage.records.unmasked_numbers(session, now).await;
        seen.expect("an answer").len()
    };
    assert_eq!(seen(opened.id, later).await, 1);
    assert_eq!(seen(opened.id, until).await, 0);
    assert_eq!(seen(stage.random.uuid_v4(), later).await, 0);
    // A role of a lesser kind wins over being a superuser; without either there is no session.
    let admin = superuser(&stage, 2).await;
    let role = async |actor, role| {
        let entry = self::entry(&stage, actor, "role_given");
        let changed = stage
            .records
            .change_staff_role(actor, user, role, &entry, later);
        changed.await.expect("an answer")
    };
    assert_eq!(
        role(user, Some(Role::Read)).await,
        RoleChange::NotAdmin,
        "oneself"
    );
    assert_eq!(role(admin, Some(Role::Read)).await, RoleChange::Changed);
    assert_eq!(of(later).await.expect("a session").role, Role::Read);
    assert_eq!(
        stage.records.staff_role(user).await.expect("an answer"),
        Some(Role::Read)
    );
    assert_eq!(
        role(admin, None).await,
        RoleChange::NoSuchUser,
        "a superuser stays one"
    );
    let members = stage.records.staff_members().await.expect("an answer");
    let roles: Vec<_> = members
        .iter()
        .map(|member| (member.user, member.role))
        .collect();
    assert!(roles.contains(&(user, Role::Read)) && roles.contains(&(admin, Role::Admin)));
    let sql = "UPDATE users SET is_superuser = FALSE, is_staff = FALSE";
    stage.execute(sql).await.expect("done");
    assert_eq!(of(later).await, None);
    assert_eq!(
        stage
            .records
            .staff_role_of_anybody(user)
            .await
            .expect("an answer"),
        None
    );
    stage
        .execute("UPDATE users SET is_staff = TRUE")
        .await
        .expect("done");
    assert!(of(later).await.is_some());
    let out = self::entry(&stage, user, "console_log_out");
    let ended = stage.records.end_staff_session(opened.id, &out, later);
    ended.await.expect("ended");
    assert_eq!(of(later).await, None);
}

pub(crate) async fn a_link_for_staff_is_used_once_within_its_time(stage: Stage) {
    let user = superuser(&stage, 1).await;
    let (stranger, _) = stage.signed_in(&phone(2)).await;
    let make = async |user, resets_factor, hash| {
        let link = NewStaffLink {
            user,
            token_hash: hash,
            resets_factor,
            now: stage.now(),
            expires_at: stage.now() + TimeDelta::minutes(10),
        };
        let entry = entry(&stage, user, "admin_link_made");
        stage
            .records
            .make_staff_link(&link, &entry)
            .await
            .expect("an answer")
    };
    let take = async |hash, now| {
        let entry = entry(&stage, Uuid::nil(), "admin_link_used");
        stage
            .records
            .take_staff_link(hash, &entry, now)
            .await
            .expect("an answer")
    };
    assert!(
        !make(stranger.id, false, [1; 32]).await,
        "nobody without a role"
    );
    enrolled(&stage, user).await;
    assert!(make(user, false, [2; 32]).await);
    assert!(make(user, false, [3; 32]).await);
    assert_eq!(
        take([2; 32], stage.now()).await,
        None,
        "a newer one took its place"
    );
    assert_eq!(
        take([3; 32], stage.now() + TimeDelta::minutes(10)).await,
        None,
        "too late"
    );
    assert_eq!(take([3; 32], stage.now()).await, Some(user));
    assert_eq!(take([3; 32], stage.now()).await, None, "used");
    assert!(stage.records.has_factor(user).await.expect("an answer"));
    assert!(make(user, true, [4; 32]).await);
    assert!(!stage.records.has_factor(user).await.expect("an answer"));
    assert_eq!(
        stage
            .records
            .recovery_codes_left(user)
            .await
            .expect("an answer"),
        0
    );
    // With the account everything of the staff goes.
    enrolled(&stage, user).await;
    let entry = entry(&stage, user, "user_deleted");
    let deleted = stage
        .records
        .delete_account(user, DeletedBy::Staff(&entry), stage.now());
    assert!(deleted.await.expect("an answer"));
    for table in [
        "staff_links",
        "staff_sessions",
        "staff_recovery_codes",
        "totp_credentials",
        "staff",
    ] {
        assert_eq!(stage.count(table).await, 0, "{table}");
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one story, whose steps build on each other"
)]
pub(crate) async fn what_staff_does_for_people_is_done_once_and_written_down(stage: Stage) {
    let admin = superuser(&stage, 1).await;
    let (user, _) = stage.signed_in(&phone(2)).await;
    let (id, now) = (user.id, stage.now());
    let blocked = async |blocked| {
        let entry = entry(&stage, admin, "user_blocked");
        let set = stage.records.set_blocked_by_staff(id, blocked, &entry, now);
        set.await.expect("an answer")
    };
    assert_eq!(stage.live(id).await.len(), 1);
    assert!(!blocked(false).await && blocked(true).await && !blocked(true).await);
    assert!(stage.live(id).await.is_empty());
    assert!(blocked(false).await);
    stage.signed_in(&phone(2)).await;
    stage.signed_in(&phone(2)).await;
    let one = stage.live(id).await[0];
    let end = async |session| {
        let entry = entry(&stage, admin, "sessions_ended");
        let ended = stage
            .records
            .end_sessions_by_staff(id, session, &entry, now);
        ended.await.expect("an answer")
    };
    assert_eq!(
        (end(Some(one)).await, end(Some(one)).await, end(None).await),
        (1, 0, 1)
    );
    let verify = async || {
        let entry = entry(&stage, admin, "phone_verified");
        let verified = stage.records.verify_phone_by_staff(id, &entry, now);
        verified.await.expect("an answer")
    };
    assert!(!verify().await);
    stage
        .execute("UPDATE users SET phone_verified_at = NULL")
        .await
        .expect("done");
    assert!(verify().await);
    let person = stage
        .records
        .person(id)
        .await
        .expect("an answer")
        .expect("a person");
    assert!(person.phone_verified_at.is_some() && !format!("{person:?}").contains("98912"));
    for (search, found) in [
        (PeopleSearch::Newest, 2),
        (PeopleSearch::Id(id), 1),
        (PeopleSearch::Phone(phone(2)), 1),
        (
            PeopleSearch::LastDigits(phone(2).digits()[8..].to_owned()),
            1,
        ),
        (PeopleSearch::LastDigits("99".to_owned()), 0),
        (PeopleSearch::Email("nobody@example.ir".to_owned()), 0),
        (PeopleSearch::Name("Nobody At All".to_owned()), 0),
    ] {
        let people = stage
            .records
            .search_people(&search, 50)
            .await
            .expect("an answer");
        assert_eq!(people.len(), found);
    }
    // Five entries of what was done, each with its reason, page by page.
    let mut filter = AuditFilter {
        actor: Some(admin),
        ..AuditFilter::default()
    };
    let mut actions = Vec::new();
    loop {
        let page = stage
            .records
            .audit_log(&filter, 2)
            .await
            .expect("an answer");
        let Some(last) = page.last() else { break };
        filter.after = Some((last.at, last.id));
        for row in page {
            assert_eq!(row.reason.as_deref(), Some("because"));
            assert_eq!(
                (row.role.as_deref(), row.address.as_deref()),
                (Some("admin"), Some("192.0.2.1"))
            );
            actions.push(row.action);
        }
    }
    actions.sort();
    assert_eq!(
        actions,
        [
            "phone_verified",
            "sessions_ended",
            "sessions_ended",
            "user_blocked",
            "user_blocked"
        ]
    );
    let filter = AuditFilter {
        subject: Some(id),
        ..AuditFilter::default()
    };
    assert!(
        stage
            .records
            .audit_log(&filter, 10)
            .await
            .expect("an answer")
            .is_empty()
    );
    let last = stage
        .records
        .last_migration()
        .await
        .expect("an answer")
        .expect("some");
    assert!(last.0 >= 26, "{last:?}");
    let entry = entry(&stage, admin, "lock_lifted");
    stage
        .records
        .write_audit(&entry, now)
        .await
        .expect("written");
}
