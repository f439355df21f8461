//! Small charts, drawn on the server as paths of SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 44.0;
/// Lines have a width, half of which lies outside.
const EDGE: f64 = 2.0;

/// A line over the area below it. Where a figure is missing it has a gap.
pub(crate) struct Chart {
    pub(crate) line: String,
    pub(crate) area: String,
    /// What it shows, for people who cannot see it.
    pub(crate) label: String,
    pub(crate) is_empty: bool,
}

impl Chart {
    /// Of figures that are equally far apart, the oldest first. It begins at zero unless `spread` says that what
    /// matters is how the figures change.
    pub(crate) fn new(label: String, figures: &[Option<f64>], spread: bool) -> Self {
        let known = || figures.iter().flatten().copied();
        let most = known().fold(f64::MIN, f64::max);
        let least = if spread {
            known().fold(f64::MAX, f64::min)
        } else {
            0.0
        };
        let height = (most - least).max(f64::EPSILON);
        let place = |index: usize, figure: f64| {
            let step = WIDTH / number(figures.len().saturating_sub(1).max(1));
            let part = if most > least {
                (figure - least) / height
            } else {
                0.0
            };
            let y = HEIGHT - EDGE - part * (HEIGHT - 2.0 * EDGE);
            format!("{:.1} {y:.1}", number(index) * step)
        };
        let (mut line, mut area) = (String::new(), String::new());
        let mut run: Vec<(usize, f64)> = Vec::new();
        for (index, figure) in figures.iter().chain([&None]).enumerate() {
            if let Some(figure) = figure {
                run.push((index, *figure));
                continue;
            }
            let points: Vec<String> = run.iter().map(|(at, figure)| place(*at, *figure)).collect();
            if let (Some((first, _)), Some((last, _))) = (run.first(), run.last()) {
                let joined = points.join("L");
                // A figure alone is a dot.
                let dot = if points.len() == 1 { "h.1" } else { "" };
                line.push_str(&["M", &joined, dot].concat());
                let step = WIDTH / number(figures.len().saturating_sub(1).max(1));
                let (left, right) = (number(*first) * step, number(*last) * step);
                // Writing into a text cannot fail.
                let _ = write!(area, "M{left:.1} {HEIGHT}L{joined}L{right:.1} {HEIGHT}Z");
            }
            run.clear();
        }
        Self {
            is_empty: line.is_empty(),
            line,
            area,
            label,
        }
    }
}

/// A column of a chart of columns: its place and size.
pub(crate) struct Column {
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) width: String,
    pub(crate) height: String,
    /// What it stands for.
    pub(crate) title: String,
}

/// Columns, the oldest first, each with what it stands for.
pub(crate) fn columns(figures: &[(f64, String)]) -> Vec<Column> {
    let most = figures
        .iter()
        .map(|(figure, _)| *figure)
        .fold(1.0, f64::max);
    let step = WIDTH / number(figures.len().max(1));
    figures
        .iter()
        .enumerate()
        .map(|(index, (figure, title))| {
            // What is there can be seen.
            let least = if *figure > 0.0 { 1.0 } else { 0.0 };
            let height = (figure / most * (HEIGHT - EDGE)).max(least);
            Column {
                x: format!("{:.1}", number(index) * step + step * 0.1),
                y: format!("{:.1}", HEIGHT - height),
                width: format!("{:.1}", step * 0.8),
                height: format!("{height:.1}"),
                title: title.clone(),
            }
        })
        .collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "there are a few hundred figures at most"
)]
fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(figures: &[Option<f64>], spread: bool) -> Chart {
        Chart::new(String::new(), figures, spread)
    }

    #[test]
    fn a_line_goes_through_its_figures_and_has_gaps() {
        let drawn = chart(&[Some(0.0), Some(10.0), None, Some(5.0)], false);
        assert_eq!(drawn.line, "M0.0 42.0L80.0 2.0M240.0 22.0h.1");
        assert_eq!(
            drawn.area,
            "M0.0 44L0.0 42.0L80.0 2.0L80.0 44ZM240.0 44L240.0 22.0L240.0 44Z"
        );
        let spread = chart(&[Some(100.0), Some(90.0)], true);
        assert_eq!(spread.line, "M0.0 2.0L240.0 42.0");
    }

    #[test]
    fn whatever_the_figures_are_every_number_is_one() {
        for figures in [
            &[][..],
            &[None, None],
            &[Some(0.0), Some(0.0)],
            &[Some(7.0)],
            &[Some(f64::MAX), Some(0.0)],
            &[Some(-5.0), Some(5.0)],
        ] {
            for spread in [false, true] {
                let drawn = chart(figures, spread);
                let text = format!("{}{}", drawn.line, drawn.area);
                assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
                assert_eq!(drawn.is_empty, figures.iter().flatten().count() == 0);
            }
        }
        let drawn = columns(&[
            (0.0, String::new()),
            (3.0, String::new()),
            (0.001, String::new()),
        ]);
        let heights: Vec<&str> = drawn.iter().map(|one| one.height.as_str()).collect();
        assert_eq!(heights, ["0.0", "42.0", "1.0"]);
        assert!(columns(&[]).is_empty());
    }
}
