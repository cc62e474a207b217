//! Reads a client's call.

use super::content::Contents;
use super::members::Members;
use super::{config, tools};
use crate::call::{Call, Embedding, Message, Operation, Role};
use crate::dialect::{Asked, Dialect};
use crate::error::{CallError, bounded};
use crate::json::Document;

const MODELS: &str = "models/";

pub fn read_call(asked: &Asked, document: &Document) -> Result<Call, CallError> {
    let mut call = Call::new(Dialect::Gemini, asked.operation, document.source().clone());
    call.streamed = asked.streamed.unwrap_or(false);
    call.as_array = asked.as_array;
    call.usage_wanted = true;
    if let Some(model) = &asked.model {
        call.model = model.strip_prefix(MODELS).unwrap_or(model).to_owned();
    }
    let root = Members::root(&document.root)?;
    match asked.operation {
        Operation::Chat => chat(document, &root, &mut call)?,
        Operation::CountTokens => count(document, &root, &mut call)?,
        Operation::Embeddings => embeddings(&root, &mut call)?,
    }
    model(&root, &mut call)?;
    if call.model.is_empty() {
        return Err(CallError::new("model", "The path must name a model: `/models/{model}:generateContent`."));
    }
    root.rest_into(&mut call.foreign);
    Ok(call)
}

/// The path names the model; some requests say it once more, and must not say another.
fn model(object: &Members<'_>, call: &mut Call) -> Result<(), CallError> {
    let Some(model) = object.text("model")? else { return Ok(()) };
    let said = model.text.strip_prefix(MODELS).unwrap_or(&model.text);
    if call.model.is_empty() {
        call.model = said.to_owned();
    }
    if said != call.model {
        let (name, first) = (object.name("model"), bounded(&call.model, 64));
        let message = format!("`{name}` must be \"models/{first}\", as the path or another member has it.");
        return Err(CallError::new(name, message));
    }
    call.model_span = call.model_span.take().or(model.span);
    Ok(())
}

fn chat(document: &Document, request: &Members<'_>, call: &mut Call) -> Result<(), CallError> {
    let mut contents = Contents::new(document);
    if let Some(system) = request.object("systemInstruction")? {
        let message = contents.read(&system, 0, Some(Role::System))?;
        call.messages.push(message);
    }
    let all = request.objects("contents")?.ok_or_else(|| request.missing("contents"))?;
    if all.is_empty() {
        let name = request.name("contents");
        return Err(CallError::new(name.clone(), format!("`{name}` must have at least one content.")));
    }
    for (number, content) in all.iter().enumerate() {
        let message: Message = contents.read(content, number, None)?;
        call.messages.push(message);
    }
    call.foreign.append(&mut contents.foreign);
    tools::read(document, request, call)?;
    if let Some(members) = request.object("generationConfig")? {
        config::read(document, &members, call)?;
    }
    call.parameters.service_tier = request.str("serviceTier")?.and_then(service_tier);
    if request.array("safetySettings")?.is_some_and(|settings| !settings.is_empty()) {
        call.foreign.push(request.pointer("safetySettings"));
    }
    // They do not change what is answered.
    request.get("labels");
    request.get("store");
    Ok(())
}

/// `SERVICE_TIER_FLEX`, `FLEX` and `flex` are one.
fn service_tier(word: &str) -> Option<String> {
    let lower = word.to_ascii_lowercase();
    let tier = lower.strip_prefix("service_tier_").unwrap_or(&lower);
    (tier != "unspecified").then(|| tier.to_owned())
}

/// Of the contents alone, or of a whole request.
fn count(document: &Document, root: &Members<'_>, call: &mut Call) -> Result<(), CallError> {
    match root.object("generateContentRequest")? {
        Some(request) => {
            chat(document, &request, call)?;
            model(&request, call)?;
            request.rest_into(&mut call.foreign);
            Ok(())
        }
        None => chat(document, root, call),
    }
}

fn embeddings(root: &Members<'_>, call: &mut Call) -> Result<(), CallError> {
    let Some(requests) = root.objects("requests")? else {
        return embedding(root, call);
    };
    if requests.is_empty() {
        return Err(CallError::new("requests", "`requests` must have at least one request."));
    }
    for (number, request) in requests.iter().enumerate() {
        model(request, call)?;
        let before = call.parameters.dimensions;
        embedding(request, call)?;
        if number > 0 && before != call.parameters.dimensions {
            call.foreign.push(request.pointer("outputDimensionality"));
        }
        request.rest_into(&mut call.foreign);
    }
    Ok(())
}

fn embedding(request: &Members<'_>, call: &mut Call) -> Result<(), CallError> {
    let content = request.required_object("content")?;
    let parts = content.objects("parts")?.ok_or_else(|| content.missing("parts"))?;
    for part in &parts {
        call.embeddings.extend(part.text("text")?.map(Embedding::Text));
        part.rest_into(&mut call.foreign);
    }
    if parts.is_empty() {
        let name = content.name("parts");
        return Err(CallError::new(name.clone(), format!("`{name}` must have a part with the text to embed.")));
    }
    // Several parts become one vector here, and several elsewhere. Each is a text of the call all the same, for who reads them.
    if parts.len() > 1 {
        call.foreign.push(content.pointer("parts"));
    }
    content.get("role");
    content.rest_into(&mut call.foreign);
    call.parameters.dimensions = request.u64("outputDimensionality")?;
    if request.str("taskType")?.is_some_and(|task| task != "TASK_TYPE_UNSPECIFIED") {
        call.foreign.push(request.pointer("taskType"));
    }
    Ok(())
}
