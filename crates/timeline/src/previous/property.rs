//! What a call sets: the properties of its target, by name.
//!
//! One rule for all services. A call that changes a resource in part (`Modify…`, `Update…`, `Set…`), or makes it, sets each parameter it names: the
//! property is the parameter by its path (`publiclyAccessible`, `resourcesVpcConfig.endpointPublicAccess`), whatever sets it. Any other call sets or removes a part of
//! the resource as a whole: the property is the action without its verb, and what tells the part from others of its kind (`BucketPolicy`,
//! `RolePolicy AdministratorAccess`, `NetworkAclEntry ingress 100`). Parameters that only name the resource are no properties.

use backtrail_model::arn::Arn;
use backtrail_model::touch::{Touched, Wanted};
use serde_json::Value;

use super::noun::{Action, FUNCTION_CODE};
use super::policy;
use crate::summary::{Rule, body, is_dull, short_name};

/// A call that sets more is told as one property: nobody reads so many, and attackers write records, too.
const MOST: usize = 200;
/// Parameters nested deeper are told with what they stand in.
const DEEPEST: usize = 6;

/// A property that a call sets.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Set {
    pub(super) name: String,
    /// The part of the resource it is a parameter of, as calls that set that as a whole name it.
    pub(super) part: Option<String>,
    /// Whether a call that sets a part as a whole does not tell which of several it is.
    pub(super) is_bare: bool,
    /// The parameter it is a part of, if any: setting other parts of that may have replaced this one.
    pub(super) within: Option<String>,
    /// To what, where it is a parameter.
    pub(super) value: Option<Value>,
}

impl Set {
    fn whole(name: String) -> Self {
        Self { name, part: None, is_bare: false, within: None, value: None }
    }

    /// A parameter that is told otherwise than by its path.
    pub(super) fn parameter(name: &str, value: Option<Value>) -> Self {
        Self { value, ..Self::whole(name.to_owned()) }
    }

    fn tag(key: &str, value: Option<&Value>) -> Option<Self> {
        (!key.is_empty()).then(|| Self { value: value.cloned(), ..Self::whole(format!("Tag {key}")) })
    }

    /// A part, and which of several.
    fn of_part(noun: &str, which: Option<String>) -> Self {
        match which {
            Some(which) => Self::whole(format!("{noun} {which}")),
            None => Self { is_bare: true, ..Self::whole(noun.to_owned()) },
        }
    }
}

/// A call as properties are read from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) action: Action<'a>,
    pub(super) request: &'a Value,
    pub(super) response: &'a Value,
    pub(super) rules: &'a [Rule],
    /// What it acts on, and where it names that.
    pub(super) target: &'a Touched,
}

/// Parameters that tell which of several parts it is, best first.
const WHICH: &[&str] = &[
    "destinationCidrBlock",
    "destinationIpv6CidrBlock",
    "destinationPrefixListId",
    "policyArn",
    "policyName",
    "accessKeyId",
    "serialNumber",
    "sSHPublicKeyId",
    "publicKeyId",
    "certificateId",
    "serviceSpecificCredentialId",
    "statementId",
    "aliasName",
    "filterName",
    "ruleName",
    "grantId",
    "granteePrincipal",
];
/// Ids that parts are given when they are made.
const ISSUED: &[&str] =
    &["accessKeyId", "sSHPublicKeyId", "publicKeyId", "certificateId", "serviceSpecificCredentialId", "grantId", "versionId"];
