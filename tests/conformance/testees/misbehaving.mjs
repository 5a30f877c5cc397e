// A testee in plain Node that misbehaves in the way that its first argument says, at the case that is its third one.
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const [how, file] = process.argv.slice(2)
const say = value => process.stdout.write(`${typeof value === 'string' ? value : JSON.stringify(value)}\n`)
const HELLO = {
  protocol: 1,
  impl: { name: `misbehaving-${how}`, language: 'javascript', version: '0' },
  specs: ['1.0'],
  ops: ['frame.isEcho', 'control.isPause', 'control.isResume'],
  features: [],
}
const DEEDS = {
  crash: () => process.exit(7),
  abort: () => process.kill(process.pid, 'SIGKILL'),
  throw: () => {
    throw new Error('the testee is broken')
  },
  hang: () => {},
  spin: () => {
    for (;;);
  },
  garbage: () => say('Traceback (most recent call last):'),
  binary: () => process.stdout.write(Buffer.from([0xff, 0xfe, 0x0a])),
  oversize: () => process.stdout.write('x'.repeat(5 * 1024 * 1024)),
  'oversize-answer': ({ seq }) => say({ seq, ok: 'x'.repeat(5 * 1024 * 1024) }),
  'wrong-seq': ({ seq }) => say({ seq: seq + 1, ok: true }),
  'no-verdict': ({ seq }) => say({ seq }),
  'two-verdicts': ({ seq }) => say({ seq, ok: true, error: { code: 'x' } }),
  chatty: ({ seq, op, input }) => {
    say({ seq, ok: answer(op, input) })
    say('debug: done')
  },
  orphan: () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
    writeFileSync(file, String(child.pid))
    process.exit(1)
  },
  'ignores-stop': ({ seq, op, input }) => say({ seq, ok: answer(op, input) }),
}

function answer(op, { text }) {
  if (op === 'frame.isEcho') return text.startsWith('./echo:')
  return text.trim() === (op === 'control.isPause' ? './pause' : './resume')
}

if (how === 'crash-at-start') process.exit(1)
if (how === 'ignores-stop') process.on('SIGTERM', () => {})
if (how === 'ignores-stop') setInterval(() => {}, 1000)
let cases = 0
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  if (request.cmd === 'stop') {
    if (how === 'ignores-stop') continue
    break
  }
  if (request.cmd === 'hello') say(how === 'rude' ? { hi: true } : HELLO)
  else if (++cases % 3 === 0 && how !== 'good') DEEDS[how](request)
  else say({ seq: request.seq, ok: answer(request.op, request.input) })
}
