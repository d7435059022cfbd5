//! `docs/performance.md`: tables, goals and charts from the results.

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::results::{Better, Case, Outcome, Results};

/// What is between these is the run's; all else is written by hand, and stays.
const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// What a new document has around it.
const FRAME: &str = "# Performance\n\n<!-- measured: begin -->\n<!-- measured: end -->\n";

/// A goal of the project: what of which case has to be how large.
struct Goal {
    title: &'static str,
    found: fn(&Results) -> Option<f64>,
    bound: f64,
    better: Better,
    unit: &'static str,
}

const GOALS: [Goal; 17] = [
    Goal {
        title: "TCP round trip, time",
        found: |results| ratio(results, "round-trip-tcp"),
        bound: 1.10,
        better: Better::Less,
        unit: "",
    },
    Goal {
        title: "64 KiB echo, throughput",
        found: |results| ratio(results, "echo-64kib"),
        bound: 0.95,
        better: Better::More,
        unit: "",
    },
    Goal {
        title: "1 MiB one way, sending",
        found: |results| ratio(results, "one-way-source"),
        bound: 0.97,
        better: Better::More,
        unit: "",
    },
    Goal {
        title: "1 MiB one way, receiving",
        found: |results| ratio(results, "one-way-sink"),
        bound: 0.97,
        better: Better::More,
        unit: "",
    },
    Goal {
        title: "accept, request, close",
        found: |results| ratio(results, "accept"),
        bound: 0.90,
        better: Better::More,
        unit: "",
    },
    Goal {
        title: "a message at 10,000 connections over one at 10",
        found: |results| {
            let of = |id| Some(results.case(id)?.of("capsock")?.value.median);
            Some(of("many-10000")? / of("many-10")?)
        },
        bound: 1.15,
        better: Better::Less,
        unit: "",
    },
    Goal {
        title: "sendfile",
        found: |results| ratio(results, "sendfile"),
        bound: 0.98,
        better: Better::More,
        unit: "",
    },
    Goal {
        title: "TCP round trip of a sealed program over unsealed",
        found: |results| sealed(results, "round-trip-tcp"),
        bound: 1.15,
        better: Better::Less,
        unit: "",
    },
    Goal {
        title: "UDP round trip of a sealed program over unsealed",
        found: |results| sealed(results, "round-trip-udp"),
        bound: 1.15,
        better: Better::Less,
        unit: "",
    },
    Goal {
        title: "TCP round trip of a C program over that of a Rust one",
        found: |results| over(results, "round-trip-tcp", "capsock, C", "capsock"),
        bound: 1.02,
        better: Better::Less,
        unit: "",
    },
    Goal {
        title: "making a thread and joining it",
        found: |results| of_threads(results, "thread-create"),
        bound: 2.0,
        better: Better::Less,
        unit: " µs",
    },
    Goal {
        title: "switching to another thread",
        found: |results| of_threads(results, "thread-switch"),
        bound: 0.5,
        better: Better::Less,
        unit: " µs",
    },
    Goal {
        title: "a mutex in a C program with threads over one without",
        found: |results| {
            let (with, without) = ("capsock, C with threads", "capsock, C");
            over(results, "thread-mutex", with, without)
        },
        bound: 1.05,
        better: Better::Less,
        unit: "",
    },
    Goal {
        title: "TCP round trip of Python over native Python",
        found: |results| {
            over(
                results,
                "round-trip-tcp",
                "capsock, Python",
                "native, Python",
            )
        },
        bound: 1.25,
        better: Better::Less,
        unit: "",
    },
    Goal {
        title: "64 KiB echo of Python over native Python",
        found: |results| over(results, "echo-64kib", "capsock, Python", "native, Python"),
        bound: 0.8,
        better: Better::More,
        unit: "",
    },
    Goal {
        title: "what sealing adds to a component",
        found: |results| Some(results.case("sealing")?.of("added")?.value.median),
        bound: 300.0,
        better: Better::Less,
        unit: " KB",
    },
    Goal {
        title: "instantiate from a pool",
        found: |results| {
            Some(
                results
                    .case("start-up")?
                    .of("instance, pooled")?
                    .value
                    .median,
            )
        },
        bound: 50.0,
        better: Better::Less,
        unit: " µs",
    },
];

/// capsock's to native in the same round.
fn ratio(results: &Results, id: &str) -> Option<f64> {
    Some(results.case(id)?.of("capsock")?.ratio?.median)
}

/// A sealed program's to the same one unsealed, on wasmtime's own sockets.
fn sealed(results: &Results, id: &str) -> Option<f64> {
    over(results, id, "wasi:sockets 0.2, sealed", "wasi:sockets 0.2")
}

/// One contestant's to another one's.
fn over(results: &Results, id: &str, one: &str, other: &str) -> Option<f64> {
    let of = |name| Some(results.case(id)?.of(name)?.value.median);
    Some(of(one)? / of(other)?)
}

