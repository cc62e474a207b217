//! Every function of the contract that a module may import, and what its result needs. The interfaces have copies of texts and lists;
//! what is called most often has a method beside it (`by`), which reads them where they stand.

use wasmtime::{Linker, Result};

use super::host::{Waits, allocating, plain, waiting, written};
use crate::bindings::host;
use crate::bindings::host::counters::Claim;
use crate::bindings::host::keys::Place;
use crate::bindings::host::log::Level;
use crate::instance::PluginState;
use crate::text::Text;

macro_rules! functions {
    ($($interface:literal = $module:ident {
        $($kind:ident $function:ident($($param:ident: $ty:ty),*) $(by $method:ident)? as $name:literal;)*
    })*) => {
        /// Links one interface by its name in the contract; those without functions are none.
        pub(super) fn link(linker: &mut Linker<PluginState>, interface: &str) -> Result<()> {
            match interface {
                $($interface => {
                    $($kind::<($($ty,)*), _>(
                        linker,
                        ($interface, $name),
                        functions!(@call $kind [$($method)?] $module $function $($param: $ty),*),
                    )?;)*
                })*
                _ => {}
            }
            Ok(())
        }

        /// Whether the result of a function needs memory of the guest; none where the contract has no such function.
        pub(super) fn allocates(interface: &str, name: &str) -> Option<bool> {
            match (interface, name) {
                $($(($interface, $name) => Some(functions!(@allocates $kind)),)*)*
                _ => None,
            }
        }
    };
    (@call waiting [] $module:ident $function:ident $($param:ident: $ty:ty),*) => {{
        struct Work;
        impl Waits<($($ty,)*)> for Work {
            type Output = functions!(@result $function);

            fn run(
                state: &mut PluginState,
                ($($param,)*): ($($ty,)*),
            ) -> impl Future<Output = Result<Self::Output>> + Send {
                host::$module::Host::$function(state, $($param),*)
            }
        }
        Work
    }};
    (@call $kind:ident [$method:ident] $module:ident $function:ident $($param:ident: $ty:ty),*) => {
        |state: &mut PluginState, ($($param,)*): ($($ty,)*)| state.$method($($param),*)
    };
    (@call $kind:ident [] $module:ident $function:ident $($param:ident: $ty:ty),*) => {
        |state: &mut PluginState, ($($param,)*): ($($ty,)*)| host::$module::Host::$function(state, $($param),*)
    };
    (@result identify) => { std::result::Result<host::keys::Owner, host::keys::Failure> };
    (@result take) => { Vec<host::counters::Taken> };
    (@allocates allocating) => { true };
    (@allocates waiting) => { true };
    (@allocates $kind:ident) => { false };
}

functions! {
    "request" = request {
        allocating method() as "method";
        allocating scheme() as "scheme";
        allocating authority() as "authority";
        allocating path() as "path";
        allocating query() as "query";
        allocating header(name: Text<'_>) by lend_request_header as "header";
        allocating header_values(name: String) as "header-values";
        allocating headers() as "headers";
        written set_method(method: String) as "set-method";
        written set_path(path: String) as "set-path";
        written set_query(query: Option<String>) as "set-query";
        written set_header(name: Text<'_>, value: &[u8]) by set_request_header as "set-header";
        written append_header(name: String, value: Vec<u8>) as "append-header";
        written remove_header(name: Text<'_>) by remove_request_header as "remove-header";
    }
    "reply" = reply {
        plain status() as "status";
        allocating header(name: Text<'_>) by lend_reply_header as "header";
        allocating header_values(name: String) as "header-values";
        allocating headers() as "headers";
        written set_status(status: u16) as "set-status";
        written set_header(name: Text<'_>, value: &[u8]) by set_reply_header as "set-header";
        written append_header(name: String, value: Vec<u8>) as "append-header";
        written remove_header(name: Text<'_>) by remove_reply_header as "remove-header";
    }
    "exchange" = exchange {
        allocating id() as "id";
        allocating route() by lend_route as "route";
        allocating entry() as "entry";
        plain generation() as "generation";
        allocating client_address() as "client-address";
        allocating outcome() as "outcome";
        plain reply_bytes() as "reply-bytes";
        plain elapsed_us() as "elapsed-us";
        allocating used() as "used";
    }
    "notes" = notes {
        allocating load() by lend_notes as "load";
        plain store(bytes: &[u8]) by store_notes as "store";
    }
    "labels" = labels {
        allocating get(name: &str) by lend_label as "get";
        plain set(name: String, value: String) as "set";
    }
    "log" = log {
        plain write(level: Level, message: String) as "write";
    }
    "clock" = clock {
        plain now_ms() as "now-ms";
        plain monotonic_ns() as "monotonic-ns";
    }
    "random" = random {
        allocating bytes(count: u32) as "bytes";
    }
    "identity" = identity {
        allocating get(part: &str) by lend_identity_part as "get";
    }
    "identity-writer" = identity_writer {
        written set(part: &str, value: &str) by set_identity_part as "set";
    }
    "keys" = keys {
        waiting identify(place: Place) as "identify";
    }
    "counters" = counters {
        waiting take(claims: Vec<Claim>) as "take";
    }
    "metrics" = metrics {
        plain add(name: &str, amount: u64) by add_to_metric as "add";
        plain observe(name: String, value: f64) as "observe";
    }
    "targets" = targets {
        allocating facts(name: String) as "facts";
        allocating figures(name: String) as "figures";
        allocating plan() as "plan";
        plain set_plan(order: Vec<u32>) as "set-plan";
    }
    "target-features" = target_features {
        allocating capable(feature: String) as "capable";
    }
    "model-call" = model_call {
        allocating operation() as "operation";
        allocating dialect() as "dialect";
        plain streamed() as "streamed";
        allocating model() as "model";
        plain has(feature: String) as "has";
        written number(name: String) as "number";
        allocating word(name: String) as "word";
        allocating read(role: String, place: String) as "read";
        plain text_bytes() as "text-bytes";
        allocating role(segment: u32) as "role";
        allocating place(segment: u32) as "place";
        allocating tool(segment: u32) as "tool";
    }
    "attempts" = attempts {
        plain count() as "count";
        written target(attempt: u32) as "target";
        allocating fact(attempt: u32, name: String) as "fact";
        written figure(attempt: u32, name: String) as "figure";
    }
    "usage" = usage {
        written figure(name: String) as "figure";
        allocating pricing() as "pricing";
        allocating raw() as "raw";
    }
    "credentials-in-clear" = credentials_in_clear {
        allocating header(name: String) as "header";
        allocating query(name: String) as "query";
        allocating cookie(name: String) as "cookie";
        written set_header(name: String, value: Vec<u8>) as "set-header";
        allocating reply_cookies() as "reply-cookies";
        written append_reply_cookie(value: Vec<u8>) as "append-reply-cookie";
    }
}
