//! The picture by which an app takes over its secret (a QR code), drawn as one path.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

/// White around it, which cameras need.
const QUIET: i32 = 4;

/// A QR code as SVG draws it.
pub(crate) struct Picture {
    /// How wide and high it is.
    pub(crate) size: i32,
    /// The dark modules.
    pub(crate) path: String,
}

impl Picture {
    /// The picture of a text; `None` where it is too long for one.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
        let mut path = String::new();
        for y in 0..code.size() {
            let mut x = 0;
            while x < code.size() {
                let mut width = 0;
                while code.get_module(x + width, y) {
                    width += 1;
                }
                if width > 0 {
                    // Writing into a string cannot fail.
                    let _ = write!(path, "M{} {}h{width}v1h-{width}z", x + QUIET, y + QUIET);
                }
                x += width.max(1);
            }
        }
        Some(Self {
            size: code.size() + 2 * QUIET,
            path,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dark_module_is_drawn_once() {
        let text = "otpauth://totp/Ramz:0912?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        let (picture, code) = (
            Picture::of(text).expect("a picture"),
            QrCode::encode_text(text, QrCodeEcc::Medium).expect("a code"),
        );
        let dark = (0..code.size())
            .flat_map(|y| (0..code.size()).map(move |x| (x, y)))
            .filter(|(x, y)| code.get_module(*x, *y))
            .count();
        let drawn: usize = picture
            .path
            .split('M')
            .filter_map(|run| run.split_once('h')?.1.split_once('v'))
            .map(|(width, _)| width.parse::<usize>().expect("a width"))
            .sum();
        assert_eq!(drawn, dark);
        assert_eq!(picture.size, code.size() + 8);
        assert!(Picture::of(&"a".repeat(5_000)).is_none());
    }
}
