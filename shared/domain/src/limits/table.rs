//! The one table of all limits.

use super::{Form, Limit, Per, Step, ToldAs};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Declares each limit once, with its rule; and the guards, which are no limits but refuse as well.
macro_rules! limits {
    (limits { $($(#[$doc:meta])* $rule:ident = $name:literal {
        $setting:literal, $form:expr, [$balanced:literal, $strict:literal],
        $per:expr, at [$($step:ident),+], $told_as:ident $(, $also:ident)*;
        $meaning:literal
    })+ } guards { $($(#[$guard_doc:meta])* $guard:ident = $guard_name:literal, $guard_told_as:ident;)+ }) => {
        /// What can refuse: a limit, or a guard of the whole service.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule {
            $($(#[$doc])* $rule,)+
            $($(#[$guard_doc])* $guard,)+
        }

        impl Rule {
            /// Every rule there is.
            pub const ALL: &[Self] = &[$(Self::$rule,)+ $(Self::$guard,)+];

            /// The name in metrics and in logs.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$rule => $name,)+
                    $(Self::$guard => $guard_name,)+
                }
            }

            /// What its refusal is told as.
            pub fn told_as(self) -> ToldAs {
                match self {
                    $(Self::$rule => ToldAs::$told_as,)+
                    $(Self::$guard => ToldAs::$guard_told_as,)+
                }
            }
        }

        /// Every limit, in the order in which stores count them.
        pub const TABLE: &[Limit] = &[$(Limit {
            rule: Rule::$rule,
            steps: &[$(Step::$step),+],
            per: $per,
            setting: $setting,
            form: $form,
            balanced: $balanced,
            strict: $strict,
            more_for_proven: false $(|| limits!(@more $also))*,
            may_be_exempted: false $(|| limits!(@exempt $also))*,
            told_as: ToldAs::$told_as,
            meaning: $meaning,
        },)+];
    };
    (@more more_for_proven) => { true };
    (@more $other:ident) => { false };
    (@exempt may_be_exempted) => { true };
    (@exempt $other:ident) => { false };
}

limits! {
    limits {
    /// Too many sends to the phone in a few minutes.
    PhoneShort = "phone_short" {
        "LIMIT_PHONE_SHORT", Form::WindowOfSeconds, ["3/120", "3/120"],
        Per::Phone, at [Ask], RequestsOfPhone, may_be_exempted;
        "sends to one phone in a span of seconds"
    }
    /// Too many sends to the phone in a day.
    PhoneDay = "phone_day" {
        "LIMIT_PHONE_DAY", Form::Window { millis: DAY, most: 1_000 }, ["10", "5"],
        Per::Phone, at [Ask], RequestsOfPhone, may_be_exempted;
        "sends to one phone in 24 hours"
    }
    /// Too many sends for a known device in a day, beside those of its phone.
    DeviceDay = "device_day" {
        "LIMIT_DEVICE_DAY", Form::Window { millis: DAY, most: 1_000 }, ["5", "5"],
        Per::Device, at [AskByDevice], RequestsOfPhone;
        "sends to one phone in 24 hours for each of its known devices, where the limits of the phone allow no more"
    }
    /// Too many requests of the client's address.
    Address = "address" {
        "LIMIT_ADDRESS_PER_MINUTE", Form::PerMinute { most: 100_000, or_off: false }, ["30", "5"],
        Per::Address, at [Ask, AskByDevice, Question], RequestsOfAddress, more_for_proven, may_be_exempted;
        "requests for a code from one client address (IPv6: one /64) in a minute, and twice as many more as numbers were proven from it in the last minute"
    }
    /// Too many requests of the addresses around the client's.
    Group = "group" {
        "LIMIT_GROUP_PER_MINUTE", Form::PerMinute { most: 1_000_000, or_off: true }, ["1200", "240"],
        Per::Group, at [Ask, AskByDevice, Question], RequestsOfAddress, more_for_proven;
        "the same from one group of addresses (/24, IPv6: one /48), or `off`"
    }
    /// Too many requests for neighbouring numbers in a day.
    PrefixDay = "prefix_day" {
        "LIMIT_PREFIX_DAY", Form::Budget { millis: DAY, group_part: 0 }, ["off", "off"],
        Per::Prefix, at [Ask, AskByDevice], RequestsOfPhone;
        "granted requests in a day (UTC) for the ten thousand numbers that differ in their last four digits only, or `off`"
    }
    /// Too many requests for a code in a day, by everybody together.
    ServiceDay = "service_day" {
        "LIMIT_SERVICE_DAY", Form::Budget { millis: DAY, group_part: 0 }, ["off", "off"],
        Per::Service, at [Ask, AskByDevice], SendingPaused;
        "requests for a code that the whole service grants in a day (UTC), or `off`"
    }
    /// While messages wait, the addresses around the client's have had more than their share.
    GroupShare = "group_share" {
        "LIMIT_GROUP_SHARE", Form::Percent, ["10", "10"],
        Per::Group, at [Ask, AskByDevice], RequestsOfAddress;
        "hundredths of all requests that one group of addresses is granted while messages wait longer than a second (an equal part where fewer groups ask), or `off`"
    }
    /// While messages wait, the client's network operator has had more than its share.
    WideShare = "wide_share" {
        "LIMIT_WIDE_SHARE", Form::Percent, ["33", "33"],
        Per::Wide, at [Ask, AskByDevice], RequestsOfAddress;
        "the same for one IPv6 /32"
    }
    /// Too many failed tries for the phone.
    FailuresPhone = "failures_phone" {
        "LIMIT_FAILURES_PHONE", Form::Failures, ["10", "3"],
        Per::Phone, at [Password, CodeByPhone], FailuresOfPhone;
        "wrong passwords, and wrong codes that come without their session id, that lock a phone for these two ways"
    }
    /// Too many failed tries of a known device.
    FailuresDevice = "failures_device" {
        "LIMIT_FAILURES_DEVICE", Form::Failures, ["5", "5"],
        Per::Device, at [TryByDevice], FailuresOfPhone;
        "wrong passwords, and wrong codes that come without their session id, that lock a known device for these two ways, where its phone is locked or codes need their session id"
    }
    /// Too many failed tries from the address.
    FailuresAddress = "failures_address" {
        "LIMIT_FAILURES_ADDRESS", Form::FailuresOrPerSecond, ["1/s", "3"],
        Per::Address, at [Password, CodeByPhone, TryByDevice], FailuresOfAddress;
        "the same from one client address: `1/s` throttles them to one a second, a number locks the address after as many"
    }
    /// Too many failed tries from the addresses around the client's.
    FailuresGroup = "failures_group" {
        "LIMIT_FAILURES_GROUP", Form::PerSecond, ["10/s", "3/s"],
        Per::Group, at [Password, CodeByPhone, TryByDevice], FailuresOfAddress;
        "the same from one group of addresses (/24, IPv6: one /48), throttled and never locked, or `off`"
    }
    /// Too many failed tries from the client's network operator.
    FailuresWide = "failures_wide" {
        "LIMIT_FAILURES_WIDE", Form::PerSecond, ["100/s", "30/s"],
        Per::Wide, at [Password, CodeByPhone, TryByDevice], FailuresOfAddress;
        "the same from one IPv6 /32, or `off`"
    }
    /// Too many wrong codes in an hour, by everybody together.
    FailuresService = "failures_service" {
        "LIMIT_FAILURES_SERVICE", Form::Budget { millis: HOUR, group_part: 20 }, ["10000", "10000"],
        Per::Service, at [CodeByPhone, WrongCode], SessionRequired;
        "wrong codes in an hour above which codes are taken with their session id only; a group of addresses (IPv6: one /32) counts for a twentieth of it at most; or `off`"
    }
    /// Too many sessions renewed from the addresses around the client's.
    RefreshGroup = "refresh_group" {
        "LIMIT_REFRESH_GROUP", Form::PerMinute { most: 10_000_000, or_off: true }, ["30000", "30000"],
        Per::Group, at [Refresh], RequestsOfAddress;
        "renewals of tokens from one group of addresses in a minute (150,000 people who each renew every five minutes), or `off`"
    }
    /// Too many new passwords from the address.
    NewPasswordAddress = "new_password_address" {
        "LIMIT_NEW_PASSWORD_ADDRESS", Form::PerMinute { most: 100_000, or_off: true }, ["600", "600"],
        Per::Address, at [NewPassword], RequestsOfAddress;
        "new passwords that are judged for one client address in a minute, or `off`"
    }
    /// Too many people led here by clients from the address.
    AuthorizeAddress = "authorize_address" {
        "LIMIT_AUTHORIZE_ADDRESS", Form::PerMinute { most: 100_000, or_off: true }, ["120", "30"],
        Per::Address, at [Authorize], RequestsOfAddress;
        "sign-ins for applications that begin from one client address in a minute, each of which is kept for a quarter of an hour, or `off`"
    }
    /// The same from the addresses around the client's.
    AuthorizeGroup = "authorize_group" {
        "LIMIT_AUTHORIZE_GROUP", Form::PerMinute { most: 1_000_000, or_off: true }, ["2400", "480"],
        Per::Group, at [Authorize], RequestsOfAddress;
        "the same from one group of addresses (/24, IPv6: one /48), or `off`"
    }
    /// Too many wrong secrets of applications from the address.
    ClientSecretAddress = "client_secret_address" {
        "LIMIT_CLIENT_SECRET_ADDRESS", Form::PerMinute { most: 100_000, or_off: true }, ["120", "60"],
        Per::Address, at [ClientSecret], FailuresOfAddress;
        "wrong secrets of applications from one client address in a minute, or `off`"
    }
    }
    guards {
        /// The gateway refuses everything at the moment.
        BreakerOpen = "breaker_open", GatewayAway;
        /// Too many jobs wait.
        QueueFull = "queue_full", QueueFull;
        /// The oldest job has waited too long.
        QueueSlow = "queue_slow", QueueFull;
    }
}
