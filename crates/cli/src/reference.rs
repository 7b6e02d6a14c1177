//! `docs/reference/commands.md` is the help text of every command; this test holds the two together (`UPDATE_DOCS=1` rewrites the page).

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::CommandFactory;

use crate::args::Cli;

fn render() -> String {
    let mut page = String::from(
        "# Commands\n\nGenerated from the program's own help (`UPDATE_DOCS=1 cargo test -p backtrail-cli reference` rewrites this page).\n\n\
         Data goes to stdout, everything else to stderr.\n\
         Exit codes: 0 done; 1 error; 2 wrong usage; 3 done, but incomplete (this run rejected or failed something, or evidence overlapping the window, or any for an answer from all of it, is partial, rejected or failed); 130 interrupted. A closed pipe is 0.\n",
    );
    // The width is fixed and the environment's value of BACKTRAIL_STORE is left out, so that every machine renders the same page.
    let mut cli = Cli::command().term_width(110).mut_arg("store", |a| a.hide_env_values(true));
    cli.build();
    for command in cli.get_subcommands().filter(|c| c.get_name() != "help") {
        let mut command = command.clone().term_width(110);
        let help = command.render_long_help().to_string();
        let help: Vec<&str> = help.lines().map(str::trim_end).collect();
        let _ = write!(page, "\n## backtrail {}\n\n```text\n{}\n```\n", command.get_name(), help.join("\n").trim_end());
    }
    page
}

#[test]
fn the_page_of_commands_is_the_help_text() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/commands.md");
    let rendered = render();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &rendered).expect("the page is written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == rendered, "docs/reference/commands.md is stale: run UPDATE_DOCS=1 cargo test -p backtrail-cli reference");
}
