//! Pictures of a run: preferences and confidence over time, and who answered whom.

use std::{collections::BTreeMap, f64::consts::TAU, path::Path, sync::Once};

use plotters::{
    coord::Shift,
    prelude::*,
    style::{FontStyle, register_font},
};

use crate::{
    Configuration,
    network::SECOND,
    record::{Matrix, NodeState, State},
};

/// Width and height of all pictures, in pixels.
const SIZE: (u32, u32) = (1200, 800);

/// Rivals that have a line and a colour of their own; the rest are "others".
const SHOWN: usize = 8;

/// Most edges of the network graph, the heaviest.
const MAX_EDGES: usize = 600;

/// Name under which the font is known. In SVG the viewer's own sans-serif stands in.
const FONT: &str = "sans-serif";

/// Colours that colour-blind readers tell apart (Okabe and Ito, "Color Universal Design", 2008).
const COLOURS: [RGBColor; SHOWN] = [
    RGBColor(213, 94, 0),
    RGBColor(0, 114, 178),
    RGBColor(0, 158, 115),
    RGBColor(230, 159, 0),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(150, 130, 0),
    RGBColor(90, 60, 140),
];

const OTHERS: RGBColor = RGBColor(120, 120, 120);

static REGISTERED: Once = Once::new();

/// Every picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// Share of honest nodes that prefer each rival.
    Preference,
    /// Confidence of honest nodes.
    Confidence,
    /// Who answered whom most.
    Network,
}

impl Picture {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Preference, Self::Confidence, Self::Network];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preference => "preference",
            Self::Confidence => "confidence",
            Self::Network => "network",
        }
    }
}

/// The colour of a rival. Those beyond the palette go round the hues by the golden angle, 137°.
fn colour(rival: u32) -> RGBColor {
    let around = || {
        let hue = f64::from(rival * 137 % 360) / 360.0;
        let (r, g, b) = HSLColor(hue, 0.55, 0.45).to_backend_color().rgb;
        RGBColor(r, g, b)
    };
    COLOURS.get(rival as usize).copied().unwrap_or_else(around)
}

/// The colour of a rival, as pages write it.
pub(crate) fn colour_text(rival: u32) -> String {
    let RGBColor(r, g, b) = colour(rival);
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// What pictures are drawn from.
pub(crate) struct Plots<'a> {
    pub(crate) configuration: &'a Configuration,
    pub(crate) states: &'a [State],
    pub(crate) matrix: &'a Matrix,
}

/// A virtual time in seconds.
fn seconds(time_us: u64) -> f64 {
    time_us as f64 / SECOND as f64
}

fn honest(state: &State) -> impl Iterator<Item = &NodeState> + Clone {
    state.nodes.iter().flatten()
}

