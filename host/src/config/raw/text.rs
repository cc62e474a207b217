//! Texts with a form: each declares its pattern once, for the schema and for the loader that follows the schema.

use std::borrow::Cow;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

macro_rules! octet {
    () => {
        "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
    };
}

macro_rules! ipv4 {
    () => {
        concat!(octet!(), r"(\.", octet!(), "){3}")
    };
}

/// RFC 4291 2.2, forms 1 and 2, one alternative for each place of `::`.
macro_rules! ipv6 {
    () => {
        concat!(
            "(([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|([0-9A-Fa-f]{1,4}:){1,7}:",
            "|([0-9A-Fa-f]{1,4}:){1,6}:[0-9A-Fa-f]{1,4}|([0-9A-Fa-f]{1,4}:){1,5}(:[0-9A-Fa-f]{1,4}){1,2}",
            "|([0-9A-Fa-f]{1,4}:){1,4}(:[0-9A-Fa-f]{1,4}){1,3}|([0-9A-Fa-f]{1,4}:){1,3}(:[0-9A-Fa-f]{1,4}){1,4}",
            "|([0-9A-Fa-f]{1,4}:){1,2}(:[0-9A-Fa-f]{1,4}){1,5}|[0-9A-Fa-f]{1,4}:(:[0-9A-Fa-f]{1,4}){1,6}",
            "|:(:[0-9A-Fa-f]{1,4}){1,7}|::)"
        )
    };
}

macro_rules! port {
    () => {
        "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
    };
}

macro_rules! domain {
    () => {
        r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*"
    };
}

macro_rules! host_and_port {
    () => {
        concat!("(", domain!(), r"|\[", ipv6!(), r"\])(:", port!(), ")?")
    };
}

macro_rules! loopback_ipv4 {
    () => {
        concat!(r"127(\.", octet!(), "){3}")
    };
}

/// RFC 3986 `pchar` without `*`, which stands for a prefix here.
macro_rules! path_character {
    () => {
        "[A-Za-z0-9._~!$&'()+,;=:@%-]"
    };
}

/// One part of a repository's name in the OCI distribution specification 1.1.
macro_rules! repository_part {
    () => {
        "[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*"
    };
}

/// RFC 9110 5.6.2.
macro_rules! token {
    () => {
        "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
    };
}

/// Declares string types whose schema says what they must be. None has `Debug`: a misplaced secret must not print.
macro_rules! texts {
    ($($name:ident, $length:literal, $pattern:expr, $must:literal;)+) => {
        $(
            #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
            #[serde(transparent)]
            pub struct $name(pub String);

            impl Deref for $name {
                type Target = str;

                fn deref(&self) -> &str {
                    &self.0
                }
            }

            impl JsonSchema for $name {
                fn inline_schema() -> bool {
                    true
                }

                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!({
                        "type": "string", "maxLength": $length, "pattern": $pattern, "patternErrorMessage": $must,
                    })
                }
            }
        )+
    };
}

