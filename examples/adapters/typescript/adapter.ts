import { createInterface } from 'node:readline'
import { BridgeClient } from 'wgrok/bridge'

const ROOM = 'lobby'
const url = process.env['WGROK_TOKEN']
if (url === undefined) {
  console.error('set WGROK_TOKEN=ws://terminal:token@host:port')
  process.exit(2)
}

const client = new BridgeClient({ url, capabilities: ['text', 'typing'] })

client
  .onMessage(message => {
    console.log(`bot: ${message.content ?? ''}`)
    return { status: 'delivered', ...(message.task_id === undefined ? {} : { task_id: message.task_id }) }
  })
  .onReply(reply => {
    console.log(`bot: ${reply.content ?? ''}`)
  })
  .onEvent(event => {
    if (event.event === 'typing') console.log('bot is typing')
    if (event.event === 'stream_start') process.stdout.write('bot: ')
    if (event.event === 'stream_chunk') process.stdout.write(textOf(event.data))
    if (event.event === 'stream_end') process.stdout.write('\n')
  })
  .onError(error => {
    console.error(`refused: ${error.message ?? error.code}`)
  })

void (async () => {
  for await (const status of client.status()) {
    if (status.state === 'live') console.error('connected')
    if (status.state === 'reconnecting') console.error(`disconnected, again in ${status.delayMs} ms`)
  }
})()

await client.connect()
for await (const line of createInterface({ input: process.stdin })) {
  const colon = line.indexOf(':')
  if (colon < 1) continue
  await client.sendMessage({
    platform: 'terminal',
    session_key: `terminal:${ROOM}`,
    content: line.slice(colon + 1).trim(),
    metadata: { user_id: line.slice(0, colon).trim(), room_id: ROOM, platform: 'terminal' },
  })
}
await client.close()

function textOf(data: unknown): string {
  const content = typeof data === 'object' && data !== null && 'content' in data ? data.content : ''
  return typeof content === 'string' ? content : ''
}
