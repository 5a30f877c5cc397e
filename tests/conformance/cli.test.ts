import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { schemaProblems } from '../../src/conformance/json-schema.js'
import { readNdjson } from '../../src/conformance/report/ndjson.js'
import { REPORT_SCHEMA } from '../../src/conformance/schemas.js'
import { here, wgrok } from './support.js'

const folder = mkdtempSync(join(tmpdir(), 'wgrok-conformance-'))
afterAll(() => rmSync(folder, { recursive: true }))

const hasCryptography = spawnSync('python3', ['-c', 'import cryptography']).status === 0
const PYTHON = here('../../examples/testees/python/testee.py')
const PEER = {
  'allowlist_cases.json': {
    cases: [{ name: 'domain_match', patterns: ['example.com'], email: 'a@example.com', expected: true }],
  },
  'codec_cases.json': {
    roundtrips: [{ input: 'hello world' }, { input: '' }],
    encrypt_roundtrips: [{ input: 'a' }],
    encrypt_test_key: 'tt7dPJslKrAF8lZ+ja9mIK6sIZLHw2FZwKxcAe7Wn1U=',
    chunking: [{ input: 'abcdef', max_size: 4, expected_chunks: ['abcd', 'ef'], description: '6 at 4' }],
    novelty: [],
  },
  'protocol_cases.json': {
    format_echo: [{ to: 'w', from: 'r', flags: '-', payload: 'a:b', expected: './echo:w:r:-:a:b' }],
    parse_echo: {
      valid: [{ input: './echo:w:r:-:a', to: 'w', from: 'r', flags: '-', payload: 'a' }],
      errors: [
        { input: 'plain', error_contains: 'not an echo' },
        { input: './echo::r:-:p', error_contains: 'empty' },
      ],
    },
    is_pause: [{ input: ' ./pause ', expected: true }],
    parse_flags: [{ input: 'z2/5', compressed: true, encrypted: false, chunk_seq: 2, chunk_total: 5 }],
    format_flags: [{ compressed: false, encrypted: false, chunk_seq: null, chunk_total: null, expected: '-' }],
    roundtrips: { response: [{ to: 'w', from: 'r', flags: '-', payload: 'x' }] },
  },
  'slack_cases.json': {
    send_message: {
      expected_url: 'https://slack.com/api/chat.postMessage',
      expected_payload_fields: ['channel', 'text'],
      expected_auth_header_prefix: 'Bearer ',
    },
    retry_after: {
      cases: [
        {
          name: 'gives_up',
          responses: Array.from({ length: 4 }, () => ({ status: 429, retry_after: '1' })),
          expected_error_contains: '429',
          expected_attempts: 4,
        },
      ],
    },
  },
  'webex_cases.json': {
    extract_cards: [{ name: 'none', message: {}, expected: [] }],
    send_message: { expected_payload_fields: ['toPersonEmail', 'text'], expected_auth_header_prefix: 'Bearer ' },
    send_card: { expected_attachment_content_type: 'application/vnd.microsoft.card.adaptive' },
    retry_after: {
      cases: [
        {
          name: 'retries',
          responses: [
            { status: 429, retry_after: '3' },
            { status: 200, body: { id: 'm' } },
          ],
          expected_sleep_seconds: [3],
          expected_result: { id: 'm' },
        },
      ],
    },
  },
}

