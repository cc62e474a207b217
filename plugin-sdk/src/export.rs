//! How a policy becomes the exports of a component.

/// Exports a [`Plugin`](crate::Plugin) with the phases that it has:
///
/// ```
/// # use sluicegate_plugin::{Plugin, Problems, Setup};
/// # struct Policy;
/// # impl Plugin for Policy {
/// #     type Config = ();
/// #     fn configure(_: (), _: &mut Setup) -> Result<Policy, Problems> { Ok(Policy) }
/// # }
/// sluicegate_plugin::export!(Policy: head, reply_head);
/// ```
///
/// It brings an allocator along, which begins behind the policy's data in the page where that ends; the one of `std` begins with a page
/// of its own, and a fresh instance costs what there is to reset of its memory. A policy that has another allocator, or grows its memory
/// by other means, ends the list with `; own allocator`.
///
/// The phases are `head`, `body`, `call`, `route`, `attempt`, `reply_head`, `delta`, `reply_body` and `finish`. A phase that is not
/// named here is no part of the component and never runs, in tests neither. `delta` is one phase with four functions, from
/// [`delta_text`](crate::Plugin::delta_text) to [`delta_end`](crate::Plugin::delta_end).
#[macro_export]
macro_rules! export {
    ($plugin:ty : $($phase:ident),* $(,)?) => {
        #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
        #[global_allocator]
        static __SLUICEGATE_ALLOCATOR: $crate::glue::Allocator = $crate::glue::allocator();

        $crate::export!($plugin: $($phase),*; own allocator);
    };
    ($plugin:ty : $($phase:ident),* $(,)? ; own allocator) => {
        impl $crate::Exported for $plugin {
            const PHASES: &'static [$crate::Phase] = &[$($crate::__phase!($phase)),*];
            const MODULE: &'static str = ::std::module_path!();
        }

        // Natively nothing but tests calls a plugin; without this the compiler would call it dead code.
        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            let _ = <$plugin as $crate::Plugin>::configure;
            // So that a schema that cannot be written down is found here, too.
            let _ = $crate::schema::length(&<<$plugin as $crate::Plugin>::Config as $crate::Schema>::SCHEMA);
        };

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            // A component has one thread, so this is a plain cell; a policy need be neither Send nor Sync.
            ::std::thread_local! {
                static POLICY: $crate::glue::Slot<$plugin> = const { $crate::glue::Slot::new() };
            }

            impl $crate::glue::policy::Guest for Component {
                fn configure(config: String) -> Result<$crate::glue::Setup, Vec<$crate::Problem>> {
                    POLICY.with(|slot| slot.configure(&config))
                }
            }
            $crate::bindings::base::__export_policy!(Component with_types_in $crate::bindings::base);

            const CONFIG: $crate::schema::Node = <<$plugin as $crate::Plugin>::Config as $crate::Schema>::SCHEMA;

            // A section of the file beside the code, which the gateway and its tools read.
            #[unsafe(link_section = "sluicegate:config-schema")]
            pub static CONFIG_SCHEMA: [u8; $crate::schema::length(&CONFIG)] = $crate::schema::render(&CONFIG);

            $($crate::__export!($phase);)*
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __phase {
    (head) => {
        $crate::Phase::Head
    };
    (body) => {
        $crate::Phase::Body
    };
    (call) => {
        $crate::Phase::Call
    };
    (route) => {
        $crate::Phase::Route
    };
    (attempt) => {
        $crate::Phase::Attempt
    };
    (reply_head) => {
        $crate::Phase::ReplyHead
    };
    (delta) => {
        $crate::Phase::Delta
    };
    (reply_body) => {
        $crate::Phase::ReplyBody
    };
    (finish) => {
        $crate::Phase::Finish
    };
    ($other:ident) => {
        ::std::compile_error!(::std::concat!(
            "`",
            ::std::stringify!($other),
            "` is no phase; the phases are head, body, call, route, attempt, reply_head, delta, reply_body and finish"
        ))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    (head) => {
        impl $crate::bindings::head::exports::sluicegate::plugin::head::Guest for Component {
            fn on_head() -> $crate::Decision {
                POLICY.with(|slot| $crate::Plugin::head(slot.policy()))
            }
        }
        $crate::bindings::head::__export_head!(Component with_types_in $crate::bindings::head);
    };
    (body) => {
        impl $crate::bindings::body::exports::sluicegate::plugin::body::Guest for Component {
            fn on_body(bytes: Vec<u8>, end: bool) -> $crate::Piece {
                POLICY.with(|slot| $crate::Plugin::body(slot.policy(), bytes, end))
            }
        }
        $crate::bindings::body::__export_body!(Component with_types_in $crate::bindings::body);
    };
    (call) => {
        impl $crate::bindings::call::exports::sluicegate::plugin::call::Guest for Component {
            fn on_call() -> $crate::CallDecision {
                POLICY.with(|slot| $crate::Plugin::call(slot.policy()))
            }
        }
        $crate::bindings::call::__export_call!(Component with_types_in $crate::bindings::call);
    };
    (route) => {
        impl $crate::bindings::route::exports::sluicegate::plugin::route::Guest for Component {
            fn on_route() -> $crate::Decision {
                POLICY.with(|slot| $crate::Plugin::route(slot.policy()))
            }
        }
        $crate::bindings::route::__export_route!(Component with_types_in $crate::bindings::route);
    };
    (attempt) => {
        impl $crate::bindings::attempt::exports::sluicegate::plugin::attempt::Guest for Component {
            fn on_attempt() -> $crate::AttemptDecision {
                POLICY.with(|slot| $crate::Plugin::attempt(slot.policy()))
            }
        }
        $crate::bindings::attempt::__export_attempt!(Component with_types_in $crate::bindings::attempt);
    };
    (reply_head) => {
        impl $crate::bindings::reply_head::exports::sluicegate::plugin::reply_head::Guest for Component {
            fn on_reply_head() -> $crate::Decision {
                POLICY.with(|slot| $crate::Plugin::reply_head(slot.policy()))
            }
        }
        $crate::bindings::reply_head::__export_reply_head!(Component with_types_in $crate::bindings::reply_head);
    };
    (delta) => {
        impl $crate::bindings::delta::exports::sluicegate::plugin::delta::Guest for Component {
            fn on_text(choice: u32, text: String) -> $crate::DeltaDecision {
                POLICY.with(|slot| $crate::Plugin::delta_text(slot.policy(), choice, text))
            }

            fn on_tool_arguments(choice: u32, tool: u32, text: String) -> $crate::DeltaDecision {
                POLICY.with(|slot| $crate::Plugin::delta_tool_arguments(slot.policy(), choice, tool, text))
            }

            fn on_usage() {
                POLICY.with(|slot| $crate::Plugin::delta_usage(slot.policy()))
            }

            fn on_end(choice: u32, reason: String) -> $crate::DeltaDecision {
                POLICY.with(|slot| $crate::Plugin::delta_end(slot.policy(), choice, &reason))
            }
        }
        $crate::bindings::delta::__export_delta!(Component with_types_in $crate::bindings::delta);
    };
    (reply_body) => {
        impl $crate::bindings::reply_body::exports::sluicegate::plugin::reply_body::Guest for Component {
            fn on_reply_body(bytes: Vec<u8>, end: bool) -> $crate::Piece {
                POLICY.with(|slot| $crate::Plugin::reply_body(slot.policy(), bytes, end))
            }
        }
        $crate::bindings::reply_body::__export_reply_body!(Component with_types_in $crate::bindings::reply_body);
    };
    (finish) => {
        impl $crate::bindings::finish::exports::sluicegate::plugin::finish::Guest for Component {
            fn on_finish() {
                POLICY.with(|slot| $crate::Plugin::finish(slot.policy()))
            }
        }
        $crate::bindings::finish::__export_finish!(Component with_types_in $crate::bindings::finish);
    };
    ($other:ident) => {};
}

#[doc(hidden)]
pub mod glue {
    //! What the code that `export!` writes calls.

    use std::cell::OnceCell;
    use std::sync::atomic::{AtomicBool, Ordering};

    pub use crate::bindings::base::exports::sluicegate::plugin::policy;
    pub use crate::bindings::base::sluicegate::plugin::types::Setup;
    use crate::{Exported, Plugin, Pointer, Problem, Problems, config, decimal, log};

    /// Takes all memory behind the data for its own, up to more than a policy may have.
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    type Lasting = picoalloc::Mutex<picoalloc::Allocator<picoalloc::UnsafeSystem<{ 1 << 30 }>>>;

    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    pub type Allocator = crate::scratch::Scratch<Lasting>;

    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    pub const fn allocator() -> Allocator {
        let lasting = picoalloc::Mutex::new(picoalloc::Allocator::new(picoalloc::UnsafeSystem));
        crate::scratch::Scratch::new(lasting, &ROOM, &CONFIGURED)
    }

    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    static ROOM: crate::scratch::Room = crate::scratch::Room::new();

    static CONFIGURED: AtomicBool = AtomicBool::new(false);

    /// Holds the policy from `configure` on.
    pub struct Slot<P>(OnceCell<P>);

    impl<P: Plugin + Exported> Slot<P> {
        #[expect(clippy::new_without_default, reason = "only the export macro makes one")]
        pub const fn new() -> Slot<P> {
            Slot(OnceCell::new())
        }

        pub fn configure(&self, config: &str) -> Result<Setup, Vec<Problem>> {
            report_panics();
            let (policy, setup) = configure::<P>(config).map_err(Problems::into_vec)?;
            match self.0.set(policy) {
                Ok(()) => {
                    CONFIGURED.store(true, Ordering::Relaxed);
                    Ok(setup)
                }
                Err(_) => Err(Problems::new(&Pointer::root(), "This instance has been configured before.").into_vec()),
            }
        }

        /// # Panics
        /// If the host breaks the contract and calls a phase before `configure`.
        pub fn policy(&self) -> &P {
            match self.0.get() {
                Some(policy) => policy,
                None => panic!("a phase was called before configure succeeded"),
            }
        }
    }

    pub(crate) fn configure<P: Plugin + Exported>(config: &str) -> Result<(P, Setup), Problems> {
        let mut setup = crate::Setup::new(P::PHASES);
        #[cfg(feature = "log")]
        crate::logger::install::<P>();
        let policy = P::configure(config::read(config)?, &mut setup)?;
        Ok((policy, setup.into_contract()))
    }

    /// A panic ends the instance with a trap that says nothing: message and place go to the operator's log first.
    fn report_panics() {
        std::panic::set_hook(Box::new(|panic| {
            let mut line = "panicked".to_owned();
            if let Some(place) = panic.location() {
                line.push_str(" at ");
                line.push_str(place.file());
                for number in [place.line(), place.column()] {
                    line.push(':');
                    decimal::push(&mut line, u64::from(number));
                }
            }
            line.push_str(": ");
            line.push_str(panic.payload_as_str().unwrap_or("what was thrown is no text"));
            log::write(log::Level::Error, &line);
        }));
    }
}