fn of_threads(results: &Results, id: &str) -> Option<f64> {
    let found = results.case(id)?.of("capsock, C with threads")?;
    Some(found.value.median)
}

/// Which cases a chart shows.
const CHARTS: [(&str, &str, &[&str]); 3] = [
    (
        "latency",
        "Time over native; less is better",
        &["round-trip-tcp", "round-trip-udp", "round-trip-unix"],
    ),
    (
        "throughput",
        "Throughput over native; more is better",
        &[
            "echo-4kib",
            "echo-64kib",
            "echo-1mib",
            "one-way-source",
            "one-way-sink",
        ],
    ),
    (
        "servers",
        "Rate over native; more is better",
        &["accept", "sendfile", "file-copy"],
    ),
];

const SIZES: [u32; 4] = [10, 100, 1_000, 10_000];

/// Puts the results into the document, and the charts beside it.
pub(crate) fn write(results: &Results, document: &Path) -> Result<(), Box<dyn Error>> {
    let old = match fs::read_to_string(document) {
        Ok(old) => old,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => FRAME.to_owned(),
        Err(error) => return Err(error.into()),
    };
    let lacking = || format!("{}: there is no `{BEGIN}` or `{END}`", document.display());
    let (head, rest) = old.split_once(BEGIN).ok_or_else(lacking)?;
    let (_old, tail) = rest.split_once(END).ok_or_else(lacking)?;
    let directory = document.with_extension("");
    fs::create_dir_all(&directory)?;
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    let mut pictures = String::new();
    for (id, title, cases) in CHARTS {
        let cases: Vec<&Case> = cases.iter().filter_map(|id| results.case(id)).collect();
        if !cases.is_empty() {
            bars(&directory.join(format!("{id}.svg")), title, &cases)?;
            writeln!(pictures, "![{title}]({name}/{id}.svg)\n")?;
        }
    }
    if results.case("many-10").is_some() {
        lines(&directory.join("connections.svg"), results)?;
        let title = "A message, by open connections";
        writeln!(pictures, "![{title}]({name}/connections.svg)\n")?;
    }
    let measured = format!("{}\n{pictures}{}", preface(results), tables(results));
    fs::write(document, format!("{head}{BEGIN}\n{measured}{END}{tail}"))?;
    Ok(())
}

fn preface(results: &Results) -> String {
    let machine = &results.machine;
    format!(
        "Measured on {} by `{}` in {} s, {} samples of {} ms each: {}, {} cores, {}; {}, capsock {}, wasmtime {}, {}. The load average was {} as \
         it began.\n",
        machine.date,
        results.command,
        results.seconds,
        results.rounds,
        results.sample,
        machine.processor,
        machine.cores,
        machine.kernel,
        machine.rustc,
        machine.capsock,
        machine.wasmtime,
        machine.python,
        machine.load,
    )
}

/// The goals and each case, as Markdown.
pub(crate) fn tables(results: &Results) -> String {
    let mut text =
        String::from("## Goals\n\n| case | found | goal | |\n| --- | --- | --- | --- |\n");
    for goal in GOALS {
        let (sign, met): (_, fn(f64, f64) -> bool) = match goal.better {
            Better::Less => ("≤", |found, bound| found <= bound),
            Better::More => ("≥", |found, bound| found >= bound),
        };
        let unit = goal.unit;
        let (found, verdict) = match (goal.found)(results) {
            Some(found) if met(found, goal.bound) => (format!("{found:.3}{unit}"), "met"),
            Some(found) => (format!("{found:.3}{unit}"), "**not met**"),
            None => ("–".to_owned(), "not in this run"),
        };
        let (title, bound) = (goal.title, goal.bound);
        text += &format!("| {title} | {found} | {sign} {bound:.2}{unit} | {verdict} |\n");
    }
    for case in &results.cases {
        text += &table(case);
    }
    text
}

fn table(case: &Case) -> String {
    let better = match case.better {
        Better::Less => "less",
        Better::More => "more",
    };
    let mut text = format!(
        "\n### {}\n\nIn {}; {better} is better.\n\n| | median | quartiles | to native |\n| --- | --- | --- | --- |\n",
        case.title, case.unit
    );
    for entry in &case.entries {
        let name = &entry.contestant;
        text += &match &entry.outcome {
            Outcome::Measured(measured) => {
                let value = measured.value;
                let ratio = measured.ratio.map(|ratio| format!("{:.2}", ratio.median));
                format!(
                    "| {name} | {} | {}–{} | {} |\n",
                    figure(value.median),
                    figure(value.q1),
                    figure(value.q3),
                    ratio.unwrap_or_default()
                )
            }
            Outcome::Skipped(why) => format!("| {name} | – | {why} | |\n"),
        };
    }
    text
}

