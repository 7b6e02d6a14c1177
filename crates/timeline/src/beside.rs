//! What calls of any time tell of the things that the events of an answer name.

use std::sync::Arc;

use crate::error::TimelineError;
use crate::event::Event;
use crate::flow_groups::FlowGroups;
use crate::group_names::GroupNames;
use crate::interfaces::Interfaces;
use crate::item::Item;
use crate::source::Source;

/// What is known beside an answer's own events.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    flows: FlowGroups,
    names: GroupNames,
    interfaces: Arc<Interfaces>,
}

impl Beside {
    /// What a question needs that goes by these groups.
    pub(crate) async fn read(source: &Source, flows: FlowGroups) -> Result<Self, TimelineError> {
        let (interfaces, names) = futures::future::try_join(Interfaces::read(source), GroupNames::read(source)).await?;
        Ok(Self { flows, names, interfaces })
    }

    /// Whether an event answers the question for what others say of the thing it names.
    pub(crate) fn admits(&self, event: &Event<'_>) -> bool {
        self.flows.admits(event)
    }

    /// Says in an item what others say of the things it names.
    pub(crate) fn tell(&self, event: &Event<'_>, item: &mut Item) {
        self.flows.tell(event, item);
        self.names.tell(item);
        item.source_interfaces = self.interfaces.of_caller(event);
    }
}