/// Endings of other parameters that tell it.
const WHICH_ENDINGS: &[&str] = &["arn", "id", "identifier", "name", "cidr", "cidrblock", "cidrip", "number", "principal"];
/// Parameters that name the one attribute a call sets, and those that hold what it is set to.
const ATTRIBUTES: &[&str] = &["attribute", "attributeName"];
const ATTRIBUTE_VALUES: &[&str] = &["value", "attributeValue"];
/// Parameters that say how a call is to be carried out, or what kind of parameter follows.
const OPTIONS: &[&str] = &["applyImmediately", "attributeType", "operationType"];
/// Properties that two actions name differently, by service: the call that makes the resource, and the one that sets the property later. A name that
/// ends in a dot stands for all that it leads.
const RENAMED: &[(&str, &str, &str)] = &[
    ("ec2", "InstanceMetadataOptions HttpEndpoint", "metadataOptions.httpEndpoint"),
    ("ec2", "InstanceMetadataOptions HttpProtocolIpv6", "metadataOptions.httpProtocolIpv6"),
    ("ec2", "InstanceMetadataOptions HttpPutResponseHopLimit", "metadataOptions.httpPutResponseHopLimit"),
    ("ec2", "InstanceMetadataOptions HttpTokens", "metadataOptions.httpTokens"),
    ("ec2", "InstanceMetadataOptions InstanceMetadataTags", "metadataOptions.instanceMetadataTags"),
    ("ec2", "iamInstanceProfile.arn", "IamInstanceProfile"),
    ("ec2", "iamInstanceProfile.name", "IamInstanceProfile"),
    ("ecr", "ImageTagMutability", "imageTagMutability"),
    ("ecr", "imageScanningConfiguration.scanOnPush", "ImageScanningConfiguration"),
    ("iam", "AssumeRolePolicy policyDocument", "assumeRolePolicyDocument"),
    ("iam", "RolePermissionsBoundary", "permissionsBoundary"),
    ("iam", "UserPermissionsBoundary", "permissionsBoundary"),
    ("kms", "policy", "KeyPolicy default"),
    ("lambda", "code.", "FunctionCode "),
    ("s3", "x-amz-acl", "BucketAcl"),
    ("s3", "x-amz-object-ownership", "BucketOwnershipControls"),
    ("sns", "attributes.", ""),
];
/// Keys that tell a list's members apart.
const MEMBER_KEYS: &[&str] = &["key", "name", "parameterName", "attributeName", "optionName", "deviceName", "ruleName"];

