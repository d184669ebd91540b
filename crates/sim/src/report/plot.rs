//! A picture: lines, points or bars over two axes, as SVG that follows the page's colours.

use std::ops::Range;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::{
    Cartesian2d, Circle, DashedLineSeries, DrawingArea, DrawingAreaErrorKind, EmptyElement,
    IntoDrawingArea as _, IntoFont as _, IntoLogRange as _, LineSeries, PathElement, PointSeries,
    RGBColor, Ranged, Rectangle, SVGBackend, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, ShapeStyle, TextStyle};

/// Lines and points over two axes.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
}

/// One axis: what it shows, in which unit, from where to where.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub(crate) title: String,
    pub(crate) scale: Scale,
    pub(crate) range: Range<f64>,
}

/// How an axis divides its length.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scale {
    /// Equal steps are equal differences.
    Linear,
    /// Equal steps are equal ratios.
    Log,
}

/// One line of a plot.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// Its place in [`COLOURS`].
    pub(crate) colour: usize,
    pub(crate) stroke: Stroke,
    pub(crate) points: Vec<(f64, f64)>,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stroke {
    /// What is real.
    Solid,
    /// Models.
    Dashed,
    /// Bounds.
    Dotted,
    /// Points with their names beside them.
    Named,
}

/// Bars of parts, one below the other.
#[derive(Clone, Debug)]
pub(crate) struct Bars {
    pub(crate) x_title: String,
    /// Each bar: its name, and its parts' lengths; part `n` has colour `n`.
    pub(crate) bars: Vec<(String, Vec<f64>)>,
}

impl Axis {
    /// Returns an axis that shows all these values.
    pub(crate) fn over(title: &str, scale: Scale, values: impl Iterator<Item = f64>) -> Self {
        let positive = |it: &f64| it.is_finite() && (scale == Scale::Linear || 0.0 < *it);
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        for value in values.filter(positive) {
            (low, high) = (low.min(value), high.max(value));
        }
        let range = match scale {
            Scale::Linear => 0.0..if 0.0 < high { high * 1.05 } else { 1.0 },
            Scale::Log if low.is_finite() => low / 1.25..high * 1.25,
            Scale::Log => 1.0..10.0,
        };
        Self { title: title.to_owned(), scale, range }
    }
}

impl Plot {
    /// Draws it. An error is a bug of ours or of the library: a page without a picture says so.
    pub(crate) fn svg(&self) -> Result<String, String> {
        let mut text = String::new();
        {
            let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
            let (x, y) = (self.x.range.clone(), self.y.range.clone());
            let drawn = match (self.x.scale, self.y.scale) {
                (Scale::Linear, Scale::Linear) => self.draw(&area, x, y),
                (Scale::Log, Scale::Linear) => self.draw(&area, x.log_scale(), y),
                (Scale::Linear, Scale::Log) => self.draw(&area, x, y.log_scale()),
                (Scale::Log, Scale::Log) => self.draw(&area, x.log_scale(), y.log_scale()),
            };
            drawn.map_err(|error| error.to_string())?;
            area.present().map_err(|error| error.to_string())?;
        }
        Ok(flowing(&text))
    }

    fn draw<X, Y>(&self, area: &Area<'_>, x: X, y: Y) -> Result<(), DrawError>
    where
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_right(36)
            .x_label_area_size(52)
            .y_label_area_size(72)
            .build_cartesian_2d(x, y)?;
        let ink = INK.stroke_width(1);
        chart
            .configure_mesh()
            .axis_style(ink)
            .bold_line_style(GRID.stroke_width(1))
            .light_line_style(GRID.mix(0.0))
            .label_style(font(14))
            .axis_desc_style(font(15))
            .x_desc(self.x.title.as_str())
            .y_desc(self.y.title.as_str())
            .x_label_formatter(&|it| shown(*it))
            .y_label_formatter(&|it| shown(*it))
            .draw()?;
        self.series.iter().try_for_each(|series| series.draw(&mut chart))
    }
}

impl Series {
    fn draw<X, Y>(&self, chart: &mut Chart<'_, '_, X, Y>) -> Result<(), DrawError>
    where
        X: Ranged<ValueType = f64>,
        Y: Ranged<ValueType = f64>,
    {
        let style = colour(self.colour).stroke_width(2);
        let points = self.points.iter().copied();
        match self.stroke {
            Stroke::Solid => {
                chart.draw_series(LineSeries::new(points, style))?;
            }
            Stroke::Dashed => {
                chart.draw_series(DashedLineSeries::new(points, 8, 4, style))?;
            }
            Stroke::Dotted => {
                chart.draw_series(DashedLineSeries::new(points, 2, 4, style))?;
            }
            Stroke::Named => {
                let name = self.name.clone();
                let dot = move |at: (f64, f64), size: u32, style: ShapeStyle| {
                    EmptyElement::at(at)
                        + Circle::new((0, 0), size, style)
                        + Text::new(name.clone(), (10, -7), font(14))
                };
                let filled = colour(self.colour).filled();
                chart.draw_series(PointSeries::of_element(points, 6, filled, &dot))?;
            }
        }
        Ok(())
    }
}

