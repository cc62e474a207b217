//! A plugin's code ready to be instantiated, and an instance of it: as a component, or as the one module that the component is.

use std::sync::Arc;

use wasmtime::component::{Instance as ComponentInstance, InstancePre};
use wasmtime::{Engine, Store};

use crate::bindings::guest;
use crate::bindings::host::types as wit;
use crate::call::{Call, Delta, Verdict};
use crate::direct;
use crate::failure::Failure;
use crate::instance::PluginState;

/// Code with its imports linked.
#[derive(Clone)]
pub(crate) enum Prepared {
    Component(InstancePre<PluginState>, Arc<Indices>),
    Direct(Arc<direct::Prepared>),
}

/// Where the exported functions stand in a component.
#[derive(Clone, Default)]
pub(crate) struct Indices {
    policy: Option<guest::policy::GuestIndices>,
    head: Option<guest::head::GuestIndices>,
    body: Option<guest::body::GuestIndices>,
    call: Option<guest::call::GuestIndices>,
    route: Option<guest::route::GuestIndices>,
    attempt: Option<guest::attempt::GuestIndices>,
    reply_head: Option<guest::reply_head::GuestIndices>,
    delta: Option<guest::delta::GuestIndices>,
    reply_body: Option<guest::reply_body::GuestIndices>,
    finish: Option<guest::finish::GuestIndices>,
}

/// An instance.
pub(crate) enum Guest {
    Component(Box<Component>),
    Direct(Box<direct::Guest>),
}

/// An instance of a component, and its functions, each looked up when it is first called.
pub(crate) struct Component {
    pub(crate) instance: ComponentInstance,
    indices: Arc<Indices>,
    policy: Option<guest::policy::Guest>,
    head: Option<guest::head::Guest>,
    body: Option<guest::body::Guest>,
    call: Option<guest::call::Guest>,
    route: Option<guest::route::Guest>,
    attempt: Option<guest::attempt::Guest>,
    reply_head: Option<guest::reply_head::Guest>,
    delta: Option<guest::delta::Guest>,
    reply_body: Option<guest::reply_body::Guest>,
    finish: Option<guest::finish::Guest>,
}

/// The decision of a phase, or what is wrong with it.
pub(crate) type Called = Result<Verdict, Failure>;

/// What `configure` returned.
pub(crate) type Configured = Result<wit::Setup, Vec<wit::Problem>>;

/// Looks up a function of the guest once and keeps it.
macro_rules! function {
    ($self:ident, $store:ident, $name:ident) => {
        match &$self.$name {
            Some(found) => found,
            None => {
                let index =
                    $self.indices.$name.as_ref().ok_or_else(|| wasmtime::format_err!("the phase is not exported"))?;
                let found = index.load(&mut *$store, &$self.instance)?;
                $self.$name.insert(found)
            }
        }
    };
}

impl Prepared {
    pub(crate) fn of_component(pre: InstancePre<PluginState>) -> Prepared {
        let indices = Indices {
            policy: guest::policy::GuestIndices::new(&pre).ok(),
            head: guest::head::GuestIndices::new(&pre).ok(),
            body: guest::body::GuestIndices::new(&pre).ok(),
            call: guest::call::GuestIndices::new(&pre).ok(),
            route: guest::route::GuestIndices::new(&pre).ok(),
            attempt: guest::attempt::GuestIndices::new(&pre).ok(),
            reply_head: guest::reply_head::GuestIndices::new(&pre).ok(),
            delta: guest::delta::GuestIndices::new(&pre).ok(),
            reply_body: guest::reply_body::GuestIndices::new(&pre).ok(),
            finish: guest::finish::GuestIndices::new(&pre).ok(),
        };
        Prepared::Component(pre, Arc::new(indices))
    }

    pub(crate) fn engine(&self) -> &Engine {
        match self {
            Prepared::Component(pre, _) => pre.engine(),
            Prepared::Direct(prepared) => prepared.engine(),
        }
    }

    pub(crate) async fn instantiate(&self, store: &mut Store<PluginState>) -> wasmtime::Result<Guest> {
        Ok(match self {
            Prepared::Component(pre, indices) => {
                Guest::Component(Box::new(Component::new(pre.instantiate_async(store).await?, indices.clone())))
            }
            Prepared::Direct(prepared) => Guest::Direct(Box::new(prepared.instantiate(store).await?)),
        })
    }
}

impl Guest {
    /// Calls one phase.
    pub(crate) async fn call(
        &mut self,
        store: &mut Store<PluginState>,
        bytes_max: u64,
        call: &Call,
    ) -> wasmtime::Result<Called> {
        match self {
            // Apart, so that a direct call does not carry the room for it.
            Guest::Component(guest) => Box::pin(guest.call(store, bytes_max, call)).await,
            Guest::Direct(guest) => guest.call(store, bytes_max, call).await,
        }
    }