impl Setting<'_> {
    /// The properties it sets.
    pub(super) fn properties(&self) -> Vec<Set> {
        let Some(resource) = Arn::parse(&self.target.arn) else { return Vec::new() };
        let is_policy = resource.service() == "iam" && resource.resource_type() == Some("policy");
        let in_force = if is_policy { policy::in_force(self) } else { Vec::new() };
        let is_choice = self.action.verb == "Set" && !in_force.is_empty();
        let own = if is_choice { Vec::new() } else { self.properties_of(&resource) };
        let named = |set: Set| Set { name: renamed(resource.service(), set.name), ..set };
        own.into_iter().chain(in_force).map(named).chain(self.code(&resource)).collect()
    }

    /// What the code of a function is from then on: code that comes in the call itself is told by nothing else.
    fn code(&self, resource: &Arn<'_>) -> Option<Set> {
        let is_code = self.action.replaces(resource).is_some() || (resource.service() == "lambda" && self.action.makes(resource));
        let sha = body(self.response, "Response").get("codeSha256").filter(|_| is_code)?;
        Some(Set::parameter(&format!("{FUNCTION_CODE}codeSha256"), Some(sha.clone())))
    }

    /// The same by one rule for all services.
    fn properties_of(&self, resource: &Arn<'_>) -> Vec<Set> {
        let noun = self.action.property();
        if let Some(sets) = self.of_rules(&noun) {
            return sets;
        }
        let own = self.own_parameters();
        let tags = if self.is_tagging() { tags(&own) } else { Vec::new() };
        if !tags.is_empty() {
            return tags;
        }
        if !self.action.is_partial(resource) {
            let which = self.which_issued().or_else(|| which_known(&own).map(|(_, which)| which)).or_else(|| which_named(&own));
            // As each tag is told: one that names none means all.
            return vec![Set::of_part(if noun == "Tags" { "Tag" } else { &noun }, which)];
        }
        let is_whole = self.action.is_of(resource);
        let which = if is_whole { None } else { which_known(&own) };
        let lead = match &which {
            _ if is_whole => String::new(),
            Some((_, which)) => format!("{noun} {which} "),
            None => format!("{noun} "),
        };
        let own: Vec<_> = own.into_iter().filter(|(key, _)| which.as_ref().is_none_or(|(by, _)| by != key)).collect();
        let mut leaves = Leaves { lead: &lead, skips_empty: resource.service() == "ec2", sets: Vec::new() };
        leaves.read(&own);
        match leaves.sets {
            // That it was made is told without.
            sets if sets.is_empty() && self.action.makes(resource) => sets,
            sets if sets.is_empty() || sets.len() > MOST => vec![Set::of_part(&noun, None)],
            sets => sets,
        }
    }

    /// The id that a part was given when it was made: later calls name it by that.
    fn which_issued(&self) -> Option<String> {
        let answered = || body(self.response, "Response");
        let within = |value: &Value| ISSUED.iter().find_map(|key| member(value, key)?.as_str().map(str::to_owned));
        let is_made = matches!(self.action.verb, "Create" | "Upload" | "Add");
        is_made.then(|| within(answered()).or_else(|| answered().as_object()?.values().find_map(within))).flatten()
    }

    fn is_tagging(&self) -> bool {
        matches!(self.action.verb, "Tag" | "Untag") || self.action.noun.contains("Tag")
    }

    /// Rules have their own list; the calls that set them are told by place where they have one, else as one property of that kind.
    fn of_rules(&self, noun: &str) -> Option<Vec<Set>> {
        let place = |rule: &Rule| match (&rule.destination, rule.number, rule.action) {
            (Some(destination), ..) => Some(destination.clone()),
            (None, Some(number), _) => Some(format!("{} {number}", rule.direction.unwrap_or_default())),
            (None, None, "record" | "remove") => {
                Some([&rule.protocol, &rule.target, &rule.id].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" "))
            }
            _ => None,
        };
        let places: Vec<String> = self.rules.iter().filter_map(place).collect();
        if (1..=MOST).contains(&places.len()) {
            return Some(places.into_iter().map(|place| Set::whole(format!("{noun} {place}"))).collect());
        }
        let is_all_rules =
            ["SecurityGroupIngress", "SecurityGroupEgress", "SecurityGroupRules", "PublicPorts"].iter().any(|end| noun.ends_with(end));
        (is_all_rules || places.len() > MOST).then(|| vec![Set::whole(noun.to_owned())])
    }

    /// Its parameters, without those that only name the resource, and without those that change nothing.
    fn own_parameters(&self) -> Vec<(&str, &Value)> {
        let Some(object) = body(self.request, "Request").as_object() else { return Vec::new() };
        let named_at = self.target.path.strip_prefix("requestParameters.").map(|path| {
            // A level named after the call is looked through, here as above.
            let mut keys = path.split(['.', '[']).filter(|key| !key.ends_with("Request"));
            keys.next().unwrap_or_default()
        });
        let wanted = Wanted::read(&self.target.arn);
        let names_it = |key: &str, value: &Value| match named_at {
            Some(named) => key.eq_ignore_ascii_case(named) || value.as_str().is_some_and(|text| wanted.fits(text)),
            None => value.as_str().is_some_and(|text| wanted.fits(text) || is_name_of(text, &self.target.arn)),
        };
        let mut own: Vec<(&str, &Value)> = object
            .iter()
            .filter(|(key, value)| !value.is_null() && !is_dull(key) && !is_among(OPTIONS, key) && !names_it(key, value))
            .map(|(k, v)| (k.as_str(), v))
            .collect();
        own.sort_by_key(|(key, _)| *key);
        own
    }
}

/// Which of several parts it is, by a parameter that is known to tell, and that parameter.
fn which_known<'a>(own: &[(&'a str, &Value)]) -> Option<(&'a str, String)> {
    let (key, which) = WHICH.iter().find_map(|known| own.iter().find(|(key, _)| key.eq_ignore_ascii_case(known)))?;
    Some((*key, short_name(which.as_str()?).to_owned()))
}

