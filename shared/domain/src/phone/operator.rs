//! The operator that a mobile number was given out by, read from its first digits.
//!
//! The table follows the numbering plan of Iran as "Telephone numbers in Iran" (Wikipedia) and the
//! carrier data of libphonenumber (`resources/carrier/*/98.txt`) have it; where these differ about a
//! small operator, the former counts. People can take their number along to another operator, and
//! nobody can see that from the digits: this is the operator of the *prefix*, as a rule but not
//! always the one that delivers.

use super::PhoneNumber;

/// An operator, as the label `operator` of metrics knows it.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    strum::AsRefStr,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Operator {
    /// Mobile Communication Company of Iran, Hamrah-e Aval.
    Mci,
    /// `MTN` Irancell.
    Irancell,
    /// `RighTel`.
    Rightel,
    /// Shatel Mobile.
    Shatel,
    /// `ApTel`.
    Aptel,
    /// `SamanTel`.
    Samantel,
    /// Every other one: smaller operators, other countries, and numbers that are no longer known.
    Other,
}

/// Digits behind +98, the longer prefix before the shorter one that it begins with.
const PREFIXES: [(&str, Operator); 44] = [
    ("99999", Operator::Samantel),
    ("99998", Operator::Samantel),
    ("99997", Operator::Samantel),
    ("99996", Operator::Samantel),
    ("99910", Operator::Aptel),
    ("99911", Operator::Aptel),
    ("99913", Operator::Aptel),
    ("9981", Operator::Shatel),
    // Anarestan, inside a block of MCI.
    ("9944", Operator::Other),
    ("990", Operator::Mci),
    ("991", Operator::Mci),
    ("992", Operator::Mci),
    ("993", Operator::Mci),
    ("994", Operator::Mci),
    ("995", Operator::Mci),
    ("996", Operator::Mci),
    ("910", Operator::Mci),
    ("911", Operator::Mci),
    ("912", Operator::Mci),
    ("913", Operator::Mci),
    ("914", Operator::Mci),
    ("915", Operator::Mci),
    ("916", Operator::Mci),
    ("917", Operator::Mci),
    ("918", Operator::Mci),
    ("919", Operator::Mci),
    ("900", Operator::Irancell),
    ("901", Operator::Irancell),
    ("902", Operator::Irancell),
    ("903", Operator::Irancell),
    ("904", Operator::Irancell),
    ("905", Operator::Irancell),
    ("930", Operator::Irancell),
    ("933", Operator::Irancell),
    ("935", Operator::Irancell),
    ("936", Operator::Irancell),
    ("937", Operator::Irancell),
    ("938", Operator::Irancell),
    ("939", Operator::Irancell),
    ("941", Operator::Irancell),
    ("920", Operator::Rightel),
    ("921", Operator::Rightel),
    ("922", Operator::Rightel),
    ("923", Operator::Rightel),
];

impl Operator {
    /// The operator of a number's prefix.
    pub fn of(phone: &PhoneNumber) -> Self {
        let national = phone.iranian_national();
        national.map_or(Self::Other, Self::of_national)
    }

    /// The operator of numbers that begin like this, in E.164 with at least five digits behind the country.
    pub fn of_prefix(prefix: &str) -> Self {
        let national = prefix.strip_prefix("+98");
        national.map_or(Self::Other, Self::of_national)
    }

    fn of_national(national: &str) -> Self {
        let prefix = PREFIXES
            .iter()
            .find(|(prefix, _)| national.starts_with(prefix));
        prefix.map_or(Self::Other, |(_, operator)| *operator)
    }

    /// First digits behind +98 with the operator that they belong to. Of two that fit a number the longer one
    /// counts; a number that none fits is [`Self::Other`]'s.
    pub fn prefixes() -> impl Iterator<Item = (&'static str, Self)> {
        PREFIXES.into_iter()
    }

    /// The name in metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn numbers_belong_to_the_operator_of_their_prefix() {
        for (number, operator) in [
            ("+989123456789", "mci"),
            ("+989193456789", "mci"),
            ("+989903456789", "mci"),
            ("+989960000000", "mci"),
            ("+989011234567", "irancell"),
            ("+989301234567", "irancell"),
            ("+989391234567", "irancell"),
            ("+989411234567", "irancell"),
            ("+989201234567", "rightel"),
            ("+989231234567", "rightel"),
            ("+989981012345", "shatel"),
            ("+989991012345", "aptel"),
            ("+989999912345", "samantel"),
            // Spadan, Taliya, TeleKish, Anarestan, Lotustel, and what nobody has.
            ("+989311234567", "other"),
            ("+989321234567", "other"),
            ("+989341234567", "other"),
            ("+989944012345", "other"),
            ("+989990012345", "other"),
            ("+989061234567", "other"),
            // Turkey; and a number of ten digits that only looks Iranian.
            ("+905321234567", "other"),
            ("+449123456789", "other"),
        ] {
            let phone = PhoneNumber::from_e164(number).expect("canonical");
            assert_eq!(Operator::of(&phone).as_str(), operator, "{number}");
        }
    }

    #[test]
    fn names_lead_back_to_their_operators() {
        for &operator in Operator::VARIANTS {
            assert_eq!(operator.as_str().parse(), Ok(operator));
        }
        assert!("MCI".parse::<Operator>().is_err());
    }

    #[test]
    fn no_prefix_hides_another() {
        for (place, (prefix, _)) in PREFIXES.iter().enumerate() {
            let hidden = PREFIXES[..place]
                .iter()
                .find(|(earlier, _)| prefix.starts_with(earlier));
            assert_eq!(hidden, None, "{prefix}");
        }
    }
}
