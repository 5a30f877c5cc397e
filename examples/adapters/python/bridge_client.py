"""A client of the Bridge Wire Protocol on the Python standard library alone (3.9 and later).

It speaks just enough of RFC 6455: one connection, text frames, ping and pong, close. Reading happens in a thread of its
own; handlers are called there. `send` may be called from any thread and waits until the client is registered; called by
a handler, it fails with the connection instead.
"""

import base64
import hashlib
import json
import os
import random
import socket
import ssl
import struct
import threading
import time
from urllib.parse import quote, unquote, urlsplit

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
LARGEST_ENVELOPE = 1048576
SILENCE = 60  # seconds; the server pings every 30


class Refused(Exception):
    """The server refuses for a reason that does not go away."""


class WebSocket:
    """One client connection. `recv` and `send` take and give text."""

    def __init__(self, url, token):
        parts = urlsplit(url)
        secure = parts.scheme == "wss"
        host, port = parts.hostname, parts.port or (443 if secure else 80)
        self._socket = socket.create_connection((host, port), timeout=SILENCE)
        if secure:
            context = ssl.create_default_context()
            self._socket = context.wrap_socket(self._socket, server_hostname=host)
        self._buffer = b""
        self._lock = threading.Lock()
        try:
            self._handshake(f"{host}:{port}", parts.path, token)
        except BaseException:
            self._socket.close()
            raise

    def _handshake(self, host, path, token):
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            (
                f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n"
            ).encode()
        )
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > 65536:
                raise ConnectionError("the answer to the handshake does not end")
            self._fill()
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        status, *lines = head.decode("latin-1").split("\r\n")
        code = int(status.split(" ")[1])
        if code in (400, 401, 403, 404):
            raise Refused(f"the bridge answers the handshake with {code}")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        if code != 101 or headers.get("sec-websocket-accept") != accept:
            raise ConnectionError(f"the handshake failed with {code}")

    def recv(self):
        """The next text; None when the server closes."""
        parts = []
        while True:
            opcode, final, payload = self._frame()
            if opcode == PING:
                self._write(PONG, payload)
            elif opcode == CLOSE:
                self.close(payload[:2])
                return None
            elif opcode == BINARY:
                raise ConnectionError("binary frames are not in the protocol")
            elif opcode != PONG:
                parts.append(payload)
                if sum(map(len, parts)) > LARGEST_ENVELOPE:
                    raise ConnectionError("the envelope is too large")
                if final:
                    return b"".join(parts).decode("utf-8")

    def send(self, text):
        self._write(TEXT, text.encode("utf-8"))

    def close(self, payload=struct.pack("!H", 1000)):
        try:
            self._write(CLOSE, payload)
        except OSError:
            pass
        self._socket.close()

    def drop(self):
        """Ends the connection without a word, for whoever waits in recv."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _frame(self):
        first, second = self._take(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self._take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._take(8))
        if second & 0x80 or length > LARGEST_ENVELOPE:
            raise ConnectionError("the frame is masked or too large")
        return first & 0x0F, bool(first & 0x80), self._take(length)

    def _write(self, opcode, payload):
        length = len(payload)
        if length < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | length)
        elif length < 65536:
            head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, length)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, length)
        mask = os.urandom(4)
        # One big integer instead of a loop over bytes.
        key = (mask * (length // 4 + 1))[:length]
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")
        with self._lock:
            self._socket.sendall(head + mask + masked)

    def _take(self, count):
        while len(self._buffer) < count:
            self._fill()
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _fill(self):
        chunk = self._socket.recv(65536)
        if not chunk:
            raise ConnectionError("the connection ended")
        self._buffer += chunk


class BridgeClient:
    """Joins a bridge at `ws://platform:token@host:port` and stays connected.

    `on_message(envelope)` may return fields of a reply. `on_reply`, `on_event` and `on_error` get the envelope, and
    `on_state` gets 'connected' or 'disconnected'.
    """

    def __init__(self, url, capabilities=("text",)):
        parts = urlsplit(url)
        self.platform = unquote(parts.username or "")
        self._token = unquote(parts.password or "")
        port = f":{parts.port}" if parts.port else ""
        self._url = f"{parts.scheme}://{parts.hostname}{port}/bridge/v1/{quote(self.platform, safe='')}"
        self._capabilities = list(capabilities)
        self._socket = None
        self._live = threading.Event()
        self._closed = False
        self.failure = None
        self.on_message = self.on_reply = self.on_event = self.on_error = self.on_state = lambda _: None

    def start(self):
        """Connects in the background."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def send(self, envelope):
        """Sends one envelope; empty fields are left out."""
        text = json.dumps({field: value for field, value in envelope.items() if value not in (None, "", [], {})})
        if threading.current_thread() is self._thread:
            # A handler: whoever waits here for a connection would wait for itself.
            self._socket.send(text)
            return
        while True:
            self._live.wait()
            if self.failure is not None:
                raise self.failure
            if self._closed:
                raise ConnectionError("the client is closed")
            socket_ = self._socket
            try:
                socket_.send(text)
                return
            except OSError:
                # The next connection takes it.
                if self._socket is socket_:
                    self._live.clear()
                socket_.drop()

    def close(self):
        self._closed = True
        if self._socket is not None:
            self._socket.close()
        self._live.set()

    def _run(self):
        attempt = 0
        while not self._closed:
            try:
                self._socket = WebSocket(self._url, self._token)
                self._register()
                attempt = 0
                self._live.set()
                self.on_state("connected")
                while (text := self._socket.recv()) is not None:
                    self._hear(text)
            except Refused as error:
                self.failure = error
                self._live.set()
                return
            except (OSError, ValueError):
                if self._socket is not None:
                    self._socket.drop()
            if self._closed:
                return
            self._live.clear()
            self.on_state("disconnected")
            time.sleep(random.uniform(0, min(30, 0.5 * 2**attempt)))
            attempt = min(attempt + 1, 10)

    def _register(self):
        register = {"type": "register", "platform": self.platform, "capabilities": self._capabilities}
        self._socket.send(json.dumps(register))
        answer = json.loads(self._socket.recv() or "{}")
        if answer.get("type") == "error":
            raise Refused(answer.get("message", "the registration was refused"))
        if answer.get("type") != "reply":
            raise ConnectionError("the registration was not confirmed")

    def _hear(self, text):
        envelope = json.loads(text)
        kind = envelope.get("type")
        if kind == "message":
            fields = self.on_message(envelope)
            if fields:
                self.send({"type": "reply", "session_key": envelope.get("session_key"), **fields})
        elif kind in ("reply", "event", "error"):
            getattr(self, f"on_{kind}")(envelope)
