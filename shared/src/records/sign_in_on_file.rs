//! Signing in on a SQLite file, where the writer is kept from all others for as long as it takes.
//!
//! The statements are those of [`Records::sign_in_step_by_step`]. Nobody else writes meanwhile, so most of them need not
//! wait for what came of those before: where nobody is let in, all that they have written is undone.

use super::dispatch::in_transaction;
use super::session_opening::{
    ISSUE_FIRST_TOKEN, OPEN_SESSION, USE_CODE, bind_code, bind_first_token, bind_session,
};
use super::sign_in::{ADMIT, CREATE, SignIn, SignInOutcome, bind_admit, bind_create};
use super::users::{User, UserRow};
use super::{Records, RecordsError, micros};
use crate::sqlite_file::{Script, SqliteFile};

impl Records {
    /// [`Records::sign_in`] on this file.
    pub(super) async fn sign_in_on_file(
        &self,
        file: &SqliteFile,
        sign_in: &SignIn,
    ) -> Result<SignInOutcome, RecordsError> {
        let SignIn {
            root,
            purpose,
            phone,
            new_user_id,
            session,
        } = sign_in;
        let now = micros(session.opened_at);
        let deadline = self.deadline();
        in_transaction!(@file deadline, file, turn => {
            let mut script = Script::default();
            let used = bind_code!(script.add(USE_CODE), root, purpose, now).question();
            let found = bind_admit!(script.add(ADMIT), phone, now).question();
            // Of one who is there nothing is created.
            let created = bind_create!(script.add(CREATE), phone, *new_user_id, now).question();
            let answers = script.run(&mut turn).await?;
            if answers.changed(used) == 0 {
                return Ok(SignInOutcome::CodeUsed);
            }
            let found: Option<UserRow> = answers.first(found)?;
            let created: Option<UserRow> = answers.first(created)?;
            let is_new = found.is_none();
            let Some(user) = found.or(created) else {
                return Ok(SignInOutcome::Blocked);
            };
            let user = User::try_from(user)?;

            let mut script = Script::default();
            bind_session!(script.add(OPEN_SESSION), user.id, Some(root), session);
            bind_first_token!(script.add(ISSUE_FIRST_TOKEN), session);
            script.run(&mut turn).await?;
            turn.commit().await?;
            Ok(SignInOutcome::SignedIn { user, is_new })
        })
    }
}
