//! A caller with a realtime session, who says exactly what a test wants said.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::edge::{Edge, Key};
use crate::http::Answer;

use crate::within;

/// The route, for a session of the usual kind.
pub const PATH: &str = "/v1/realtime?intent=transcription";
/// 100 ms of audio, in bytes.
const STEP: usize = 24_000 / 10 * 2;

/// The answer to one who asks for a session with these headers and gets none.
pub async fn refusal(edge: &Edge, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    let call = HANDSHAKE.iter().chain(headers);
    let call = call.fold(edge.get(path), |call, (name, value)| {
        call.header(name, value)
    });
    call.send().await
}

/// What makes a request ask for a session (RFC 6455, 1.3).
const HANDSHAKE: [(&str, &str); 4] = [
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// A session. Dropping it drops its connection, without a word.
#[derive(Debug)]
pub struct Session(WebSocketStream<TcpStream>);

impl Session {
    /// Opens one with a key, which leaves it to the caller to commit.
    pub async fn open(edge: &Edge, key: &Key) -> Self {
        let bearer = format!("Bearer {}", key.text);
        let opened = Self::try_open(edge, PATH, &[("authorization", &bearer)]).await;
        let (mut session, _) = opened.unwrap_or_else(|refused| panic!("{refused:?}"));
        session.until("session.created").await;
        let input = json!({"turn_detection": null});
        session
            .tell(&json!({"type": "session.update", "session": {"audio": {"input": input}}}))
            .await;
        session.until("session.updated").await;
        session
    }

    /// Asks for one with these headers; the answer comes along.
    ///
    /// # Errors
    /// The status of a refusal; see [`refusal`] for its body.
    pub async fn try_open(
        edge: &Edge,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<(Self, Response), u16> {
        let url = format!("{}{path}", edge.url().replace("http://", "ws://"));
        let request = url.into_client_request();
        let mut request = request.unwrap_or_else(|error| panic!("{error}"));
        for (name, value) in headers {
            let value = value
                .parse()
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            request.headers_mut().insert(*name, value);
        }
        let address = edge.url().trim_start_matches("http://");
        let stream = TcpStream::connect(address).await;
        let stream = stream.unwrap_or_else(|error| panic!("no connection: {error}"));
        let opening = tokio_tungstenite::client_async(request, stream);
        match within("a session, or a refusal", opening).await {
            Ok((socket, response)) => Ok((Self(socket), response)),
            Err(Error::Http(refused)) => Err(refused.status().as_u16()),
            Err(error) => panic!("neither a session nor a refusal: {error}"),
        }
    }

    /// Sends an event.
    pub async fn tell(&mut self, event: &Value) {
        self.send(Message::text(event.to_string())).await;
    }

    /// Sends bytes that are no text.
    pub async fn tell_bytes(&mut self, bytes: &'static [u8]) {
        self.send(Message::Binary(Bytes::from_static(bytes))).await;
    }

    async fn send(&mut self, message: Message) {
        let sent = within("a message is sent", self.0.send(message)).await;
        sent.unwrap_or_else(|error| panic!("the session is over: {error}"));
    }

    /// Says this, in steps of 100 ms, without a commit.
    pub async fn say(&mut self, pcm: &[u8]) {
        for step in pcm.chunks(STEP) {
            let event =
                json!({"type": "input_audio_buffer.append", "audio": STANDARD.encode(step)});
            self.tell(&event).await;
        }
    }

    /// Says this and gives its transcript's last event.
    pub async fn transcribe(&mut self, pcm: &[u8]) -> Value {
        self.say(pcm).await;
        self.tell(&json!({"type": "input_audio_buffer.commit"}))
            .await;
        self.until("completed").await
    }

    /// The next event, or the code of the close.
    async fn next(&mut self) -> Result<Value, u16> {
        loop {
            let message = within("a message of the session", self.0.next()).await;
            match message {
                Some(Ok(Message::Text(text))) => {
                    let event = serde_json::from_str(&text);
                    return Ok(event.unwrap_or_else(|_| panic!("no event: {text}")));
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map_or(1005, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    /// The first event whose type ends so; none before may be an error.
    pub async fn until(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next().await;
            let event = event.unwrap_or_else(|code| panic!("closed with {code}"));
            let said = event["type"].as_str().unwrap_or_default();
            if said.ends_with(kind) {
                return event;
            }
            assert_ne!(said, "error", "{event}");
        }
    }

    /// Waits for the end of the session; the code it ends with.
    pub async fn until_closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }

    /// Ends it as WebSocket has it.
    pub async fn close(mut self) {
        // It may have ended by itself.
        let _ = self.0.close(None).await;
        self.until_closed().await;
    }

    /// Breaks the connection with a reset.
    pub fn vanish(self) {
        let reset = self.0.get_ref().set_zero_linger();
        reset.unwrap_or_else(|error| panic!("no reset: {error}"));
    }
}