impl Bars {
    /// Draws them.
    pub(crate) fn svg(&self) -> Result<String, String> {
        let mut text = String::new();
        {
            let height = 90 + 44 * u32::try_from(self.bars.len()).unwrap_or(0);
            let size = (SIZE.0, height);
            let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
            self.draw(&area).map_err(|error| error.to_string())?;
            area.present().map_err(|error| error.to_string())?;
        }
        Ok(flowing(&text))
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), DrawError> {
        let most = self.bars.iter().map(|(_, parts)| parts.iter().sum::<f64>());
        let x = Axis::over("", Scale::Linear, most).range;
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_right(36)
            .margin_left(190)
            .x_label_area_size(52)
            .build_cartesian_2d(x, 0.0..self.bars.len().max(1) as f64)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .axis_style(INK.stroke_width(1))
            .bold_line_style(GRID.stroke_width(1))
            .light_line_style(GRID.mix(0.0))
            .label_style(font(14))
            .axis_desc_style(font(15))
            .x_desc(self.x_title.as_str())
            .x_label_formatter(&|it| shown(*it))
            .draw()?;
        for (number, (name, parts)) in self.bars.iter().enumerate() {
            let top = (self.bars.len() - number) as f64;
            let mut from = 0.0;
            for (part, length) in parts.iter().enumerate() {
                let bar = [(from, top - 0.2), (from + length, top - 0.8)];
                chart.draw_series([Rectangle::new(bar, colour(part).filled())])?;
                from += length;
            }
            let right = font(14).pos(Pos::new(HPos::Right, VPos::Center));
            let label =
                EmptyElement::at((0.0, top - 0.5)) + Text::new(name.clone(), (-8, 0), right);
            chart.draw_series([label])?;
        }
        let axis =
            PathElement::new(vec![(0.0, 0.0), (0.0, self.bars.len() as f64)], INK.stroke_width(1));
        chart.draw_series([axis])?;
        Ok(())
    }
}

/// Returns the colour's name in style sheets.
pub(crate) fn css_colour(number: usize) -> String {
    let RGBColor(red, green, blue) = COLOURS[number % COLOURS.len()];
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// Writes a number as a label: short, and without a needless fraction.
pub(crate) fn shown(value: f64) -> String {
    let size = value.abs();
    match size {
        0.0 => "0".to_owned(),
        it if it < 0.01 => format!("{value:.4}"),
        it if it < 1.0 => trimmed(&format!("{value:.3}")),
        it if it < 100.0 => trimmed(&format!("{value:.2}")),
        it if it < 100_000.0 => trimmed(&format!("{value:.1}")),
        it if it < 1e6 => format!("{}k", trimmed(&format!("{:.1}", value / 1e3))),
        it if it < 1e9 => format!("{}M", trimmed(&format!("{:.1}", value / 1e6))),
        _ => format!("{}G", trimmed(&format!("{:.1}", value / 1e9))),
    }
}

fn trimmed(text: &str) -> String {
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Pictures are as wide as the page, not as wide as they were drawn.
fn flowing(svg: &str) -> String {
    let start = format!("<svg width=\"{}\" height=\"", SIZE.0);
    let Some((_, rest)) = svg.split_once(&start).and_then(|it| it.1.split_once('"')) else {
        return svg.to_owned();
    };
    format!("<svg role=\"img\"{rest}")
}

fn font(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}

fn colour(number: usize) -> RGBColor {
    COLOURS[number % COLOURS.len()]
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b, X, Y> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<X, Y>>;
type DrawError = DrawingAreaErrorKind<std::io::Error>;

/// Of the page, in pixels of a drawing that is stretched.
const SIZE: (u32, u32) = (900, 460);
/// The style sheet replaces these two where the page is dark.
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const GRID: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);
/// Legible on white and on black; the first is Trellis's.
const COLOURS: &[RGBColor] = &[
    RGBColor(0x1F, 0x7A, 0xE0),
    RGBColor(0xE0, 0x6C, 0x1F),
    RGBColor(0x2E, 0x9E, 0x5B),
    RGBColor(0xA8, 0x55, 0xC7),
    RGBColor(0xD9, 0x3F, 0x4C),
    RGBColor(0x9A, 0x7B, 0x2F),
    RGBColor(0x12, 0x9A, 0xA6),
    RGBColor(0xD6, 0x59, 0x9F),
    RGBColor(0x7D, 0x84, 0x8C),
    RGBColor(0x6B, 0x6B, 0xE0),
    RGBColor(0x7F, 0xA3, 0x2A),
    RGBColor(0xB3, 0x6A, 0x5E),
];
