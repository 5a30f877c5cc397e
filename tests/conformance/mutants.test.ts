import { describe, expect, it } from 'vitest'
import { wgrokTestee } from '../../src/conformance/wgrok-testee.js'
import { here, runAll, suites, wgrok } from './support.js'
import { MUTANTS } from './testees/mutants.js'

const all = await suites()
const pure = all.filter(({ suite }) => suite !== 'bridge')
const bridge = all.filter(({ suite }) => suite === 'bridge')
const tripped = new Map<string, string[]>()

describe('an implementation that is broken on purpose', () => {
  it.each(MUTANTS)('$name fails, and its cases are named', async ({ name, trips, crude, testee }) => {
    const cases = trips.some(one => one.startsWith('bridge#')) ? bridge : pure
    const { failed, footer, results } = await runAll(cases, testee())
    expect(footer.conformant).toBe(false)
    expect(footer.failed).toBe(failed.length)
    expect(failed).toEqual(expect.arrayContaining([...trips]))
    expect(trips.length).toBeGreaterThan(0)
    if (crude !== true) expect(failed.length, 'breaks one thing').toBeLessThan(results.length / 10)
    tripped.set(name, [...failed])
  })

  it('is noticed by every case that must be passed', () => {
    expect(tripped.size).toBe(MUTANTS.length)
    const names = new Set([...tripped.values()].flat())
    const must = all.flatMap(({ suite, cases }) =>
      cases.filter(({ level }) => level === 'must').map(({ id }) => `${suite}#${id}`),
    )
    expect(must.filter(name => !names.has(name))).toEqual([])
  })

  it('is noticed over a pipe as well, and the sound one passes there', async () => {
    const command = (...args: string[]): string[] => [
      ...['conformance', 'run', '--only', 'codec', '--only', 'protocol', '--'],
      ...[process.execPath, '--import', 'tsx', here('testees/ours.ts'), ...args],
    ]
    const sound = await wgrok(command())
    expect(sound.stdout).toMatch(/\n\d+ passed, 0 failed\n$/)
    expect(sound.code).toBe(0)
    const broken = await wgrok(command('passes-through'))
    expect(broken.code).toBe(1)
    expect(broken.stdout).toContain('fail codec#decode-bad-z-no-gzip: expected error gzip-invalid, got an answer')
    expect(broken.stdout).toMatch(/\n\d+ passed, 4\d failed\n$/)
  }, 60_000)
})

describe('the sound implementation', () => {
  it('passes every case', async () => {
    const testee = wgrokTestee('test')
    const { footer, failed, results } = await runAll(all, testee)
    expect(failed).toEqual([])
    expect(results.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
    expect(footer.conformant).toBe(true)
    expect(results.length).toBeGreaterThanOrEqual(400)
    await testee.close?.()
  })
})
