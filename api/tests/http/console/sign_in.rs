//! Signing in to the console: number and password or a link, then a second factor.

use chrono::TimeDelta;
use domain::random::Random;
use domain::staff::{Role, StaffToken, TotpSecret};
use serde_json::json;
use shared::records::{AuditEntry, AuditSource, NewStaffLink};
use uuid::Uuid;

use super::desk::{Desk, give_role, person};
use crate::pages::Page;
use crate::passwords::{GOOD, OTHER};
use crate::stage::{SECOND, Shape, Stage};

const PHONE: &str = "+989121110000";
const TYPED: &str = "0912 111 0000";
const STEP: i64 = 30 * SECOND;

/// A superuser with a password, at a browser.
async fn superuser(stage: &Stage) -> Desk<'_> {
    let mut desk = Desk::new(stage);
    stage.with_password(PHONE, GOOD).await;
    stage
        .stores
        .execute(format!(
            "UPDATE users SET is_superuser = TRUE WHERE phone = '{PHONE}'"
        ))
        .await;
    let phone = domain::phone::PhoneNumber::from_e164(PHONE).expect("a number");
    let user = stage.stores.records.find_user_by_phone(&phone).await;
    desk.user = user.expect("an answer").expect("a user").id;
    desk
}

impl Desk<'_> {
    async fn give_password(&mut self, password: &str) -> Page {
        self.get("/sign-in").await.says(200, &["Staff sign-in"]);
        self.submit("/sign-in", &[("number", TYPED), ("password", password)])
            .await
    }

    /// Signs in for the first time and gives the secret and the recovery codes.
    pub(crate) async fn set_up(&mut self) -> (TotpSecret, Vec<String>) {
        self.give_password(GOOD).await.leads_to("/sign-in/set-up");
        let page = self.get("/sign-in/set-up").await;
        page.says(200, &["<svg class=\"qr\"", "otpauth://totp/Ramz%20console"]);
        let secret = between(&page.html, "secret=", "&");
        let secret = TotpSecret::from_base32(&secret).expect("a secret");
        let code = secret.code_at(self.stage.clock.now_millis());
        let page = self.submit("/sign-in/set-up", &[("code", &code)]).await;
        page.says(200, &["Recovery codes"]);
        let codes = page.html.split("<li><code>").skip(1);
        let codes: Vec<String> = codes
            .map(|rest| rest.split('<').next().expect("a code").to_owned())
            .collect();
        (secret, codes)
    }

    async fn give_code(&mut self, code: &str) -> Page {
        self.submit("/sign-in/factor", &[("code", code)]).await
    }

    /// Goes to the page of the second factor.
    async fn known(&mut self) {
        self.give_password(GOOD).await.leads_to("/sign-in/factor");
    }
}

fn between(html: &str, before: &str, after: &str) -> String {
    let (_, rest) = html.split_once(before).expect("before");
    rest.split(after).next().expect("after").to_owned()
}

async fn actions(stage: &Stage) -> Vec<String> {
    let sql = "SELECT action FROM audit_log WHERE source = 'admin_console' ORDER BY at, id";
    stage.stores.texts(sql).await
}

pub(crate) async fn a_first_sign_in_sets_an_app_up_and_later_ones_ask_for_it(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut staff = superuser(&stage).await;
    let (secret, codes) = staff.set_up().await;
    assert_eq!(codes.len(), 10);
    staff.get("/").await.says(200, &["admin"]);
    // What was stored opens nothing for a thief.
    let dump = format!("{:?}", stage.stores.dump().await);
    let text = secret.to_base32();
    assert!(!dump.contains(&text) && !dump.contains(&codes[0]));

    // The session cookie of before the sign-in is another one, and its forms are dead.
    staff.submit("/sign-out", &[]).await.leads_to("/sign-in");
    staff.known().await;
    let now = stage.clock.now_millis();
    // The code that set it up was used.
    staff
        .give_code(&secret.code_at(now))
        .await
        .says(403, &["not right"]);
    staff.give_code("").await.says(403, &["not right"]);
    stage.clock.advance(STEP);
    let code = secret.code_at(stage.clock.now_millis());
    staff.give_code(&code).await.leads_to("/");
    staff.get("/").await.says(200, &["admin"]);
    // It does not open a second one.
    let mut other = Desk::new(&stage);
    other.known().await;
    other.give_code(&code).await.says(403, &["not right"]);
    other.get("/").await.leads_to("/sign-in");
    // A recovery code does, once, however it is typed.
    let typed = codes[3].to_uppercase().replace('-', " ");
    other.give_code(&typed).await.leads_to("/");
    let mut third = Desk::new(&stage);
    third.known().await;
    third.give_code(&typed).await.says(403, &["not right"]);
    assert_eq!(
        actions(&stage).await,
        [
            "console_factor_set_up",
            "console_log_out",
            "console_sign_in",
            "console_sign_in"
        ]
    );
}

