//! Plugins on their way: signed, pushed into a real registry, fetched over TLS, trusted and refused.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use http::Response;
use http_body_util::Full;
use sluicegate_tests::parts::openssl;
use sluicegate_tests::registry::{PASSWORD, USER};
use sluicegate_tests::{Certificates, Gateway, Registry, Said, Upstream, config, get, sluicegate};
use tempfile::TempDir;

/// A folder with `audit.wasm`, which is a plugin that sets a field of the answer.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("audit.wasm"), wasm()).unwrap();
    folder
}

fn wasm() -> &'static [u8] {
    sluicegate::bundled::bundled("headers").unwrap()
}

/// Runs a command that must succeed.
fn run(folder: &Path, words: &[&str]) -> Said {
    let said = sluicegate(folder, words);
    assert_eq!(said.status, 0, "{words:?}: {said:?}");
    said
}

/// Makes `NAME.key`, and returns the table for those who trust it.
fn new_key(folder: &Path, name: &str) -> String {
    run(folder, &["plugin", "key", "new", &format!("{name}.key")]).stdout
}

/// A gateway's configuration with the plugin `audit`.
fn with_plugin(upstream: &str, tables: &str) -> String {
    let chain = "[[chains.all]]\nplugin = \"audit\"\ngrants = [\"identity\"]\nconfig = { reply = [{ set = \"x-audit\", value = \"done\" }] }\n";
    format!("{chain}{tables}\n{}", config::route(upstream, "chain = \"all\""))
}

/// What `check` says to a configuration with the plugin `audit`, in a folder that has a data directory.
fn check(folder: &Path, tables: &str) -> Said {
    fs::create_dir_all(folder.join(".sluicegate")).unwrap();
    let listen = "[[listen]]\naddress = \"127.0.0.1:0\"\n";
    fs::write(folder.join("sluicegate.toml"), format!("{}\n{listen}", with_plugin("http://127.0.0.1:9", tables)))
        .unwrap();
    sluicegate(folder, &["check"])
}

fn refused(said: &Said, sentence: &str) {
    assert!(said.status == 1 && said.stderr.contains(sentence), "{sentence}\n{said:?}");
    assert!(!said.stderr.contains(PASSWORD), "{said:?}");
}

fn assert_accepted(said: &Said) {
    assert_eq!(said.status, 0, "{said:?}");
}

#[tokio::test]
async fn a_signed_plugin_goes_through_a_registry_into_a_gateway_that_then_does_without_the_registry() {
    let (folder, registry, upstream) = (folder(), Registry::open(), Upstream::ok().await);
    let folder = folder.path();
    let trust = format!("{}require_signed = true\n", new_key(folder, "team"));
    run(folder, &["plugin", "sign", "--key", "team.key", "audit.wasm"]);
    let reference = format!("{}/team/audit:1.2", registry.host());
    let pushed = run(folder, &["plugin", "push", "audit.wasm", &reference]);
    let again = run(folder, &["plugin", "push", "audit.wasm", &reference]);
    assert_eq!(pushed.stdout, again.stdout, "the same plugin has the same digests");

    let gateway = Gateway::start(&with_plugin(&upstream.url(), &format!("{}{trust}", pushed.stdout)), &[]);
    assert_eq!(get(&gateway.url("/")).await.header("x-audit"), Some("done"));

    let pulled = run(folder, &["plugin", "pull", &reference, "-o", "back.wasm"]);
    assert_eq!(pulled.stdout.replace("plugins.back", "plugins.audit"), pushed.stdout);
    assert_eq!(fs::read(folder.join("back.wasm")).unwrap(), wasm());
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(read("back.wasm.sig"), read("audit.wasm.sig"));

    drop(registry);
    let kept = sluicegate(gateway.folder(), &["check"]);
    assert_accepted(&kept);
    fs::remove_dir_all(gateway.folder().join(".sluicegate/plugins")).unwrap();
    refused(&sluicegate(gateway.folder(), &["check"]), "plugin `audit` cannot be fetched: http://localhost:");
    assert_eq!(get(&gateway.url("/")).await.header("x-audit"), Some("done"), "what runs goes on");
}

