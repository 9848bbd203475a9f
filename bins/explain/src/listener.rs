//! What comes before smtpd: the listener's rules, and the variables that they and the service directory give.

use crate::Failure;
use crate::options;
use stafett_control::{Control, rows};
use stafett_instance::Instance;
use stafett_reception::client::Client;
use stafett_reception::settings::Settings;
use stafett_ucspi::{Environment, Rules};
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// What decides, read once.
#[derive(Debug)]
pub struct Ground {
    /// The control files of smtpd.
    pub settings: Settings,
    control: PathBuf,
    rules: Option<Rules>,
    /// The variables of the service directory of smtpd.
    environment: Environment,
}

/// What the rules say of an address.
#[derive(Debug)]
pub struct Ruled {
    /// The client as smtpd sees it; none when the listener drops it.
    pub client: Option<Client>,
    /// The rule's address, or that there is none.
    pub text: String,
    /// Where it stands.
    pub place: String,
}

impl Ground {
    /// Reads the control files in `control`; the rest is the instance's.
    ///
    /// # Errors
    /// When smtpd would not start with them.
    pub fn read(instance: &Instance, control: &Path) -> Result<Ground, Failure> {
        let settings = Settings::read(&Control::new(control.to_path_buf())).map_err(|error| Failure::Lasting(error.to_string()))?;
        let path = control.join(rows::TCP_SMTP_CDB.name);
        let rules = match Rules::open(&path) {
            Ok(rules) => Some(rules),
            Err(error) if error.is_absent() => None,
            Err(error) => return Err(Failure::Lasting(format!("unable to use {}: {error}", path.display()))),
        };
        let environment = variables(&instance.root().join("service/smtpd/env"))?;
        Ok(Ground { settings, control: control.to_path_buf(), rules, environment })
    }

    /// Prints what the listener does with the client, and gives it as smtpd sees it.
    ///
    /// # Errors
    /// When the variables make no sense.
    pub fn admit(&self, client: &options::Client, out: &mut impl Write) -> Result<Option<Client>, Failure> {
        let ruled = self.rule(client.ip, client.host.as_deref(), client.local_ip)?;
        writeln!(out, "listener: {}{}", ruled.text, if ruled.place.is_empty() { String::new() } else { format!(" ({})", ruled.place) })?;
        if ruled.client.is_none() {
            writeln!(out, "the connection is dropped without a word")?;
        }
        Ok(ruled.client)
    }

    /// What the rules make of an address.
    ///
    /// # Errors
    /// When the variables make no sense.
    pub fn rule(&self, ip: IpAddr, host: Option<&str>, local_ip: Option<IpAddr>) -> Result<Ruled, Failure> {
        let asked = stafett_ucspi::Client { ip, host, info: None };
        let found = self.rules.as_ref().map(|rules| rules.look_up(&asked)).transpose();
        let found = found.map_err(|error| Failure::Lasting(error.to_string()))?.flatten();
        let mut environment = self.environment.clone();
        environment.set("PROTO", "TCP");
        environment.set("TCPREMOTEIP", ip.to_canonical().to_string());
        host.inspect(|host| environment.set("TCPREMOTEHOST", host));
        local_ip.inspect(|ip| environment.set("TCPLOCALIP", ip.to_canonical().to_string()));
        let Some(found) = found else {
            let text =
                if self.rules.is_some() { "no rule fits, so the client may enter" } else { "there are no rules, everybody may enter" };
            return Ok(Ruled { client: Some(self.client(environment)?), text: text.to_owned(), place: String::new() });
        };
        let place = self.place_of(&found.address());
        if found.instructions.deny {
            return Ok(Ruled { client: None, text: format!("rule \"{}\": deny", found.address()), place });
        }
        let mut text = format!("rule \"{}\": allow", found.address());
        for (name, value) in &found.instructions.variables {
            environment.set(name, value);
            text.push_str(&format!(", {}=\"{}\"", String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
        }
        Ok(Ruled { client: Some(self.client(environment)?), text, place })
    }

    fn client(&self, environment: Environment) -> Result<Client, Failure> {
        Client::from_environment(environment).map_err(Failure::Lasting)
    }

    /// The line of the source that was compiled to this rule, where the source is there and still says so.
    fn place_of(&self, address: &str) -> String {
        let compiled = format!("control/{}", rows::TCP_SMTP_CDB.name);
        let Ok(text) = std::fs::read(self.control.join(rows::TCP_SMTP.name)) else { return compiled };
        let Ok(rules) = stafett_ucspi::parse(&text) else { return compiled };
        let line = rules.iter().find(|rule| rule.address == address).map(|rule| rule.line);
        line.map_or(compiled, |line| format!("control/{}:{line}", rows::TCP_SMTP.name))
    }
}

/// The variables of a directory as envdir(8) reads them: the first line of each file.
fn variables(directory: &Path) -> Result<Environment, Failure> {
    let mut environment = Environment::new();
    let unreadable = |path: &Path, error| Failure::Passing(format!("unable to read {}: {error}", path.display()));
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(environment),
        Err(error) => return Err(unreadable(directory, error)),
    };
    for entry in entries {
        let path = entry.map_err(|error| unreadable(directory, error))?.path();
        let value = std::fs::read(&path).map_err(|error| unreadable(&path, error))?;
        let line = value.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
        if let Some(name) = path.file_name() {
            environment.set(name.as_encoded_bytes(), line);
        }
    }
    Ok(environment)
}
