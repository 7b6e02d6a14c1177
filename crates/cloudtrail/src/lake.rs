//! Tables: results of CloudTrail Lake and Athena queries as CSV (as JSON: see `cells`), and other exports with a header that names CloudTrail's fields.
//!
//! Where a column holds the whole record (`eventJson`), that is taken. Otherwise there is no original record: `raw` is a JSON
//! object of the cells as delivered, under the header's names, and `raw_form` says `projected`. Cells that are JSON objects stand
//! in it as such, all others as text. Structures come in three notations: JSON, Presto's `{type=IAMUser, arn=...}` and Python's
//! `{'type': 'IAMUser', ...}`; what columns of JSON hold in the other two is read as JSON, which stands in `raw` behind the cells.

use backtrail_model::evidence::{RawForm, Route};
use backtrail_model::outcome::{NO_ERROR_CODE, NO_REQUEST_PARAMETERS};

use crate::fields::{Descend, F, Fields, walk_record};
use crate::index::Index;
use crate::machine::{Carrier, MAX_RECORD, Machine, Step};
use crate::notation;
use crate::output::{Output, Place};
use crate::skip::Goal;
use crate::walk::{Kind, Span, Walker};

/// The longest header looked for.
const MAX_HEADER: usize = 64 << 10;
/// Structures inside structures that are followed in a user identity: its fields stand at most four deep.
const MAX_SCOPES: usize = 64;
/// Columns by which a header is known, at least.
const MIN_KNOWN: usize = 3;
/// What stands between cells: a comma, or what spreadsheets and databases write instead.
const DELIMITERS: &[u8] = b",;\t|";
/// The longest row that is broken into lines: a quote that is never closed must not be sought for in all that follows.
const MAX_BROKEN_ROW: usize = 4 << 20;

/// What is counted as other where tables were put behind each other.
const HEADER_AGAIN: &str = "headers inside a table";

/// Whether the evidence starts with a table's header.
pub(crate) enum Opened {
    /// It does; the header took so many bytes.
    Table(Box<LakeTable>, usize),
    /// The first line is not all here.
    More,
    No,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Field(F),
    UserIdentity,
    /// The whole record, and by which route it came then.
    Record(Route),
    Unknown,
}

/// A table being read.
#[derive(Debug)]
pub(crate) struct LakeTable {
    /// What each column holds, and its name as JSON text.
    columns: Vec<(Column, String)>,
    delimiter: u8,
    route: Route,
    /// What it has no column for, though that says much where it is absent.
    not_asked: Vec<&'static str>,
    fields: Fields,
    raw: Vec<u8>,
}

impl LakeTable {
    pub(crate) fn open(bytes: &[u8], eof: bool) -> Opened {
        // PowerShell's `Export-Csv` names a type first, and Excel's dialect the delimiter.
        if [&b"#TYPE "[..], b"sep="].iter().any(|lead| bytes.starts_with(lead)) {
            let behind = memchr::memchr(b'\n', &bytes[..bytes.len().min(MAX_HEADER)]).map(|end| end + 1);
            return match behind.map(|at| (at, Self::open(&bytes[at..], eof))) {
                Some((at, Opened::Table(table, used))) => Opened::Table(table, at + used),
                Some((_, other)) => other,
                None if bytes.len() < MAX_HEADER && !eof => Opened::More,
                None => Opened::No,
            };
        }
        let line = match memchr::memchr(b'\n', &bytes[..bytes.len().min(MAX_HEADER)]) {
            Some(end) => &bytes[..end],
            None if bytes.len() < MAX_HEADER && !eof => return Opened::More,
            None => &bytes[..bytes.len().min(MAX_HEADER)],
        };
        let table = DELIMITERS.iter().find_map(|delimiter| Self::of_header(line, *delimiter));
        table.map_or(Opened::No, |table| Opened::Table(Box::new(table), (line.len() + 1).min(bytes.len())))
    }

