/**
 * Commands that try a sandbox's way out from inside: what must be refused, and one name that must not be.
 */

/** Asks the proxy by its first line and yields the status of its answer. */
const ask = `
import os, socket
port = int(os.environ["http_proxy"].rsplit(":", 1)[1])
def ask(line):
    with socket.create_connection(("127.0.0.1", port), timeout=8) as s:
        s.sendall(f"{line} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n".encode())
        return (s.recv(64).decode("latin1").split(" ") + ["", "nothing"])[1] or "nothing"
`;

const program = (source: string): string => `python3 -IS - <<'END'\n${ask}${source}\nEND`;

/** Prints `ok` where addresses and local names are refused and nothing leaves beside the proxy, else what was found. */
export const refusalProof: string = program(`
found = []
for target in ("169.254.169.254:443", "127.0.0.1:443", "10.0.0.1:443", "[::1]:443", "0x7f.1:443", "localhost:443"):
    status = ask(f"CONNECT {target}")
    if status not in ("400", "403"): found.append(f"{target} was answered {status}")
status = ask("GET http://169.254.169.254/")
if status not in ("400", "403"): found.append(f"plain 169.254.169.254 was answered {status}")
for address in ("169.254.169.254", "10.0.0.1", "1.1.1.1"):
    try: socket.create_connection((address, 80), timeout=1).close(); found.append(f"a socket to {address}")
    except OSError: pass
print("found " + ", ".join(found) if found else "ok")`);

/** Prints `ok` where a tunnel to `name:port` opens, else what was answered. */
export const reachProof = (target: string): string =>
  program(`
status = ask("CONNECT ${target}")
print("ok" if status == "200" else f"answered {status}")`);

/** Prints which addresses that no public name has answer a sandbox with an interface, one that refuses a port too. */
export const bridgeProof: string = `python3 -IS - <<'END'
import errno, socket
def routes():
    with open("/proc/net/route") as table:
        for line in table.read().splitlines()[1:]:
            fields = line.split()
            if fields[1] == "00000000": yield socket.inet_ntoa(int(fields[2], 16).to_bytes(4, "little"))
targets = [("the metadata address 169.254.169.254", "169.254.169.254")]
targets += [(f"this machine at {gateway}", gateway) for gateway in routes()]
found = []
for name, address in targets:
    try: socket.create_connection((address, 80), timeout=2).close(); found.append(name)
    except ConnectionRefusedError: found.append(name)
    except OSError: pass
print(", ".join(found) if found else "none of the addresses that were tried")
END`;