    /// Only components are configured: a module is taken out of one when it is frozen.
    pub(crate) async fn configure(
        &mut self,
        store: &mut Store<PluginState>,
        config: &str,
    ) -> wasmtime::Result<Configured> {
        match self {
            Guest::Component(guest) => function!(guest, store, policy).call_configure(store, config).await,
            Guest::Direct(_) => Err(wasmtime::format_err!("a module is configured before it is taken out")),
        }
    }

    /// See [`direct::Guest::remember`]; of a component nothing is kept.
    pub(crate) fn remember(&mut self, store: &mut Store<PluginState>) -> bool {
        match self {
            Guest::Component(_) => false,
            Guest::Direct(guest) => guest.remember(store),
        }
    }

    /// See [`direct::Guest::can_be_wiped`].
    pub(crate) fn can_be_wiped(&self, store: &Store<PluginState>) -> bool {
        matches!(self, Guest::Direct(guest) if guest.can_be_wiped(store))
    }

    /// See [`direct::Guest::enter`].
    pub(crate) fn enter(&mut self) {
        if let Guest::Direct(guest) = self {
            guest.enter();
        }
    }

    /// See [`direct::Guest::used`].
    pub(crate) fn used(&mut self, at_once: bool) {
        if let Guest::Direct(guest) = self {
            guest.used(at_once);
        }
    }

    /// See [`direct::Guest::wipe`]; a component is never wiped.
    pub(crate) fn wipe(&mut self, store: &mut Store<PluginState>) -> bool {
        match self {
            Guest::Component(_) => false,
            Guest::Direct(guest) => guest.wipe(store),
        }
    }

    /// Resolves the function of each phase, so that a wrong signature is found at load.
    pub(crate) fn resolve(&mut self, store: &mut Store<PluginState>) -> wasmtime::Result<()> {
        match self {
            Guest::Component(guest) => guest.resolve(store),
            Guest::Direct(guest) => guest.resolve(store),
        }
    }
}

impl Component {
    fn new(instance: ComponentInstance, indices: Arc<Indices>) -> Component {
        Component {
            instance,
            indices,
            policy: None,
            head: None,
            body: None,
            call: None,
            route: None,
            attempt: None,
            reply_head: None,
            delta: None,
            reply_body: None,
            finish: None,
        }
    }

    async fn call(&mut self, store: &mut Store<PluginState>, bytes_max: u64, call: &Call) -> wasmtime::Result<Called> {
        Ok(match call {
            Call::Head => Verdict::from_decision(function!(self, store, head).call_on_head(store).await?),
            Call::Body { bytes, end } => {
                let piece = function!(self, store, body).call_on_body(store, bytes, *end).await?;
                Verdict::from_piece(piece, bytes_max)
            }
            Call::Route => Verdict::from_decision(function!(self, store, route).call_on_route(store).await?),
            Call::Model => Verdict::from_call(function!(self, store, call).call_on_call(store).await?),
            Call::Attempt => Verdict::from_attempt(function!(self, store, attempt).call_on_attempt(store).await?),
            Call::Delta(delta) => {
                let guest = function!(self, store, delta);
                let decision = match delta {
                    Delta::Text { choice, text } => guest.call_on_text(store, *choice, text).await?,
                    Delta::ToolArguments { choice, tool, text } => {
                        guest.call_on_tool_arguments(store, *choice, *tool, text).await?
                    }
                    Delta::Usage => {
                        guest.call_on_usage(store).await?;
                        return Ok(Ok(Verdict::Proceed));
                    }
                    Delta::End { choice, reason } => guest.call_on_end(store, *choice, reason).await?,
                };
                Verdict::from_delta(decision, bytes_max)
            }
            Call::ReplyHead => {
                let reply_head = function!(self, store, reply_head);
                Verdict::from_decision(reply_head.call_on_reply_head(store).await?)
            }
            Call::ReplyBody { bytes, end } => {
                let reply_body = function!(self, store, reply_body);
                Verdict::from_piece(reply_body.call_on_reply_body(store, bytes, *end).await?, bytes_max)
            }
            Call::Finish => {
                function!(self, store, finish).call_on_finish(store).await?;
                Ok(Verdict::Proceed)
            }
        })
    }

    fn resolve(&mut self, store: &mut Store<PluginState>) -> wasmtime::Result<()> {
        macro_rules! resolve {
            ($($name:ident)*) => {$(
                if self.indices.$name.is_some() {
                    function!(self, store, $name);
                }
            )*};
        }
        resolve!(policy head body route call attempt delta reply_head reply_body finish);
        Ok(())
    }
}