    /// The table this line is the header of, if its cells are delimited so.
    fn of_header(line: &[u8], delimiter: u8) -> Option<Self> {
        let mut cells = Vec::new();
        if !split_row(line, delimiter, &mut cells) || cells.iter().any(|c| c.contains(&b'{')) {
            return None;
        }
        // Lake and Athena write a column's name as one word.
        let is_query = cells.iter().all(|c| !c.contains(&b' '));
        let route = if is_query { Route::Lake } else { Route::Wrapped };
        Some(Self { delimiter, ..Self::of_row(&cells, route)? })
    }

    /// A table with these columns, if rows of it tell of events.
    pub(crate) fn of_row(names: &[Vec<u8>], route: Route) -> Option<Self> {
        let columns: Vec<_> = names.iter().map(|name| (column_of(name), json_text(name))).collect();
        let has = |wanted: Column| columns.iter().any(|(c, _)| *c == wanted);
        let known = columns.iter().filter(|(c, _)| *c != Column::Unknown).count();
        let is_named = has(Column::Field(F::EventName)) || has(Column::Field(F::EventId));
        let is_projection = known >= MIN_KNOWN && is_named;
        let holds_records = columns.iter().any(|(c, _)| matches!(c, Column::Record(_)));
        let lacks = |field: F| !has(Column::Field(field));
        let mut not_asked = Vec::new();
        not_asked.extend((lacks(F::ErrorCode) && lacks(F::ErrorMessage)).then_some(NO_ERROR_CODE));
        not_asked.extend(lacks(F::RequestParameters).then_some(NO_REQUEST_PARAMETERS));
        let make = || Self { columns, delimiter: b',', route, not_asked, fields: Fields::default(), raw: Vec::new() };
        (holds_records || is_projection).then(make)
    }

    /// Takes in a row whose cells were found; one that has more of them or fewer than the table has columns is rejected.
    pub(crate) fn take_in_row(
        &mut self,
        machine: &mut Machine,
        cells: &[Vec<u8>],
        place: Place<'_>,
        around: Option<Carrier<'_>>,
        out: &mut Output,
    ) {
        if cells.len() == self.columns.len() {
            self.take_in(machine, cells, place, around, out);
        } else {
            out.reject(place, self.other_length(cells.len()));
        }
    }

    fn other_length(&self, cells: usize) -> String {
        format!("{cells} cells in a table of {} columns", self.columns.len())
    }

    /// Takes in one row.
    pub(crate) fn row(
        &mut self,
        machine: &mut Machine,
        window: &[u8],
        pos: usize,
        eof: bool,
        carrier: Option<Carrier<'_>>,
        out: &mut Output,
    ) -> Step {
        let rest = &window[pos..];
        let first = memchr::memchr(b'\n', &rest[..rest.len().min(MAX_RECORD)]);
        let longest = first.map_or(MAX_RECORD, |end| MAX_BROKEN_ROW.max(end + 1));
        let whole = row_end(&rest[..rest.len().min(longest)]);
        let (line, used) = match whole.or(first) {
            // The quotes of the line do not close, perhaps further down.
            Some(_) if whole.is_none() && rest.len() < MAX_BROKEN_ROW && !eof => return Step::More,
            Some(end) => (&rest[..end], end + 1),
            None if rest.len() >= MAX_RECORD => return machine.begin_skip(pos, Goal::Line, "a row larger than 64 MiB".to_owned()),
            None if !eof => return Step::More,
            None => (rest, rest.len()),
        };
        if line.trim_ascii_end().is_empty() {
            return Step::To(pos + used);
        }
        let mut cells = Vec::new();
        // A quote too many or too few makes one row of several: only the line it stands on is lost.
        let by_itself = first.filter(|end| end + 1 < used).map(|end| (&rest[..end], end + 1));
        let mut last = (line, used, false);
        for (line, used) in std::iter::once((line, used)).chain(by_itself) {
            cells.clear();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let is_whole = split_row(line, self.delimiter, &mut cells);
            if is_whole && cells.len() == self.columns.len() {
                let place = machine.place(window, pos..pos + line.len(), carrier);
                self.take_in(machine, &cells, place, carrier, out);
                return Step::To(pos + used);
            }
            last = (line, used, is_whole);
        }
        let (line, used, is_whole) = last;
        self.odd_row(machine, (window, pos..pos + line.len()), (&cells, is_whole, used == rest.len()), carrier, out);
        Step::To(pos + used)
    }

