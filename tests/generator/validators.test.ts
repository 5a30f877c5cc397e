import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { messageValidator } from '../../generator/emit/validators.js'
import { buildIr, type Json, type Spec } from '../../generator/ir.js'
import { loadSpec } from '../../generator/load.js'
import { AjvOracle, mutations, sampleOf } from './ajv-oracle.js'
import { GOLDEN, GOLDEN_FOLDER, ROOT } from './golden-specs.js'

interface Validator {
  (data: unknown): boolean
  errors?: unknown
}

const SUBJECTS: [string, string, string][] = [
  ['asyncapi.yaml', join(ROOT, 'asyncapi.yaml'), join(ROOT, 'generated/validators.js')],
  ...GOLDEN.map((name): [string, string, string] => [
    name,
    join(GOLDEN_FOLDER, name, 'spec.yaml'),
    join(GOLDEN_FOLDER, name, 'expected/validators.js'),
  ]),
]

describe.each(SUBJECTS)('validators of %s', (_, specPath, codePath) => {
  let spec: Spec
  let validators: Record<string, Validator>

  beforeAll(async () => {
    spec = buildIr(await loadSpec(specPath))
    validators = (await import(pathToFileURL(codePath).href)) as Record<string, Validator>
  })

  function validator(name: string): Validator {
    const found = validators[name]
    if (found === undefined) throw new Error(`${name} is not generated`)
    return found
  }

  it('accept every example of the spec', () => {
    for (const message of spec.messages) {
      const validate = validator(messageValidator(spec, message.name))
      for (const example of message.examples) {
        expect([message.name, example.name, validate(example.payload), validate.errors]).toEqual([
          message.name,
          example.name,
          true,
          null,
        ])
      }
    }
  })

  it('say the same as Ajv does in memory, about samples, examples and their mutations', () => {
    const oracle = new AjvOracle(spec)
    let accepted = 0
    let refused = 0
    for (const model of spec.models.filter(one => !one.inline)) {
      const ours = validator(`validate${model.name}`)
      const theirs = oracle.validator(model.name)
      for (const value of inputs(spec, model.name)) {
        const verdict = theirs(value)
        expect({ model: model.name, value, verdict: ours(value), errors: ours.errors }).toEqual({
          model: model.name,
          value,
          verdict,
          errors: theirs.errors,
        })
        if (verdict) accepted++
        else refused++
      }
    }
    expect(accepted).toBeGreaterThan(spec.models.length / 2)
    expect(refused).toBeGreaterThan(spec.models.length * 5)
  })
})

/** Values around the examples of messages with this payload, and around a sample from the schema. */
function inputs(spec: Spec, model: string): Json[] {
  const found = spec.models.find(one => one.name === model)
  const examples = spec.messages
    .filter(message => message.payload.kind === 'ref' && message.payload.model === model)
    .flatMap(message => message.examples.map(example => example.payload))
  return [...examples, sampleOf(spec, found?.schema)].flatMap(value => mutations(JSON.parse(JSON.stringify(value))))
}

describe('a generated validator', () => {
  it('does not take a prototype member for a property', async () => {
    const { validateOdd } = (await import(
      pathToFileURL(join(GOLDEN_FOLDER, 'names/expected/validators.js')).href
    )) as Record<string, Validator>
    expect(validateOdd?.({})).toBe(false)
    expect(validateOdd?.(JSON.parse('{"__proto__":"p"}'))).toBe(false)
    expect(validateOdd?.(JSON.parse('{"__proto__":"p","constructor":"c"}'))).toBe(true)
    expect(validateOdd?.(JSON.parse('{"__proto__":"p","constructor":1}'))).toBe(false)
  })

  it('checks an inherited value as whoever reads the object will get it', async () => {
    const { validateCircle } = (await import(
      pathToFileURL(join(GOLDEN_FOLDER, 'shapes/expected/validators.js')).href
    )) as Record<string, Validator>
    const circle = { kind: 'circle', radius: 1 }
    expect(validateCircle?.(Object.create(circle))).toBe(true)
    expect(validateCircle?.(Object.assign(Object.create({ label: 1 }), circle))).toBe(false)
  })

  it('keeps the errors of one call when it is called again', async () => {
    const { validateShape } = (await import(
      pathToFileURL(join(GOLDEN_FOLDER, 'shapes/expected/validators.js')).href
    )) as Record<string, Validator>
    const wrong = { kind: 'box', size: { width: -1, height: 1 } }
    validateShape?.(wrong)
    const { errors } = validateShape ?? {}
    expect(errors).toEqual([expect.objectContaining({ instancePath: '/size/width', keyword: 'minimum' })])
    const before = structuredClone(errors)
    validateShape?.(wrong)
    expect(errors).toEqual(before)
  })

  it('counts characters, not UTF-16 units', async () => {
    const { validateLabel } = (await import(
      pathToFileURL(join(GOLDEN_FOLDER, 'shapes/expected/validators.js')).href
    )) as Record<string, Validator>
    expect(validateLabel?.('💬💬💬')).toBe(true)
    expect(validateLabel?.('💬💬💬💬')).toBe(false)
  })

  it('can be a callback that gets more arguments', async () => {
    const { validateColour } = (await import(
      pathToFileURL(join(GOLDEN_FOLDER, 'shapes/expected/validators.js')).href
    )) as Record<string, Validator>
    expect(['red', 'no', 'green'].filter(validateColour as (value: string) => boolean)).toEqual(['red', 'green'])
  })
})
