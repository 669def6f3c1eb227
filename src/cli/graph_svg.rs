//! The order of roles as a picture.

use super::graph_layout::{BOX, Layout, Line, width_of};
use super::graph_play::GraphPlay;

/// Round the whole.
const MARGIN: f64 = 20.0;
/// The title of a play.
const TITLE: f64 = 30.0;
/// Between two plays.
const BETWEEN: f64 = 26.0;
/// Inside of a play's frame.
const PADDING: f64 = 18.0;

/// Colours for light and dark pages; the longest chain stands out.
const STYLE: &str = "\
text { font: 13px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1f2430 }
.title { font-weight: 600; font-size: 14px }
.small { font-size: 11px; fill: #6b7280 }
.play { fill: #f6f7f9; stroke: #d9dde3 }
.step { fill: #ffffff; stroke: #8a93a3; stroke-width: 1.2 }
.own { fill: #eceff3 }
.none { opacity: .45 }
.line { fill: none; stroke: #9aa3b2; stroke-width: 1.3 }
.chain { stroke: #1d6fd1; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6e8ec } .small { fill: #9aa3b2 } .play { fill: #171a21; stroke: #333a46 }
.step { fill: #222732; stroke: #6b7484 } .own { fill: #2b313d } .line { stroke: #667081 } .chain { stroke: #6aaefc }
}";

/// All plays, one below the other, each from left to right.
pub(super) fn svg(plays: &[GraphPlay]) -> String {
    let layouts: Vec<Layout> = plays
        .iter()
        .map(|p| Layout::of(&p.overview.steps))
        .collect();
    let titles = plays.iter().map(|p| width_of(&title(p)));
    let inner = layouts
        .iter()
        .map(|l| l.width)
        .chain(titles)
        .fold(160.0, f64::max);
    let width = inner + 2.0 * (MARGIN + PADDING);
    let mut body = String::new();
    let mut top = MARGIN;
    for (play, layout) in plays.iter().zip(&layouts) {
        let height = TITLE + layout.height.max(12.0) + 2.0 * PADDING;
        body.push_str(&format!(
            "<rect class=\"play\" x=\"{MARGIN}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{height:.1}\" rx=\"10\"/>\n",
            width - 2.0 * MARGIN
        ));
        let (left, under) = (MARGIN + PADDING, top + TITLE);
        body.push_str(&format!(
            "<text class=\"title\" x=\"{left:.1}\" y=\"{under:.1}\">{}</text>\n",
            escaped(&title(play))
        ));
        body.push_str(&format!(
            "<g transform=\"translate({left:.1} {:.1})\">\n",
            under + PADDING
        ));
        steps(play, layout, &mut body);
        body.push_str("</g>\n");
        top += height + BETWEEN;
    }
    let height = top - BETWEEN + MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\">\n<style>{STYLE}</style>\n\
         <defs><marker id=\"end\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\" fill=\"context-stroke\"/></marker></defs>\n{body}</svg>\n"
    )
}

fn title(play: &GraphPlay) -> String {
    format!("{}. {}", play.number, play.heading())
}

fn steps(play: &GraphPlay, layout: &Layout, out: &mut String) {
    let overview = &play.overview;
    let chain = match overview.is_graph {
        true => overview.longest(),
        false => Vec::new(),
    };
    let on_chain = |line: &Line| chain.windows(2).any(|w| w == [line.from, line.to]);
    for line in &layout.lines {
        let class = if on_chain(line) { "line chain" } else { "line" };
        out.push_str(&format!(
            "<path class=\"{class}\" d=\"{}\" marker-end=\"url(#end)\"/>\n",
            path(&line.points)
        ));
    }
    for (number, (step, spot)) in overview.steps.iter().zip(&layout.boxes).enumerate() {
        let mut class = "step".to_owned();
        for (holds, word) in [
            (!step.is_role, " own"),
            (chain.contains(&number), " chain"),
            (step.tasks == 0, " none"),
        ] {
            class.push_str(if holds { word } else { "" });
        }
        let round = if step.is_role { 6.0 } else { BOX / 2.0 };
        let count = match step.tasks {
            1 => "1 task".to_owned(),
            n => format!("{n} tasks"),
        };
        let mut about = vec![count];
        if !step.given.is_empty() {
            about.push(format!("takes as given: {}", step.given.join(", ")));
        }
        out.push_str(&format!(
            "<g><title>{}</title><rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{BOX}\" rx=\"{round}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text></g>\n",
            escaped(&about.join("; ")),
            spot.left,
            spot.top,
            spot.width,
            spot.left + spot.width / 2.0,
            spot.top + BOX / 2.0 + 4.5,
            escaped(&step.name)
        ));
    }
}

/// A smooth line: curved in the aisles, straight past the columns between.
fn path(points: &[(f64, f64)]) -> String {
    let mut out = String::new();
    for pair in points.chunks(2) {
        let [(x, y), (to_x, to_y)] = pair else {
            continue;
        };
        let start = if out.is_empty() { "M" } else { " L" };
        let half = (x + to_x) / 2.0;
        out.push_str(&format!(
            "{start}{x:.1} {y:.1} C{half:.1} {y:.1} {half:.1} {to_y:.1} {to_x:.1} {to_y:.1}"
        ));
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