#[test]
fn a_plugin_that_nobody_trusted_has_signed_is_refused_from_wherever_it_comes() {
    let (folder, registry) = (folder(), Registry::open());
    let folder = folder.path();
    let (team, stranger) = (new_key(folder, "team"), new_key(folder, "stranger"));
    let push = |tag: &str, more: &[&str]| {
        let reference = format!("{}/audit:{tag}", registry.host());
        run(folder, &[&["plugin", "push", "audit.wasm", &reference][..], more].concat()).stdout
    };
    let (unsigned, signed) = (push("unsigned", &[]), push("signed", &["--sign-with", "team.key"]));
    for (plugin, trust, sentence) in [
        (&signed, team.clone(), None),
        (&unsigned, String::new(), None),
        (&unsigned, team.clone(), None),
        (&unsigned, format!("{team}require_signed = true\n"), Some("`require_signed` wants one")),
        (&signed, stranger.clone(), Some("and trusted is key ")),
        (&signed, String::new(), Some("and no key is trusted: if you trust that one, add its public key")),
    ] {
        drop(fs::remove_dir_all(folder.join(".sluicegate")));
        let said = check(folder, &format!("{plugin}{trust}"));
        match sentence {
            None => assert_accepted(&said),
            Some(sentence) => refused(&said, sentence),
        }
    }
    let file = "[plugins.audit]\nfile = \"audit.wasm\"\n";
    assert_accepted(&check(folder, &format!("{file}{team}")));
    refused(&check(folder, &format!("{file}{team}require_signed = true\n")), "`require_signed` wants one");
    run(folder, &["plugin", "sign", "--key", "stranger.key", "audit.wasm"]);
    refused(&check(folder, &format!("{file}{team}")), "and trusted is key ");
    // While a key is replaced, both sign.
    run(folder, &["plugin", "sign", "--key", "team.key", "--add", "audit.wasm"]);
    for trust in [&team, &stranger] {
        assert_accepted(&check(folder, &format!("{file}{trust}require_signed = true\n")));
    }
    fs::write(folder.join("audit.wasm"), [wasm(), b"\0\x01\0"].concat()).unwrap();
    refused(&check(folder, &format!("{file}{team}")), "is not for these bytes");
}

