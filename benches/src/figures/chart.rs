//! Lines and bars on logarithmic axes of nanoseconds, as SVG that reads well on light and on dark pages.

use std::fmt::Write;

use crate::questions::Unit;
use crate::report::figure;

const WIDTH: f64 = 720.0;
/// Around what is drawn: left, right, above, below.
const MARGINS: [f64; 4] = [70.0, 170.0, 40.0, 52.0];
const LINES_HEIGHT: f64 = 360.0;
const BAR_HEIGHT: f64 = 20.0;
const BARS_LEFT: f64 = 210.0;

/// The colours say the same on light and on dark; text and grid follow the page.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#222}.title{font-weight:600;font-size:14px}\
.grid{stroke:#8884;stroke-width:1}.s0{color:#777}.s1{color:#d9480f}.s2{color:#1971c2}.s3{color:#2f9e44}.s4{color:#9c36b5}\
.s5{color:#c2a30f}path{fill:none;stroke:currentColor;stroke-width:2}circle,rect{fill:currentColor}\
@media(prefers-color-scheme:dark){text{fill:#ddd}.s0{color:#aaa}.s1{color:#ff922b}.s2{color:#74c0fc}.s3{color:#69db7c}\
.s4{color:#e599f7}.s5{color:#ffe066}}";

/// A measured point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// One contender's line; it isn't drawn where it has no points.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) points: Vec<Point>,
}

/// A chart of lines.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) title: &'static str,
    pub(super) below: &'static str,
    pub(super) ticks: Vec<(f64, &'static str)>,
    pub(super) lines: Vec<Line>,
}

/// One bar, in a group.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) group: &'static str,
    pub(super) name: String,
    pub(super) value: f64,
    pub(super) ours: bool,
    pub(super) floor: bool,
}

/// A chart of bars, one below the other.
#[derive(Debug)]
pub(super) struct Bars {
    pub(super) title: &'static str,
    pub(super) bars: Vec<Bar>,
}

/// A logarithmic axis from one place on the picture to another.
#[derive(Clone, Copy, Debug)]
struct Axis {
    values: [f64; 2],
    places: [f64; 2],
}

impl Axis {
    /// Where `value` stands.
    fn place(self, value: f64) -> f64 {
        let share = (value / self.values[0]).ln() / (self.values[1] / self.values[0]).ln();
        self.places[0] + share * (self.places[1] - self.places[0])
    }

    /// The powers of ten on it.
    fn decades(self) -> impl Iterator<Item = f64> {
        let [first, last] = self.values.map(|value| value.log10().round() as i32);
        (first..=last).map(|power| 10_f64.powi(power))
    }
}

/// From the power of ten below the least value to the one above the greatest.
fn whole_decades(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let (least, most) =
        values.fold((f64::MAX, 1.0), |(least, most): (f64, f64), v| (least.min(v), most.max(v)));
    let least = least.clamp(1.0, most).log10().floor();
    [10_f64.powf(least), 10_f64.powf(most.log10().ceil().max(least + 1.0))]
}

fn picture(height: f64, title: &str, inside: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" \
         height=\"{height:.0}\" role=\"img\"><title>{title}</title><style>{STYLE}</style>\n\
         <text class=\"title\" x=\"10\" y=\"20\">{title}</text>\n{inside}</svg>\n"
    )
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    // Writing to a string doesn't fail.
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>");
}

fn grid_line(out: &mut String, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
    let _ =
        writeln!(out, "<line class=\"grid\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>");
}

impl Lines {
    /// The picture.
    pub(super) fn svg(&self) -> String {
        let [left, right, above, below] = MARGINS;
        let (end, bottom) = (WIDTH - right, LINES_HEIGHT - below);
        let ys = self.lines.iter().flat_map(|line| &line.points).map(|point| point.y);
        let y = Axis { values: whole_decades(ys), places: [bottom, above] };
        let ends = [self.ticks[0].0, self.ticks[self.ticks.len() - 1].0];
        let x = Axis { values: ends, places: [left + 12.0, end - 12.0] };
        let mut out = String::new();
        for value in y.decades() {
            grid_line(&mut out, [left, y.place(value)], [end, y.place(value)]);
            text(&mut out, left - 8.0, y.place(value) + 4.0, "end", &figure(value, Unit::Time));
        }
        for (value, words) in &self.ticks {
            text(&mut out, x.place(*value), bottom + 18.0, "middle", words);
        }
        text(&mut out, (left + end) / 2.0, bottom + 40.0, "middle", self.below);
        self.draw_lines(&mut out, x, y);
        self.name_lines(&mut out, end, y);
        picture(LINES_HEIGHT, self.title, &out)
    }

    fn draw_lines(&self, out: &mut String, x: Axis, y: Axis) {
        for (index, line) in self.lines.iter().enumerate() {
            let places: Vec<[f64; 2]> =
                line.points.iter().map(|point| [x.place(point.x), y.place(point.y)]).collect();
            let path: Vec<String> = places.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
            let _ = writeln!(out, "<g class=\"s{index}\">");
            if !path.is_empty() {
                let _ = writeln!(out, "<path d=\"M{}\"/>", path.join("L"));
            }
            for [x, y] in places {
                let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>");
            }
            out.push_str("</g>\n");
        }
    }

    /// Each line's name beside its end, none over another.
    fn name_lines(&self, out: &mut String, end: f64, y: Axis) {
        let mut names: Vec<(f64, usize)> = self
            .lines
            .iter()
            .enumerate()
            .filter_map(|(index, line)| Some((y.place(line.points.last()?.y), index)))
            .collect();
        names.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut free = f64::MIN;
        for (place, index) in names {
            let place = place.max(free);
            free = place + 17.0;
            let _ = writeln!(
                out,
                "<circle class=\"s{index}\" cx=\"{:.1}\" cy=\"{place:.1}\" r=\"5\"/>",
                end + 12.0
            );
            text(out, end + 22.0, place + 4.0, "start", self.lines[index].name);
        }
    }
}

impl Bars {
    /// The picture; the axis begins at the power of ten below the shortest bar.
    pub(super) fn svg(&self) -> String {
        let values = whole_decades(self.bars.iter().map(|bar| bar.value));
        let x = Axis { values, places: [BARS_LEFT, WIDTH - 90.0] };
        let mut out = String::new();
        let mut y = MARGINS[2];
        let mut group = "";
        for bar in &self.bars {
            if bar.group != group {
                group = bar.group;
                y += 8.0;
                let _ = writeln!(out, "<text class=\"title\" x=\"10\" y=\"{:.1}\">{group}</text>", y + 14.0);
                y += 22.0;
            }
            let class = if bar.ours {
                "s1"
            } else if bar.floor {
                "s0"
            } else {
                "s2"
            };
            let wide = x.place(bar.value) - BARS_LEFT;
            let _ = writeln!(
                out,
                "<rect class=\"{class}\" x=\"{BARS_LEFT}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"{:.1}\" rx=\"2\"/>",
                y + 2.0,
                BAR_HEIGHT - 5.0
            );
            text(&mut out, BARS_LEFT - 8.0, y + 14.0, "end", &bar.name);
            text(&mut out, x.place(bar.value) + 6.0, y + 14.0, "start", &figure(bar.value, Unit::Time));
            y += BAR_HEIGHT;
        }
        let mut axis = String::new();
        for value in x.decades() {
            grid_line(&mut axis, [x.place(value), MARGINS[2]], [x.place(value), y]);
            text(&mut axis, x.place(value), y + 18.0, "middle", &figure(value, Unit::Time));
        }
        picture(y + 30.0, self.title, &(axis + &out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_is_slower_and_names_keep_apart() {
        let point = |x, y| Point { x, y };
        let chart = Lines {
            title: "t",
            below: "b",
            ticks: vec![(1.0, "1"), (100.0, "100")],
            lines: vec![
                Line { name: "slow", points: vec![point(1.0, 90.0), point(100.0, 900.0)] },
                Line { name: "slower", points: vec![point(1.0, 95.0), point(100.0, 950.0)] },
                Line { name: "absent", points: Vec::new() },
            ],
        };
        let svg = chart.svg();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert!(svg.contains(">slow<") && svg.contains(">slower<") && !svg.contains(">absent<"));
        assert!(svg.contains(">10 ns<") && svg.contains(">1.00 µs<"));
        let height_of = |name: &str| {
            let (before, _) = svg.split_once(&format!(">{name}<")).unwrap();
            let (_, y) = before.rsplit_once("y=\"").unwrap();
            y.split_once('"').unwrap().0.parse::<f64>().unwrap()
        };
        assert!(height_of("slow") - height_of("slower") >= 17.0);
    }

    #[test]
    fn bars_are_as_long_as_what_they_stand_for() {
        let bar = |name: &str, value, ours| Bar { group: "g", name: name.into(), value, ours, floor: false };
        let chart = Bars { title: "t", bars: vec![bar("a", 100.0, true), bar("b", 1_000.0, false)] };
        let svg = chart.svg();
        let widths: Vec<f64> = svg
            .split("width=\"")
            .skip(2)
            .map(|rest| rest.split_once('"').unwrap().0.parse().unwrap())
            .collect();
        assert_eq!(widths, [0.0, WIDTH - 90.0 - BARS_LEFT]);
    }
}
