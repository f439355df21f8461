//! What a client asks for when it leads somebody here: whether it may, what is missing before it gets its
//! code, and how it is answered.

mod answer;
mod asked;
mod standing;
#[cfg(test)]
mod tests;

pub use answer::{Back, Fault, PageFault};
pub use asked::{AuthorizationRequest, validate};
pub use standing::{Proof, Standing};
