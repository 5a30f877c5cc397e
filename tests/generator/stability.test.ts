import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from './golden-specs.js'
import { renderText } from './render-text.js'

/** A generated file as blocks, one per symbol: what stands between two empty lines at column 0. */
function blocks(text: string): Map<string, string> {
  const out = new Map<string, string>()
  for (const block of text.split(/\n\n(?=\S)/)) {
    const name = /^(?:export )?(?:declare )?(?:const |function |interface |type )(\w+)/m.exec(block)?.[1]
    out.set(name ?? block, block)
  }
  return out
}

/** Names of the symbols that differ between two versions of a file. */
function changed(before: string, after: string): string[] {
  const old = blocks(before)
  const now = blocks(after)
  return [...new Set([...old.keys(), ...now.keys()])].filter(name => old.get(name) !== now.get(name))
}

describe('an edit of the spec', () => {
  let text: string
  let before: Map<string, string>

  beforeAll(async () => {
    text = await readFile(join(ROOT, 'asyncapi.yaml'), 'utf8')
    before = await renderText(text)
  })

  /** Changed files, and the changed symbols of each. */
  async function changesOf(search: string, replacement: string): Promise<Map<string, string[]>> {
    expect(text.split(search)).toHaveLength(2)
    const after = await renderText(text.replace(search, () => replacement))
    const paths = [...new Set([...before.keys(), ...after.keys()])]
    return new Map(
      paths
        .filter(path => before.get(path) !== after.get(path))
        .map(path => [path, changed(before.get(path) ?? '', after.get(path) ?? '')]),
    )
  }

  const MESSAGE = '\n    BridgeMessage:\n      type: object\n'

  it('that adds an optional field only changes what is made from its schema', async () => {
    const start = text.indexOf(MESSAGE)
    const head = text.slice(start, text.indexOf('      properties:\n', start) + '      properties:\n'.length)
    const changes = await changesOf(
      head,
      `${head}        zz_added: { type: string, pattern: '^zz$', description: Added. }\n`,
    )
    expect(changes.get('models.ts')).toEqual(['BridgeMessage'])
    expect(changes.get('validators.js')).toEqual([
      'checkBridgeMessage',
      expect.stringMatching(/^BridgeMessage_pattern/),
    ])
    const schemas = [...changes.keys()].filter(path => path.startsWith('schemas/'))
    expect(schemas).toContain('schemas/bridge-message.schema.json')
    expect(schemas).toEqual(schemas.filter(path => /bridge-(?:message|envelope)/.test(path)))
    const others = [...changes.keys()].filter(path => !path.startsWith('schemas/'))
    expect(others.sort()).toEqual(['PROTOCOL.md', 'manifest.json', 'models.ts', 'validators.js'])
  })

  it('that adds a schema in front renames nothing', async () => {
    const changes = await changesOf(
      '\n  schemas:\n',
      "\n  schemas:\n    AddedFirst: { type: object, required: [a], properties: { a: { type: string, pattern: '^a+$', minLength: 2 } } }\n",
    )
    expect(changes.get('models.ts')).toEqual(['AddedFirst'])
    expect(changes.get('validators.js')?.sort()).toEqual([
      'AddedFirst_pattern1',
      'checkAddedFirst',
      'validateAddedFirst',
    ])
    expect(changes.get('validators.d.ts')?.filter(name => !name.startsWith('import'))).toEqual(['validateAddedFirst'])
    expect([...changes.keys()].filter(path => path.startsWith('schemas/'))).toEqual(['schemas/added-first.schema.json'])
  })

  it('that only touches comments changes the hash in the manifest and nothing else', async () => {
    const changes = await changesOf('x-wgrok-perspective: router\n', 'x-wgrok-perspective: router # of the bus\n')
    expect([...changes.keys()]).toEqual(['manifest.json'])
  })
})