pub(crate) async fn people_without_a_role_learn_nothing_at_the_sign_in(shape: Shape) {
    let stage = Stage::new(shape).await;
    stage.with_password(PHONE, GOOD).await;
    let mut desk = Desk::new(&stage);
    let unknown = {
        desk.get("/sign-in").await;
        desk.submit("/sign-in", &[("number", "09121110001"), ("password", GOOD)])
            .await
    };
    let wrong = desk.give_password(OTHER).await;
    let no_role = desk.give_password(GOOD).await;
    for page in [&unknown, &wrong, &no_role] {
        assert_eq!(page.status, unknown.status, "{page:?}");
        page.says(403, &["role=\"alert\""]);
    }
    assert_eq!(wrong.html, no_role.html);
    // Nor does anything lead past the first proof.
    for path in ["/sign-in/factor", "/sign-in/set-up"] {
        desk.get(path).await.leads_to("/sign-in");
        desk.submit(path, &[("code", "123456")])
            .await
            .leads_to("/sign-in");
    }
    // A sign-in under way ends with its time, and with the role.
    let user = desk_user(&stage).await;
    give_role(&stage, user, Role::Read).await;
    desk.give_password(GOOD).await.leads_to("/sign-in/set-up");
    desk.get("/sign-in/set-up").await.says(200, &["otpauth:"]);
    stage.clock.advance(10 * 60 * SECOND);
    desk.get("/sign-in/set-up").await.leads_to("/sign-in");
    desk.give_password(GOOD).await.leads_to("/sign-in/set-up");
    stage.stores.execute("DELETE FROM staff").await;
    desk.get("/sign-in/set-up").await.leads_to("/sign-in");
}

async fn desk_user(stage: &Stage) -> Uuid {
    let phone = domain::phone::PhoneNumber::from_e164(PHONE).expect("a number");
    let user = stage.stores.records.find_user_by_phone(&phone).await;
    user.expect("an answer").expect("a user").id
}

pub(crate) async fn thr_08_passwords_of_staff_count_on_the_lock_of_their_number(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut staff = superuser(&stage).await;
    for _ in 0..10 {
        let page = staff.give_password(OTHER).await;
        assert_eq!(page.status, 403, "{page:?}");
    }
    let page = staff.give_password(GOOD).await;
    page.says(429, &["role=\"alert\""]);
    assert!(!page.header("retry-after").is_empty());
    let answer = stage.log_in(PHONE, GOOD).await;
    assert_eq!(answer.status, 429, "the same lock: {answer:?}");
}

pub(crate) async fn a_05_codes_of_an_app_cannot_be_guessed(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut staff = superuser(&stage).await;
    let (secret, codes) = staff.set_up().await;
    staff.submit("/sign-out", &[]).await;
    staff.known().await;
    stage.clock.advance(STEP);
    let right = secret.code_at(stage.clock.now_millis());
    let wrong = format!(
        "{:06}",
        (right.parse::<u32>().expect("digits") + 1) % 1_000_000
    );
    for _ in 0..4 {
        staff.give_code(&wrong).await.says(403, &["not right"]);
    }
    staff
        .give_code(&wrong)
        .await
        .says(429, &["Too many wrong codes"]);
    // Neither the right code nor a recovery code is looked at now, nor from another browser.
    staff.give_code(&right).await.says(429, &["Too many"]);
    let mut other = Desk::new(&stage);
    other.known().await;
    other.give_code(&codes[0]).await.says(429, &["Too many"]);
    // One try after the lock, and the next lock is longer.
    stage.clock.advance(60 * SECOND);
    staff.known().await;
    staff.give_code(&wrong).await.says(429, &["Too many"]);
    stage.clock.advance(60 * SECOND);
    let right = secret.code_at(stage.clock.now_millis());
    staff.give_code(&right).await.says(429, &["Too many"]);
    stage.clock.advance(60 * SECOND);
    let right = secret.code_at(stage.clock.now_millis());
    staff.give_code(&right).await.leads_to("/");
    // A right one ends the row of wrong ones.
    staff.submit("/sign-out", &[]).await;
    staff.known().await;
    for _ in 0..4 {
        staff.give_code("000000").await.says(403, &["not right"]);
    }
    let all = actions(&stage).await;
    let locked = all
        .iter()
        .filter(|action| *action == "console_factor_locked");
    assert_eq!(locked.count(), 2, "{all:?}");
}

