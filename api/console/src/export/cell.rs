//! Cells of CSV (RFC 4180) that no spreadsheet takes for a formula (OWASP, "CSV Injection").

/// What makes a spreadsheet calculate, where a cell begins with it; the last ones are the same in full width.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Adds a cell. One that looks like a formula begins with an apostrophe, which is what spreadsheets mark text by.
pub(super) fn push(line: &mut String, text: &str) {
    // A line break inside a cell could begin another formula where a reader splits lines without looking at quotes.
    let is_formula = text.starts_with(FORMULA) || text.contains(['\n', '\r']);
    let is_quoted = is_formula || text.contains([',', '"', ';', '\t', '|']);
    if !is_quoted {
        line.push_str(text);
        return;
    }
    line.push('"');
    if is_formula {
        line.push('\'');
    }
    for character in text.chars() {
        match character {
            '"' => line.push_str("\"\""),
            '\n' | '\r' => line.push(' '),
            other => line.push(other),
        }
    }
    line.push('"');
}

/// A line of these cells.
pub(super) fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let mut line = String::new();
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        push(&mut line, cell);
    }
    line.push_str("\r\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_cell_is_a_formula_or_another_cell() {
        for (text, cell) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"yes\"", "\"say \"\"yes\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("+98912", "\"'+98912\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\tx", "\"'\tx\""),
            ("\r=1", "\"' =1\""),
            ("x\n=1+1", "\"'x =1+1\""),
            ("＝cmd", "\"'＝cmd\""),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("a;=1", "\"a;=1\""),
            ("\"=1", "\"\"\"=1\""),
        ] {
            let mut line = String::new();
            push(&mut line, text);
            assert_eq!(line, cell, "{text:?}");
        }
        assert_eq!(line(["a", "=b", ""]), "a,\"'=b\",\r\n");
    }
}