    /// A line that is no row of this table.
    fn odd_row(
        &mut self,
        machine: &mut Machine,
        (window, line): (&[u8], std::ops::Range<usize>),
        (cells, is_whole, is_last): (&[Vec<u8>], bool, bool),
        carrier: Option<Carrier<'_>>,
        out: &mut Output,
    ) {
        let place = machine.place(window, line, carrier);
        // Tables put behind each other: the next one's header.
        if let Some(table) = Self::of_header(place.bytes.trim_ascii_end(), self.delimiter) {
            *self = table;
            out.other(HEADER_AGAIN);
        } else if !is_whole && is_last && !place.bytes.ends_with(b"\"") {
            machine.unfinished = Some(out.make_reject(place, "the table ends inside this row".to_owned()));
        } else if is_whole {
            out.reject(place, self.other_length(cells.len()));
        } else {
            out.reject(place, "a quote in this row is never closed".to_owned());
        }
    }

    /// Whether a row is a header again, of these columns or of others: where an event would be named, a column is.
    fn is_header(&self, cells: &[Vec<u8>]) -> bool {
        let known = self.columns.iter().zip(cells).find(|((column, _), cell)| *column != Column::Unknown && !cell.is_empty());
        known.is_some_and(|(_, cell)| cell.len() < 64 && column_of(cell) != Column::Unknown)
    }

    pub(crate) fn take_in(
        &mut self,
        machine: &mut Machine,
        cells: &[Vec<u8>],
        place: Place<'_>,
        around: Option<Carrier<'_>>,
        out: &mut Output,
    ) {
        let record = self.columns.iter().zip(cells).find_map(|((column, _), cell)| match column {
            Column::Record(route) if cell.starts_with(b"{") => Some((*route, cell)),
            _ => None,
        });
        if let Some((route, cell)) = record {
            let carrier = Carrier { place, route, form: RawForm::Unescaped, depth: around.map_or(0, |c| c.depth) + 1 };
            return machine.document(cell, carrier, out);
        }
        if self.is_header(cells)
            && let Some(table) = Self::of_row(cells, self.route)
        {
            *self = Self { delimiter: self.delimiter, ..table };
            return out.other(HEADER_AGAIN);
        }
        if simdutf8::basic::from_utf8(place.bytes).is_err() {
            return out.reject(place, "not UTF-8".to_owned());
        }
        self.project(cells);
        let span = Span::new(0, self.raw.len(), Kind::Object);
        if self.fields.has(F::EventName) || self.fields.has(F::EventId) {
            out.accept(&self.raw, span, &self.fields, RawForm::Projected, self.route, place);
        } else {
            out.reject(place, "a row without eventName and eventID".to_owned());
        }
    }

    /// Writes the cells as one JSON object, and finds the fields in it.
    fn project(&mut self, cells: &[Vec<u8>]) {
        self.raw.clear();
        self.fields.clear();
        self.fields.not_asked.clone_from(&self.not_asked);
        let mut read: Vec<(F, &str, String)> = Vec::new();
        for ((column, name), cell) in self.columns.iter().zip(cells) {
            self.raw.push(if self.raw.is_empty() { b'{' } else { b',' });
            let key = self.raw.len();
            self.raw.extend_from_slice(name.as_bytes());
            if *column == Column::Unknown {
                self.fields.unknown.push(Span::new(key + 1, self.raw.len() - 1, Kind::Text));
            }
            self.raw.push(b':');
            let span = write_cell(cell, &mut self.raw);
            match column {
                Column::Field(field) if !is_null(cell) => {
                    self.fields.set(*field, span);
                    if STRUCTURES.contains(field) && matches!(span.kind, Kind::Text | Kind::EscapedText) {
                        read.extend(notation::as_json(cell, &|name| spelled(*field, name)).map(|json| (*field, name.as_str(), json)));
                    }
                }
                Column::UserIdentity if span.kind == Kind::Object => user_identity_json(&self.raw, span, &mut self.fields),
                Column::UserIdentity => {
                    let text = &self.raw[span.inner()];
                    if text.first() == Some(&b'{') {
                        pairs(text, span.start as usize, "userIdentity", &mut self.fields);
                    }
                }
                _ => {}
            }
        }
        if !read.is_empty() {
            append_read(&read, &mut self.raw, &mut self.fields);
        }
        self.raw.push(b'}');
    }
}

