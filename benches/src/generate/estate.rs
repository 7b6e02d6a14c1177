//! The estate the events happen in: an organisation's accounts, who works in them, and what is there.

use super::random::Random;

/// An organisation.
#[derive(Debug)]
pub(crate) struct Estate {
    pub(crate) organisation: String,
    pub(crate) identity_store: String,
    pub(crate) accounts: Vec<Account>,
}

/// One account of it.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Share of the estate's events, relative.
    pub(crate) weight: f64,
    pub(crate) users: Vec<User>,
    pub(crate) roles: Vec<Role>,
    pub(crate) service_roles: Vec<Role>,
    pub(crate) people: Vec<Person>,
    pub(crate) buckets: Vec<String>,
    pub(crate) places: Vec<Place>,
}

/// An account's part in one region: one stream of files, and the resources there.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) region: &'static str,
    pub(crate) weight: f64,
    pub(crate) instances: Vec<Instance>,
    pub(crate) functions: Vec<Function>,
    pub(crate) keys: Vec<String>,
    pub(crate) tables: Vec<String>,
    pub(crate) queues: Vec<String>,
    pub(crate) secrets: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) subnets: Vec<String>,
    pub(crate) vpcs: Vec<String>,
    pub(crate) clusters: Vec<String>,
    pub(crate) addresses: Vec<String>,
    pub(crate) endpoint: String,
}

/// An IAM user with a long-lived key.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) address: String,
}

/// A role.
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    /// For a service-linked role: whose.
    pub(crate) service: &'static str,
}

/// Somebody who comes in through Identity Center.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) user_id: String,
    pub(crate) address: String,
    pub(crate) role: Role,
}

/// A virtual machine.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) role: usize,
    pub(crate) private_address: String,
}

/// A Lambda function.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) role: usize,
}

/// Accounts in the order they are made; further ones get numbered names.
const ACCOUNT_NAMES: [(&str, f64); 8] = [
    ("platform", 8.0),
    ("shop-production", 48.0),
    ("shop-staging", 14.0),
    ("log-archive", 3.0),
    ("data", 14.0),
    ("security", 6.0),
    ("shop-development", 6.0),
    ("management", 1.0),
];
/// The region of the estate first, then that of the global services.
pub(crate) const REGIONS: [(&str, f64); 4] = [("eu-central-1", 62.0), ("us-east-1", 20.0), ("eu-west-1", 15.0), ("us-west-2", 3.0)];
const APPLICATIONS: [&str; 14] = [
    "checkout",
    "catalogue",
    "search",
    "payments",
    "orders",
    "inventory",
    "mailer",
    "image-resize",
    "reporting",
    "etl-load",
    "events-fanout",
    "auth",
    "recommendations",
    "web",
];
const PEOPLE: [&str; 12] = [
    "maria.weber",
    "jonas.keller",
    "a.novak",
    "priya.nair",
    "tom.lindqvist",
    "s.okafor",
    "clara.dubois",
    "m.rossi",
    "lena.vogt",
    "k.tanaka",
    "omar.haddad",
    "eva.nowak",
];
const SERVICE_ROLES: [(&str, &str); 8] = [
    ("AWSServiceRoleForConfig", "config.amazonaws.com"),
    ("AWSServiceRoleForAutoScaling", "autoscaling.amazonaws.com"),
    ("AWSServiceRoleForECS", "ecs.amazonaws.com"),
    ("AWSServiceRoleForElasticLoadBalancing", "elasticloadbalancing.amazonaws.com"),
    ("AWSServiceRoleForRDS", "rds.amazonaws.com"),
    ("AWSServiceRoleForAmazonSSM", "ssm.amazonaws.com"),
    ("AWSServiceRoleForSecurityHub", "securityhub.amazonaws.com"),
    ("AWSServiceRoleForAmazonGuardDuty", "guardduty.amazonaws.com"),
];

impl Estate {
    pub(crate) fn new(seed: u64, accounts: usize, regions: usize) -> Self {
        let mut random = Random::seeded(&[seed, 0xe5_7a7e]);
        let organisation = format!("o-{}", random.text(|r, o| r.push_hex(o, 10)));
        let identity_store = format!("d-{}", random.text(|r, o| r.push_hex(o, 10)));
        let accounts = (0..accounts).map(|n| Account::new(seed, n, regions)).collect();
        Self { organisation, identity_store, accounts }
    }

    /// The account another one works together with: its roles are assumed from there.
    pub(crate) fn partner(&self, account: usize) -> usize {
        (account + 1) % self.accounts.len()
    }
}

