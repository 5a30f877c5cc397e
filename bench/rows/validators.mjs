import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { withTypebox, withValibot, withZod } from '../lib/envelopes.mjs'
import { compare, interleave, median } from '../lib/measure.mjs'
import { ROOT, shipped } from '../lib/place.mjs'
import { duration } from '../lib/report.mjs'

/** The generated validator of the bridge envelope against what compiles or interprets the same schema at run time. */
export async function run({ quick }) {
  const { validateBridgeEnvelope } = await shipped('generated/validators.js')
  const checks = {
    ours: value => validateBridgeEnvelope(value),
    ajv: withAjv(),
    typebox: withTypebox(),
    valibot: withValibot(),
    zod: withZod(),
  }
  const valid = examples()
  const sets = { valid, invalid: valid.flatMap(spoil) }
  const lines = []
  for (const [what, values] of Object.entries(sets)) {
    for (const value of values) {
      for (const [name, check] of Object.entries(checks)) {
        if (check(value) !== (what === 'valid'))
          throw new Error(`${name} says otherwise about ${JSON.stringify(value)}`)
      }
    }
    const sides = Object.fromEntries(Object.entries(checks).map(([name, check]) => [name, loop(check, values)]))
    const figures = await interleave(sides, { ms: quick ? 1_200 : 8_000 })
    const ours = duration(median(figures.ours))
    for (const name of ['ajv', 'typebox', 'valibot', 'zod']) {
      const least = name === 'zod' ? 10 : 1
      const detail = `${ours}, ${name} ${duration(median(figures[name]))}`
      lines.push({
        what: `${what}: ${name} takes`,
        ...compare(figures[name], figures.ours),
        unit: 'x ours',
        reach: { least },
        detail,
      })
    }
  }
  return { lines }
}

/** As an application would: the published JSON Schema, compiled when it starts. */
function withAjv() {
  const file = path.join(ROOT, 'dist', 'generated', 'schemas', 'bridge-envelope.schema.json')
  const validate = new Ajv2020({ strict: false, logger: false }).compile(JSON.parse(readFileSync(file, 'utf8')))
  return value => validate(value)
}

/** The examples of the spec. */
function examples() {
  const fixtures = JSON.parse(readFileSync(path.join(ROOT, 'dist', 'generated', 'fixtures.json'), 'utf8'))
  const names = ['BridgeRegister', 'BridgeMessage', 'BridgeReply', 'BridgeEvent', 'BridgeError']
  return names.flatMap(name => fixtures[name].map(example => example.payload))
}

/** Wrong in the ways that happen: another type, a field of another type, one that is too long. */
function spoil(value) {
  return [
    { ...value, type: 'nothing' },
    { ...value, session_key: value.type === 'register' ? 1 : 7, platform: 9, code: 'x', event: 3 },
  ]
}

function loop(check, values) {
  const make = new Function(
    'check',
    'values',
    `let good; return count => { good = 0; for (let i = 0; i < count; i++) if (check(values[i % ${values.length}])) good++; return good }`,
  )
  return make(check, values)
}
