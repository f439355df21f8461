//! Reading what another process is still writing.

/// The lines of `text` that are finished: the last one may be half written by a process that runs.
pub fn whole_lines(text: &str) -> std::str::Lines<'_> {
    let end = text.rfind('\n').map_or(0, |newline| newline + 1);
    text[..end].lines()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_under_way_is_left_for_later() {
        let lines = |text| whole_lines(text).collect::<Vec<_>>();
        assert_eq!(lines("one\ntwo\n"), ["one", "two"]);
        assert_eq!(lines("one\ntw"), ["one"]);
        assert!(lines("on").is_empty());
        assert!(lines("").is_empty());
    }
}