/// Puts what was read of cells in another notation behind them.
fn append_read(read: &[(F, &str, String)], raw: &mut Vec<u8>, fields: &mut Fields) {
    raw.push(b',');
    raw.extend_from_slice(READ_AS_JSON);
    for (number, (field, name, json)) in read.iter().enumerate() {
        raw.push(if number == 0 { b'{' } else { b',' });
        raw.extend_from_slice(name.as_bytes());
        raw.push(b':');
        let start = raw.len();
        raw.extend_from_slice(json.as_bytes());
        let kind = if json.starts_with('[') { Kind::Array } else { Kind::Object };
        fields.set(*field, Span::new(start, raw.len(), kind));
    }
    raw.push(b'}');
}

/// Fields that are structures in a record.
const STRUCTURES: [F; 9] = [
    F::RequestParameters,
    F::ResponseElements,
    F::AdditionalEventData,
    F::ServiceEventDetails,
    F::Resources,
    F::TlsDetails,
    F::EdgeDeviceDetails,
    F::Addendum,
    F::EventContext,
];
/// The member of a projected record under which they stand, where they came in another notation than JSON.
const READ_AS_JSON: &[u8] = b"\"(read as JSON)\":";

/// How a record spells a name inside a structure: query engines write those of resources in lower case.
fn spelled(field: F, name: &str) -> Option<&'static str> {
    const OF_RESOURCES: [&str; 4] = ["ARN", "ARNPrefix", "accountId", "type"];
    let is_it = |known: &&&str| known.eq_ignore_ascii_case(name);
    OF_RESOURCES.iter().find(is_it).filter(|_| field == F::Resources).copied()
}

/// Query engines write nothing or, for a JSON null in a text column, the word; other programs words of their own.
fn is_null(cell: &[u8]) -> bool {
    matches!(cell, b"" | b"null" | b"NULL" | b"None" | b"nan" | b"NaN" | b"N/A" | b"n/a" | b"-")
}

/// Writes a cell: JSON objects and arrays as they are, everything else as text.
fn write_cell(cell: &[u8], out: &mut Vec<u8>) -> Span {
    let start = out.len();
    if matches!(cell.first(), Some(b'{' | b'[')) {
        let mut index = Index::default();
        index.restart(0);
        let mut walker = Walker { bytes: cell, pos: 0, index: &mut index };
        if let Ok(value) = walker.value(0)
            && walker.pos == cell.len()
        {
            out.extend_from_slice(cell);
            return Span::new(start, out.len(), value.kind);
        }
    }
    let text = json_text(cell);
    out.extend_from_slice(text.as_bytes());
    let kind = if text.contains('\\') { Kind::EscapedText } else { Kind::Text };
    Span::new(start + 1, out.len() - 1, kind)
}

/// A cell as a JSON string.
fn json_text(cell: &[u8]) -> String {
    serde_json::Value::String(String::from_utf8_lossy(cell).into_owned()).to_string()
}

/// The fields of a user identity that is JSON: found as in a record that holds nothing else.
fn user_identity_json(raw: &[u8], span: Span, fields: &mut Fields) {
    const BEFORE: &[u8] = b"{\"userIdentity\":";
    let record = [BEFORE, &raw[span.inner()], b"}"].concat();
    let mut index = Index::default();
    index.restart(0);
    let mut inner = Fields::default();
    let mut walker = Walker { bytes: &record, pos: 0, index: &mut index };
    if walk_record(&mut walker, &mut inner, 0, Descend::Never).is_ok() {
        fields.adopt(&inner, span.start as usize, BEFORE.len());
    }
}

