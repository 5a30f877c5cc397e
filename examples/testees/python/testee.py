#!/usr/bin/env python3
"""A wgrok conformance testee on the standard library: requests on stdin, answers on stdout, one JSON object per line.

Run it with: wgrok conformance run -- python3 testee.py
With the package `cryptography` it also declares the feature `crypto`.
"""
import base64, binascii, json, re, sys, traceback, zlib

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError:
    AESGCM = None

MAX_BYTES = 64 * 1024 * 1024
LIMITS = {"webex": (7439, "utf8-bytes"), "slack": (3900, "utf16-units"), "discord": (2000, "code-points"),
          "irc": (320, "utf8-bytes"), "bridge": (65536, "utf8-bytes")}
COSTS = {"slack": {"&": 5, "<": 4, ">": 4}}


class Refused(Exception):
    def __init__(self, code):
        self.code = code


# Frames and flags

def parse(text, prefix, fields):
    if not text.startswith(prefix):
        raise Refused("not-a-frame")
    parts = text[len(prefix):].split(":", len(fields) - 1)
    if len(parts) < len(fields):
        raise Refused("frame-malformed")
    if "" in parts[:-1]:
        raise Refused("slug-invalid")
    return dict(zip(fields, parts))


FRAME = ("to", "from", "flags", "payload")
FLAGS = re.compile(r"(z?)(e?)(?:([1-9][0-9]{0,8})/([1-9][0-9]{0,8}))?", re.ASCII)


def parse_flags(text):
    match = FLAGS.fullmatch(text)
    if text == "-":
        return {"compressed": False, "encrypted": False}
    if not match or not text or (match[3] and int(match[3]) > int(match[4])):
        raise Refused("flags-invalid")
    flags = {"compressed": bool(match[1]), "encrypted": bool(match[2])}
    return {**flags, "chunk": {"index": int(match[3]), "total": int(match[4])}} if match[3] else flags


def format_flags(flags):
    chunk = flags.get("chunk")
    text = "z" * flags["compressed"] + "e" * flags["encrypted"]
    return text + (f"{chunk['index']}/{chunk['total']}" if chunk else "") or "-"


def check_slug(slug):
    name = re.sub(r"~[A-Za-z0-9]{6,32}$", "", slug)
    bad = re.search(r"[:\s\ufeff\u2028\u2029\x00-\x1f\x7f-\x9f\ud800-\udfff]", slug)
    if not name or bad or len(name) > 64 or slug.startswith("./"):
        raise Refused("slug-invalid")
    return True


# Who may speak

def fold(text):
    return "".join(c if c == "\u212a" else c.lower() for c in text)


def allows(patterns, principals):
    names = set()
    for pattern in filter(None, (fold(p.strip()) for p in patterns)):
        rest = pattern[2:] if pattern.startswith("*@") else pattern
        user, at, domain = rest.rpartition("@")
        if re.search(r"[\[\]?*\s]", rest) or not domain or (at and (not user or rest != pattern)):
            raise Refused("pattern-invalid")
        names.add(rest)
    for name in map(fold, principals):
        user, at, domain = name.rpartition("@")
        if (name in names and at) or (user and "!" not in name and domain in names):
            return True
    return False


# Codec

def unbase64(text):
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("base64-invalid") from None
    if base64.b64encode(raw).decode() != text:
        raise Refused("base64-invalid")
    return raw


def gunzip(data, limit):
    out = b""
    while data or not out:
        unzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            out += unzip.decompress(data, limit - len(out) + 1)
        except zlib.error:
            raise Refused("gzip-invalid") from None
        if len(out) > limit:
            raise Refused("decompressed-too-large")
        if not unzip.eof:
            raise Refused("gzip-invalid")
        data = unzip.unused_data
        if not data:
            break
    return out


def from_utf8(data):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("utf8-invalid") from None


