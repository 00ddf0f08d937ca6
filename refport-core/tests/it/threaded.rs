//! A service on threads of its own, which no runtime of a test holds up.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Answers with `body`, so many times on one connection, and remembers the request lines.
pub(crate) struct Service {
    pub(crate) url: String,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<String>>>,
    /// Connections that have given their answers.
    #[cfg_attr(
        not(feature = "blocking"),
        expect(dead_code, reason = "keeps them open")
    )]
    done: Arc<Mutex<Vec<TcpStream>>>,
}

impl Service {
    pub(crate) fn start(body: &'static str, answers_a_connection: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let done = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (log, kept) = (Arc::clone(&seen), Arc::clone(&done));
        let counted = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::Relaxed);
                let (log, kept) = (Arc::clone(&log), Arc::clone(&kept));
                thread::spawn(move || {
                    answer(&stream, body, answers_a_connection, &log);
                    kept.lock().unwrap().push(stream);
                });
            }
        });
        Self {
            url,
            connections,
            seen,
            done,
        }
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Waits until a connection has given its answers, and closes it.
    #[cfg(feature = "blocking")]
    pub(crate) fn close_connection(&self) {
        while self.done.lock().unwrap().pop().is_none() {
            thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn answer(mut stream: &TcpStream, body: &str, times: usize, log: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    for _ in 0..times {
        let Some(line) = read_request(&mut reader) else {
            return;
        };
        log.lock().unwrap().push(line);
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        let _ = stream.write_all((head + body).as_bytes());
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<String> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&read| read > 0)?;
        if line == "\r\n" {
            break;
        }
        head.push(line.trim().to_ascii_lowercase());
    }
    let length = head
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    head.into_iter().next()
}
