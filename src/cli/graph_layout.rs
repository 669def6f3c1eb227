//! Where the boxes of a graph stand: in columns from left to right by what they wait for, in an order with few crossings.
//!
//! The usual three steps for layered drawings (Sugiyama, Tagawa, Toda 1981): lines that pass a column get a place in it, the
//! columns are sorted by the mean place of the neighbours, and heights follow them.

use crate::check::Step;

/// How high a box is.
pub(super) const BOX: f64 = 34.0;
/// How much room a line that passes needs.
const LINE: f64 = 10.0;
/// Between two of a column.
const GAP: f64 = 14.0;
/// Between two columns.
const AISLE: f64 = 52.0;

/// A place in a column.
#[derive(Clone, Debug)]
struct Cell {
    /// The step that stands there; `None`: a line passes.
    step: Option<usize>,
    level: usize,
    middle: f64,
    before: Vec<usize>,
    after: Vec<usize>,
}

/// A box.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spot {
    pub left: f64,
    pub top: f64,
    pub width: f64,
}

/// A line from one step to another, through these points: pairs of an end of a column and the beginning of the next.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub from: usize,
    pub to: usize,
    pub points: Vec<(f64, f64)>,
}

/// A drawing.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// By the number of the step.
    pub boxes: Vec<Spot>,
    pub lines: Vec<Line>,
    pub width: f64,
    pub height: f64,
}

/// How wide a box for a text is, about: letters of 13 px are some 7 px wide.
pub(super) fn width_of(text: &str) -> f64 {
    (console::measure_text_width(text) as f64 * 7.6 + 26.0).max(70.0)
}

impl Layout {
    /// Places all steps.
    pub(super) fn of(steps: &[Step]) -> Self {
        let mut cells: Vec<Cell> = (0..steps.len())
            .map(|step| Cell::new(Some(step), steps[step].level))
            .collect();
        let mut ways = Vec::new();
        for (to, step) in steps.iter().enumerate() {
            for from in &step.after {
                ways.push(connect(&mut cells, *from, to));
            }
        }
        let count = cells.iter().map(|c| c.level + 1).max().unwrap_or(0);
        let mut columns: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (number, cell) in cells.iter().enumerate() {
            columns[cell.level].push(number);
        }
        for _ in 0..4 {
            sort(&cells, &mut columns, true);
            sort(&cells, &mut columns, false);
        }
        for _ in 0..6 {
            level_out(&mut cells, &columns, true);
            level_out(&mut cells, &columns, false);
        }
        draw(steps, &mut cells, &columns, &ways)
    }
}

impl Cell {
    fn new(step: Option<usize>, level: usize) -> Self {
        Self {
            step,
            level,
            middle: 0.0,
            before: Vec::new(),
            after: Vec::new(),
        }
    }

    fn height(&self) -> f64 {
        if self.step.is_some() { BOX } else { LINE }
    }

    fn neighbours(&self, forward: bool) -> &[usize] {
        if forward { &self.before } else { &self.after }
    }
}

/// Connects two steps through the columns between them. Returns the cells on the way, both ends included.
fn connect(cells: &mut Vec<Cell>, from: usize, to: usize) -> Vec<usize> {
    let mut way = vec![from];
    for level in cells[from].level + 1..cells[to].level {
        cells.push(Cell::new(None, level));
        way.push(cells.len() - 1);
    }
    way.push(to);
    for pair in way.windows(2) {
        cells[pair[0]].after.push(pair[1]);
        cells[pair[1]].before.push(pair[0]);
    }
    way
}

/// Sorts each column by the mean place of the neighbours in the column it comes from.
fn sort(cells: &[Cell], columns: &mut [Vec<usize>], forward: bool) {
    let mut places: Vec<f64> = vec![0.0; cells.len()];
    for column in columns.iter() {
        for (place, cell) in column.iter().enumerate() {
            places[*cell] = place as f64;
        }
    }
    let mut numbers: Vec<usize> = (0..columns.len()).collect();
    if !forward {
        numbers.reverse();
    }
    for number in numbers {
        let key = |cell: &usize| {
            let neighbours = cells[*cell].neighbours(forward);
            match neighbours.len() {
                0 => places[*cell],
                n => neighbours.iter().map(|c| places[*c]).sum::<f64>() / n as f64,
            }
        };
        let mut keyed: Vec<(f64, usize)> = columns[number].iter().map(|c| (key(c), *c)).collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        columns[number] = keyed.into_iter().map(|(_, cell)| cell).collect();
        for (place, cell) in columns[number].iter().enumerate() {
            places[*cell] = place as f64;
        }
    }
}

