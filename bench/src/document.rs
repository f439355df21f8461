//! The part of a document that is made from files of figures, between its markers.

use std::path::{Path, PathBuf};

use crate::results::Results;
use crate::{Failure, chart, chart_of_steps, table};

const BEGIN: &str = "<!-- bench: what follows is written by `bench report` -->";
const END: &str = "<!-- bench: end -->";

/// Prints the tables, or writes them into a document and the chart beside it.
pub(crate) fn report(results: &[PathBuf], document: Option<&Path>) -> Result<(), Failure> {
    let all = results.iter().map(|path| Results::read(path));
    let all: Vec<Results> = all.collect::<Result<_, _>>()?;
    let tables: Vec<String> = all.iter().map(table::of).collect();
    let mut part = tables.join("\n");
    let Some(document) = document else {
        print!("{part}");
        return Ok(());
    };
    if let Some(curves) = all.iter().map(|it| &it.curves).find(|it| !it.is_empty()) {
        let picture = document.with_extension("svg");
        chart::write(curves, &picture)?;
        let name = picture.file_name().unwrap_or_default().to_string_lossy();
        part += "\n![Latency against load](";
        part += &name;
        part += ")\n";
    }
    if let Some(steps) = all.iter().map(|it| &it.steps).find(|it| !it.is_empty()) {
        let stem = document.file_stem().unwrap_or_default().to_string_lossy();
        let name = format!("{stem}-steps.svg");
        chart_of_steps::write(steps, &document.with_file_name(&name))?;
        part += "\n![A sign-in: processor time by step and process](";
        part += &name;
        part += ")\n";
    }
    let text = std::fs::read_to_string(document)
        .map_err(|error| format!("{}: {error}", document.display()))?;
    let text = replace(&text, &part)
        .ok_or_else(|| format!("{} has no markers: {BEGIN} … {END}", document.display()))?;
    Ok(std::fs::write(document, text)?)
}

/// The text with another part between the markers; nothing where they do not stand there, once
/// each and in this order.
fn replace(text: &str, part: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let again = [before, after]
        .iter()
        .any(|text| text.contains(BEGIN) || text.contains(END));
    (!again).then(|| format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", part.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let text = format!("# Title\n\n{BEGIN}\nold\n{END}\n\nMore.\n");
        let new = replace(&text, "\nnew\n").expect("markers");
        assert_eq!(
            new,
            format!("# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nMore.\n")
        );
        assert_eq!(replace(&new, "new").as_deref(), Some(new.as_str()));
    }

    #[test]
    fn a_text_without_both_markers_in_order_is_left_alone() {
        for text in [
            "no markers".to_owned(),
            format!("{BEGIN} no end"),
            format!("{END} {BEGIN}"),
            format!("{BEGIN}{END}{BEGIN}{END}"),
        ] {
            assert_eq!(replace(&text, "new"), None, "{text}");
        }
    }

    #[test]
    fn a_document_gets_table_and_charts() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        let mut results = table::tests::results();
        results.curves = chart::tests::curves();
        results.steps = chart_of_steps::tests::steps();
        let json = serde_json::to_vec(&results).expect("JSON");
        std::fs::write(file("results.json"), json).expect("written");
        std::fs::write(file("page.md"), format!("{BEGIN}{END}")).expect("written");

        report(&[file("results.json")], Some(&file("page.md"))).expect("reported");

        let page = std::fs::read_to_string(file("page.md")).expect("the page");
        assert!(page.contains("| requests (1) |"), "{page}");
        assert!(page.contains("](page.svg)"), "{page}");
        let picture = std::fs::read_to_string(file("page.svg")).expect("the chart");
        assert!(picture.starts_with("<svg"), "{picture}");
        assert!(page.contains("](page-steps.svg)"), "{page}");
        let picture = std::fs::read_to_string(file("page-steps.svg")).expect("the chart of steps");
        assert!(picture.starts_with("<svg"), "{picture}");
    }

    #[test]
    fn the_document_of_the_project_has_its_markers() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance.md");
        let text = std::fs::read_to_string(path).expect("docs/performance.md");
        assert!(replace(&text, "").is_some());
    }
}
