//! A refusal with what the figures call it, which may be more than the person is told.

use crate::refusal::Refusal;

/// The ways in which a counted use case ends.
pub(crate) trait CountedAs {
    /// What a refusal counts as where nobody says it more exactly.
    fn as_refused(refusal: &Refusal) -> Self;
}

/// A refusal and the way in which the use case ended.
#[derive(Debug)]
pub(crate) struct RefusedAs<R> {
    pub(crate) result: R,
    pub(crate) refusal: Refusal,
}

impl<R: CountedAs, E: Into<Refusal>> From<E> for RefusedAs<R> {
    fn from(cause: E) -> Self {
        let refusal = cause.into();
        let result = R::as_refused(&refusal);
        Self { result, refusal }
    }
}

/// Counts how a use case ended.
pub(crate) fn counted<R, T>(
    ended: Result<(R, T), RefusedAs<R>>,
    count: impl FnOnce(R),
) -> Result<T, Refusal> {
    let (result, ended) = match ended {
        Ok((result, value)) => (result, Ok(value)),
        Err(RefusedAs { result, refusal }) => (result, Err(refusal)),
    };
    count(result);
    ended
}
