use std::{net::SocketAddr, path::PathBuf, time::Duration};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use quern_snow::{Id, Parameters, Sampler};
use serde::Deserialize;

use super::{Key, NodeConfigError as Error};

/// Most members: voters have 16-bit names on the bridge.
pub const MAX_MEMBERS: usize = 4096;

/// Milliseconds that an answer may take.
const TIMEOUT: (u64, u64) = (10, 60_000);

/// One of those who decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who it is on the network.
    pub peer: PeerId,
    /// Where it is; without, it must call.
    pub address: Option<Multiaddr>,
    /// Its stake in units.
    pub stake: u64,
}

/// Where the 8-byte frames go out and come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeConfig {
    /// Endpoint of the publishing socket, such as `tcp://127.0.0.1:5556`.
    pub publish: String,
    /// Endpoint of the pulling socket.
    pub pull: String,
}

/// What one node needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// The key.
    pub key: Key,
    /// Where to listen; port 0 takes a free one.
    pub listen: Multiaddr,
    /// Where to serve health and metrics and to take blocks.
    pub http: Option<SocketAddr>,
    /// The consensus parameters.
    pub parameters: Parameters,
    /// Id of the block that all begin with, at height 0.
    pub genesis: Id,
    /// How long an answer may take before the member's last accepted block stands for it.
    pub timeout: Duration,
    /// All members, this one among them, in the same order for all.
    pub members: Vec<Member>,
    /// The bridge, if one is wanted.
    pub bridge: Option<BridgeConfig>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNode {
    key: PathBuf,
    listen: String,
    http: Option<String>,
    genesis: Option<String>,
    timeout_ms: Option<u64>,
    #[serde(default)]
    parameters: RawParameters,
    #[serde(default)]
    members: Vec<RawMember>,
    bridge: Option<RawBridge>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawParameters {
    k: Option<u32>,
    alpha_preference: Option<u32>,
    alpha_confidence: Option<u32>,
    beta: Option<u32>,
    concurrent_polls: Option<u32>,
    max_outstanding_items: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMember {
    peer: String,
    address: Option<String>,
    stake: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBridge {
    publish: String,
    pull: String,
}

fn form<T>(
    field: impl Into<String>,
    value: &str,
    expected: &'static str,
    parsed: Option<T>,
) -> Result<T, Error> {
    parsed.ok_or_else(|| Error::Form {
        field: field.into(),
        value: value.into(),
        expected,
    })
}

/// An address of TCP, without `/p2p/…`.
fn address(field: impl Into<String>, text: &str) -> Result<Multiaddr, Error> {
    let parsed = text.parse().ok().filter(|address: &Multiaddr| {
        let protocols: Vec<_> = address.iter().collect();
        matches!(protocols[..], [_, Protocol::Tcp(_)])
    });
    form(field, text, "address like /ip4/127.0.0.1/tcp/30333", parsed)
}

impl RawParameters {
    fn parameters(&self) -> Parameters {
        let default = Parameters::default();
        Parameters {
            k: self.k.unwrap_or(default.k),
            alpha_preference: self.alpha_preference.unwrap_or(default.alpha_preference),
            alpha_confidence: self.alpha_confidence.unwrap_or(default.alpha_confidence),
            beta: self.beta.unwrap_or(default.beta),
            concurrent_polls: self.concurrent_polls.unwrap_or(default.concurrent_polls),
            max_outstanding_items: self
                .max_outstanding_items
                .unwrap_or(default.max_outstanding_items),
        }
    }
}

impl NodeConfig {
    /// Reads a TOML file's text:
    ///
    /// ```toml
    /// key = "node.key"
    /// listen = "/ip4/127.0.0.1/tcp/30333"
    /// http = "127.0.0.1:9615"     # optional: /health, /metrics, /blocks
    /// timeout_ms = 1000           # optional
    ///
    /// [parameters]                # optional, each of them
    /// k = 20
    ///
    /// [[members]]                 # all, this node among them
    /// peer = "12D3KooW…"
    /// address = "/ip4/127.0.0.1/tcp/30334"
    /// stake = 100
    ///
    /// [bridge]                    # optional
    /// publish = "tcp://127.0.0.1:5556"
    /// pull = "tcp://127.0.0.1:5557"
    /// ```
    ///
    /// # Errors
    /// The field that is missing, unknown, malformed or out of bounds.
    pub fn parse(text: &str) -> Result<Self, super::Error> {
        let config = Self::from_raw(toml::from_str(text).map_err(Error::from)?)?;
        config.check()?;
        Ok(config)
    }

    fn from_raw(raw: RawNode) -> Result<Self, Error> {
        let http = |text: &String| {
            let expected = "address like 127.0.0.1:9615";
            form("http", text, expected, text.parse().ok())
        };
        let genesis = |text: &String| {
            let mut id = Id::default();
            let parsed = hex::decode_to_slice(text, &mut id.0).ok().map(|()| id);
            form("genesis", text, "id of 64 hexadecimal digits", parsed)
        };
        let member = |(n, raw): (usize, &RawMember)| {
            let field = format!("members[{n}].peer");
            let place = |text: &String| address(format!("members[{n}].address"), text);
            Ok(Member {
                peer: form(field, &raw.peer, "peer id", raw.peer.parse().ok())?,
                address: raw.address.as_ref().map(place).transpose()?,
                stake: raw.stake,
            })
        };
        let members: Result<_, Error> = raw.members.iter().enumerate().map(member).collect();
        Ok(Self {
            key: Key::File(raw.key),
            listen: address("listen", &raw.listen)?,
            http: raw.http.as_ref().map(http).transpose()?,
            parameters: raw.parameters.parameters(),
            genesis: raw
                .genesis
                .as_ref()
                .map(genesis)
                .transpose()?
                .unwrap_or_default(),
            timeout: Duration::from_millis(raw.timeout_ms.unwrap_or(1000)),
            members: members?,
            bridge: raw.bridge.map(|raw| BridgeConfig {
                publish: raw.publish,
                pull: raw.pull,
            }),
        })
    }

    /// Checks every bound.
    ///
    /// # Errors
    /// The first field that breaks one.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.parameters.validate()?;
        let bounds = |field, value: u128, (least, most): (u64, u64)| {
            let value = u64::try_from(value).unwrap_or(u64::MAX);
            let within = (least..=most).contains(&value);
            within.then_some(()).ok_or(Error::Bounds {
                field,
                value,
                least,
                most,
            })
        };
        bounds("timeout_ms", self.timeout.as_millis(), TIMEOUT)?;
        bounds(
            "members",
            self.members.len() as u128,
            (1, MAX_MEMBERS as u64),
        )?;
        for (n, member) in self.members.iter().enumerate() {
            if self.members[..n].iter().any(|m| m.peer == member.peer) {
                return Err(Error::Twice(member.peer.to_string()));
            }
        }
        let stakes: Vec<u64> = self.members.iter().map(|member| member.stake).collect();
        let total = Sampler::new(&stakes)?.total();
        if total < u64::from(self.parameters.k) {
            return Err(quern_snow::Error::TooLittleStake(total).into());
        }
        if self.bridge.is_some() && cfg!(not(feature = "zeromq")) {
            return Err(Error::NoBridge);
        }
        Ok(())
    }
}
