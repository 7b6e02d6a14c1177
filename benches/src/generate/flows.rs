//! Flow logs: a story in them that its calls explain, the same records by other routes, and as many as are asked for.

mod calls;
mod files;
mod line;
mod many;
mod routes;
mod traffic;
mod truth;
mod world;

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::clock::iso;
use super::write::write_file;
pub(crate) use many::{FlowsArgs, run};
use world::World;

const README: &str = "Evidence hand-over\n\nCopied from the log bucket with its folders. CloudTrail of one account and one region, and two VPC flow logs.\n\nMade by a generator: accounts, people, addresses and keys do not exist.\n";

/// Writes `flows`, `flows-routes` and the truth about both below the folder of the fixtures.
pub(crate) fn fixture(out: &Path) -> Result<()> {
    let root = out.join("flows");
    let world = World::new()?;
    let (logs, events) = (files::logs(&world), calls::events(&world));
    write_file(&root.join("README.txt"), README.as_bytes())?;
    let trail = calls::write(&root, &world, &events)?;
    let mut counts = json!({ "cloudtrail": trail });
    for log in &logs {
        counts[log.id] = log.write(&root, &world)?.into();
    }
    let told = routes::write(&out.join("flows-routes"), &world, &logs)?;
    let truth = truth::document(&world, &logs, &events, &counts, told);
    write_file(&super::beside(&root, "truth.json"), format!("{}\n", serde_json::to_string_pretty(&truth)?).as_bytes())?;
    write_file(&super::beside(&root, "at"), format!("{}\n", iso(world.day + world::NOTICED)).as_bytes())
}

#[cfg(test)]
mod tests;
