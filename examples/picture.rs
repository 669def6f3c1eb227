//! Draws what a command shows on a terminal as an SVG: `cargo run --example picture -- 'COMMAND' > picture.svg`.
//! The command runs under `script` (util-linux), so it sees a terminal; `docs/pictures/draw` makes the README's pictures.
// Tells its one user what went wrong by ending.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write as _;
use std::process::{Command, Stdio};

/// Columns of the terminal.
const COLUMNS: usize = 116;
/// A character's width and a line's height, in the picture's pixels.
const CELL: (f64, f64) = (8.4, 19.0);
/// Background, text, faint text, and the colours 31 to 36.
const GROUND: &str = "#14181f";
const TEXT: &str = "#d5dae3";
const FAINT: &str = "#7d8799";
const COLOURS: [&str; 6] = [
    "#ff6b6b", "#7bd88f", "#ffcf66", "#6cb6ff", "#d3a4ff", "#5fd7d7",
];

/// How a character looks: its colour, and whether it is bold.
#[derive(Clone, Copy, PartialEq)]
struct Look(&'static str, bool);

const PLAIN: Look = Look(TEXT, false);

/// The little of a terminal that hoist uses: carriage return, erasing, going up, colours.
struct Screen {
    lines: Vec<Vec<(char, Look)>>,
    at: (usize, usize),
    look: Look,
}

impl Screen {
    fn show(text: &str) -> Vec<Vec<(char, Look)>> {
        let mut screen = Screen {
            lines: vec![Vec::new()],
            at: (0, 0),
            look: PLAIN,
        };
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\r' => screen.at.1 = 0,
                '\n' => {
                    screen.at = (screen.at.0 + 1, 0);
                    screen.line();
                }
                '\u{1b}' if chars.next() == Some('[') => {
                    let mut numbers = String::new();
                    for c in chars.by_ref() {
                        if c.is_ascii_alphabetic() {
                            screen.control(c, &numbers);
                            break;
                        }
                        numbers.push(c);
                    }
                }
                c if !c.is_control() => screen.put(c),
                _ => {}
            }
        }
        while screen
            .lines
            .last()
            .is_some_and(|l| l.iter().all(|c| c.0 == ' '))
        {
            screen.lines.pop();
        }
        let blank = screen.lines.iter().take_while(|l| l.is_empty()).count();
        screen.lines.split_off(blank)
    }

    fn line(&mut self) -> &mut Vec<(char, Look)> {
        let row = self.at.0;
        if self.lines.len() <= row {
            self.lines.resize(row + 1, Vec::new());
        }
        &mut self.lines[row]
    }

    fn put(&mut self, c: char) {
        if self.at.1 == COLUMNS {
            self.at = (self.at.0 + 1, 0);
        }
        let (column, look) = (self.at.1, self.look);
        let line = self.line();
        if line.len() <= column {
            line.resize(column + 1, (' ', PLAIN));
        }
        line[column] = (c, look);
        self.at.1 += 1;
    }

    fn control(&mut self, command: char, numbers: &str) {
        let first = numbers.parse().unwrap_or(1);
        match command {
            'A' => self.at.0 = self.at.0.saturating_sub(first),
            'K' if numbers == "2" => self.line().clear(),
            'K' => {
                let column = self.at.1;
                self.line().truncate(column);
            }
            'm' => {
                for number in numbers.split(';') {
                    self.look = match number.parse().unwrap_or(0) {
                        1 => Look(self.look.0, true),
                        2 => Look(FAINT, self.look.1),
                        colour @ 31..=36 => Look(COLOURS[colour - 31], self.look.1),
                        _ => PLAIN,
                    };
                }
            }
            _ => {}
        }
    }
}

/// The picture, with a bar on top that says which command it shows.
fn svg(command: &str, lines: &[Vec<(char, Look)>]) -> String {
    let width = COLUMNS as f64 * CELL.0 + 40.0;
    let height = (lines.len() + 2) as f64 * CELL.1 + 36.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{GROUND}\"/>\n"
    );
    let prompt = format!("$ {command}");
    let prompt: Vec<(char, Look)> = prompt.chars().map(|c| (c, Look(TEXT, true))).collect();
    let gap = Vec::new();
    let rows = [&prompt, &gap].into_iter().chain(lines);
    for (row, line) in rows.enumerate() {
        let y = 32.0 + row as f64 * CELL.1;
        let mut column = 0;
        for run in line.chunk_by(|a, b| a.1 == b.1) {
            let text: String = run.iter().map(|c| c.0).collect();
            let Look(colour, bold) = run[0].1;
            if !text.trim().is_empty() {
                let x = 20.0 + column as f64 * CELL.0;
                let length = run.len() as f64 * CELL.0;
                let weight = if bold { " font-weight=\"bold\"" } else { "" };
                let text = text
                    .replace('&', "&amp;")
                    .replace('<', "&lt;")
                    .replace('>', "&gt;");
                writeln!(
                    out,
                    "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{length:.1}\" fill=\"{colour}\"{weight} \
                     xml:space=\"preserve\">{text}</text>"
                )
                .expect("a text takes all");
            }
            column += run.len();
        }
    }
    out.push_str("</svg>\n");
    out
}

fn main() {
    let command = std::env::args().nth(1).expect("give a command");
    let shown = format!("stty cols {COLUMNS} rows 50; exec {command}");
    let output = Command::new("script")
        .args(["-qec", &shown, "/dev/null"])
        .env("TERM", "xterm-256color")
        .stdin(Stdio::null())
        .output()
        .expect("`script` of util-linux");
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{}", svg(&command, &Screen::show(&text)));
}

#[test]
fn what_is_drawn_over_is_gone() {
    let lines =
        Screen::show("\u{1b}[36m⠋\u{1b}[0m 0s\r\u{1b}[2K\r\n\u{1b}[33mchanged: [a]\u{1b}[0m\r\n");
    let text: Vec<String> = lines
        .iter()
        .map(|l| l.iter().map(|c| c.0).collect())
        .collect();
    assert_eq!(text, ["changed: [a]"]);
    assert!(lines[0][0].1 == Look(COLOURS[2], false));
}
