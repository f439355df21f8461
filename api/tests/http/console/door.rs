//! Who gets into the console at all: never by the public listener, never under another name, never from inside
//! another page.

use domain::staff::Role;

use super::Desk;
use super::desk::sign_in;
use crate::stage::{Shape, Stage};

pub(crate) async fn a_console_is_on_its_own_listener_and_asks_who_comes(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut nobody = Desk::new(&stage);
    nobody.get("/").await.leads_to("/sign-in");
    let mut reader = sign_in(&stage, Role::Read).await;
    let page = reader.get("/").await;
    page.says(200, &["<html lang=\"en\"", "Overview", "read"]);
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(page.header("cache-control"), "no-store");
    reader.headers.insert("accept-language", "fa".to_owned());
    reader.get("/").await.says(
        200,
        &["<html lang=\"fa\" dir=\"rtl\"", "نمای کلی", "بیننده"],
    );
    reader
        .get("/nothing")
        .await
        .says(404, &["این صفحه وجود ندارد"]);

    // A page of another site leads its own name to our address.
    reader
        .get_as("evil.example:8001", "/")
        .await
        .says(421, &["ADMIN_URL"]);
    // On the public listener the same cookie opens nothing.
    let request = stage
        .client
        .get(stage.url("/staff"))
        .header("accept", "text/html");
    let answer = reader.send(request).await;
    assert_eq!(answer.status, 404);
}

pub(crate) async fn a_session_of_staff_is_short_and_ends_with_the_role(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut staff = sign_in(&stage, Role::Support).await;
    // Used now and then it lives, up to its end.
    for _ in 0..24 {
        stage.clock.advance(29 * 60_000);
        staff.get("/").await.says(200, &["support"]);
    }
    stage.clock.advance(29 * 60_000);
    staff.get("/").await.leads_to("/sign-in");
    staff.open_session().await;
    // What a page asks for by itself does not count.
    stage.clock.advance(20 * 60_000);
    staff.headers.insert("x-ramz-live", "1".to_owned());
    staff.get("/").await.says(200, &[]);
    stage.clock.advance(11 * 60_000);
    staff.get("/").await.leads_to("/sign-in");
    staff.headers.remove("x-ramz-live");
    // The role is asked for each time, and so is the block.
    staff.open_session().await;
    staff.get("/").await.says(200, &[]);
    stage.stores.execute("DELETE FROM staff").await;
    staff.get("/").await.leads_to("/sign-in");
    super::desk::give_role(&stage, staff.user, Role::Read).await;
    staff.get("/").await.says(200, &[]);
    let now = stage.clock.now();
    let blocked = stage
        .stores
        .records
        .set_blocked(staff.user, true, now)
        .await;
    assert!(blocked.expect("blocked"));
    staff.get("/").await.leads_to("/sign-in");
    stage
        .stores
        .records
        .set_blocked(staff.user, false, now)
        .await
        .expect("let in");
    staff.get("/").await.leads_to("/sign-in");
}

pub(crate) async fn csr_02_forms_of_other_sites_and_sessions_do_nothing(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut staff = sign_in(&stage, Role::Admin).await;
    let mut other = sign_in(&stage, Role::Read).await;
    for site in ["cross-site", "same-site", ""] {
        staff.headers.insert("sec-fetch-site", site.to_owned());
        staff
            .submit("/sign-out", &[])
            .await
            .says(403, &["another site"]);
    }
    staff.headers.remove("sec-fetch-site");
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        staff.headers.insert("origin", origin.to_owned());
        staff
            .submit("/sign-out", &[])
            .await
            .says(403, &["another site"]);
    }
    staff.headers.remove("origin");
    staff
        .headers
        .insert("sec-fetch-site", "same-origin".to_owned());
    // Even from our own page, the token of another session is none.
    let foreign = other.form_token();
    for token in ["", "AAAA", foreign.as_str()] {
        staff
            .post("/sign-out", &[("token", token)])
            .await
            .says(403, &["no longer valid"]);
    }
    staff.get("/").await.says(200, &["admin"]);
    staff.submit("/sign-out", &[]).await.leads_to("/sign-in");
    staff.get("/").await.leads_to("/sign-in");
    other.get("/").await.says(200, &[]);
}