/// `{type=IAMUser, sessioncontext={...}}` or `{'type': 'IAMUser', ...}`, at `at` of the record: a loose reading, which finds simple
/// values only; the cell itself is in raw.
fn pairs(text: &[u8], at: usize, scope: &str, fields: &mut Fields) {
    let mut scopes = vec![scope.to_owned()];
    let mut pos = 1;
    while let Some(scope) = scopes.last() {
        let key_start = pos + text[pos..].iter().take_while(|b| matches!(b, b' ' | b',' | b'\'' | b'"')).count();
        if text.get(key_start) == Some(&b'}') {
            pos = key_start + 1;
            scopes.pop();
            continue;
        }
        let Some(length) = text[key_start..].iter().position(|b| matches!(b, b'=' | b':')) else { return };
        let key = camel(&text[key_start..key_start + length]);
        pos = key_start + length + 1;
        pos += text[pos..].iter().take_while(|b| **b == b' ').count();
        match text.get(pos) {
            None => return,
            Some(b'{') if scopes.len() >= MAX_SCOPES => return,
            Some(b'{') => {
                pos += 1;
                scopes.push(key);
            }
            Some(b'\'') => {
                let end = pos + 1 + text[pos + 1..].iter().position(|b| *b == b'\'').unwrap_or(text.len() - pos - 1);
                keep(scope, &key, &text[pos + 1..end], at + pos + 1, fields);
                pos = (end + 1).min(text.len());
            }
            Some(_) => {
                let end = pos + text[pos..].iter().position(|b| matches!(b, b',' | b'}')).unwrap_or(text.len() - pos);
                keep(scope, &key, &text[pos..end], at + pos, fields);
                pos = end;
            }
        }
    }
}

fn keep(scope: &str, key: &str, value: &[u8], at: usize, fields: &mut Fields) {
    if value.is_empty() || matches!(value, b"null" | b"None" | b"NULL") {
        return;
    }
    if let Some(field) = Fields::identity_field(scope, key.as_bytes()) {
        let kind = if value.contains(&b'\\') { Kind::EscapedText } else { Kind::Text };
        fields.set(field, Span::new(at, at + value.len(), kind));
    }
}

/// A key of a user identity in its own spelling: query engines write names in lower case.
fn camel(key: &[u8]) -> String {
    const NAMES: [&str; 21] = [
        "principalId",
        "accountId",
        "accessKeyId",
        "userName",
        "sessionContext",
        "sessionIssuer",
        "creationDate",
        "mfaAuthenticated",
        "invokedBy",
        "identityProvider",
        "sourceIdentity",
        "ec2RoleDelivery",
        "onBehalfOf",
        "userId",
        "identityStoreArn",
        "credentialId",
        "assumedRoot",
        "signInSessionArn",
        "invokedByDelegate",
        "inScopeOf",
        "webIdFederationData",
    ];
    let key = String::from_utf8_lossy(key);
    let key = key.trim_matches(['\'', '"', ' ']);
    NAMES.iter().find(|n| n.eq_ignore_ascii_case(key)).map_or_else(|| key.to_owned(), |n| (*n).to_owned())
}

