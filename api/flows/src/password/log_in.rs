//! Signing in with a password.
//!
//! Every refusal of the credentials is the same, after the same time, so that nobody learns here
//! which numbers have an account.

use domain::challenge::SessionId;
use domain::limits::Step;
use domain::password::{Match, Password, PasswordHash, Place};
use domain::phone::PhoneNumber;
use shared::records::{Device, PasswordHolder, PasswordLogIn, StepLogInOutcome, User};
use uuid::Uuid;

use crate::caller::Caller;
use crate::flows::Flows;
use crate::metrics::LogInResult;
use crate::refusal::{Refusal, RefusalCode};
use crate::refused::{RefusedAs, counted};
use crate::signed_in::{Opening, SignedIn};
use crate::tries::CountedTry;

/// What a log-in with a password can be refused with, besides too many tries.
pub const LOG_IN_REFUSALS: [RefusalCode; 9] = [
    RefusalCode::InputMissing,
    RefusalCode::PhoneEmpty,
    RefusalCode::PhoneMalformed,
    RefusalCode::PhoneNotMobile,
    RefusalCode::PhoneCountryNotAllowed,
    RefusalCode::PasswordTooLong,
    RefusalCode::CredentialsWrong,
    RefusalCode::PasswordBusy,
    RefusalCode::StoreUnavailable,
];

/// A number and its password.
pub struct Credentials {
    /// The number as it was typed.
    pub phone_number: String,
    /// The password as it was typed.
    pub password: Password,
}

/// A refused log-in.
pub(crate) type RefusedLogIn = RefusedAs<LogInResult>;

/// Signs in with a password. A wrong password, an unknown number, a user without a password and a
/// blocked user are refused alike.
pub async fn log_in(
    flows: &Flows,
    caller: Caller,
    credentials: Credentials,
    device: Device,
) -> Result<SignedIn, Refusal> {
    let ended = async {
        let typed = &credentials.phone_number;
        let log_in = LogIn {
            phone: PhoneNumber::parse(typed, &flows.otp.allowed_countries)?,
            password: credentials.password,
            step: None,
        };
        log_in_with(flows, caller, log_in, device).await
    };
    counted_log_in(flows, ended.await)
}

/// A password that was given for a number.
pub(crate) struct LogIn {
    pub(crate) phone: PhoneNumber,
    pub(crate) password: Password,
    /// The step of the step flow that it comes with, which a right password uses up.
    pub(crate) step: Option<SessionId>,
}

/// Counts how a log-in ended.
pub(crate) fn counted_log_in<T>(
    flows: &Flows,
    ended: Result<T, RefusedLogIn>,
) -> Result<T, Refusal> {
    let ended = ended.map(|value| (LogInResult::LoggedIn, value));
    counted(ended, |result| flows.metrics.password_log_in(result))
}

/// A hash that should be replaced, if the one that was compared is such.
type OldHash = Option<PasswordHash>;

/// How a comparison ended.
enum Compared {
    /// Right, and the session is open.
    LoggedIn(Box<User>, OldHash),
    Wrong,
    /// Right, but the user is kept out.
    Blocked,
    /// Right, but the hash is no longer that.
    Changed,
    /// Right, but another has taken the step since.
    NoStep,
}

/// Logs in: counts the try, compares, opens the session, and replaces a hash that is out of date.
pub(crate) async fn log_in_with(
    flows: &Flows,
    caller: Caller,
    log_in: LogIn,
    device: Device,
) -> Result<SignedIn, RefusedLogIn> {
    let LogIn {
        phone,
        password,
        step,
    } = log_in;
    let holder = flows.records.password_of_phone(&phone).await?;
    // What can be away or busy comes before the try is counted.
    let client = caller.client();
    let place = flows.passwords.place(Some(&client))?;
    let counted = CountedTry::begin(flows, Step::Password, &phone, caller).await?;

    let opening = Opening::new(flows, device);
    let mut compared = compare(flows, place, holder, &password, step, &opening).await?;
    if matches!(compared, Compared::Changed) {
        // Most likely a log-in at the same moment has upgraded the hash of this very password.
        let holder = flows.records.password_of_phone(&phone).await?;
        let place = flows.passwords.place(Some(&client))?;
        compared = compare(flows, place, holder, &password, step, &opening).await?;
    }
    let (user, old) = match compared {
        Compared::LoggedIn(user, old) => (*user, old),
        Compared::Wrong | Compared::Changed => return Err(RefusalCode::CredentialsWrong.into()),
        Compared::NoStep => {
            // It was no guess.
            counted.succeeded(flows).await;
            return Err(RefusalCode::StepSessionUnknown.into());
        }
        Compared::Blocked => {
            return Err(RefusedLogIn {
                result: LogInResult::Blocked,
                refusal: RefusalCode::CredentialsWrong.into(),
            });
        }
    };
    counted.succeeded(flows).await;
    if let Some(old) = old {
        upgrade(flows, user.id, &client, &password, &old).await;
    }
    Ok(opening.signed_in(flows, user, false)?)
}

/// Compares, whether or not there is something to compare with, and opens the session.
async fn compare(
    flows: &Flows,
    place: Place<'_>,
    holder: Option<PasswordHolder>,
    password: &Password,
    step: Option<SessionId>,
    opening: &Opening,
) -> Result<Compared, Refusal> {
    let hash = holder.as_ref().and_then(|holder| holder.hash.as_ref());
    let compared = place.compare(password, hash).await?;
    let matches = compared.matches;
    let (Some(holder), Some(hash), true) = (&holder, hash, matches.is_right()) else {
        compared.hide_time().await;
        return Ok(Compared::Wrong);
    };
    if holder.blocked {
        compared.hide_time().await;
        return Ok(Compared::Blocked);
    }
    let log_in = PasswordLogIn {
        user: holder.user,
        hash: hash.clone(),
        session: opening.session.clone(),
    };
    let user = match step {
        None => flows.records.log_in(&log_in).await?,
        Some(step) => match flows.records.log_in_by_step(step, &log_in).await? {
            StepLogInOutcome::LoggedIn(user) => Some(user),
            StepLogInOutcome::NoStep => return Ok(Compared::NoStep),
            StepLogInOutcome::Refused => None,
        },
    };
    Ok(match user {
        Some(user) => {
            let old = matches == Match::Typed || log_in.hash.needs_upgrade();
            Compared::LoggedIn(Box::new(user), old.then_some(log_in.hash))
        }
        None => Compared::Changed,
    })
}

/// Stores a better hash of the password, which is at hand only now. The next log-in tries again
/// where that fails.
async fn upgrade(flows: &Flows, user: Uuid, client: &str, password: &Password, old: &PasswordHash) {
    let upgraded = async {
        let new = flows.passwords.place(Some(client))?.hash(password).await?;
        flows.records.upgrade_password(user, old, &new).await?;
        Ok::<_, Refusal>(())
    };
    if let Err(refusal) = upgraded.await {
        tracing::warn!(code = refusal.code.as_str(), "an old password hash stays");
    }
}
