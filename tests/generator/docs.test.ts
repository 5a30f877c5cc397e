import { describe, expect, it } from 'vitest'
import { jsonText } from '../../generator/emit/docs/json.js'
import { code, inline, prose } from '../../generator/emit/docs/markdown.js'
import { emitDocs } from '../../generator/emit/docs.js'
import { buildIr } from '../../generator/ir.js'
import { loadSpec, parseSpec } from '../../generator/load.js'
import { BASE_SPEC, patched } from './base-spec.js'

const OPTIONS = { specName: 'asyncapi.yaml' }

async function docsOf(text: string): Promise<string> {
  return emitDocs(buildIr(await parseSpec(text, 'spec.yaml')), OPTIONS).text
}

async function repoDocs(): Promise<{ text: string; spec: ReturnType<typeof buildIr> }> {
  const spec = buildIr(await loadSpec('asyncapi.yaml'))
  return { text: emitDocs(spec, OPTIONS).text, spec }
}

/** The document without its fenced blocks. */
function outsideFences(text: string): string[] {
  let fence = ''
  return text.split('\n').filter(line => {
    const [ticks = ''] = /^`{3,}/.exec(line) ?? []
    if (fence !== '') {
      if (ticks.length >= fence.length) fence = ''
      return false
    }
    fence = ticks
    return ticks === ''
  })
}

/** Cells of a table row, as GitHub splits it. */
function cells(row: string): number {
  return row.replace(/\\./g, '').split('|').length
}

function anchors(text: string): Set<string> {
  const headings = outsideFences(text).flatMap(line => /^#{1,6} (.*)$/.exec(line)?.[1] ?? [])
  return new Set(
    headings.map(heading =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-'),
    ),
  )
}

describe('protocol reference', () => {
  it('is the same for the same spec', async () => {
    expect(await docsOf(BASE_SPEC)).toBe(await docsOf(BASE_SPEC))
  })

  it("matches the golden file of the base spec's reference", async () => {
    await expect(await docsOf(BASE_SPEC)).toMatchFileSnapshot('fixtures/base-protocol.md')
  })

  it("names everything of this repository's spec", async () => {
    const { text, spec } = await repoDocs()
    const names = [
      ...spec.messages.map(message => message.name),
      ...spec.operations.map(operation => `\`${operation.id}\``),
      ...spec.limits.map(limit => `\`${limit.name}\``),
      ...spec.errors.map(error => `\`${error.code}\``),
      ...spec.platforms.map(platform => `\`${platform.name}\``),
      ...spec.configs.flatMap(config => config.rows.map(row => `\`${row.env}\``)),
      ...spec.servers.map(server => `\`${server.id}\``),
      ...spec.messages.flatMap(message => message.examples.map(example => `Example \`${example.name}\``)),
    ]
    expect(names.filter(name => !text.includes(name))).toEqual([])
  })

  it('has only links that lead somewhere, and no heading twice', async () => {
    for (const text of [await docsOf(BASE_SPEC), (await repoDocs()).text]) {
      const known = anchors(text)
      const links = [...text.matchAll(/\]\(#([^)]*)\)/g)].map(([, target]) => target ?? '')
      expect(links.length).toBeGreaterThan(5)
      expect(links.filter(target => !known.has(target))).toEqual([])
      expect(outsideFences(text).filter(line => /^#/.test(line)).length).toBe(known.size)
    }
  })

  it('has rows with as many cells as their head', async () => {
    const lines = outsideFences((await repoDocs()).text)
    let width = 0
    for (const [index, line] of lines.entries()) {
      if (!line.startsWith('|')) continue
      if (!(lines[index - 1] ?? '').startsWith('|')) width = cells(line)
      expect(cells(line), line).toBe(width)
    }
  })

  it('tells what both sides do', async () => {
    const text = await docsOf(BASE_SPEC)
    expect(text).toContain('| `peerHello` | receives | sends | [Hello](#hello) |')
    expect(text).toContain('| `routerBye` | sends | receives | [Bye](#bye) |')
  })

  it('never shows the default of a secret', async () => {
    const text = patched('token: { type: string,', 'token: { type: string, default: hunter2,')
    expect(await docsOf(text)).not.toContain('hunter2')
  })

  it('cannot be broken by a description', async () => {
    const hostile = [
      '# no heading | a cell |',
      '</td><script>alert(1)</script>',
      '```',
      '--> <!-- [x](javascript:alert(1))',
      '`` odd ` ticks',
      'a \\| bar \u0000 end',
    ].join('\n')
    const quoted = JSON.stringify(hostile)
    let text = patched('title: demo,', `title: ${quoted}, description: ${quoted},`)
    text = patched('doc: Largest body.', `doc: ${quoted}`, text)
    text = patched('key: { type: string,', `key: { type: string, description: ${quoted},`, text)
    text = patched(
      '  bus:\n    address: null',
      `  bus:\n    title: ${quoted}\n    description: ${quoted}\n    address: null`,
      text,
    )
    text = patched(
      '    Bye:\n      contentType',
      `    Bye:\n      summary: ${quoted}\n      description: ${quoted}\n      contentType`,
      text,
    )
    const docs = await docsOf(text)
    const lines = outsideFences(docs)
    expect(docs).not.toContain('\u0000')
    expect(lines.slice(1).filter(line => /<(?!--)|\]\(javascript/.test(line.replace(/`[^`]*`/g, '')))).toEqual([])
    expect(lines.filter(line => /^# /.test(line))).toHaveLength(1)
    const row = lines.find(line => line.startsWith('| `bodyMax`')) ?? ''
    expect(cells(row)).toBe(cells('| Limit | Value | Unit | On the wire | Meaning |'))
  })
})

describe('Markdown escaping', () => {
  it.each([
    ['a | b', 'a \\| b'],
    ['a \\| b', 'a \\\\\\| b'],
    ['two\nlines', 'two lines'],
    ['<b> and `<b>`', '&lt;b> and `<b>`'],
    ['[good](https://example.com)', '[good](https://example.com)'],
    ['[bad](javascript:x)', '[bad]\\(javascript:x)'],
  ])('writes %j in a cell as %j', (text, expected) => expect(inline(text)).toBe(expected))

  it.each([
    ['a`b', '``a`b``'],
    ['`x`', '`` `x` ``'],
    ['a|b', '`a\\|b`'],
    ['a\nb', '`a b`'],
    ['', ''],
  ])('writes %j as code %j', (text, expected) => expect(code(text)).toBe(expected))

  it('keeps paragraphs and lists, and nothing else that structures', () => {
    expect(prose('one\n\n- two\n- three\n\n# four\n---\n```\n> five')).toBe(
      'one\n\n- two\n- three\n\n\\# four\n\\---\n\\```\n\\> five',
    )
  })
})

describe('example data', () => {
  it('stays on one line while it fits', () => {
    expect(jsonText({ a: [1, { b: null }], c: {} })).toBe('{ "a": [1, { "b": null }], "c": {} }')
  })

  it('breaks only what does not fit, and stays JSON', () => {
    const value = { short: [1, 2], long: 'x'.repeat(90), nested: { a: 'y'.repeat(60), b: 'z'.repeat(60) } }
    const text = jsonText(value)
    expect(text.split('\n')).toHaveLength(8)
    expect(JSON.parse(text)).toEqual(value)
  })
})
