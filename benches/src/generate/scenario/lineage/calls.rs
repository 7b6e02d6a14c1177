//! The calls of these scenes, with whom and what they issue.

use crate::generate::catalogue::{Call, call};
use crate::generate::estate::{Account, Person, Role, User};

/// A role, and the account it is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct RoleAt<'a> {
    /// Index of the account.
    pub(super) index: usize,
    pub(super) account: &'a Account,
    pub(super) role: &'a Role,
}

impl RoleAt<'_> {
    pub(super) fn arn(&self) -> String {
        format!("arn:aws:iam::{}:role{}{}", self.account.id, self.role.path, self.role.name)
    }

    pub(super) fn session_arn(&self, session: &str) -> String {
        format!("arn:aws:sts::{}:assumed-role/{}/{session}", self.account.id, self.role.name)
    }

    fn resources(&self) -> String {
        format!(r#"[{{"accountId":"{}","type":"AWS::IAM::Role","ARN":"{}"}}]"#, self.account.id, self.arn())
    }

    /// What STS answers: the key, and the session it is for.
    fn assumed(&self, session: &str) -> String {
        format!(r#""assumedRoleUser":{{"assumedRoleId":"{}:{session}","arn":"{}"}}"#, self.role.id, self.session_arn(session))
    }
}

/// What STS answers; for so many hours.
fn credentials(key: &str, hours: usize) -> String {
    format!(r#""credentials":{{"accessKeyId":"{key}","sessionToken":"<base64:120>","expiration":"<expiry:{hours}>"}}"#)
}

/// A call without much to say.
pub(super) fn read(source: &'static str, name: &'static str) -> Call {
    call(source, name, 0, &[])
}

/// A call that changes something.
pub(super) fn change(source: &'static str, name: &'static str, request: &str) -> Call {
    call(source, name, 0, &[]).writes().request(request)
}

pub(super) fn assume_role(role: &RoleAt<'_>, session: &str, key: &str, extra: &str) -> Call {
    call("sts", "AssumeRole", 0, &[])
        .request(&format!(r#"{{"roleArn":"{}","roleSessionName":"{session}","durationSeconds":3600{extra}}}"#, role.arn()))
        .response(&format!("{{{},{}}}", credentials(key, 1), role.assumed(session)))
        .resources(&role.resources())
}

/// As a service does it for itself: the answer names the key alone.
pub(super) fn assume_role_for_service(role: &RoleAt<'_>, session: &str, key: &str) -> Call {
    call("sts", "AssumeRole", 0, &[])
        .request(&format!(r#"{{"roleArn":"{}","roleSessionName":"{session}","durationSeconds":3600}}"#, role.arn()))
        .response(&format!("{{{}}}", credentials(key, 1)))
        .resources(&role.resources())
}

/// Identity Center presents its own assertion.
pub(super) fn assume_role_with_saml(role: &RoleAt<'_>, person: &Person, provider: &str, key: &str) -> Call {
    let (name, account) = (&person.name, &role.account.id);
    call("sts", "AssumeRoleWithSAML", 0, &[])
        .request(&format!(
            r#"{{"sAMLAssertionID":"_<guid>","roleSessionName":"{name}","durationSeconds":28800,"roleArn":"{}","principalArn":"arn:aws:iam::{account}:saml-provider/AWSSSO_0f1e2d3c4b5a6978_DO_NOT_DELETE"}}"#,
            role.arn()
        ))
        .response(&format!(
            r#"{{"subjectType":"persistent","issuer":"https://portal.sso.eu-central-1.amazonaws.com/saml/assertion/<base64:24>",{},"nameQualifier":"{provider}",{},"subject":"{name}","audience":"https://signin.aws.amazon.com/saml"}}"#,
            credentials(key, 8),
            role.assumed(name)
        ))
        .resources(&role.resources())
}

/// The access portal: `GetRoleCredentials` for the command line, `Federate` for the console. It names an account and a permission set.
pub(super) fn portal(name: &'static str, permission_set: &str, account: &str) -> Call {
    call("sso", name, 0, &[]).kind("AwsServiceEvent").details(&format!(r#"{{"role_name":"{permission_set}","account_id":"{account}"}}"#))
}

pub(super) fn assume_role_with_web_identity(role: &RoleAt<'_>, session: &str, key: &str, provider: &str, subject: &str) -> Call {
    call("sts", "AssumeRoleWithWebIdentity", 0, &[])
        .request(&format!(r#"{{"roleArn":"{}","roleSessionName":"{session}","durationSeconds":3600}}"#, role.arn()))
        .response(&format!(
            r#"{{"subjectFromWebIdentityToken":"{subject}",{},{},"provider":"{provider}","audience":"sts.amazonaws.com"}}"#,
            credentials(key, 1),
            role.assumed(session)
        ))
        .resources(&role.resources())
}

pub(super) fn get_session_token(key: &str) -> Call {
    call("sts", "GetSessionToken", 0, &[]).request(r#"{"durationSeconds":3600}"#).response(&format!("{{{}}}", credentials(key, 1)))
}

pub(super) fn create_user(user: &User) -> Call {
    let name = &user.name;
    call("iam", "CreateUser", 0, &[])
        .writes()
        .api("2010-05-08")
        .request(&format!(r#"{{"userName":"{name}"}}"#))
        .response(&format!(
            r#"{{"user":{{"path":"/","userName":"{name}","userId":"{}","arn":"arn:aws:iam::<account>:user/{name}","createDate":"<locale_time>"}}}}"#,
            user.id
        ))
}

pub(super) fn create_access_key(user: &User) -> Call {
    let (name, key) = (&user.name, &user.key);
    call("iam", "CreateAccessKey", 0, &[]).writes().api("2010-05-08").request(&format!(r#"{{"userName":"{name}"}}"#)).response(&format!(
        r#"{{"accessKey":{{"userName":"{name}","accessKeyId":"{key}","status":"Active","createDate":"<locale_time>"}}}}"#
    ))
}

pub(super) fn create_login_profile(user: &User) -> Call {
    let name = &user.name;
    call("iam", "CreateLoginProfile", 0, &[])
        .writes()
        .api("2010-05-08")
        .request(&format!(r#"{{"userName":"{name}","passwordResetRequired":false}}"#))
        .response(&format!(r#"{{"loginProfile":{{"userName":"{name}","createDate":"<locale_time>","passwordResetRequired":false}}}}"#))
}

pub(super) fn console_login(mfa: &str) -> Call {
    call("signin", "ConsoleLogin", 0, &[])
        .writes()
        .kind("AwsConsoleSignIn")
        .response(r#"{"ConsoleLogin":"Success"}"#)
        .additional(&format!(r#"{{"LoginTo":"https://console.aws.amazon.com/console/home","MobileVersion":"No","MFAUsed":"{mfa}"}}"#))
}

pub(super) fn switch_role(from: &str) -> Call {
    call("signin", "SwitchRole", 0, &[]).writes().kind("AwsConsoleSignIn").response(r#"{"SwitchRole":"Success"}"#).additional(&format!(
        r#"{{"SwitchFrom":"{from}","RedirectTo":"https://eu-central-1.console.aws.amazon.com/console/home?region=eu-central-1#"}}"#
    ))
}

/// With a role for the stack, or with the caller's own credentials.
pub(super) fn create_stack(stack: &str, role: Option<&RoleAt<'_>>) -> Call {
    let role = role.map(|role| format!(r#","roleARN":"{}""#, role.arn())).unwrap_or_default();
    call("cloudformation", "CreateStack", 0, &[])
        .writes()
        .request(&format!(r#"{{"stackName":"{stack}","capabilities":["CAPABILITY_IAM"]{role}}}"#))
        .response(&format!(r#"{{"stackId":"arn:aws:cloudformation:<region>:<account>:stack/{stack}/<guid>"}}"#))
}
