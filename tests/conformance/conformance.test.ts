import { readdirSync, readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { judge } from '../../src/conformance/judge.js'
import { readSuite } from '../../src/conformance/load.js'
import { wgrokTestee } from '../../src/conformance/wgrok-testee.js'

const CASES = new URL('../cases/', import.meta.url)
const SCHEMA = new URL('../../src/conformance/suite.schema.json', import.meta.url)

const files = readdirSync(CASES).filter(name => name.endsWith('_cases.json'))
const ajv = new Ajv2020({ strict: true, strictRequired: false, formats: { uri: URL.canParse }, allErrors: true })
const validate = ajv.compile(JSON.parse(readFileSync(SCHEMA, 'utf8')))

describe('case files', () => {
  it.each(files)('%s matches the suite schema', name => {
    validate(JSON.parse(readFileSync(new URL(name, CASES), 'utf8')))
    expect(validate.errors ?? []).toEqual([])
  })

  it('are named after their suites, which have different names', () => {
    const names = files.map(name => readSuite(readFileSync(new URL(name, CASES), 'utf8'), name).suite)
    expect(names).toEqual(files.map(name => name.replace('_cases.json', '')))
  })
})

const testee = wgrokTestee('test')
const hello = await testee.hello()

for (const name of files) {
  const suite = readSuite(readFileSync(new URL(name, CASES), 'utf8'), name)
  describe(suite.suite, () => {
    for (const item of suite.cases) {
      it(`${item.id}: ${item.about}`, async ctx => {
        const judgement = await judge(suite, item, testee, hello)
        if (judgement.verdict === 'n/a' || judgement.verdict === 'skip') ctx.skip(judgement.reason)
        expect(judgement).toEqual({ verdict: 'pass' })
      })
    }
  })
}
