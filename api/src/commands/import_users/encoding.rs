//! The characters of a file: UTF-8, or UTF-16 as PowerShell and Excel write it.

use std::io::{self, Cursor, Read};

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use encoding_rs_io::DecodeReaderBytesBuilder;

/// What is looked at to tell them apart: more than a header or the first object.
const HEAD: u64 = 8 * 1024;

/// The same text in UTF-8, without a byte order mark. Bytes that are not UTF-8 pass as they are: the
/// row that they stand in is refused alone.
pub(super) fn decoded<'a>(mut source: impl Read + 'a) -> io::Result<impl Read + 'a> {
    let mut head = Vec::new();
    source.by_ref().take(HEAD).read_to_end(&mut head)?;
    let encoding = encoding_of(&head)?;
    Ok(DecodeReaderBytesBuilder::new()
        .encoding(encoding)
        .utf8_passthru(true)
        .strip_bom(true)
        .build(Cursor::new(head).chain(source)))
}

/// UTF-16 of which kind, or nothing for UTF-8. By the byte order mark. Without one, a text whose every second byte is NUL here and there, and no
/// other byte is, can only be UTF-16: each line of a dump has ASCII characters, and no text has NULs.
fn encoding_of(head: &[u8]) -> io::Result<Option<&'static Encoding>> {
    let unknown = || {
        Err(io::Error::other(
            "it is neither UTF-8 nor UTF-16; save it as UTF-8",
        ))
    };
    match head {
        // UTF-32, which begins like UTF-16.
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return unknown(),
        [0xff, 0xfe, ..] => return Ok(Some(UTF_16LE)),
        [0xfe, 0xff, ..] => return Ok(Some(UTF_16BE)),
        _ => {}
    }
    let nulls = |first: usize| {
        let bytes = head.iter().skip(first).step_by(2);
        bytes.filter(|byte| **byte == 0).count()
    };
    let (even, odd) = (nulls(0), nulls(1));
    let many = head.len() / 8;
    match (even, odd) {
        (0, odd) if odd > many => Ok(Some(UTF_16LE)),
        (even, 0) if even > many => Ok(Some(UTF_16BE)),
        (even, odd) if even + odd > many => unknown(),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        let mut source = decoded(bytes).map_err(|error| error.to_string())?;
        source.read_to_end(&mut text).expect("read");
        Ok(text)
    }

    fn units(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn utf_8_and_utf_16_give_the_same_text_with_and_without_a_byte_order_mark() {
        let long = format!(
            "phone\tنام\r\n0913\tمریم 🙂{}",
            "\r\n0913\tعلی".repeat(9_000)
        );
        for text in [
            "[{\"phone\": \"۰۹۱۳\", \"first_name\": \"مریم 🙂\"}]",
            "نام;phone\nمریم;0913",
            "p\n1\n",
            &long,
        ] {
            let marked = format!("\u{feff}{text}");
            for text_in in [text, &marked] {
                assert_eq!(read(text_in.as_bytes()).expect("UTF-8"), text.as_bytes());
                let little = read(&units(text_in, u16::to_le_bytes));
                assert_eq!(little.expect("UTF-16LE"), text.as_bytes());
                let big = read(&units(text_in, u16::to_be_bytes));
                assert_eq!(big.expect("UTF-16BE"), text.as_bytes());
            }
        }
        assert_eq!(read(b"").expect("nothing"), b"");
    }

    #[test]
    fn what_could_be_several_things_is_not_guessed() {
        let utf_32: Vec<u8> = "phone\n0913"
            .chars()
            .flat_map(|character| u32::from(character).to_le_bytes())
            .collect();
        let marked = [&[0xff, 0xfe, 0, 0][..], &utf_32].concat();
        let zeros = vec![0; 100];
        for bytes in [utf_32, marked, zeros] {
            assert!(
                read(&bytes)
                    .expect_err("refused")
                    .contains("save it as UTF-8")
            );
        }
        // A NUL or a byte of another encoding in a row is the matter of that row.
        for bytes in [
            &b"phone,first_name\n0913,a\0b\n"[..],
            b"phone,first_name\n0913,\xc3\xd1\n",
        ] {
            assert_eq!(read(bytes).expect("as it is"), bytes);
        }
    }
}
