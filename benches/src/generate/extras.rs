//! What else lies in a real hand-over: Insights files, a flow log, a note, a file manager's droppings.

use std::path::Path;

use anyhow::Result;

use super::clock::{self, HOUR, SLOT};
use super::estate::Estate;
use super::random::{Random, mix};
use super::record::guid;
use super::scenario::Incident;
use super::truth::Totals;
use super::write::{key, write_file, write_gzip};

const NOTE: &str = "Evidence hand-over\n\nCopied from the log archive bucket with its folders. CloudTrail (organisation trail, management and data events),\nCloudTrail Insights, and one VPC flow log of the affected subnet.\n\nMade by a generator: accounts, people, addresses and keys do not exist.\n";

const BRIEF_NOTE: &str = "Evidence hand-over\n\nCopied from the log archive bucket with its folders. CloudTrail (organisation trail, management and data events).\n\nMade by a generator: accounts, people, addresses and keys do not exist.\n";

/// Writes the note alone.
pub(crate) fn write_note(root: &Path) -> Result<()> {
    write_file(&root.join("README.txt"), BRIEF_NOTE.as_bytes())
}

/// Writes them all below a folder.
pub(crate) fn write(root: &Path, seed: u64, estate: &Estate, incident: &Incident, totals: &mut Totals) -> Result<()> {
    write_file(&root.join("README.txt"), NOTE.as_bytes())?;
    write_file(&root.join(".DS_Store"), &ds_store())?;
    insights(root, seed, estate, incident, totals)?;
    flow_log(root, seed, estate, incident)
}

/// The head of a file manager's settings file.
fn ds_store() -> Vec<u8> {
    let mut bytes = b"\0\0\0\x01Bud1\0\0\x10\0\0\0\x08\0\0\0\x10\0\0\0\0\0".to_vec();
    bytes.resize(512, 0);
    bytes
}

/// A burst of denied calls and one of reads: start and end of each, delivered half an hour late.
fn insights(root: &Path, seed: u64, estate: &Estate, incident: &Incident, totals: &mut Totals) -> Result<()> {
    let unusual = [
        (1, 0, "s3.amazonaws.com", "GetObject", "ApiCallRateInsight", ""),
        (0, 2, "ec2.amazonaws.com", "DescribeInstances", "ApiCallRateInsight", ""),
        (2, 1, "iam.amazonaws.com", "ListUsers", "ApiErrorRateInsight", "AccessDenied"),
    ];
    for (n, (account, place, source, name, kind, code)) in unusual.into_iter().enumerate() {
        let account = &estate.accounts[account];
        let region = account.places[place].region;
        let from = incident.at - 6 * HOUR + n as i64 * 1260;
        let pair = guid(mix(&[seed, 0x1_151, n as u64]));
        let record = |state: &str, time: i64| {
            let error = if code.is_empty() { String::new() } else { format!(r#","errorCode":"{code}""#) };
            let id = guid(mix(&[seed, 0x1_151, n as u64, time as u64]));
            let duration = if state == "End" { 9 } else { 1 };
            format!(
                r#"{{"eventVersion":"1.09","eventTime":"{}","awsRegion":"{region}","eventID":"{id}","eventType":"AwsCloudTrailInsight","recipientAccountId":"{}","sharedEventID":"{pair}","insightDetails":{{"state":"{state}","eventSource":"{source}","eventName":"{name}","insightType":"{kind}"{error},"insightContext":{{"statistics":{{"baseline":{{"average":0.0017}},"insight":{{"average":{}.4}},"insightDuration":{duration},"baselineDuration":10080}},"attributions":[{{"attribute":"userIdentityArn","insight":[{{"value":"arn:aws:sts::{}:assumed-role/deploy","average":2.25}}],"baseline":[]}},{{"attribute":"userAgent","insight":[{{"value":"aws-cli","average":2.25}}],"baseline":[]}},{{"attribute":"errorCode","insight":[{{"value":"null","average":2.25}}],"baseline":[{{"value":"null","average":0.0017}}]}}]}}}},"eventCategory":"Insight"}}"#,
                clock::iso(time),
                account.id,
                3 + n,
                account.id
            )
        };
        let text = format!(r#"{{"Records":[{},{}]}}"#, record("Start", from), record("End", from + 540));
        let delivered = (from + 1800) / SLOT * SLOT;
        write_gzip(
            &root.join(key(&estate.organisation, &account.id, "CloudTrail-Insight", region, delivered, mix(&[seed, 0x1_152, n as u64]))),
            text.as_bytes(),
        )?;
        totals.insights_files += 1;
        totals.insights_records += 2;
    }
    Ok(())
}

/// Ten minutes of default-format lines, in the key layout flow logs have.
fn flow_log(root: &Path, seed: u64, estate: &Estate, incident: &Incident) -> Result<()> {
    let account = &estate.accounts[0];
    let place = &account.places[2.min(account.places.len() - 1)];
    let mut random = Random::seeded(&[seed, 0xf10]);
    let mut text =
        "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n".to_owned();
    let from = incident.at - 4 * HOUR;
    for line in 0..120 {
        let start = from + random.below(500) as i64;
        let (source, port, action) = match line % 6 {
            0 => ("203.0.113.66", 22, "ACCEPT"),
            1 | 2 => ("198.51.100.77", 3389, "REJECT"),
            _ => ("10.10.4.12", 443, "ACCEPT"),
        };
        let packets = 1 + random.below(40);
        let instance = &place.instances[random.below(6)];
        text.push_str(&format!(
            "2 {} eni-0{} {source} {} {} {port} 6 {packets} {} {start} {} {action} OK\n",
            account.id,
            &instance.id[3..],
            instance.private_address,
            32_768 + random.below(28_000),
            packets * 310,
            start + 59
        ));
    }
    let (date, time) = (clock::path_date(from), clock::compact(from));
    let (id, hash) = (random.text(|r, o| r.push_hex(o, 17)), random.text(|r, o| r.push_hex(o, 8)));
    let region = place.region;
    let path = format!("AWSLogs/{a}/vpcflowlogs/{region}/{date}/{a}_vpcflowlogs_{region}_fl-{id}_{time}_{hash}.log.gz", a = account.id);
    write_gzip(&root.join(path), text.as_bytes())
}
