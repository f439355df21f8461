//! The limits of what anybody may have: a preset, and single ones on top.

use domain::limits::{Limit, Quota, Quotas, Rule, TABLE};

use super::otp::OtpConfig;
use super::reader::{Read, Reader, Reported, shown};
use super::variables::{LIMIT_FAILURES_LOCK, LIMITS, OF_LIMITS, OTP_LENGTH, QUEUE_MAX, Variable};
use crate::hot_state::AcceptPolicy;

/// A share of all codes that a guesser may try on one phone in a day: 1 in 10,000.
const MAX_GUESSED_SHARE: u64 = 10_000;

/// What is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// `LIMIT_…`, each by itself or as `LIMITS` sets it.
    pub quotas: Quotas,
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
        let lock = reader.number(&LIMIT_FAILURES_LOCK, 60..=86_400_i64);
        let queue_max = reader.number(&QUEUE_MAX, 1..=10_000_000);
        let mut quotas = Ok(Quotas::NONE);
        for (limit, variable) in TABLE.iter().zip(&OF_LIMITS) {
            // All are read, so that one start names all that are wrong.
            let quota = read_quota(reader, limit, variable, preset, lock);
            quotas = quotas.and_then(|quotas: Quotas| Ok(quotas.with(limit.rule, quota?)));
        }
        preset.and(lock)?;
        let mut quotas = quotas?;
        if quotas.of(Rule::GroupShare).is_none() {
            // It is a part of what is counted by groups.
            quotas = quotas.with(Rule::WideShare, None);
            if let Some(variable) = variable_of(Rule::WideShare) {
                let why = "LIMIT_GROUP_SHARE is off, which counts what it is a part of";
                reader.warn_without_effect(variable, why)?;
            }
        }
        Ok(Self {
            quotas,
            queue_max: queue_max?,
        })
    }

    /// Tells the operator of settings that make guessing worth while, and of those that others have
    /// left nothing to decide.
    pub(super) fn warn(&self, otp: &OtpConfig, reader: &mut Reader<'_>) -> Read<()> {
        let ways = 2;
        let sends_a_day = self.sends(Rule::PhoneDay);
        let guesses = u64::from(sends_a_day) * u64::from(otp.max_attempts) * ways;
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
        if self.sends(Rule::PhoneShort) >= sends_a_day {
            let why = format!(
                "a phone gets no more than {sends_a_day} in a day (LIMIT_PHONE_DAY, LIMITS)"
            );
            if let Some(variable) = variable_of(Rule::PhoneShort) {
                reader.warn_without_effect(variable, &why)?;
            }
        }
        let mut each_is_set = true;
        for (limit, variable) in TABLE.iter().zip(&OF_LIMITS) {
            each_is_set &= limit.balanced == limit.strict || reader.is_changed(variable)?;
        }
        if each_is_set {
            reader.warn_without_effect(&LIMITS, "each limit of a preset is set by itself")?;
        }
        Ok(())
    }

    /// How many sends to a number this window of it allows.
    fn sends(&self, rule: Rule) -> u32 {
        self.quotas
            .window(rule)
            .map_or(u32::MAX, |(count, _)| count)
    }

    /// The rules of the accept step.
    pub fn accept_policy(&self, otp: &OtpConfig) -> AcceptPolicy {
        let millis =
            |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        AcceptPolicy {
            code_life_millis: millis(otp.life),
            resend_cooldown_millis: millis(otp.resend_cooldown),
            max_attempts: otp.max_attempts,
            quotas: self.quotas,
            queue_max: self.queue_max,
            // A message that waits longer than a third of its code's life comes too late to be
            // typed in.
            queue_max_age_millis: millis(otp.life) / 3,
        }
    }
}

/// The quota of a limit, as it is set or as the preset has it.
fn read_quota(
    reader: &mut Reader<'_>,
    limit: &Limit,
    variable: &'static Variable,
    preset: Read<Preset>,
    lock_seconds: Read<i64>,
) -> Read<Option<Quota>> {
    let of_preset = match preset {
        Ok(Preset::Strict) => limit.strict,
        Ok(Preset::Balanced) | Err(Reported) => limit.balanced,
    };
    let given = reader.given(variable)?;
    let text = given.as_deref().unwrap_or(of_preset);
    let lock_millis = lock_seconds.unwrap_or_default() * 1000;
    let read = limit.form.read(text, lock_millis);
    read.map_err(|error| reader.refuse(variable.name, format!("{} {error}", shown(text))))
}

fn variable_of(rule: Rule) -> Option<&'static Variable> {
    let index = TABLE.iter().position(|limit| limit.rule == rule)?;
    OF_LIMITS.get(index)
}
