import { readFileSync, rmSync } from 'node:fs'
import { build } from './build.mjs'
import { at } from './lib/root.mjs'
import { node } from './lib/run.mjs'
import { setup } from './setup.mjs'

/*
 * The whole gate. Every step counts as one; so does every test. What fails is printed in full, and the last line is
 * always `N passed, M failed, K skipped`.
 */
const REPORT = at('dist', '.vitest.json')
const totals = { passed: 0, failed: 0, skipped: 0 }

/** Prints one step's verdict, with everything it said when it failed. */
async function step(name, work) {
  const start = performance.now()
  let failure
  try {
    await work()
  } catch (error) {
    failure = error
  }
  totals[failure === undefined ? 'passed' : 'failed'] += 1
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  process.stdout.write(`${failure === undefined ? 'ok' : 'FAILED'} ${name} (${seconds} s)\n`)
  if (failure !== undefined) process.stdout.write(`${failure.message.trimEnd()}\n`)
  return failure === undefined
}

async function expectZero(args) {
  const { code, output } = await node(args)
  if (code !== 0) throw new Error(output.trim() === '' ? `exit code ${code}` : output)
}

async function check() {
  if (!(await step('set-up', setup))) return
  const types = step('types', () => expectZero([at('node_modules/typescript/bin/tsc'), '--noEmit']))
  const lint = step('lint', () =>
    expectZero([at('node_modules/@biomejs/biome/bin/biome'), 'check', '--error-on-warnings']),
  )
  const built = step('build', build)
  await Promise.all([types, lint, built])
  // Not beside the build, whose compiled generator it uses.
  await step('drift', () => expectZero(['scripts/generate.mjs', '--check']))
  if (await built) await tests()
}

/** Runs vitest, adds up its report, and trusts neither the report nor the exit code alone. */
async function tests() {
  rmSync(REPORT, { force: true })
  const { code } = await node(
    [at('node_modules/vitest/vitest.mjs'), 'run', '--reporter=dot', '--reporter=json', `--outputFile.json=${REPORT}`],
    { echo: true, env: { WGROK_BUILT: '1', FORCE_COLOR: undefined, NO_COLOR: '1' } },
  )
  const counted = count()
  totals.passed += counted.passed
  totals.skipped += counted.skipped
  totals.failed += counted.failed
  if (counted.failed > 0 || (code === 0 && counted.passed > 0)) return
  totals.failed += 1
  process.stdout.write(`FAILED tests: vitest ended with exit code ${code}, ${counted.passed} passed and none failed\n`)
}

/** A file that fails before its first test has no test to count: it counts as one failure itself. */
function count() {
  let report
  try {
    report = JSON.parse(readFileSync(REPORT, 'utf8'))
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }
  }
  const counted = { passed: 0, failed: 0, skipped: 0 }
  for (const file of report.testResults) {
    const failures = file.assertionResults.filter(test => test.status === 'failed').length
    counted.passed += file.assertionResults.filter(test => test.status === 'passed').length
    counted.skipped += file.assertionResults.filter(test => !['passed', 'failed'].includes(test.status)).length
    counted.failed += file.status === 'failed' ? Math.max(failures, 1) : failures
  }
  return counted
}

try {
  await check()
} catch (error) {
  totals.failed += 1
  process.stdout.write(`FAILED ${error.stack}\n`)
}
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`)
process.exitCode = totals.failed === 0 ? 0 : 1