/// Moves each cell towards the mean height of its neighbours, as far as those above and below it let it.
fn level_out(cells: &mut [Cell], columns: &[Vec<usize>], forward: bool) {
    let mut numbers: Vec<usize> = (0..columns.len()).collect();
    if !forward {
        numbers.reverse();
    }
    for number in numbers {
        let wish = |cell: &usize| {
            let neighbours = cells[*cell].neighbours(forward);
            match neighbours.len() {
                0 => cells[*cell].middle,
                n => neighbours.iter().map(|c| cells[*c].middle).sum::<f64>() / n as f64,
            }
        };
        let wishes: Vec<f64> = columns[number].iter().map(wish).collect();
        let mut middles: Vec<f64> = Vec::with_capacity(wishes.len());
        for (place, cell) in columns[number].iter().enumerate() {
            let least = match place.checked_sub(1) {
                None => f64::MIN,
                Some(above) => {
                    let heights = cells[columns[number][above]].height() + cells[*cell].height();
                    middles[above] + heights / 2.0 + GAP
                }
            };
            middles.push(wishes[place].max(least));
        }
        let off: f64 = wishes.iter().zip(&middles).map(|(w, m)| w - m).sum();
        let off = off / wishes.len().max(1) as f64;
        for (cell, middle) in columns[number].iter().zip(middles) {
            cells[*cell].middle = middle + off;
        }
    }
}

fn draw(steps: &[Step], cells: &mut [Cell], columns: &[Vec<usize>], ways: &[Vec<usize>]) -> Layout {
    let top = cells.iter().map(|c| c.middle - c.height() / 2.0);
    let top = top.fold(f64::MAX, f64::min);
    let mut bottom: f64 = 0.0;
    for cell in cells.iter_mut() {
        cell.middle -= top;
        bottom = bottom.max(cell.middle + cell.height() / 2.0);
    }
    let mut sides = Vec::with_capacity(columns.len());
    let mut left = 0.0;
    for column in columns {
        let boxes = column.iter().filter_map(|c| cells[*c].step);
        let width = boxes.map(|s| width_of(&steps[s].name)).fold(0.0, f64::max);
        sides.push((left, left + width));
        left += width + AISLE;
    }
    let boxes = (0..steps.len()).map(|step| {
        let (left, right) = sides[cells[step].level];
        Spot {
            left,
            top: cells[step].middle - BOX / 2.0,
            width: right - left,
        }
    });
    let lines = ways.iter().map(|way| {
        let points = way.windows(2).flat_map(|pair| {
            let (one, two) = (&cells[pair[0]], &cells[pair[1]]);
            let (begin, end) = (sides[one.level].1, sides[two.level].0);
            [(begin, one.middle), (end, two.middle)]
        });
        Line {
            from: way[0],
            to: way[way.len() - 1],
            points: points.collect(),
        }
    });
    Layout {
        boxes: boxes.collect(),
        lines: lines.collect(),
        width: (left - AISLE).max(0.0),
        height: bottom,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(after: &[&[usize]]) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for (number, after) in after.iter().enumerate() {
            let level = after.iter().map(|n| steps[*n].level + 1).max().unwrap_or(0);
            steps.push(Step {
                name: format!("role {number}"),
                is_role: true,
                tasks: 1,
                after: after.to_vec(),
                level,
                given: Vec::new(),
            });
        }
        steps
    }

    #[test]
    fn no_box_lies_on_another_and_lines_go_to_the_right() {
        let shapes: [&[&[usize]]; 5] = [
            &[],
            &[&[]],
            &[&[], &[0], &[0], &[0], &[1, 2, 3], &[0, 4]],
            &[&[], &[], &[], &[2], &[1], &[0], &[3, 4, 5], &[0], &[7, 6]],
            &[&[], &[0], &[1], &[2], &[3], &[0, 4], &[1, 4], &[0]],
        ];
        for shape in shapes {
            let steps = steps(shape);
            let layout = Layout::of(&steps);
            for (n, one) in layout.boxes.iter().enumerate() {
                assert!(one.top >= -0.01 && one.top + BOX <= layout.height + 0.01);
                assert!(one.left >= 0.0 && one.left + one.width <= layout.width + 0.01);
                for two in &layout.boxes[n + 1..] {
                    let apart = (one.top - two.top).abs() >= BOX + GAP - 0.01;
                    assert!(one.left != two.left || apart, "{shape:?}: {one:?} {two:?}");
                }
            }
            let lines: usize = shape.iter().map(|after| after.len()).sum();
            assert_eq!(layout.lines.len(), lines);
            for line in &layout.lines {
                assert!(line.points.windows(2).all(|p| p[0].0 <= p[1].0));
            }
        }
    }

    #[test]
    fn a_chain_is_straight_and_a_fork_is_even() {
        let chain = Layout::of(&steps(&[&[], &[0], &[1]]));
        assert!(chain.boxes.iter().all(|b| b.top.abs() < 0.01));
        let fork = Layout::of(&steps(&[&[], &[0], &[0], &[1, 2]]));
        let middle = (fork.boxes[1].top + fork.boxes[2].top) / 2.0;
        assert!((fork.boxes[0].top - middle).abs() < 0.01);
        assert!((fork.boxes[3].top - middle).abs() < 0.01);
    }
}
