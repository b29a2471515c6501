//! The variables and secrets of the Worker, parsed once per isolate and refused when wrong.

use crate::authz::{Permission, Policy};
use crate::client_certificate::CertificateName;
use crate::mlflow::uri::check_prefix;
use crate::password::Method as HashMethod;
use crate::secret::Secret;

/// The password that MLflow 2.22 to 3.12 shipped with; known to everybody (CVE-2026-2635).
pub const DEFAULT_PASSWORD: &str = "password1234";

/// Those who may make a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creators {
    /// Every user.
    Everyone,
    /// Administrators, and managers of the workspace.
    Administrators,
    /// The same, and whoever has one of these roles of the workspace `default`.
    Roles(Vec<String>),
}

/// The allowed requests of which the log gets a line, beside refusals and changes to users and grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogRequests {
    /// No others.
    None,
    /// Those that may change something at MLflow.
    Writes,
    /// All.
    All,
}

/// The configuration of an operator. README lists the variables.
pub struct Config {
    /// `ORIGIN_URL`: the MLflow server, without a slash at the end.
    pub origin: String,
    /// `ORIGIN_AUTHORIZATION`: what the origin gets as Authorization, if anything.
    pub origin_authorization: Option<Secret>,
    /// `SUBREQUEST_LIMIT`: what the platform's plan allows one invocation (10,000 on the paid one, 50 on the free one).
    pub subrequest_limit: u32,
    /// `ORIGIN_TIMEOUT_SECONDS`: how long the origin may take to begin its answer.
    pub origin_timeout_seconds: u32,
    /// `ADMIN_USERNAME`: name of the first administrator.
    pub admin_username: String,
    /// `ADMIN_PASSWORD`: used only while the users table is empty.
    pub admin_password: Option<Secret>,
    /// `ALLOW_DEFAULT_PASSWORD`: `true` lets `password1234` through; for a laptop only.
    pub allow_default_password: bool,
    /// `AUTH_CACHE_TTL_SECONDS`: for so long an answer of D1 about a login and its grants is good; 0 asks each time.
    pub auth_cache_ttl_seconds: u32,
    /// `FORWARD_EARLY`: reads of callers whose login was verified before go to the origin beside the D1 statement.
    pub forward_early: bool,
    /// `D1_READ_REPLICAS`: a replica of D1, which may lag, is good enough to let a request through.
    pub d1_read_replicas: bool,
    /// `DEFAULT_PERMISSION`: what a user without a grant holds on every resource.
    pub default_permission: Permission,
    /// `GRANT_FLOOR`: a grant never gives less than the default permission (MLflow 3.13 and later).
    pub grant_floor: bool,
    /// `CREATE_EXPERIMENTS`: who may make experiments.
    pub create_experiments: Creators,
    /// `CREATE_MODELS`: who may make registered models and prompts.
    pub create_models: Creators,
    /// `DEFAULT_ROLES`: the roles of the workspace `default` that a new user is given.
    pub default_roles: Vec<String>,
    /// `PASSWORD_HASH`: how new passwords are hashed.
    pub password_hash: HashMethod,
    /// `PASSWORD_MIN_LENGTH`: characters that a new password has at least.
    pub password_min_length: usize,
    /// `REQUIRE_CURRENT_PASSWORD`: whoever changes the own password has to give the current one (MLflow 3.13).
    pub require_current_password: bool,
    /// `SIGN_IN_TRIES`: with so many wrong passwords, for a name or from an address, begin the locks.
    pub sign_in_tries: u32,
    /// `TRUST_CLIENT_CERT`: `subject` or `fingerprint`, what of a verified client certificate names the user.
    pub trust_client_cert: Option<CertificateName>,
    /// `ACCESS_TEAM_DOMAIN` and `ACCESS_AUD`: the Cloudflare Access team whose assertions sign in, and the audience.
    pub access: Option<(String, String)>,
    /// `SECRET_KEY`: signs the sign-up form, encrypts page tokens, and is what the secrets of access keys are made of.
    pub secret_key: Option<Secret>,
    /// `ARTIFACT_LOCATIONS`: places below which every user may have the artifacts of an experiment.
    pub artifact_locations: Vec<String>,
    /// `MODEL_SOURCES`: places below which every user may register a model version.
    pub model_sources: Vec<String>,
    /// `BODY_LIMIT_BYTES`: the longest body that is read to decide; longer is 413. Streams have no limit here.
    pub body_limit: usize,
    /// `LOG_REQUESTS`: allowed requests of which the log gets a line.
    pub log_requests: LogRequests,
    /// `STATIC_PREFIX`: the origin's `--static-prefix`, empty or `/something`.
    pub static_prefix: String,
}

