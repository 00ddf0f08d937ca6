//! A peer that speaks just enough HTTP/2 (RFC 9113) to do it wrongly.

use std::{io, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    peer::{ACCEPTED, Peer, Seen},
    tls::Certificate,
};

const NO_ERROR: u32 = 0;
const INTERNAL_ERROR: u32 = 2;
const REFUSED_STREAM: u32 = 7;

/// What a peer does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Answer,
    /// The same, where it acknowledges no settings.
    AnswerUnacknowledged,
    /// The same, and from then on leaves no room for a body.
    AnswerAndShut,
    /// No answer any more on this connection, though it lives.
    Silence,
    /// Nothing any more on this connection, though the system goes on taking what comes.
    Death,
    /// Refuses the stream, unread.
    Refuse,
    /// Answers, and refuses the stream in the middle of that.
    AnswerHalfAndRefuse,
    /// Gives the stream up.
    Abort,
    /// Says that it goes and took no stream.
    GoAwayBefore,
    /// The same, because of an error.
    GoAwayBroken,
    /// Says that it goes after this stream, and goes at once.
    GoAwayAndClose,
    /// Says that it goes after this stream, and neither goes nor answers.
    GoAwayAndStay,
    /// Says that it goes after this stream, answers it, and does not go.
    GoAwayAndAnswer,
}

impl Act {
    /// Whether it is the last on its connection.
    const fn ends_talk(self) -> bool {
        matches!(
            self,
            Self::Silence
                | Self::GoAwayBefore
                | Self::GoAwayBroken
                | Self::GoAwayAndStay
                | Self::GoAwayAndAnswer
        )
    }
}

/// One that does an act for each request, the last one for all that follow.
pub(super) async fn peer(acts: Vec<Act>, certificate: &Certificate) -> Peer {
    let acceptor = certificate.acceptor();
    let acts: Arc<[Act]> = acts.into();
    Peer::listening(move |stream, seen| talk(stream, acceptor.clone(), seen, Arc::clone(&acts)))
        .await
}

async fn talk(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    seen: Arc<Seen>,
    acts: Arc<[Act]>,
) -> io::Result<()> {
    const PREFACE: usize = 24;
    let acknowledges = !acts.contains(&Act::AnswerUnacknowledged);
    let mut act = acts[0];
    let mut is_silent = false;
    let mut link = Link(acceptor.accept(stream).await?);
    link.0.read_exact(&mut [0; PREFACE]).await?;
    link.send(Frame::SETTINGS, 0, 0, &[]).await?;
    loop {
        let frame = link.next().await?;
        if frame.kind == Frame::SETTINGS && frame.flags & Frame::ACK == 0 && acknowledges {
            link.send(Frame::SETTINGS, Frame::ACK, 0, &[]).await?;
        }
        if frame.kind == Frame::PING && frame.flags & Frame::ACK == 0 {
            link.send(Frame::PING, Frame::ACK, 0, &frame.body).await?;
        }
        if frame.kind == Frame::HEADERS {
            let number = seen.request() as usize;
            act = *acts.get(number).unwrap_or(&acts[acts.len() - 1]);
        }
        if !frame.ends_request() || is_silent {
            continue;
        }
        if act == Act::Death {
            return link.is_dead().await;
        }
        link.act(act, frame.stream).await?;
        is_silent = act.ends_talk();
        if act == Act::GoAwayAndClose {
            return link.0.shutdown().await;
        }
    }
}

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    body: Vec<u8>,
}

impl Frame {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const GOAWAY: u8 = 7;

    const ACK: u8 = 1;
    const END_STREAM: u8 = 1;
    const END_HEADERS: u8 = 4;

    const fn ends_request(&self) -> bool {
        matches!(self.kind, Self::DATA | Self::HEADERS) && self.flags & Self::END_STREAM != 0
    }
}

struct Link(TlsStream<TcpStream>);

impl Link {
    async fn act(&mut self, act: Act, stream: u32) -> io::Result<()> {
        match act {
            Act::Answer | Act::AnswerUnacknowledged => self.answer(stream).await,
            Act::AnswerAndShut => {
                const INITIAL_WINDOW_SIZE: u8 = 4;
                let no_room = [0, INITIAL_WINDOW_SIZE, 0, 0, 0, 0];
                self.send(Frame::SETTINGS, 0, 0, &no_room).await?;
                self.answer(stream).await
            }
            Act::Silence | Act::Death => Ok(()),
            Act::Refuse => self.reset(stream, REFUSED_STREAM).await,
            Act::AnswerHalfAndRefuse => {
                self.begin_answer(stream).await?;
                self.reset(stream, REFUSED_STREAM).await
            }
            Act::Abort => self.reset(stream, INTERNAL_ERROR).await,
            Act::GoAwayBefore => self.go_away(0, NO_ERROR).await,
            Act::GoAwayBroken => self.go_away(0, INTERNAL_ERROR).await,
            Act::GoAwayAndClose | Act::GoAwayAndStay => self.go_away(stream, NO_ERROR).await,
            Act::GoAwayAndAnswer => {
                self.go_away(stream, NO_ERROR).await?;
                self.answer(stream).await
            }
        }
    }

    async fn begin_answer(&mut self, stream: u32) -> io::Result<()> {
        const STATUS_200: u8 = 0x88; // in HPACK's static table
        self.send(Frame::HEADERS, Frame::END_HEADERS, stream, &[STATUS_200])
            .await
    }

    async fn answer(&mut self, stream: u32) -> io::Result<()> {
        self.begin_answer(stream).await?;
        self.send(Frame::DATA, Frame::END_STREAM, stream, ACCEPTED.as_bytes())
            .await
    }

    async fn reset(&mut self, stream: u32, reason: u32) -> io::Result<()> {
        self.send(Frame::RST_STREAM, 0, stream, &reason.to_be_bytes())
            .await
    }

    async fn go_away(&mut self, last: u32, reason: u32) -> io::Result<()> {
        let body = [last.to_be_bytes(), reason.to_be_bytes()].concat();
        self.send(Frame::GOAWAY, 0, 0, &body).await
    }

    async fn send(&mut self, kind: u8, flags: u8, stream: u32, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(body);
        self.0.write_all(&frame).await?;
        self.0.flush().await
    }

    /// Takes what comes until the client hangs up.
    async fn is_dead(&mut self) -> io::Result<()> {
        while self.0.read(&mut [0; 1024]).await? > 0 {}
        Ok(())
    }

    async fn next(&mut self) -> io::Result<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]);
        let mut body = vec![0; length.try_into().unwrap()];
        self.0.read_exact(&mut body).await?;
        Ok(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes(stream),
            body,
        })
    }
}
