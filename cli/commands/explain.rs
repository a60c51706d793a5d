//! `engross explain`: what a code means, with an example, a remedy and a reason.
//!
//! The pages are `docs/codes/CODE.md`, one for every code of every crate; they are part of the binary. A new code needs its page
//! and its name in the list below.

use crate::exit::{self, Exit};
use crate::ui;
use anyhow::{Result, bail};
use clap::Args;
use engross_source::diagnostic::Page;
use engross_source::nearest;

/// Tell what the code of a finding means.
///
/// Without a code: all of them, one line each.
#[derive(Debug, Args)]
pub struct Explain {
    /// The code, as in E0312
    pub code: Option<String>,
}

macro_rules! pages {
    ($($code:literal)*) => {
        /// Every code with its page, in ascending order; E before W.
        const PAGES: &[(&str, &str)] = &[$(($code, include_str!(concat!("../../docs/codes/", $code, ".md")))),*];
    };
}

pages! {
    "E0101" "E0102" "E0103" "E0104" "E0105" "E0106" "E0107" "E0110" "E0111" "E0112"
    "E0113" "E0114" "E0115" "E0120" "E0121" "E0122" "E0130" "E0131" "E0132" "E0133"
    "E0140" "E0141" "E0142" "E0143" "E0149" "E0201" "E0202" "E0203" "E0204" "E0205"
    "E0206" "E0207" "E0208" "E0209" "E0210" "E0211" "E0212" "E0220" "E0221" "E0222"
    "E0223" "E0224" "E0225" "E0226" "E0227" "E0229" "E0230" "E0231" "E0232" "E0233"
    "E0234" "E0235" "E0236" "E0240" "E0241" "E0242" "E0250" "E0251" "E0252" "E0260"
    "E0261" "E0262" "E0263" "E0264" "E0265" "E0266" "E0267" "E0268" "E0298" "E0299" "E0301" "E0302" "E0303" "E0304" "E0305"
    "E0306" "E0307" "E0310" "E0311" "E0312" "E0313" "E0314" "E0315" "E0316" "E0317"
    "E0318" "E0319" "E0320" "E0401" "E0402" "E0403" "E0404" "E0405" "E0406" "E0501"
    "E0502" "E0503" "E0504" "E0505" "E0506" "E0507" "E0508" "E0509" "E0510" "E0511"
    "E0512" "E0513" "E0514" "E0515" "E0516" "E0517" "E0601" "E0602" "E0603" "E0604" "E0605" "E0606"
    "E0607" "E0608" "E0610" "E0611" "E0612" "E0613" "E0614" "E0615" "E0616" "E0617"
    "E0620" "E0621" "E0622" "E0699" "E0701" "E0702" "E0703" "E0704" "E0705" "E0706" "E0707" "W0401" "W0402" "W0403" "W0404" "W0405" "W0406"
    "W0407" "W0408" "W0409" "W0410" "W0501"
}

/// The page of a code.
pub fn page(code: &str) -> Option<Page> {
    PAGES.iter().find(|(of, _)| *of == code).map(|(code, text)| Page { title: title(code, text), text })
}

/// A page's first line without its code.
fn title<'t>(code: &str, text: &'t str) -> &'t str {
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("# ").and_then(|line| line.strip_prefix(code)?.strip_prefix(": ")).unwrap_or(line)
}

/// Carries it out.
///
/// # Errors
/// There is no such code.
pub fn run(args: &Explain) -> Result<Exit> {
    let Some(code) = &args.code else {
        let lines: Vec<String> = PAGES.iter().map(|(code, text)| format!("{code}  {}", title(code, text))).collect();
        ui::data(&lines.join("\n"));
        return Ok(exit::OK);
    };
    let code = code.to_ascii_uppercase();
    let Some(page) = page(&code) else {
        let near = nearest(&code, PAGES.iter().map(|(code, _)| *code));
        let hint =
            near.map_or_else(|| "`engross explain` lists all".to_string(), |near| format!("did you mean {near}?"));
        bail!("there is no code `{code}`\n  hint: {hint}");
    };
    ui::data(page.text);
    Ok(exit::OK)
}