texts! {
    Name, 64, "^[a-z0-9][a-z0-9-]*$",
        "must be lower-case letters, digits and hyphens, and begin with a letter or digit";
    ModelName, 128, "^[A-Za-z0-9][A-Za-z0-9._:@/+-]*$",
        "must be the name of a model: letters, digits and `. _ : @ / + -`, beginning with a letter or digit";
    ModelPattern, 128, r"^(\*|[A-Za-z0-9][A-Za-z0-9._:@/+-]*)$",
        "must be a name under `models`, or `*` for all of them";
    VendorsModel, 256, "^[!-~]+$",
        "must be the provider's name of a model: printable ASCII without spaces";
    QueryText, 64, "^[A-Za-z0-9._-]+$",
        "must be letters, digits and `. _ -`, such as `2024-10-21`";
    AwsNameText, 128, "^[A-Za-z0-9-]+$",
        "must be letters, digits and hyphens, as Amazon writes it";
    FilePath, 4096, r"^[^\x00]+$",
        "must be the path of a file, relative to the folder of this configuration file or absolute";
    IncludeText, 4096, r"^[^\x00]+$",
        "must be the path of a file or a pattern such as `routes/*.toml`, relative to the folder of this configuration file or absolute";
    FolderPath, 4096, r"^[^\x00]+$",
        "must be the path of a folder, relative to the folder of this configuration file or absolute";
    ListenAddress, 64, concat!("^(", ipv4!(), r"|\[", ipv6!(), r"\]):(0|", port!(), ")$"),
        "must be an IP address and a port, such as `127.0.0.1:8080`, `0.0.0.0:8080` for every interface, or `[::1]:8080`";
    NetworkText, 64,
        concat!("^(", ipv4!(), "(/(3[0-2]|[12]?[0-9]))?|", ipv6!(), "(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)$"),
        "must be an IP address or a network, such as `192.0.2.7`, `10.0.0.0/8` or `2001:db8::/32`";
    AdminAddressText, 4096,
        concat!("^(", loopback_ipv4!(), r"|\[::1\]):(0|", port!(), r")$|^unix:[^\x00]+$"),
        "must be a loopback address with a port, such as `127.0.0.1:9901`, or a socket, such as `unix:admin.sock`: the admin interface is never open to the network";
    AccessLogText, 4096, r"^(stdout|stderr|off|file:[^\x00]+)$",
        "must be `stdout`, `stderr`, `off`, or `file:` and a path";
    SecretReference, 4096, r"^\$\{(env:[A-Za-z_][A-Za-z0-9_]*|file:[^\x00}]+)\}$",
        "must say where the secret stands, never be the secret: `${env:NAME}` for an environment variable, `${file:PATH}` for a file";
    OriginText, 512,
        concat!("^(https://", host_and_port!(), "|http://(localhost|", loopback_ipv4!(), r"|\[::1\])(:", port!(), ")?)/?$"),
        "must be `https://`, a host and perhaps a port, such as `https://api.openai.com`, without a path; `http://` is for loopback addresses only, since a secret would cross the network in clear";
    UrlText, 2048, concat!("^https?://", host_and_port!(), "(/", path_character!(), "*)*$"),
        "must be `http://` or `https://`, a host, and perhaps a port and a path, such as `https://api.openai.com/v1`, without user, query or fragment";
    ServerNameText, 253, concat!("^", domain!(), "$"),
        "must be a host without scheme, port and path, such as `api.internal.example`";
    PluginUrlText, 2048,
        concat!("^(https://", host_and_port!(), "|http://(localhost|", loopback_ipv4!(), r"|\[::1\])(:", port!(), ")?)(/", path_character!(), "+)+$"),
        "must be `https://`, a host and a path, such as `https://example.com/audit-1.2.wasm`, without user, query or fragment; `http://` is for loopback addresses only";
    OciText, 1024,
        concat!(
            "^", host_and_port!(), "(/", repository_part!(), ")+",
            "(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$"
        ),
        "must be a registry, a repository in lower case, and perhaps a tag and a manifest's digest, such as `registry.example.com/team/audit:1.2`, without a scheme";
    PublicKeyText, 52, "^ed25519:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$",
        "must be `ed25519:` and a public key of 32 bytes in base64, as `sluicegate plugin key new` prints it";
    HeaderNameText, 128, concat!("^", token!(), "$"),
        "must be the name of a header field, such as `x-tenant`";
    HeaderPrefix, 64, "^[ -~]*$",
        "must be printable ASCII";
    HeaderValueText, 4096, "^[!-~]([\t -~]*[!-~])?$",
        "must be printable ASCII without spaces at its ends, or `*` when it is enough that the field is there";
    KeyId, 64, "^[A-Za-z0-9][A-Za-z0-9_-]*$",
        "must be letters, digits, `_` and `-`, and begin with a letter or digit";
    KeyHash, 71, "^sha256:[0-9A-Fa-f]{64}$",
        "must be `sha256:` and 64 hexadecimal digits, as `sluicegate key new` prints it: a hash of the key, never the key";
    ConsumerText, 256, "^[A-Za-z0-9][A-Za-z0-9._@:/+-]*$",
        "must be letters, digits and `. _ @ : / + -`, and begin with a letter or digit";
    ScopeText, 128, r"^[!#-\[\]-~]+$",
        "must be printable ASCII without spaces, quotation marks and backslashes";
    Sha256Text, 64, "^[0-9A-Fa-f]{64}$",
        "must be 64 hexadecimal digits, as `sha256sum` prints them";
    HostText, 253, concat!(r"^(\*\.)?", domain!(), "$"),
        "must be a host without scheme, port and path, such as `api.example.com`, or `*.example.com` for every host below it";
    PathText, 2048, concat!("^(/", path_character!(), r"+)*/\*$|^(/", path_character!(), "*)+$"),
        "must begin with `/`, be percent-encoded, and have a `*` only as its last segment: `/v1/chat` is that path, `/v1/*` is `/v1` and all below it";
    PrefixText, 2048, concat!("^(/", path_character!(), "+)+/?$"),
        "must be whole segments of a path, such as `/v1`, without `*`";
    MethodText, 32, "^[A-Z][A-Z0-9_-]*$",
        "must be a method in capital letters, such as `GET`";
    ProtocolText, 64, concat!("^", token!(), "(/", token!(), ")?$"),
        "must be the name of a protocol as `upgrade` has it, such as `websocket`";
    PlaceText, 128, concat!("^(", token!(), r"|\?[^&=#\x00-\x20]+)$"),
        "must be the name of a header field, such as `x-secret`, or `?` and the name of a query member, such as `?token`";
    TestName, 128, r"^[^\x00-\x1F\x7F]+$",
        "must be a line of words";
    TargetText, 2048, concat!("^/(", path_character!(), r"|/)*(\?(", path_character!(), r"|[/?*])*)?$"),
        "must begin with `/` and be percent-encoded; a query may follow behind `?`";
    FieldText, 4096, "^[!-~]([\t -~]*[!-~])?$",
        "must be printable ASCII without spaces at its ends";
    ExpectedText, 4096, "^([!-~]([\t -~]*[!-~])?)?$",
        "must be the value, `*` when any value will do, or nothing when it must not be there";
    IdentityPartText, 70, r"^(key|consumer|team|subject|issuer|scopes|claim\.[!-~]{1,64})$",
        "must be `key`, `consumer`, `team`, `subject`, `issuer`, `scopes`, or `claim.` and a name";
    IdentityText, 1024, "^[ -~]*$",
        "must be printable ASCII";
    LabelNameText, 64, "^[!-~]+$",
        "must be printable ASCII without spaces";
    CodeText, 64, "^[!-~]+$",
        "must be the stable code of a rejection, such as `missing_api_key`";
    DateTimeText, 64, "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
        "must be a date, a time and an offset, such as `2027-01-31T00:00:00Z`";
}