impl Config {
    /// Reads every variable by its name through `get`; empty counts as absent.
    ///
    /// The error says which variable is wrong and never holds a secret's value.
    pub fn parse(get: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let get = |name: &str| get(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let secret = |name: &str| get(name).map(Secret::new);
        let origin = get("ORIGIN_URL").ok_or("ORIGIN_URL is not set: the address of the MLflow server.")?;
        if !(origin.starts_with("http://") || origin.starts_with("https://")) {
            return Err(format!("ORIGIN_URL must be an http or https URL, not '{origin}'."));
        }
        let static_prefix = get("STATIC_PREFIX").unwrap_or_default();
        if !static_prefix.is_empty() && (!static_prefix.starts_with('/') || static_prefix.ends_with('/')) {
            return Err("STATIC_PREFIX must begin with a slash and not end with one.".to_owned());
        }
        Ok(Self {
            origin: origin.trim_end_matches('/').to_owned(),
            origin_authorization: secret("ORIGIN_AUTHORIZATION"),
            origin_timeout_seconds: number(&get, "ORIGIN_TIMEOUT_SECONDS", 120)?,
            subrequest_limit: number(&get, "SUBREQUEST_LIMIT", 10_000)?,
            admin_username: get("ADMIN_USERNAME").unwrap_or_else(|| "admin".to_owned()),
            admin_password: secret("ADMIN_PASSWORD"),
            allow_default_password: flag(&get, "ALLOW_DEFAULT_PASSWORD", false)?,
            auth_cache_ttl_seconds: match get("AUTH_CACHE_TTL_SECONDS").as_deref() {
                Some("0") => 0,
                _ => number(&get, "AUTH_CACHE_TTL_SECONDS", 0)?,
            },
            forward_early: flag(&get, "FORWARD_EARLY", true)?,
            d1_read_replicas: flag(&get, "D1_READ_REPLICAS", false)?,
            default_permission: match get("DEFAULT_PERMISSION") {
                None => Permission::Read,
                Some(name) => Permission::parse(&name)
                    .filter(|level| *level != Permission::Deny)
                    .ok_or_else(|| format!("DEFAULT_PERMISSION is not a permission: '{name}'."))?,
            },
            grant_floor: flag(&get, "GRANT_FLOOR", false)?,
            create_experiments: creators(&get, "CREATE_EXPERIMENTS")?,
            create_models: creators(&get, "CREATE_MODELS")?,
            default_roles: roles("DEFAULT_ROLES", &get("DEFAULT_ROLES").unwrap_or_default())?,
            password_hash: match get("PASSWORD_HASH") {
                None => HashMethod::default(),
                Some(text) => HashMethod::parse(&text)
                    .ok_or_else(|| format!("PASSWORD_HASH is not a method that we can compute: '{text}'."))?,
            },
            password_min_length: number(&get, "PASSWORD_MIN_LENGTH", 12)? as usize,
            require_current_password: flag(&get, "REQUIRE_CURRENT_PASSWORD", false)?,
            sign_in_tries: number(&get, "SIGN_IN_TRIES", 10)?,
            trust_client_cert: match get("TRUST_CLIENT_CERT").as_deref() {
                None => None,
                Some("subject") => Some(CertificateName::ResourceRef),
                Some("fingerprint") => Some(CertificateName::Fingerprint),
                Some(other) => return Err(format!("TRUST_CLIENT_CERT must be subject or fingerprint, not '{other}'.")),
            },
            access: match (get("ACCESS_TEAM_DOMAIN"), get("ACCESS_AUD")) {
                (None, None) => None,
                (Some(team), Some(audience)) if is_host(&team) => Some((team, audience)),
                (Some(_), Some(_)) => {
                    return Err("ACCESS_TEAM_DOMAIN must be a host name, like team.cloudflareaccess.com.".to_owned());
                }
                _ => return Err("ACCESS_TEAM_DOMAIN and ACCESS_AUD need each other.".to_owned()),
            },
            secret_key: secret("SECRET_KEY"),
            artifact_locations: places(&get, "ARTIFACT_LOCATIONS", &[])?,
            // what the server itself hands out is decided on whose it is
            model_sources: places(&get, "MODEL_SOURCES", &["mlflow-artifacts:"])?,
            body_limit: number(&get, "BODY_LIMIT_BYTES", 10 * 1024 * 1024)? as usize,
            log_requests: match get("LOG_REQUESTS").as_deref() {
                None | Some("none") => LogRequests::None,
                Some("writes") => LogRequests::Writes,
                Some("all") => LogRequests::All,
                Some(other) => return Err(format!("LOG_REQUESTS must be none, writes or all, not '{other}'.")),
            },
            static_prefix,
        })
    }

    /// The rule for what nobody has granted.
    pub fn policy(&self) -> Policy {
        Policy { default: self.default_permission, has_floor: self.grant_floor }
    }
}

/// `everyone`, `administrators`, or names of roles.
fn creators(get: &impl Fn(&str) -> Option<String>, name: &str) -> Result<Creators, String> {
    let text = get(name).unwrap_or_else(|| "everyone".to_owned());
    match text.as_str() {
        "everyone" => Ok(Creators::Everyone),
        "administrators" => Ok(Creators::Administrators),
        names => match roles(name, names)? {
            names if names.is_empty() => Err(format!("{name} names no role: '{text}'.")),
            names => Ok(Creators::Roles(names)),
        },
    }
}

/// Names of roles, separated by commas. A word that stands for more than a role, or a role of one user, is a mistake.
fn roles(variable: &str, text: &str) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if matches!(name, "everyone" | "administrators") || name.starts_with("__user_") {
            return Err(format!("{variable}: '{name}' cannot be the name of a role here."));
        }
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// A name, and for tests maybe a port.
fn is_host(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':'))
}