def ring(keys):
    try:
        found = [unbase64(key.strip()) for key in keys]
    except Refused:
        raise Refused("key-invalid") from None
    if any(len(key) != 32 for key in found):
        raise Refused("key-invalid")
    if not found:
        raise Refused("key-missing")
    return found


def unseal(data, keys):
    for key in ring(keys):
        try:
            return AESGCM(key).decrypt(data[:12], data[12:], None)
        except (InvalidTag, ValueError):
            continue
    raise Refused("decrypt-failed")


def decode(payload, flags, keys=(), maxBytes=MAX_BYTES):
    flags = parse_flags(flags)
    data = None
    if flags["encrypted"]:
        if AESGCM is None:
            raise Refused("unsupported")
        keys = ring(keys)
        data = unseal(unbase64(payload), [base64.b64encode(key).decode() for key in keys])
        # Inside the encryption, gzip is base64 text or, from those who save space, raw.
        if flags["compressed"] and data[:2] != b"\x1f\x8b":
            data = unbase64(from_utf8(data))
    elif flags["compressed"]:
        data = unbase64(payload)
    if flags["compressed"]:
        data = gunzip(data, maxBytes)
    return payload if data is None else from_utf8(data)


def seal(payload, keys):
    from os import urandom
    iv = urandom(12)
    return base64.b64encode(iv + AESGCM(ring(keys)[0]).encrypt(iv, payload.encode(), None)).decode()


def measure(text, unit, costs):
    sizes = {"utf8-bytes": lambda c: len(c.encode()), "utf16-units": lambda c: 1 + (c > "\uffff"), "code-points": lambda c: 1}
    return sum(costs.get(c) or sizes[unit](c) for c in text)


def measure_op(i):
    limit = i.get("limit") or {}
    unit = limit.get("unit") or LIMITS[i["platform"]][1]
    return measure(i["text"], unit, limit.get("costs") or COSTS.get(i.get("platform"), {}))


OPS = {
    "frame.isEcho": lambda i: i["text"].startswith("./echo:"),
    "frame.parseEcho": lambda i: parse(i["text"], "./echo:", FRAME),
    "frame.formatEcho": lambda i: "./echo:" + ":".join(i[field] for field in FRAME),
    "frame.parseResponse": lambda i: parse(i["text"], "", FRAME),
    "frame.formatResponse": lambda i: ":".join(i[field] for field in FRAME),
    "frame.parseAppCommand": lambda i: parse(i["text"], "./", ("app", "payload")),
    "frame.formatAppCommand": lambda i: f"./{i['app']}:{i['payload']}",
    "frame.measure": measure_op,
    "flags.parse": lambda i: parse_flags(i["text"]),
    "flags.format": format_flags,
    "control.isPause": lambda i: i["text"].strip() == "./pause",
    "control.isResume": lambda i: i["text"].strip() == "./resume",
    "slug.check": lambda i: check_slug(i["slug"]),
    "allowlist.allows": lambda i: allows(i["patterns"], i["principals"]),
    "codec.decode": lambda i: decode(**i),
}
if AESGCM:
    OPS["codec.open"] = lambda i: from_utf8(unseal(unbase64(i["text"]), i["keys"]))
    OPS["codec.seal"] = lambda i: seal(i["payload"], i["keys"])


def answer(request):
    if request["cmd"] == "hello":
        impl = {"name": "wgrok-python-example", "language": "python", "version": sys.version.split()[0]}
        return {"protocol": 1, "impl": impl, "specs": ["1.0"], "ops": list(OPS), "features": ["crypto"] if AESGCM else []}
    try:
        return {"seq": request["seq"], "ok": OPS[request["op"]](request["input"])}
    except Refused as refused:
        return {"seq": request["seq"], "error": {"code": refused.code, "text": refused.code}}
    except Exception as error:
        return {"seq": request["seq"], "fault": {"text": repr(error), "trace": traceback.format_exc()}}


for line in sys.stdin.buffer:
    message = json.loads(line)
    if message["cmd"] == "stop":
        break
    print(json.dumps(answer(message)), flush=True)
