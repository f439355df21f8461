//! The chart: latency against load, Ramz and the bare handler.

use std::path::Path;

use plotters::prelude::{
    ChartBuilder, Circle, Color, EmptyElement, IntoDrawingArea, IntoLogRange, LineSeries,
    PathElement, PointSeries, RGBColor, SVGBackend, SeriesLabelPosition, WHITE,
};

use crate::Failure;
use crate::results::{Curve, Point};

const SIZE: (u32, u32) = (880, 480);
const FONT: &str = "sans-serif";
/// One for each curve; they differ for the colour-blind, too.
const COLOURS: [RGBColor; 2] = [RGBColor(0, 90, 181), RGBColor(220, 50, 32)];
/// Above the slowest point, for the names of the curves.
const HEADROOM: f64 = 6.0;
/// The 50th percentile is drawn paler than the 99th.
const PALE: f64 = 0.45;

/// Draws the curves into a file.
pub(crate) fn write(curves: &[Curve], path: &Path) -> Result<(), Failure> {
    let picture = draw(curves)?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, picture).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn draw(curves: &[Curve]) -> Result<String, Failure> {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let most_load = points().map(|point| point.load).fold(0.0, f64::max);
    let slowest = points().map(|point| point.p99).fold(0.0, f64::max);
    let fastest = points().map(|point| point.p50).fold(f64::MAX, f64::min);
    if most_load <= 0.0 || fastest <= 0.0 {
        return Err("there are no curves to draw: measure `accept`".into());
    }
    let mut picture = String::new();
    {
        let area = SVGBackend::with_string(&mut picture, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let latencies = (fastest / 1.5..slowest * HEADROOM).log_scale();
        let mut chart = ChartBuilder::on(&area)
            .caption("POST /api/v1/usr/otp: latency against load", (FONT, 18))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..most_load * 1.05, latencies)?;
        chart
            .configure_mesh()
            .x_desc("requests a second, open loop")
            .y_desc("milliseconds, logarithmic")
            .x_label_formatter(&|load| format!("{load:.0}"))
            .y_label_formatter(&|millis| label(*millis))
            .axis_desc_style((FONT, 14))
            .draw()?;
        for (index, curve) in curves.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            for (name, of, strength) in percentiles() {
                let style = colour.mix(strength).stroke_width(2);
                let line: Vec<(f64, f64)> =
                    curve.points.iter().map(|it| (it.load, of(it))).collect();
                chart
                    .draw_series(LineSeries::new(line.clone(), style))?
                    .label(format!("{} {name}", curve.name))
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
                let dot = colour.mix(strength).filled();
                chart.draw_series(PointSeries::of_element(line, 3, dot, &|at, size, style| {
                    EmptyElement::at(at) + Circle::new((0, 0), size, style)
                }))?;
            }
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.9))
            .border_style(RGBColor(160, 160, 160))
            .label_font((FONT, 13))
            .draw()?;
        area.present()?;
    }
    Ok(picture)
}

type Percentile = (&'static str, fn(&Point) -> f64, f64);

fn percentiles() -> [Percentile; 2] {
    [
        ("p99", |point| point.p99, 1.0),
        ("p50", |point| point.p50, PALE),
    ]
}

/// As short as it can be read: 0.25, 1, 30.
fn label(millis: f64) -> String {
    let text = format!("{millis:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn curves() -> Vec<Curve> {
        let curve = |name: &str, factor: f64| Curve {
            name: name.to_owned(),
            points: [1.0, 2.0, 3.0]
                .map(|step| Point {
                    load: step * 1_000.0,
                    p50: factor * step,
                    p99: factor * step * 4.0,
                })
                .to_vec(),
        };
        vec![curve("Ramz", 1.0), curve("bare handler", 0.4)]
    }

    #[test]
    fn every_curve_is_drawn_with_both_percentiles_and_its_name() {
        let picture = draw(&curves()).expect("a picture");
        for text in [
            "Ramz p50",
            "Ramz p99",
            "bare handler p50",
            "bare handler p99",
        ] {
            assert!(picture.contains(text), "{text}: {picture}");
        }
        // Three points of four lines.
        assert_eq!(picture.matches("<circle").count(), 12);
    }

    #[test]
    fn without_points_there_is_no_picture() {
        assert!(draw(&[]).is_err());
    }

    #[test]
    fn labels_are_short() {
        assert_eq!(label(0.25), "0.25");
        assert_eq!(label(1.0), "1");
        assert_eq!(label(30.0), "30");
    }
}