/// Prefixes of places, separated by commas; none may begin like one of `never`.
fn places(get: &impl Fn(&str) -> Option<String>, name: &str, never: &[&str]) -> Result<Vec<String>, String> {
    let text = get(name).unwrap_or_default();
    let prefixes = text.split(',').map(str::trim).filter(|prefix| !prefix.is_empty());
    let checked = |prefix: &str| match check_prefix(prefix) {
        Ok(()) if never.iter().any(|start| prefix.starts_with(start)) => {
            Err(format!("{name}: '{prefix}' cannot be a prefix: it is in the server's own store."))
        }
        Ok(()) => Ok(prefix.to_owned()),
        Err(error) => Err(format!("{name}: '{prefix}' cannot be a prefix: {error}.")),
    };
    prefixes.map(checked).collect()
}

fn number(get: &impl Fn(&str) -> Option<String>, name: &str, default: u32) -> Result<u32, String> {
    get(name).map_or(Ok(default), |text| {
        text.parse().ok().filter(|n| *n > 0).ok_or_else(|| format!("{name} must be a positive number, not '{text}'."))
    })
}

fn flag(get: &impl Fn(&str) -> Option<String>, name: &str, default: bool) -> Result<bool, String> {
    match get(name).as_deref() {
        None => Ok(default),
        Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(format!("{name} must be true or false, not '{other}'.")),
    }
}
