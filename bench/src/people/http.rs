//! As much HTTP/1.1 as both ends of the load need: kept connections, and bodies of a stated length or in
//! chunks. What measures has to cost little beside what is measured.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// More than any message of a sign-in.
const MOST: usize = 64 * 1024;
/// Before a connection is tried again, so that a server that is away costs no core.
const RETRY: Duration = Duration::from_millis(20);

/// A request or an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// The first line, without its end.
    pub(super) first_line: String,
    pub(super) body: Vec<u8>,
    /// Whether the other end closes the connection behind it.
    closes: bool,
}

impl Message {
    /// The status of an answer; 0 where the first line tells none.
    pub(super) fn status(&self) -> u16 {
        let status = self.first_line.split(' ').nth(1);
        status.and_then(|it| it.parse().ok()).unwrap_or_default()
    }

    /// The path of a request.
    pub(super) fn path(&self) -> &str {
        self.first_line.split(' ').nth(1).unwrap_or_default()
    }
}

/// A connection, and what was read ahead.
pub(super) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(4_096),
        })
    }

    pub(super) async fn write(&mut self, message: &[u8]) -> io::Result<()> {
        self.stream.write_all(message).await
    }

    /// The next message; nothing where the other end has closed the connection before one began.
    pub(super) async fn read(&mut self) -> io::Result<Option<Message>> {
        loop {
            if let Some((message, length)) = parse(&self.buffer)? {
                self.buffer.drain(..length);
                return Ok(Some(message));
            }
            if self.buffer.len() > MOST {
                return Err(malformed("a message without an end"));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                if self.buffer.is_empty() {
                    return Ok(None);
                }
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// A line to a server, which is opened again where it was closed.
pub(super) struct Line {
    address: SocketAddr,
    wire: Option<Wire>,
}

impl Line {
    pub(super) fn to(address: SocketAddr) -> Self {
        Self {
            address,
            wire: None,
        }
    }

    /// Opens it, so that no connection is opened while something is measured.
    pub(super) async fn open(&mut self) -> io::Result<()> {
        if self.wire.is_none() {
            self.wire = Some(Wire::new(TcpStream::connect(self.address).await?)?);
        }
        Ok(())
    }

    /// Asks and waits for the answer. Giving up the wait gives up the connection too: its answer must not
    /// be taken for the next one.
    pub(super) async fn call(&mut self, request: &[u8]) -> io::Result<Message> {
        let answer = self.try_call(request).await;
        if answer.is_err() {
            tokio::time::sleep(RETRY).await;
        }
        answer
    }

    async fn try_call(&mut self, request: &[u8]) -> io::Result<Message> {
        self.open().await?;
        let mut wire = self.wire.take().ok_or(io::ErrorKind::NotConnected)?;
        wire.write(request).await?;
        let answer = wire.read().await?;
        let answer = answer.ok_or(io::ErrorKind::ConnectionReset)?;
        if !answer.closes {
            self.wire = Some(wire);
        }
        Ok(answer)
    }
}

/// The first message of these bytes and its length; nothing where more has to be read.
fn parse(bytes: &[u8]) -> io::Result<Option<(Message, usize)>> {
    let Some(head) = find(bytes, b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..head]).map_err(|_| malformed("a head of no text"))?;
    let mut lines = text.split("\r\n");
    let first_line = lines.next().unwrap_or_default().to_owned();
    let (mut length, mut chunked, mut closes) = (0, false, false);
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().map_err(|_| malformed("a bad length"))?;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            chunked = value.eq_ignore_ascii_case("chunked");
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.eq_ignore_ascii_case("close");
        }
    }
    let start = head + 4;
    let body = if chunked {
        chunks(&bytes[start..])?
    } else {
        bytes[start..].get(..length).map(|it| (it.to_vec(), length))
    };
    Ok(body.map(|(body, length)| {
        let message = Message {
            first_line,
            body,
            closes,
        };
        (message, start + length)
    }))
}

/// A body in chunks, and its length on the wire.
fn chunks(bytes: &[u8]) -> io::Result<Option<(Vec<u8>, usize)>> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(end) = find(&bytes[at..], b"\r\n") else {
            return Ok(None);
        };
        let size = std::str::from_utf8(&bytes[at..at + end]).unwrap_or_default();
        let size = size.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(|_| malformed("a bad chunk"))?;
        let data = at + end + 2;
        let Some(chunk) = bytes.get(data..data + size + 2) else {
            return Ok(None);
        };
        body.extend_from_slice(&chunk[..size]);
        at = data + size + 2;
        if size == 0 {
            return Ok(Some((body, at)));
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|it| it == what)
}

fn malformed(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> (Message, usize) {
        parse(bytes).expect("HTTP").expect("a whole message")
    }

    #[test]
    fn a_message_ends_where_its_length_says() {
        let bytes = b"POST /v1/K/verify/lookup.json HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcNEXT";
        let (message, length) = whole(bytes);
        assert_eq!(message.path(), "/v1/K/verify/lookup.json");
        assert_eq!(message.body, b"abc");
        assert_eq!(length, bytes.len() - 4);
        for end in 0..bytes.len() - 4 {
            assert_eq!(parse(&bytes[..end]).expect("HTTP"), None, "{end}");
        }
    }

    #[test]
    fn chunks_are_joined() {
        let bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n";
        let (message, length) = whole(bytes);
        assert_eq!((message.status(), length), (200, bytes.len()));
        assert_eq!(message.body, b"abc0123456789");
        assert_eq!(parse(&bytes[..bytes.len() - 1]).expect("HTTP"), None);
    }

    #[test]
    fn the_end_of_a_connection_is_announced() {
        let (message, _) = whole(b"HTTP/1.1 202 Accepted\r\nConnection: close\r\n\r\n");
        assert!(message.closes);
        assert_eq!((message.status(), message.body.len()), (202, 0));
        let (message, _) = whole(b"HTTP/1.1 202 Accepted\r\nconnection: keep-alive\r\n\r\n");
        assert!(!message.closes);
    }

    #[test]
    fn what_is_no_http_is_told() {
        for bytes in [
            b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n".as_slice(),
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            b"\xff\xfe\r\n\r\n",
        ] {
            assert!(parse(bytes).is_err());
        }
    }

    #[tokio::test]
    async fn an_answer_that_nobody_waited_for_is_not_taken_for_the_next() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let mut line = Line::to(listener.local_addr().expect("an address"));
        let server = tokio::spawn(async move {
            let mut wires = Vec::new();
            for answer in [None, Some("HTTP/1.1 202 Accepted\r\n\r\n")] {
                let (stream, _) = listener.accept().await.expect("a client");
                let mut wire = Wire::new(stream).expect("a wire");
                wire.read().await.expect("HTTP").expect("a request");
                if let Some(answer) = answer {
                    wire.write(answer.as_bytes()).await.expect("written");
                }
                wires.push(wire);
            }
        });
        let request = b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n";
        let given_up = tokio::time::timeout(Duration::from_millis(50), line.call(request));
        assert!(given_up.await.is_err());
        // On the first connection nothing is answered, so this one is another.
        let answer = line.call(request).await.expect("an answer");
        assert_eq!(answer.status(), 202);
        server.await.expect("the server ends");
    }
}
