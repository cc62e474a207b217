//! How a new version of an entry comes into service, as written: its tests, its shadow, its canary.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::chain::RawGrant;
use super::json::Json;
use super::spot::{Named, Spot};
use super::text::{
    CodeText, ExpectedText, FieldText, HeaderNameText, IdentityPartText, IdentityText, LabelNameText, MethodText, Name,
    TargetText, TestName,
};

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RawMode {
    #[default]
    Enforce,
    Shadow,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCanary {
    /// The plugin of the second version; the entry's own unless given, to try another config.
    #[schemars(example = &"audit-2")]
    pub plugin: Option<Spot<Name>>,
    /// What the second version is told; the entry's own config unless given.
    pub config: Option<Json>,
    /// The host's interfaces that the second version may use. Unless given, the entry's own; for another plugin that is bundled, what it needs.
    pub grants: Option<Vec<RawGrant>>,
    /// Percent of the exchanges that meet the second version.
    #[schemars(range(min = 0, max = 100), example = &5)]
    pub weight: u8,
    /// What meets the same version again: `request`, each request by its id; `consumer`, all requests of one consumer, as long as the weight does not sink.
    #[serde(default)]
    pub sticky: RawSticky,
    /// When the gateway takes the second version out of service by itself. It stays out until the entry's configuration changes.
    #[serde(default)]
    pub rollback: RawRollback,
    /// The second version's own tests, in the place of the entry's.
    #[schemars(length(max = 64))]
    pub self_tests: Option<Vec<RawSelfTest>>,
}

#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RawSticky {
    #[default]
    Request,
    Consumer,
}

#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawRollback {
    /// So many failures of the second version within the window.
    #[schemars(range(min = 1, max = 10_000))]
    pub traps: u32,
    /// So many percentage points by which its share of rejections is above the stable version's.
    #[schemars(range(min = 1, max = 100))]
    pub rejections_percent: u8,
    /// Shares are compared once each version has met so many exchanges within the window.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub exchanges_min: u32,
    /// The window, in milliseconds.
    #[schemars(range(min = 100, max = 86_400_000))]
    pub window_ms: u64,
}

impl Default for RawRollback {
    fn default() -> RawRollback {
        RawRollback { traps: 5, rejections_percent: 20, exchanges_min: 50, window_ms: 60_000 }
    }
}

/// One exchange that the entry's plugin must pass before it serves.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSelfTest {
    /// What the test shows, in words; unique in the entry.
    #[schemars(example = &"refuses a request without a key")]
    pub name: Spot<TestName>,
    /// The request that the plugin meets.
    #[serde(default)]
    pub request: RawTestRequest,
    /// Parts of the caller's identity that are known when the plugin is called, such as `consumer`.
    #[serde(default)]
    pub identity: Named<IdentityText, IdentityPartText>,
    /// The upstream's answer. If it is given, the phases of the answer run too.
    pub reply: Option<RawTestReply>,
    /// What must come of it.
    pub expect: RawExpect,
}

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawTestRequest {
    /// The method of the request; `GET` unless given.
    pub method: MethodText,
    /// Path and query of the request; `/` unless given.
    pub path: TargetText,
    /// Header fields of the request. Fields that carry credentials are hidden from the plugin, as ever.
    pub headers: Named<FieldText, HeaderNameText>,
    /// The body as text; without it, or when it is empty, there is no phase `body`. A call of a language model, in the dialect of the path to which it is sent with `POST`, has the phases of a model.
    pub body: String,
    /// Names of the upstreams that the plugin can choose from, all of them idle; without them there is no phase `route`, and for a call of a model no phase `attempt`. As a target's provider, its name is given.
    #[schemars(length(max = 16))]
    pub targets: Vec<Spot<Name>>,
}

impl Default for RawTestRequest {
    fn default() -> RawTestRequest {
        RawTestRequest {
            method: MethodText("GET".to_owned()),
            path: TargetText("/".to_owned()),
            headers: Named::default(),
            body: String::new(),
            targets: Vec::new(),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawTestReply {
    /// The status of the answer; 200 unless given.
    #[schemars(range(min = 200, max = 599))]
    pub status: u16,
    /// Header fields of the answer.
    pub headers: Named<FieldText, HeaderNameText>,
    /// The body as text; when it is empty, `reply-body` is called once, with no bytes.
    pub body: String,
    /// For a call of a model: the text of its answer, in the pieces in which it comes. The plugin sees it in `delta`, and there is no phase `reply-body`.
    #[schemars(length(max = 256))]
    pub text: Vec<String>,
}

impl Default for RawTestReply {
    fn default() -> RawTestReply {
        RawTestReply { status: 200, headers: Named::default(), body: String::new(), text: Vec::new() }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawExpect {
    /// What the plugin decides, in whichever phase: `proceed` if it never decides otherwise.
    #[schemars(example = &"proceed")]
    pub decision: Spot<RawDecision>,
    /// The status of the rejection or of the plugin's own answer.
    #[schemars(range(min = 200, max = 599))]
    pub status: Option<u16>,
    /// The stable code of the rejection.
    #[schemars(example = &"missing_api_key")]
    pub code: Option<CodeText>,
    /// Header fields of the request afterwards: a value, `*` when any will do, or nothing when the field must not be there.
    #[serde(default)]
    pub request_headers: Named<ExpectedText, HeaderNameText>,
    /// The body of the request afterwards.
    pub request_body: Option<String>,
    /// The targets of the request that would be tried, in their order; an empty list where the request would be refused.
    #[schemars(length(max = 16))]
    pub plan: Option<Vec<Spot<Name>>>,
    /// The status of the answer afterwards.
    #[schemars(range(min = 200, max = 599))]
    pub reply_status: Option<u16>,
    /// Header fields of the answer afterwards, as in `request_headers`.
    #[serde(default)]
    pub reply_headers: Named<ExpectedText, HeaderNameText>,
    /// The body of the answer afterwards.
    pub reply_body: Option<String>,
    /// Labels afterwards, as in `request_headers`.
    #[serde(default)]
    pub labels: Named<ExpectedText, LabelNameText>,
    /// What is expected of a call of a model.
    #[serde(default)]
    pub call: RawExpectCall,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawExpectCall {
    /// The model that is called afterwards.
    pub model: Option<String>,
    /// All texts of the call as its target gets them, in their order: what is said, tools, and the rest.
    pub texts: Option<Vec<String>>,
    /// The target that serves: the first of the plan that the plugin does not skip. Empty where all are skipped.
    pub target: Option<String>,
    /// What the client gets of the answer's text, also of one that the plugin has written.
    pub text: Option<String>,
    /// Why the answer ends: `stop` unless the plugin ends it.
    pub end: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RawDecision {
    Proceed,
    Reject,
    Respond,
}
