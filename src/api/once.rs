//! Requests that their callers name, so that what they make is made once: the header, and what an
//! operation says to honour it.

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::Services;
use super::auth::Rejected;
use super::rendered::Rendered;
use crate::domain::id::SendKey;
use crate::domain::{Error, Result};
use crate::service::idempotency::{AnswerIs, Named, Requests, Try};

/// The header.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The header `Idempotency-Key` of a request; none when it is absent.
pub struct IdempotencyKey(pub Option<SendKey>);

impl<'a> ApiExtractor<'a> for IdempotencyKey {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = Option<String>;
    type ParamRawType = String;

    fn register(registry: &mut Registry) {
        <Option<String> as Type>::register(registry);
    }

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(<Option<String> as Type>::schema_ref())
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<Option<String>>,
    ) -> poem::Result<Self> {
        let key = read(request).map_err(|error| Rejected(error.into()))?;
        Ok(Self(key))
    }
}

/// What is no key is refused: with it taken for none, what is sent again would be done twice.
fn read(request: &Request) -> Result<Option<SendKey>> {
    let Some(given) = request.headers().get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = given.to_str().ok().and_then(SendKey::parse);
    key.map(Some)
        .ok_or_else(|| Error::invalid(IDEMPOTENCY_KEY, "must be 1 to 128 visible ASCII characters"))
}

/// A request that is to be done once.
pub struct Once<'a> {
    requests: &'a Requests,
    named: Named,
    asked: Vec<Option<Value>>,
}

impl Services {
    /// A caller's request for an operation, by the body that asks for it.
    pub fn once(
        &self,
        caller: impl ToString,
        operation: &'static str,
        key: IdempotencyKey,
        asked: &impl ToJSON,
    ) -> Once<'_> {
        Once {
            requests: &self.requests,
            named: Named {
                caller: caller.to_string(),
                operation,
                key: key.0,
                answer: AnswerIs::Plain,
            },
            asked: vec![asked.to_json()],
        }
    }
}

impl Once<'_> {
    /// The path asks for something, too.
    #[must_use]
    pub fn at(mut self, place: impl ToString) -> Self {
        self.asked.push(Some(Value::String(place.to_string())));
        self
    }

    /// There is a secret in the answer.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.named.answer = AnswerIs::Secret;
        self
    }

    /// Does it, or gives the first answer again.
    pub async fn answer<T, Work>(self, work: impl FnOnce(Try) -> Work) -> Result<Rendered<T>>
    where
        T: ToJSON,
        Work: Future<Output = Result<T>>,
    {
        let work = |attempt| async move { json(&work(attempt).await?) };
        let answer = self.requests.once(self.named, &self.asked, work);
        let answer: Box<RawValue> = answer.await?;
        Ok(Rendered::new(answer.get().as_bytes().to_vec()))
    }

    /// As [`answer`](Self::answer), when the answer says also whether it is news.
    pub async fn answer_news<T, Work>(
        self,
        work: impl FnOnce(Try) -> Work,
    ) -> Result<(Rendered<T>, bool)>
    where
        T: ToJSON,
        Work: Future<Output = Result<(T, bool)>>,
    {
        let work = |attempt| async move {
            let (answer, is_news) = work(attempt).await?;
            Ok((json(&answer)?, is_news))
        };
        let answer = self.requests.once(self.named, &self.asked, work);
        let (answer, is_news): (Box<RawValue>, bool) = answer.await?;
        Ok((Rendered::new(answer.get().as_bytes().to_vec()), is_news))
    }
}

fn json(answer: &impl ToJSON) -> Result<Box<RawValue>> {
    let written = to_raw_value(&answer.to_json());
    written.map_err(|error| Error::internal(format!("an answer: {error}")))
}
