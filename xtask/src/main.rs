//! The project's chores: `cargo xtask check` is the whole test of the project, `cargo xtask schemas` writes what is generated.
//!
//! It runs other programs and prints what they do. It has no logic of the product.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

const HELP: &str = "cargo xtask CHORE

  check      formats, lints and tests everything, simulates, and compares what is generated; installs what it needs;
             with --quick without the simulation
  schemas    writes schemas/ from the code
  sim        runs the simulator: cargo xtask sim --seeds 10000, cargo xtask sim --seed 7 --trace
  bench      measures the engine beside its store and its disk: cargo xtask bench --quick
  power-cut  cuts the power of a real disk while the engine works; needs root and loop devices
  help       this text
";

fn main() -> ExitCode {
    let chore = std::env::args().nth(1).unwrap_or_default();
    let done = match chore.as_str() {
        "check" => quick().and_then(check),
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

/// How many simulated weeks a check plays.
const SEEDS: &str = "10000";

/// How many runs a check compares between the core and the reference interpreter.
const REFERENCE_RUNS: &str = "20000";

/// Whether a check may leave out what takes long.
fn quick() -> Result<bool> {
    let said: Vec<String> = std::env::args().skip(2).collect();
    match said.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(false),
        ["--quick"] => Ok(true),
        _ => bail!("`check` knows only `--quick`, not `{}`", said.join(" ")),
    }
}

/// Everything that must hold before a change lands.
fn check(quick: bool) -> Result<()> {
    let began = Instant::now();
    components()?;
    step("formatting", "cargo", &["fmt", "--all", "--check"])?;
    step("lints", "cargo", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?;
    step("tests", "cargo", &["test", "--workspace", "--all-targets", "--locked", "--no-fail-fast"])?;
    generated()?;
    if quick {
        print("== simulation: left out, as --quick says; `cargo xtask check` has it");
    } else {
        step("building the simulator", "cargo", &["build", "--quiet", "--release", "--locked", "-p", "engross-sim"])?;
        simulate("simulation", &["--seeds", SEEDS])?;
        simulate("reference", &["--reference", REFERENCE_RUNS])?;
    }
    print(&format!("check passed in {} s", began.elapsed().as_secs()));
    Ok(())
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
    let status = Command::new("cargo")
        .args(["run", "--quiet", "--release", "--locked", "-p", "engross-runtime", "--example", "bench", "--"])
        .args(std::env::args().skip(2))
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
    let test = ["test", "--locked", "--package", "engross", "--features", "power-cut", "--test", "it"];
    step("power cuts", "cargo", &[&test[..], &["--", "--nocapture", "power_cut::disk"]].concat())
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
const SCHEMAS: &[(&str, &str)] =
    &[("policy", "policy.schema.json"), ("workflow", "workflow.schema.json"), ("config", "config.schema.json")];

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
    print(&format!("== {what}: {program} {}", args.join(" ")));
    let began = Instant::now();
    let status = Command::new(program)
        .args(args)
        .current_dir(root())
        .status()
        .with_context(|| format!("{program} cannot be run"))?;
    if !status.success() {
        bail!("{what} failed");
    }
    print(&format!("== {what}: ok, {} s", began.elapsed().as_secs()));
    Ok(())
}
