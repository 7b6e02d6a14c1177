//! The story against what it is told for.

use std::collections::BTreeSet;

use super::line::{FIELDS, Layout};
use super::world::{HEIR, JUMP, WEB, World};
use super::{calls, files};

#[test]
fn a_file_holds_what_ends_within_its_five_minutes() {
    let world = World::new().unwrap();
    for log in files::logs(&world) {
        for row in &log.rows {
            assert!(row.start <= row.end && row.end - row.start < 60, "{row:?}");
        }
        let text = log.text(&world, super::world::hms(10, 10, 0));
        let fields = log.layout.fields.len();
        assert!(text.lines().count() > 5 && text.lines().all(|line| line.split(' ').count() == fields));
    }
}

#[test]
fn the_default_format_is_the_first_fourteen_fields() {
    assert_eq!(Layout::default_format().header(), FIELDS[..14].join(" "));
    assert_eq!(FIELDS.iter().collect::<BTreeSet<_>>().len(), 29);
}

#[test]
fn what_the_interfaces_log_says_the_vpcs_says_too_but_for_the_lost_minute() {
    let world = World::new().unwrap();
    let [of_vpc, of_interface] = files::logs(&world);
    let default = Layout::default_format();
    let all: BTreeSet<String> = of_vpc.rows.iter().map(|row| default.line(&world, row)).collect();
    let missing: Vec<String> = of_interface.rows.iter().map(|row| default.line(&world, row)).filter(|line| !all.contains(line)).collect();
    assert_eq!(missing.len(), 2, "{missing:?}");
    assert!(of_interface.rows.iter().all(|row| row.face == Some(JUMP)));
}

#[test]
fn an_address_has_one_holder_at_a_time() {
    let world = World::new().unwrap();
    let (web, heir) = (&world.faces[WEB], &world.faces[HEIR]);
    assert_eq!((web.private, web.public), (heir.private, heir.public));
    assert!(web.until < heir.from && web.id != heir.id);
    let events = calls::events(&world);
    assert!(events.is_sorted_by_key(|event| event.time));
}
