//! Who may do what: each route with each role.

use domain::staff::Role;
use strum::VariantArray as _;

use super::desk::{Desk, person, sign_in};
use crate::stage::{HOUR, Shape, Stage};

/// Method, path, role and fields.
type Route = (
    &'static str,
    &'static str,
    Role,
    &'static [(&'static str, &'static str)],
);

/// Every route, the least role for it, and what a form of it sends beside token and reason. `{id}` is a user. What
/// needs no role at all stands in [`OPEN`].
const ROUTES: &[Route] = &[
    ("GET", "/", Role::Read, &[]),
    ("POST", "/search", Role::Read, &[("q", "1")]),
    ("GET", "/sends", Role::Read, &[]),
    ("POST", "/sends", Role::Read, &[]),
    ("GET", "/number?n=x", Role::Read, &[]),
    ("GET", "/sends/export/{id}", Role::Support, &[]),
    ("GET", "/sends/export/{id}/sends.csv", Role::Support, &[]),
    ("GET", "/sends/export", Role::Support, &[]),
    ("POST", "/sends/export", Role::Support, &[]),
    ("POST", "/sends/export", Role::Operator, &[("whole", "1")]),
    ("GET", "/limits", Role::Read, &[]),
    (
        "POST",
        "/limits/number",
        Role::Read,
        &[("number", "09127654321")],
    ),
    (
        "POST",
        "/limits/lift-address",
        Role::Support,
        &[("address", "192.0.2.7")],
    ),
    ("POST", "/limits/lift", Role::Support, &[("n", "x")]),
    (
        "POST",
        "/limits/exempt",
        Role::Operator,
        &[("n", "x"), ("hours", "1")],
    ),
    (
        "POST",
        "/limits/end-exemption",
        Role::Operator,
        &[("n", "x")],
    ),
    ("GET", "/dead", Role::Read, &[]),
    ("POST", "/dead/retry", Role::Operator, &[("id", "1-1")]),
    ("POST", "/dead/drop", Role::Operator, &[("id", "1-1")]),
    ("GET", "/spending", Role::Read, &[]),
    ("GET", "/users", Role::Read, &[]),
    ("POST", "/users", Role::Read, &[("q", "1")]),
    ("GET", "/users/{id}", Role::Read, &[]),
    ("GET", "/audit", Role::Read, &[]),
    ("GET", "/settings", Role::Read, &[]),
    ("GET", "/prove", Role::Read, &[]),
    ("GET", "/unmask?number=x&next=/", Role::Support, &[]),
    ("POST", "/unmask", Role::Support, &[("number", "x")]),
    ("POST", "/users/{id}/verify", Role::Support, &[]),
    ("POST", "/users/{id}/block", Role::Support, &[]),
    ("POST", "/users/{id}/unblock", Role::Support, &[]),
    ("POST", "/users/{id}/end-sessions", Role::Support, &[]),
    ("GET", "/users/{id}/delete", Role::Admin, &[]),
    (
        "POST",
        "/users/{id}/delete",
        Role::Admin,
        &[("word", "delete")],
    ),
    ("GET", "/staff", Role::Admin, &[]),
    (
        "POST",
        "/staff",
        Role::Admin,
        &[("user", "{id}"), ("role", "read")],
    ),
];
const OPEN: &[&str] = &["/sign-in", "/link/abc"];

pub(crate) async fn each_route_refuses_each_lesser_role(shape: Shape) {
    let stage = Stage::new(shape).await;
    for &role in Role::VARIANTS {
        let mut staff = sign_in(&stage, role).await;
        for (index, (method, path, least, fields)) in ROUTES.iter().enumerate() {
            let victim = person(&stage, &format!("+98935{:03}{index:04}", role as u16)).await;
            let path = path.replace("{id}", &victim.to_string());
            let id = victim.to_string();
            let mut all = vec![("reason", "because of a test")];
            all.extend(fields.iter().map(|(name, value)| {
                (
                    *name,
                    if *value == "{id}" {
                        id.as_str()
                    } else {
                        *value
                    },
                )
            }));
            let page = match *method {
                "GET" => staff.get(&path).await,
                _ => staff.submit(&path, &all).await,
            };
            let what = format!("{role}: {method} {path}: {page:?}");
            if role < *least {
                assert_eq!(page.status, 403, "{what}");
                assert!(
                    page.html.contains("Your role does not allow this"),
                    "{what}"
                );
            } else {
                // Done, or there was nothing to do for this user, or what is sealed, or a file, was made up.
                let is_made_up = fields.contains(&("n", "x"))
                    || ["/unmask", "/number", "/sends/export/"]
                        .iter()
                        .any(|made_up| path.starts_with(made_up));
                let made_up = is_made_up && matches!(page.status, 400 | 404);
                assert!(made_up || matches!(page.status, 200 | 303 | 409), "{what}");
                assert!(!page.location().starts_with("/sign-in"), "{what}");
            }
        }
    }
    let mut nobody = Desk::new(&stage);
    for (method, path, ..) in ROUTES {
        let path = path.replace("{id}", "00000000-0000-0000-0000-000000000000");
        let page = match *method {
            "GET" => nobody.get(&path).await,
            _ => {
                nobody
                    .submit(&path, &[("reason", "because of a test")])
                    .await
            }
        };
        assert_eq!(page.status, 303, "{method} {path}: {page:?}");
        assert!(page.location().starts_with("/sign-in"), "{page:?}");
    }
    for path in OPEN {
        nobody.get(path).await.says(200, &[]);
    }
}

