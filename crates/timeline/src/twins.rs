//! One action that several accounts recorded (`sharedEventID`): one item, with the other records beside it.

use crate::item::{Item, Twin};

/// In boxes: an item has some forty fields, and goes from hand to hand.
pub(crate) type Boxed = Vec<Box<Item>>;

/// Folds the items of one instant: those that share an id become one. The caller's own record is kept, since it names the principal
/// in full; among equals the first in order. Their order stays.
#[must_use]
pub(crate) fn fold(items: Boxed) -> Boxed {
    let mut folded: Boxed = Vec::with_capacity(items.len());
    for item in items {
        // Two records of one account are two events, whatever they share.
        let other = item.shared_event_id.as_ref().and_then(|id| {
            folded
                .iter_mut()
                .find(|f| f.shared_event_id.as_ref() == Some(id) && f.account != item.account && f.event_name == item.event_name)
        });
        match other {
            Some(kept) if !kept.order.is_callers && item.order.is_callers => {
                let demoted = std::mem::replace(kept, item);
                kept.twins = demoted.twins.clone();
                join(kept, &demoted);
            }
            Some(kept) => join(kept, &item),
            None => folded.push(item),
        }
    }
    folded
}

/// Names the twins of each item of one instant, and keeps them all.
#[must_use]
pub(crate) fn link(mut items: Boxed) -> Boxed {
    if items.iter().filter(|i| i.shared_event_id.is_some()).nth(1).is_none() {
        return items;
    }
    let known: Vec<_> = items.iter().map(|i| (i.shared_event_id.clone(), i.account.clone(), i.refs.first().cloned())).collect();
    for item in &mut items {
        let Some(shared) = &item.shared_event_id else { continue };
        let others = known.iter().filter(|(id, account, _)| id.as_ref() == Some(shared) && *account != item.account);
        let twins: Vec<Twin> =
            others.filter_map(|(_, account, r)| Some(Twin { account: account.clone(), reference: r.clone()? })).collect();
        item.twins = twins;
    }
    items
}

fn join(kept: &mut Item, other: &Item) {
    for reference in &other.refs {
        if !kept.refs.contains(reference) {
            kept.refs.push(reference.clone());
        }
        if kept.refs.first() != Some(reference) && !kept.twins.iter().any(|t| t.reference == *reference) {
            kept.twins.push(Twin { account: other.account.clone(), reference: reference.clone() });
        }
    }
    for touched in &other.resources {
        if !kept.resources.iter().any(|t| t.arn == touched.arn) {
            kept.resources.push(touched.clone());
        }
    }
    for update in &other.updated_by {
        if !kept.updated_by.contains(update) {
            kept.updated_by.push(update.clone());
        }
    }
    kept.id_conflict |= other.id_conflict;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    fn item(id: &'static str, account: &'static str, caller: &'static str, shared: Option<&'static str>) -> Box<Item> {
        let event = Event {
            event_id: Some(id),
            event_name: Some("AssumeRole"),
            recipient_account_id: Some(account),
            user_identity_account_id: Some(caller),
            shared_event_id: shared,
            ..Event::default()
        };
        Box::new(Item::of(&event, None))
    }

    #[test]
    fn the_callers_record_is_kept_and_cites_the_other() {
        for order in [["a", "b"], ["b", "a"]] {
            let items = order.map(|id| if id == "a" { item("a", "1", "1", Some("s")) } else { item("b", "2", "1", Some("s")) });
            let folded = fold(items.to_vec());
            assert_eq!(folded.len(), 1);
            assert_eq!(folded[0].refs, ["a", "b"]);
            assert_eq!(folded[0].twins, [Twin { account: Some("2".to_owned()), reference: "b".to_owned() }]);
        }
    }

    #[test]
    fn linked_twins_all_stay() {
        let linked = link(vec![item("a", "1", "1", Some("s")), item("b", "2", "1", Some("s")), item("c", "2", "1", None)]);
        assert_eq!(linked.iter().map(|i| i.twins.len()).collect::<Vec<_>>(), [1, 1, 0]);
        assert_eq!(linked[0].twins[0].reference, "b");
        assert_eq!(linked[0].refs, ["a"]);
    }

    #[test]
    fn only_other_accounts_and_the_same_id_are_twins() {
        let items =
            vec![item("a", "1", "1", Some("s")), item("b", "1", "1", Some("s")), item("c", "2", "1", None), item("d", "3", "1", Some("t"))];
        assert_eq!(fold(items).len(), 4);
    }
}
