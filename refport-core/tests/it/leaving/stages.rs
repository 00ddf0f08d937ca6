//! A buyer leaves at each stage of a report, over sockets. The stage between the request and its answer
//! is that of `over_sockets_it_outlives_the_runtime_that_began_it`.

use std::{io, time::Duration};

use bytes::Bytes;
use http::Response;
use refport_core::{Refport, RefportBuilder, Sale};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::mpsc::{self, Receiver},
};
use tower::util::MapResponseLayer;

use super::SALE;
use crate::scripted::{sale, sale_once};

/// So much that no machine is too busy.
const AMPLE: Duration = Duration::from_secs(120);

/// What a client tells: the status of each answer that it has read to the end, and the error with which
/// a report ends.
struct Told(Receiver<String>);

impl Told {
    fn by(builder: RefportBuilder) -> (Refport, Self) {
        let (tell, told) = mpsc::channel(16);
        let failed = tell.clone();
        let refport = builder
            .on_error(move |error| failed.try_send(error.to_string()).unwrap())
            .layer(MapResponseLayer::new(move |answer: Response<Bytes>| {
                tell.try_send(answer.status().to_string()).unwrap();
                answer
            }));
        (refport.build().unwrap(), Self(told))
    }

    /// What the peer does, while the report goes on and nothing is told.
    async fn meanwhile<T>(&mut self, peer: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            told = self.0.recv() => panic!("it has ended, or tells: {told:?}"),
            done = peer => done,
        }
    }

    /// All that is still told. It ends once the last report has, where nobody else has the client.
    async fn rest(mut self) -> Vec<String> {
        let mut rest = Vec::new();
        while let Some(told) = self.0.recv().await {
            rest.push(told);
        }
        rest
    }
}

/// A peer, and a client of it that has time for everything.
async fn peer() -> (TcpListener, RefportBuilder) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    // What the peer does not read waits at the client.
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let listener = socket.listen(1).unwrap();
    let builder = patient(&listener);
    (listener, builder)
}

fn patient(listener: &TcpListener) -> RefportBuilder {
    Refport::builder("rk_test")
        .base_url(format!("http://{}", listener.local_addr().unwrap()))
        .connect_timeout(AMPLE)
        .attempt_timeout(AMPLE)
        .total_timeout(AMPLE)
        .backoff(Duration::from_millis(10), Duration::from_millis(20))
}

/// Waits for a report until a stage of it, and goes then. The client goes, too.
async fn leave_at<T>(refport: Refport, sale: Sale, stage: impl Future<Output = T>) -> T {
    tokio::select! {
        biased;
        end = refport.track.sale(sale) => panic!("it has ended: {end:?}"),
        stage = stage => stage,
    }
}

async fn accept(listener: &TcpListener) -> BufReader<TcpStream> {
    BufReader::new(listener.accept().await.unwrap().0)
}

/// Reads a request to its end.
async fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

