//! People, as the staff finds them and helps them.

use domain::phone::PhoneNumber;
use serde_json::json;
use shared::records::{DeletedBy, PeopleSearch, Person, Session};
use uuid::Uuid;

use super::{Deed, Desk};
use crate::flows::Flows;
use crate::profile::erase;
use crate::refusal::Refusal;

/// No list is longer.
pub const LISTED: u32 = 50;
/// So many digits of the end of a number find it.
const LAST_DIGITS: std::ops::RangeInclusive<usize> = 4..=9;

/// What somebody typed who looks for people: an id, an e-mail address, a number in any spelling, the end of one, or a
/// name; the newest accounts where nothing was typed.
pub fn read_search(flows: &Flows, typed: &str) -> PeopleSearch {
    let typed = domain::typed::visible_line(typed);
    let typed = typed.trim();
    if typed.is_empty() {
        return PeopleSearch::Newest;
    }
    if let Ok(id) = typed.parse::<Uuid>() {
        return PeopleSearch::Id(id);
    }
    if typed.contains('@') {
        return PeopleSearch::Email(typed.to_owned());
    }
    if let Some(phone) = flows.read_number(typed) {
        return PeopleSearch::Phone(phone);
    }
    if let Some(phone) = PhoneNumber::from_e164(typed) {
        return PeopleSearch::Phone(phone);
    }
    let digits: Option<String> = typed
        .chars()
        .filter(|character| !domain::typed::is_invisible(*character))
        .map(domain::typed::ascii_digit)
        .collect();
    match digits {
        Some(digits) if LAST_DIGITS.contains(&digits.len()) => PeopleSearch::LastDigits(digits),
        _ => PeopleSearch::Name(typed.to_owned()),
    }
}

/// The people who are found, the newest first, [`LISTED`] of them at most.
pub async fn search(desk: &Desk, search: &PeopleSearch) -> Result<Vec<Person>, Refusal> {
    Ok(desk.records().search_people(search, LISTED).await?)
}

/// Somebody by their id.
pub async fn person(desk: &Desk, user: Uuid) -> Result<Option<Person>, Refusal> {
    Ok(desk.records().person(user).await?)
}

/// On which devices somebody is signed in.
pub async fn sessions(desk: &Desk, user: Uuid) -> Result<Vec<Session>, Refusal> {
    let now = desk.flows().clock.now();
    Ok(desk.records().live_sessions(user, now).await?)
}

/// Keeps a user out and ends their sessions; `false` where that is so already.
pub async fn block_user(desk: &Desk, person: &Person, deed: &Deed) -> Result<bool, Refusal> {
    let entry = deed.entry(desk, "user_blocked", Some(person.id), None, json!({}));
    let now = desk.flows().clock.now();
    let blocked = desk
        .records()
        .set_blocked_by_staff(person.id, true, &entry, now);
    Ok(blocked.await?)
}

/// Lets a user in again; `false` where they were not kept out.
pub async fn unblock_user(desk: &Desk, person: &Person, deed: &Deed) -> Result<bool, Refusal> {
    let entry = deed.entry(desk, "user_unblocked", Some(person.id), None, json!({}));
    let now = desk.flows().clock.now();
    let unblocked = desk
        .records()
        .set_blocked_by_staff(person.id, false, &entry, now);
    Ok(unblocked.await?)
}

/// Takes the number of a user as proven; `false` where it is already.
pub async fn verify_phone(desk: &Desk, user: Uuid, deed: &Deed) -> Result<bool, Refusal> {
    let entry = deed.entry(desk, "phone_verified", Some(user), None, json!({}));
    let now = desk.flows().clock.now();
    let verified = desk.records().verify_phone_by_staff(user, &entry, now);
    Ok(verified.await?)
}

/// Ends one session of a user, or all of them; tells how many that were.
pub async fn end_sessions(
    desk: &Desk,
    user: Uuid,
    session: Option<Uuid>,
    deed: &Deed,
) -> Result<u64, Refusal> {
    let object = session.map(|session| format!("session:{session}"));
    let entry = deed.entry(desk, "sessions_ended", Some(user), object, json!({}));
    let now = desk.flows().clock.now();
    let ended = desk
        .records()
        .end_sessions_by_staff(user, session, &entry, now);
    Ok(ended.await?)
}

/// Erases an account as its user could: number, names, address, password and all sessions; `false` where it is gone.
/// It is done by the records of everybody: the role of the console removes nothing.
pub async fn delete_user(desk: &Desk, person: &Person, deed: &Deed) -> Result<bool, Refusal> {
    let entry = deed.entry(desk, "user_deleted", Some(person.id), None, json!({}));
    let by = DeletedBy::Staff(&entry);
    erase(desk.flows(), person.id, person.phone.clone(), by).await
}