pub(crate) async fn a_link_signs_in_once_and_takes_no_second_factor_away(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut staff = superuser(&stage).await;
    let (secret, codes) = staff.set_up().await;
    let link = |resets_factor| {
        let (stage, user) = (&stage, staff.user);
        async move {
            let random = Random::operating_system();
            let token = StaffToken::new(&random);
            let now = stage.clock.now();
            let link = NewStaffLink {
                user,
                token_hash: token.link_hash(),
                resets_factor,
                now,
                expires_at: now + TimeDelta::minutes(10),
            };
            let entry = AuditEntry {
                id: random.uuid_v7(stage.clock.now_millis()),
                source: AuditSource::CommandLine,
                actor: None,
                action: "admin_link_made",
                subject: Some(user),
                object: None,
                details: json!({}),
                in_console: None,
            };
            let made = stage.stores.records.make_staff_link(&link, &entry).await;
            assert!(made.expect("an answer"));
            token.expose()
        }
    };
    let mut desk = Desk::new(&stage);
    let token = link(false).await;
    // Looking at it, as programs do with links, uses nothing up.
    for _ in 0..2 {
        desk.get(&format!("/link/{token}"))
            .await
            .says(200, &["This link works once"]);
    }
    desk.submit("/link", &[("link", &token)])
        .await
        .leads_to("/sign-in/factor");
    let mut thief = Desk::new(&stage);
    thief.get(&format!("/link/{token}")).await;
    thief
        .submit("/link", &[("link", &token)])
        .await
        .says(410, &["not work any more"]);
    stage.clock.advance(STEP);
    let code = secret.code_at(stage.clock.now_millis());
    desk.give_code(&code).await.leads_to("/");

    // One that is over, one that a newer one replaced, and none at all.
    let (first, second) = (link(false).await, link(false).await);
    thief
        .submit("/link", &[("link", &first)])
        .await
        .says(410, &[]);
    thief
        .submit("/link", &[("link", "AAAA")])
        .await
        .says(410, &[]);
    stage.clock.advance(10 * 60 * SECOND);
    thief
        .submit("/link", &[("link", &second)])
        .await
        .says(410, &[]);

    // For the lost phone: another app is set up, and what was before is good for nothing.
    let token = link(true).await;
    desk.get("/").await.leads_to("/sign-in");
    desk.get(&format!("/link/{token}")).await;
    desk.submit("/link", &[("link", &token)])
        .await
        .leads_to("/sign-in/set-up");
    let page = desk.get("/sign-in/set-up").await;
    let anew = TotpSecret::from_base32(&between(&page.html, "secret=", "&")).expect("a secret");
    assert_ne!(anew, secret);
    let code = anew.code_at(stage.clock.now_millis());
    desk.submit("/sign-in/set-up", &[("code", &code)])
        .await
        .says(200, &["Recovery codes"]);
    let mut old = Desk::new(&stage);
    old.known().await;
    old.give_code(&codes[5]).await.says(403, &["not right"]);
    old.give_code(&secret.code_at(stage.clock.now_millis()))
        .await
        .says(403, &["not right"]);
    let all = actions(&stage).await;
    assert_eq!(
        all.iter()
            .filter(|action| *action == "admin_link_used")
            .count(),
        2,
        "{all:?}"
    );
}

pub(crate) async fn what_destroys_asks_for_a_factor_once_more(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut staff = superuser(&stage).await;
    let (secret, _) = staff.set_up().await;
    let victim = person(&stage, "+989121119999").await;
    let page = format!("/users/{victim}/delete");
    staff.get(&page).await.says(200, &["for good"]);
    stage.clock.advance(5 * 60 * SECOND);
    let fields = [("reason", "asked by letter"), ("word", "delete")];
    let asked = staff.get(&page).await;
    assert_eq!(asked.status, 303, "{asked:?}");
    assert!(
        asked.location().starts_with("/prove?next=%2Fusers%2F"),
        "{asked:?}"
    );
    let refused = staff.submit(&page, &fields).await;
    assert!(refused.location().starts_with("/prove"), "{refused:?}");
    let prove = [("code", "000000"), ("next", page.as_str())];
    staff
        .submit("/prove", &prove)
        .await
        .says(403, &["not right"]);
    let code = secret.code_at(stage.clock.now_millis());
    let prove = [("code", code.as_str()), ("next", page.as_str())];
    staff.submit("/prove", &prove).await.leads_to(&page);
    let mistyped = [("reason", "asked by letter"), ("word", "delet")];
    staff
        .submit(&page, &mistyped)
        .await
        .says(422, &["Nothing was deleted"]);
    staff.submit(&page, &fields).await.leads_to("/users");
    staff
        .get(&format!("/users/{victim}"))
        .await
        .says(404, &["no such user"]);
    let phones = stage
        .stores
        .texts("SELECT phone FROM users WHERE phone IS NOT NULL")
        .await;
    assert_eq!(phones, [PHONE]);
    let reasons = "SELECT reason FROM audit_log WHERE action = 'user_deleted'";
    assert_eq!(stage.stores.texts(reasons).await, ["asked by letter"]);
}
