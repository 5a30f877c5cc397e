import { describe, expect, it } from 'vitest'
import { type Comparison, compareSpecs } from '../../generator/compat.js'
import { buildIr, type Spec } from '../../generator/ir.js'
import { parseSpec } from '../../generator/load.js'
import { readBlocks, signed } from './cases.js'

type Verdict = Comparison['verdict']

const RULES = readBlocks('compat-schema-cases.txt').map(block => ({
  what: block.head,
  from: signed(block, '-'),
  to: signed(block, '+'),
  forth: signed(block, '>').split(' ') as Verdict[],
  back: signed(block, '<').split(' ') as Verdict[],
  says: signed(block, '!'),
}))
const ORDER: readonly Verdict[] = ['none', 'patch', 'minor', 'major']

const SIDES = ['receive', 'send', 'api'] as const

/** A spec whose only message carries `Part`, or that only exports it. */
async function specOf(part: string, side: (typeof SIDES)[number] | 'both'): Promise<Spec> {
  const operation = (id: string, action: string) =>
    `  ${id}: { action: ${action}, channel: { $ref: '#/channels/c' }, messages: [{ $ref: '#/channels/c/messages/M' }] }\n`
  const payload = side === 'api' ? '{ type: string, const: x }' : "{ $ref: '#/components/schemas/Part' }"
  const text = `asyncapi: 3.0.0
info: { title: t, version: 1.0.0 }
x-wgrok-perspective: router
channels: { c: { address: null, messages: { M: { $ref: '#/components/messages/M' } } } }
operations:
${side === 'send' ? '' : operation('in', 'receive')}${side === 'receive' ? '' : operation('out', 'send')}
components:
  messages: { M: { payload: ${payload} } }
  schemas:
    Other: { type: object }
    Part: ${part}
`
  return buildIr(await parseSpec(text, 'spec.yaml'))
}

/** A schema of an object in flow style. */
function object(properties: string, more = ''): string {
  return `{ type: object, properties: { ${properties} }${more} }`
}

/** The worst of the first two verdicts: received and sent. */
function worst([receive = 'none', send = 'none']: readonly Verdict[]): Verdict {
  return ORDER[Math.max(ORDER.indexOf(receive), ORDER.indexOf(send))] ?? 'none'
}

describe('wire compatibility of schemas', () => {
  it.each(RULES)('judges $what', async ({ from, to, forth, back, says }) => {
    const verdicts = async (a: string, b: string) => {
      const results = await Promise.all(
        SIDES.map(async side => compareSpecs(await specOf(a, side), await specOf(b, side))),
      )
      for (const [index, result] of results.entries()) {
        const side = SIDES[index]
        for (const change of result.changes) {
          if (change.direction !== undefined) expect(change.direction).toBe(side)
        }
      }
      return results
    }
    const forwards = await verdicts(from, to)
    expect(forwards.map(({ verdict }) => verdict)).toEqual(forth)
    for (const { changes } of forwards) expect(changes.map(({ reason }) => reason).join('\n')).toContain(says)
    expect((await verdicts(to, from)).map(({ verdict }) => verdict)).toEqual(back)
  })

  it.each(RULES)('takes the worse for $what in both directions', async ({ from, to, forth, back }) => {
    const [old, now] = [await specOf(from, 'both'), await specOf(to, 'both')]
    expect(compareSpecs(old, now).verdict).toBe(worst(forth))
    expect(compareSpecs(now, old).verdict).toBe(worst(back))
  })

  it('names the place in the new spec, and in the old one for what is gone', async () => {
    const [old, now] = [
      await specOf(object('a: { type: string }'), 'receive'),
      await specOf(object('b: { type: string }'), 'receive'),
    ]
    expect(compareSpecs(old, now).changes).toEqual([
      {
        level: 'major',
        pointer: '#/components/schemas/Part/properties/a',
        direction: 'receive',
        reason: 'property `a` was removed',
      },
      {
        level: 'minor',
        pointer: '#/components/schemas/Part/properties/b',
        direction: 'receive',
        reason: 'optional property `b` was added',
      },
    ])
  })

  it('looks behind a schema that is shared, and tells its change once', async () => {
    const shared = object("a: { $ref: '#/components/schemas/Other' }, b: { $ref: '#/components/schemas/Other' }")
    const old = await specOf(`${shared}\n    X: { type: string }`, 'receive')
    const now = await specOf(`${shared}\n    X: { type: string }`, 'receive')
    const closed = {
      ...now,
      models: now.models.map(model =>
        model.name === 'Other' ? { ...model, schema: { type: 'object', maxProperties: 1 } } : model,
      ),
    }
    expect(compareSpecs(old, closed).changes.map(({ pointer, direction }) => [pointer, direction])).toEqual([
      ['#/components/schemas/Other/maxProperties', 'receive'],
    ])
  })

  it('recognises a branch by its tag when its schema is renamed', async () => {
    const branch = (name: string) => `${name}: ${object('type: { type: string, const: x }', ', required: [type]')}`
    const union = (name: string) =>
      `{ discriminator: type, oneOf: [{ $ref: '#/components/schemas/${name}' }] }\n    ${branch(name)}`
    const { changes } = compareSpecs(await specOf(union('A'), 'both'), await specOf(union('B'), 'both'))
    expect(changes.map(({ level, reason }) => [level, reason])).toEqual([
      ['major', 'type `A` was removed'],
      ['minor', 'type `B` was added'],
    ])
  })

  it('ends on recursive schemas', async () => {
    const tree = (extra: string) => object(`next: { $ref: '#/components/schemas/Part' }${extra}`)
    const { verdict } = compareSpecs(
      await specOf(tree(''), 'both'),
      await specOf(tree(', a: { type: string }'), 'both'),
    )
    expect(verdict).toBe('minor')
  })
})
