//! The staff: signing in, who is signed in and what they may do, and who has which role.

pub(crate) mod language;
pub(crate) mod sign_out;
pub(crate) mod unmask;
mod who;

pub(crate) use who::Staff;

/// Where staff sign in.
pub(crate) const SIGN_IN: &str = "/sign-in";
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
