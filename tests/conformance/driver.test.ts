import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { LineCutter } from '../../src/conformance/driver/lines.js'
import { ProcessTestee } from '../../src/conformance/driver/process-testee.js'
import { schemaProblems } from '../../src/conformance/json-schema.js'
import { DRIVER_SCHEMA, REPORT_SCHEMA } from '../../src/conformance/schemas.js'
import { CASES, here, runAll, suites, wgrok } from './support.js'

const folder = mkdtempSync(join(tmpdir(), 'wgrok-driver-'))
afterAll(() => rmSync(folder, { recursive: true }))

const SCRIPT = here('testees/misbehaving.mjs')
const [protocol] = await suites('protocol')
if (protocol === undefined) throw new Error('no protocol cases')
/** A dozen cases that the script can answer. */
const ANSWERED = ['frame.isEcho', 'control.isPause', 'control.isResume']
const few = {
  ...protocol,
  cases: protocol.cases.filter(item => ANSWERED.includes(item.op ?? protocol.op)).slice(0, 12),
}

function misbehaving(how: string, more: object = {}, ...args: string[]): ProcessTestee {
  const command = [process.execPath, SCRIPT, how, ...args]
  return new ProcessTestee({ command, cwd: folder, spec: '1.0', timeoutMs: 400, ...more })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // A process that has ended and that nobody has waited for yet is no process.
    return !/^State:\s+Z/m.test(existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/status`, 'utf8') : '')
  } catch {
    return false
  }
}

describe('a testee in a process of its own', () => {
  it('is asked one case after the other', async () => {
    const testee = misbehaving('good')
    const { footer, records } = await runAll([few], testee, { restarts: () => testee.restarts })
    await testee.close()
    expect(footer).toMatchObject({ passed: few.cases.length, failed: 0, restarts: 0, conformant: true })
    for (const record of records) expect(schemaProblems(record, REPORT_SCHEMA)).toEqual([])
  })

  it.each([
    ['crash', /^the testee ended with exit code 7$/],
    ['abort', /^the testee was ended by SIGKILL$/],
    ['throw', /^the testee ended with exit code 1$/],
    ['hang', /^no answer within 400 ms$/],
    ['spin', /^no answer within 400 ms$/],
    ['garbage', /^stdout has a line that is no answer: "Traceback/],
    ['binary', /^stdout: a line is not UTF-8$/],
    ['oversize', /^stdout: a line is longer than 4194304 bytes$/],
    ['oversize-answer', /^stdout: a line is longer than 4194304 bytes$/],
    ['wrong-seq', /^an answer has seq \d+ instead of \d+$/],
    ['no-verdict', /^stdout has a line that is no answer/],
    ['two-verdicts', /^stdout has a line that is no answer/],
    ['chatty', /^stdout has a line that nobody asked for|^stdout has a line that is no answer/],
  ])('that commits %s ends in a clean report', async (how, reason) => {
    const testee = misbehaving(how)
    const { footer, results } = await runAll([few], testee, { restarts: () => testee.restarts })
    await testee.close()
    const faults = results.filter(({ verdict }) => verdict === 'fault')
    expect(faults.length).toBeGreaterThanOrEqual(Math.floor(few.cases.length / 4))
    for (const fault of faults) expect(fault.reason).toMatch(reason)
    expect(results.filter(({ verdict }) => verdict === 'pass').length + faults.length).toBe(few.cases.length)
    expect(footer.conformant).toBe(false)
    expect(footer.restarts).toBeGreaterThanOrEqual(faults.length - 1)
    if (how === 'throw') expect(faults[0]?.trace).toContain('the testee is broken')
  })

  it('is started again twenty times and no more', async () => {
    const many = { ...few, cases: Array.from({ length: 6 }, () => few.cases).flat() }
    const testee = misbehaving('crash')
    const { results } = await runAll([many], testee)
    expect(testee.restarts).toBe(20)
    await testee.close()
    expect(results.at(-1)).toMatchObject({
      verdict: 'fault',
      reason: 'not asked: the testee was started 21 times already',
    })
  })

  it.each([
    ['crash-at-start', 'no hello: the testee ended with exit code 1'],
    ['rude', 'no hello: stdout has a line that is no hello: "{\\"hi\\":true}"'],
  ])('that does not introduce itself (%s) fails everything', async (how, reason) => {
    const testee = misbehaving(how)
    const { results, footer } = await runAll([few], testee)
    await testee.close()
    expect(new Set(results.map(one => one.reason))).toEqual(new Set([reason]))
    expect(footer).toMatchObject({ passed: 0, failed: few.cases.length, conformant: false })
  })

  it('leaves no process of its own behind', async () => {
    const file = join(folder, 'pid')
    const testee = misbehaving('orphan', {}, file)
    await runAll([{ ...few, cases: few.cases.slice(0, 4) }], testee)
    await testee.close()
    const pid = Number(readFileSync(file, 'utf8'))
    expect(pid).toBeGreaterThan(0)
    for (let n = 0; n < 100 && isAlive(pid); n++) await new Promise(resolve => setTimeout(resolve, 10))
    expect(isAlive(pid)).toBe(false)
  })

  it('is killed when it does not stop', async () => {
    const testee = misbehaving('ignores-stop')
    await testee.hello()
    const begun = Date.now()
    await testee.close()
    expect(Date.now() - begun).toBeLessThan(8000)
  }, 15_000)

  it('that cannot be started is an error of the command, not of the testee', async () => {
    const testee = new ProcessTestee({ command: ['/nowhere/testee'], cwd: folder, spec: '1.0' })
    await expect(testee.hello()).rejects.toMatchObject({ code: 'config-invalid' })
    const { code, stderr } = await wgrok(['conformance', 'run', '--', '/nowhere/testee'])
    expect(code).toBe(2)
    expect(stderr).toContain('cannot be started (ENOENT)')
  })

  it.each(['crash', 'hang', 'garbage', 'oversize'])('that commits %s makes the command exit with 1', async how => {
    const { code, stdout } = await wgrok([
      ...['conformance', 'run', '--only', 'protocol', '--timeout', '0.2', '--'],
      ...[process.execPath, SCRIPT, how],
    ])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^fault protocol#/m)
    expect(stdout).toMatch(/\n\d+ passed, \d+ failed\n$/)
  })

  it('answers thousands of cases per second', async () => {
    const command = [process.execPath, '--import', 'tsx', here('testees/ours.ts')]
    const testee = new ProcessTestee({ command, cwd: process.cwd(), spec: '1.0' })
    const pure = (await suites('protocol', 'allowlist')).map(suite => ({
      ...suite,
      cases: Array.from({ length: 20 }, () => suite.cases).flat(),
    }))
    await testee.hello()
    let best = 0
    for (let round = 0; round < 5 && best < 5000; round++) {
      const begun = performance.now()
      const { footer } = await runAll(pure, testee)
      expect(footer.failed).toBe(0)
      best = Math.max(best, footer.passed / ((performance.now() - begun) / 1000))
    }
    await testee.close()
    // Alone on two cores it is more than 5,000; here, other tests have the cores as well.
    expect(best).toBeGreaterThan(1500)
  }, 60_000)
})

describe('the testee of this package', () => {
  it('answers on stdin and stdout, and stops when it is told', async () => {
    const lines = [
      { cmd: 'hello', protocol: 1, spec: '1.0' },
      { cmd: 'run', seq: 1, op: 'frame.isEcho', input: { text: './echo:a:b:-:c' } },
      { cmd: 'run', seq: 2, op: 'frame.parseEcho', input: { text: 'x' } },
      { cmd: 'run', seq: 3, op: 'no.such', input: {} },
      { cmd: 'dance', seq: 4 },
      { cmd: 'observe', seq: 5, handle: 'none' },
      { cmd: 'stop' },
      { cmd: 'run', seq: 6, op: 'frame.isEcho', input: { text: '' } },
    ]
    for (const line of lines.slice(0, 4)) expect(schemaProblems(line, DRIVER_SCHEMA)).toEqual([])
    const stdin = lines.map(line => `${JSON.stringify(line)}\n`).join('')
    const { code, stdout } = await wgrok(['conformance', 'testee'], { stdin })
    const answers = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    for (const answer of answers) expect(schemaProblems(answer, DRIVER_SCHEMA)).toEqual([])
    expect(answers[0]).toMatchObject({ protocol: 1, impl: { name: 'wgrok-ts' }, specs: ['1.0'] })
    expect(answers.slice(1)).toMatchObject([
      { seq: 1, ok: true },
      { seq: 2, error: { code: 'not-a-frame' } },
      { seq: 3, skip: { why: 'no operation no.such' } },
      { seq: 4, skip: { why: 'no command dance' } },
      { seq: 5, error: { code: 'target-not-found' } },
    ])
    expect(code).toBe(0)
  })
})

describe('a stream that is cut into lines', () => {
  it('may be cut anywhere', () => {
    const bytes = Buffer.from('{"a":"€𝄞"}\n\n{"b":1}\nrest')
    for (let size = 1; size <= bytes.length; size++) {
      const cutter = new LineCutter()
      const lines = []
      for (let at = 0; at < bytes.length; at += size) lines.push(...cutter.cut(bytes.subarray(at, at + size)))
      expect(lines).toEqual([{ line: '{"a":"€𝄞"}' }, { line: '' }, { line: '{"b":1}' }])
    }
  })

  it('tells once that a line is too long, and goes on after it', () => {
    const cutter = new LineCutter(4)
    expect(['12', '345', '678', '9\nabcd\nabcde\n'].flatMap(part => cutter.cut(Buffer.from(part)))).toEqual([
      { problem: 'a line is longer than 4 bytes' },
      { line: 'abcd' },
      { problem: 'a line is longer than 4 bytes' },
    ])
  })
})

it('has its cases where it looks for them', () => {
  expect(existsSync(join(CASES, 'protocol_cases.json'))).toBe(true)
})
