//! Drills: the signing keys are rotated under two running processes while people sign in.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::site::{Site, kid, signing_key};
use crate::stage::{run, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jwt_keys_are_rotated_while_people_sign_in_and_nobody_notices() {
    let mut site = Site::start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let crowd = {
        let (people, stop) = (site.people.clone(), stop.clone());
        tokio::spawn(async move { people.sign_in_until(&stop).await })
    };
    let by_old = site.people.sign_in().await;
    let old = kid(&by_old);

    let added = site.signing_key(&["add"]).done();
    site.restart().await;
    let published = site.published().await;
    let new = published[1].clone();
    assert_eq!(published, [old.clone(), new.clone()]);
    assert!(added.contains(&new), "{added}");
    let by_old_still = site.people.sign_in().await;
    assert_eq!(kid(&by_old_still), old, "a key that is new does not sign");

    let early = site.signing_key(&["promote"]).refused();
    assert!(early.contains("published for 10 minutes"), "{early}");
    site.let_pass("# added ", 10);
    site.signing_key(&["promote"]).done();
    site.restart().await;
    assert_eq!(site.published().await, [new.clone(), old.clone()]);
    let by_new = site.people.sign_in().await;
    assert_eq!(kid(&by_new), new);
    site.assert_token(&by_old_still, true).await;

    let early = site.signing_key(&["retire"]).refused();
    assert!(early.contains("tokens that it signed are dead"), "{early}");
    site.let_pass("# signed until ", 15);
    let removed = site.signing_key(&["retire"]).done();
    assert!(
        removed.starts_with(&format!("removed key {old}\n")),
        "{removed}"
    );
    site.restart().await;
    assert_eq!(site.published().await, [new]);
    site.assert_token(&by_old_still, false).await;
    site.assert_token(&by_new, true).await;

    stop.store(true, Ordering::Relaxed);
    let count = crowd.await.expect("no sign-in has failed");
    assert!(count > 10, "{count} sign-ins went on meanwhile");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaked_jwt_key_is_replaced_at_once_and_people_sign_in_again() {
    let mut site = Site::start().await;
    let by_leaked = site.people.sign_in().await;
    site.signing_key(&["add"]).done();
    site.signing_key(&["promote", "--now"]).done();
    let removed = site.signing_key(&["retire", "--now"]).done();
    assert!(removed.contains(&kid(&by_leaked)), "{removed}");
    site.restart().await;
    let by_new = site.people.sign_in().await;
    assert_eq!(site.published().await, [kid(&by_new)]);
    site.assert_token(&by_leaked, false).await;
    site.assert_token(&by_new, true).await;
}

#[test]
fn i_05_nothing_private_is_printed_and_the_file_is_named_in_errors() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("jwt.pem");
    let missing = signing_key(&file, &["show"]).refused();
    assert!(
        missing.contains("`api signing-key add` makes it"),
        "{missing}"
    );
    let mut printed = String::new();
    for arguments in [
        &["add"][..],
        &["add"],
        &["show"],
        &["promote", "--now"],
        &["show"],
        &["retire", "--now"],
        &["show"],
    ] {
        let ran = signing_key(&file, arguments);
        printed.extend([ran.stderr.clone(), ran.done()]);
        let kept = fs::read_to_string(&file).expect("a file");
        let keys: Vec<&str> = kept
            .lines()
            .filter(|line| !line.starts_with(['#', '-']) && !line.is_empty())
            .collect();
        assert!(!keys.is_empty(), "{kept}");
        assert!(!keys.iter().any(|key| printed.contains(key)), "{printed}");
    }
    assert!(!printed.contains("BEGIN"), "{printed}");
    assert!(printed.contains("accepted; signed until"), "{printed}");

    let by_value = run(
        &["signing-key", "show"],
        &[("JWT_PRIVATE_KEY", "-----BEGIN PRIVATE KEY-----canary")],
    );
    let error = by_value.refused();
    assert!(error.contains("JWT_PRIVATE_KEY_FILE") && !error.contains("canary"));
    let nothing = run(&["signing-key", "show"], &[]).refused();
    assert!(nothing.contains("--file"), "{nothing}");
    let named = run(&["signing-key", "show", "--file", text(&file)], &[]).done();
    assert!(named.contains("signs since"), "{named}");
}
