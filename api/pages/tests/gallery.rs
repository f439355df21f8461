//! What holds for every page in every state, in both languages.

use std::collections::BTreeMap;

use domain::challenge::Locale;
use domain::random::Random;
use domain::tokens::SigningKeys;
use pages::gallery::{Gallery, Scene};
use secrecy::ExposeSecret as _;
use shared::config::{ApiConfig, Environment, PagesConfig, Rgb};

const LOCALES: [Locale; 2] = [Locale::Fa, Locale::En];

fn every(check: impl Fn(&Scene, Locale)) {
    let gallery = Gallery::new(&PagesConfig::default());
    for locale in LOCALES {
        let scenes = gallery.scenes(locale);
        assert!(scenes.len() > 50, "{}", scenes.len());
        for scene in scenes {
            check(&scene, locale);
        }
    }
}

/// The values of an attribute, in the order of the page.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let opening = format!(" {attribute}=\"");
    let parts: Vec<&str> = html.split(&opening).skip(1).collect();
    parts
        .iter()
        .filter_map(|part| part.split('"').next())
        .collect()
}

fn style(gallery: &Gallery) -> String {
    let (_, bytes) = gallery
        .assets()
        .find(|(name, _)| name.starts_with("pages-") && name.contains(".css"))
        .expect("a style");
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn every_page_says_what_it_is_and_where_its_parts_belong() {
    every(|Scene { name, html }, locale| {
        let (lang, direction) = match locale {
            Locale::Fa => ("fa", "rtl"),
            Locale::En => ("en", "ltr"),
        };
        assert!(
            html.contains(&format!("<html lang=\"{lang}\" dir=\"{direction}\">")),
            "{name}"
        );
        assert_eq!(html.matches("<h1").count(), 1, "{name}");
        let ids = values(html, "id");
        let mut once = ids.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), ids.len(), "{name}: an id stands twice: {ids:?}");
        for attribute in ["for", "aria-describedby", "data-copy"] {
            for id in values(html, attribute)
                .iter()
                .flat_map(|value| value.split(' '))
            {
                assert!(ids.contains(&id), "{name}: {attribute} names {id}");
            }
        }
        for field in html.split("<input ").skip(1) {
            let field = field.split('>').next().expect("an end");
            let hidden = field.contains("type=\"hidden\"");
            assert!(
                hidden || field.contains(" id=") || field.starts_with("class"),
                "{name}: {field}"
            );
            assert!(
                !field.contains("maxlength") && !field.contains("pattern"),
                "{name}: {field}"
            );
        }
        for form in html.split("<form ").skip(1) {
            assert!(form.contains("method=\"post\""), "{name}");
            let form = form.split("</form>").next().expect("an end");
            assert!(
                form.contains("name=\"token\""),
                "{name}: a form without its token"
            );
        }
    });
}

#[test]
fn an_error_is_in_the_title_and_takes_the_focus() {
    every(|Scene { name, html }, locale| {
        let title = html.split("<title>").nth(1).expect("a title");
        let title = title.split("</title>").next().expect("an end");
        let error = match locale {
            Locale::Fa => "خطا: ",
            Locale::En => "Error: ",
        };
        let summary = html.contains("id=\"trouble\"");
        if summary {
            assert!(title.starts_with(error), "{name}: {title}");
            assert_eq!(html.matches(" autofocus").count(), 1, "{name}");
            assert!(
                html.contains("tabindex=\"-1\" autofocus id=\"trouble\""),
                "{name}"
            );
        }
        if html.contains("aria-invalid") {
            assert!(summary, "{name}");
        }
        assert!(!title.contains("0912"), "{name}: {title}");
    });
}

