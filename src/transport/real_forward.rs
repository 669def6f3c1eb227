//! Streams through an sshd of this test's own, on loopback.

use super::real_sshd::{Sshd, links};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that answers each line with the same in upper case; returns its port.
async fn shouting() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 64];
                while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                    let shout = buffer[..n].to_ascii_uppercase();
                    stream.write_all(&shout).await.unwrap();
                }
            });
        }
    });
    port
}

async fn say(stream: &mut super::Stream, text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut buffer = [0; 64];
    let n = stream.read(&mut buffer).await.unwrap();
    String::from_utf8_lossy(&buffer[..n]).into_owned()
}

#[tokio::test]
async fn streams_go_through_the_hosts_connection() {
    let Some(sshd) = Sshd::start("") else { return };
    let (links, target) = (links(), sshd.target());
    let port = shouting().await;
    // without a shell before: the connection is made for it
    let mut one = links.stream(&target, "127.0.0.1", port).await.unwrap();
    let mut two = links.stream(&target, "127.0.0.1", port).await.unwrap();
    assert_eq!(say(&mut one, "one").await, "ONE");
    assert_eq!(say(&mut two, "two").await, "TWO");
    assert_eq!(say(&mut one, "again").await, "AGAIN");
    // nothing but the control sockets lies where they are looked for when hoist is killed
    let sockets = std::fs::read_dir(links.directory()).unwrap();
    let sockets = sockets.filter(|e| {
        use std::os::unix::fs::FileTypeExt;
        e.as_ref().unwrap().file_type().unwrap().is_socket()
    });
    assert_eq!(sockets.count(), 1);
    drop((one, two));
    links.close().await;
}

#[tokio::test]
async fn where_nobody_listens_the_host_says_why() {
    let Some(sshd) = Sshd::start("") else { return };
    let (links, target) = (links(), sshd.target());
    let mut stream = links.stream(&target, "127.0.0.1", 1).await.unwrap();
    let mut buffer = [0; 8];
    assert_eq!(stream.read(&mut buffer).await.unwrap_or(0), 0);
    let why = links.refusal(&target).await.unwrap();
    assert!(why.contains("Connection refused"), "{why}");
    links.close().await;
}

#[tokio::test]
async fn a_host_that_forbids_forwarding_says_so() {
    let Some(sshd) = Sshd::start("AllowTcpForwarding no") else {
        return;
    };
    let (links, target) = (links(), sshd.target());
    let port = shouting().await;
    let mut stream = links.stream(&target, "127.0.0.1", port).await.unwrap();
    let mut buffer = [0; 8];
    assert_eq!(stream.read(&mut buffer).await.unwrap_or(0), 0);
    let why = links.refusal(&target).await.unwrap();
    assert!(why.contains("prohibited"), "{why}");
    links.close().await;
}

#[tokio::test]
async fn a_lost_connection_is_made_anew() {
    let Some(sshd) = Sshd::start("") else { return };
    let (links, target) = (links(), sshd.target());
    let port = shouting().await;
    let mut stream = links.stream(&target, "127.0.0.1", port).await.unwrap();
    assert_eq!(say(&mut stream, "a").await, "A");
    let socket = links.directory().join("0");
    let socket = if socket.exists() {
        socket
    } else {
        // tests in one process share the counter
        let mut all = std::fs::read_dir(links.directory()).unwrap();
        all.find_map(|e| {
            use std::os::unix::fs::FileTypeExt;
            let e = e.unwrap();
            e.file_type().unwrap().is_socket().then(|| e.path())
        })
        .unwrap()
    };
    let ended = std::process::Command::new("ssh")
        .args(["-O", "exit", "-S"])
        .arg(socket)
        .arg("x")
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(ended.success());
    let mut again = links.stream(&target, "127.0.0.1", port).await.unwrap();
    assert_eq!(say(&mut again, "b").await, "B");
    links.close().await;
}