impl Plots<'_> {
    /// Draws a picture into a file, PNG or SVG by its name.
    pub(crate) fn draw(&self, picture: Picture, path: &Path) -> Result<(), String> {
        REGISTERED.call_once(|| {
            // The font is part of the program: a refusal shows as text that is missing.
            let _ = register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
        });
        match path.extension().is_some_and(|extension| extension == "png") {
            true => self.on(picture, BitMapBackend::new(path, SIZE).into_drawing_area()),
            false => self.on(picture, SVGBackend::new(path, SIZE).into_drawing_area()),
        }
    }

    fn on<B: DrawingBackend>(
        &self,
        picture: Picture,
        area: DrawingArea<B, Shift>,
    ) -> Result<(), String> {
        let drawn = area.fill(&WHITE).and_then(|()| match picture {
            Picture::Preference => self.preference(&area),
            Picture::Confidence => self.confidence(&area),
            Picture::Network => self.network(&area),
        });
        let shown = drawn.and_then(|()| area.present());
        shown.map_err(|error| error.to_string())
    }

    fn title(&self, what: &str) -> String {
        let configuration = self.configuration;
        let mut title = format!(
            "{what} ({}, {} nodes, seed {}",
            configuration.engine.name(),
            configuration.nodes,
            configuration.seed
        );
        let byzantine = &configuration.byzantine;
        if byzantine.nodes > 0 {
            title += &format!(", {} {}", byzantine.nodes, byzantine.strategy.name());
        }
        title + ")"
    }

    /// The end of the axis of time: beyond the last state, with room for the legend.
    fn end(&self) -> f64 {
        let last = self.states.last().map_or(0, |state| state.time_us);
        1.2 * seconds(last.max(1))
    }

    /// Rivals that were preferred at some time, those with most support first, at last and over all times.
    fn rivals(&self) -> Vec<u32> {
        let mut support = BTreeMap::<u32, (u64, u64)>::new();
        for state in self.states {
            for node in honest(state) {
                support.entry(node.rival).or_default().1 += 1;
            }
        }
        for node in self.states.last().into_iter().flat_map(honest) {
            support.entry(node.rival).or_default().0 += 1;
        }
        let mut rivals: Vec<u32> = support.keys().copied().collect();
        rivals.sort_by_key(|rival| std::cmp::Reverse(support[rival]));
        rivals
    }

    fn preference<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let mut chart = ChartBuilder::on(area)
            .caption(self.title("Preference of honest nodes"), (FONT, 30))
            .margin(20)
            .margin_right(35)
            .x_label_area_size(55)
            .y_label_area_size(75)
            .build_cartesian_2d(0.0..self.end(), 0.0..102.0)?;
        chart
            .configure_mesh()
            .x_desc("virtual time, s")
            .y_desc("honest nodes, %")
            .y_label_formatter(&|share| format!("{share:.0}"))
            .axis_desc_style((FONT, 22))
            .label_style((FONT, 18))
            .light_line_style(WHITE)
            .draw()?;
        let rivals = self.rivals();
        let shown = &rivals[..rivals.len().min(SHOWN)];
        let share = |state: &State, which: &dyn Fn(&NodeState) -> bool| {
            let all = honest(state).count().max(1);
            100.0 * honest(state).filter(|node| which(node)).count() as f64 / all as f64
        };
        let mut line = |name: String, colour: RGBColor, which: &dyn Fn(&NodeState) -> bool| {
            let points = self.states.iter();
            let points = points.map(|state| (seconds(state.time_us), share(state, which)));
            let style = colour.stroke_width(3);
            chart
                .draw_series(LineSeries::new(points, style))
                .map(|series| {
                    series
                        .label(name)
                        .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 30, y)], style));
                })
        };
        for rival in shown {
            line(format!("rival {rival}"), colour(*rival), &|node| {
                node.rival == *rival
            })?;
        }
        if rivals.len() > SHOWN {
            let name = format!("{} others", rivals.len() - SHOWN);
            line(name, OTHERS, &|node| !shown.contains(&node.rival))?;
        }
        let heights = self.configuration.workload.heights;
        line("decided".to_owned(), BLACK, &|node| node.height >= heights)?;
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::MiddleRight)
            .legend_area_size(42)
            .background_style(WHITE.mix(0.85))
            .border_style(OTHERS)
            .label_font((FONT, 20))
            .draw()
    }

    fn confidence<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let beta = f64::from(self.configuration.parameters.beta);
        let mut chart = ChartBuilder::on(area)
            .caption(self.title("Confidence of honest nodes"), (FONT, 30))
            .margin(20)
            .margin_right(35)
            .x_label_area_size(55)
            .y_label_area_size(75)
            .build_cartesian_2d(0.0..self.end(), 0.0..beta * 1.08)?;
        chart
            .configure_mesh()
            .x_desc("virtual time, s")
            .y_desc("successful polls in a row")
            .y_label_formatter(&|polls| format!("{polls:.0}"))
            .axis_desc_style((FONT, 22))
            .label_style((FONT, 18))
            .light_line_style(WHITE)
            .draw()?;
        let of = |state: &State| {
            let values = honest(state).map(|node| f64::from(node.confidence));
            let count = values.clone().count().max(1) as f64;
            let least = values.clone().fold(f64::INFINITY, f64::min);
            let most = values.clone().fold(0.0, f64::max);
            (least.min(most), values.sum::<f64>() / count, most)
        };
        let points: Vec<_> = self
            .states
            .iter()
            .map(|s| (seconds(s.time_us), of(s)))
            .collect();
        let band = points.iter().map(|(x, (least, ..))| (*x, *least));
        let back = points.iter().rev().map(|(x, (.., most))| (*x, *most));
        let band: Vec<_> = band.chain(back).collect();
        let blue = COLOURS[1];
        chart
            .draw_series([Polygon::new(band, blue.mix(0.2))])?
            .label("least to most")
            .legend(move |(x, y)| {
                Rectangle::new([(x, y - 6), (x + 30, y + 6)], blue.mix(0.2).filled())
            });
        let mean = points.iter().map(|(x, (_, mean, _))| (*x, *mean));
        chart
            .draw_series(LineSeries::new(mean, blue.stroke_width(3)))?
            .label("mean")
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 30, y)], blue.stroke_width(3)));
        let border = [(0.0, beta), (self.end(), beta)];
        chart
            .draw_series(LineSeries::new(border, BLACK.stroke_width(1)))?
            .label("β: decided")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 30, y)], BLACK.stroke_width(1)));
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::MiddleRight)
            .legend_area_size(42)
            .background_style(WHITE.mix(0.85))
            .border_style(OTHERS)
            .label_font((FONT, 20))
            .draw()
    }

    /// The heaviest pairs of asker and voter, heaviest first.
    fn edges(&self) -> Vec<(u32, u32, u32)> {
        let nodes = self.matrix.nodes();
        let mut edges = Vec::new();
        for asker in 0..nodes {
            let others = (0..nodes).filter(|voter| *voter != asker);
            let answered = others.map(|voter| (self.matrix.get(asker, voter), asker, voter));
            edges.extend(answered.filter(|(answers, ..)| *answers > 0));
            // Few at a time, so that memory stays small; each further asker adds at most `nodes`.
            if edges.len() > MAX_EDGES {
                edges.sort_unstable_by_key(|(n, a, v)| (std::cmp::Reverse(*n), *a, *v));
                edges.truncate(MAX_EDGES);
            }
        }
        edges.sort_unstable_by_key(|(n, a, v)| (std::cmp::Reverse(*n), *a, *v));
        edges
    }

    fn network<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let (width, height) = (f64::from(SIZE.0), f64::from(SIZE.1));
        let nodes = self.matrix.nodes().max(1);
        let (middle, radius) = ((width * 0.42, height * 0.54), height * 0.41);
        let place = |node: u32| {
            let turn = TAU * f64::from(node) / f64::from(nodes);
            let (x, y) = (
                middle.0 + radius * turn.sin(),
                middle.1 - radius * turn.cos(),
            );
            (x.round() as i32, y.round() as i32)
        };
        let edges = self.edges();
        let most = edges.first().map_or(1, |(answers, ..)| *answers).max(1);
        for (answers, asker, voter) in edges.iter().rev() {
            let weight = f64::from(*answers) / f64::from(most);
            let shade = match self.configuration.is_byzantine(*voter) {
                true => BLACK,
                false => OTHERS,
            };
            let style = shade.mix(0.15 + 0.6 * weight * weight).stroke_width(1);
            area.draw(&PathElement::new([place(*asker), place(*voter)], style))?;
        }
        let last = self.states.last();
        let size = (radius * 2.2 / f64::from(nodes)).clamp(2.0, 9.0) as i32;
        for node in 0..nodes {
            let state = last.and_then(|state| state.nodes.get(node as usize).copied().flatten());
            let at = place(node);
            match state {
                Some(state) => area.draw(&Circle::new(at, size, colour(state.rival).filled()))?,
                None => area.draw(&Cross::new(at, size, BLACK.stroke_width(3)))?,
            }
        }
        let text = |size: i32| (FONT, size).into_font().color(&BLACK);
        area.draw(&Text::new(
            self.title("Who answered whom"),
            (20, 15),
            text(30),
        ))?;
        let mut lines = vec![
            "Dots: honest nodes, by the rival".to_owned(),
            "they prefer or have accepted.".to_owned(),
            "Crosses: Byzantine nodes.".to_owned(),
            format!("Lines: the {} pairs with most", edges.len()),
            format!("answers, up to {most} each."),
        ];
        if self.configuration.byzantine.nodes > 0 {
            lines.push("Black: answers of Byzantine nodes.".to_owned());
        }
        for (row, line) in (0i32..).zip(lines) {
            area.draw(&Text::new(line, (875, 120 + 28 * row), text(20)))?;
        }
        Ok(())
    }
}
