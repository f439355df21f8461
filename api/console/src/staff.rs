//! The staff: signing in, who is signed in and what they may do, and who has which role.

pub(crate) mod language;
mod pending;
mod picture;
pub(crate) mod roles;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod unmask;
mod who;

pub(crate) use who::Staff;

/// Where staff sign in.
pub(crate) const SIGN_IN: &str = "/sign-in";
/// Where they give a second factor.
const FACTOR: &str = "/sign-in/factor";
/// Where they set one up.
const SET_UP: &str = "/sign-in/set-up";
/// Who has which role.
const STAFF: &str = "/staff";
/// Where they give a second factor once more.
pub(crate) const PROVE: &str = "/prove";

/// Where to sign in, and then go on there.
pub(crate) fn sign_in_address(next: &str) -> String {
    with_next(SIGN_IN, next)
}

/// Where to give a factor once more, and then go on there.
pub(crate) fn prove_address(next: &str) -> String {
    with_next(PROVE, next)
}

fn with_next(path: &str, next: &str) -> String {
    if next == "/" {
        return path.to_owned();
    }
    let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("{path}?next={next}")
}