#[test]
fn a_private_registry_is_reached_over_tls_with_a_credential_that_nobody_else_sees() {
    let (folder, certificates) = (folder(), Certificates::new());
    let (folder, registry) = (folder.path(), Registry::closed(&certificates));
    let authority = certificates.authority().display().to_string();
    let reference = format!("{}/team/audit:1", registry.host());
    fs::write(folder.join("login"), format!("{USER}:{PASSWORD}\n")).unwrap();
    fs::write(folder.join("wrong"), format!("{USER}:{PASSWORD}-of-old\n")).unwrap();
    let push = |credential: &[&str]| {
        let words = ["plugin", "push", "audit.wasm", &reference, "--ca-file", &authority];
        sluicegate(folder, &[&words[..], credential].concat())
    };
    refused(&push(&[]), "answered 401 Unauthorized (UNAUTHORIZED): it wants to know who asks");
    refused(&push(&["--credential-file", "wrong"]), "credential `--credential-file` does not open it");
    let pushed = push(&["--credential-file", "login"]);
    assert_accepted(&pushed);
    assert!(pushed.stdout.contains(&format!("ca_file = \"{authority}\"")), "{pushed:?}");

    fs::write(folder.join("basic"), base64(&format!("{USER}:{PASSWORD}"))).unwrap();
    let credential = |value: &str, origin: &str| {
        format!(
            "credential = \"registry\"\n[credentials.registry]\nvalue = \"{value}\"\norigin = \"{origin}\"\nprefix = \"Basic \"\n"
        )
    };
    let (right, origin) = ("${file:basic}", format!("https://{}", registry.host()));
    let plugin = |more: &str| check(folder, &format!("{}{more}", pushed.stdout));
    refused(&plugin(""), "it wants to know who asks; name a credential");
    refused(&plugin(&credential(right, "https://other.example")), "bound to another origin than https://localhost:");
    refused(&plugin(&credential("${env:SLUICEGATE_NOT_SET}", &origin)), "credential `registry` could not be read here");
    refused(&plugin(&credential("${file:wrong}", &origin)), "credential `registry` does not open it");
    assert_accepted(&plugin(&credential(right, &origin)));
    let other = Certificates::new();
    let of_other = pushed.stdout.replace(&authority, &other.authority().display().to_string());
    fs::remove_dir_all(folder.join(".sluicegate")).unwrap();
    let said = check(folder, &format!("{of_other}{}", credential(right, &origin)));
    refused(&said, "there is no secure connection to https://localhost:");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_with_tokens_gets_tokens_and_never_the_credential() {
    let (folder, certificates) = (folder(), Arc::new(Certificates::new()));
    let folder = folder.path();
    let basic = format!("Basic {}", base64(&format!("{USER}:{PASSWORD}")));
    let (authority, expected) = (certificates.clone(), basic.clone());
    let service = Upstream::start(move |request| {
        let scope =
            request.target.split_once("scope=repository:team/audit:").map(|(_, actions)| actions.replace("%2C", ","));
        let status = match (&scope, request.headers.get("authorization")) {
            (Some(_), Some(shown)) if *shown == expected => 200,
            _ => 401,
        };
        let token = authority.token("team/audit", &scope.unwrap_or_default());
        let body = if status == 200 { format!("{{\"token\":\"{token}\"}}") } else { String::new() };
        Response::builder().status(status).body(Full::new(body.into())).unwrap()
    })
    .await;
    let registry = Registry::with_tokens(&format!("{}/token", service.url()), &certificates);
    let reference = format!("{}/team/audit:1", registry.host());
    fs::write(folder.join("login"), format!("{USER}:{PASSWORD}")).unwrap();
    let words = ["plugin", "push", "audit.wasm", &reference, "--credential-file", "login"];
    refused(&sluicegate(folder, &words), "was not shown, since it is bound to another origin than http://127.0.0.1:");
    let pushed = run(folder, &[&words[..], &["--credential-origin", &service.url()]].concat());
    let asked: Vec<String> = service.received().into_iter().map(|request| request.target).collect();
    let last = asked
        .last()
        .and_then(|target| target.strip_prefix("/token?service=registry-of-the-test&scope=repository:team/audit:"));
    // The registry names the actions in whichever order.
    assert!(matches!(last, Some("pull%2Cpush" | "push%2Cpull")), "{asked:?}");

    fs::write(folder.join("basic"), basic.trim_start_matches("Basic ")).unwrap();
    let credential = |origin: &str| {
        format!(
            "credential = \"registry\"\n[credentials.registry]\nvalue = \"${{file:basic}}\"\norigin = \"{origin}\"\nprefix = \
             \"Basic \"\n"
        )
    };
    assert_accepted(&check(folder, &format!("{}{}", pushed.stdout, credential(&service.url()))));
    fs::remove_dir_all(folder.join(".sluicegate")).unwrap();
    let elsewhere = credential(&format!("http://{}", registry.host()));
    refused(&check(folder, &format!("{}{elsewhere}", pushed.stdout)), "credential `registry` was not shown");
}

#[tokio::test]
async fn a_plugin_on_a_web_server_is_fetched_over_tls_and_pinned() {
    let (folder, certificates, upstream) = (folder(), Certificates::new(), Upstream::ok().await);
    let folder = folder.path();
    let trust = format!("{}require_signed = true\n", new_key(folder, "team"));
    run(folder, &["plugin", "sign", "--key", "team.key", "audit.wasm"]);
    let server = Registry::files(folder, &certificates, Some("Bearer of-the-web-server"));
    let url = format!("https://{}/audit.wasm", server.host());
    let authority = certificates.authority().display().to_string();
    fs::write(folder.join("token"), "of-the-web-server\n").unwrap();
    let words = ["plugin", "pull", &url, "-o", "audit.wasm", "--ca-file", &authority, "--credential-file", "token"];
    let elsewhere = tempfile::tempdir().unwrap();
    fs::copy(folder.join("token"), elsewhere.path().join("token")).unwrap();
    let pulled = run(elsewhere.path(), &words).stdout;
    assert_eq!(fs::read(elsewhere.path().join("audit.wasm")).unwrap(), wasm());
    assert!(elsewhere.path().join("audit.wasm.sig").exists());
    refused(&sluicegate(elsewhere.path(), &words[..7]), "answered 401 Unauthorized: it wants to know who asks");
    refused(&sluicegate(elsewhere.path(), &words[..5]), "is signed by an authority that is not trusted");

    let credential = format!(
        "credential = \"web\"\n[credentials.web]\nvalue = \"${{file:token}}\"\norigin = \"https://{}\"\n",
        server.host()
    );
    let tables = format!("{pulled}{credential}{trust}");
    let gateway = Gateway::start(&with_plugin(&upstream.url(), &tables), &[("token", b"of-the-web-server\n")]);
    assert_eq!(get(&gateway.url("/")).await.header("x-audit"), Some("done"));

    // Another file of the same name is another plugin.
    fs::write(folder.join("audit.wasm"), [wasm(), b"\0\x01\0"].concat()).unwrap();
    let said = check(folder, &tables);
    refused(&said, "/audit.wasm is not the one that was pinned: its sha256 is ");
    let away = tables.replace("/audit.wasm", "/audti.wasm");
    refused(&check(folder, &away), "/audti.wasm answered 404 Not Found: check the URL");
}

#[test]
fn only_so_many_plugins_are_fetched_at_once() {
    const AT_ONCE: usize = sluicegate::plugin_source::FETCHES_AT_ONCE;
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let counts = (open.clone(), most.clone());
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (open, most) = counts.clone();
            thread::spawn(move || {
                most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).unwrap();
                while most.load(Ordering::SeqCst) < AT_ONCE {
                    thread::yield_now();
                }
                // One too many would come within this time; that it does not come cannot be waited for.
                thread::sleep(Duration::from_millis(200));
                open.fetch_sub(1, Ordering::SeqCst);
                stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").unwrap();
            });
        }
    });
    let sha256 = "0".repeat(64);
    let plugins = (0..AT_ONCE + 3).map(|number| {
        format!(
            "[plugins.p{number}]\nurl = \"http://127.0.0.1:{port}/{number}.wasm\"\nsha256 = \"{sha256}\"\n\
             [[chains.all]]\nplugin = \"p{number}\"\n"
        )
    });
    let folder = folder();
    let said =
        check(folder.path(), &format!("[plugins.audit]\nfile = \"audit.wasm\"\n{}", plugins.collect::<String>()));
    refused(&said, &format!("/{}.wasm answered 404 Not Found", AT_ONCE + 2));
    assert!(said.stderr.contains(&format!("{} mistakes", AT_ONCE + 3)), "{said:?}");
    assert_eq!(most.load(Ordering::SeqCst), AT_ONCE);
}

