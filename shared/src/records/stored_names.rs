//! The names that stores keep. They are made of the names of variants, and an older release has written
//! them: a variant that gets another name shows here.

use domain::challenge::{Channel, Locale};
use domain::delivery::{DeliveryStatus, Milestone};
use domain::notice::NoticeKind;
use domain::otp::Purpose;
use domain::phone::Operator;
use domain::staff::Role;
use strum::VariantArray as _;

use super::{AuditSource, LedgerState, OldRows, SendFate, SendMethod, SessionEnd, Step};
use crate::loops::Loop;

fn names<T: Copy + Into<&'static str>>(of: &[T]) -> String {
    let names: Vec<&str> = of.iter().map(|each| (*each).into()).collect();
    names.join(" ")
}

#[test]
fn stored_names_are_those_of_earlier_releases() {
    let found = [
        names(Purpose::VARIANTS),
        names(NoticeKind::VARIANTS),
        names(&[Channel::Sms, Channel::Call]),
        names(&[Locale::Fa, Locale::En]),
        names(Role::VARIANTS),
        names(LedgerState::VARIANTS),
        names(&[SendMethod::Lookup, SendMethod::Send]),
        names(SendFate::VARIANTS),
        names(OldRows::VARIANTS),
        names(&[
            AuditSource::CommandLine,
            AuditSource::Owner,
            AuditSource::System,
            AuditSource::Console,
        ]),
        names(&[
            SessionEnd::LogOut,
            SessionEnd::FromList,
            SessionEnd::Reuse,
            SessionEnd::Revoked,
        ]),
        names(&[Step::Password, Step::SetPassword, Step::UserInfo]),
    ];
    assert_eq!(
        found,
        [
            "sign_in register reset_password change_phone admin",
            "phone_changed password_changed phone_move_asked",
            "sms call",
            "fa en",
            "read support operator admin",
            "sending accepted refused expired unknown not_sent",
            "lookup send",
            "arrived handed_over under_way undelivered refused expired unknown",
            "sessions challenge_uses send_numbers sends notices audit_log",
            "command_line owner system admin_console",
            "log_out from_list reuse revoked",
            "password set_password user_info",
        ]
    );
}

#[test]
fn names_that_are_shown_are_those_of_earlier_releases() {
    let found = [
        names(Operator::VARIANTS),
        names(Milestone::VARIANTS),
        names(&[
            DeliveryStatus::Queued,
            DeliveryStatus::Scheduled,
            DeliveryStatus::HandedOver(4),
            DeliveryStatus::NotKnown,
            DeliveryStatus::Other(3),
        ]),
        names(Loop::VARIANTS),
    ];
    assert_eq!(
        found,
        [
            "mci irancell rightel shatel aptel samantel other",
            "handed_over delivered undelivered failed blocked cancelled unknown",
            "queued scheduled handed_over not_known other",
            "stores room queue_figures clock sweep number_logs notices taking_back refusals breaker account \
             deliveries retention reader promote tidy keep_alive settle ledger_begins ledger_ends",
        ]
    );
}
