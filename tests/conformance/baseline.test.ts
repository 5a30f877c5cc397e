import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { matchesPattern, readBaseline } from '../../src/conformance/baseline.js'
import { here, runAll, suites, wgrok } from './support.js'
import { MUTANTS } from './testees/mutants.js'

const folder = mkdtempSync(join(tmpdir(), 'wgrok-baseline-'))
afterAll(() => rmSync(folder, { recursive: true }))

const protocol = await suites('protocol')
const broken = MUTANTS.find(({ name }) => name === 'measures-characters')
if (broken === undefined) throw new Error('no mutant')
const FAILING = ['webex', 'irc', 'bridge'].map(name => `protocol#measure-${name}`)

async function verdicts(baseline: string): Promise<{
  readonly conformant: boolean
  readonly found: Record<string, string>
  readonly problems: readonly string[]
}> {
  const { footer, results } = await runAll(protocol, broken?.testee() ?? never(), { baseline: readBaseline(baseline) })
  const found = results.filter(({ verdict }) => verdict !== 'pass').map(one => [one.case, one.verdict])
  return { conformant: footer.conformant, found: Object.fromEntries(found), problems: footer.baseline ?? [] }
}

function never(): never {
  throw new Error('no testee')
}

const { failed } = await runAll(protocol, broken.testee())
const exact = failed.map(name => `${name}  # expected`).join('\n')

describe('a baseline', () => {
  it('turns failures that it lists into expected ones', async () => {
    expect(failed).toEqual(expect.arrayContaining(FAILING))
    const { conformant, found } = await verdicts(`# known\n\n${exact} | https://issues.example/1\n`)
    expect(conformant).toBe(true)
    expect(new Set(Object.values(found))).toEqual(new Set(['xfail']))
  })

  it('fails the run for a case that passes after all', async () => {
    const { conformant, found } = await verdicts(`${exact}\nprotocol#echo-plain`)
    expect(found['protocol#echo-plain']).toBe('xpass')
    expect(conformant).toBe(false)
  })

  it('fails the run for an entry that no case has', async () => {
    const { conformant, problems } = await verdicts(`${exact}\nprotocol#gone`)
    expect(problems).toEqual([`line ${failed.length + 1}: protocol#gone is stale: no case that applies has this name`])
    expect(conformant).toBe(false)
  })

  it('fails the run for a failure with another reason', async () => {
    const { conformant, found } = await verdicts(exact.replace('expected', 'got error'))
    expect(Object.values(found)).toContain('fail')
    expect(conformant).toBe(false)
  })

  it('fails the run for a pattern that covers cases that pass', async () => {
    const { conformant, found } = await verdicts('protocol#measure-*')
    expect(new Set(Object.values(found))).toEqual(new Set(['xfail', 'xpass']))
    expect(conformant).toBe(false)
  })

  it.each([
    ['**', 'no pattern'],
    ['*#*', 'too wide'],
    ['**#a', 'too wide'],
    ['peer/*#*', 'too wide'],
    ['protocol', 'no pattern'],
    ['a#b\na#b', 'line 2: the same pattern again'],
  ])('cannot hold %j', (text, message) => expect(() => readBaseline(text)).toThrow(message))

  it('has patterns that stand for parts of names', () => {
    expect(matchesPattern('codec#open-bad-key', 'codec#open-*')).toBe(true)
    expect(matchesPattern('peer/codec#a', 'peer/*#a')).toBe(true)
    expect(matchesPattern('peer/codec#a', '*#a')).toBe(false)
    expect(matchesPattern('peer/codec#a', '**#a')).toBe(true)
    expect(matchesPattern('codecXopen', 'codec.open')).toBe(false)
  })

  it('is written from a run, the issues of its lines kept, and is right at once', async () => {
    const file = join(folder, 'known.txt')
    const run = (...more: string[]) =>
      wgrok([
        ...['conformance', 'run', '--baseline', file, ...more, '--'],
        ...[process.execPath, '--import', 'tsx', here('testees/ours.ts'), 'measures-characters'],
      ])
    writeFileSync(file, 'protocol#measure-webex  # another reason | https://issues.example/7\n')
    expect((await run('--skip', 'bridge', '--update-baseline')).code).toBe(2)
    expect((await run()).code).toBe(1)
    expect((await run('--update-baseline')).code).toBe(0)
    const lines = readFileSync(file, 'utf8')
    expect(lines).toContain('protocol#measure-webex  # expected 10, got 5 | https://issues.example/7\n')
    const { code, stdout } = await run()
    expect(stdout).toMatch(/\n\d xfail\n\d+ passed, 0 failed\n$/)
    expect(code).toBe(0)
  }, 60_000)
})