/// What a column of that name holds: spelling, spaces and underscores do not matter.
fn column_of(full: &[u8]) -> Column {
    use F::*;
    // `userIdentity.sessionContext.sessionIssuer.arn`, as CloudWatch Logs Insights names the inner fields.
    if let Some(field) = full.starts_with(b"userIdentity.").then(|| identity_column(full)).flatten() {
        return Column::Field(field);
    }
    let name: Vec<u8> = full.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
    let field = match name.as_slice() {
        b"eventjson" | b"eventdata" => return Column::Record(Route::Lake),
        b"cloudtrailevent" => return Column::Record(Route::LookupEvents),
        // `_raw` of Splunk and others, `event.original` and `_source` of Kibana, `@message` of CloudWatch Logs Insights.
        b"raw" | b"eventoriginal" => return Column::Record(Route::Wrapped),
        b"source" if full == b"_source" => return Column::Record(Route::Wrapped),
        b"message" => return Column::Record(if full.starts_with(b"@") { Route::CloudWatchLogs } else { Route::Wrapped }),
        b"useridentity" | b"userid" => return Column::UserIdentity,
        b"eventtime" | b"eventdatetime" => EventTime,
        // The console's event history, and tables that others make of records (Microsoft Sentinel's `AWSCloudTrail`, our own): who called in columns of its own.
        b"username" | b"useridentityusername" => UserIdentityUserName,
        b"awsaccesskey" | b"useridentityaccesskeyid" => UserIdentityAccessKeyId,
        b"useridentitytype" => UserIdentityType,
        b"useridentityprincipalid" => UserIdentityPrincipalId,
        b"useridentityarn" => UserIdentityArn,
        b"useridentityaccountid" => UserIdentityAccountId,
        b"useridentityinvokedby" => UserIdentityInvokedBy,
        b"eventid" | b"awseventid" => EventId,
        b"eventname" => EventName,
        b"eventsource" => EventSource,
        b"awsregion" => AwsRegion,
        b"recipientaccountid" => RecipientAccountId,
        b"sourceipaddress" | b"sourceip" => SourceIpAddress,
        b"useragent" | b"requestuseragent" => UserAgent,
        b"errorcode" => ErrorCode,
        b"errormessage" => ErrorMessage,
        b"readonly" => ReadOnly,
        b"managementevent" => ManagementEvent,
        b"eventcategory" => EventCategory,
        b"eventtype" => EventType,
        b"eventversion" => EventVersion,
        b"apiversion" => ApiVersion,
        b"requestid" => RequestId,
        b"sharedeventid" => SharedEventId,
        b"vpcendpointid" => VpcEndpointId,
        b"vpcendpointaccountid" => VpcEndpointAccountId,
        b"sessioncredentialfromconsole" => SessionCredentialFromConsole,
        b"requestparameters" => RequestParameters,
        b"responseelements" => ResponseElements,
        b"additionaleventdata" => AdditionalEventData,
        b"serviceeventdetails" => ServiceEventDetails,
        b"resources" => Resources,
        b"tlsdetails" => TlsDetails,
        b"edgedevicedetails" => EdgeDeviceDetails,
        b"addendum" => Addendum,
        b"eventcontext" => EventContext,
        _ => return Column::Unknown,
    };
    Column::Field(field)
}

fn identity_column(full: &[u8]) -> Option<F> {
    let (object, key) = std::str::from_utf8(full).ok()?.rsplit_once('.')?;
    Fields::identity_field(object.rsplit('.').next()?, key.as_bytes())
}

/// Where the row ends: at a line feed outside quotes.
fn row_end(bytes: &[u8]) -> Option<usize> {
    let mut quoted = false;
    for at in memchr::memchr2_iter(b'"', b'\n', bytes) {
        if bytes[at] == b'"' {
            quoted = !quoted;
        } else if !quoted {
            return Some(at);
        }
    }
    None
}

/// Splits a row into cells (RFC 4180, whatever the delimiter); false if a quote is not closed.
fn split_row(line: &[u8], delimiter: u8, cells: &mut Vec<Vec<u8>>) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut cell = Vec::new();
    let mut quoted = false;
    let mut at = usize::from(line.first() == Some(&b' '));
    while let Some(&b) = line.get(at) {
        at += 1;
        match b {
            b'"' if quoted && line.get(at) == Some(&b'"') => {
                cell.push(b'"');
                at += 1;
            }
            b'"' if quoted => quoted = false,
            b'"' if cell.is_empty() => quoted = true,
            b if b == delimiter && !quoted => cells.push(std::mem::take(&mut cell)),
            b => cell.push(b),
        }
    }
    cells.push(cell);
    !quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_nested_by_an_attacker_end_no_process() {
        for open in ["{a=", "{'a': ", "{=", "{"] {
            let text = format!("{{type=IAMUser, {}", open.repeat(200_000));
            let mut fields = Fields::default();
            pairs(text.as_bytes(), 0, "userIdentity", &mut fields);
            assert_eq!(&text[fields.get(F::UserIdentityType).inner()], "IAMUser", "{open}");
        }
        let text = "{sessioncontext={sessionissuer={type=Role}, attributes={mfaauthenticated=true}}, accountid='1'";
        let mut fields = Fields::default();
        pairs(text.as_bytes(), 0, "userIdentity", &mut fields);
        let found = [F::SessionIssuerType, F::SessionMfaAuthenticated, F::UserIdentityAccountId].map(|f| &text[fields.get(f).inner()]);
        assert_eq!(found, ["Role", "true", "1"]);
    }
}