pub(crate) async fn roles_are_given_by_admins_and_never_to_oneself(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut admin = sign_in(&stage, Role::Admin).await;
    let mut other = sign_in(&stage, Role::Support).await;
    let (own, theirs) = (admin.user.to_string(), other.user.to_string());
    let change = |user: &str, role: &str| {
        [
            ("user", user.to_owned()),
            ("role", role.to_owned()),
            ("reason", "they came back".to_owned()),
        ]
    };
    let fields = change(&own, "read");
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    admin
        .submit("/staff", &fields)
        .await
        .says(409, &["your own role"]);
    admin
        .get("/staff")
        .await
        .says(200, &["Staff and roles", "support"]);
    let fields = change(&theirs, "admin");
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    admin.submit("/staff", &fields).await.leads_to("/staff");
    other.get("/staff").await.says(200, &["admin"]);
    // The new admin takes it from the first one, who is out at once; then nobody is left to take it from.
    let fields = change(&own, "none");
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    other.submit("/staff", &fields).await.leads_to("/staff");
    admin.get("/").await.leads_to("/sign-in");
    let fields = change(&theirs, "none");
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    other
        .submit("/staff", &fields)
        .await
        .says(409, &["your own role"]);
    // By number, for somebody who has signed in once; without a reason nothing happens.
    person(&stage, "+989351110009").await;
    let fields = [
        ("number", "09351110009"),
        ("role", "read"),
        ("reason", "new here"),
    ];
    other.submit("/staff", &fields).await.leads_to("/staff");
    for reason in ["", "  ", "ab", &"a".repeat(501)] {
        let fields = [
            ("number", "09351110009"),
            ("role", "admin"),
            ("reason", reason),
        ];
        other
            .submit("/staff", &fields)
            .await
            .says(422, &["A reason is needed"]);
    }
    let fields = [
        ("number", "09351110008"),
        ("role", "read"),
        ("reason", "nobody there"),
    ];
    other
        .submit("/staff", &fields)
        .await
        .says(404, &["no such user"]);
    let roles = stage
        .stores
        .texts("SELECT role FROM staff ORDER BY role")
        .await;
    assert_eq!(roles, ["admin", "read"]);
    let audit = "SELECT action || ' ' || role || ' ' || reason FROM audit_log WHERE action LIKE 'role%' ORDER BY at, id";
    assert_eq!(
        stage.stores.texts(audit).await,
        [
            "role_given admin they came back",
            "role_taken admin they came back",
            "role_given admin new here"
        ]
    );
}

pub(crate) async fn two_admins_cannot_take_the_role_from_each_other(shape: Shape) {
    let stage = Stage::new(shape).await;
    let (one, other) = (
        person(&stage, "+989351110001").await,
        person(&stage, "+989351110002").await,
    );
    for _ in 0..8 {
        stage.stores.execute("DELETE FROM staff").await;
        for user in [one, other] {
            super::desk::give_role(&stage, user, Role::Admin).await;
        }
        let take = |actor, user| {
            let records = stage.stores.records.clone();
            let entry = super::people::entry(&stage, actor, "role_taken");
            let now = stage.clock.now();
            async move {
                records
                    .change_staff_role(actor, user, None, &entry, now)
                    .await
            }
        };
        let (first, second) = tokio::join!(take(one, other), take(other, one));
        first.expect("an answer");
        second.expect("an answer");
        let left = stage.stores.texts("SELECT role FROM staff").await;
        assert_eq!(left, ["admin"], "one is left");
    }
}

pub(crate) async fn otp_11_a_role_goes_with_the_number_of_its_owner(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut staff = sign_in(&stage, Role::Operator).await;
    staff.get("/").await.says(200, &["operator"]);
    // Half a year of using the console alone is no absence.
    stage.pass(120 * 24 * HOUR).await;
    staff.open_session().await;
    stage.pass(120 * 24 * HOUR).await;
    let number = format!("+98912111{:04}", Role::Operator as u16);
    person(&stage, &number).await;
    staff.open_session().await;
    staff.get("/").await.says(200, &["operator"]);
    // After that long without it the number may be somebody else's: a code alone gives them no role.
    stage.pass(181 * 24 * HOUR).await;
    person(&stage, &number).await;
    staff.open_session().await;
    staff.get("/").await.leads_to("/sign-in");
    // Given again, it is back.
    let mut admin = sign_in(&stage, Role::Admin).await;
    let id = staff.user.to_string();
    let fields = [
        ("user", id.as_str()),
        ("role", "read"),
        ("reason", "it is she"),
    ];
    admin.submit("/staff", &fields).await.leads_to("/staff");
    staff.get("/").await.says(200, &["read"]);
}

#[test]
fn every_route_of_the_console_has_its_roles_in_the_table() {
    // What somebody needs no role for, or only to be signed in.
    let others = [
        "/sign-in",
        "/sign-in/factor",
        "/sign-in/set-up",
        "/link",
        "/link/{token}",
        "/language",
        "/sign-out",
        "/assets/{name}",
    ];
    let source = include_str!("../../../console/src/console.rs");
    let spans = source.split(".route(").skip(1);
    for span in spans {
        let path = span.split('"').nth(1).expect("a path");
        let listed = ROUTES.iter().any(|(_, listed, ..)| {
            let listed = listed.split('?').next().unwrap_or_default();
            let pairs = path.split('/').zip(listed.split('/'));
            path.split('/').count() == listed.split('/').count()
                && pairs
                    .into_iter()
                    .all(|(of, listed)| of == listed || of.starts_with('{'))
        });
        assert!(
            listed || others.contains(&path),
            "{path} is not in the table of roles"
        );
    }
}
