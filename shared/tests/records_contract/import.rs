//! Users out of another system.

use std::io;

use domain::password::PasswordHash;
use shared::records::{
    AuditEntry, AuditSource, ImportOutcome, ImportProgress, ImportStep, ImportedUser,
};
use uuid::Uuid;

use crate::stage::{Stage, phone};

const FILE: [u8; 32] = [7; 32];
const HASH: &str = "pbkdf2_sha256$1000$c2FsdA$eGFtcGxleGFtcGxleGFtcGxleGFtcGxleGFtcGxlZXg=";

fn imported(stage: &Stage, row: u32, number: u32) -> ImportedUser {
    ImportedUser {
        row: row.into(),
        id: Uuid::from_u128(row.into()),
        phone: phone(number),
        username: None,
        email: None,
        first_name: String::new(),
        last_name: String::new(),
        password_hash: None,
        is_staff: false,
        is_superuser: false,
        last_sign_in_at: None,
        blocked_at: None,
        created_at: stage.now(),
    }
}

fn step(stage: &Stage, rows_before: u64, users: Vec<ImportedUser>) -> ImportStep<'static> {
    ImportStep {
        digest: FILE,
        rows_before,
        rows: users.len() as u64,
        users,
        refused: 0,
        audit: None,
        now: stage.now(),
    }
}

/// Writes a step; the progress, and the rows whose numbers were taken.
async fn write(stage: &Stage, step: ImportStep<'_>) -> (ImportProgress, Vec<u64>) {
    let mut rows = Vec::new();
    let noted = |taken: &[&ImportedUser]| {
        rows.extend(taken.iter().map(|user| user.row));
        Ok(())
    };
    match stage.records.import_users(step, noted).await {
        Ok(ImportOutcome::Done(progress)) => (progress, rows),
        other => panic!("not written: {other:?}"),
    }
}

fn progress(rows_done: u64, imported: u64, refused: u64) -> ImportProgress {
    ImportProgress {
        rows_done,
        imported,
        refused,
    }
}

pub(crate) async fn imported_users_are_as_they_were_and_the_progress_is_kept(stage: Stage) {
    let records = &stage.records;
    assert_eq!(
        records.import_progress(FILE).await.expect("an answer"),
        None
    );
    let user = ImportedUser {
        username: Some("maryam".to_owned()),
        email: Some("maryam@example.com".to_owned()),
        first_name: "مریم".to_owned(),
        last_name: "O'Brien".to_owned(),
        password_hash: Some(PasswordHash::from_stored(HASH).expect("a known format")),
        is_staff: true,
        is_superuser: true,
        last_sign_in_at: Some(stage.now()),
        blocked_at: Some(stage.now()),
        ..imported(&stage, 1, 1)
    };
    let audit = AuditEntry {
        id: Uuid::from_u128(99),
        source: AuditSource::CommandLine,
        actor: None,
        action: "users_imported",
        subject: None,
        object: Some("a file".to_owned()),
        details: serde_json::json!({ "rows": 2 }),
        in_console: None,
    };
    let users = vec![user, imported(&stage, 2, 2)];
    let with_audit = ImportStep {
        rows: 5,
        refused: 3,
        audit: Some(&audit),
        ..step(&stage, 0, users)
    };
    let (now, taken) = write(&stage, with_audit).await;
    assert_eq!((now, taken), (progress(5, 2, 3), vec![]));
    let kept = records.import_progress(FILE).await.expect("an answer");
    assert_eq!(kept, Some(now));
    let logged = "audit_log WHERE source = 'command_line' AND action = 'users_imported'";
    assert_eq!(stage.count(logged).await, 1);

    let found = records.find_user_by_phone(&phone(1)).await;
    let user = found.expect("an answer").expect("a user");
    assert_eq!(user.username, "maryam");
    assert_eq!(user.email.as_deref(), Some("maryam@example.com"));
    assert_eq!(
        (user.first_name, user.last_name),
        ("مریم".into(), "O'Brien".into())
    );
    assert!(user.is_staff && user.is_superuser && user.has_password);
    let times = (user.last_sign_in_at, user.blocked_at, Some(user.created_at));
    assert_eq!(
        times,
        (Some(stage.now()), Some(stage.now()), Some(stage.now()))
    );
    assert_eq!(user.phone_verified_at, None, "nobody has proven the number");
    let with_hash = format!("users WHERE password_hash = '{HASH}'");
    assert_eq!(stage.count(&with_hash).await, 1, "as it was");

    let found = records.find_user_by_phone(&phone(2)).await;
    let user = found.expect("an answer").expect("a user");
    assert_eq!(user.username, "989120000002");
    assert!(!user.is_staff && !user.is_superuser && !user.has_password);
}

