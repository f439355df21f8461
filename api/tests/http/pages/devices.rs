//! Where a member is signed in: the list, and ending what is on it.

use super::Browser;
use super::browser::DEVICES;
use super::sign_in::PHONE;
use crate::stage::{SECOND, Shape, Stage};

pub(crate) async fn devices_are_listed_and_ended(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    browser.headers.insert(
        "user-agent",
        "Mozilla/5.0 (Android 16; Mobile) Firefox/144.0".to_owned(),
    );
    browser.sign_in(PHONE).await;
    let page = browser.get(DEVICES).await;
    page.says(
        200,
        &[
            "on this device only",
            "Firefox, Android",
            "This device",
            "127.0.0.1",
        ],
    );
    page.is_silent_about(&["name=\"end\""]);
    let mut others = Vec::new();
    for _ in 0..3 {
        stage.pass(130 * SECOND).await;
        let mut other = Browser::english(&stage);
        other.headers.insert(
            "user-agent",
            "Mozilla/5.0 (Windows NT 10.0) Chrome/141.0".to_owned(),
        );
        other.sign_in(PHONE).await;
        others.push(other);
    }
    let page = browser.get(DEVICES).await;
    assert_eq!(
        page.html.matches("Chrome, Windows").count(),
        6,
        "a name and a label each"
    );
    let ids: Vec<&str> = page
        .html
        .split("name=\"end\" value=\"")
        .skip(1)
        .map(|part| part.split('"').next().expect("an end"))
        .collect();
    assert_eq!((ids.len(), ids[3]), (4, "others"));
    browser
        .submit(DEVICES, &[("end", ids[0])])
        .await
        .leads_to(DEVICES);
    let page = browser.get(DEVICES).await;
    page.says(200, &["That device is signed out."]);
    assert_eq!(page.html.matches("Chrome, Windows").count(), 4);
    for gone in [ids[0], "x", "", "019a7f3e-5c1b-7d4e-9a6f-0b2c4d6e8f10"] {
        browser
            .submit(DEVICES, &[("end", gone)])
            .await
            .leads_to(DEVICES);
        browser
            .get(DEVICES)
            .await
            .says(200, &["It was signed out already"]);
    }
    // Somebody else's is not theirs to end.
    stage.pass(60 * SECOND).await;
    let mut stranger = Browser::english(&stage);
    stranger.sign_in("09123456780").await;
    stranger.get(DEVICES).await;
    stranger
        .submit(DEVICES, &[("end", ids[1])])
        .await
        .leads_to(DEVICES);
    stranger
        .get(DEVICES)
        .await
        .says(200, &["It was signed out already"]);
    let page = browser.get(DEVICES).await;
    assert_eq!(page.html.matches("Chrome, Windows").count(), 4);
    browser
        .submit(DEVICES, &[("end", "others")])
        .await
        .leads_to(DEVICES);
    browser
        .get(DEVICES)
        .await
        .says(200, &["All your other devices", "on this device only"]);
    for mut other in others {
        other.get("/").await.is_silent_about(&["0912 345 6789"]);
    }
}
