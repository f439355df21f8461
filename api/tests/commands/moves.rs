//! `api move-number`.

use domain::phone::PhoneNumber;

use crate::stage::Database;

const NUMBER: &str = "09123456789";
const NEW: &str = "09351112233";

pub(crate) async fn otp_10_a_number_is_moved_with_a_reason_and_can_be_stopped(at: Database) {
    let people = at.write(
        "people.csv",
        "phone,first_name\n09123456789,Maryam\n09120000002,Ali\n",
    );
    at.api(&["import-users", &people]).done();
    let ask = [
        "move-number",
        NUMBER,
        "--to",
        NEW,
        "--reason",
        "lost SIM, ticket 4711",
    ];
    let unreasoned = at.api(&ask[..4]);
    assert_eq!(unreasoned.status, Some(2), "{unreasoned:?}");
    for reason in ["", " ", "it is 09123456789"] {
        let refused = at.api(&["move-number", NUMBER, "--to", NEW, "--reason", reason]);
        assert_eq!(refused.status, Some(2), "{refused:?}");
    }
    let neither = at.api(&["move-number", NUMBER, "--reason", "x"]);
    assert_eq!(neither.status, Some(2), "{neither:?}");
    let stop = ["move-number", NUMBER, "--stop", "--reason", "found again"];
    let refused = at.api(&stop).refused();
    assert!(
        refused.contains("no move of +98912•••6789 waits"),
        "{refused}"
    );

    let asked = at.api(&ask).done();
    assert!(
        asked.starts_with("+98912•••6789 becomes +98935•••2233 at 20"),
        "{asked}"
    );
    let again = at.api(&ask).done();
    assert!(again.ends_with("as was asked before\n"), "{again}");
    let notices = "SELECT COUNT(*) FROM notices WHERE kind = 'phone_move_asked'";
    assert_eq!(at.count(notices).await, 2);
    let other = at.api(&[
        "move-number",
        NUMBER,
        "--to",
        "09350000000",
        "--reason",
        "x",
    ]);
    assert!(other.refused().contains("--stop it first"));
    let taken = at.api(&["move-number", "09120000002", "--to", NEW, "--reason", "x"]);
    assert!(taken.refused().contains("nothing was changed"));
    let unknown = at.api(&["move-number", "09129999999", "--to", NEW, "--reason", "x"]);
    assert!(unknown.refused().contains("has no account"));
    let same = at.api(&["move-number", NUMBER, "--to", NUMBER, "--reason", "x"]);
    assert!(same.refused().contains("already"));

    at.api(&stop).done();
    let actions = "SELECT action FROM audit_log WHERE action LIKE 'phone%' ORDER BY at";
    let actions = at.texts(actions).await;
    assert_eq!(actions, ["phone_move_asked", "phone_move_stopped"]);
    let phone = PhoneNumber::from_e164("+989123456789").expect("canonical");
    let found = at.records().await.find_user_by_phone(&phone).await;
    assert!(found.expect("an answer").is_some(), "the number stays");
}
