//! An origin that answers at once, so that it is not what is measured: a thread a connection, nothing but std.
//!
//! Usage: stub <experiments that a search finds> <milliseconds that each answer waits>. Prints its port.

use std::io::{BufRead, BufReader, Read, Result, Write, copy, sink};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const ARTIFACTS: &str = "/mlflow-artifacts/artifacts/";
const EXPERIMENT: &str = r#"{"experiment": {"experiment_id": "1", "name": "one", "lifecycle_stage": "active"}}"#;
const RUN: &str = r#"{"run": {"info": {"run_id": "1", "experiment_id": "1", "lifecycle_stage": "active"}}}"#;
const CHUNK: usize = 1 << 16;

struct Request {
    method: String,
    target: String,
    body: Vec<u8>,
}

fn main() -> Result<()> {
    let option = |n| std::env::args().nth(n).and_then(|option| option.parse().ok());
    let found = option(1).unwrap_or(10);
    let wait = Duration::from_millis(option(2).unwrap_or(0) as u64);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    for stream in listener.incoming() {
        let stream = stream?;
        // A peer that is gone ends its thread.
        thread::spawn(move || serve(stream, found, wait));
    }
    Ok(())
}

fn serve(mut stream: TcpStream, found: usize, wait: Duration) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::with_capacity(CHUNK, stream.try_clone()?);
    while let Some(request) = read(&mut input)? {
        if !wait.is_zero() {
            thread::sleep(wait);
        }
        let is_artifact = request.target.contains(ARTIFACTS);
        if is_artifact && request.method == "GET" {
            // …/artifacts/<experiment>/<bytes>
            let size = request.target.rsplit('/').next().and_then(|n| n.parse().ok()).unwrap_or(0);
            send_zeros(&mut stream, size)?;
        } else if is_artifact {
            send(&mut stream, "{}")?;
        } else if request.target.ends_with("experiments/search") {
            send(&mut stream, &search(&String::from_utf8_lossy(&request.body), found))?;
        } else if request.target.contains("runs/get?") {
            send(&mut stream, RUN)?;
        } else {
            send(&mut stream, EXPERIMENT)?;
        }
    }
    Ok(())
}

/// A request with its body; of an artifact the body is thrown away.
fn read(input: &mut BufReader<TcpStream>) -> Result<Option<Request>> {
    let Some(first) = line(input)? else { return Ok(None) };
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (mut length, mut chunked) = (0, false);
    while let Some(field) = line(input)?.filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
        chunked |= name.eq_ignore_ascii_case("transfer-encoding");
    }
    let mut body = Vec::new();
    if target.contains(ARTIFACTS) {
        drain(input, length, chunked, &mut sink())?;
    } else {
        drain(input, length, chunked, &mut body)?;
    }
    Ok(Some(Request { method, target, body }))
}

fn drain(input: &mut BufReader<TcpStream>, length: u64, chunked: bool, to: &mut impl Write) -> Result<()> {
    if !chunked {
        return copy(&mut input.take(length), to).map(drop);
    }
    loop {
        let size = line(input)?.and_then(|size| u64::from_str_radix(&size, 16).ok()).unwrap_or(0);
        copy(&mut input.by_ref().take(size), to)?;
        line(input)?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn line(input: &mut BufReader<TcpStream>) -> Result<Option<String>> {
    let mut line = String::new();
    let read = input.read_line(&mut line)?;
    Ok((read > 0).then(|| line.trim_end().to_owned()))
}

fn send(stream: &mut TcpStream, json: &str) -> Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", json.len());
    stream.write_all((head + json).as_bytes())
}

fn send_zeros(stream: &mut TcpStream, mut size: usize) -> Result<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream";
    stream.write_all(format!("{head}\r\nContent-Length: {size}\r\n\r\n").as_bytes())?;
    let zeros = [0; CHUNK];
    while size > 0 {
        let now = size.min(CHUNK);
        stream.write_all(&zeros[..now])?;
        size -= now;
    }
    Ok(())
}

/// A page of experiments/search. A page token is the number of rows that came before.
fn search(body: &str, found: usize) -> String {
    let start = number_after(body, "\"page_token\"").unwrap_or(0);
    let end = found.min(start + number_after(body, "\"max_results\"").unwrap_or(1000));
    let row = |n| {
        format!(r#"{{"experiment_id": "{n}", "name": "experiment-{n}", "artifact_location": "mlflow-artifacts:/{n}", "#)
            + r#""lifecycle_stage": "active", "last_update_time": 1700000000000, "creation_time": 1700000000000}"#
    };
    let rows: Vec<String> = (start + 1..=end).map(row).collect();
    let token = if end < found { format!(r#", "next_page_token": "{end}""#) } else { String::new() };
    format!(r#"{{"experiments": [{}]{token}}}"#, rows.join(", "))
}

fn number_after(text: &str, name: &str) -> Option<usize> {
    let rest = &text[text.find(name)? + name.len()..];
    let digits = rest.trim_start_matches([':', ' ', '"']);
    digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())].parse().ok()
}
