import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt, run, start } from './run.js'

const folder = mkdtempSync(join(tmpdir(), 'wgrok-validate-'))

beforeAll(ensureBuilt)
afterAll(() => rmSync(folder, { recursive: true }))

function validate(stdin: string | Uint8Array, ...args: string[]) {
  return run(['validate', ...args], { stdin })
}

describe('wgrok validate', () => {
  it('says what a registration lacks and exits 1', async () => {
    const { code, stdout } = await validate('{"type":"register"}\n', '--message', 'BridgeRegister')
    expect(stdout).toBe('line 1: BridgeRegister is invalid: /platform: expected a value, got nothing\n')
    expect(code).toBe(1)
  })

  it('gives every line its verdict, with its number', async () => {
    const lines = [
      '{"type":"message","content":"hi"}',
      '',
      '{"type":"message","content":5}',
      '{"type":"regster"}',
      'not json',
      '[]',
    ]
    const { code, stdout } = await validate(`${lines.join('\n')}\n`)
    expect(stdout.split('\n')).toEqual([
      'line 1: BridgeMessage is valid',
      'line 3: BridgeMessage is invalid: /content: expected a string, got number',
      'line 4: BridgeEnvelope is invalid: /type: expected one of register, message, reply, event, error, got "regster"',
      'line 5: BridgeEnvelope is invalid: expected JSON, got text that is none',
      'line 6: BridgeEnvelope is invalid: expected an object, got array',
      '',
    ])
    expect(code).toBe(1)
  })

  it('tells frames by their prefix, and reads their flags', async () => {
    const lines = [
      './echo:deploy:ci:z2/5:H4s',
      './echo:deploy:ci:z6/5:H4s',
      './echo:deploy:ci',
      './pause',
      './jira:list',
    ]
    const { stdout } = await validate(lines.join('\r\n'))
    expect(stdout.split('\n').slice(0, 5)).toEqual([
      'line 1: Echo is valid',
      expect.stringMatching(/^line 2: Echo is invalid: \/flags: expected /),
      'line 3: Echo is invalid: expected ./echo:{to}:{from}:{flags}:{payload}, got frame-malformed',
      'line 4: Pause is valid',
      'line 5: AppCommand is valid',
    ])
  })

  it('never prints what a secret field holds', async () => {
    const { stdout } = await validate('{"type":"register","platform":"a","token":["hunter2"]}\n')
    expect(stdout).toContain('/token: expected a string, got array')
    expect(stdout).not.toContain('hunter2')
  })

  it('reads one document over many lines, from a file', async () => {
    const file = join(folder, 'one.json')
    writeFileSync(file, JSON.stringify({ type: 'event', event: 7 }, null, 2))
    const { code, stdout } = await run(['validate', '--json', file])
    expect(JSON.parse(stdout)).toEqual({
      line: 1,
      name: 'BridgeEvent',
      valid: false,
      errors: [{ pointer: '/event', expected: 'a string', got: 'number' }],
    })
    expect(code).toBe(1)
  })

  it('judges line by line what only looks like the beginning of a document', async () => {
    const { stdout } = await validate('{"type":\n{"type":"message"}\n')
    expect(stdout.split('\n').map(line => line.slice(0, 8))).toEqual(['line 1: ', 'line 2: ', ''])
  })

  it('rejects bytes that are not UTF-8 instead of repairing them', async () => {
    const bytes = Buffer.concat([
      Buffer.from('{"type":"message","content":"'),
      Buffer.from([0xff]),
      Buffer.from('"}\n'),
    ])
    const { code, stdout } = await validate(bytes)
    expect(stdout).toBe('line 1: document is invalid: expected UTF-8, got bytes that are not\n')
    expect(code).toBe(1)
  })

  it('makes control characters of the input visible', async () => {
    const { stdout } = await validate('{"type":"\\u001b[2J"}\n')
    expect(stdout).not.toContain('\u001b')
    expect(stdout).toContain('got "\\u001b[2J"')
  })

  it('prints only what is invalid with --quiet', async () => {
    const good = await validate('{"type":"message"}\n', '--quiet')
    expect(good).toEqual({ code: 0, stdout: '', stderr: '' })
    const bad = await validate('{"type":"message"}\n{}\n', '--quiet')
    expect(bad.stdout).toMatch(/^line 2: [^\n]+\n$/)
    expect(bad.code).toBe(1)
  })

  it('answers each line of a pipe that stays open', async () => {
    const running = start(['validate'], { keepStdin: true })
    running.child.stdin?.write('{"type":"message"}\n')
    await running.until(/line 1: BridgeMessage is valid/)
    running.child.stdin?.end('{}')
    expect((await running.ended).code).toBe(1)
  })

  it('takes any message and any schema of the spec', async () => {
    expect((await validate('./echo:a:b:-:x', '--message', 'Echo')).code).toBe(0)
    expect((await validate('{"text":"./echo:a:b:-:x"}', '--message', 'WebhookRequest')).code).toBe(1)
    const schema = await validate('{"platform":"fax","token":"t","slug":"s"}', '--schema', 'SenderConfig')
    expect(schema.stdout).toMatch(/^line 1: SenderConfig is invalid: \/platform: expected one of webex, /)
  })

  it('lists messages and schemas', async () => {
    const { code, stdout } = await run(['validate', '--list', '--json'])
    const { messages, schemas } = JSON.parse(stdout)
    expect(messages).toContainEqual(
      expect.objectContaining({ name: 'BridgeRegister', contentType: 'application/json' }),
    )
    expect(schemas).toContain('BotConfig')
    expect(code).toBe(0)
  })

  it('exits 2 on an unknown name, an unreadable file, an empty input and contradicting options', async () => {
    const unknown = await validate('{}', '--message', 'bridgereg')
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toContain('BridgeRegister')
    expect((await validate('{}', '--message', 'constructor')).code).toBe(2)
    expect((await validate('{}', '--schema', '__proto__')).code).toBe(2)
    expect((await run(['validate', join(folder, 'absent')])).code).toBe(2)
    expect((await run(['validate', folder])).code).toBe(2)
    expect((await validate('')).code).toBe(2)
    expect((await validate('{}', '--message', 'Echo', '--schema', 'Echo')).code).toBe(2)
  })
})