async fn say(stream: &mut BufReader<TcpStream>, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

async fn accept_sale(stream: &mut BufReader<TcpStream>) {
    let length = SALE.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
    say(stream, &(head + SALE)).await;
}

/// A peer whose queue is full, so that connections to it wait, and those that fill it.
#[cfg(target_os = "linux")]
async fn full() -> (TcpListener, RefportBuilder, Vec<TcpStream>) {
    let (listener, builder) = peer().await;
    let address = listener.local_addr().unwrap();
    let mut fillers = Vec::new();
    let wait = Duration::from_millis(200);
    while let Ok(filler) = tokio::time::timeout(wait, TcpStream::connect(address)).await {
        fillers.push(filler.unwrap());
    }
    (listener, builder, fillers)
}

/// That it connects is nothing that could be waited for. It is begun, and cannot get any further.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn one_that_is_connecting_is_sent_once_it_can_be() {
    let (listener, builder, fillers) = full().await;
    let (refport, mut told) = Told::by(builder);
    leave_at(refport, sale_once(), async {}).await;
    drop(fillers);
    let mut stream = loop {
        let mut stream = told.meanwhile(accept(&listener)).await;
        // Those that filled the queue have hung up.
        if read(&mut stream).await.is_ok() {
            break stream;
        }
    };
    accept_sale(&mut stream).await;
    assert_eq!(told.rest().await, ["200 OK"]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn one_that_never_connects_is_told_of() {
    let (_listener, builder, _fillers) = full().await;
    let (refport, told) = Told::by(builder.connect_timeout(Duration::from_millis(300)));
    leave_at(refport, sale_once(), async {}).await;
    assert_eq!(told.rest().await, ["cannot connect to the service"]);
}

/// One that does not fit into the buffers on its way.
fn long(sale: Sale) -> Sale {
    sale.metadata(json!({ "note": "a".repeat(16 * 1024 * 1024) }))
}

/// Waits until a request is being written.
async fn begin(listener: &TcpListener) -> BufReader<TcpStream> {
    let mut stream = accept(listener).await;
    assert!(!stream.fill_buf().await.unwrap().is_empty());
    stream
}

#[tokio::test]
async fn one_that_is_being_written_is_written_to_its_end() {
    let (listener, builder) = peer().await;
    let (refport, told) = Told::by(builder);
    let sale = long(sale_once());
    let mut stream = leave_at(refport, sale, begin(&listener)).await;
    assert!(read(&mut stream).await.unwrap().ends_with(b"\"}}"));
    accept_sale(&mut stream).await;
    assert_eq!(told.rest().await, ["200 OK"]);
}

#[tokio::test]
async fn one_that_breaks_while_it_is_written_is_told_of() {
    let (listener, builder) = peer().await;
    let (refport, mut told) = Told::by(builder);
    let stream = leave_at(refport, long(sale()), begin(&listener)).await;
    told.meanwhile(async { drop(stream) }).await;
    assert_eq!(told.rest().await, ["the connection to the service broke"]);
}

/// Reads a request, and answers half.
async fn begin_to_answer(listener: &TcpListener) -> BufReader<TcpStream> {
    let mut stream = accept(listener).await;
    read(&mut stream).await.unwrap();
    let length = 2 * SALE.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
    say(&mut stream, &(head + SALE)).await;
    stream
}

#[tokio::test]
async fn one_whose_answer_has_begun_gets_the_rest() {
    let (listener, builder) = peer().await;
    let (refport, told) = Told::by(builder);
    let mut stream = leave_at(refport, sale_once(), begin_to_answer(&listener)).await;
    say(&mut stream, &" ".repeat(SALE.len())).await;
    assert_eq!(told.rest().await, ["200 OK"]);
}

#[tokio::test]
async fn one_whose_answer_is_cut_is_sent_again_or_told_of() {
    let (listener, builder) = peer().await;
    let (refport, mut told) = Told::by(builder);
    let stream = leave_at(refport, sale_once(), begin_to_answer(&listener)).await;
    told.meanwhile(async { drop(stream) }).await;
    let mut again = told.meanwhile(accept(&listener)).await;
    read(&mut again).await.unwrap();
    accept_sale(&mut again).await;
    assert_eq!(told.rest().await, ["200 OK"]);

    // One that could count twice is not sent again.
    let (refport, mut told) = Told::by(patient(&listener));
    let stream = leave_at(refport, sale(), begin_to_answer(&listener)).await;
    told.meanwhile(async { drop(stream) }).await;
    assert_eq!(told.rest().await, ["the connection to the service broke"]);
}

#[tokio::test]
async fn one_that_waits_to_be_repeated_is_repeated() {
    const BUSY: &str =
        "HTTP/1.1 503 Busy\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (listener, builder) = peer().await;
    let (refport, mut told) = Told::by(builder);
    leave_at(refport, sale_once(), async {
        let mut stream = accept(&listener).await;
        read(&mut stream).await.unwrap();
        say(&mut stream, BUSY).await;
        assert_eq!(told.0.recv().await.unwrap(), "503 Service Unavailable");
    })
    .await;
    let mut again = told.meanwhile(accept(&listener)).await;
    read(&mut again).await.unwrap();
    accept_sale(&mut again).await;
    assert_eq!(told.rest().await, ["200 OK"]);
}