/// Which of several parts it is, by every parameter that names something: rather one property too many than a call hidden by another.
fn which_named(own: &[(&str, &Value)]) -> Option<String> {
    let tells = |key: &str| WHICH_ENDINGS.iter().any(|end| key.to_ascii_lowercase().ends_with(end));
    let texts = own.iter().filter(|(key, _)| tells(key)).filter_map(|(_, value)| scalar(value));
    let told: Vec<String> = texts.filter(|text| !text.is_empty()).map(|text| short_name(&text).to_owned()).collect();
    (!told.is_empty()).then(|| told.join(" "))
}

fn is_among(keys: &[&str], key: &str) -> bool {
    keys.iter().any(|k| k.eq_ignore_ascii_case(key))
}

/// Whether a text is the name of a resource.
fn is_name_of(text: &str, resource: &str) -> bool {
    Arn::parse(resource).is_some_and(|arn| [arn.name(), arn.resource_id()].contains(&text))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// One property for each tag that is set or taken away: by lists of key and value, maps, or lists of keys. None where there are too many.
fn tags(own: &[(&str, &Value)]) -> Vec<Set> {
    let mut sets = Vec::new();
    for (key, value) in own.iter().filter(|(key, _)| key.to_ascii_lowercase().starts_with("tag")) {
        match seen_through(value) {
            Value::Array(members) => sets.extend(
                members.iter().filter_map(|tag| Set::tag(tag.as_str().or_else(|| member(tag, "key")?.as_str())?, member(tag, "value"))),
            ),
            Value::Object(map) if map.values().all(Value::is_string) && !key.ends_with("Set") => {
                sets.extend(map.iter().filter_map(|(key, value)| Set::tag(key, Some(value))));
            }
            _ => {}
        }
    }
    if sets.len() > MOST { Vec::new() } else { sets }
}

fn member<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.as_object()?.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v)
}

/// A value without what EC2 and others wrap lists and attributes in.
fn seen_through(value: &Value) -> &Value {
    let Some(object) = value.as_object() else { return value };
    let inner = ["items", "item", "member", "content"].iter().find_map(|key| object.get(*key));
    let inner = inner.or_else(|| if object.len() == 1 { object.get("value") } else { None });
    inner.map_or(value, seen_through)
}

/// A property by the one name it has, whichever call sets it.
fn renamed(service: &str, name: String) -> String {
    let of_one = |(of, from, to): &(&str, &str, &str)| {
        let rest = name.strip_prefix(*from).filter(|rest| rest.is_empty() || from.ends_with('.'));
        rest.filter(|_| *of == service).map(|rest| format!("{to}{rest}"))
    };
    RENAMED.iter().find_map(of_one).unwrap_or(name)
}

/// The parameters of a call, each by its path.
struct Leaves<'a> {
    lead: &'a str,
    /// EC2 writes what was not given as an empty list.
    skips_empty: bool,
    sets: Vec<Set>,
}

