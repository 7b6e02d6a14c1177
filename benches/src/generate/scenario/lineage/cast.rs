//! Users and roles that only these scenes have: the noise never uses them.

use super::{PLATFORM, PRODUCTION, STAGING};
use crate::generate::estate::{Estate, Role, User};
use crate::generate::random::Random;

/// Who appears.
#[derive(Debug)]
pub(super) struct Cast {
    users: Vec<User>,
    roles: Vec<Role>,
    /// ARN of the OpenID provider of production's cluster.
    pub(super) cluster: String,
}

const USERS: [(&str, usize, &str); 6] = [
    ("anna.berg", PLATFORM, "198.51.100.61"),
    ("ben.okoye", PLATFORM, "198.51.100.62"),
    ("clara.ops", PLATFORM, "198.51.100.63"),
    ("dora.lind", STAGING, "198.51.100.64"),
    ("release-bot", PLATFORM, "198.51.100.65"),
    // Made by the intruder.
    ("svc-mirror", PRODUCTION, "203.0.113.190"),
];
const ROLES: [(&str, usize, &str); 4] = [
    ("checkout-pod", PRODUCTION, "/eks/"),
    ("stack-service", PLATFORM, "/service-role/"),
    ("on-call", PLATFORM, "/ops/"),
    ("release", PLATFORM, "/ci/"),
];

impl Cast {
    pub(super) fn new(seed: u64, estate: &Estate) -> Self {
        let mut random = Random::seeded(&[seed, 0xca57]);
        let account = |n: usize| estate.accounts[n].id.as_str();
        let users = USERS.map(|(name, home, address)| User {
            name: name.to_owned(),
            id: random.credential("AIDA", account(home), 21),
            key: random.credential("AKIA", account(home), 20),
            address: address.to_owned(),
        });
        let roles = ROLES.map(|(name, home, path)| Role {
            name: name.to_owned(),
            path: path.to_owned(),
            id: random.credential("AROA", account(home), 21),
            service: "",
        });
        let id = random.text(|r, o| r.push_hex(o, 32)).to_uppercase();
        let cluster = format!("arn:aws:iam::{}:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/{id}", account(PRODUCTION));
        Self { users: users.into(), roles: roles.into(), cluster }
    }

    pub(super) fn user(&self, name: &str) -> &User {
        self.users.iter().find(|user| user.name == name).unwrap_or(&self.users[0])
    }

    pub(super) fn role(&self, name: &str) -> &Role {
        self.roles.iter().find(|role| role.name == name).unwrap_or(&self.roles[0])
    }
}
