//! The smallest JSON-RPC client: one call, one HTTP request, no code in common with the client under test.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
};

use serde_json::{Value, json};

/// Calls a method of the node at this port of the loopback and gives its result; an error is given as text.
pub(crate) fn call(port: u16, method: &str, parameters: Value) -> Result<Value, String> {
    let request =
        json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": parameters }).to_string();
    let answer = exchange(port, &request).map_err(|error| error.to_string())?;
    let mut answer: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
    match answer.get("error") {
        Some(error) => Err(error.to_string()),
        None => Ok(answer["result"].take()),
    }
}

/// Posts `body` and gives the body of the answer.
fn exchange(port: u16, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    write!(
        stream,
        "POST / HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
    Ok(body.unwrap_or_default().to_owned())
}