impl Leaves<'_> {
    fn set(&self, path: &str, within: Option<&str>, value: Option<Value>) -> Set {
        let name = format!("{}{path}", self.lead);
        let part = (!self.lead.is_empty()).then(|| self.lead.trim_end().to_owned());
        Set { name, part, is_bare: false, within: within.map(|within| format!("{}{within}", self.lead)), value }
    }

    /// All parameters of a call. Some calls name one attribute in a parameter, and what it is set to in another.
    fn read(&mut self, own: &[(&str, &Value)]) {
        let attribute = own.iter().find(|(key, _)| is_among(ATTRIBUTES, key)).and_then(|(_, value)| value.as_str());
        let mut is_set = false;
        for (key, value) in own.iter().filter(|(key, _)| !is_among(ATTRIBUTES, key)) {
            is_set = true;
            let tags = if is_among(&["tags", "tagSet"], key) { tags(&[(*key, *value)]) } else { Vec::new() };
            if !tags.is_empty() {
                self.sets.extend(tags);
                continue;
            }
            match attribute {
                Some(attribute) if is_among(ATTRIBUTE_VALUES, key) => self.take(attribute, None, value, 0),
                Some(attribute) if is_among(&["valuesToAdd", "valuesToRemove"], key) => self.each(attribute, seen_through(value)),
                _ => self.take(key, None, value, 0),
            }
        }
        if let Some(attribute) = attribute.filter(|_| !is_set) {
            self.sets.push(self.set(attribute, None, None));
        }
    }

    fn take(&mut self, path: &str, within: Option<&str>, value: &Value, depth: usize) {
        if self.sets.len() > MOST {
            return;
        }
        if let Some(base) = additive(path) {
            return self.each(&base, seen_through(value));
        }
        match seen_through(value) {
            Value::Object(object) if object.is_empty() && self.skips_empty => {}
            Value::Object(object) if !object.is_empty() && depth < DEEPEST => {
                for (key, inner) in object.iter().filter(|(_, inner)| !inner.is_null()) {
                    self.take(&format!("{path}.{key}"), within.or(Some(path)), inner, depth + 1);
                }
            }
            Value::Array(members) => match named_members(members) {
                Some(named) => {
                    for (name, member) in named {
                        let set = self.set(&format!("{path}[{name}]"), within.or(Some(path)), Some(member.clone()));
                        self.sets.push(set);
                    }
                }
                None => self.sets.push(self.set(path, within, Some(Value::Array(members.clone())))),
            },
            other => self.sets.push(self.set(path, within, Some(other.clone()))),
        }
    }

    /// What is added or removed: each thing is a property of its own, for the next such call leaves the others as they are.
    fn each(&mut self, base: &str, value: &Value) {
        let members = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        for member in members.iter().take(MOST + 1) {
            let name = match seen_through(member) {
                Value::Object(object) => object.values().filter_map(scalar).collect::<Vec<_>>().join(" "),
                other => scalar(other).unwrap_or_default(),
            };
            if !name.is_empty() {
                self.sets.push(Set::whole(format!("{}{base} {name}", self.lead)));
            }
        }
    }
}

/// The parameter that a path adds to or removes from: `createVolumePermission` of `createVolumePermission.add`, `RouteTableId` of `AddRouteTableId`.
fn additive(path: &str) -> Option<String> {
    let (before, last) = path.rsplit_once('.').unwrap_or(("", path));
    if matches!(last, "add" | "remove" | "Add" | "Remove") && !before.is_empty() {
        return Some(before.to_owned());
    }
    let lead = ["Add", "Remove", "add", "remove"]
        .iter()
        .find_map(|verb| last.strip_prefix(*verb))
        .filter(|rest| rest.starts_with(char::is_uppercase));
    let base = lead.or_else(|| last.strip_suffix("ToAdd")).or_else(|| last.strip_suffix("ToRemove"))?;
    Some(if before.is_empty() { base.to_owned() } else { format!("{before}.{base}") })
}

