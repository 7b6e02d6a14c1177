//! Writes inputs to begin with: `cargo run --bin seeds [FOLDER]`, into `corpus/<target>` unless said otherwise.

use std::fs;
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};

use backtrail_fuzz::decoder::record;
// Where the build counts coverage, libFuzzer has what counts it.
use libfuzzer_sys as _;

fn main() -> io::Result<()> {
    let corpus = std::env::args_os().nth(1).map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"), PathBuf::from);
    // Three cuts; the first two also across the border of the decoder's first look, which is slow.
    let cut = |(n, document)| [vec![if n < 2 { 0xf3 } else { 0x03 }, 40, 128, 200], document].concat();
    put(&corpus.join("decoder"), documents().into_iter().enumerate().map(cut).collect())?;
    put(&corpus.join("sniff"), documents())?;
    put(&corpus.join("flows"), texts(FLOWS).into_iter().map(|text| [vec![0x03, 40, 128, 200], text].concat()).collect())?;
    put(&corpus.join("containers"), containers()?)?;
    put(&corpus.join("parsers"), texts(TEXTS))?;
    put(&corpus.join("sql_gate"), texts(QUERIES))
}

fn put(folder: &Path, seeds: Vec<Vec<u8>>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    seeds.iter().enumerate().try_for_each(|(n, seed)| fs::write(folder.join(format!("seed-{n:02}")), seed))
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// The wrappers records come in.
fn documents() -> Vec<Vec<u8>> {
    let (one, two) = (record(1), record(2));
    let quoted = one.replace('\\', "\\\\").replace('"', "\\\"");
    let documents = [
        format!("{{\"Records\":[{one},{two}]}}"),
        format!("[{one},{two}]"),
        format!("{one}\n{two}\n"),
        format!("{one}{two}"),
        format!("2024-03-01T00:00:00.000Z {one}\n"),
        format!("{{\"Events\":[{{\"EventId\":\"x\",\"CloudTrailEvent\":\"{quoted}\"}}]}}"),
        format!(
            "{{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{{\"id\":\"1\",\"timestamp\":1709251200000,\"message\":\"{quoted}\"}}]}}"
        ),
        format!("{{\"detail-type\":\"AWS API Call via CloudTrail\",\"detail\":{one}}}\n"),
        format!("{{\"hits\":{{\"hits\":[{{\"_source\":{one}}}]}}}}"),
        format!("eventID,eventJson\nx,\"{}\"\n", one.replace('"', "\"\"")),
        "eventID,eventName,eventSource,userIdentity\nx,RunInstances,ec2.amazonaws.com,{type=IAMUser, arn=null}\n".to_owned(),
        "version account-id interface-id srcaddr dstaddr srcport dstport protocol\n2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6\n".to_owned(),
        "{\"digestEndTime\":\"x\",\"logFiles\":[]}".to_owned(),
        "{\"fileVersion\":\"1.0\",\"configurationItems\":[{\"resourceType\":\"AWS::S3::Bucket\"}]}".to_owned(),
        "PAR1 class_uid metadata PAR1".to_owned(),
    ];
    documents.map(String::into_bytes).to_vec()
}

fn containers() -> io::Result<Vec<Vec<u8>>> {
    let text = format!("{{\"Records\":[{}]}}", record(1)).into_bytes();
    let (zipped, packed) = (gzip(&text)?, zstd::encode_all(text.as_slice(), 1)?);
    let bomb = gzip(&vec![b' '; 1 << 20])?;
    let archive = tar(&[("a.json", &text), ("b.json.gz", &zipped)]);
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, data) in [("a.json", &text), ("b/c.gz", &zipped)] {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).map_err(io::Error::other)?;
        writer.write_all(data)?;
    }
    let zip = writer.finish().map_err(io::Error::other)?.into_inner();
    let twice = [zipped.clone(), gzip(b"{}\n")?].concat();
    let nested = gzip(&tar(&[("inner.tar.gz", &gzip(&archive)?), ("x.zip", &zip)]))?;
    Ok(vec![gzip(&zipped)?, gzip(&archive)?, twice, bomb, nested, zip, archive, packed, zipped, text])
}

fn gzip(data: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data)?;
    encoder.finish()
}

/// A ustar archive, by hand.
fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, data) in members {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", data.len()).as_bytes());
        header[156] = b'0';
        header[257..263].copy_from_slice(b"ustar\0");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        out.extend(header);
        out.extend(*data);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

const TEXTS: &[&str] = &[
    "arn:aws:iam::111122223333:user/people/alice",
    "arn:aws:sts::111122223333:assumed-role/Admin/alice@example.com",
    "arn:aws-cn:s3:::bucket/key with spaces",
    "{\"policy\":\"arn:aws:s3:::b/*\",\"x\":[\"arn:aws:ec2:eu-west-1:111122223333:instance/i-0abc\"]}",
    "2023-07-19T21:11:57Z",
    "2023-07-19T23:11:57.25+02:00",
    "20230719T211157Z",
    "2023-07-19 21:11:57.000 UTC",
    "1689801117.25",
    "2024-02-29",
    "24h",
    "{\"password\":\"hunter2\",\"credentials\":{\"sessionToken\":\"IQoJb3JpZ2lu\"},\"env\":[{\"name\":\"DB_PASSWORD\",\"value\":\"x\"}]}",
    "mysql --password=hunter2 -h db; curl -H 'Authorization: Bearer abcdefgh' https://u:p@example.org/?X-Amz-Signature=00ff",
    "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----",
];

const QUERIES: &[&str] = &[
    "SELECT event_name, count(*) FROM cloudtrail GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
    "WITH a AS (SELECT 1 AS n) SELECT n FROM a; SELECT ';' -- ;\n; /* ; */ SELECT 2",
    "SELECT request_parameters -> 'a' ->> 'b' FROM cloudtrail WHERE event_time >= '2024-03-01' AND source_ip_address ~ '^10'",
    "EXPLAIN ANALYZE SELECT * FROM timeline WHERE actor LIKE '%x%'",
    "SELECT arn_account('arn:aws:s3:::b'), cidr_contains('10.0.0.0/8', source_ip_address) FROM cloudtrail",
    "DROP TABLE cloudtrail",
    "INSERT INTO evidence SELECT * FROM evidence",
    "COPY cloudtrail TO 'x.parquet'",
    "CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION '/tmp'",
    "SELECT * FROM 'file.parquet'",
    "SELECT $$a;b$$, E'\\'', \"q;q\" FROM (VALUES (1, 'x')) AS t(a, b)",
    "SHOW COLUMNS FROM cloudtrail",
    "DESCRIBE evidence",
    "SELECT 1 INTO x",
    "SELECT a.event_id FROM cloudtrail a JOIN event_origins b USING (event_id) WHERE EXISTS (SELECT 1 FROM evidence)",
];

/// Flow logs by their routes.
const FLOWS: &[&str] = &[
    "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK\n",
    "version interface-id future-field bytes start end log-status\n5 eni-1 x 40 1418530010 1418530070 OK\n5 eni-1 - - 1 2 NODATA\n",
    "2014-12-14T04:06:50.000Z 2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA\n",
    "{\"logGroup\":\"f\",\"logEvents\":[{\"message\":\"2 1 eni-1 10.0.0.1 10.0.0.2 1 22 6 1 40 1418530010 1418530070 ACCEPT OK\"}]}",
    "[{\"srcaddr\":\"10.0.0.1\",\"dstaddr\":\"10.0.0.2\",\"bytes\":40,\"start\":1418530010,\"host\":{\"type\":\"x\"}}]",
];
