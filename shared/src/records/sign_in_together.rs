//! Signing several people in by one statement, so that PostgreSQL has one round trip, one plan and one commit for all.
//!
//! The statement waits for nobody's row. Whose row is locked, or who is blocked, is left out of it with their code
//! unused, and goes alone; the others do not notice. Codes are used after that, of those only who are let in or are
//! new. Where a new user turns out to be created by somebody else at the same moment, their code would be used
//! and nobody let in: then the statement fails by its own expression, leaves nothing behind, and each goes alone.

use sqlx::{FromRow as _, Row as _};
use tokio::time::Instant;

use super::connection::Store;
use super::dispatch::on_connection;
use super::places::{Place, Work};
use super::session_opening::presentable;
use super::sign_in::{RECYCLED_AFTER, SignIn, SignInOutcome, admit, create};
use super::users::{User, UserRow};
use super::{Records, RecordsError, micros};

/// What came of one of several; `None`: nothing yet, it has to go alone.
pub type Together = Option<Result<SignInOutcome, RecordsError>>;

/// `lock_timeout` is that of this statement alone, in milliseconds: what it may still wait for are codes and
/// numbers that another commit is just writing.
///
/// The planner takes an array that it does not know for ten rows, and for so many it reads a table that is small
/// (or was when it planned) from end to end. The condition on the length of roots, which all fulfil, makes it
/// expect one row, for which it takes the indexes as it does for one person.
///
/// `found` joins `going` for the reason told at the statement for one person.
const SIGN_IN: &str = concat!(
    "WITH asked AS MATERIALIZED (SELECT asked.* FROM \
         (SELECT set_config('lock_timeout', '50', TRUE) AS patience) AS patient, \
         unnest($1::BYTEA[], $2::TEXT[], $3::TEXT[], $4::TEXT[], $5::UUID[], $6::UUID[], $7::TEXT[], $8::TEXT[], \
             $9::TEXT[], $10::TIMESTAMPTZ[], $11::TIMESTAMPTZ[], $12::TIMESTAMPTZ[], $13::TIMESTAMPTZ[], \
             $14::BYTEA[], $15::BYTEA[]) WITH ORDINALITY \
         AS asked (of_root, of_purpose, of_phone, of_digits, of_new_user, of_session, of_device, of_agent, \
             of_address, of_now, of_since, of_idle_end, of_end, of_token, of_salt, of_number) \
         WHERE octet_length(of_root) = 16 AND patience IS NOT NULL), \
     free AS (SELECT of_number AS free_number FROM asked JOIN users ON phone = of_phone \
         WHERE blocked_at IS NULL FOR UPDATE OF users SKIP LOCKED), \
     tried AS MATERIALIZED (SELECT asked.*, free_number IS NOT NULL AS is_known \
         FROM asked LEFT JOIN free ON free_number = of_number \
         WHERE free_number IS NOT NULL OR NOT EXISTS (SELECT 1 FROM users WHERE phone = of_phone)), \
     used AS (INSERT INTO challenge_uses (challenge_id, purpose, used_at) \
         SELECT of_root, of_purpose, of_now FROM tried \
         ON CONFLICT DO NOTHING RETURNING challenge_id AS used_root), \
     going AS MATERIALIZED (SELECT tried.* FROM used JOIN tried ON of_root = used_root), \
     found AS (",
    admit!(
        "of_phone",
        "of_now",
        "of_since",
        " FROM (SELECT * FROM going WHERE is_known) AS going"
    ),
    "), created AS (",
    create!(
        "of_new_user",
        "of_phone",
        "of_digits",
        "CAST(of_new_user AS TEXT)",
        "of_now",
        " FROM going WHERE NOT is_known ORDER BY of_phone"
    ),
    "), admitted AS (SELECT *, FALSE AS is_new FROM found UNION ALL SELECT *, TRUE FROM created), \
     let_in AS MATERIALIZED (SELECT going.*, id AS user_id FROM going JOIN admitted ON phone = of_phone), \
     opened AS (INSERT INTO sessions (id, user_id, challenge_id, device_name, user_agent, address, \
         created_at, last_used_at, idle_expires_at, expires_at) \
         SELECT of_session, user_id, of_root, of_device, of_agent, of_address, of_now, of_now, of_idle_end, of_end \
         FROM let_in), \
     issued AS (INSERT INTO refresh_tokens (token_hash, session_id, generation, issued_at, origin_salt) \
         SELECT of_token, of_session, 0, of_now, of_salt FROM let_in) \
     SELECT 1 / CAST((SELECT COUNT(*) FROM going) = (SELECT COUNT(*) FROM admitted) AS INTEGER) AS all_let_in, \
         asked.of_number, tried.of_number IS NOT NULL AS is_tried, admitted.* \
     FROM asked LEFT JOIN tried ON tried.of_number = asked.of_number \
     LEFT JOIN admitted ON phone = asked.of_phone \
     ORDER BY asked.of_number",
);

