//! `BRAND_COLOR`: one colour, from which the pages make what people can read in light and in dark
//! (contrast by WCAG 2.2, success criterion 1.4.3).

use std::fmt;

/// Text on what the pages call paper, surface and wash has at least this contrast.
const ENOUGH: f64 = 4.5;
/// The grounds on which the accent is text, or under white text: paper, surface.
const LIGHT_GROUNDS: [Rgb; 2] = [Rgb(0xf4, 0xf3, 0xee), Rgb(0xff, 0xff, 0xff)];
const DARK_GROUNDS: [Rgb; 2] = [Rgb(0x10, 0x14, 0x12), Rgb(0x18, 0x1d, 0x1a)];
const LIGHT_WASH: f64 = 0.1;
const DARK_WASH: f64 = 0.16;

/// The colour of the operator, made legible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrandColor {
    given: Rgb,
    light: Rgb,
    dark: Rgb,
}

/// A colour of the sRGB space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(u8, u8, u8);

impl BrandColor {
    /// Reads `#0c6a4e`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let given = Rgb::parse(text)
            .ok_or_else(|| format!("`{}` is no colour such as #0c6a4e", text.escape_debug()))?;
        Ok(Self {
            given,
            light: legible(given, Rgb(0, 0, 0), LIGHT_GROUNDS, LIGHT_WASH),
            dark: legible(given, Rgb(255, 255, 255), DARK_GROUNDS, DARK_WASH),
        })
    }

    /// The accent of light pages.
    pub fn light(self) -> Rgb {
        self.light
    }

    /// The accent of dark pages.
    pub fn dark(self) -> Rgb {
        self.dark
    }

    /// The quiet ground of what is good, on light pages.
    pub fn light_wash(self) -> Rgb {
        self.light.over(LIGHT_GROUNDS[1], LIGHT_WASH)
    }

    /// The same on dark pages.
    pub fn dark_wash(self) -> Rgb {
        self.dark.over(DARK_GROUNDS[1], DARK_WASH)
    }

    /// What the operator should know, if the colour could not be used as it is.
    pub(super) fn changed(self) -> Option<String> {
        (self.given != self.light).then(|| {
            format!(
                "{} is too bright for text on light pages (contrast {:.1}, of {ENOUGH}), so they use {}",
                self.given,
                self.given.contrast(LIGHT_GROUNDS[0]),
                self.light
            )
        })
    }
}

/// The colour itself, or the nearest one on the way to `towards` that can be read on all grounds.
fn legible(color: Rgb, towards: Rgb, grounds: [Rgb; 2], wash: f64) -> Rgb {
    let readable = |color: Rgb| {
        let wash = color.over(grounds[1], wash);
        let grounds = grounds.into_iter().chain([wash]);
        grounds
            .map(|ground| color.contrast(ground))
            .all(|contrast| contrast >= ENOUGH)
    };
    let steps = (0..=100_u8).map(|step| towards.over(color, f64::from(step) / 100.0));
    steps
        .into_iter()
        .find(|color| readable(*color))
        .unwrap_or(towards)
}

impl Rgb {
    /// Reads `#0c6a4e`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').unwrap_or(text);
        let mut bytes = [0; 3];
        hex::decode_to_slice(digits, &mut bytes).ok()?;
        Some(Self(bytes[0], bytes[1], bytes[2]))
    }

    /// This colour over another, as opaque as `share`.
    fn over(self, under: Self, share: f64) -> Self {
        let mix = |over: u8, under: u8| {
            let mixed = f64::from(over) * share + f64::from(under) * (1.0 - share);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a mean of two bytes is a byte"
            )]
            let byte = mixed.round() as u8;
            byte
        };
        Self(
            mix(self.0, under.0),
            mix(self.1, under.1),
            mix(self.2, under.2),
        )
    }

    /// WCAG 2.2, "relative luminance".
    fn luminance(self) -> f64 {
        let linear = |byte: u8| {
            let share = f64::from(byte) / 255.0;
            if share <= 0.040_45 {
                share / 12.92
            } else {
                ((share + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    /// WCAG 2.2, "contrast ratio": from 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }
}

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_that_can_be_read_stays_and_others_are_made_so() {
        let green = BrandColor::parse("#0c6a4e").expect("a colour");
        assert_eq!(green.light().to_string(), "#0c6a4e");
        assert_eq!(green.changed(), None);
        for color in [
            "#ffe600", "#ffffff", "#63cfa6", "ff0000", "#808080", "#000000", "#1a1aff",
        ] {
            let brand = BrandColor::parse(color).expect(color);
            for (accent, wash, grounds) in [
                (brand.light(), brand.light_wash(), LIGHT_GROUNDS),
                (brand.dark(), brand.dark_wash(), DARK_GROUNDS),
            ] {
                for ground in [grounds[0], grounds[1], wash] {
                    let contrast = accent.contrast(ground);
                    assert!(contrast >= 4.5, "{color}: {accent} on {ground}: {contrast}");
                }
            }
        }
        let yellow = BrandColor::parse("#ffe600").expect("a colour");
        let told = yellow.changed().expect("a warning");
        assert!(
            told.contains("#ffe600") && told.contains(&yellow.light().to_string()),
            "{told}"
        );
    }

    #[test]
    fn what_is_no_colour_is_refused() {
        for text in [
            "green",
            "#fff",
            "#12345",
            "#1234567",
            "#zzzzzz",
            "url(x)",
            "#0c6a4e;}",
            "۱۲۳۴۵۶",
        ] {
            assert!(BrandColor::parse(text).is_err(), "{text}");
        }
    }
}
