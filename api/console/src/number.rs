//! Numbers as staff see them. Always to be shown left to right.

use domain::phone::PhoneNumber;

/// `0912 345 6789` for Iran, `+90 …` in threes for others.
pub(crate) fn whole(phone: &PhoneNumber) -> String {
    if let Some(rest) = national(phone) {
        return format!("0{} {} {}", &rest[..3], &rest[3..6], &rest[6..]);
    }
    let digits: Vec<char> = phone.digits().chars().collect();
    let groups = digits
        .chunks(3)
        .map(|group| group.iter().collect::<String>());
    format!("+{}", groups.collect::<Vec<_>>().join(" "))
}

/// `0912 ••• 6789`; of others the country and the last four.
pub(crate) fn masked(phone: &PhoneNumber) -> String {
    if let Some(rest) = national(phone) {
        return format!("0{} ••• {}", &rest[..3], &rest[6..]);
    }
    let digits = phone.digits();
    let last = digits.len().saturating_sub(4);
    format!("+{} ••• {}", &digits[..2.min(last)], &digits[last..])
}

fn national(phone: &PhoneNumber) -> Option<&str> {
    let rest = phone.digits().strip_prefix("98");
    rest.filter(|rest| rest.len() == 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_masked_in_their_middle() {
        let phone = |text: &str| PhoneNumber::from_e164(text).expect("a number");
        let (ours, other) = (phone("+989123456789"), phone("+905321234567"));
        assert_eq!(whole(&ours), "0912 345 6789");
        assert_eq!(masked(&ours), "0912 ••• 6789");
        assert_eq!(whole(&other), "+905 321 234 567");
        assert_eq!(masked(&other), "+90 ••• 4567");
    }
}