impl Records {
    /// Lets the codes of several people act by one statement, under the time limit of one: what came of each, in their
    /// order. No two of them may be of one number or one root. An error means that nothing was written, or that it is
    /// not known whether it was. On a SQLite file all go alone: they share commits there anyway.
    pub async fn sign_in_together(
        &self,
        sign_ins: &[SignIn],
    ) -> Result<Vec<Together>, RecordsError> {
        let sign_ins: Vec<&SignIn> = sign_ins.iter().collect();
        self.sign_in_together_until(self.deadline(), &sign_ins)
            .await
    }

    pub(super) async fn sign_in_together_until(
        &self,
        deadline: Instant,
        sign_ins: &[&SignIn],
    ) -> Result<Vec<Together>, RecordsError> {
        let Store::Postgres(server) = self.store() else {
            return Ok(sign_ins.iter().map(|_| None).collect());
        };
        // By number, as all who write several rows: those that meet on the same ones wait in one direction.
        let mut order: Vec<usize> = (0..sign_ins.len()).collect();
        order.sort_unstable_by_key(|&place| sign_ins[place].phone.as_e164());
        let sorted: Vec<&SignIn> = order.iter().map(|&place| sign_ins[place]).collect();
        let rows = on_connection!(@server server, deadline, settle_statements, Place::of(Work::Verifying), connection => {
            Ok(statement(&sorted).fetch_all(connection).await?)
        })?;
        let mut outcomes: Vec<Together> = sign_ins.iter().map(|_| None).collect();
        for (place, row) in order.into_iter().zip(&rows) {
            outcomes[place] = outcome(row).transpose();
        }
        Ok(outcomes)
    }
}

type Statement<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn statement<'q>(sign_ins: &[&'q SignIn]) -> Statement<'q> {
    fn each<'q, T>(sign_ins: &[&'q SignIn], value: impl Fn(&'q SignIn) -> T) -> Vec<T> {
        sign_ins.iter().copied().map(value).collect()
    }
    let told = |text: &Option<String>| text.as_deref().map(presentable);
    sqlx::query(SIGN_IN)
        .bind(each(sign_ins, |one| one.root.as_bytes().as_slice()))
        .bind(each(sign_ins, |one| one.purpose.as_str()))
        .bind(each(sign_ins, |one| one.phone.as_e164()))
        .bind(each(sign_ins, |one| one.phone.digits()))
        .bind(each(sign_ins, |one| one.new_user_id))
        .bind(each(sign_ins, |one| one.session.id))
        .bind(each(sign_ins, |one| told(&one.session.device.name)))
        .bind(each(sign_ins, |one| told(&one.session.device.user_agent)))
        .bind(each(sign_ins, |one| {
            let address = one.session.device.address;
            address.map(|address| address.to_string())
        }))
        .bind(each(sign_ins, |one| micros(one.session.opened_at)))
        .bind(each(sign_ins, |one| {
            micros(one.session.opened_at) - RECYCLED_AFTER
        }))
        .bind(each(sign_ins, |one| micros(one.session.idle_expires_at)))
        .bind(each(sign_ins, |one| micros(one.session.expires_at)))
        .bind(each(sign_ins, |one| {
            one.session.refresh_token_hash.as_slice()
        }))
        .bind(each(sign_ins, |one| {
            one.session.origin_salt.as_ref().map(<[u8; 16]>::as_slice)
        }))
}

/// What the statement says of one.
fn outcome(row: &sqlx::postgres::PgRow) -> Result<Option<SignInOutcome>, RecordsError> {
    if let Some(is_new) = row.try_get("is_new")? {
        let user = User::try_from(UserRow::from_row(row)?)?;
        return Ok(Some(SignInOutcome::SignedIn { user, is_new }));
    }
    let is_tried: bool = row.try_get("is_tried")?;
    Ok(is_tried.then_some(SignInOutcome::CodeUsed))
}