#[test]
fn keys_and_signatures_are_those_of_openssl() {
    let folder = folder();
    let folder = folder.path();
    let openssl = |words: &str| openssl(folder, &words.split(' ').collect::<Vec<_>>());
    openssl("genpkey -algorithm ed25519 -out openssl.key");
    new_key(folder, "ours");
    for key in ["openssl.key", "ours.key"] {
        run(folder, &["plugin", "sign", "--key", key, "audit.wasm"]);
        let line = fs::read_to_string(folder.join("audit.wasm.sig")).unwrap();
        fs::write(folder.join("signature.base64"), line.split(' ').nth(2).unwrap()).unwrap();
        openssl("base64 -d -A -in signature.base64 -out signature");
        openssl(&format!("pkey -in {key} -pubout -out public.pem"));
        let said = openssl("pkeyutl -verify -pubin -inkey public.pem -rawin -in audit.wasm -sigfile signature");
        assert!(said.contains("Signature Verified Successfully"), "{said}");
    }
}

#[test]
fn a_private_key_is_the_owners_alone_and_is_never_written_over() {
    let folder = folder();
    let table = new_key(folder.path(), "team");
    let key = folder.path().join("team.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&key).unwrap();
    let said = sluicegate(folder.path(), &["plugin", "key", "new", "team.key"]);
    refused(&said, "team.key is there already, and a key is never written over; choose another file");
    assert_eq!(fs::read(&key).unwrap(), before);
    assert!(table.starts_with("[trust]\nkeys = [\"ed25519:"), "{table}");
}

#[test]
fn a_command_that_cannot_be_done_says_why() {
    let (folder, registry) = (folder(), Registry::open());
    let folder = folder.path();
    new_key(folder, "team");
    let tagged = format!("{}/audit:1", registry.host());
    let with_digest = format!("{tagged}@sha256:{}", "0".repeat(64));
    for (words, sentence) in [
        (
            &["plugin", "sign", "--key", "audit.wasm", "audit.wasm"][..],
            "audit.wasm cannot sign: it holds no private key",
        ),
        (&["plugin", "sign", "--key", "team.key", "other.wasm"], "other.wasm is not there"),
        (
            &["plugin", "push", "audit.wasm", "https://example.com/audit.wasm"],
            "a plugin is pushed into an OCI registry",
        ),
        (&["plugin", "push", "audit.wasm", "Audit"], "`oci` must be a registry, a repository in lower case"),
        (&["plugin", "push", "audit.wasm", &with_digest], "leave the digest out of the reference"),
        (&["plugin", "push", "audit.wasm", &tagged, "--credential-file", "none"], "cannot read file none"),
        (
            &["plugin", "push", "audit.wasm", &tagged, "--credential-origin", "https://a.example"],
            "no credential to bind",
        ),
        (&["plugin", "pull", &tagged, "-o", "back.wasm"], "answered 404 Not Found (MANIFEST_UNKNOWN)"),
        (&["plugin", "pull", &with_digest, "-o", "back.wasm"], "answered 404 Not Found (MANIFEST_UNKNOWN)"),
        (
            &["plugin", "pull", "http://example.com/a.wasm", "-o", "back.wasm"],
            "`http://` is for loopback addresses only",
        ),
    ] {
        refused(&sluicegate(folder, words), sentence);
    }
    run(folder, &["plugin", "push", "audit.wasm", &tagged]);
    fs::write(folder.join("back.wasm.sig"), "of another one").unwrap();
    let said = sluicegate(folder, &["plugin", "pull", &tagged, "-o", "back.wasm"]);
    refused(&said, "back.wasm.sig is one of another plugin; remove it first");
    assert!(!folder.join("back.wasm").exists());
}

/// RFC 4648 4.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let digits = (0..4).map(|at| match at <= chunk.len() {
            true => DIGITS[(bits >> (18 - 6 * at) & 63) as usize] as char,
            false => '=',
        });
        digits.collect::<String>()
    };
    text.as_bytes().chunks(3).map(group).collect()
}
