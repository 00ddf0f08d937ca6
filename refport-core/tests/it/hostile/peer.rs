//! A peer on a socket of its own, and what one can do in HTTP/1.1.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::{sleep, timeout},
};

/// The body of an answer that takes the sale.
pub(super) const ACCEPTED: &str = r#"{"sale":{"id":"sale_1"}}"#;

/// The key that must reach the peer and nobody else.
pub(super) const KEY: &str = "rk_hostile_key";

/// What a peer has noticed.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) requests: AtomicU32,
    /// How often the key stood in what came in plain text.
    pub(super) keys: AtomicU32,
    pub(super) offered_encodings: AtomicBool,
    /// The most bytes of a flood that went out on one connection.
    pub(super) flooded: AtomicUsize,
    connections: AtomicU32,
    open: AtomicU32,
}

impl Seen {
    /// Counts a request, and says how many came before it.
    pub(super) fn request(&self) -> u32 {
        self.requests.fetch_add(1, Ordering::SeqCst)
    }

    pub(super) fn look_for_key(&self, text: &str) {
        let keys = u32::try_from(text.matches(KEY).count()).unwrap();
        self.keys.fetch_add(keys, Ordering::SeqCst);
    }

    pub(super) fn connections(&self) -> u32 {
        self.connections.load(Ordering::SeqCst)
    }

    /// Whether the client hangs up on everything before long. An unoptimised build needs seconds to
    /// parse what of a flood has arrived.
    pub(super) async fn is_let_go(&self) -> bool {
        for _ in 0..2000 {
            if self.open.load(Ordering::SeqCst) == 0 {
                return true;
            }
            sleep(Duration::from_millis(10)).await;
        }
        false
    }
}

pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) seen: Arc<Seen>,
    /// What keeps the address as it is.
    _held: Vec<Held>,
}

#[expect(dead_code, reason = "held, not used")]
enum Held {
    Socket(TcpSocket),
    Listener(TcpListener),
    Stream(TcpStream),
}

impl Peer {
    /// One that does `talk` on each connection.
    pub(super) async fn listening<F, T>(talk: F) -> Self
    where
        F: Fn(TcpStream, Arc<Seen>) -> T + Send + 'static,
        T: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Self::at(listener.local_addr().unwrap(), Vec::new());
        let seen = Arc::clone(&peer.seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                seen.connections.fetch_add(1, Ordering::SeqCst);
                seen.open.fetch_add(1, Ordering::SeqCst);
                let seen = Arc::clone(&seen);
                let talking = talk(stream, Arc::clone(&seen));
                tokio::spawn(async move {
                    // A client that hangs up is an error here.
                    let _ = talking.await;
                    seen.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        peer
    }

    /// One whose address is taken and refuses.
    pub(super) fn refusing() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        Self::at(address, vec![Held::Socket(socket)])
    }

    /// One whose queue is full, so that it answers no attempt to connect.
    pub(super) async fn full() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut held = vec![Held::Listener(listener)];
        let wait = Duration::from_millis(200);
        while let Ok(stream) = timeout(wait, TcpStream::connect(address)).await {
            held.push(Held::Stream(stream.unwrap()));
        }
        Self::at(address, held)
    }

    /// One that speaks HTTP/1.1, an act for each request, the last one for all that follow.
    pub(super) async fn http1(acts: Vec<Act>, elsewhere: u16) -> Self {
        let acts: Arc<[Act]> = acts.into();
        Self::listening(move |stream, seen| talk(stream, seen, Arc::clone(&acts), elsewhere)).await
    }

    fn at(address: SocketAddr, held: Vec<Held>) -> Self {
        Self {
            address,
            seen: Arc::default(),
            _held: held,
        }
    }
}

