//! Sparse members of tar archives in each notation: the file as it was, or a reason, and never what lies behind it in its place.

use crate::kit::{Bench, small};

const BLOCK: usize = 512;

fn header(kind: u8, name: &str, size: usize) -> Vec<u8> {
    let mut header = vec![0u8; BLOCK];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar  \0");
    header
}

fn sealed(mut header: Vec<u8>) -> Vec<u8> {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    header
}

fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

fn plain(name: &str, data: &[u8]) -> Vec<u8> {
    [sealed(header(b'0', name, data.len())), padded(data.to_vec())].concat()
}

fn pairs(extents: &[(usize, usize)], into: &mut [u8]) {
    for (slot, (offset, length)) in into.chunks_exact_mut(24).zip(extents) {
        slot[..11].copy_from_slice(format!("{offset:011o}").as_bytes());
        slot[12..23].copy_from_slice(format!("{length:011o}").as_bytes());
    }
}

/// GNU tar's own type: four extents in the header, the rest in a block behind it.
fn old_gnu(extents: &[(usize, usize)], size: usize, data: &[u8]) -> Vec<u8> {
    let mut head = header(b'S', "sparse.json", data.len());
    pairs(extents, &mut head[386..482]);
    head[482] = u8::from(extents.len() > 4);
    head[483..494].copy_from_slice(format!("{size:011o}").as_bytes());
    let mut more = Vec::new();
    if extents.len() > 4 {
        more = vec![0; BLOCK];
        pairs(&extents[4..], &mut more[..504]);
    }
    [sealed(head), more, padded(data.to_vec())].concat()
}

fn pax(records: &[(&str, String)], name: &str, data: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    for (key, value) in records {
        let rest = format!(" {key}={value}\n");
        let length = (1..5).map(|digits| rest.len() + digits).find(|n| n.to_string().len() + rest.len() == *n).unwrap();
        text.push_str(&format!("{length}{rest}"));
    }
    [sealed(header(b'x', "PaxHeader", text.len())), padded(text.into_bytes()), plain(name, data)].concat()
}

fn pax_00(extents: &[(usize, usize)], size: usize, data: &[u8]) -> Vec<u8> {
    let mut records = vec![("GNU.sparse.size", size.to_string()), ("GNU.sparse.numblocks", extents.len().to_string())];
    for (offset, length) in extents {
        records.extend([("GNU.sparse.offset", offset.to_string()), ("GNU.sparse.numbytes", length.to_string())]);
    }
    pax(&records, "sparse.json", data)
}

fn pax_01(extents: &[(usize, usize)], size: usize, data: &[u8]) -> Vec<u8> {
    let map: Vec<String> = extents.iter().map(|(o, l)| format!("{o},{l}")).collect();
    let records = [
        ("GNU.sparse.name", "sparse.json".to_owned()),
        ("GNU.sparse.size", size.to_string()),
        ("GNU.sparse.map", map.join(",")),
        ("path", "GNUSparseFile.1/sparse.json".to_owned()),
    ];
    pax(&records, "GNUSparseFile.1/sparse.json", data)
}

fn pax_10(extents: &[(usize, usize)], size: usize, data: &[u8]) -> Vec<u8> {
    let records = [
        ("GNU.sparse.major", "1".to_owned()),
        ("GNU.sparse.minor", "0".to_owned()),
        ("GNU.sparse.name", "sparse.json".to_owned()),
        ("GNU.sparse.realsize", size.to_string()),
    ];
    let map: String = extents.iter().map(|(o, l)| format!("{o}\n{l}\n")).collect();
    let stored = [padded(format!("{}\n{map}", extents.len()).into_bytes()), data.to_vec()].concat();
    pax(&records, "GNUSparseFile.1/sparse.json", &stored)
}

type Notation = fn(&[(usize, usize)], usize, &[u8]) -> Vec<u8>;
const NOTATIONS: [(&str, Notation); 4] = [("old GNU", old_gnu), ("pax 0.0", pax_00), ("pax 0.1", pax_01), ("pax 1.0", pax_10)];

/// An archive with a plain member behind the sparse one.
fn archive(sparse: Vec<u8>) -> Vec<u8> {
    [sparse, plain("next.json", b"next"), vec![0; 2 * BLOCK]].concat()
}

#[test]
fn holes_are_filled_in_every_notation() {
    // Six extents: beyond the four a header holds; the last, empty one marks a hole at the end.
    let extents = [(1000, 3), (2000, 700), (4096, 1), (5000, 2), (6000, 4), (9000, 0)];
    let data: Vec<u8> = (0..710u32).map(|n| b'a' + u8::try_from(n % 26).unwrap()).collect();
    let mut whole = vec![0u8; 9000];
    let mut from = 0;
    for (offset, length) in extents {
        whole[offset..offset + length].copy_from_slice(&data[from..from + length]);
        from += length;
    }
    for (name, notation) in NOTATIONS {
        let mut bench = Bench::new(small());
        let piece = bench.open(&archive(notation(&extents, 9000, &data)));
        let (leaves, accounts) = bench.leaves(&piece);
        let expected = [("!sparse.json".to_owned(), whole.clone()), ("!next.json".to_owned(), b"next".to_vec())];
        assert!(leaves == expected, "{name}: {:?}", leaves.iter().map(|(n, d)| (n, d.len())).collect::<Vec<_>>());
        assert_eq!((accounts[0].flaw.clone(), accounts[0].unreadable.len()), (None, 0), "{name}");
    }
}

#[test]
fn a_map_that_contradicts_the_archive_is_refused_and_said() {
    for (name, notation) in NOTATIONS {
        for (extents, size) in [(vec![(0, 3)], 9), (vec![(4, 2), (0, 2)], 9), (vec![(8, 4)], 9)] {
            let mut bench = Bench::new(small());
            let piece = bench.open(&archive(notation(&extents, size, b"data")));
            let (leaves, accounts) = bench.leaves(&piece);
            assert_eq!(leaves, [("!next.json".to_owned(), b"next".to_vec())], "{name} {extents:?}");
            let said = "sparse.json: a sparse file whose map of holes contradicts the archive";
            assert_eq!(accounts[0].unreadable, [said], "{name} {extents:?}");
        }
    }
}

#[test]
fn a_hole_without_end_is_a_bomb() {
    let mut bench = Bench::new(small());
    let piece = bench.open(&archive(pax_10(&[(0, 4)], 1 << 40, b"data")));
    let (_, accounts) = bench.leaves(&piece);
    assert!(accounts[0].flaw.as_ref().is_some_and(|f| f.to_string().contains("bomb")), "{:?}", accounts[0]);
}

#[test]
fn an_archive_that_ends_in_a_sparse_member_is_truncated() {
    let mut stored = pax_01(&[(100, 400)], 1000, &[b'x'; 400]);
    stored.truncate(stored.len() - 312);
    let mut bench = Bench::new(small());
    let piece = bench.open(&stored);
    let (leaves, accounts) = bench.leaves(&piece);
    assert_eq!(leaves[0].1.len(), 300, "what is there of it");
    assert!(accounts[0].flaw.as_ref().is_some_and(|f| f.to_string().contains("truncated")), "{:?}", accounts[0]);
}