describe('wgrok conformance run', () => {
  it('runs this library when no command is named', async () => {
    const { code, stdout, stderr } = await wgrok(['conformance', 'run'])
    expect(stdout).toMatch(/^wgrok-ts \S+ \(typescript\), spec 1\.0, \d+ cases\n\d+ passed, 0 failed\n$/)
    expect(stderr).toBe('')
    expect(code).toBe(0)
  })

  it('runs the Python testee, which has no package but Python', async () => {
    const { code, stdout } = await wgrok(['conformance', 'run', '--', 'python3', PYTHON])
    expect(stdout).toMatch(/^wgrok-python-example .*\n\d+ n\/a\n\d+ passed, 0 failed\n$/)
    expect(Number(/(\d+) passed/.exec(stdout)?.[1])).toBeGreaterThan(250)
    expect(code).toBe(0)
  })

  it('runs the Python testee without cryptography, which then declares less', async () => {
    const { code, stdout } = await wgrok(['conformance', 'run', '--', 'python3', '-I', '-S', PYTHON])
    expect(stdout).toMatch(/\n\d+ passed, 0 failed\n$/)
    expect(code).toBe(0)
    const { stdout: none } = await wgrok([
      'conformance',
      'run',
      '--only',
      'codec#open-*',
      '--',
      'python3',
      '-I',
      '-S',
      PYTHON,
    ])
    expect(none).toMatch(/ n\/a\n0 passed, 0 failed\n$/)
  })

  it.runIf(hasCryptography)('lets one testee open what another one sealed', async () => {
    const { code, stdout } = await wgrok([
      ...['conformance', 'run', '--only', 'codec#seal-*', '--with', 'wgrok', '--', 'python3', PYTHON],
    ])
    expect(stdout).toMatch(/\n1 passed, 0 failed\n$/)
    expect(code).toBe(0)
  })

  it('draws its progress on a terminal, and wipes it away', async () => {
    const { stderr } = await wgrok(['conformance', 'run', '--only', 'codec'], { terminal: true })
    expect(stderr).toMatch(/\r.*\d+ of \d+ {2}codec#/)
    expect(stderr.endsWith('\r\u001b[K')).toBe(true)
  })

  it('prints and keeps the wire with --trace', async () => {
    const { stdout } = await wgrok(['conformance', 'run', '--only', 'protocol#echo-plain', '--trace'])
    expect(stdout).toContain('  > {"op":"frame.parseEcho","input":{"text":"./echo:worker:relay:-:hello"}}')
    expect(stdout).toContain('  < {"ok":{"to":"worker"')
  })

  it('writes reports that others read', async () => {
    const files = ['--junit', 'r.xml', '--html', 'r.html', '--ndjson', 'deep/r.ndjson']
    const command = [process.execPath, '--import', 'tsx', here('testees/ours.ts'), 'keeps-mention']
    const argv = ['conformance', 'run', '--only', 'protocol', '--only', 'allowlist', ...files, '--md', '--', ...command]
    const { code, stdout } = await wgrok(argv, { cwd: here('../../') }).finally(() => {})
    expect(code).toBe(1)
    expect(stdout).toMatch(/^### mutant-keeps-mention broken: not conformant to wgrok 1\.0\n/)
    expect(stdout).toContain('| `protocol#mention-name` | fail |')
    const at = (name: string): string => {
      const file = here(`../../${name}`)
      const text = readFileSync(file, 'utf8')
      rmSync(file)
      return text
    }
    const xml = at('r.xml')
    expect(xml).toMatch(/<testsuite name="mutant-keeps-mention: protocol" tests="\d+" failures="\d+" errors="0"/)
    expect(xml.match(/<testcase /g)?.length).toBe(xml.match(/<\/testcase>|<testcase [^>]*\/>/g)?.length)
    const ndjson = at('deep/r.ndjson')
    rmSync(here('../../deep'), { recursive: true })
    for (const line of ndjson.trim().split('\n')) expect(schemaProblems(JSON.parse(line), REPORT_SCHEMA)).toEqual([])
    const html = at('r.html')
    expect(html).not.toMatch(/\b(?:src|href)="(?!#)/)
    expect(html).toContain('id="protocol#mention-name" data-verdicts="bad fail"')
    expect(html).toContain('<th scope="col">mutant-keeps-mention</th>')
    writeFileSync(join(folder, 'a.ndjson'), ndjson)
  }, 60_000)

  it('prints NDJSON and TAP', async () => {
    const { stdout } = await wgrok(['conformance', 'run', '--only', 'allowlist', '--json'])
    const [report] = readNdjson(stdout, 'stdout')
    expect(report?.footer).toMatchObject({ failed: 0, conformant: true })
    const tap = await wgrok(['conformance', 'run', '--only', 'allowlist', '--tap'])
    expect(tap.stdout).toMatch(/^TAP version 14\n1\.\.66\n# wgrok-ts [^\n]+\nok 1 - allowlist\\#domain: /)
    expect((await wgrok(['conformance', 'run', '--json', '--tap', '--only', 'allowlist'])).code).toBe(2)
  })

  it('exits 2 for what cannot be run', async () => {
    for (const argv of [
      ['--only', 'nothing'],
      ['--cases', folder],
      ['--baseline', join(folder, 'none')],
      ['--timeout', '0'],
    ]) {
      expect((await wgrok(['conformance', 'run', ...argv])).code, argv.join(' ')).toBe(2)
    }
  })
})

describe('wgrok conformance', () => {
  it('lists cases, operations and features', async () => {
    const cases = await wgrok(['conformance', 'list', 'codec#open-*'])
    expect(cases.stdout).toMatch(/^codec#open-ascii +an ASCII text under a fixed IV\n/)
    expect((await wgrok(['conformance', 'list', '--ops', '--json'])).stdout).toContain('"codec.open"')
    expect((await wgrok(['conformance', 'list', '--features'])).stdout).toMatch(/^crypto +AES-256-GCM/m)
  })

  it('explains a case, and helps to find it', async () => {
    const { stdout } = await wgrok(['conformance', 'explain', 'protocol#echo-colons'])
    expect(stdout).toMatch(/^protocol#echo-colons: /)
    expect(stdout).toContain('> {"cmd":"run","seq":1,"case":"protocol#echo-colons","op":"frame.parseEcho"')
    const { code, stderr } = await wgrok(['conformance', 'explain', 'echo-colons'])
    expect(code).toBe(2)
    expect(stderr).toContain('did you mean protocol#echo-colons')
  })

  it('copies cases that run where they are', async () => {
    const target = join(folder, 'copied')
    expect((await wgrok(['conformance', 'copy', target])).code).toBe(0)
    expect(readdirSync(target).filter(name => name.endsWith('_cases.json'))).toHaveLength(13)
    expect(existsSync(join(target, 'schemas', 'conformance-suite.schema.json'))).toBe(true)
    const { stdout } = await wgrok(['conformance', 'run', '--cases', target, '--skip', 'bridge'])
    expect(stdout).toMatch(/\n\d+ passed, 0 failed\n$/)
  })

  it("imports the published project's cases, and runs them", async () => {
    const files = Object.entries(PEER).map(([name, value]) => {
      writeFileSync(join(folder, name), JSON.stringify(value))
      return join(folder, name)
    })
    const target = join(folder, 'peer')
    const { code, stderr } = await wgrok(['conformance', 'import', ...files, '-o', target])
    expect(stderr).toBe('codec_cases.json: novelty is left out: of an unknown form\n')
    expect(code).toBe(0)
    expect((await wgrok(['conformance', 'lint', target])).stdout).toBe('5 files, 20 cases, 0 problems\n')
    expect((await wgrok(['conformance', 'run', '--cases', target])).stdout).toMatch(/\n20 passed, 0 failed\n$/)
    const other = join(folder, 'other_cases.json')
    writeFileSync(other, '{}')
    expect((await wgrok(['conformance', 'import', other, '-o', target])).code).toBe(2)
    writeFileSync(join(folder, 'codec_cases.json'), '{"chunking":7}')
    expect((await wgrok(['conformance', 'import', join(folder, 'codec_cases.json'), '-o', target])).code).toBe(2)
  })

  it.runIf(process.env['WGROK_PEER_CASES'])('imports all that a peer publishes', async () => {
    const from = process.env['WGROK_PEER_CASES'] ?? ''
    const files = readdirSync(from).map(name => join(from, name))
    const target = join(folder, 'published')
    expect(await wgrok(['conformance', 'import', ...files, '-o', target])).toMatchObject({ code: 0, stderr: '' })
    const { code, stdout } = await wgrok(['conformance', 'run', '--cases', target])
    expect(stdout).toMatch(/\n\d+ passed, 0 failed\n$/)
    expect(code).toBe(0)
  })

  it('merges reports into one matrix', async () => {
    await wgrok(['conformance', 'run', '--only', 'protocol', '--only', 'allowlist', '--ndjson', 'b.ndjson'], {
      cwd: folder,
    })
    const { code, stdout } = await wgrok(['conformance', 'merge', '--html', 'm.html', 'a.ndjson', 'b.ndjson'], {
      cwd: folder,
    })
    expect(code).toBe(1)
    expect(stdout.match(/ passed, /g)).toHaveLength(2)
    const html = readFileSync(join(folder, 'm.html'), 'utf8')
    expect(html).toMatch(/<th scope="col">mutant-keeps-mention<\/th><th scope="col">wgrok-ts<\/th>/)
    writeFileSync(join(folder, 'broken.ndjson'), '{"kind":"footer"}\n')
    expect((await wgrok(['conformance', 'merge', 'broken.ndjson'], { cwd: folder })).code).toBe(2)
  })
})
