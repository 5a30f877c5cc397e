"""The terminal as a chat platform. See ../README.md."""

import os
import sys

from bridge_client import BridgeClient

ROOM = "lobby"


def show(text, end="\n"):
    print(text, end=end, flush=True)


def on_message(envelope):
    show(f"bot: {envelope.get('content', '')}")
    return {"status": "delivered", "task_id": envelope.get("task_id")}


def on_event(envelope):
    name = envelope["event"]
    if name == "typing":
        show("bot is typing")
    elif name == "stream_start":
        show("bot: ", end="")
    elif name == "stream_chunk":
        show((envelope.get("data") or {}).get("content", ""), end="")
    elif name == "stream_end":
        show("")


def main():
    url = os.environ.get("WGROK_TOKEN")
    if not url:
        sys.exit("set WGROK_TOKEN=ws://terminal:token@host:port")
    client = BridgeClient(url, capabilities=["text", "typing"])
    client.on_message = on_message
    client.on_reply = lambda envelope: show(f"bot: {envelope.get('content', '')}")
    client.on_event = on_event
    client.on_error = lambda envelope: print(f"refused: {envelope.get('message')}", file=sys.stderr, flush=True)
    client.on_state = lambda state: print(state, file=sys.stderr, flush=True)
    client.start()
    for line in sys.stdin:
        user, colon, text = line.partition(":")
        if not colon or not user.strip():
            continue
        client.send(
            {
                "type": "message",
                "platform": "terminal",
                "session_key": f"terminal:{ROOM}",
                "content": text.strip(),
                "metadata": {"user_id": user.strip(), "room_id": ROOM, "platform": "terminal"},
            }
        )
    client.close()


if __name__ == "__main__":
    main()
