//! What is looked at before any parameter: method, key, account, address, rate, verb.

use axum::http::Method as Verb;

use super::{call::Call, method::Method, status::ReturnStatus};
use crate::{clock::UnixMillis, faults::CallRate, store::account::Account};

/// Lets a call in or says why not. The gateway's own order is not known; this one goes from the
/// address of the method to the method itself.
pub(super) fn admit(
    call: &Call,
    account: &Account,
    calls: &mut CallRate,
    keys: &[String],
    now: UnixMillis,
) -> Result<Method, ReturnStatus> {
    let method = call.method.ok_or(ReturnStatus::UNKNOWN_METHOD)?;
    let dummy_key = method == Method::GetDate && call.key == "0";
    if !dummy_key {
        check_key(&call.key, keys)?;
        if account.disabled {
            return Err(ReturnStatus::ACCOUNT_DISABLED);
        }
        if !account.kyc_verified {
            return Err(ReturnStatus::NOT_IDENTIFIED);
        }
        if !account.allowed_ips.is_empty() && !account.allowed_ips.contains(&call.peer) {
            return Err(ReturnStatus::WRONG_ADDRESS);
        }
    }
    if account.ip_limited {
        return Err(ReturnStatus::ADDRESS_LIMITED);
    }
    if account
        .calls_per_second
        .is_some_and(|limit| !calls.admit(limit, now))
    {
        return Err(ReturnStatus::TOO_FAST);
    }
    let verb_fits =
        call.verb == Verb::POST || (call.verb == Verb::GET && method != Method::SendArray);
    if !verb_fits {
        return Err(ReturnStatus::WRONG_VERB);
    }
    Ok(method)
}

fn check_key(key: &str, keys: &[String]) -> Result<(), ReturnStatus> {
    let plausible = key.len() > 1 && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let known = keys.is_empty() || keys.iter().any(|known| known == key);
    if plausible && known {
        Ok(())
    } else {
        Err(ReturnStatus::INVALID_KEY)
    }
}
