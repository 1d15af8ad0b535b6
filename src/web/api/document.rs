//! The OpenAPI document: written by hand as the contract, and held against the routes and against
//! real answers by the tests below. A route without a word in it, or a field it does not know,
//! is a failed test.

use axum::http::header;
use axum::response::IntoResponse;

/// The document.
const DOCUMENT: &str = include_str!("openapi.json");

/// `GET /api/v1/openapi.json`.
pub(crate) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}

#[cfg(test)]
mod tests {
    use super::DOCUMENT;
    use crate::routes::{ROUTES, Verb};
    use crate::sample::{
        AT, all_recordings, almanac, busy_site, explain, figures, quiet_site, rehearse,
    };
    use holdfast_core::record::kpi::report::Asked;
    use holdfast_core::routing::explain::Case;
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
    }

    #[test]
    fn it_names_every_route_of_the_api_and_no_other() {
        let document = document();
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path}");
                for parameter in path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
                    let known = operation["parameters"].as_array().unwrap();
                    assert!(known.iter().any(|known| known["name"] == parameter), "{path}");
                }
                described.insert(format!("{method} {path}"));
            }
        }
        let routed: BTreeSet<String> = ROUTES
            .iter()
            .filter(|route| route.path.starts_with("/api/"))
            .map(|route| match route.verb {
                Verb::Get => format!("get {}", route.path),
                Verb::Post => format!("post {}", route.path),
            })
            .collect();
        assert_eq!(described, routed);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut open = vec![&document];
        let mut followed = 0;
        while let Some(value) = open.pop() {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(reference)) = fields.get("$ref") {
                        let pointer = reference.strip_prefix('#').unwrap();
                        assert!(document.pointer(pointer).is_some(), "{reference}");
                        followed += 1;
                    }
                    open.extend(fields.values());
                }
                Value::Array(items) => open.extend(items),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        assert!(followed > 20);
    }

    #[tokio::test]
    async fn real_answers_fit_the_schemas() {
        let document = document();
        for view in [busy_site(), quiet_site()] {
            let schema = &document["components"]["schemas"]["Site"];
            let answer = serde_json::to_value(&view).unwrap();
            fit(&document, schema, &answer, "site").unwrap();
        }
        for one in all_recordings() {
            let schema = &document["components"]["schemas"]["Recording"];
            let answer = serde_json::to_value(&one).unwrap();
            fit(&document, schema, &answer, "recording").unwrap();
        }
        let case = Case {
            called: "0041445550".to_owned(),
            calling: None,
            trunk: None,
            guest: false,
            pbx_gone: false,
            at: None,
        };
        let answer = serde_json::to_value(explain()(&case, AT).unwrap()).unwrap();
        assert_eq!(answer["ways"][0]["trunk"], "carrier");
        let schema = &document["components"]["schemas"]["Explanation"];
        fit(&document, schema, &answer, "explanation").unwrap();
        let answer = serde_json::to_value(&almanac()(None, None, AT).unwrap()[0]).unwrap();
        assert!(answer["changes"][0]["opens"].is_boolean(), "{answer}");
        let schema = &document["components"]["schemas"]["CalendarExplanation"];
        fit(&document, schema, &answer, "calendar").unwrap();
        for by in ["queue", "agent"] {
            let asked = Asked { by: by.to_owned(), ..Asked::default() };
            let answer = figures()(asked, AT).await.unwrap().unwrap();
            assert_eq!(answer.rows.len(), 1);
            let schema = &document["components"]["schemas"]["Report"];
            fit(&document, schema, &serde_json::to_value(answer).unwrap(), "report").unwrap();
        }
        let played = rehearse()(crate::simulate::EXAMPLE.to_owned(), AT).await.unwrap().unwrap();
        let schema = &document["components"]["schemas"]["Rehearsal"];
        fit(&document, schema, &serde_json::to_value(played).unwrap(), "rehearsal").unwrap();
        let mut wrong = serde_json::to_value(busy_site()).unwrap();
        wrong["agents"][0]["shoe_size"] = 43.into();
        let schema = &document["components"]["schemas"]["Site"];
        assert!(fit(&document, schema, &wrong, "site").unwrap_err().contains("shoe_size"));
    }

    #[tokio::test]
    async fn answers_of_the_trace_fit_the_schemas() {
        let document = document();
        let answers = crate::visits::trace::answers().await;
        for (schema, answer) in ["TraceSearch", "CallTrace"].into_iter().zip(&answers) {
            let schema = &document["components"]["schemas"][schema];
            fit(&document, schema, answer, "trace").unwrap();
        }
    }

    /// The part of JSON Schema that the document uses; strict: unknown fields do not fit.
    fn fit(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let known = document.pointer(reference.trim_start_matches('#')).unwrap();
            return fit(document, known, value, at);
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let fitting = choices.iter().filter(|one| fit(document, one, value, at).is_ok());
            return match fitting.count() {
                1 => Ok(()),
                count => Err(format!("{at}: {count} choices fit {value}")),
            };
        }
        if let Some(words) = schema["enum"].as_array() {
            let known = words.contains(value);
            return known.then_some(()).ok_or_else(|| format!("{at}: {value} is no word of it"));
        }
        let types = match &schema["type"] {
            Value::Array(types) => types.clone(),
            one => vec![one.clone()],
        };
        match value {
            Value::Null => is(&types, "null", at),
            Value::Bool(_) => is(&types, "boolean", at),
            Value::Number(number) if number.is_f64() => is(&types, "number", at),
            Value::Number(_) => is(&types, "integer", at),
            Value::String(_) => is(&types, "string", at),
            Value::Array(items) => {
                is(&types, "array", at)?;
                for (place, item) in items.iter().enumerate() {
                    let each = schema["prefixItems"].get(place).unwrap_or(&schema["items"]);
                    fit(document, each, item, &format!("{at}[{place}]"))?;
                }
                Ok(())
            }
            Value::Object(fields) => {
                is(&types, "object", at)?;
                let known = schema["properties"].as_object();
                for name in schema["required"].as_array().into_iter().flatten() {
                    let name = name.as_str().unwrap();
                    if !fields.contains_key(name) {
                        return Err(format!("{at}: {name} is missing"));
                    }
                }
                for (name, field) in fields {
                    let inner = known.and_then(|known| known.get(name));
                    let inner = inner.or_else(|| schema.get("additionalProperties"));
                    let inner = inner.ok_or_else(|| format!("{at}: {name} is not described"))?;
                    fit(document, inner, field, &format!("{at}.{name}"))?;
                }
                Ok(())
            }
        }
    }

    fn is(types: &[Value], wanted: &str, at: &str) -> Result<(), String> {
        let fits =
            types.iter().any(|known| known == wanted || (wanted == "integer" && known == "number"));
        fits.then_some(()).ok_or_else(|| format!("{at}: {wanted} instead of {types:?}"))
    }
}