pub(crate) async fn an_import_leaves_accounts_alone_and_tells_of_them(stage: Stage) {
    let (there, _) = stage.signed_in(&phone(5)).await;
    let named = |row, number, name: &str| ImportedUser {
        username: Some(name.to_owned()),
        ..imported(&stage, row, number)
    };
    let users = vec![
        named(1, 9, "ali"),
        named(2, 5, "other"),
        named(3, 8, "ali"),
        named(4, 9, "second"),
        // The digits of the next row's number, so that this one has to take its id.
        named(5, 7, "989120000006"),
        named(6, 6, "ali"),
    ];
    let (now, taken) = write(&stage, step(&stage, 0, users)).await;
    assert_eq!(now, progress(6, 4, 2));
    assert_eq!(taken, [2, 4]);
    let found = stage.records.find_user_by_phone(&phone(5)).await;
    assert_eq!(found.expect("an answer"), Some(there));
    let mut names = Vec::new();
    for number in [6, 7, 8, 9] {
        let found = stage.records.find_user_by_phone(&phone(number)).await;
        let user = found.expect("an answer").expect("a user");
        names.push((user.id.as_u128(), user.username));
    }
    // Ordered by number, the sixth row asks for "ali" first.
    let of_8 = (3, "989120000008".to_owned());
    let of_9 = (1, "989120000009".to_owned());
    let of_7 = (5, "989120000006".to_owned());
    assert_eq!(names, [(6, "ali".to_owned()), of_7, of_8, of_9]);

    let later = vec![named(7, 4, "ali"), named(8, 3, "989120000004")];
    let (now, taken) = write(&stage, step(&stage, 6, later)).await;
    assert_eq!((now, taken), (progress(8, 6, 2), vec![]));
    let found = stage.records.find_user_by_phone(&phone(4)).await;
    let user = found.expect("an answer").expect("a user");
    assert_eq!(
        user.username,
        Uuid::from_u128(7).to_string(),
        "both names are taken"
    );
}

pub(crate) async fn what_could_not_be_noted_is_not_imported(stage: Stage) {
    let users = vec![imported(&stage, 1, 1), imported(&stage, 2, 1)];
    let outcome = stage
        .records
        .import_users(step(&stage, 0, users), |taken| {
            assert_eq!(taken.len(), 1);
            Err(io::Error::other("the disk is full"))
        })
        .await;
    assert!(
        matches!(outcome, Ok(ImportOutcome::NotNoted(_))),
        "{outcome:?}"
    );
    assert_eq!(stage.count("users").await, 0);
    let kept = stage.records.import_progress(FILE).await;
    assert_eq!(kept.expect("an answer"), None);
}

pub(crate) async fn of_two_imports_of_one_file_one_goes_on(stage: Stage) {
    let batch = |row| vec![imported(&stage, row, row)];
    let run = async |before, row| {
        let step = step(&stage, before, batch(row));
        stage.records.import_users(step, |_| Ok(())).await
    };
    let (one, other) = tokio::join!(run(0, 1), run(0, 1));
    let done = [one, other].map(|outcome| matches!(outcome, Ok(ImportOutcome::Done(_))));
    assert!(done == [true, false] || done == [false, true], "{done:?}");
    let late = run(0, 2).await;
    assert!(matches!(late, Ok(ImportOutcome::Overtaken)), "{late:?}");
    let (now, _) = write(&stage, step(&stage, 1, batch(2))).await;
    assert_eq!(now, progress(2, 2, 0));

    stage.records.forget_import(FILE).await.expect("forgotten");
    let again = ImportedUser {
        id: Uuid::from_u128(77),
        ..imported(&stage, 1, 1)
    };
    let (now, taken) = write(&stage, step(&stage, 0, vec![again])).await;
    assert_eq!((now, taken), (progress(1, 0, 1), vec![1]), "the users stay");
}
