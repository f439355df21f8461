//! Numbers as people write them.

use domain::phone::PhoneNumber;

/// `0912 345 6789` for Iran, `+90 …` in threes for others. Always to be shown left to right.
pub(crate) fn spaced(phone: &PhoneNumber) -> String {
    let national = phone
        .digits()
        .strip_prefix("98")
        .filter(|rest| rest.len() == 10);
    if let Some(rest) = national {
        return format!("0{} {} {}", &rest[..3], &rest[3..6], &rest[6..]);
    }
    let digits: Vec<char> = phone.digits().chars().collect();
    let groups = digits
        .chunks(3)
        .map(|group| group.iter().collect::<String>());
    format!("+{}", groups.collect::<Vec<_>>().join(" "))
}

/// As a person would type it.
pub(crate) fn typed(phone: &PhoneNumber) -> String {
    spaced(phone).replace(' ', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_in_groups() {
        let shown = |text: &str| spaced(&PhoneNumber::from_e164(text).expect("a number"));
        assert_eq!(shown("+989123456789"), "0912 345 6789");
        assert_eq!(shown("+905321234567"), "+905 321 234 567");
        let phone = PhoneNumber::from_e164("+989123456789").expect("a number");
        assert_eq!(typed(&phone), "09123456789");
    }
}