/// The members of a list by name, where all have one, and no two the same.
fn named_members(members: &[Value]) -> Option<Vec<(String, &Value)>> {
    let named: Option<Vec<(String, &Value)>> =
        members.iter().map(|m| Some((MEMBER_KEYS.iter().find_map(|key| member(m, key).and_then(Value::as_str))?.to_owned(), m))).collect();
    let named = named.filter(|named| !named.is_empty())?;
    let mut names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    (names.len() == named.len()).then_some(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use backtrail_model::touch::{Basis, Part};
    use serde_json::json;

    /// The names of what a call sets, with values where they are parameters.
    fn set(action: &str, arn: &str, path: &str, request: Value) -> Vec<String> {
        answered(action, arn, path, request, Value::Null)
    }

    fn answered(action: &str, arn: &str, path: &str, request: Value, response: Value) -> Vec<String> {
        let target = Touched { arn: arn.to_owned(), part: Part::Target, basis: Basis::Rule, path: path.to_owned(), owner_is_stated: false };
        let setting = Setting { action: Action::read(action), request: &request, response: &response, rules: &[], target: &target };
        let words = |set: Set| set.value.map_or(set.name.clone(), |value| format!("{} = {value}", set.name));
        setting.properties().into_iter().map(words).collect()
    }

    const DB: &str = "arn:aws:rds:us-east-1:111122223333:db:db1";
    const ROLE: &str = "arn:aws:iam::111122223333:role/deploy";
    const FUNCTION: &str = "arn:aws:lambda:us-east-1:111122223333:function:f";

    #[test]
    fn a_parameter_is_a_property_whatever_sets_it() {
        let path = "requestParameters.dBInstanceIdentifier";
        let modified = json!({"dBInstanceIdentifier": "db1", "publiclyAccessible": true, "applyImmediately": true});
        assert_eq!(set("ModifyDBInstance", DB, path, modified), ["publiclyAccessible = true"]);
        let created = json!({"dBInstanceIdentifier": "db1", "engine": "mysql", "publiclyAccessible": false, "clientToken": "x"});
        assert_eq!(
            set("CreateDBInstance", DB, "responseElements.dBInstanceArn", created),
            ["engine = \"mysql\"", "publiclyAccessible = false"]
        );
        let instance = "arn:aws:ec2:r:1:instance/i-0aaaaaaa";
        let attribute = |request| set("ModifyInstanceAttribute", instance, "requestParameters.instanceId", request);
        assert_eq!(
            attribute(json!({"instanceId": "i-0aaaaaaa", "disableApiTermination": {"value": true}})),
            ["disableApiTermination = true"]
        );
        assert_eq!(
            attribute(json!({"instanceId": "i-0aaaaaaa", "attribute": "instanceType", "value": "m5.large"})),
            ["instanceType = \"m5.large\""]
        );
        assert_eq!(
            set(
                "ModifySubnetAttribute",
                "arn:aws:ec2:r:1:subnet/subnet-0aaaaaaa",
                "requestParameters.subnetId",
                json!({"subnetId": "subnet-0aaaaaaa", "mapPublicIpOnLaunch": {"value": true}})
            ),
            ["mapPublicIpOnLaunch = true"]
        );
        assert_eq!(
            set(
                "UpdateFunctionConfiguration",
                FUNCTION,
                "requestParameters.functionName",
                json!({"functionName": "f", "timeout": 3, "environment": {"variables": {"A": "1"}}})
            ),
            ["environment.variables.A = \"1\"", "timeout = 3"]
        );
        let cluster = "arn:aws:eks:r:1:cluster/k";
        let config = json!({"name": "k", "resourcesVpcConfig": {"endpointPublicAccess": true, "publicAccessCidrs": ["0.0.0.0/0"]}});
        assert_eq!(
            set("UpdateClusterConfig", cluster, "requestParameters.name", config),
            ["resourcesVpcConfig.endpointPublicAccess = true", "resourcesVpcConfig.publicAccessCidrs = [\"0.0.0.0/0\"]"]
        );
    }

    #[test]
    fn a_part_is_a_property_by_what_tells_it_from_others() {
        let of_role = |action, mut request: Value| {
            request["roleName"] = json!("deploy");
            set(action, ROLE, "requestParameters.roleName", request)
        };
        let admin = json!({"policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"});
        assert_eq!(of_role("AttachRolePolicy", admin.clone()), ["RolePolicy AdministratorAccess"]);
        assert_eq!(of_role("DetachRolePolicy", admin), ["RolePolicy AdministratorAccess"]);
        assert_eq!(
            of_role("TagRole", json!({"tags": [{"key": "team", "value": "a"}, {"key": "env", "value": "b"}]})),
            ["Tag team = \"a\"", "Tag env = \"b\""]
        );
        assert_eq!(of_role("UntagRole", json!({"tagKeys": ["team"]})), ["Tag team"]);
        // What a role trusts is one property, whether set when it was made or later.
        assert_eq!(of_role("UpdateAssumeRolePolicy", json!({"policyDocument": "{}"})), ["assumeRolePolicyDocument = \"{}\""]);
        assert_eq!(of_role("CreateRole", json!({"assumeRolePolicyDocument": "{}"})), ["assumeRolePolicyDocument = \"{}\""]);
        // Nor are other parameters that a call of their own sets later.
        let boundary = json!({"permissionsBoundary": "arn:aws:iam::1:policy/Limit"});
        assert_eq!(of_role("CreateRole", boundary.clone()), ["permissionsBoundary = \"arn:aws:iam::1:policy/Limit\""]);
        assert_eq!(of_role("PutRolePermissionsBoundary", boundary), ["permissionsBoundary"]);
        assert_eq!(of_role("DeleteRolePermissionsBoundary", json!({})), ["permissionsBoundary"]);
        let key = |action, request| set(action, "arn:aws:kms:r:1:key/k", "responseElements.keyMetadata.arn", request);
        assert_eq!(key("CreateKey", json!({"policy": "{}"})), ["KeyPolicy default = \"{}\""]);
        assert_eq!(key("PutKeyPolicy", json!({"keyId": "k", "policyName": "default", "policy": "{}"})), ["KeyPolicy default"]);
        let topic = |action, request| set(action, "arn:aws:sns:r:1:t", "responseElements.topicArn", request);
        assert_eq!(topic("CreateTopic", json!({"name": "t", "attributes": {"Policy": "{}"}})), ["Policy = \"{}\""]);
        let attribute = json!({"topicArn": "arn:aws:sns:r:1:t", "attributeName": "Policy", "attributeValue": "{}"});
        assert_eq!(topic("SetTopicAttributes", attribute), ["Policy = \"{}\""]);
        let repository = |action, request| set(action, "arn:aws:ecr:r:1:repository/a", "requestParameters.repositoryName", request);
        let mutable = json!({"repositoryName": "a", "imageTagMutability": "MUTABLE"});
        assert_eq!(repository("CreateRepository", mutable.clone()), ["imageTagMutability = \"MUTABLE\""]);
        assert_eq!(repository("PutImageTagMutability", mutable), ["imageTagMutability"]);
        let function = |action, request| set(action, FUNCTION, "requestParameters.functionName", request);
        let code = json!({"functionName": "f", "code": {"s3Bucket": "b"}});
        assert_eq!(function("CreateFunction", code), ["FunctionCode s3Bucket = \"b\""]);
        assert_eq!(function("UpdateFunctionCode", json!({"functionName": "f", "s3Bucket": "b"})), ["FunctionCode s3Bucket = \"b\""]);
        let bucket = |action, request| set(action, "arn:aws:s3:::b", "requestParameters.bucketName", request);
        let made = bucket("CreateBucket", json!({"bucketName": "b", "x-amz-acl": "public-read"}));
        assert_eq!(
            (made, bucket("PutBucketAcl", json!({"bucketName": "b"}))),
            (vec!["BucketAcl = \"public-read\"".to_owned()], vec!["BucketAcl".to_owned()])
        );
        assert_eq!(bucket("PutBucketPolicy", json!({"bucketName": "b", "Host": "x", "bucketPolicy": {"Statement": []}})), ["BucketPolicy"]);
        assert_eq!(bucket("DeleteBucketPolicy", json!({"bucketName": "b"})), ["BucketPolicy"]);
        let user = |action, request| set(action, "arn:aws:iam::1:user/eve", "requestParameters.userName", request);
        assert_eq!(user("AddUserToGroup", json!({"userName": "eve", "groupName": "eve"})), ["UserGroup eve"]);
        assert_eq!(
            user("UpdateAccessKey", json!({"userName": "eve", "accessKeyId": "AKIAX", "status": "Inactive"})),
            ["AccessKey AKIAX status = \"Inactive\""]
        );
        let key = json!({"accessKey": {"accessKeyId": "AKIAX", "status": "Active", "userName": "eve"}});
        let created = answered("CreateAccessKey", "arn:aws:iam::1:user/eve", "requestParameters.userName", json!({"userName": "eve"}), key);
        assert_eq!(created, ["AccessKey AKIAX"]);
        assert_eq!(user("DeleteAccessKey", json!({"userName": "eve", "accessKeyId": "AKIAX"})), ["AccessKey AKIAX"]);
    }

    #[test]
    fn which_version_of_a_policy_is_in_force() {
        let of_policy = |action, request: Value, response: Value| {
            answered(action, "arn:aws:iam::1:policy/Dev", "requestParameters.policyArn", request, response)
        };
        let arn = "arn:aws:iam::1:policy/Dev";
        let made = of_policy(
            "CreatePolicy",
            json!({"policyName": "Dev", "policyDocument": "{1}"}),
            json!({"policy": {"arn": arn, "defaultVersionId": "v1"}}),
        );
        assert_eq!(made.last().map(String::as_str), Some("defaultVersionId = \"v1\""));
        assert!(made.contains(&"policyDocument = \"{1}\"".to_owned()));
        let version = |default: Value| {
            let request = json!({"policyArn": arn, "policyDocument": "{2}", "setAsDefault": default});
            of_policy("CreatePolicyVersion", request, json!({"policyVersion": {"versionId": "v2", "isDefaultVersion": default}}))
        };
        assert_eq!(version(json!(true)), ["PolicyVersion v2", "defaultVersionId = \"v2\"", "policyDocument = \"{2}\""]);
        assert_eq!(version(json!(false)), ["PolicyVersion v2"]);
        let set = of_policy("SetDefaultPolicyVersion", json!({"policyArn": arn, "versionId": "v1"}), Value::Null);
        assert_eq!(set, ["defaultVersionId = \"v1\"", "policyDocument"]);
    }

    #[test]
    fn what_is_added_hides_nothing_added_before() {
        let share = |action: &str, account: &str| {
            let request = json!({"snapshotId": "snap-0aaaaaaa", "createVolumePermission": {action: {"items": [{"userId": account}]}}, "attributeType": "CREATE_VOLUME_PERMISSION"});
            set("ModifySnapshotAttribute", "arn:aws:ec2:r:1:snapshot/snap-0aaaaaaa", "requestParameters.snapshotId", request)
        };
        assert_eq!(share("add", "444455556666"), ["createVolumePermission 444455556666"]);
        assert_eq!(share("remove", "444455556666"), share("add", "444455556666"));
        let restore = json!({"dBSnapshotIdentifier": "s", "attributeName": "restore", "valuesToAdd": ["444455556666", "all"]});
        assert_eq!(
            set("ModifyDBSnapshotAttribute", "arn:aws:rds:r:1:snapshot:s", "requestParameters.dBSnapshotIdentifier", restore),
            ["restore 444455556666", "restore all"]
        );
    }

    #[test]
    fn lists_are_told_by_name_where_their_members_have_one() {
        let request = json!({"dBParameterGroupName": "g", "parameters": [{"parameterName": "a", "parameterValue": "1"}, {"parameterName": "b", "parameterValue": "2"}]});
        let set = set("ModifyDBParameterGroup", "arn:aws:rds:r:1:pg:g", "requestParameters.dBParameterGroupName", request);
        assert_eq!(set.iter().map(|s| s.split(' ').next().unwrap()).collect::<Vec<_>>(), ["parameters[a]", "parameters[b]"]);
    }

    #[test]
    fn odd_parameters_do_no_harm() {
        let deep = (0..200).fold(json!(1), |inner, _| json!({"a": inner}));
        let many: serde_json::Map<String, Value> = (0..10_000).map(|n| (format!("k{n}"), json!(n))).collect();
        for request in [json!(null), json!("text"), json!([1]), json!({"functionName": null}), json!({"a": deep}), Value::Object(many)] {
            for action in ["UpdateFunctionConfiguration", "CreateFunction", "TagResource", "AddPermission", "Odd", ""] {
                let sets = set(action, FUNCTION, "requestParameters.functionName", request.clone());
                let least = usize::from(action != "CreateFunction");
                assert!((least..=MOST).contains(&sets.len()), "{action}: {}", sets.len());
            }
        }
    }
}