impl Account {
    fn new(seed: u64, number: usize, regions: usize) -> Self {
        let mut random = Random::seeded(&[seed, 0xacc0, number as u64]);
        let id = format!("{}", 210_000_000_000 + random.below(700_000_000_000) as u64);
        let (name, weight) =
            ACCOUNT_NAMES.get(number).map_or_else(|| (format!("team-{number:03}"), 3.0), |(name, weight)| ((*name).to_owned(), *weight));
        let roles = APPLICATIONS
            .iter()
            .map(|app| (format!("{app}-{}", if app.len() % 2 == 0 { "task" } else { "role" }), "/"))
            .chain([
                ("SecurityAudit".to_owned(), "/"),
                ("deploy".to_owned(), "/ci/"),
                ("node-instance".to_owned(), "/"),
                ("platform-admin".to_owned(), "/ops/"),
            ])
            .map(|(role, path)| Role { id: random.credential("AROA", &id, 21), name: role, path: path.to_owned(), service: "" })
            .collect();
        let service_roles = SERVICE_ROLES
            .iter()
            .map(|(role, service)| Role {
                name: (*role).to_owned(),
                path: format!("/aws-service-role/{service}/"),
                id: random.credential("AROA", &id, 21),
                service,
            })
            .collect();
        let users = ["terraform", "build-pipeline", "backup-agent", "monitoring"]
            .iter()
            .map(|user| User {
                name: (*user).to_owned(),
                id: random.credential("AIDA", &id, 21),
                key: random.credential("AKIA", &id, 20),
                address: format!("192.0.2.{}", 10 + random.below(60)),
            })
            .collect();
        let people = people(&mut random, &id);
        let buckets = ["assets", "uploads", "exports", "backups", "tf-state", "access-logs", "customer-invoices", "datalake-raw"]
            .iter()
            .map(|bucket| format!("acme-{name}-{bucket}-{}", &id[6..]))
            .collect();
        let places = (0..regions.clamp(1, REGIONS.len())).map(|r| Place::new(seed, number, r, &id)).collect();
        Self { id, name, weight, users, roles, service_roles, people, buckets, places }
    }

    pub(crate) fn role(&self, name: &str) -> &Role {
        self.roles.iter().find(|role| role.name == name).unwrap_or(&self.roles[0])
    }
}

fn people(random: &mut Random, account: &str) -> Vec<Person> {
    let sets = ["AdministratorAccess", "PowerUserAccess", "ReadOnlyAccess"]
        .map(|set| (set, random.text(|r, o| r.push_hex(o, 16)), random.credential("AROA", account, 21)));
    PEOPLE
        .iter()
        .enumerate()
        .map(|(n, name)| {
            let (set, suffix, id) = &sets[if n == 0 { 0 } else { n % 3 }];
            Person {
                name: format!("{name}@acme.example"),
                user_id: random.text(|r, o| r.push_guid(o)),
                address: format!("198.51.100.{}", 20 + n),
                role: Role {
                    name: format!("AWSReservedSSO_{set}_{suffix}"),
                    path: "/aws-reserved/sso.amazonaws.com/eu-central-1/".to_owned(),
                    id: id.clone(),
                    service: "",
                },
            }
        })
        .collect()
}

impl Place {
    fn new(seed: u64, account: usize, region: usize, id: &str) -> Self {
        let mut random = Random::seeded(&[seed, 0x91ace, account as u64, region as u64]);
        let mut ids = |prefix: &str, n: usize| -> Vec<String> {
            (0..n).map(|_| format!("{prefix}-0{}", random.text(|r, o| r.push_hex(o, 16)))).collect()
        };
        let (instance_ids, groups, subnets, vpcs) = (ids("i", 40), ids("sg", 24), ids("subnet", 9), ids("vpc", 3));
        let endpoint = ids("vpce", 1).remove(0);
        let instances = instance_ids
            .into_iter()
            .enumerate()
            .map(|(n, id)| Instance {
                id,
                role: if n % 3 == 0 { 16 } else { n % APPLICATIONS.len() },
                private_address: format!("10.{}.{}.{}", 10 + account % 200, random.below(64), 4 + random.below(250)),
            })
            .collect();
        let functions = APPLICATIONS
            .iter()
            .enumerate()
            .map(|(role, app)| Function { name: format!("{app}-{}", ["handler", "worker", "api"][role % 3]), role })
            .collect();
        Self {
            region: REGIONS[region].0,
            weight: REGIONS[region].1,
            instances,
            functions,
            keys: (0..9).map(|_| random.text(|r, o| r.push_guid(o))).collect(),
            tables: APPLICATIONS.iter().take(8).map(|app| format!("{app}-state")).collect(),
            queues: APPLICATIONS.iter().take(10).map(|app| format!("{app}-queue")).collect(),
            secrets: APPLICATIONS
                .iter()
                .take(10)
                .map(|app| format!("prod/{app}/database-{}", random.text(|r, o| r.push_alnum(o, 6))))
                .collect(),
            groups,
            subnets,
            vpcs,
            clusters: ["apps", "batch"].map(|c| format!("{c}-{}", &id[9..])).to_vec(),
            addresses: (0..3).map(|_| format!("52.{}.{}.{}", 28 + random.below(30), random.below(255), 1 + random.below(250))).collect(),
            endpoint,
        }
    }
}
