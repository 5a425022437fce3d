#!/usr/bin/env bash
# Damaged HTTP and WebSocket bytes against a whole hub, always the same ones: it stays, and serves
# others meanwhile.
# shellcheck source=tests/hub/lib_hub.sh
source "$(dirname "$0")/lib_hub.sh"
for tool in curl python3; do
  command -v $tool >/dev/null || { echo "no $tool here: skipped"; exit 0; }
done
printf '{"token": "token-of-the-writer", "room": "notes", "access": "write"}\n' >tokens
hub --tokens tokens --rate 0 --max-frame 100000
cat >hostile.py <<'PYTHON'
import os, random, socket, struct, sys

port, rounds, seed = map(int, sys.argv[1:])
rng = random.Random(seed)
AUTH = b'Authorization: Bearer token-of-the-writer\r\n'
UPGRADE = (b'GET /v1/rooms/notes HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
           b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n' + AUTH + b'\r\n')
REQUESTS = [
    b'GET /v1/rooms/notes/changesets?have=00ff&at=x HTTP/1.1\r\nHost: h\r\n' + AUTH + b'\r\n',
    b'POST /v1/rooms/notes/changesets HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n' + AUTH + b'\r\nTRIB' + bytes(16),
    b'GET /v1/rooms/notes/snapshot HTTP/1.1\r\nHost: h\r\nRange: bytes=0-9\r\nIf-Range: "x"\r\n' + AUTH + b'\r\n',
    b'GET /v1/rooms/notes/wait?token=AQ&timeout=0 HTTP/1.0\r\n' + AUTH + b'\r\n',
    b'POST /v1/rooms/x/schema HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', b'HEAD /healthz HTTP/1.1\r\nHost: h\r\n\r\n' * 3, UPGRADE]
HELLO = b'TRIB\x01\x16\x00\x00' + struct.pack('<III', 64, 0, 0)

def damage(data):
    data = bytearray(data)
    for _ in range(rng.randrange(5)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0 and at < len(data): data[at] = rng.randrange(256)
        elif kind == 1: data[at:at] = rng.randbytes(rng.randrange(9))
        elif kind == 2: del data[at:at + rng.randrange(30)]
        elif kind == 3: data[at:at] = data[:rng.randrange(60)]
        elif kind == 4: data[at:at] = rng.choice([b'%00', b'%', b'../', b'\r\n', b'A' * 20000, b'?', b'=', b'&' * 50])
    return bytes(data)

def frame():
    payload = rng.choice([b'', HELLO, HELLO + rng.randbytes(80), rng.randbytes(rng.randrange(300)),
                          b'CREATE TABLE t(a PRIMARY KEY NOT NULL)', bytes(70000)])
    size = len(payload) if rng.random() < .8 else rng.choice([0, 5, 126, 70000, 2**31, 2**63, 2**64 - 1])
    head = bytes([rng.choice([0x82, 0x81, 0x02, 0x80, 0x88, 0x89, 0x8a, 0xff, rng.randrange(256)])])
    masked = 0x80 if rng.random() < .9 else 0
    if size < 126: head += bytes([masked | size])
    elif size < 65536: head += bytes([masked | 126]) + struct.pack('>H', size)
    else: head += bytes([masked | 127]) + struct.pack('>Q', size)
    return head + (bytes(4) if masked else b'') + payload

for n in range(rounds):
    s = socket.create_connection(('127.0.0.1', port))
    s.settimeout(0.02)
    try:
        if n % 2: s.sendall(damage(rng.choice(REQUESTS)))
        else: s.sendall(UPGRADE + b''.join(frame() for _ in range(rng.randrange(6))))
        if rng.random() < .5: s.recv(4096)
    except OSError:
        pass
    s.close()
PYTHON
python3 hostile.py "$port" "${ROUNDS:-600}" "${SEED:-1}" || fail 'the script ended'
kill -0 "$hub" || fail "the hub is gone: $(tail -n 3 hub.log)"
is "$(get /healthz)" 200
replicas a.db
sql a.db "INSERT INTO note VALUES(1, 'one', NULL, NULL)"
echo token-of-the-writer >token
expect 1 sync a.db "$url/after" --token-file token
is "$(compgen -G 'rooms/*.db' | grep -cv '/notes.db')" 0
stop_hub
is "$(($(grep -c session_begin hub.log) > 100))" 1
finish
