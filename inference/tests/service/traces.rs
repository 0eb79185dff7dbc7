//! Traces: the spans that a collector gets, and that nobody waits for it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;

use crate::client::{TRANSCRIPTIONS, encode, field, form, send};
use crate::process::{Program, start};
use crate::support::sample;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// A collector that keeps what it gets.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    async fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = self.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let kept = kept.clone();
                let answer = service_fn(move |request| kept.clone().take(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        address
    }

    async fn take(self, request: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
        assert_eq!(request.uri().path(), "/v1/traces");
        let body = request.collect().await?.to_bytes();
        let export = ExportTraceServiceRequest::decode(body).expect("OTLP in protobuf");
        let spans = export
            .resource_spans
            .into_iter()
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans);
        self.0.lock().unwrap().extend(spans);
        Ok(Response::new(Full::default()))
    }
}

/// Transcribes the sample, with a prompt and this `traceparent`; the id of the request.
async fn transcribe(address: SocketAddr, traceparent: &str) -> String {
    let mut parts = form(sample());
    parts.push(field("prompt", "Grimmelshausen"));
    let (content_type, body) = encode(&parts);
    let request = Request::post(TRANSCRIPTIONS)
        .header("content-type", content_type)
        .header("traceparent", traceparent)
        .body(body)
        .unwrap();
    let answer = send(address, request).await;
    assert!(
        answer.text().to_lowercase().contains("sun"),
        "{}",
        answer.body
    );
    answer.header("x-request-id").to_owned()
}

async fn traced(collector: SocketAddr) -> Program {
    let endpoint = format!("http://{collector}");
    let flags = ["--dev-insecure", "--states", "1", "--listen", "127.0.0.1:0"];
    start(&[&flags[..], &["--otlp-endpoint", &endpoint]].concat()).await
}

#[tokio::test]
async fn a_collector_gets_the_spans_of_a_request_below_the_callers() {
    let collector = Collector::default();
    let program = traced(collector.listen().await).await;
    let header = format!("00-{TRACE}-{CALLER}-01");
    let id = transcribe(program.address, &header).await;
    let other = transcribe(program.address, "00-malformed").await;
    let log = program.terminate().await;

    let spans = collector.0.lock().unwrap().clone();
    let (of_caller, own): (Vec<&Span>, Vec<&Span>) = spans
        .iter()
        .partition(|span| hex::encode(&span.trace_id) == TRACE);
    for spans in [&of_caller, &own] {
        let mut names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["decode", "model", "queue", "transcribe", "upload"]);
        let request = spans.iter().find(|s| s.name == "transcribe").unwrap();
        for span in spans.iter().filter(|span| span.name != "transcribe") {
            assert_eq!(span.parent_span_id, request.span_id, "{}", span.name);
            assert!(span.start_time_unix_nano >= request.start_time_unix_nano);
            assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
            assert!(span.end_time_unix_nano <= request.end_time_unix_nano);
        }
    }
    let request =
        |spans: &[&Span]| (*spans.iter().find(|s| s.name == "transcribe").unwrap()).clone();
    assert_eq!(hex::encode(request(&of_caller).parent_span_id), CALLER);
    // Where the caller has none that can be read, a trace of its own begins.
    assert!(request(&own).parent_span_id.is_empty());
    let attribute = |span: &Span, key: &str| {
        let found = span.attributes.iter().find(|a| a.key == key);
        found.and_then(|a| a.value.clone()?.value)
    };
    let of_caller = request(&of_caller);
    assert_eq!(
        attribute(&of_caller, "http.response.status_code"),
        Some(Value::IntValue(200))
    );
    assert_eq!(
        attribute(&of_caller, "request_id"),
        Some(Value::StringValue(id.clone()))
    );

    let said = format!("{spans:?}").to_lowercase();
    for word in ["grimmelshausen", "sun", "shining"] {
        assert!(!said.contains(word), "{word}: {said}");
    }
    let traces = |id: &str| {
        let line = log.iter().find(|line| line["request_id"] == id);
        line.expect("a line")["trace_id"].clone()
    };
    assert_eq!(traces(&id), TRACE);
    assert_eq!(traces(&other), hex::encode(&own[0].trace_id));
}

#[tokio::test]
async fn a_collector_that_never_answers_costs_nobody_anything() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let program = traced(silent.local_addr().unwrap()).await;
    for _ in 0..3 {
        transcribe(program.address, &format!("00-{TRACE}-{CALLER}-01")).await;
    }
    // Ends in time although the last spans can't be sent.
    let log = program.terminate().await;
    let served = log.iter().filter(|line| line["status"] == 200).count();
    assert_eq!(served, 3);
}
