import { readFileSync, writeFileSync } from 'node:fs'
import { rawCodec } from '../rows/codec.mjs'
import { shipped } from './place.mjs'
import { json } from './texts.mjs'

const [direction, mode, side] = process.argv.slice(2)
const codec = await shipped('src/index.js')
const keys = codec.keyRing([Buffer.alloc(32, 7).toString('base64')])
const [compressed, encrypted] = [mode.includes('z'), mode.includes('e')]
const raw = rawCodec(compressed, encrypted, false)
const limit = { size: 2 ** 31, unit: 'utf8-bytes' }
const options = {
  to: 'deploy',
  from: 'ci',
  limit,
  compress: compressed ? 'always' : 'never',
  ...(encrypted ? { keys } : {}),
}
const flags = { compressed, encrypted }

// Both ways once with little: code and pools are not what is measured.
const small = json(4096)
const { frames: warm } = await codec.encode(small, options)
await codec.decode(payloadOf(warm[0]), flags, { keys })
raw.decode(raw.encode(small))

// Made outside, so that making it raises no mark here.
const text = json(10 * 2 ** 20)
const input = direction === 'encode' ? text : raw.encode(text)
const payload = direction === 'encode' ? text : payloadOf(input[0])
globalThis.gc()
globalThis.gc()
const before = process.memoryUsage.rss()
resetHighWater()
if (side === 'raw') direction === 'encode' ? raw.encode(text) : raw.decode(input)
else if (direction === 'encode') await codec.encode(text, options)
else await codec.decode(payload, flags, { keys })
process.stdout.write(String(Math.max(0, highWater() - before)))

/** Linux forgets the mark of before on request; elsewhere it stays, and was lower. */
function resetHighWater() {
  if (process.platform === 'linux') writeFileSync('/proc/self/clear_refs', '5')
}

function highWater() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024
}

function payloadOf(frame) {
  return Buffer.from(frame.slice(frame.indexOf(':', 17) + 1)).toString('latin1')
}
