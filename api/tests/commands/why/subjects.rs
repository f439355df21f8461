//! Whom and what can be asked about.

use domain::notice::NoticeKind;

use super::stage::{MASKED, NUMBER, Service, taken};

pub(crate) async fn of_a_number_without_a_code_nothing_is_known(at: Service) {
    let said = at.concludes("nothing_known");
    assert!(
        said.starts_with("Nothing is known about a code for this number in the last 24 h"),
        "{said}"
    );
    at.sent().await;
    at.concludes("accepted");
    let shown = at.why(&["0912 345 67 89", "--since", "1s"]).done();
    assert!(shown.contains("in the last 1.0 s"), "{shown}");
    assert!(
        shown.contains("account  none: the number is not registered"),
        "{shown}"
    );
    let other = at.asked("09120000001");
    assert_eq!(
        other["conclusion"]["code"], "nothing_known",
        "another number"
    );
}

pub(crate) async fn what_is_no_number_and_leads_nowhere_is_told(at: Service) {
    let landline = at.why(&["02188776655"]).refused();
    assert!(
        landline.contains("this is not a mobile number, nor the id of a request"),
        "{landline}"
    );
    let unknown = at.why(&["3f6f2f2c0a5d4b6b8a1f1c2d3e4f5061"]).refused();
    assert!(
        unknown.contains("no message was sent for challenge 3f6f2f2c0a5d4b6b8a1f1c2d3e4f5061"),
        "{unknown}"
    );
    let unknown = at.why(&["9d3c0b1e-7a52-4f0c-9a49-5e6f7a8b9c0d"]).refused();
    assert!(
        unknown.contains("no message was sent for request 9d3c0b1e"),
        "{unknown}"
    );
    assert!(unknown.contains("look for it in the logs"), "{unknown}");
    for wrong in [
        &[NUMBER, "--since", "1 week"][..],
        &[NUMBER, "--limit", "0"],
        &[],
    ] {
        assert_eq!(at.why(wrong).status, Some(2), "{wrong:?}");
    }
}

pub(crate) async fn a_challenge_is_asked_for_by_its_id(at: Service) {
    // One that no worker has begun is known to hot state only.
    let (waiting, _) = at.ask().await;
    let json = at.asked(&waiting.id.to_string());
    assert_eq!(json["phone"], MASKED, "{json:#}");
    assert_eq!(json["codes"].as_array().map(Vec::len), Some(1), "{json:#}");
    assert_eq!(json["conclusion"]["code"], "no_worker", "{json:#}");
    at.send(&waiting, taken(2_890_114_633)).await;
    let json = at.asked(&waiting.id.to_string());
    assert_eq!(json["sends"].as_array().map(Vec::len), Some(1), "{json:#}");
    assert_eq!(json["phone"], MASKED);
    assert_eq!(json["conclusion"]["code"], "accepted");
    // Anyone who asks again a moment later gets no message of their own, and waits for none; their id
    // leads to the message that they share.
    let (joined, _) = at.ask().await;
    for id in [waiting.id, joined.id] {
        let json = at.asked(&id.to_string());
        assert_eq!(json["sends"][0]["challenge"], waiting.id.to_string());
        assert_eq!(json["conclusion"]["code"], "accepted", "{json:#}");
    }
    let json = at.asked(NUMBER);
    assert_eq!(json["conclusion"]["code"], "accepted", "{json:#}");
    assert_eq!(json["codes"].as_array().map(Vec::len), Some(1), "{json:#}");
}

pub(crate) async fn a_request_is_asked_for_by_its_id(at: Service) {
    at.sent().await;
    let (new, _) = at.ask().await;
    let mut begin = at.begin_of(&new, at.now());
    let request = at.random.uuid_v4();
    begin.request_id = Some(request);
    at.ledger.begin(begin).await.expect("begun");
    let json = at.asked(&request.to_string());
    assert_eq!(json["sends"].as_array().map(Vec::len), Some(1), "{json:#}");
    assert_eq!(json["sends"][0]["challenge"], new.id.to_string());
    assert_eq!(json["sends"][0]["request_id"], request.to_string());
    assert_eq!(json["phone"], MASKED);
    let shown = at.why(&[&request.to_string()]).done();
    let first = format!("request {request}, for {MASKED}; times are UTC\n");
    assert!(shown.starts_with(&first), "{shown}");
}

/// A deletion takes the number out of the ledger, so it is found by its id only.
pub(crate) async fn a_deleted_account_leaves_no_trail_to_its_number(at: Service) {
    let new = at.sent().await;
    at.sign_in(&new).await;
    at.execute("UPDATE sends SET phone = NULL").await;
    at.execute("DELETE FROM sessions").await;
    at.execute("DELETE FROM users").await;
    at.show_a_worker().await;
    let said = at.concludes("no_message");
    assert!(
        said.contains("the account of the number was deleted since"),
        "{said}"
    );
    let shown = at.why(&[&new.id.to_string()]).done();
    assert!(shown.contains("the code was used"), "{shown}");
}

pub(crate) async fn news_of_a_change_stands_in_the_timeline(at: Service) {
    let records = at.at.records().await;
    let new = at.sent().await;
    let user = at.sign_in(&new).await;
    let notice = shared::records::NewNotice::new(
        &at.random,
        Service::phone(),
        NoticeKind::PasswordChanged,
        domain::challenge::Locale::Fa,
        at.now(),
    );
    let change = shared::records::PasswordChange {
        user,
        hash: hash(&at).await,
        keep_session: None,
        now: at.now(),
    };
    let audit = at.random.uuid_v7(at.clock.now_millis());
    let set = records.set_password_by_hand(&change, &notice, audit).await;
    assert!(set.expect("an answer"));
    let shown = at.why(&[NUMBER]).done();
    assert!(
        shown.contains("news that the password was changed was written\n"),
        "{shown}"
    );
    at.concludes("verified");
    let looked = at.at.texts("SELECT action FROM audit_log").await;
    assert_eq!(looked, ["password_set"], "looking changes nothing");
}

async fn hash(at: &Service) -> domain::password::PasswordHash {
    let passwords = domain::password::Passwords::new(&at.random);
    let typed =
        domain::password::Password::parse("seven otters mend a violin").expect("a password");
    passwords.hash(&typed).await.expect("not busy")
}

pub(crate) async fn times_are_shown_at_an_offset(at: Service) {
    at.sent().await;
    let shown = at.why(&[NUMBER, "--utc-offset", "+03:30"]).done();
    assert!(shown.contains("times are UTC+03:30"), "{shown}");
    assert!(shown.contains("+03:30        "), "{shown}");
    assert!(!shown.contains("Z  "), "{shown}");
}
