//! What runs: a stranger at the port, a service that is up and does not listen, few open files.

use crate::ground::{Ground, runs_as_root};
use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::{SystemTime, UNIX_EPOCH};

/// A process that stands for a service, and the status that a supervisor would write for it.
struct Pretended(Child);

impl Pretended {
    fn service(ground: &Ground, name: &str) -> Pretended {
        let directory = ground.root.join("service").join(name);
        let mut sleep = ground.command(std::path::Path::new("sleep"));
        let child = sleep.arg("60").current_dir(&directory).spawn().unwrap();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 100;
        let mut status = ((1_u64 << 62) + 10 + since).to_be_bytes().to_vec();
        status.extend([0; 4]);
        status.extend(child.id().to_le_bytes());
        status.extend([0, b'u']);
        fs::create_dir_all(directory.join("supervise")).unwrap();
        fs::write(directory.join("supervise/status"), status).unwrap();
        Pretended(child)
    }
}

impl Drop for Pretended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_stranger_at_our_port_is_an_error() {
    let ground = Ground::new(runs_as_root());
    let stranger = TcpListener::bind(("127.0.0.1", ground.port)).unwrap();
    let comm = fs::read_to_string("/proc/self/comm").unwrap();
    let (port, pid) = (ground.port, std::process::id());
    let out = format!(
        "service/tcpserver: error: port {port} at 127.0.0.1 is in use by {} (process {pid})\n    stop that, or choose another port or address: stafett-setup {} --port N\n",
        comm.trim_end(),
        ground.root.display()
    );
    ground.says(&[], 100, &out);
    drop(stranger);
    ground.says(&[], 0, "");
}

#[test]
fn a_service_that_is_up_and_does_not_listen_is_a_warning() {
    for ground in Ground::all() {
        let _listener = Pretended::service(&ground, "tcpserver");
        let _queued = Pretended::service(&ground, "queued");
        let out = format!(
            "service/tcpserver: warning: is up, but nobody listens at 127.0.0.1 port {}\n    log/tcpserver/current says why\nrun/queue/socket: warning: nobody listens here, though the service queued is up\n    log/queued/current says why\n",
            ground.port
        );
        ground.says(&[], 1, &out);
    }
}

#[test]
fn a_status_that_nobody_stands_behind_is_not_believed() {
    for ground in Ground::all() {
        let ended = Pretended::service(&ground, "queued");
        drop(ended);
        ground.says(&[], 0, "");
    }
}

#[test]
fn too_few_open_files_are_a_warning() {
    for ground in Ground::all() {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -Sn 128; exec \"$@\"", "sh"]);
        let inner = ground.command(&ground.bin.join("stafett-check"));
        command.arg(inner.get_program()).args(inner.get_args()).arg(&ground.root);
        let answer = crate::ground::answer(command);
        assert_eq!(answer.code, 1, "{answer:?}");
        assert!(answer.out.contains("control/concurrencyincoming: warning: 200 connections need 232 open files, but tcpserver may have 128\n    put \"ulimit -n 232\" in service/tcpserver/run, or lower the number\n"), "{answer:?}");
    }
}