/// Three digits that mean something.
fn figure(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// A colour that a contestant has in every chart.
fn colour(contestant: &str) -> RGBColor {
    match contestant {
        "native" => RGBColor(90, 90, 90),
        "native, tokio" => RGBColor(150, 150, 150),
        "capsock" => RGBColor(0, 110, 180),
        "wasi:sockets 0.2" => RGBColor(220, 120, 0),
        "wasi:sockets 0.3" => RGBColor(170, 60, 60),
        "native, Python" => RGBColor(190, 190, 120),
        _ => RGBColor(110, 170, 90),
    }
}

/// A horizontal bar for each contestant of each case: its ratio to native.
fn bars(path: &Path, title: &str, cases: &[&Case]) -> Result<(), Box<dyn Error>> {
    let mut rows: Vec<(String, Option<(&str, f64)>)> = Vec::new();
    for case in cases {
        rows.push((case.title.clone(), None));
        for entry in &case.entries {
            let measured = case.of(&entry.contestant);
            if let Some(ratio) = measured.and_then(|measured| measured.ratio) {
                let name = entry.contestant.as_str();
                rows.push((name.to_owned(), Some((name, ratio.median))));
            }
        }
    }
    let ratios = rows
        .iter()
        .filter_map(|(_, bar)| bar.map(|(_, ratio)| ratio));
    // What is many times slower would leave the others no room.
    let most = ratios.fold(1.0, f64::max).min(3.0);
    const LEFT: i32 = 170;
    const WIDTH: f64 = 480.0;
    const ROW: i32 = 20;
    let height = 50 + rows.len() as i32 * ROW;
    let root = SVGBackend::new(path, (760, height.unsigned_abs())).into_drawing_area();
    root.fill(&WHITE)?;
    let style = |size: f64| ("sans-serif", size).into_font();
    let right = Pos::new(HPos::Right, VPos::Center);
    let left = Pos::new(HPos::Left, VPos::Center);
    root.draw(&Text::new(title.to_owned(), (10, 10), style(16.0)))?;
    let at = |ratio: f64| LEFT + (ratio.min(most) / most * WIDTH) as i32;
    let line = [(at(1.0), 36), (at(1.0), height - 8)];
    for (row, (label, bar)) in rows.iter().enumerate() {
        let top = 36 + row as i32 * ROW;
        let middle = top + ROW / 2;
        match bar {
            None => {
                let style = style(13.0).into_text_style(&root).pos(left);
                root.draw(&Text::new(label.clone(), (10, middle), style))?;
            }
            Some((name, ratio)) => {
                let corners = [(LEFT, top + 3), (at(*ratio), top + ROW - 3)];
                root.draw(&Rectangle::new(corners, colour(name).filled()))?;
                let text = style(12.0).into_text_style(&root);
                root.draw(&Text::new(
                    label.clone(),
                    (LEFT - 6, middle),
                    text.pos(right),
                ))?;
                let text = style(12.0).into_text_style(&root);
                let beyond = if *ratio > most { " →" } else { "" };
                root.draw(&Text::new(
                    format!("{ratio:.2}{beyond}"),
                    (LEFT + WIDTH as i32 + 8, middle),
                    text.pos(left),
                ))?;
            }
        }
    }
    root.draw(&PathElement::new(line, BLACK.mix(0.5)))?;
    root.present()?;
    Ok(())
}

/// The cost of a message by the number of connections that are open.
fn lines(path: &Path, results: &Results) -> Result<(), Box<dyn Error>> {
    let names = [
        "native",
        "native, tokio",
        "capsock",
        "wasi:sockets 0.2",
        "wasi:sockets 0.3",
    ];
    let curve = |name: &str| -> Vec<(u32, f64)> {
        let point = |size: &u32| {
            let case = results.case(&format!("many-{size}"))?;
            Some((*size, case.of(name)?.value.median))
        };
        SIZES.iter().filter_map(point).collect()
    };
    let curves: Vec<_> = names.iter().map(|name| (*name, curve(name))).collect();
    let values = || {
        let points = curves.iter().flat_map(|(_, points)| points);
        points.map(|(_, value)| *value)
    };
    let (low, high) = (
        values().fold(f64::MAX, f64::min),
        values().fold(1.0, f64::max),
    );
    let root = SVGBackend::new(path, (760, 360)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(
            "Microseconds a message, by open connections; less is better",
            ("sans-serif", 16),
        )
        .margin(12)
        .margin_right(30)
        .x_label_area_size(30)
        .y_label_area_size(50)
        .build_cartesian_2d(
            (SIZES[0]..SIZES[3]).log_scale(),
            (low * 0.8..high * 1.2).log_scale(),
        )?;
    chart.configure_mesh().light_line_style(WHITE).draw()?;
    for (name, points) in curves {
        let colour = colour(name);
        let line = LineSeries::new(points, colour.stroke_width(2)).point_size(3);
        chart
            .draw_series(line)?
            .label(name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 4), (x + 14, y + 4)], colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    root.present()?;
    Ok(())
}
