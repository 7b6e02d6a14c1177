//! Makes records and containers. Containers are written by hand here, so that no library decides what the reader is shown.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// A record nobody else has: its own event id, request id and second. All are of one length.
pub(super) fn event() -> Value {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    json!({
        "eventVersion": "1.08",
        "userIdentity": {
            "type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/alice",
            "accountId": "111122223333", "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "userName": "alice"
        },
        "eventTime": format!("2024-05-01T{:02}:{:02}:{:02}Z", n / 3600 % 24, n / 60 % 60, n % 60),
        "eventSource": "ec2.amazonaws.com",
        "eventName": "RunInstances",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.15.0",
        "requestParameters": null,
        "responseElements": {"instancesSet": {"items": [{"instanceId": "i-0123456789abcdef0"}]}},
        "requestID": format!("request-{n:08}"),
        "eventID": format!("{n:08x}-0000-4000-8000-00000000abcd"),
        "readOnly": false,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management"
    })
}

/// The text of a fresh record.
pub(super) fn text() -> String {
    event().to_string()
}

/// A fresh record with one field set.
pub(super) fn with(field: &str, value: Value) -> Value {
    let mut record = event();
    record[field] = value;
    record
}

/// A fresh record without one field.
pub(super) fn without(field: &str) -> Value {
    let mut record = event();
    record.as_object_mut().expect("an object").remove(field);
    record
}

/// A trail's file of these records.
pub(super) fn trail(records: &[Value]) -> String {
    json!({ "Records": records }).to_string()
}

/// A trail's file of fresh records.
pub(super) fn trail_of(count: usize) -> String {
    trail(&(0..count).map(|_| event()).collect::<Vec<_>>())
}

pub(super) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    gzip_at(bytes, Compression::default())
}

/// Stored, not compressed: a place in the content is that place in the file, plus the header.
pub(super) fn gzip_stored(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    assert!(bytes.as_ref().len() < 65_000, "one stored block");
    gzip_at(bytes, Compression::none())
}

/// Header of a gzip member and of its one stored block.
pub(super) const STORED_HEADER: usize = 10 + 5;

fn gzip_at(bytes: impl AsRef<[u8]>, level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes.as_ref()).expect("into memory");
    encoder.finish().expect("into memory")
}

/// A zstd frame of one raw block (RFC 8878, 3.1.1).
pub(super) fn zstd(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let size = u32::try_from(bytes.len()).expect("small");
    assert!(size < 128 * 1024, "one raw block");
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    frame.extend(size.to_le_bytes());
    frame.extend(&(size << 3 | 1).to_le_bytes()[..3]);
    frame.extend(bytes);
    frame
}

/// A zip archive, members stored (APPNOTE 4.3).
pub(super) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        let size = u32::try_from(bytes.len()).expect("small").to_le_bytes();
        let mut common = Vec::new();
        common.extend([20, 0, 0, 8, 0, 0, 0, 0, 0x21, 0x58]); // version, flags (UTF-8 names), method stored, time, date
        common.extend(crc.sum().to_le_bytes());
        common.extend(size);
        common.extend(size);
        common.extend(u16::try_from(name.len()).expect("short").to_le_bytes());
        common.extend([0, 0]);
        let offset = u32::try_from(out.len()).expect("small").to_le_bytes();
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(&common);
        directory.extend([0; 2 + 2 + 2 + 4]); // comment, disk, attributes
        directory.extend(offset);
        directory.extend(name.as_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(*bytes);
    }
    let count = u16::try_from(members.len()).expect("few").to_le_bytes();
    let at = u32::try_from(out.len()).expect("small").to_le_bytes();
    let length = u32::try_from(directory.len()).expect("small").to_le_bytes();
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count);
    out.extend(count);
    out.extend(length);
    out.extend(at);
    out.extend([0, 0]);
    out
}

/// A ustar archive.
pub(super) fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in members {
        let mut header = [0u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..107].copy_from_slice(b"0000644");
        header[108..115].copy_from_slice(b"0000000");
        header[116..123].copy_from_slice(b"0000000");
        header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
        header[136..147].copy_from_slice(b"14600000000");
        header[148..156].copy_from_slice(b"        ");
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        out.extend(header);
        out.extend(*bytes);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}