/// What a peer does with a request.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Says this and waits for what comes next.
    Say(Vec<u8>),
    SayAndClose(Vec<u8>),
    SayAndReset(Vec<u8>),
    /// Nothing any more on this connection, though what comes is taken.
    Silence,
    /// Sends the client elsewhere, with this status.
    Redirect(&'static str),
    /// Says the first at once and a byte of the second each second.
    Drip(Vec<u8>, &'static [u8]),
    /// Says the first, then the second again and again, until the client hangs up.
    Flood(Vec<u8>, Vec<u8>),
}

async fn talk(
    mut stream: TcpStream,
    seen: Arc<Seen>,
    acts: Arc<[Act]>,
    elsewhere: u16,
) -> io::Result<()> {
    loop {
        read_request(&mut stream, &seen).await?;
        let number = seen.request() as usize;
        match acts.get(number).unwrap_or(&acts[acts.len() - 1]) {
            Act::Say(bytes) => stream.write_all(bytes).await?,
            Act::SayAndClose(bytes) => {
                stream.write_all(bytes).await?;
                stream.shutdown().await?;
                return hears_nothing_more(&mut stream).await;
            }
            Act::SayAndReset(bytes) => {
                stream.write_all(bytes).await?;
                // Mostly the client reads it before the reset. Where not, it comes out alike.
                sleep(Duration::from_millis(20)).await;
                return stream.set_zero_linger();
            }
            Act::Silence => return hears_nothing_more(&mut stream).await,
            Act::Redirect(status) => {
                let location = format!("location: http://localhost:{elsewhere}/api/track/sale\r\n");
                stream.write_all(&answer(status, &location, b"")).await?;
            }
            Act::Drip(at_once, slowly) => drip(&mut stream, at_once, slowly).await?,
            Act::Flood(head, again) => match flood(&mut stream, &seen, head, again).await? {},
        }
    }
}

/// Takes what comes until the client hangs up, too.
async fn hears_nothing_more(stream: &mut TcpStream) -> io::Result<()> {
    while stream.read(&mut [0; 1024]).await? > 0 {}
    Ok(())
}

async fn read_request(stream: &mut TcpStream, seen: &Seen) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            seen.look_for_key(&text);
            let offers = head.contains("\r\naccept-encoding:");
            seen.offered_encodings.fetch_or(offers, Ordering::SeqCst);
            return Ok(());
        }
    }
}

async fn drip(stream: &mut TcpStream, at_once: &[u8], slowly: &[u8]) -> io::Result<()> {
    stream.write_all(at_once).await?;
    for byte in slowly {
        stream.write_all(&[*byte]).await?;
        // Notices a client that hangs up before the second is over.
        let mut nothing = [0];
        if let Ok(Ok(0) | Err(_)) = timeout(Duration::from_secs(1), stream.read(&mut nothing)).await
        {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
    }
    Ok(())
}

async fn flood(
    stream: &mut TcpStream,
    seen: &Seen,
    head: &[u8],
    again: &[u8],
) -> io::Result<Infallible> {
    stream.write_all(head).await?;
    let chunk = again.repeat(64 * 1024 / again.len());
    let mut sent = 0;
    loop {
        stream.write_all(&chunk).await?;
        sent += chunk.len();
        seen.flooded.fetch_max(sent, Ordering::SeqCst);
    }
}

/// An answer of HTTP/1.1.
pub(super) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut answer =
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n").into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// A gzip stream of 600 KB that stands for 100 MB of zeros.
pub(super) fn gzip_bomb() -> Vec<u8> {
    const UNPACKED: usize = 100 * 1024 * 1024;
    let mut bits = Bits::default();
    bits.push(0b011, 3); // the last block, with the fixed codes
    bits.push_code(0x30, 8); // a zero
    for _ in 0..UNPACKED / 258 {
        bits.push_code(0b1100_0101, 8); // 258 bytes more
        bits.push_code(0, 5); // as the one before
    }
    bits.push_code(0, 7); // the end
    bits.push(0, 7);
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    // The checksum is wrong: who looks at it has unpacked everything.
    [&head[..], &bits.bytes, &[0; 8]].concat()
}

/// Bits as deflate packs them (RFC 1951, 3.1.1).
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    pending: u32,
    count: u32,
}

impl Bits {
    fn push(&mut self, bits: u32, count: u32) {
        self.pending |= bits << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push(self.pending as u8);
            self.pending >>= 8;
            self.count -= 8;
        }
    }

    /// Huffman codes go in with their first bit first.
    fn push_code(&mut self, code: u32, count: u32) {
        self.push(code.reverse_bits() >> (32 - count), count);
    }
}
