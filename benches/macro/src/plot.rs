//! Lines over two axes, drawn as SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use serde::Serialize;

use crate::samples::digits;

const SIZE: (u32, u32) = (960, 400);
/// To the right of the axes, where it hides no line.
const LEGEND_WIDTH: u32 = 320;
const LEGEND_LINE: i32 = 22;
/// On the horizontal axis: more of them run into each other where it is logarithmic.
const TICKS: usize = 7;
const FONT: &str = "sans-serif";
/// By Okabe and Ito, told apart by people who see few colours; without their yellow, which is too pale on white.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
    RGBColor(230, 159, 0),
];

#[derive(Debug, Serialize)]
pub struct Plot {
    /// Its name without `.svg`.
    pub file: &'static str,
    pub title: String,
    pub x: &'static str,
    pub y: &'static str,
    pub scale: Scale,
    pub series: Vec<Series>,
}

/// Of both axes.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// From zero.
    Linear,
    Logarithmic,
}

#[derive(Debug, Serialize)]
pub struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

impl Plot {
    /// Nothing is written where there is nothing to draw.
    pub fn write(&self, file: &Path) -> Result<()> {
        let points = || self.series.iter().flat_map(|series| series.points.iter().copied());
        let most = points().fold((0.0, 0.0), |(x, y): (f64, f64), point| (x.max(point.0), y.max(point.1)));
        let least = points().fold(most, |(x, y), point| (x.min(point.0), y.min(point.1)));
        if points().next().is_none() {
            return Ok(());
        }
        let area = SVGBackend::new(file, SIZE).into_drawing_area();
        let drawn = match self.scale {
            Scale::Linear => self.draw(&area, 0.0..most.0, 0.0..most.1 * 1.08),
            Scale::Logarithmic => {
                // Powers of ten alone would leave most of the points without a number.
                let x = (least.0..most.0).log_scale().with_key_points(points().map(|point| point.0).collect());
                self.draw(&area, x, (least.1 * 0.8..most.1 * 1.25).log_scale())
            }
        };
        drawn.map_err(|error| anyhow!("{} cannot be drawn: {error}", file.display()))
    }

    fn draw<X, Y>(
        &self,
        area: &DrawingArea<SVGBackend, Shift>,
        x: X,
        y: Y,
    ) -> Result<(), DrawingAreaErrorKind<std::io::Error>>
    where
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        area.fill(&WHITE)?;
        let (axes, legend) = area.split_horizontally(SIZE.0 - LEGEND_WIDTH);
        let mut chart = ChartBuilder::on(&axes)
            .caption(&self.title, (FONT, 20))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(72)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .x_desc(self.x)
            .y_desc(self.y)
            .x_labels(TICKS)
            .x_label_formatter(&|number| tick(*number))
            .y_label_formatter(&|number| tick(*number))
            .label_style((FONT, 14))
            .axis_desc_style((FONT, 15))
            .light_line_style(TRANSPARENT)
            .draw()?;
        let top = (SIZE.1 as i32 - LEGEND_LINE * self.series.len() as i32) / 2;
        for (place, (series, colour)) in self.series.iter().zip(COLOURS.iter().cycle()).enumerate() {
            let points = series.points.iter().copied();
            chart.draw_series(LineSeries::new(points, colour.stroke_width(2)).point_size(4))?;
            let y = top + LEGEND_LINE * place as i32;
            legend.draw(&PathElement::new([(0, y + 7), (20, y + 7)], colour.stroke_width(2)))?;
            legend.draw(&Text::new(series.name.as_str(), (26, y), (FONT, 14)))?;
        }
        area.present()
    }
}

/// A whole number as such, another one with the digits that matter.
fn tick(number: f64) -> String {
    if number.fract() == 0.0 { format!("{number}") } else { digits(number) }
}
