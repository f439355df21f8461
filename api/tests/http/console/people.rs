//! Users as the staff finds and helps them, and what is written down of it.

use domain::random::Random;
use domain::staff::Role;
use serde_json::json;
use shared::records::{AuditEntry, AuditSource};
use uuid::Uuid;

use super::desk::{person, sign_in};
use crate::stage::{Shape, Stage};

pub(crate) fn entry(stage: &Stage, actor: Uuid, action: &'static str) -> AuditEntry {
    AuditEntry {
        id: Random::operating_system().uuid_v7(stage.clock.now_millis()),
        source: AuditSource::Console,
        actor: Some(actor),
        action,
        subject: None,
        object: None,
        details: json!({}),
        in_console: None,
    }
}

pub(crate) async fn a_user_is_found_by_whatever_is_known_of_them(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut staff = sign_in(&stage, Role::Read).await;
    let user = person(&stage, "+989123456789").await;
    let set = "UPDATE users SET first_name = 'Sara', last_name = 'Karimi', email = 'Sara@Example.ir' \
               WHERE phone = '+989123456789'";
    stage.stores.execute(set).await;
    person(&stage, "+989125556789").await;
    let page = format!("/users/{user}");
    // What is known exactly leads there at once.
    for typed in [
        "09123456789",
        "+98 912 345 6789",
        "00989123456789",
        "9123456789",
        "۰۹۱۲۳۴۵۶۷۸۹",
        &user.to_string(),
    ] {
        let query: String = url::form_urlencoded::byte_serialize(typed.as_bytes()).collect();
        staff
            .get(&format!("/users?q={query}"))
            .await
            .leads_to(&page);
        staff
            .submit("/users", &[("q", typed)])
            .await
            .leads_to(&page);
    }
    // A number that nobody has stands in no address either.
    let nobody = staff.submit("/users", &[("q", "09129999999")]).await;
    nobody.says(200, &["Nothing found"]);
    let letters = staff.submit("/users", &[("q", "Sara Karimi")]).await;
    letters.leads_to("/users?q=Sara+Karimi");
    for (typed, found) in [
        ("456789", 1),
        ("56789", 2),
        ("6789", 2),
        ("۶۷۸۹", 2),
        ("sara@example.IR", 1),
        ("sara", 1),
        ("KARIMI", 1),
        ("Sara Karimi", 1),
        ("", 3),
        ("789", 0),
        ("Kari", 0),
        ("Sara Karimi Tehran", 0),
        ("%%%%", 0),
        ("' OR 1=1 --", 0),
    ] {
        let query: String = url::form_urlencoded::byte_serialize(typed.as_bytes()).collect();
        let page = staff.get(&format!("/users?q={query}")).await;
        page.says(200, &["Find a user"]);
        let rows = page.html.matches("<td><a href=\"/users/").count();
        assert_eq!(rows, found, "{typed}: {}", page.html);
    }
    // Numbers are masked, and no whole one stands anywhere, the user name included.
    let shown = staff.get(&page).await;
    shown.says(200, &["0912 ••• 6789", "Sara Karimi", "number verified"]);
    shown.is_silent_about(&["9123456789", "345 6789", "/unmask"]);
}

pub(crate) async fn a_25_markup_in_what_people_write_is_text_in_the_console(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut staff = sign_in(&stage, Role::Admin).await;
    let user = person(&stage, "+989123456789").await;
    let set = "UPDATE users SET first_name = '<script>alert(1)</script>', \
               last_name = '\"><img src=x onerror=alert(1)>', \
               email = '\"<script>alert(2)</script>\"@example.com', username = '{{7*7}}<b>' \
               WHERE phone = '+989123456789'";
    stage.stores.execute(set).await;
    let set = "UPDATE sessions SET user_agent = '<svg onload=alert(3)>' WHERE kind = 'user'";
    stage.stores.execute(set).await;
    super::desk::give_role(&stage, user, Role::Read).await;
    let reason = "<script>alert(4)</script>";
    staff
        .submit(
            &format!("/users/{user}/end-sessions"),
            &[("reason", reason)],
        )
        .await
        .leads_to(&format!("/users/{user}"));
    person(&stage, "+989123456789").await;
    stage.stores.execute(set).await;
    for path in [
        "/users".to_owned(),
        format!("/users/{user}"),
        format!("/users/{user}/delete"),
        "/users?q=%3Cscript%3Ealert(5)%3C/script%3E".to_owned(),
        "/audit".to_owned(),
        "/audit?object=%22%3E%3Cscript%3Ealert(6)%3C/script%3E".to_owned(),
        "/staff".to_owned(),
        "/sign-in?next=%22%3E%3Cscript%3E".to_owned(),
        "/link/%22%3E%3Cscript%3E".to_owned(),
    ] {
        let page = staff.get(&path).await;
        page.says(200, &[]);
        page.is_silent_about(&["<script>alert", "<img", "<svg onload", "\"><script", "<b>"]);
        let policy = page.header("content-security-policy");
        assert!(policy.contains("script-src 'self'"), "{policy}");
    }
    staff
        .get("/users")
        .await
        .says(200, &["&#60;script&#62;alert(1)"]);
    staff
        .get("/audit")
        .await
        .says(200, &["&#60;script&#62;alert(4)"]);
}

