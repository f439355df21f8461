//! The lock of a client address, where the limits lock those.

use axum::extract::State;
use axum::response::Response;
use domain::client_address::ClientAddress;
use domain::staff::Role;
use flows::staff::limits;
use http::StatusCode;
use shared::hot_state::LockOf;

use crate::console::Console;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::{Notice, done};
use crate::staff::Staff;

/// `POST /limits/lift-address`
pub(crate) async fn lift(
    State(console): State<Console>,
    staff: Staff,
    form: Form,
) -> Result<Response, Fault> {
    staff.may(Role::Support)?;
    let deed = staff.deed(form.reason()?);
    let Ok(address) = form.text("address").parse() else {
        return Err(Fault::Told(
            StatusCode::UNPROCESSABLE_ENTITY,
            "address_unreadable",
            |words| words.limits.address_unreadable,
        ));
    };
    let of = LockOf::Address(ClientAddress::new(address));
    if !limits::lift_lock(&console.desk, of, &deed).await? {
        return Err(super::number::no_lock());
    }
    Ok(done(&console, "/limits", Notice::Done))
}
