import { describe, expect, it } from 'vitest'
import { messagesIn } from '../../src/cli/log-frames.js'
import { wgrok } from '../conformance/support.js'

const LOG = [
  '2026-01-01T00:00:00Z INFO sent ./echo:deploy:ci:-:start now',
  'nothing to see',
  '{"level":"info","msg":"got ./echo:a:b:q:x","n":1}',
  'received {"type":"message","content":5}',
  '{"frame":{"type":"event","event":"typing"}}',
  '  ./pause',
].join('\n')

describe('wgrok validate --log', () => {
  it('judges what is inside the lines and passes over the others', async () => {
    const { code, stdout } = await wgrok(['validate', '--log'], { stdin: LOG })
    expect(stdout.split('\n')).toEqual([
      'line 1: Echo is valid',
      expect.stringMatching(/^line 3: Echo is invalid: \/flags: /),
      'line 4: BridgeMessage is invalid: /content: expected a string, got number',
      'line 5: BridgeEvent is valid',
      'line 6: Pause is valid',
      '',
    ])
    expect(code).toBe(1)
  })

  it('sums up, for people and for programs', async () => {
    const { stdout } = await wgrok(['validate', '--log', '--quiet', '--stats'], { stdin: LOG })
    expect(stdout).toContain('5 messages in 6 lines, 2 invalid, 1 lines without any\n')
    expect(stdout).toContain('  1 x BridgeMessage /content: expected a string\n')
    const { stdout: json } = await wgrok(['validate', '--stats', '--json', '--quiet'], {
      stdin: '{"type":"message"}\n{}\n',
    })
    const lines = json
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(lines.at(-1)).toMatchObject({
      stats: { lines: 2, messages: 2, invalid: 1, byName: { BridgeMessage: { valid: 1 } } },
    })
  })

  it('finds out by itself what a message is', async () => {
    expect((await wgrok(['validate', '--log', '--message', 'Echo'], { stdin: LOG })).code).toBe(2)
  })

  it.each([
    ['path/./echo:a:b:-:c', []],
    ['"./echo:a:b:-:c', ['./echo:a:b:-:c']],
    ['{"type":"launch"}', []],
    ['x {"type":"message"', []],
    ['./resume ', ['./resume']],
    ['say ./pause', []],
    ['[{"type":"message"},"./echo:a:b:-:c"]', ['{"type":"message"}', './echo:a:b:-:c']],
  ])('in %j finds %j', (line, found) => expect(messagesIn(line)).toEqual(found))
})
