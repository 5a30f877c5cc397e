import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import fixtures from '../../generated/fixtures.json' with { type: 'json' }
import { readEnv } from '../../src/cli/command.js'
import { documents } from '../../src/cli/documents.js'
import { EXIT, exitCodeOf } from '../../src/cli/exit.js'
import { type CliIo, deadline, within } from '../../src/cli/io.js'
import { readLines } from '../../src/cli/lines.js'
import { keptToken } from '../../src/cli/state.js'
import { printable, readPayload } from '../../src/cli/text.js'
import { messageJudge } from '../../src/cli/verdict.js'

const folder = mkdtempSync(join(tmpdir(), 'wgrok-parts-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function* pieces(...parts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part)
}

function fakeIo(over: Partial<CliIo>): CliIo {
  return {
    stdin: pieces(),
    stdinIsTerminal: false,
    stdoutIsTerminal: false,
    stdout: () => Promise.resolve(),
    stderr: () => {},
    env: {},
    cwd: folder,
    interrupted: new AbortController().signal,
    ...over,
  }
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

describe('readLines', () => {
  it('puts lines together that come in pieces, a character cut in two included', async () => {
    const rocket = Buffer.from('🚀')
    const lines = await all(readLines(pieces('a', 'b\nc', rocket.subarray(0, 2), rocket.subarray(2), '\r\n\nlast')))
    expect(lines).toEqual([
      { number: 1, text: 'ab' },
      { number: 2, text: 'c🚀' },
      { number: 3, text: '' },
      { number: 4, text: 'last' },
    ])
  })

  it('says which line is not UTF-8 and goes on', async () => {
    const lines = await all(readLines(pieces(Buffer.from([0xc3, 0x0a, 0x61]))))
    expect(lines).toEqual([
      { number: 1, text: undefined },
      { number: 2, text: 'a' },
    ])
  })
})

describe('documents', () => {
  it('keeps frames that end with a colon or bracket as lines', async () => {
    const found = await all(documents(pieces('./echo:a:b:-:\n./jira:[\n'), false))
    expect(found.map(({ text }) => text)).toEqual(['./echo:a:b:-:', './jira:['])
  })

  it('joins the lines of one document', async () => {
    const found = await all(documents(pieces('\n{\n"a":\n1}\n'), false))
    expect(found).toEqual([{ number: 2, text: '{\n"a":\n1}' }])
  })
})

describe('messageJudge', () => {
  it.each(Object.entries(fixtures))('finds every example of %s valid', (name, examples) => {
    const judge = messageJudge(name)
    for (const { payload } of examples as readonly { readonly payload: unknown }[]) {
      const document = judge.text ? String(payload) : JSON.stringify(payload)
      expect(judge.judge(document)).toEqual({ name, valid: true, findings: [] })
    }
  })
})

describe('readEnv', () => {
  it('lets the environment win over files, and a later file over an earlier one', async () => {
    writeFileSync(join(folder, 'a.env'), 'WGROK_SLUG=a\nWGROK_TOKEN=a # comment\n')
    writeFileSync(join(folder, 'b.env'), 'WGROK_SLUG=b\nWGROK_FROM="b b"\n')
    const io = fakeIo({ env: { WGROK_TOKEN: 'outer' } })
    expect(await readEnv(io, { envFile: ['a.env', 'b.env'] })).toEqual({
      WGROK_SLUG: 'b',
      WGROK_FROM: 'b b',
      WGROK_TOKEN: 'outer',
    })
  })
})

describe('keptToken', () => {
  it('is made once, for the owner alone, in a folder that git ignores', async () => {
    const state = join(folder, 'state')
    const token = await keptToken(state)
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(await keptToken(state)).toBe(token)
    expect(readFileSync(join(state, '.gitignore'), 'utf8')).toBe('*\n')
    if (process.platform === 'win32') return
    expect(statSync(join(state, 'token')).mode & 0o777).toBe(0o600)
    expect(statSync(state).mode & 0o777).toBe(0o700)
  })

  it('replaces a file that holds no token', async () => {
    const state = join(folder, 'broken')
    await keptToken(state)
    writeFileSync(join(state, 'token'), 'short')
    expect(await keptToken(state)).toMatch(/^[A-Za-z0-9_-]{43}$/)
  })

  it('says which folder cannot be written', async () => {
    writeFileSync(join(folder, 'file'), '')
    await expect(keptToken(join(folder, 'file'))).rejects.toThrow(/^\[config-invalid\] the state folder/)
  })
})

describe('readPayload', () => {
  it('takes stdin verbatim, line end and byte order mark included', async () => {
    expect(await readPayload(undefined, fakeIo({ stdin: pieces('\ufeffa\n') }))).toBe('\ufeffa\n')
    expect(await readPayload('-', fakeIo({ stdin: pieces('b'), stdinIsTerminal: true }))).toBe('b')
    expect(await readPayload('', fakeIo({ stdinIsTerminal: true }))).toBe('')
  })

  it('refuses to wait for somebody to type, and bytes that are not UTF-8', async () => {
    await expect(readPayload(undefined, fakeIo({ stdinIsTerminal: true }))).rejects.toThrow('[config-invalid]')
    await expect(readPayload(undefined, fakeIo({ stdin: pieces(Buffer.from([0xff])) }))).rejects.toThrow(
      '[utf8-invalid]',
    )
  })
})

describe('printable', () => {
  it('shows what could move the cursor or turn text around, and leaves the rest', () => {
    expect(printable('a\tb\nü🚀')).toBe('a\tb\nü🚀')
    expect(printable('\u001b[2J\r\u202e\u009b')).toBe('\\u001b[2J\\u000d\\u202e\\u009b')
  })
})

describe('deadline and within', () => {
  it('end work that does not end', async () => {
    const end = deadline(new AbortController().signal, 5)
    await expect(within(new Promise(() => {}), end.signal)).rejects.toThrow('[timeout]')
    expect(end.expired).toBe(true)
  })

  it('end with the outer signal', async () => {
    const outer = new AbortController()
    const end = deadline(outer.signal, undefined)
    const work = within(new Promise(() => {}), end.signal)
    outer.abort()
    await expect(work).rejects.toThrow('[aborted]')
    expect(end.expired).toBe(false)
  })

  it('pass on what work yields', async () => {
    const end = deadline(new AbortController().signal, 1000)
    expect(await within(Promise.resolve(7), end.signal)).toBe(7)
    end.release()
  })
})

describe('exitCodeOf', () => {
  it('tells what to change from what to try again', () => {
    expect(exitCodeOf('config-missing')).toBe(EXIT.usage)
    expect(exitCodeOf('platform-unavailable')).toBe(EXIT.failed)
    expect(exitCodeOf('aborted')).toBe(EXIT.interrupted)
    expect(exitCodeOf('internal')).toBe(EXIT.failed)
  })
})