#[test]
fn what_a_note_says_are_sentences_and_bad_news_is_not_green() {
    every(|Scene { name, html }, locale| {
        for note in html.split("<div class=\"note ").skip(1) {
            let note = note.split("</div>").next().expect("an end");
            for title in note.split("<strong>").skip(1) {
                let title = title.split("</strong>").next().expect("an end");
                assert!(
                    title.ends_with(['.', '!', '?', '؟', '…']),
                    "{name}: {title}"
                );
            }
            let over = match locale {
                Locale::Fa => "گذشته است",
                Locale::En => "is over",
            };
            if note.starts_with("good") {
                assert!(!note.contains(over), "{name}: {note}");
            }
        }
    });
}

#[test]
fn what_was_answered_takes_the_focus_also_where_the_code_is_over() {
    for locale in LOCALES {
        let scenes = Gallery::new(&PagesConfig::default()).scenes(locale);
        let has_focus = |wanted| {
            let scene = scenes.iter().find(|scene| scene.name == wanted);
            let html = &scene.expect("a scene").html;
            html.contains("data-over role=\"alert\" tabindex=\"-1\" autofocus id=\"trouble\"")
        };
        for name in ["code-exhausted", "code-used", "code-gone", "phone-taken"] {
            assert!(has_focus(name), "{name}");
        }
        // Nobody sent anything: it is over by its time alone.
        assert!(!has_focus("code-expired"));
    }
}

#[test]
fn no_text_is_unfinished_or_meant_for_programs() {
    every(|Scene { name, html }, _| {
        let open = html.split('{').nth(1);
        assert_eq!(open, None, "{name}: a place is left open");
        for word in [
            "phone_number",
            "session_id",
            "retry_after",
            "Accept",
            "JSON",
            "None",
            "Some(",
        ] {
            assert!(!html.contains(word), "{name}: {word}");
        }
        for number in html.split("0912 345 6789").skip(1) {
            assert!(
                number.starts_with("</bdi>"),
                "{name}: a number that is not left to right"
            );
        }
        // A verb with its prefix is joined by a half-space.
        for wrong in [" می ", " نمی ", "ي", "ك", " ها "] {
            assert!(!html.contains(wrong), "{name}: {wrong}");
        }
    });
}

#[test]
fn nothing_stands_inline_or_comes_from_elsewhere_and_pages_are_light() {
    let gallery = Gallery::new(&PagesConfig::default());
    let shared: usize = gallery
        .assets()
        .filter(|(name, _)| !name.contains(".woff2"))
        .map(|(_, bytes)| bytes.len())
        .sum();
    every(|Scene { name, html }, _| {
        for inline in [
            " style=",
            "<style",
            "<script>",
            " onclick",
            "javascript:",
            "http://",
            "https://",
            "//",
        ] {
            assert!(!html.contains(inline), "{name}: {inline}");
        }
        let weight = html.len() + shared;
        assert!(weight <= 60_000, "{name}: {weight} bytes without the font");
    });
}

#[test]
fn every_file_that_pages_and_style_name_is_there() {
    let gallery = Gallery::new(&PagesConfig::default());
    let names: Vec<String> = gallery
        .assets()
        .map(|(name, _)| format!("/assets/{name}"))
        .collect();
    let style = style(&gallery);
    let of_style = style
        .split("url(\"")
        .skip(1)
        .filter_map(|part| part.split('"').next());
    for name in of_style {
        assert!(names.iter().any(|there| there == name), "{name}");
    }
    every(|Scene { name, html }, _| {
        let named = [values(html, "href"), values(html, "src")].concat();
        for path in named
            .into_iter()
            .filter(|path| path.starts_with("/assets/"))
        {
            assert!(names.iter().any(|there| there == path), "{name}: {path}");
        }
    });
}