pub(crate) async fn a_user_is_blocked_unblocked_verified_and_signed_out_with_a_reason(
    shape: Shape,
) {
    let stage = Stage::new(shape).await;
    let mut staff = sign_in(&stage, Role::Support).await;
    let signed_in = stage.sign_in("+989123456789").await;
    let token = signed_in.member("access_token");
    let user = signed_in.body["user"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = format!("/users/{user}");
    let me = |token: String| {
        let stage = &stage;
        async move {
            stage
                .bearing(&token, http::Method::GET, crate::stage::ME, None)
                .await
                .status
        }
    };
    assert_eq!(me(token.clone()).await, 200);
    let because = [("reason", "the owner called from 0912")];
    // Signed out on all devices.
    staff
        .submit(&format!("{path}/end-sessions"), &because)
        .await
        .leads_to(&path);
    assert_eq!(me(token).await, 401);
    staff
        .submit(&format!("{path}/end-sessions"), &because)
        .await
        .says(409, &["nothing to do"]);
    // On one.
    let (first, second) = (
        stage.sign_in("+989123456789").await.member("access_token"),
        stage.sign_in("+989123456789").await.member("access_token"),
    );
    let page = staff.get(&path).await;
    let (_, rest) = page
        .html
        .split_once("name=\"session\" value=\"")
        .expect("a session");
    let session = rest.split('"').next().expect("an id").to_owned();
    let fields = [because[0], ("session", session.as_str())];
    staff
        .submit(&format!("{path}/end-sessions"), &fields)
        .await
        .leads_to(&path);
    let left = [me(first).await, me(second.clone()).await];
    assert!(left.contains(&200) && left.contains(&401), "{left:?}");
    // Kept out and let in again.
    staff
        .submit(&format!("{path}/block"), &because)
        .await
        .leads_to(&path);
    staff.get(&path).await.says(200, &["blocked", "Done."]);
    assert_eq!(me(second).await, 401);
    staff
        .submit(&format!("{path}/block"), &because)
        .await
        .says(409, &["nothing to do"]);
    staff
        .submit(&format!("{path}/unblock"), &because)
        .await
        .leads_to(&path);
    staff
        .submit(&format!("{path}/unblock"), &because)
        .await
        .says(409, &["nothing to do"]);
    stage.pass(121_000).await;
    stage.sign_in("+989123456789").await;
    // A number that an import has brought along.
    let set =
        "UPDATE users SET phone_verified_at = NULL, is_staff = TRUE WHERE phone = '+989123456789'";
    stage.stores.execute(set).await;
    staff.get(&path).await.says(
        200,
        &["number not verified", "From the project before", "is_staff"],
    );
    staff
        .submit(&format!("{path}/verify"), &because)
        .await
        .leads_to(&path);
    staff
        .submit(&format!("{path}/verify"), &because)
        .await
        .says(409, &[]);
    staff_is_touched_by_admins_only(&stage, &mut staff).await;
    // Everything that was done, and nothing else, is in the log, whole.
    let sql = "SELECT action || ' ' || role || ' ' || reason || ' ' || address FROM audit_log \
               WHERE reason IS NOT NULL AND request_id IS NOT NULL ORDER BY at, id";
    let because = "support the owner called from 0912 127.0.0.1";
    assert_eq!(
        stage.stores.texts(sql).await,
        [
            "sessions_ended",
            "sessions_ended",
            "user_blocked",
            "user_unblocked",
            "phone_verified"
        ]
        .map(|action| format!("{action} {because}"))
    );
}

async fn staff_is_touched_by_admins_only(stage: &Stage, support: &mut super::Desk<'_>) {
    let because = [("reason", "the owner called from 0912")];
    let mut admin = sign_in(stage, Role::Admin).await;
    let of_admin = format!("/users/{}/block", admin.user);
    support
        .submit(&of_admin, &because)
        .await
        .says(403, &["This user is staff"]);
    admin
        .submit(&of_admin, &because)
        .await
        .says(403, &["nobody to themselves"]);
}

pub(crate) async fn a_number_is_seen_whole_with_a_reason_for_ten_minutes_by_one_session(
    shape: Shape,
) {
    let stage = Stage::new(shape).await;
    let mut staff = sign_in(&stage, Role::Support).await;
    let mut other = sign_in(&stage, Role::Admin).await;
    let user = person(&stage, "+989123456789").await;
    let path = format!("/users/{user}");
    let page = staff.get(&path).await;
    page.says(200, &["0912 ••• 6789"]);
    let (_, rest) = page.html.split_once("href=\"/unmask?").expect("a way");
    let query = rest
        .split('"')
        .next()
        .expect("a query")
        .replace("&#38;", "&");
    assert!(!query.contains("9123456789"), "{query}");
    staff
        .get(&format!("/unmask?{query}"))
        .await
        .says(200, &["0912 ••• 6789", "ten minutes"]);
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let mut fields: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    staff
        .submit("/unmask", &fields)
        .await
        .says(422, &["reason"]);
    fields.push(("reason", "she asks where her code is"));
    staff.submit("/unmask", &fields).await.leads_to(&path);
    let page = staff.get(&path).await;
    page.says(200, &["0912 345 6789", "ten minutes"]);
    // Another number, another session and another time stay masked.
    let stranger = person(&stage, "+989123456780").await;
    staff
        .get(&format!("/users/{stranger}"))
        .await
        .says(200, &["0912 ••• 6780"]);
    other.get(&path).await.says(200, &["0912 ••• 6789"]);
    stage.clock.advance(10 * 60_000);
    staff.get(&path).await.says(200, &["0912 ••• 6789"]);
    let forged = [
        ("number", "+989123456789"),
        ("next", "/"),
        ("reason", "by hand"),
    ];
    staff.submit("/unmask", &forged).await.says(400, &[]);
    // The log names the number by a hash, and the user.
    let sql = "SELECT object || ' ' || reason FROM audit_log WHERE action = 'number_unmasked'";
    let told = stage.stores.texts(sql).await;
    let [told] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert!(
        told.starts_with("number:") && told.ends_with("where her code is"),
        "{told}"
    );
    let dump = stage.stores.dump().await;
    let (_, audit) = dump
        .iter()
        .find(|(table, _)| table == "audit_log")
        .expect("the log");
    assert!(!format!("{audit:?}").contains("9123456789"));
}

pub(crate) async fn the_audit_log_is_read_page_by_page_and_by_what_is_wanted(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut staff = sign_in(&stage, Role::Read).await;
    let user = person(&stage, "+989123456789").await;
    for count in 0..120 {
        let entry = AuditEntry {
            subject: Some(user),
            ..entry(
                &stage,
                staff.user,
                if count % 3 == 0 {
                    "user_blocked"
                } else {
                    "user_unblocked"
                },
            )
        };
        let written = stage
            .stores
            .records
            .write_audit(&entry, stage.clock.now())
            .await;
        written.expect("written");
        // Several at one moment, so that the time alone is no place.
        if count % 4 == 0 {
            stage.clock.advance(1_000);
        }
    }
    let count = |html: &str, what: &str| html.matches(&format!("<td>{what}</td>")).count();
    let mut path = "/audit?action=user_blocked".to_owned();
    let page = staff.get(&path).await;
    assert_eq!(count(&page.html, "blocked a user"), 40);
    path = format!("/audit?subject={user}");
    let mut pages = Vec::new();
    loop {
        let page = staff.get(&path).await;
        page.says(200, &["Audit log"]);
        pages.push(count(&page.html, "blocked a user") + count(&page.html, "unblocked a user"));
        let Some((before, _)) = page.html.split_once("\" rel=\"next\"") else {
            break;
        };
        let (_, next) = before.rsplit_once("href=\"").expect("an address");
        path = next.replace("&#38;", "&");
    }
    assert_eq!(pages, [50, 50, 20]);
    // By who did it, and by day in Tehran.
    staff
        .get("/audit?actor=00000000-0000-0000-0000-000000000000")
        .await
        .says(200, &["Nothing found"]);
    staff
        .get("/audit?from=2025-11-22")
        .await
        .says(200, &["Nothing found"]);
    let page = staff.get("/audit?from=2025-11-21&to=2025-11-21").await;
    assert!(page.html.contains("rel=\"next\""), "{}", page.html);
    staff
        .get("/audit?to=2025-11-20")
        .await
        .says(200, &["Nothing found"]);
    // What cannot be read does not matter.
    staff
        .get("/audit?from=yesterday&actor=x&after=1.2.3")
        .await
        .says(200, &["blocked a user"]);
}

pub(crate) async fn settings_are_seen_and_no_secret(shape: Shape) {
    let stage = Stage::with(shape, &[("OTP_LENGTH", "8"), ("BRAND_NAME", "Ghormeh")]).await;
    let mut staff = sign_in(&stage, Role::Read).await;
    let page = staff.get("/settings").await;
    page.says(
        200,
        &[
            "OTP_LENGTH",
            ">8<",
            "Ghormeh",
            "set (hidden)",
            "up to date",
            "answers",
        ],
    );
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/postgres");
    let newest = std::fs::read_dir(folder)
        .expect("the migrations")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .max()
        .expect("a migration");
    page.says(200, &["none is running", &newest[..4]]);
    page.is_silent_about(&[
        "hLxxhe5n",
        "BEGIN PRIVATE KEY",
        "postgres://",
        "redis://",
        "sqlite://",
    ]);
}
