//! Figures, what they should be, and what the machine could do at best; as a table and as JSON.

use anyhow::Result;
use serde::Serialize;

/// What a figure should be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Not more.
    AtMost(f64),
    /// Not less.
    AtLeast(f64),
}

/// One figure: the median of its runs.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// Its unit.
    pub unit: &'static str,
    /// The median.
    pub value: f64,
    /// Every run.
    pub runs: Vec<f64>,
    /// What it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// What it is compared with, taken in the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
}

/// What the machine could do at best.
#[derive(Debug, Clone, Serialize)]
pub struct Limit {
    /// How it was taken.
    pub name: String,
    /// In the unit of the figure.
    pub value: f64,
}

impl Figure {
    /// The median of some runs.
    pub fn new(name: impl Into<String>, unit: &'static str, runs: Vec<f64>) -> Self {
        Self { name: name.into(), unit, value: median(&runs), runs, target: None, limit: None }
    }

    /// A figure of one run.
    pub fn one(name: impl Into<String>, unit: &'static str, value: f64) -> Self {
        Self::new(name, unit, vec![value])
    }

    /// It should not be more.
    #[must_use]
    pub fn at_most(mut self, most: f64) -> Self {
        self.target = Some(Target::AtMost(most));
        self
    }

    /// It should not be less.
    #[must_use]
    pub fn at_least(mut self, least: f64) -> Self {
        self.target = Some(Target::AtLeast(least));
        self
    }

    /// What the machine could do at best.
    #[must_use]
    pub fn beside(mut self, name: impl Into<String>, value: f64) -> Self {
        self.limit = Some(Limit { name: name.into(), value });
        self
    }

    /// Whether it is as it should be; `None` without a target.
    pub fn is_reached(&self) -> Option<bool> {
        self.target.map(|target| match target {
            Target::AtMost(most) => self.value <= most,
            Target::AtLeast(least) => self.value >= least,
        })
    }
}

/// The middle of some numbers; of an even count the mean of the two in the middle; 0 of none.
pub fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        length if length % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

#[derive(Debug, Serialize)]
struct Section {
    scenario: &'static str,
    figures: Vec<Figure>,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    cores: usize,
    /// Other work on the machine when the run began: tasks ready to run, mean of a minute.
    load_at_start: f64,
    sections: Vec<Section>,
}

impl Report {
    /// An empty report.
    pub fn of_this_machine() -> Self {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load_at_start: load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0),
            sections: Vec::new(),
        }
    }

    /// Keeps the figures of a scenario, and gives them as a table.
    pub fn add(&mut self, scenario: &'static str, figures: Vec<Figure>) -> String {
        let mut table = format!("\n{scenario}\n");
        for figure in &figures {
            let target = match figure.target {
                None => String::new(),
                Some(Target::AtMost(most)) => format!("≤ {}", number(most)),
                Some(Target::AtLeast(least)) => format!("≥ {}", number(least)),
            };
            let mark = match figure.is_reached() {
                None => "",
                Some(true) => "ok",
                Some(false) => "MISSED",
            };
            let limit = figure.limit.as_ref().map_or_else(String::new, |limit| format!("{} {}", number(limit.value), limit.name));
            let line = format!("  {:<58} {:>11} {:<13} {target:<12} {mark:<7} {limit}", figure.name, number(figure.value), figure.unit);
            table.push_str(line.trim_end());
            table.push('\n');
        }
        self.sections.push(Section { scenario, figures });
        table
    }

    /// All of it.
    pub fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// How many targets were reached, and which not.
    pub fn conclusion(&self) -> String {
        let figures = || self.sections.iter().flat_map(|section| section.figures.iter().map(move |figure| (section.scenario, figure)));
        let reached = figures().filter(|(_, figure)| figure.is_reached() == Some(true)).count();
        let missed: Vec<String> = figures()
            .filter(|(_, figure)| figure.is_reached() == Some(false))
            .map(|(scenario, figure)| format!("  {scenario}: {} is {} {}", figure.name, number(figure.value), figure.unit))
            .collect();
        let mut text = format!("\n{reached} targets reached, {} missed", missed.len());
        for line in missed {
            text.push('\n');
            text.push_str(&line);
        }
        text
    }
}

/// Three significant digits, thousands apart.
fn number(value: f64) -> String {
    if value.abs() >= 1_000.0 {
        let digits = format!("{value:.0}");
        let mut text = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place) % 3 == 0 {
                text.push(' ');
            }
            text.push(digit);
        }
        text
    } else if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else if value.abs() >= 1.0 || value == 0.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_lies_between_the_two_in_the_middle() {
        assert!((median(&[4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < f64::EPSILON);
        assert!((median(&[9.0, 1.0, 5.0]) - 5.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_missed_target_is_named_in_the_conclusion() {
        let mut report = Report::of_this_machine();
        report.add("idle", vec![Figure::one("latency", "ms", 4.0).at_most(3.0), Figure::one("bytes", "B", 12_345.0).at_least(1.0)]);
        assert_eq!(report.conclusion(), "\n1 targets reached, 1 missed\n  idle: latency is 4.00 ms");
        assert_eq!(number(1_234_567.0), "1 234 567");
    }
}