#[test]
fn all_colours_can_be_read() {
    let style = style(&Gallery::new(&PagesConfig::default()));
    let (light, rest) = style
        .split_once("@media (prefers-color-scheme: dark)")
        .expect("dark");
    let dark = rest.split("\n}").next().expect("an end");
    for (theme, text) in [("light", light), ("dark", dark)] {
        let colours: BTreeMap<&str, Rgb> = text
            .lines()
            .filter_map(|line| {
                line.trim()
                    .strip_prefix("--")?
                    .strip_suffix(';')?
                    .split_once(": ")
            })
            .filter_map(|(name, value)| Some((name, Rgb::parse(value)?)))
            .collect();
        for (ink, grounds, least) in [
            (
                "ink",
                &["paper", "surface", "wash", "bad-wash", "warn-wash"][..],
                4.5,
            ),
            ("quiet", &["paper", "surface"], 4.5),
            ("accent", &["paper", "surface", "wash"], 4.5),
            ("on-accent", &["accent"], 4.5),
            ("bad", &["surface", "bad-wash"], 4.5),
            ("warn", &["surface", "warn-wash"], 4.5),
            // Borders of what can be used (WCAG 2.2, 1.4.11).
            ("edge", &["paper", "surface"], 3.0),
        ] {
            for ground in grounds {
                let contrast = colours[ink].contrast(colours[ground]);
                assert!(
                    contrast >= least,
                    "{theme}: {ink} on {ground}: {contrast:.2}"
                );
            }
        }
    }
}

#[test]
fn the_pages_are_those_of_the_operator() {
    let folder = tempfile::tempdir().expect("a folder");
    let logo = folder.path().join("logo.svg").display().to_string();
    std::fs::write(&logo, "<svg xmlns=\"http://www.w3.org/2000/svg\"/>").expect("written");
    let texts = folder.path().join("texts").display().to_string();
    std::fs::write(
        &texts,
        "SUPPORT_TEXT.en = Call 021-12345678\nBRAND_NAME.en = <Sample> shop\nTERMS_URL.en = /en/terms\n",
    )
    .expect("written");
    let pem = SigningKeys::generate_pem(&Random::seeded(1));
    let environment = Environment::from_pairs([
        ("DATABASE_URL", "sqlite://x"),
        ("OTP_KEY", "k1:hLxxhe5nOyCuYyClhTwtGyJz+MtReEIuMSQKLLczGAU="),
        ("JWT_PRIVATE_KEY", pem.expose_secret()),
        ("BRAND_NAME", "فروشگاه <نمونه>"),
        ("BRAND_COLOR", "#7a1fa2"),
        ("BRAND_LOGO_FILE", &logo),
        ("TERMS_URL", "/terms?a=1&b=2"),
        ("PRIVACY_URL", "https://example.ir/privacy"),
        ("SUPPORT_TEXT", "021-12345678"),
        ("BRAND_TEXTS_FILE", &texts),
    ]);
    let config = ApiConfig::load(&environment).expect("settings");
    let gallery = Gallery::new(&config.pages.expect("pages"));
    let scenes = gallery.scenes(Locale::Fa);
    for Scene { name, html } in &scenes {
        for words in [
            "فروشگاه &#60;نمونه&#62;</span>",
            "src=\"/assets/logo-",
            "href=\"/terms?a=1&#38;b=2\"",
            "href=\"https://example.ir/privacy\"",
            "<bdi>021-12345678</bdi>",
        ] {
            assert!(html.contains(words), "{name}: {words}");
        }
    }
    for Scene { name, html } in &gallery.scenes(Locale::En) {
        for words in [
            "&#60;Sample&#62; shop</span>",
            "href=\"/en/terms\"",
            "href=\"https://example.ir/privacy\"",
            "<bdi>Call 021-12345678</bdi>",
        ] {
            assert!(html.contains(words), "{name}: {words}");
        }
    }
    assert!(style(&gallery).contains("--accent:#7a1fa2"));
    let plain = Gallery::new(&PagesConfig::default());
    let name_of_style = |gallery: &Gallery| {
        let mut names = gallery.assets().map(|(name, _)| name.to_owned());
        names.find(|name| name.starts_with("pages-") && name.contains(".css"))
    };
    assert_ne!(
        name_of_style(&gallery),
        name_of_style(&plain),
        "another content, another name"
    );
}
