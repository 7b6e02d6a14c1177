//! Two people in one role at once, under one session name: their keys tell them apart, their names do not.

use anyhow::Result;

use super::calls::{change, create_stack, read};
use super::cast::Cast;
use super::script::{Basis, By, Script};
use super::{HOME, PLATFORM};
use crate::generate::identity::{Identity, SDKS, Session};

const NAME: &str = "on-call";
const SERVICE: &str = "cloudformation.amazonaws.com";

pub(super) fn play<'a>(s: &mut Script<'a>, cast: &'a Cast) -> Result<()> {
    minutes_apart(s, cast)?;
    same_second(s, cast)
}

fn minutes_apart<'a>(s: &mut Script<'a>, cast: &'a Cast) -> Result<()> {
    s.scene("one session name, minutes apart", "anna.berg and ben.okoye are both in on-call as `on-call`; their calls alternate");
    let [anna, ben] = ["anna.berg", "ben.okoye"].map(|name| cast.user(name));
    let platform = &s.estate.accounts[PLATFORM];
    let role = s.role_of(PLATFORM, cast.role("on-call"));
    let own = [s.own_key(&platform.id, anna), s.own_key(&platform.id, ben)];
    let (first, annas) = s.assume(own[0], &By::user(&platform.id, anna, SDKS[1]), "14:00:00", PLATFORM, role, NAME)?;
    let (second, bens) = s.assume(own[1], &By::user(&platform.id, ben, SDKS[1]), "14:05:00", PLATFORM, role, NAME)?;
    let held = [s.issued(&first, Basis::Exact), s.issued(&second, Basis::Exact)];
    // From one office: neither address nor agent tells them apart.
    let office = "198.51.100.60";
    let by = [By::session(&annas, office, SDKS[1]), By::session(&bens, office, SDKS[1])];
    let queue = |name: &str| change("sqs", "DeleteQueue", &format!(r#"{{"queueUrl":"{name}"}}"#));
    s.call(held[0], &by[0], "14:06:00", (PLATFORM, HOME), &read("sqs", "ListQueues"))?;
    s.call(held[1], &by[1], "14:06:30", (PLATFORM, HOME), &read("sqs", "ListQueues"))?;
    s.call(held[0], &by[0], "14:07:00", (PLATFORM, HOME), &queue("search-queue"))?;
    s.call(held[1], &by[1], "14:07:30", (PLATFORM, HOME), &queue("orders-queue"))?;
    s.call(held[1], &by[1], "14:09:00", (PLATFORM, HOME), &create_stack("rebuild", None))?;
    // What a service does for one of them has the creation of that session.
    let forwarded = s.issued(&second, Basis::Strong);
    let session = Session { key: s.key(PLATFORM), invoked_by: Some(SERVICE), ..bens };
    let by = By::service(Identity::Role(session), SERVICE);
    s.call(forwarded, &by, "14:09:04", (PLATFORM, HOME), &change("sqs", "CreateQueue", r#"{"queueName":"orders-queue"}"#))?;
    Ok(())
}

fn same_second<'a>(s: &mut Script<'a>, cast: &'a Cast) -> Result<()> {
    s.scene(
        "one session name, one second",
        "both assume on-call in the same second; where a call has another key, either of them may be behind it",
    );
    let [anna, ben] = ["anna.berg", "ben.okoye"].map(|name| cast.user(name));
    let platform = &s.estate.accounts[PLATFORM];
    let role = s.role_of(PLATFORM, cast.role("on-call"));
    let own = [s.own_key(&platform.id, anna), s.own_key(&platform.id, ben)];
    let (first, annas) = s.assume(own[0], &By::user(&platform.id, anna, SDKS[1]), "15:00:00", PLATFORM, role, NAME)?;
    let (second, bens) = s.assume(own[1], &By::user(&platform.id, ben, SDKS[1]), "15:00:00", PLATFORM, role, NAME)?;
    let held = [s.issued(&first, Basis::Exact), s.issued(&second, Basis::Exact)];
    let office = "198.51.100.60";
    s.call(held[0], &By::session(&annas, office, SDKS[1]), "15:01:00", (PLATFORM, HOME), &create_stack("left", None))?;
    s.call(held[1], &By::session(&bens, office, SDKS[1]), "15:01:00", (PLATFORM, HOME), &create_stack("right", None))?;
    let either = s.issued_by_any(&[&first, &second], Basis::Strong);
    let session = Session { key: s.key(PLATFORM), invoked_by: Some(SERVICE), ..annas };
    let by = By::service(Identity::Role(session), SERVICE);
    s.call(either, &by, "15:01:05", (PLATFORM, HOME), &change("sns", "CreateTopic", r#"{"name":"left"}"#))?;
    Ok(())
}
