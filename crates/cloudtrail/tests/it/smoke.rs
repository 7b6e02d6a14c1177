//! scratch
use crate::support::decode;
#[test]
fn smoke() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    fn walk(p: &std::path::Path, out: &mut Vec<std::path::PathBuf>) {
        for e in std::fs::read_dir(p).unwrap() {
            let p = e.unwrap().path();
            if p.is_dir() { walk(&p, out) } else { out.push(p) }
        }
    }
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.sort();
    let mut dirs: std::collections::BTreeMap<String, (usize, i64, i64, i64, i64)> = Default::default();
    for f in files {
        let b = std::fs::read(&f).unwrap();
        let b = if b.starts_with(&[0x1f, 0x8b]) {
            let mut v = vec![];
            std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&b[..]), &mut v).unwrap();
            v
        } else {
            b
        };
        let d = decode(&b);
        let rel = f.strip_prefix(&root).unwrap().display().to_string();
        let top = rel.split('/').take(2).collect::<Vec<_>>().join("/");
        let e = dirs.entry(top.clone()).or_default();
        e.0 += 1;
        e.1 += d.summary.counts.read;
        e.2 += d.summary.counts.kept;
        e.3 += d.summary.counts.rejected;
        e.4 += d.summary.counts.other;
        if !["stratus_detonation", "traildiscover", "synth"].iter().any(|t| top.contains(t)) || d.summary.counts.rejected > 0 {
            println!(
                "{rel} {:?} {} {:?} {:?} {:?}",
                d.counts(),
                d.summary.shape,
                d.summary.remarks,
                d.summary.broken_off,
                d.summary.foreign.clone().map(|f| f.kind)
            );
            for r in d.rejects().iter().take(3) {
                println!("    {} @{} len {}", r["reason"], r["byte_offset"], r["length"]);
            }
        }
    }
    println!("{dirs:#?}");
}
