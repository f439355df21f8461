//! The chart of where the time of a sign-in goes: a bar for each step, in parts by process.

use std::path::Path;

use plotters::prelude::{
    ChartBuilder, Color, IntoDrawingArea, RGBColor, Rectangle, SVGBackend, SeriesLabelPosition,
    Text, WHITE,
};

use crate::Failure;
use crate::results::{Steps, TimedStep};

const WIDTH: u32 = 880;
const HEIGHT_OF_A_BAR: u32 = 44;
/// Title, axis and legend.
const HEIGHT_OF_THE_REST: u32 = 150;
const FONT: &str = "sans-serif";
/// One for each process; they differ for the colour-blind, too.
const COLOURS: [RGBColor; 4] = [
    RGBColor(0, 90, 181),
    RGBColor(86, 180, 233),
    RGBColor(220, 50, 32),
    RGBColor(230, 159, 0),
];

/// Draws the steps into a file.
pub(crate) fn write(steps: &[Steps], path: &Path) -> Result<(), Failure> {
    let picture = draw(steps)?;
    std::fs::write(path, picture).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn draw(all: &[Steps]) -> Result<String, Failure> {
    let bars: Vec<(&str, &TimedStep)> = all
        .iter()
        .flat_map(|of_one| of_one.rows.iter().map(|step| (of_one.name.as_str(), step)))
        .collect();
    let longest = bars.iter().map(|(_, step)| step.micros.iter().sum());
    let longest = longest.fold(0.0, f64::max);
    let processes = all.first().map(|first| first.processes.as_slice());
    let processes = processes.filter(|_| longest > 0.0);
    let processes = processes.ok_or("there are no steps to draw: measure `sign-ins`")?;
    let rows = u32::try_from(bars.len())?;
    let size = (WIDTH, rows * HEIGHT_OF_A_BAR + HEIGHT_OF_THE_REST);
    let mut picture = String::new();
    {
        let area = SVGBackend::with_string(&mut picture, size).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption("A sign-in: processor time by step and process", (FONT, 18))
            .margin(12)
            .x_label_area_size(42)
            .build_cartesian_2d(0.0..longest * 1.25, 0.0..f64::from(rows))?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .x_desc("microseconds")
            .x_label_formatter(&|micros| format!("{micros:.0}"))
            .axis_desc_style((FONT, 14))
            .draw()?;
        for (index, process) in processes.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let parts = (1_u32..).zip(&bars).map(|(row, (_, step))| {
                let begin: f64 = step.micros.iter().take(index).sum();
                let end = begin + step.micros.get(index).copied().unwrap_or_default();
                // The first step is drawn at the top; its name stands above its bar.
                let bottom = f64::from(rows - row);
                Rectangle::new(
                    [(begin, bottom + 0.08), (end, bottom + 0.52)],
                    colour.filled(),
                )
            });
            chart
                .draw_series(parts)?
                .label(process)
                .legend(move |(x, y)| {
                    Rectangle::new([(x, y - 5), (x + 14, y + 5)], colour.filled())
                });
        }
        let names = (1_u32..).zip(&bars).map(|(row, (name, step))| {
            let sum: f64 = step.micros.iter().sum();
            let text = format!("{name}, {}: {sum:.0} µs", step.name);
            Text::new(text, (0.0, f64::from(rows - row) + 0.9), (FONT, 13))
        });
        chart.draw_series(names)?;
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.9))
            .border_style(RGBColor(160, 160, 160))
            .label_font((FONT, 13))
            .draw()?;
        area.present()?;
    }
    Ok(picture)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn steps() -> Vec<Steps> {
        let step = |name: &str, micros: [f64; 2]| TimedStep {
            name: name.to_owned(),
            micros: micros.to_vec(),
        };
        let of = |name: &str| Steps {
            name: name.to_owned(),
            processes: vec!["API".to_owned(), "Redis".to_owned()],
            rows: vec![step("ask", [100.0, 50.5]), step("verify", [200.0, 0.0])],
        };
        vec![of("Ramz"), of("floor")]
    }

    #[test]
    fn every_step_has_a_bar_with_its_name_and_sum() {
        let picture = draw(&steps()).expect("a picture");
        for text in [
            "Ramz, ask: 150 µs",
            "Ramz, verify: 200 µs",
            "floor, ask: 150 µs",
            "API",
            "Redis",
        ] {
            assert!(picture.contains(text), "{text}: {picture}");
        }
    }

    #[test]
    fn without_steps_there_is_no_picture() {
        assert!(draw(&[]).is_err());
    }
}
