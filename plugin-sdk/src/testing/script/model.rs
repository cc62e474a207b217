//! The interfaces beside `model_call` that speak of a model, as a gateway would answer.

pub mod target_features {
    use super::super::with;

    pub fn capable(feature: &str) -> Vec<u32> {
        with("target_features::capable", |exchange| match exchange.capable.get(feature) {
            Some(capable) => capable.clone(),
            None => (0..).take(exchange.targets.len()).collect(),
        })
    }
}

pub mod attempts {
    use super::super::super::exchange::Exchange;
    use super::super::super::model::Attempt;
    use super::super::with;

    pub fn count() -> u32 {
        with("attempts::count", |exchange| {
            exchange.model.as_ref().map_or(0, |model| u32::try_from(model.attempts.len()).unwrap_or(u32::MAX))
        })
    }

    pub fn target(attempt: u32) -> Option<u32> {
        with("attempts::target", |exchange| of(exchange, attempt).map(|attempt| attempt.target))
    }

    pub fn fact(attempt: u32, name: &str) -> Option<String> {
        with("attempts::fact", |exchange| {
            let attempt = of(exchange, attempt)?;
            match name {
                "ended" => Some(attempt.ended.clone()),
                "reason" => Some(attempt.reason.clone()),
                _ => exchange.facts(name).into_iter().nth(attempt.target as usize).filter(|fact| !fact.is_empty()),
            }
        })
    }

    pub fn figure(attempt: u32, name: &str) -> Option<u64> {
        with("attempts::figure", |exchange| {
            let attempt = of(exchange, attempt)?;
            let of_target = || exchange.figures.get(name)?.get(attempt.target as usize).copied().flatten();
            attempt.figures.get(name).copied().or_else(of_target)
        })
    }

    fn of(exchange: &Exchange, attempt: u32) -> Option<&Attempt> {
        exchange.model.as_ref()?.attempts.get(attempt as usize)
    }
}

pub mod upstream_request {
    use super::super::super::exchange::Stage;
    use super::super::super::message::Fields;
    use super::super::with;
    use crate::edits::EditError;

    pub fn header(name: &str) -> Option<Vec<u8>> {
        with("upstream_request::header", |exchange| {
            exchange.model.as_ref()?.upstream.values(name).next().map(<[u8]>::to_vec)
        })
    }

    pub fn set_header(name: &str, value: &[u8]) -> Result<(), EditError> {
        edit("upstream_request::set_header", |fields| fields.set(name, value))
    }

    pub fn append_header(name: &str, value: &[u8]) -> Result<(), EditError> {
        edit("upstream_request::append_header", |fields| fields.append(name, value))
    }

    pub fn remove_header(name: &str) -> Result<(), EditError> {
        edit("upstream_request::remove_header", |fields| fields.remove(name))
    }

    fn edit(call: &str, change: impl FnOnce(&mut Fields) -> Result<(), EditError>) -> Result<(), EditError> {
        with(call, |exchange| match (exchange.stage, &mut exchange.model) {
            (Stage::Attempt, Some(model)) => change(&mut model.upstream),
            _ => Err(EditError::TooLate),
        })
    }
}

pub mod credentials {
    use super::super::super::exchange::Stage;
    use super::super::with;

    pub fn names() -> Vec<String> {
        known().into_iter().map(|(name, _)| name).collect()
    }

    pub fn rests_ms(name: &str) -> Option<u64> {
        known().into_iter().find(|(known, _)| known == name).map(|(_, rests_ms)| rests_ms)
    }

    pub fn choose(name: &str) -> bool {
        let is_known = known().iter().any(|(known, _)| known == name);
        with("credentials::choose", |exchange| match (exchange.stage, &mut exchange.model) {
            (Stage::Attempt, Some(model)) if is_known => {
                model.chosen = Some(name.to_owned());
                true
            }
            _ => false,
        })
    }

    /// None before the first attempt: only a target has credentials.
    fn known() -> Vec<(String, u64)> {
        with("credentials::names", |exchange| match &exchange.model {
            Some(model) if !model.attempts.is_empty() => model.credentials.clone(),
            _ => Vec::new(),
        })
    }
}

pub mod usage {
    use super::super::with;

    pub fn figure(name: &str) -> Option<u64> {
        with("usage::figure", |exchange| exchange.model.as_ref()?.usage.get(name).copied())
    }

    pub fn pricing() -> String {
        let word = match (figure("output-tokens"), figure("cost-nano-usd")) {
            (None, _) => "missing",
            (Some(_), None) => "unpriced",
            (Some(_), Some(_)) => "exact",
        };
        word.to_owned()
    }

    pub fn raw() -> Option<String> {
        with("usage::raw", |exchange| exchange.model.as_ref()?.usage_raw.clone())
    }
}

/// Where a gateway would trap, these panic.
pub mod model_answer {
    use super::super::super::END_REASONS;
    use super::super::super::exchange::Stage;
    use super::super::super::model::Written;
    use super::super::super::model_edits::is_object;
    use super::super::with;

    const BYTES_MAX: usize = 4 << 20;
    const PIECES_MAX: usize = 4_096;
    const CHOICES_MAX: u32 = 128;

    pub fn write_text(choice: u32, text: &str) {
        write("model_answer::write_text", choice, Written::Text { choice, text: text.to_owned() });
    }

    pub fn write_tool_call(choice: u32, tool: &str, arguments: &str) {
        assert!(is_object(arguments), "the arguments {arguments:?} are no JSON object, which traps");
        let written = Written::ToolCall { choice, tool: tool.to_owned(), arguments: arguments.to_owned() };
        write("model_answer::write_tool_call", choice, written);
    }

    pub fn set_end(choice: u32, reason: &str) {
        assert!(END_REASONS.contains(&reason), "the end {reason:?} is none of {END_REASONS:?}, which traps");
        write("model_answer::set_end", choice, Written::End { choice, reason: reason.to_owned() });
    }

    fn write(call: &str, choice: u32, written: Written) {
        with(call, |exchange| match (exchange.stage, &mut exchange.model) {
            (Stage::Call, Some(model)) => {
                model.written.push(written);
                let bytes: usize = model.written.iter().map(bytes).sum();
                assert!(
                    choice < CHOICES_MAX && model.written.len() <= PIECES_MAX && bytes <= BYTES_MAX,
                    "an answer with over 128 choices, 4096 pieces or 4 MiB traps"
                );
            }
            _ => panic!("{call} was called outside of the phase `call` of a model's call, which traps"),
        });
    }

    fn bytes(written: &Written) -> usize {
        match written {
            Written::Text { text, .. } => text.len(),
            Written::ToolCall { tool, arguments, .. } => tool.len() + arguments.len(),
            Written::End { reason, .. } => reason.len(),
        }
    }
}
