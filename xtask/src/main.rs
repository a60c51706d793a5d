//! The project's chores: `cargo xtask check` is the whole test of the project, `cargo xtask schemas` writes what is generated.
//!
//! It runs other programs and prints what they do. It has no logic of the product.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

const HELP: &str = "cargo xtask CHORE

  check      formats, lints and tests everything, simulates, and compares what is generated; installs what it needs
             --quick    without the simulation
             --nightly  with figures for a night; --without-power-cuts where there is no root. ENGROSS_KILLS,
                        ENGROSS_TEST_TRANSITIONS and ENGROSS_CUTS set other ones: see CONTRIBUTING.md
  schemas    writes schemas/ from the code
  sim        runs the simulator: cargo xtask sim --seeds 10000, cargo xtask sim --seed 7 --trace;
             fails when something does not hold, and when a fault occurs too seldom to have been tested
  bench      measures the engine beside its store and its disk: cargo xtask bench --quick; --compare fails when a ratio
             is much worse than in docs/bench.md
  power-cut  cuts the power of a real disk while the engine works; needs root and loop devices
  help       this text
";

fn main() -> ExitCode {
    let chore = std::env::args().nth(1).unwrap_or_default();
    let done = match chore.as_str() {
        "check" => extent().and_then(check),
        "schemas" => schemas(),
        "sim" => sim(),
        "bench" => bench(),
        "power-cut" => power_cut(),
        "help" | "--help" | "-h" => {
            print(HELP);
            Ok(())
        }
        other => Err(anyhow::anyhow!("there is no chore `{other}`\n\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "this is a program for a terminal")]
fn print(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "this is a program for a terminal")]
fn complain(text: &str) {
    eprintln!("{text}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// How much of what is random or long a check does.
struct Figures {
    /// Simulated weeks, and the first of them.
    seeds: u64,
    from: u64,
    /// Runs that are compared between the core and the reference interpreter.
    reference_runs: u64,
    /// What tests are told from outside.
    tests: &'static [(&'static str, &'static str)],
}

/// Of every change.
const DAILY: Figures = Figures { seeds: 10_000, from: 0, reference_runs: 20_000, tests: &[] };

/// Of a night: other weeks each night, five times as many kills.
const NIGHTLY: Figures =
    Figures { seeds: 100_000, from: 0, reference_runs: 200_000, tests: &[("ENGROSS_KILLS", "3000")] };

/// How many transitions the store is churned with at night, in a build with optimisation.
const NIGHTLY_TRANSITIONS: (&str, &str) = ("ENGROSS_TEST_TRANSITIONS", "1000000");

/// How many times the power of a real disk is cut at night.
const NIGHTLY_CUTS: (&str, &str) = ("ENGROSS_CUTS", "300");

/// What a check is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Quick,
    Whole,
    Night { power_cuts: bool },
}

fn extent() -> Result<Extent> {
    let said: Vec<String> = std::env::args().skip(2).collect();
    extent_of(&said.iter().map(String::as_str).collect::<Vec<_>>())
}

fn extent_of(said: &[&str]) -> Result<Extent> {
    match said {
        [] => Ok(Extent::Whole),
        ["--quick"] => Ok(Extent::Quick),
        ["--nightly"] => Ok(Extent::Night { power_cuts: true }),
        ["--nightly", "--without-power-cuts"] => Ok(Extent::Night { power_cuts: false }),
        _ => bail!(
            "`check` knows `--quick`, `--nightly` and `--nightly --without-power-cuts`, and not `{}`",
            said.join(" ")
        ),
    }
}

/// Everything that must hold before a change lands, and more of it at night.
fn check(extent: Extent) -> Result<()> {
    let began = Instant::now();
    let figures = match extent {
        Extent::Quick | Extent::Whole => DAILY,
        Extent::Night { .. } => Figures { from: tonight()?, ..NIGHTLY },
    };
    components()?;
    step("formatting", "cargo", &["fmt", "--all", "--check"])?;
    step("lints", "cargo", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?;
    let tests = ["test", "--workspace", "--all-targets", "--locked", "--no-fail-fast"];
    step_with("tests", "cargo", &tests, figures.tests)?;
    generated()?;
    match extent {
        Extent::Quick => print("== simulation: left out, as --quick says; `cargo xtask check` has it"),
        Extent::Whole => simulated(&figures)?,
        Extent::Night { power_cuts } => {
            simulated(&figures)?;
            night(power_cuts)?;
        }
    }
    print(&format!("check passed in {} s", began.elapsed().as_secs()));
    Ok(())
}

fn simulated(figures: &Figures) -> Result<()> {
    step("building the simulator", "cargo", &["build", "--quiet", "--release", "--locked", "-p", "engross-sim"])?;
    let [seeds, from, runs] = [figures.seeds, figures.from, figures.reference_runs].map(|number| number.to_string());
    simulate("simulation", &["--seeds", &seeds, "--from", &from])?;
    simulate("reference", &["--reference", &runs, "--from", &from])
}

/// The first seed of this night: no two nights play the same weeks, and one night always plays the same.
fn tonight() -> Result<u64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).context("the clock is wrong")?;
    Ok(since.as_secs() / (24 * 3600) * NIGHTLY.seeds)
}

/// What takes too long for every change.
fn night(power_cuts: bool) -> Result<()> {
    let churn =
        ["test", "--release", "--locked", "--package", "engross-store", "--lib", "--", "--nocapture", "churn::"];
    step_with("a million transitions", "cargo", &churn, &[NIGHTLY_TRANSITIONS])?;
    bench_with(&["--quick", "--compare"])?;
    if power_cuts {
        power_cut_with(&[NIGHTLY_CUTS])
    } else {
        print("== power cuts: left out, as --without-power-cuts says");
        Ok(())
    }
}

/// rustfmt and clippy, which a minimal toolchain does not have.
fn components() -> Result<()> {
    for (component, tool) in [("rustfmt", "cargo-fmt"), ("clippy", "cargo-clippy")] {
        let there = Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success());
        if !there {
            step(&format!("installing {component}"), "rustup", &["component", "add", component])?;
        }
    }
    Ok(())
}

/// Runs the simulator with what is said after the chore's name.
fn sim() -> Result<()> {
    let said: Vec<String> = std::env::args().skip(2).collect();
    simulate("simulation", &said.iter().map(String::as_str).collect::<Vec<_>>())
}

fn simulate(what: &str, said: &[&str]) -> Result<()> {
    let run = ["run", "--quiet", "--release", "--locked", "-p", "engross-sim", "--"];
    step(what, "cargo", &[&run, said].concat())
}

/// Measures with what is said after the chore's name. Nothing else is printed: what comes may be JSON.
fn bench() -> Result<()> {
    let said: Vec<String> = std::env::args().skip(2).collect();
    bench_with(&said.iter().map(String::as_str).collect::<Vec<_>>())
}

fn bench_with(said: &[&str]) -> Result<()> {
    let status = Command::new("cargo")
        .args(["run", "--quiet", "--release", "--locked", "-p", "engross-runtime", "--example", "bench", "--"])
        .args(said)
        .current_dir(root())
        .status()
        .context("cargo cannot be run")?;
    if !status.success() {
        bail!("the bench failed");
    }
    Ok(())
}

/// Runs the test that needs a disk of its own.
fn power_cut() -> Result<()> {
    power_cut_with(&[])
}

fn power_cut_with(said: &[(&str, &str)]) -> Result<()> {
    let test = ["test", "--locked", "--package", "engross", "--features", "power-cut", "--test", "it"];
    step_with("power cuts", "cargo", &[&test[..], &["--", "--nocapture", "power_cut::disk"]].concat(), said)
}

/// Writes what is generated from the code.
fn schemas() -> Result<()> {
    for (name, file) in SCHEMAS {
        let text = schema(name)?;
        let path = root().join("schemas").join(file);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        print(&format!("wrote schemas/{file}"));
    }
    Ok(())
}

/// What `engross schema` is asked for, and where it is kept.
const SCHEMAS: &[(&str, &str)] = &[
    ("policy", "policy.schema.json"),
    ("workflow", "workflow.schema.json"),
    ("test", "test.schema.json"),
    ("config", "config.schema.json"),
];

fn schema(name: &str) -> Result<String> {
    let output = Command::new("cargo")
        .args(["run", "--quiet", "--locked", "--bin", "engross", "--", "schema", name])
        .current_dir(root())
        .output()
        .context("cargo cannot be run")?;
    if !output.status.success() {
        bail!("`engross schema {name}` failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout).context("a schema is no text")
}

/// Compares what is committed with what the code gives.
fn generated() -> Result<()> {
    print("== generated files");
    for (name, file) in SCHEMAS {
        let path = root().join("schemas").join(file);
        let committed = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if committed != schema(name)? {
            bail!("schemas/{file} is not what the code gives; run `cargo xtask schemas` and commit it");
        }
    }
    Ok(())
}

fn step(what: &str, program: &str, args: &[&str]) -> Result<()> {
    step_with(what, program, args, &[])
}

/// A step that is told something from outside. What whoever started this has set already stays as it is.
fn step_with(what: &str, program: &str, args: &[&str], said: &[(&str, &str)]) -> Result<()> {
    let unsaid: Vec<(&str, &str)> = said.iter().copied().filter(|(name, _)| std::env::var_os(name).is_none()).collect();
    let told: String = unsaid.iter().map(|(name, value)| format!("{name}={value} ")).collect();
    print(&format!("== {what}: {told}{program} {}", args.join(" ")));
    let began = Instant::now();
    let status = Command::new(program)
        .args(args)
        .envs(unsaid)
        .current_dir(root())
        .status()
        .with_context(|| format!("{program} cannot be run"))?;
    if !status.success() {
        bail!("{what} failed");
    }
    print(&format!("== {what}: ok, {} s", began.elapsed().as_secs()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Extent, extent_of};

    #[test]
    fn what_is_not_known_is_not_taken_for_a_whole_check() {
        for (said, expected) in [
            (&[][..], Some(Extent::Whole)),
            (&["--quick"], Some(Extent::Quick)),
            (&["--nightly"], Some(Extent::Night { power_cuts: true })),
            (&["--nightly", "--without-power-cuts"], Some(Extent::Night { power_cuts: false })),
            (&["--nigthly"], None),
            (&["--quick", "--nightly"], None),
            (&["--without-power-cuts"], None),
        ] {
            assert_eq!(extent_of(said).ok(), expected, "{said:?}");
        }
    }
}
