//! Where the address and the root key come from, and where they never go.

use std::net::{TcpListener, TcpStream};

use edge_core::testing::Memory;

use crate::api::admin_api;
use crate::program::{Program, end, keyctl};
use crate::server::{ROOT_KEY, Reply, Server};

#[test]
fn the_local_run_is_found_in_the_working_directory() {
    let server = admin_api(Memory::default());
    let program = Program::new();
    program.write(
        ".dev/env",
        &format!(
            "EDGE_URL={}\nAPI_KEY=wk_x\nADMIN_TOKEN={ROOT_KEY}\n",
            server.url()
        ),
    );
    let ended = end(program.bare().arg("list"));
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn a_root_key_can_come_from_a_file_and_goes_before_the_variable() {
    let server = admin_api(Memory::default());
    let program = Program::new();
    let file = program.write("root-key", &format!("{ROOT_KEY}\n"));
    let ended = end(program
        .bare()
        .env("ADMIN_TOKEN", "another")
        .args(["list", "--url", &server.url(), "--token-file"])
        .arg(&file));
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn without_an_address_or_a_root_key_nothing_is_sent_and_the_way_out_is_told() {
    let server = admin_api(Memory::default());
    let program = Program::new();
    let no_url = end(program.bare().env("ADMIN_TOKEN", ROOT_KEY).arg("list"));
    assert_eq!(no_url.code, 2);
    assert!(no_url.stderr.contains("EDGE_URL"), "{no_url:?}");
    let no_key = end(program.bare().args(["list", "--url", &server.url()]));
    assert_eq!(no_key.code, 2);
    assert!(no_key.stderr.contains("ADMIN_TOKEN"), "{no_key:?}");
    assert!(server.requests().is_empty());
}

#[test]
fn plain_http_to_another_machine_is_refused_before_anything_is_sent() {
    let program = Program::new();
    let ended = end(program.bare().env("ADMIN_TOKEN", ROOT_KEY).args([
        "list",
        "--url",
        "http://192.0.2.1",
    ]));
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("https"), "{ended:?}");
}

#[test]
fn a_redirect_is_not_followed_and_the_root_key_stays_here() {
    let elsewhere = admin_api(Memory::default());
    for status in [301, 302, 303, 307, 308] {
        let target = format!("{}/admin/keys", elsewhere.url());
        let server = Server::start(move |_| Reply::Answer {
            status,
            headers: vec![("location", target.clone())],
            body: Vec::new(),
        });
        for args in [["list", "--json"], ["create", "--name=a"]] {
            let ended = keyctl(&server, &args);
            assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{ended:?}");
            assert!(ended.stderr.contains("redirect"), "{ended:?}");
        }
    }
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn a_proxy_of_the_environment_gets_nothing_of_what_stays_on_this_machine() {
    let proxy = Server::answering(502, "");
    let server = admin_api(Memory::default());
    let program = Program::new();
    let mut command = program.bare();
    for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env(name, proxy.url());
    }
    let ended = end(command
        .env("EDGE_URL", server.url())
        .env("ADMIN_TOKEN", ROOT_KEY)
        .arg("list"));
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(proxy.requests().is_empty());
}

#[test]
fn an_edge_that_is_not_there_is_exit_code_3() {
    // The near end of a connection: its port is taken, and nobody listens there.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let address = connection.local_addr().unwrap();
    let program = Program::new();
    let ended = end(program.bare().env("ADMIN_TOKEN", ROOT_KEY).args([
        "create",
        "--name",
        "a",
        "--url",
        &format!("http://{address}"),
    ]));
    assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{ended:?}");
    // Nothing was sent, so nothing can have been made.
    assert!(!ended.stderr.contains("unknown"), "{ended:?}");
}

#[test]
fn an_edge_that_never_answers_is_left_after_the_timeout() {
    let server = Server::start(|_| Reply::Silence);
    let ended = keyctl(&server, &["list", "--timeout", "1s"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{ended:?}");
    assert!(ended.stderr.contains("did not answer"), "{ended:?}");
}
