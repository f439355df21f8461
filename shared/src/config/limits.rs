//! The limits of requests for a code: a preset, and single ones on top.

use super::otp::OtpConfig;
use super::reader::{Read, Reader, parse_number, shown};
use super::variables::{
    LIMIT_ADDRESS_PER_MINUTE, LIMIT_FAILURES_ADDRESS, LIMIT_FAILURES_LOCK, LIMIT_FAILURES_PHONE,
    LIMIT_PHONE_DAY, LIMIT_PHONE_SHORT, LIMITS, OTP_LENGTH, QUEUE_MAX, Variable,
};
use crate::hot_state::{AcceptPolicy, AddressTries, TryLimits, Window};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// A share of all codes that a guesser may try on one phone in a day: 1 in 10,000.
const MAX_GUESSED_SHARE: u64 = 10_000;

/// What a preset decides.
static OF_PRESET: [&Variable; 4] = [
    &LIMIT_PHONE_DAY,
    &LIMIT_ADDRESS_PER_MINUTE,
    &LIMIT_FAILURES_PHONE,
    &LIMIT_FAILURES_ADDRESS,
];

/// What is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// `LIMIT_PHONE_SHORT`
    pub phone_short: Window,
    /// `LIMIT_PHONE_DAY`
    pub phone_day: Window,
    /// `LIMIT_ADDRESS_PER_MINUTE`
    pub address_per_minute: u32,
    /// `LIMIT_FAILURES_PHONE`, `LIMIT_FAILURES_ADDRESS` and `LIMIT_FAILURES_LOCK`
    pub tries: TryLimits,
    /// `QUEUE_MAX`
    pub queue_max: u64,
}

#[derive(Clone, Copy)]
enum Preset {
    Balanced,
    Strict,
}

impl LimitsConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Read<Self> {
        let preset = reader.parsed(&LIMITS, |text| match text {
            "balanced" => Ok(Preset::Balanced),
            "strict" => Ok(Preset::Strict),
            other => Err(format!(
                "{} is neither `balanced` nor `strict`",
                shown(other)
            )),
        });
        let phone_short = reader.parsed(&LIMIT_PHONE_SHORT, parse_window);
        let phone_day = read_count(reader, &LIMIT_PHONE_DAY, 1_000);
        let address_per_minute = read_count(reader, &LIMIT_ADDRESS_PER_MINUTE, 100_000);
        let phone_failures = read_count(reader, &LIMIT_FAILURES_PHONE, 100);
        let address_tries = reader.parsed_if_set(&LIMIT_FAILURES_ADDRESS, parse_address_tries);
        let lock = reader.number(&LIMIT_FAILURES_LOCK, 60..=86_400_i64);
        let queue_max = reader.number(&QUEUE_MAX, 1..=10_000_000);
        let preset = preset?;
        let (of_day, of_address) = match preset {
            Preset::Balanced => (10, 30),
            Preset::Strict => (5, 5),
        };
        let (failures, tries_of_address) = match preset {
            Preset::Balanced => (10, AddressTries::Throttled { per_second: 1 }),
            Preset::Strict => (3, AddressTries::Locked { failures: 3 }),
        };
        Ok(Self {
            phone_short: phone_short?,
            phone_day: Window {
                count: phone_day?.unwrap_or(of_day),
                millis: DAY_MILLIS,
            },
            address_per_minute: address_per_minute?.unwrap_or(of_address),
            tries: TryLimits {
                phone_failures: phone_failures?.unwrap_or(failures),
                lock_millis: lock? * 1000,
                address: address_tries?.unwrap_or(tries_of_address),
            },
            queue_max: queue_max?,
        })
    }

    /// Tells the operator of settings that make guessing worth while, and of those that others have
    /// left nothing to decide.
    pub(super) fn warn(&self, otp: &OtpConfig, reader: &mut Reader<'_>) -> Read<()> {
        let ways = 2;
        let guesses = u64::from(self.phone_day.count) * u64::from(otp.max_attempts) * ways;
        let codes = 10_u64.pow(u32::from(otp.length));
        if guesses * MAX_GUESSED_SHARE > codes {
            reader.warn(
                &OTP_LENGTH,
                &format!(
                    "{} digits allow {guesses} guesses among {codes} codes for one phone in a day, more than 1 in {MAX_GUESSED_SHARE}; choose longer codes, fewer attempts or fewer sends",
                    otp.length
                ),
            );
        }
        if self.phone_short.count >= self.phone_day.count {
            let why = format!(
                "a phone gets no more than {} in a day (LIMIT_PHONE_DAY, LIMITS)",
                self.phone_day.count
            );
            reader.warn_without_effect(&LIMIT_PHONE_SHORT, &why)?;
        }
        let mut each_is_set = true;
        for of_preset in OF_PRESET {
            each_is_set &= reader.is_changed(of_preset)?;
        }
        if each_is_set {
            reader.warn_without_effect(&LIMITS, "each limit of a preset is set by itself")?;
        }
        Ok(())
    }

    /// The rules of the accept step.
    pub fn accept_policy(&self, otp: &OtpConfig) -> AcceptPolicy {
        let millis =
            |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        AcceptPolicy {
            code_life_millis: millis(otp.life),
            resend_cooldown_millis: millis(otp.resend_cooldown),
            max_attempts: otp.max_attempts,
            phone_short: self.phone_short,
            phone_day: self.phone_day,
            address_per_minute: self.address_per_minute,
            queue_max: self.queue_max,
            // A message that waits longer than a third of its code's life comes too late to be
            // typed in.
            queue_max_age_millis: millis(otp.life) / 3,
        }
    }
}

fn read_count(
    reader: &mut Reader<'_>,
    variable: &'static Variable,
    most: u32,
) -> Read<Option<u32>> {
    reader.parsed_if_set(variable, |text| parse_number(text, &(1..=most)))
}

/// Reads `3/120`: three in 120 seconds.
fn parse_window(text: &str) -> Result<Window, String> {
    let parsed = text.split_once('/').and_then(|(count, seconds)| {
        let count = parse_number(count.trim(), &(1..=100)).ok()?;
        let seconds = parse_number(seconds.trim(), &(10..=3_600_i64)).ok()?;
        Some(Window {
            count,
            millis: seconds * 1000,
        })
    });
    parsed.ok_or_else(|| {
        format!(
            "{} is not `count/seconds`, such as 3/120 (1 to 100 sends, 10 to 3600 seconds)",
            shown(text)
        )
    })
}

/// Reads `1/s`, one a second, or `3`, a lock after three.
fn parse_address_tries(text: &str) -> Result<AddressTries, String> {
    let parsed = match text.split_once('/') {
        Some((count, "s")) => parse_number(count.trim(), &(1..=1_000))
            .map(|per_second| AddressTries::Throttled { per_second }),
        None => parse_number(text, &(1..=1_000)).map(|failures| AddressTries::Locked { failures }),
        Some(_) => Err(String::new()),
    };
    parsed.map_err(|_| {
        format!(
            "{} is neither `count/s`, such as 1/s, nor a number (1 to 1000)",
            shown(text)
        )
    })
}
