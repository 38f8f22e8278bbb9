#!/usr/bin/env python3
"""Measures the node: sync speed, memory, size and cost of a seal.

    scripts/bench-chain.py [BLOCKS]        after scripts/build.sh; default 1500 blocks

Starts a development chain whose blocks come every 20 ms, lets a worker seal BLOCKS blocks, then starts
a second node that syncs them over loopback. Standard library only; loopback only; cleans up.
"""
import json, os, re, signal, subprocess, sys, tempfile, time, urllib.request

TARGET = os.environ.get("CARGO_TARGET_DIR") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "quern/target")
BIN = os.path.join(TARGET, "release")
ALICE = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"


def binary(name):
    return os.path.join(BIN, name)


class Node:
    def __init__(self, folder, spec, *options):
        os.makedirs(folder)
        self.log = open(os.path.join(folder, "log"), "w")
        self.process = subprocess.Popen(
            [binary("quern-node"), "--chain", spec, "--base-path", folder, "--rpc-port", "0",
             "--no-prometheus", "--no-mdns", "--listen-addr", "/ip4/127.0.0.1/tcp/0", *options],
            stdout=self.log, stderr=subprocess.STDOUT)
        self.address = self.wait(r"JSON-RPC server: addr=(127\.0\.0\.1:\d+)")

    def wait(self, pattern, seconds=60):
        for _ in range(seconds * 10):
            match = re.search(pattern, open(self.log.name).read())
            if match:
                return match[1]
            time.sleep(0.1)
        sys.exit(f"the node's log has no {pattern}:\n{open(self.log.name).read()[-2000:]}")

    def call(self, method, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(f"http://{self.address}", body, {"Content-Type": "application/json"})
        answer = json.load(urllib.request.urlopen(request))
        if "error" in answer:
            sys.exit(f"{method}: {answer['error']}")
        return answer["result"]

    def height(self):
        return int(self.call("chain_getHeader")["number"], 16)

    def resident_mib(self):
        status = open(f"/proc/{self.process.pid}/status").read()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def seconds(repeats, work):
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) / repeats


def seal_of(header):
    """The seal's bytes: digest item 5 (seal) of engine `pow_`, found by id."""
    for item in header["digest"]["logs"]:
        data = bytes.fromhex(item[2:])
        if data[0] == 5 and data[1:5] == b"pow_":
            mode = data[5] & 3                              # SCALE compact length
            return data[[6, 7, 9][mode]:]


def main():
    blocks = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    with tempfile.TemporaryDirectory(prefix="quern-bench.") as folder:
        spec = json.loads(subprocess.check_output(
            [binary("quern-node"), "export-chain-spec", "--chain", "dev"], stderr=subprocess.DEVNULL))
        spec["genesis"]["runtimeGenesis"]["patch"]["difficulty"].update(intervalMs=20, floor=1, initial=10**9)
        path = os.path.join(folder, "spec.json")
        json.dump(spec, open(path, "w"))
        first = Node(os.path.join(folder, "first"), path, "--node-key", "1".zfill(64), "--alice", "--author", "0x" + ALICE)
        worker = subprocess.Popen(
            [binary("quern-worker"), "--dev", "--node", f"ws://{first.address}", "--data-dir", os.path.join(folder, "worker")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        second = None
        try:
            while first.height() < blocks:
                time.sleep(0.2)
            worker.send_signal(signal.SIGTERM)
            worker.wait()
            time.sleep(2)
            height = first.height()
            print(f"resident after {height} blocks: {first.resident_mib():.0f} MiB")

            head = first.call("chain_getBlockHash", height)
            header = first.call("chain_getHeader", head)
            seal = seal_of(header)
            print(f"seal: {len(seal)} bytes ({len(seal) / 1024:.1f} KiB)")
            check = lambda: first.call(
                "state_call", "WorkApi_verify_seal",
                "0x" + bytes(64).hex() + ALICE + scale_bytes(seal).hex(), header["parentHash"])
            empty = lambda: first.call("state_call", "WorkApi_difficulty", "0x", header["parentHash"])
            check(), empty()
            with_check, without = seconds(200, check), seconds(200, empty)
            print(f"seal check through the runtime and RPC: {1e3 * with_check:.2f} ms; "
                  f"an empty call: {1e3 * without:.2f} ms; difference {1e3 * (with_check - without):.2f} ms")

            peer = first.call("system_localPeerId")
            port = first.call("system_localListenAddresses")[0].split("/tcp/")[1].split("/")[0]
            start = time.perf_counter()
            second = Node(os.path.join(folder, "second"), path, "--bootnodes", f"/ip4/127.0.0.1/tcp/{port}/p2p/{peer}")
            begun = None
            while second.height() < height:
                if begun is None and second.height() > 0:
                    begun = time.perf_counter(), second.height()
                time.sleep(0.02)
            end = time.perf_counter()
            since, had = begun or (start, 0)
            print(f"sync: {height} blocks in {end - start:.1f} s from the process's start; "
                  f"{(height - had) / (end - since):.0f} blocks/s once begun")
            assert second.call("chain_getBlockHash", height) == head
        finally:
            for process in (worker, first.process, second and second.process):
                if process and process.poll() is None:
                    process.terminate()
                    process.wait()


def scale_bytes(data):
    n = len(data)
    head = bytes([n << 2]) if n < 64 else (n << 2 | 1).to_bytes(2, "little") if n < 2**14 else (n << 2 | 2).to_bytes(4, "little")
    return head + data


if __name__ == "__main__":
    main()
